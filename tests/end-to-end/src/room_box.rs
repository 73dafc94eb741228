//! One `roomd` under test.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::processes;

/// Which devices the box uses.
#[derive(Debug, Clone)]
pub struct Devices {
    /// As for `--camera`.
    pub camera: String,
    /// As for `--microphone`.
    pub microphone: String,
    /// As for `--loudspeaker`.
    pub loudspeaker: String,
}

impl Default for Devices {
    fn default() -> Self {
        let simulated = || "simulated".to_owned();
        Self {
            camera: simulated(),
            microphone: simulated(),
            loudspeaker: simulated(),
        }
    }
}

/// How to join.
#[derive(Debug, Clone, Default)]
pub struct Join {
    /// The devices.
    pub devices: Devices,
    /// Further arguments of `roomd join`.
    pub arguments: Vec<String>,
    /// Further variables of its environment.
    pub environment: Vec<(String, String)>,
    /// Network namespace that it and its worker live in.
    pub namespace: Option<String>,
    /// Show its words on this process's standard error.
    pub verbose: bool,
}

/// Where a daemon lives, and what else it is told.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// Network namespace that it and its worker live in.
    pub namespace: Option<String>,
    /// Further lines of its configuration, TOML without a table.
    pub configuration: String,
    /// Further variables of its environment.
    pub environment: Vec<(String, String)>,
}

/// A running `roomd`; killed when dropped.
#[derive(Debug)]
pub struct RoomBox {
    child: Child,
    folder: TempDir,
    namespace: Option<String>,
    environment: Vec<(String, String)>,
}

impl RoomBox {
    /// Starts `roomd join`.
    ///
    /// # Errors
    /// When the program is not built or cannot be started.
    pub fn join(url: &str, join: &Join) -> std::io::Result<Self> {
        let folder = TempDir::with_prefix("room-box")?;
        let mut command = roomd(join.namespace.as_deref())?;
        command.args(["--language", "en", "join", url]);
        command.arg("--report").arg(folder.path().join("report.json"));
        command.args([
            "--camera",
            &join.devices.camera,
            "--microphone",
            &join.devices.microphone,
        ]);
        command.args(["--loudspeaker", &join.devices.loudspeaker]);
        command
            .arg("--display")
            .arg(format!("simulated:{}", folder.path().join("wall.jpg").display()));
        command.env("ROOMD_STATE_DIRECTORY", folder.path().join("state"));
        command.args(&join.arguments);
        let environment = join.environment.clone();
        Self::start(command, folder, join.namespace.clone(), environment, join.verbose)
    }

    /// Starts `roomd run` with a control socket; it is ready when this returns.
    ///
    /// # Errors
    /// When the program is not built, or its control socket does not appear within 20 s.
    pub fn daemon(devices: &Devices) -> std::io::Result<Self> {
        Self::daemon_in(&Place::default(), devices)
    }

    /// The same in a place of its own.
    ///
    /// # Errors
    /// As [`RoomBox::daemon`].
    pub fn daemon_in(place: &Place, devices: &Devices) -> std::io::Result<Self> {
        let folder = TempDir::with_prefix("room-box")?;
        let path = |name: &str| folder.path().join(name);
        let configuration = format!(
            "name = 'Salle 4'\nlanguage = 'fr'\ncamera = '{}'\nmicrophone = '{}'\nloudspeaker = '{}'\n\
             display = 'simulated:{}'\ncontrol = '{}'\nstate_directory = '{}'\n{}\n",
            devices.camera,
            devices.microphone,
            devices.loudspeaker,
            path("wall.jpg").display(),
            path("control").display(),
            path("state").display(),
            place.configuration
        );
        std::fs::write(path("roomd.toml"), configuration)?;
        let mut command = roomd(place.namespace.as_deref())?;
        command.arg("run").arg("--config").arg(path("roomd.toml"));
        let environment = place.environment.clone();
        Self::start(command, folder, place.namespace.clone(), environment, false)?.until_ready()
    }

    /// Starts the same daemon once more, in the same place, after it has ended.
    ///
    /// # Errors
    /// As [`RoomBox::daemon`].
    pub fn start_again(&mut self) -> std::io::Result<()> {
        let _reaped = self.child.wait();
        match std::fs::remove_file(self.folder.path().join("control")) {
            // It has ended as it should.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            removed => removed?,
        }
        let mut command = roomd(self.namespace.as_deref())?;
        command
            .arg("run")
            .arg("--config")
            .arg(self.folder.path().join("roomd.toml"));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        self.child = spawn(&mut command, &self.folder, false)?;
        let ready = wait_for(Duration::from_secs(20), || self.ask(r#"{"command":"state"}"#).is_ok());
        ready
            .then_some(())
            .ok_or_else(|| std::io::Error::other("the control socket does not answer"))
    }

    /// Where it keeps what a restarted one must know.
    pub fn state_directory(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn until_ready(self) -> std::io::Result<Self> {
        let this = self;
        let ready = wait_for(Duration::from_secs(20), || this.ask(r#"{"command":"state"}"#).is_ok());
        if ready {
            Ok(this)
        } else {
            Err(std::io::Error::other("the control socket does not answer"))
        }
    }

    /// What `roomd check --json` tells. It also reads GStreamer's registry, so that a box started afterwards is like one
    /// that has been on for a while.
    ///
    /// # Errors
    /// When the program is not built, or something needed is missing.
    pub fn check() -> std::io::Result<Value> {
        let output = Command::new(program("roomd")?)
            .args(["check", "--json"])
            .stdin(Stdio::null())
            .output()?;
        if output.status.success() {
            return Ok(serde_json::from_slice(&output.stdout)?);
        }
        Err(std::io::Error::other(
            String::from_utf8_lossy(&output.stdout).into_owned(),
        ))
    }

    fn start(
        mut command: Command,
        folder: TempDir,
        namespace: Option<String>,
        environment: Vec<(String, String)>,
        verbose: bool,
    ) -> std::io::Result<Self> {
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        Ok(Self {
            child: spawn(&mut command, &folder, verbose)?,
            folder,
            namespace,
            environment,
        })
    }

    /// Process id of `roomd`.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Process id of its media worker.
    pub fn worker_pid(&self) -> Option<u32> {
        processes::child(self.pid(), "roomd-media")
    }

    /// What it wrote on standard error, unless verbose.
    pub fn words(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("words.txt")).unwrap_or_default()
    }

    /// The picture on its wall, JPEG.
    pub fn wall(&self) -> Option<Vec<u8>> {
        std::fs::read(self.folder.path().join("wall.jpg")).ok()
    }

    /// Sends a signal to `roomd`.
    pub fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }

    /// One line to the control socket of a daemon, its answer back.
    ///
    /// # Errors
    /// When the socket is not there or does not answer JSON.
    pub fn ask(&self, line: &str) -> std::io::Result<Value> {
        let mut socket = UnixStream::connect(self.folder.path().join("control"))?;
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        socket.write_all(format!("{line}\n").as_bytes())?;
        let mut answer = String::new();
        BufReader::new(socket).read_line(&mut answer)?;
        Ok(serde_json::from_str(&answer)?)
    }

    /// A field of the daemon's state, for example `/state` or `/camera/open`.
    pub fn state(&self, pointer: &str) -> Value {
        let answer = self.ask(r#"{"command":"state"}"#).unwrap_or_default();
        answer.pointer(&format!("/state{pointer}")).cloned().unwrap_or_default()
    }

    /// Waits for its end; none when it does not come within `bound`.
    pub fn wait(&mut self, bound: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + bound;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < end => sleep(Duration::from_millis(20)),
                _ => return None,
            }
        }
    }

    /// The report it wrote at its end.
    pub fn report(&self) -> Option<Value> {
        serde_json::from_slice(&std::fs::read(self.folder.path().join("report.json")).ok()?).ok()
    }
}

impl Drop for RoomBox {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// `roomd`, in a network namespace or in this one.
fn roomd(namespace: Option<&str>) -> std::io::Result<Command> {
    let program = program("roomd")?;
    let mut command = match namespace {
        None => Command::new(program),
        // `ip` becomes the program: the process id is that of `roomd`.
        Some(name) => {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", name]).arg(program);
            command
        }
    };
    if std::env::var_os("ROOMD_LOG").is_none() {
        command.env("ROOMD_LOG", "info");
    }
    Ok(command)
}

/// Starts a program whose words are kept in the folder.
fn spawn(command: &mut Command, folder: &TempDir, verbose: bool) -> std::io::Result<Child> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let words = std::fs::File::create(folder.path().join("words.txt"))?;
    command.stderr(if verbose { Stdio::inherit() } else { Stdio::from(words) });
    command.spawn()
}

/// Sends a signal to a process; one that has ended is no error.
pub fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ended_already = kill_process(pid, signal);
    }
}

/// Waits until `condition` holds; false when it does not within `bound`.
pub fn wait_for(bound: Duration, condition: impl Fn() -> bool) -> bool {
    let end = Instant::now() + bound;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        sleep(Duration::from_millis(10));
    }
}

/// A program of the same build: beside this one, or one folder up (a test lies in `deps`).
///
/// # Errors
/// When it is not built.
pub fn program(name: &str) -> std::io::Result<PathBuf> {
    let this = std::env::current_exe()?;
    let beside = this.parent().map(|folder| folder.join(name));
    let above = this.parent().and_then(Path::parent).map(|folder| folder.join(name));
    let found = [beside, above].into_iter().flatten().find(|path| path.is_file());
    found.ok_or_else(|| {
        std::io::Error::new(
            std::io::ErrorKind::NotFound,
            format!("{name} is not built: run cargo build --workspace"),
        )
    })
}
