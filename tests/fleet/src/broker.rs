//! Debian's Mosquitto, as `provisioning/access` configures it, on loopback.

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use access::User;
use access::mosquitto::{self, BOXES, CLAIMS, Listener, STAFF};
use fleet::contract::{DeviceId, Tenant};
use fleet::link::{Endpoint, Identity, Limits, Target, Trust, context};
use openssl::x509::X509Ref;
use rustix::process::{Pid, Signal, kill_process};

use crate::Error;
use crate::authority::{Authority, Credentials};
use crate::claim::claim;
use crate::office::Office;

/// Where Debian puts it.
const PROGRAM: &str = "/usr/sbin/mosquitto";
/// For its start.
const PATIENCE: Duration = Duration::from_secs(20);
/// In the broker's certificate, beside 127.0.0.1.
const HOST: &str = "localhost";

/// Which of its doors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// For boxes.
    Boxes,
    /// For boxes that have no certificate yet.
    Claims,
    /// For people and programs.
    Staff,
}

/// A broker with authorities for each of its doors.
pub struct Broker {
    folder: PathBuf,
    _files: Option<tempfile::TempDir>,
    process: Option<Child>,
    settings: mosquitto::Broker,
    servers: Authority,
    boxes: Authority,
    claims: Authority,
    staff: Authority,
}

/// Ports for brokers: none that the kernel gives to who asks for any.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// Three ports that nobody uses, and that no other test takes while this process lives.
///
/// # Errors
/// All are in use.
pub fn free_ports() -> Result<[u16; 3], Error> {
    Ok([claim_port()?, claim_port()?, claim_port()?])
}

fn claim_port() -> Result<u16, Error> {
    static CLAIMED: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());
    let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
    let free = |port: u16| {
        let claim = claim(&format!("port-{port}"))?;
        TcpListener::bind(("127.0.0.1", port)).ok().map(|_| (port, claim))
    };
    let (port, claim) = PORTS.into_iter().find_map(free).ok_or("no port is free")?;
    claimed.push(claim);
    Ok(port)
}

/// Whom this process runs as.
///
/// # Errors
/// None on Debian.
pub fn own_user() -> Result<String, Error> {
    let id = Command::new("id").arg("-un").output()?;
    Ok(String::from_utf8(id.stdout)?.trim().to_owned())
}

impl Broker {
    /// Starts one that knows these users.
    ///
    /// # Errors
    /// Mosquitto is not installed or does not start; what it said is in the sentence.
    pub fn start(users: &[User]) -> Result<Self, Error> {
        let files = tempfile::tempdir()?;
        let folder = files.path().to_owned();
        let [servers, boxes, claims, staff] = ["servers", "boxes", "claims", "staff"].map(Authority::new);
        let (servers, boxes, claims, staff) = (servers?, boxes?, claims?, staff?);
        let at = |name: &str| folder.join(name);
        let server = servers.server(HOST, (-1, 1))?;
        fs::write(at("server.pem"), pem(&server)?)?;
        fs::write(at("server.key"), server.key.private_key_to_pem_pkcs8()?)?;
        let ports = free_ports()?;
        let listener = |authority: &X509Ref, name: &str, port: u16| -> Result<Listener, Error> {
            fs::write(at(name), authority.to_pem()?)?;
            Ok(Listener {
                port,
                address: Some("127.0.0.1".into()),
                authority: at(name),
            })
        };
        let settings = mosquitto::Broker {
            folder: folder.clone(),
            data: folder.clone(),
            certificate: at("server.pem"),
            key: at("server.key"),
            boxes: listener(boxes.certificate(), "boxes.pem", ports[0])?,
            claims: Some(listener(claims.certificate(), "claims.pem", ports[1])?),
            staff: listener(staff.certificate(), "staff.pem", ports[2])?,
            user: Some(own_user()?),
        };
        let mut broker = Self {
            folder,
            _files: Some(files),
            process: None,
            settings,
            servers,
            boxes,
            claims,
            staff,
        };
        broker.write_lists(users)?;
        fs::write(broker.at("mosquitto.conf"), broker.settings.configuration())?;
        broker.run()?;
        Ok(broker)
    }

    /// Starts the one that `roomctl init` wrote for an office, for these people and programs besides its own.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub fn of(office: &Office, users: &[User]) -> Result<Self, Error> {
        let authority = |name: &str| office.folder.authority(name).map(Authority::from);
        let folder = office.folder.path("broker/mosquitto");
        let mut broker = Self {
            settings: roomctl::init::broker(&office.plan, &folder),
            folder,
            _files: None,
            process: None,
            servers: authority("root")?,
            boxes: authority("boxes")?,
            claims: authority("maker")?,
            staff: authority("people")?,
        };
        let own = fs::read_to_string(broker.at(STAFF))?;
        fs::write(broker.at(STAFF), own + &mosquitto::list(users))?;
        broker.run()?;
        Ok(broker)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where its files are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The authority of a door.
    #[must_use]
    pub fn authority(&self, door: Door) -> &Authority {
        match door {
            Door::Boxes => &self.boxes,
            Door::Claims => &self.claims,
            Door::Staff => &self.staff,
        }
    }

    /// The authority of its own certificate.
    #[must_use]
    pub fn servers(&self) -> &Authority {
        &self.servers
    }

    fn write_lists(&self, users: &[User]) -> Result<(), Error> {
        let (boxes, staff): (Vec<&User>, Vec<&User>) = users.iter().partition(|user| matches!(user, User::Box { .. }));
        for (name, text) in [
            (BOXES, mosquitto::list(boxes)),
            (STAFF, mosquitto::list(staff)),
            (CLAIMS, mosquitto::claims()),
        ] {
            // Mosquitto may read at any moment.
            fs::write(self.at("new.acl"), text)?;
            fs::rename(self.at("new.acl"), self.at(name))?;
        }
        Ok(())
    }

    /// Knows these users and no others from now on; who is connected stays.
    ///
    /// # Errors
    /// Files, or it does not run.
    pub fn know(&self, users: &[User]) -> Result<(), Error> {
        self.write_lists(users)?;
        Ok(kill_process(self.pid()?, Signal::HUP)?)
    }

    /// Somebody has taken it over: this user may say and hear everything, as the broker itself could.
    ///
    /// # Errors
    /// Files, or it does not run.
    pub fn hijack(&self, name: &str) -> Result<(), Error> {
        let text = fs::read_to_string(self.at(STAFF))?;
        fs::write(self.at(STAFF), format!("{text}\nuser {name}\ntopic readwrite #\n"))?;
        Ok(kill_process(self.pid()?, Signal::HUP)?)
    }

    fn pid(&self) -> Result<Pid, Error> {
        let process = self.process.as_ref().ok_or("the broker does not run")?;
        Ok(i32::try_from(process.id())
            .ok()
            .and_then(Pid::from_raw)
            .ok_or("no process")?)
    }

    fn run(&mut self) -> Result<(), Error> {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.at("mosquitto.log"))?;
        let mut process = Command::new(PROGRAM)
            .arg("-c")
            .arg(self.at("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{PROGRAM}: {error}; `cargo lab packages --install` installs it"))?;
        let begun = Instant::now();
        loop {
            if std::net::TcpStream::connect(("127.0.0.1", self.settings.staff.port)).is_ok() {
                self.process = Some(process);
                return Ok(());
            }
            if let Some(status) = process.try_wait()? {
                let said = fs::read_to_string(self.at("mosquitto.log"))?;
                return Err(format!("the broker ended with {status}: {said}").into());
            }
            if begun.elapsed() > PATIENCE {
                process.kill()?;
                process.wait()?;
                return Err("the broker does not answer".into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill(&mut self) -> Result<(), Error> {
        kill_process(self.pid()?, Signal::KILL)?;
        if let Some(mut process) = self.process.take() {
            process.wait()?;
        }
        Ok(())
    }

    /// Ends it properly: it saves its database.
    ///
    /// # Errors
    /// It does not run.
    pub fn stop(&mut self) -> Result<(), Error> {
        kill_process(self.pid()?, Signal::TERM)?;
        if let Some(mut process) = self.process.take() {
            process.wait()?;
        }
        Ok(())
    }

    /// Saves its database now.
    ///
    /// # Errors
    /// It does not run.
    pub fn save(&self) -> Result<(), Error> {
        Ok(kill_process(self.pid()?, Signal::USR1)?)
    }

    /// On the same ports, with what it had saved.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub fn start_again(&mut self) -> Result<(), Error> {
        self.run()
    }

    /// Loses everything that it had saved. It must not run.
    ///
    /// # Errors
    /// Files.
    pub fn forget(&self) -> Result<(), Error> {
        match fs::remove_file(self.database()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Where it saves what it keeps.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.settings.data.join("mosquitto.db")
    }

    /// Processor time that it has used, seconds.
    ///
    /// # Errors
    /// It does not run.
    pub fn processor(&self) -> Result<f64, Error> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid()?))?;
        let (_, fields) = stat.rsplit_once(')').ok_or("no stat")?;
        // Fields 14 and 15 of proc(5), in ticks of 10 ms on every Linux that Debian ships.
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
        Ok(f64::from(ticks.sum::<Result<u32, _>>()?) / 100.0)
    }

    /// Resident memory, bytes.
    ///
    /// # Errors
    /// It does not run.
    pub fn memory(&self) -> Result<u64, Error> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .ok_or("no VmRSS")?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kilobytes * 1024)
    }

    /// What it said.
    ///
    /// # Errors
    /// Files.
    pub fn log(&self) -> Result<String, Error> {
        Ok(fs::read_to_string(self.at("mosquitto.log"))?)
    }

    /// TCP port of a door.
    #[must_use]
    pub fn port(&self, door: Door) -> u16 {
        match door {
            Door::Boxes => self.settings.boxes.port,
            Door::Claims => self.settings.claims.as_ref().map_or(0, |claims| claims.port),
            Door::Staff => self.settings.staff.port,
        }
    }

    /// This door, for whoever has that certificate.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn target(&self, door: Door, identity: &Identity, limits: Limits) -> Result<Target, Error> {
        self.target_at(self.port(door), identity, limits)
    }

    /// The same behind another port.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn target_at(&self, port: u16, identity: &Identity, limits: Limits) -> Result<Target, Error> {
        let trust = Trust {
            authorities: vec![self.servers.certificate().to_owned()],
            clock_is_set: true,
        };
        Ok(Target {
            endpoint: Endpoint {
                host: HOST.into(),
                port,
            },
            tls: context(identity, &trust)?,
            limits,
        })
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.process.is_some() {
            let _ = self.kill();
        }
    }
}

fn pem(identity: &Credentials) -> Result<Vec<u8>, Error> {
    let mut pem = Vec::new();
    for certificate in &identity.chain {
        pem.extend(certificate.to_pem()?);
    }
    Ok(pem)
}

/// A box of the organisation `etat`.
///
/// # Errors
/// That is no name.
pub fn room(device: &str) -> Result<User, Error> {
    Ok(User::Box {
        tenant: etat()?,
        device: DeviceId::try_from(device)?,
    })
}

/// The organisation of the bench.
///
/// # Errors
/// None.
pub fn etat() -> Result<Tenant, Error> {
    Ok(Tenant::try_from("etat")?)
}
