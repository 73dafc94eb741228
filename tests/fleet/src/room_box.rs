//! One real `roomd`, as its maker delivers it, with simulated devices.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use enrolment::folder::Folder;
use fleet::contract::{DeviceId, Serial};
use jiff::Timestamp;

use crate::Error;
use crate::broker::{Broker, Door};
use crate::office::Office;

/// Its serial number.
pub const SERIAL: &str = "HC24-000123";
/// Where it stands.
pub const ROOM: &str = "lyon-412";

/// A box that runs; killed when dropped.
pub struct RoomBox {
    process: Child,
    folder: PathBuf,
    device: DeviceId,
}

/// A program of the same build: beside this one.
#[must_use]
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::current_exe().ok()?.with_file_name(name);
    path.is_file().then_some(path)
}

impl RoomBox {
    /// Switches it on. It knows its serial number and where to ask; the rest comes by itself.
    ///
    /// # Errors
    /// The program cannot be started; files.
    pub fn start(program: &Path, office: &Office, broker: &Broker) -> Result<Self, Error> {
        let serial = Serial::try_from(SERIAL)?;
        let folder = office.folder.path("box");
        let at = |name: &str| folder.join(name).display().to_string();
        office
            .folder
            .deliver(&serial, &Folder::new(&folder.join("fleet")), Timestamp::now())?;
        let configuration = format!(
            "name = 'Lyon 4.12'\ncamera = 'simulated'\nmicrophone = 'simulated'\nloudspeaker = 'simulated'\n\
             display = 'simulated:{}'\ncontrol = '{}'\nstate_directory = '{}'\n[fleet]\ndirectory = '{}'\n\
             serial = '{serial}'\nenrolment = 'localhost:{}'\nreconnect_spread_s = 0\nclock_is_trusted = true\n\
             reboot = ['true']\n",
            at("wall.jpg"),
            at("control"),
            at("state"),
            at("fleet"),
            broker.port(Door::Claims),
        );
        fs::write(folder.join("roomd.toml"), configuration)?;
        let words = fs::File::create(folder.join("words.txt"))?;
        let process = Command::new(program)
            .arg("run")
            .arg("--config")
            .arg(folder.join("roomd.toml"))
            .env("ROOMD_LOG", "warn,roomd::fleet=info")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(words)
            .spawn()
            .map_err(|error| format!("{}: {error}", program.display()))?;
        Ok(Self {
            process,
            folder,
            device: serial.device(),
        })
    }

    /// Its name.
    #[must_use]
    pub fn device(&self) -> &DeviceId {
        &self.device
    }

    /// Where its files are: `wall.jpg`, `control`, `words.txt`.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for RoomBox {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _killed = self.process.kill();
        let _reaped = self.process.wait();
    }
}
