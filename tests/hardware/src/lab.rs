//! One guest that the stories share.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::channel::Channel;
use crate::error::{Error, Result};
use crate::image::Image;
use crate::machine::{DATA, DISK, Machine, SLOTS, STICK, TPM};
use crate::stage;

/// From power to the agent's first word. Two idle cores take half a minute; a busy machine is not a broken guest.
const BOOT: Duration = Duration::from_secs(900);

/// A disk of a slot: a release of the laboratory, and room.
const SLOT_BYTES: u64 = 32 << 20;

/// A disk of a box, by far the most of it never written.
const DISK_BYTES: u64 = 4 << 30;

/// Size of a stick.
const STICK_KIBIBYTES: &str = "16384";

/// Between two words of progress.
const PROGRESS: Duration = Duration::from_secs(10);

/// A guest that has power.
#[derive(Debug)]
pub struct Lab {
    /// Jobs for it.
    pub guest: Channel,
    /// Its power.
    pub machine: Machine,
    /// What it was made of.
    pub image: Image,
    /// Seconds from power to the agent's first word, by this machine's clock.
    pub booted_in: Duration,
    // Last, so that QEMU has ended when it is removed.
    folder: TempDir,
}

impl Lab {
    /// Gives power to a fresh guest; its agent takes jobs when this returns.
    ///
    /// # Errors
    /// When something is not built, QEMU does not start, or the guest does not come up: with the end of its console.
    pub fn power(image: Image) -> Result<Self> {
        let folder = TempDir::with_prefix("hardware-lab").map_err(Error::io("a folder for the guest"))?;
        let share = folder.path().join("share");
        stage::stage(&share)?;
        data_disk(&folder.path().join(DATA))?;
        for name in SLOTS {
            empty_disk(&folder.path().join(name).with_extension("img"), SLOT_BYTES)?;
        }
        empty_disk(&folder.path().join(DISK).with_extension("img"), DISK_BYTES)?;
        let mut machine = Machine::start(&image, &share, folder.path())?;
        let guest = come_up(&mut machine)?;
        Ok(Self {
            guest,
            booted_in: machine.begun.elapsed(),
            machine,
            image,
            folder,
        })
    }

    /// Cuts the power and gives it again, first for so many seconds of QEMU's work and no longer, each time. What was written is gone
    /// but on the data disk; the agent takes jobs when this returns.
    ///
    /// # Errors
    /// As [`Lab::power`].
    pub fn cut_power(&mut self, tries_of_seconds: &[f64]) -> Result<()> {
        for seconds in tries_of_seconds {
            self.start_again()?;
            self.machine.work(*seconds, BOOT);
        }
        self.start_again()?;
        self.guest = come_up(&mut self.machine)?;
        Ok(())
    }

    /// Cuts the power and gives it again, and waits for nothing.
    ///
    /// # Errors
    /// When QEMU does not start.
    pub fn start_again(&mut self) -> Result<()> {
        self.machine.cut();
        self.machine = Machine::start(&self.image, &self.share(), self.folder.path())?;
        Ok(())
    }

    /// Lays the project's files over the disk again, and nothing else, from the next power on.
    ///
    /// # Errors
    /// As [`stage::stage`].
    pub fn stage_again(&self) -> Result<()> {
        let share = self.share();
        for entry in fs::read_dir(&share).map_err(Error::io("the share"))?.flatten() {
            let path = entry.path();
            let gone = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            gone.map_err(Error::io(path.display().to_string()))?;
        }
        stage::stage(&share)
    }

    /// The file of a slot's disk, one of [`SLOTS`].
    pub fn slot(&self, name: &str) -> PathBuf {
        self.folder.path().join(name).with_extension("img")
    }

    /// Makes a USB stick with this label, which is in the machine from the next power on; its file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn stick(&self, label: &str) -> Result<PathBuf> {
        let file = self.folder.path().join(STICK);
        self.no_stick()?;
        let mut command = Command::new("mkfs.vfat");
        command.args(["-n", label, "-C"]).arg(&file).arg(STICK_KIBIBYTES);
        stage::run(command.stdout(Stdio::null()))?;
        Ok(file)
    }

    /// From the next power on no stick is in the machine.
    ///
    /// # Errors
    /// When it cannot be taken away.
    pub fn no_stick(&self) -> Result<()> {
        let file = self.folder.path().join(STICK);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io(file.display().to_string())(error))
            }
            _ => Ok(()),
        }
    }

    /// The folder of the TPM's seeds: without it the machine has another one from the next power on.
    pub fn tpm(&self) -> PathBuf {
        self.folder.path().join(TPM)
    }

    /// What the guest sees as `/lab`, and may write to.
    pub fn share(&self) -> PathBuf {
        self.folder.path().join("share")
    }

    /// Runs a script until it succeeds.
    ///
    /// # Errors
    /// When it has not succeeded in time: its last answer.
    pub fn until(&self, script: &str, limit: Duration) -> Result<String> {
        let deadline = Instant::now() + limit;
        loop {
            match self.guest.must(script, limit) {
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(Error::Job { .. }) => std::thread::sleep(Duration::from_millis(200)),
                other => return other,
            }
        }
    }
}

/// A disk with nothing on it.
fn empty_disk(file: &Path, bytes: u64) -> Result<()> {
    let made = fs::File::create(file).and_then(|disk| disk.set_len(bytes));
    made.map_err(Error::io(file.display().to_string()))
}

/// An empty disk with a journal.
fn data_disk(file: &Path) -> Result<()> {
    let mut command = Command::new("mke2fs");
    command.args(["-q", "-t", "ext4", "-L", "data"]).arg(file).arg("64M");
    stage::run(&mut command)
}

/// Waits until the agent takes jobs.
fn come_up(machine: &mut Machine) -> Result<Channel> {
    let guest = Channel::new(machine.port()?)?;
    while let Err(what) = guest.wait_until_here(PROGRESS) {
        let waited = machine.begun.elapsed();
        if waited > BOOT || !machine.runs() {
            let console = machine.console();
            return Err(Error::Guest { what, console });
        }
        println!(
            "boot: {} s, {:.0} of them worked",
            waited.as_secs(),
            machine.cpu_seconds()
        );
    }
    Ok(guest)
}
