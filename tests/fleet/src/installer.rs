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
/// The slot that runs, its release, and the release in the other one: there too.
const SLOTS: &str = "slots";
/// Nobody waits for a simulated box.
const PACE: Pace = Pace {
    spread: Duration::ZERO,
    quiet: Duration::ZERO,
    proof: Duration::from_secs(1),
    contact: Duration::from_secs(5),
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
            (Output::Install, Some(wanted)) => vec![Input::Installed(self.install(&wanted.release))],
            (Output::SelfTest { .. }, _) => vec![Input::SelfTest(CheckName::ALL.map(check).to_vec())],
            (Output::Reach { .. }, _) if self.reaches_the_fleet() => vec![Input::Contact(Contact::UpdateServer)],
            _ => Vec::new(),
        }
    }

    /// Into the other slot, with whatever is in it: the way there, and the way back.
    fn reboot(&mut self, now: Now) -> Result<(), Error> {
        let slots = Slots::on(&self.disk).swapped();
        self.write(SLOTS, slots.to_string().into_bytes());
        locked(&self.ledger).running.insert(self.device.clone(), slots.release);
        self.updater = start(&self.disk, now)?;
        let desired = self.wanted.clone().map(|wanted| Input::Desired(Box::new(wanted)));
        let contact = self.reaches_the_fleet().then_some(Input::Contact(Contact::Broker));
        for input in desired.into_iter().chain([Input::Room(Room::Idle)]).chain(contact) {
            self.updater.handle(input, &now);
        }
        Ok(())
    }

    /// RAUC writes the other slot.
    fn install(&self, release: &str) -> Result<(), String> {
        if locked(&self.ledger).broken.contains(&self.device) {
            return Err("the slot cannot be written".into());
        }
        let other = release.to_owned();
        let slots = Slots {
            other,
            ..Slots::on(&self.disk)
        };
        self.write(SLOTS, slots.to_string().into_bytes());
        Ok(())
    }

    /// Whether the release that runs gets to anybody outside.
    fn reaches_the_fleet(&self) -> bool {
        !locked(&self.ledger).unfit.contains(&self.device) || Slots::on(&self.disk).release == RELEASE
    }

    fn write(&self, key: &str, bytes: Vec<u8>) {
        let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        disk.insert(key.to_owned(), bytes);
    }
}

/// What is in the two slots.
struct Slots {
    /// The name of the one that runs.
    running: &'static str,
    /// Its release.
    release: String,
    /// That of the other one.
    other: String,
}

impl Slots {
    fn on(disk: &Disk) -> Self {
        let disk = disk.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = disk.get(SLOTS).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let mut words = kept.iter().flat_map(|text| text.split(' '));
        let running = if words.next() == Some("B") { "B" } else { "A" };
        let mut release = || words.next().unwrap_or(RELEASE).to_owned();
        Self {
            running,
            release: release(),
            other: release(),
        }
    }

    fn swapped(self) -> Self {
        Self {
            running: if self.running == "A" { "B" } else { "A" },
            release: self.other,
            other: self.release,
        }
    }
}

impl std::fmt::Display for Slots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.running, self.release, self.other)
    }
}

fn start(disk: &Disk, now: Now) -> Result<Updater, Error> {
    let slots = Slots::on(disk);
    let facts = Facts {
        release: slots.release,
        slot: slots.running.into(),
        security_version: 0,
        time_zone: TimeZone::UTC,
    };
    let stored = disk.lock().unwrap_or_else(PoisonError::into_inner).get(KEY).cloned();
    let chance = StdRng::try_from_rng(&mut SysRng)?;
    Ok(Updater::new(facts, stored.as_deref(), chance, now).paced(PACE))
}
