//! The update of a simulated box: the core of the real one, before a downloader and an installer that take no time.

use std::sync::PoisonError;
use std::time::Duration;

use fleet::contract::{DeviceId, Update, UpdateReport};
use fleet::session::Now;
use fleet::update::{BundleFacts, Check, CheckName, Contact, Facts, Input, Output, Pace, Room, Updater};
use jiff::tz::TimeZone;
use rand::SeedableRng;
use rand::rngs::{StdRng, SysRng};

use crate::Error;
use crate::ledger::{Disk, Shared, locked};

/// Runs in a box that nobody has updated.
pub const RELEASE: &str = "2.3.0";
/// What the core knows, on the disk of the box.
const KEY: &str = "update";
/// The slot that runs and its release, there too.
const SLOT: &str = "slot";
/// Nobody waits for a simulated box.
const PACE: Pace = Pace {
    spread: Duration::ZERO,
    quiet: Duration::ZERO,
    proof: Duration::from_secs(1),
    contact: Duration::from_secs(30),
    again: Duration::from_secs(1),
};

/// How often somebody looks whether a download may end.
const LOOK_MS: u64 = 50;

/// Two slots and what writes them.
pub struct Installer {
    device: DeviceId,
    ledger: Shared,
    updater: Updater,
    disk: Disk,
    /// As the session said it last.
    wanted: Option<Update>,
    reports: Vec<UpdateReport>,
    /// A download that may not end yet: when to look again.
    held_ms: Option<u64>,
}

impl Installer {
    /// Of a box that starts.
    ///
    /// # Errors
    /// No chance to be had from the system.
    pub fn new(device: DeviceId, ledger: Shared, disk: Disk, now: Now) -> Result<Self, Error> {
        let mut installer = Self {
            device,
            ledger,
            held_ms: None,
            updater: start(&disk, now)?,
            disk,
            wanted: None,
            reports: Vec::new(),
        };
        installer.happens(Input::Room(Room::Idle), now)?;
        Ok(installer)
    }

    /// The fleet wants a release.
    ///
    /// # Errors
    /// No chance to be had from the system.
    pub fn wants(&mut self, update: Update, now: Now) -> Result<(), Error> {
        self.wanted = Some(update.clone());
        self.happens(Input::Desired(Box::new(update)), now)
    }

    /// Time has passed.
    ///
    /// # Errors
    /// No chance to be had from the system.
    pub fn tick(&mut self, now: Now) -> Result<(), Error> {
        if self.held_ms.is_some() {
            self.held_ms = Some(now.up_ms + LOOK_MS);
            if !locked(&self.ledger).downloads_wait {
                self.held_ms = None;
                return self.happens(Input::Downloaded, now);
            }
        }
        self.happens(Input::Tick, now)
    }

    /// When to come back, as [`Now::up_ms`].
    pub fn next_deadline(&self) -> Option<u64> {
        self.updater.next_deadline().into_iter().chain(self.held_ms).min()
    }

    /// What the box has to say of it.
    pub fn reports(&mut self) -> Vec<UpdateReport> {
        std::mem::take(&mut self.reports)
    }

    fn happens(&mut self, input: Input, now: Now) -> Result<(), Error> {
        self.updater.handle(input, &now);
        while let Some(output) = self.updater.poll() {
            match output {
                Output::Write(bytes) => {
                    self.write(KEY, bytes);
                    self.updater.handle(Input::Written, &now);
                }
                Output::Report(report) => self.reports.push(report),
                Output::Reboot | Output::RollBack => self.reboot(now)?,
                Output::Download { .. } if locked(&self.ledger).downloads_wait => {
                    self.held_ms = Some(now.up_ms + LOOK_MS)
                }
                Output::StopDownload => self.held_ms = None,
                output => {
                    for input in self.answers(&output) {
                        self.updater.handle(input, &now);
                    }
                }
            }
        }
        Ok(())
    }

    fn answers(&self, output: &Output) -> Vec<Input> {
        let check = |name: CheckName| Check {
            name,
            passed: true,
            detail: "simulated".into(),
        };
        match (output, &self.wanted) {
            (Output::Download { size, .. }, _) => vec![Input::Received { bytes: *size }, Input::Downloaded],
            (Output::Verify, Some(wanted)) => vec![Input::Verified(Ok(BundleFacts {
                release: wanted.release.clone(),
                manifest_hash: wanted.manifest_hash.clone(),
                security_version: wanted.security_version,
                compatible: true,
            }))],
            (Output::Install, _) if locked(&self.ledger).broken.contains(&self.device) => {
                vec![Input::Installed(Err("the slot cannot be written".into()))]
            }
            (Output::Install, _) => vec![Input::Installed(Ok(()))],
            (Output::SelfTest { .. }, _) => vec![Input::SelfTest(CheckName::ALL.map(check).to_vec())],
            (Output::Reach { .. }, _) => vec![Input::Contact(Contact::UpdateServer)],
            _ => Vec::new(),
        }
    }

    /// Into the other slot, which nothing ever has to be said against.
    fn reboot(&mut self, now: Now) -> Result<(), Error> {
        let Some(wanted) = self.wanted.clone() else {
            return Ok(());
        };
        let (slot, _) = slot(&self.disk);
        let other = if slot == "A" { "B" } else { "A" };
        self.write(SLOT, format!("{other} {}", wanted.release).into_bytes());
        locked(&self.ledger)
            .running
            .insert(self.device.clone(), wanted.release.clone());
        self.updater = start(&self.disk, now)?;
        for input in [
            Input::Desired(Box::new(wanted)),
            Input::Room(Room::Idle),
            Input::Contact(Contact::Broker),
        ] {
            self.updater.handle(input, &now);
        }
        Ok(())
    }

    fn write(&self, key: &str, bytes: Vec<u8>) {
        let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        disk.insert(key.to_owned(), bytes);
    }
}

fn slot(disk: &Disk) -> (String, String) {
    let disk = disk.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = disk.get(SLOT).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let kept = kept.unwrap_or_else(|| format!("A {RELEASE}"));
    let (slot, release) = kept.split_once(' ').unwrap_or(("A", RELEASE));
    (slot.to_owned(), release.to_owned())
}

fn start(disk: &Disk, now: Now) -> Result<Updater, Error> {
    let (slot, release) = slot(disk);
    let facts = Facts {
        release,
        slot,
        security_version: 0,
        time_zone: TimeZone::UTC,
    };
    let stored = disk.lock().unwrap_or_else(PoisonError::into_inner).get(KEY).cloned();
    let chance = StdRng::try_from_rng(&mut SysRng)?;
    Ok(Updater::new(facts, stored.as_deref(), chance, now).paced(PACE))
}
