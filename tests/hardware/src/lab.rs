//! One guest that the stories share.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::channel::Channel;
use crate::error::{Error, Result};
use crate::image::Image;
use crate::machine::Machine;
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
        let mut machine = Machine::start(&image, &share, folder.path())?;
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
        Ok(Self {
            guest,
            booted_in: machine.begun.elapsed(),
            machine,
            image,
            folder,
        })
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
