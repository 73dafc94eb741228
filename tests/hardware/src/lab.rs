//! One guest that the stories share.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::channel::Channel;
use crate::error::{Error, Result};
use crate::image::Image;
use crate::machine::{DATA, Machine};
use crate::stage;

/// From power to the agent's first word. Two idle cores take half a minute; a busy machine is not a broken guest.
const BOOT: Duration = Duration::from_secs(900);

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
            self.machine.cut();
            self.machine = Machine::start(&self.image, &self.share(), self.folder.path())?;
            let deadline = Instant::now() + BOOT;
            while self.machine.cpu_seconds() < *seconds && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        self.machine.cut();
        self.machine = Machine::start(&self.image, &self.share(), self.folder.path())?;
        self.guest = come_up(&mut self.machine)?;
        Ok(())
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

/// An empty disk with a journal.
fn data_disk(file: &Path) -> Result<()> {
    let status = Command::new("mke2fs")
        .args(["-q", "-t", "ext4", "-L", "data"])
        .arg(file)
        .arg("64M")
        .stdin(Stdio::null())
        .status()
        .map_err(Error::io("mke2fs"))?;
    match status.success() {
        true => Ok(()),
        false => Err(Error::io("mke2fs")(std::io::Error::other(status.to_string()))),
    }
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
