//! A machine that can be updated: two slots as files, a boot loader that knows which one starts, a D-Bus of its own, and on it
//! RAUC. The real one where `HEMICYCLE_RAUC` names its program (1.13 or later); else a stand-in that answers as it does.

mod real;
mod stand_in;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

/// What the machine is called in bundles.
pub const COMPATIBLE: &str = "hemicycle-lab";
/// File with what was said of slots.
const MARKS: &str = "marks";
/// Bytes of an image.
const IMAGE: usize = 256 * 1024;

/// What goes wrong with a laboratory.
pub type Error = Box<dyn std::error::Error>;

/// A machine.
pub struct Machine {
    folder: TempDir,
    bus: Child,
    address: String,
    rauc: Service,
    runtime: Runtime,
}

enum Service {
    Real(real::Rauc),
    StandIn { _connection: zbus::Connection },
}

/// A bundle as the update server has it.
pub struct Bundle {
    /// All of it.
    pub bytes: Vec<u8>,
    /// Of its manifest, hexadecimal.
    pub manifest_hash: String,
}

/// Who signed a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    /// Whom the machine believes.
    Ours,
    /// Somebody else.
    Stranger,
}

impl Machine {
    /// Runs `release` in slot A.
    ///
    /// # Errors
    /// No `dbus-daemon`, or RAUC does not start.
    pub fn start(release: &str, security_version: u32) -> Result<Self, Error> {
        let folder = TempDir::with_prefix("machine")?;
        let path = folder.path();
        fs::write(path.join("slot.A"), image(release, security_version))?;
        fs::write(path.join("slot.B"), vec![0; IMAGE])?;
        fs::write(path.join("primary"), "A")?;
        fs::write(path.join("booted"), "A")?;
        let configuration = path.join("bus.conf");
        fs::write(
            &configuration,
            BUS.replace("{}", &path.join("bus").display().to_string()),
        )?;
        let mut bus = Command::new("dbus-daemon")
            .arg("--config-file")
            .arg(&configuration)
            .args(["--nofork", "--nosyslog", "--print-address=1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut address = String::new();
        if let Some(output) = bus.stdout.take() {
            BufReader::new(output).read_line(&mut address)?;
        }
        let address = address.trim().to_owned();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let rauc = match std::env::var_os("HEMICYCLE_RAUC") {
            Some(program) => Service::Real(real::Rauc::start(&PathBuf::from(program), path, &address, &runtime)?),
            None => Service::StandIn {
                _connection: runtime.block_on(stand_in::start(path, &address))?,
            },
        };
        Ok(Self {
            folder,
            bus,
            address,
            rauc,
            runtime,
        })
    }

    /// Of its bus.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A bundle with that release.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn bundle(&self, release: &str, security_version: u32, signer: Signer) -> Result<Bundle, Error> {
        let image = image(release, security_version);
        match &self.rauc {
            Service::Real(rauc) => rauc.bundle(release, security_version, &image, signer),
            Service::StandIn { .. } => Ok(stand_in::bundle(release, security_version, &image, signer)),
        }
    }

    /// Slot that runs.
    pub fn slot(&self) -> String {
        read(self.folder.path(), "booted")
    }

    /// What the boot loader holds of a slot: `good` or `bad`.
    fn state(&self, slot: &str) -> String {
        read(self.folder.path(), &format!("state.{slot}"))
    }

    /// What was said of slots since the machine was made, as `good B`.
    pub fn marks(&self) -> Vec<String> {
        let marks = read(self.folder.path(), MARKS);
        marks.lines().map(str::to_owned).collect()
    }

    /// Nothing was ever written into that slot.
    ///
    /// # Errors
    /// The disk says so.
    pub fn is_empty(&self, slot: &str) -> Result<bool, Error> {
        let image = fs::read(self.folder.path().join(format!("slot.{slot}")))?;
        Ok(image.iter().all(|byte| *byte == 0))
    }

    /// The file that says which release runs (`os-release(5)`).
    pub fn os_release(&self) -> PathBuf {
        self.folder.path().join("os-release")
    }

    /// Switches off and on: the boot loader takes the first slot that is not bad.
    ///
    /// # Errors
    /// The disk says so, or RAUC does not start.
    pub fn reboot(&mut self) -> Result<(), Error> {
        let primary = read(self.folder.path(), "primary");
        let other = if primary == "A" { "B" } else { "A" };
        let slot = if self.state(&primary) == "bad" { other } else { &primary };
        fs::write(self.folder.path().join("booted"), slot)?;
        self.run(slot)?;
        if let Service::Real(rauc) = &mut self.rauc {
            rauc.start_again(&self.runtime)?;
        }
        Ok(())
    }

    /// The image of the slot unfolds.
    fn run(&self, slot: &str) -> Result<(), Error> {
        let image = fs::read(self.folder.path().join(format!("slot.{slot}")))?;
        let end = image.iter().position(|byte| *byte == 0).unwrap_or(image.len());
        fs::write(self.os_release(), image.get(..end).unwrap_or_default())?;
        Ok(())
    }

    /// It runs for the first time.
    ///
    /// # Errors
    /// The disk says so.
    pub fn first_start(&self) -> Result<(), Error> {
        self.run(&self.slot())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _killed = self.bus.kill();
        let _reaped = self.bus.wait();
    }
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name))
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// What it says of itself, a zero, then what nobody can compress.
fn image(release: &str, security_version: u32) -> Vec<u8> {
    let text = format!("NAME=Hemicycle\nIMAGE_VERSION={release}\nHEMICYCLE_SECURITY_VERSION={security_version}\n");
    let mut image = text.into_bytes();
    image.push(0);
    let mut noise = StdRng::seed_from_u64(0);
    image.resize_with(IMAGE, || noise.random());
    image
}

const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>custom</type>
  <listen>unix:path={}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;
