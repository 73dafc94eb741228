//! How the run before this one ended: a file that is there while the box runs, and not after an end as it should be.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use fleet::trust::write_private;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Name of the file.
const FILE: &str = "running.json";
/// Longest such file, bytes.
const MOST: u64 = 4_096;
/// Names this start of the machine (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Why the machine started (Linux, Documentation/ABI/testing/sysfs-class-watchdog).
const BOOT_STATUS: &str = "/sys/class/watchdog/watchdog0/bootstatus";
/// `WDIOF_CARDRESET`: the watchdog of the machine has started it anew (linux/watchdog.h).
const CARD_RESET: u32 = 0x20;

/// An end that nobody wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accident {
    /// What it was.
    pub kind: Kind,
    /// Release that ran.
    pub release: String,
    /// Since when.
    pub started: Option<Timestamp>,
}

/// What an accident was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The program died, or was killed: by a person, by systemd because it gave no sign of life, by a lack of memory.
    Killed,
    /// The machine hung, and its watchdog started it anew.
    WatchdogReset,
    /// The machine went without a word: its power was cut.
    PowerLost,
}

#[derive(Debug, Serialize, Deserialize)]
struct Running {
    boot_id: String,
    release: String,
    started: Option<Timestamp>,
}

/// The file, and what the machine says of itself.
#[derive(Debug, Clone)]
pub struct LastRun {
    file: PathBuf,
    boot_id: PathBuf,
    boot_status: PathBuf,
}

impl LastRun {
    /// In a folder that survives a restart of the machine.
    pub fn new(folder: &Path) -> Self {
        Self {
            file: folder.join(FILE),
            boot_id: BOOT_ID.into(),
            boot_status: BOOT_STATUS.into(),
        }
    }

    /// How the last run ended; none: as it should, or there was none. Asked once: from now on nothing is known of it.
    pub fn take(&self) -> Option<Accident> {
        let running = match fs::metadata(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Ok(metadata) if metadata.len() <= MOST => {
                let read = fs::read(&self.file).ok();
                read.and_then(|read| serde_json::from_slice::<Running>(&read).ok())
            }
            _ => None,
        };
        self.ended();
        let known = running
            .as_ref()
            .is_some_and(|running| running.boot_id == self.boot_id());
        let kind = if known {
            Kind::Killed
        } else if self.was_reset() {
            Kind::WatchdogReset
        } else {
            Kind::PowerLost
        };
        let (release, started) = running.map_or_else(Default::default, |running| (running.release, running.started));
        Some(Accident { kind, release, started })
    }

    /// The box runs from now on.
    pub fn begins(&self, release: &str) {
        let running = Running {
            boot_id: self.boot_id(),
            release: release.to_owned(),
            started: Some(Timestamp::now()),
        };
        let written = serde_json::to_vec(&running).map_err(io::Error::other);
        if let Err(error) = written.and_then(|text| write_private(&self.file, &text)) {
            tracing::warn!(%error, "an accident of this run will not be known");
        }
    }

    /// The box ends as it should.
    pub fn ended(&self) {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "this end will look like an accident");
            }
            _ => {}
        }
    }

    fn boot_id(&self) -> String {
        let id = fs::read_to_string(&self.boot_id).unwrap_or_default();
        id.trim().to_owned()
    }

    fn was_reset(&self) -> bool {
        let status = fs::read_to_string(&self.boot_status).unwrap_or_default();
        status
            .trim()
            .parse::<u32>()
            .is_ok_and(|status| status & CARD_RESET != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Machine {
        folder: tempfile::TempDir,
        run: LastRun,
    }

    impl Machine {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let run = LastRun {
                boot_id: folder.path().join("boot_id"),
                boot_status: folder.path().join("bootstatus"),
                ..LastRun::new(folder.path())
            };
            let machine = Self { folder, run };
            machine.starts("first", "0");
            machine
        }

        fn starts(&self, boot_id: &str, status: &str) {
            fs::write(self.folder.path().join("boot_id"), format!("{boot_id}\n")).unwrap();
            fs::write(self.folder.path().join("bootstatus"), format!("{status}\n")).unwrap();
        }

        fn ended(&self) -> Option<Kind> {
            self.run.take().map(|accident| accident.kind)
        }
    }

    #[test]
    fn an_end_as_it_should_be_is_no_accident() {
        let machine = Machine::new();
        assert_eq!(machine.ended(), None, "there was none");
        machine.run.begins("1.0.0");
        machine.run.ended();
        assert_eq!(machine.ended(), None);
    }

    #[test]
    fn a_program_that_was_killed_is_told_from_a_machine_that_lost_its_power_or_hung() {
        let machine = Machine::new();
        machine.run.begins("1.0.0");
        let accident = machine.run.take().unwrap();
        assert_eq!((accident.kind, accident.release.as_str()), (Kind::Killed, "1.0.0"));
        assert!(accident.started.is_some());
        assert_eq!(machine.ended(), None, "it is told once");
        machine.run.begins("1.0.0");
        machine.starts("second", "0");
        assert_eq!(machine.ended(), Some(Kind::PowerLost));
        machine.run.begins("1.0.0");
        machine.starts("third", "32");
        assert_eq!(machine.ended(), Some(Kind::WatchdogReset));
    }

    #[test]
    fn a_file_that_the_power_cut_left_empty_is_a_power_cut() {
        let machine = Machine::new();
        fs::write(machine.folder.path().join(FILE), "").unwrap();
        assert_eq!(machine.ended(), Some(Kind::PowerLost));
        assert_eq!(machine.ended(), None);
    }
}
