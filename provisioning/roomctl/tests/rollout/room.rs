//! A simulated box: the real update machine, with an instant store, a slow download and a fate.

use std::collections::VecDeque;

use fleet::contract::{Clock, DeviceId, Phase, Update, UpdateReport};
use fleet::session::Now;
use fleet::update::{BundleFacts, Check, CheckName, Contact, DownloadFault, Facts, Input, Output, Updater};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Runs at the beginning.
pub const BEFORE: &str = "2.3.0";
/// Shall run at the end.
pub const AFTER: &str = "2.4.0";

/// What the release does to a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing.
    Good,
    /// It cannot be installed.
    Fails,
    /// It starts, and the camera does not work.
    RollsBack,
    /// It does not start, and the other slot neither.
    Dies,
    /// Twenty minutes after it was confirmed processes begin to die.
    Crashes,
    /// Twenty minutes after it was confirmed meetings begin to fail.
    LosesCalls,
}

/// Something that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    Download,
    Verify,
    Install,
    SelfTest,
    Reach,
}

/// What a box does to the world.
#[derive(Debug)]
pub enum Act {
    /// This is ready in so many seconds.
    Begin(Work, u64),
    /// What it downloads is given up.
    Stop,
    /// The fleet hears this.
    Report(UpdateReport),
    /// It starts again; the new slot, or the old one.
    Restart,
}

/// A box.
pub struct Room {
    pub device: DeviceId,
    pub model: String,
    pub site: String,
    pub fate: Fate,
    /// Switched off between these hours.
    pub dark: Option<(u64, u64)>,
    /// There is power.
    pub powered: bool,
    /// It does not start any more.
    pub dead: bool,
    pub online: bool,
    /// The fleet believes that it is there.
    pub believed: bool,
    /// Events of an earlier start mean nothing.
    pub start: u32,
    /// Downloads that were given up mean nothing.
    pub download: u32,
    /// The document that the broker keeps, and the one on disk.
    pub retained: Option<Update>,
    desired: Option<Update>,
    pub running: &'static str,
    other: &'static str,
    stored: Option<Vec<u8>>,
    pub report: Option<UpdateReport>,
    updater: Option<Updater>,
    began_ms: u64,
    pub alarm: Option<u64>,
    chance: StdRng,
    in_use: bool,
}

impl Room {
    pub fn new(device: DeviceId, model: &str, site: String, seed: u64) -> Self {
        Self {
            device,
            model: model.into(),
            site,
            fate: Fate::Good,
            dark: None,
            powered: false,
            dead: false,
            online: false,
            believed: false,
            start: 0,
            download: 0,
            retained: None,
            desired: None,
            running: BEFORE,
            other: BEFORE,
            stored: None,
            report: None,
            updater: None,
            began_ms: 0,
            alarm: None,
            chance: StdRng::seed_from_u64(seed),
            in_use: false,
        }
    }

    fn now(&self, ms: u64, epoch: Timestamp) -> Now {
        Now {
            up_ms: ms - self.began_ms,
            wall: Some(epoch + std::time::Duration::from_millis(ms)),
            clock: Clock::Sync,
        }
    }

    /// It starts.
    pub fn boot(&mut self, ms: u64, epoch: Timestamp) -> Vec<Act> {
        self.began_ms = ms;
        let facts = Facts {
            release: self.running.into(),
            slot: "rootfs.0".into(),
            security_version: 1,
            time_zone: TimeZone::UTC,
        };
        let chance = StdRng::seed_from_u64(self.chance.random());
        let now = self.now(ms, epoch);
        self.updater = Some(Updater::new(facts, self.stored.as_deref(), chance, now));
        let mut inputs = Vec::new();
        if let Some(desired) = &self.desired {
            inputs.push(Input::Desired(Box::new(desired.clone())));
        }
        inputs.push(Input::Room(self.room()));
        inputs.push(Input::Contact(Contact::Broker));
        self.handle(inputs, ms, epoch)
    }

    const fn room(&self) -> fleet::update::Room {
        if self.in_use {
            fleet::update::Room::InUse
        } else {
            fleet::update::Room::Idle
        }
    }

    /// A meeting begins or ends.
    pub fn meeting(&mut self, in_use: bool, ms: u64, epoch: Timestamp) -> Vec<Act> {
        self.in_use = in_use;
        self.handle(vec![Input::Room(self.room())], ms, epoch)
    }

    /// What the broker keeps reaches it.
    pub fn take(&mut self, ms: u64, epoch: Timestamp) -> Vec<Act> {
        let Some(update) = self.retained.clone() else {
            return Vec::new();
        };
        if self.desired.as_ref().is_some_and(|known| known.rev >= update.rev) {
            return Vec::new();
        }
        self.desired = Some(update.clone());
        self.handle(vec![Input::Desired(Box::new(update))], ms, epoch)
    }

    /// Something is ready.
    pub fn finish(&mut self, work: Work, ms: u64, epoch: Timestamp) -> Vec<Act> {
        let input = match work {
            // One line in twenty breaks once.
            Work::Download if self.chance.random_bool(0.05) => {
                Input::DownloadFailed(DownloadFault::Passing { retry_after_ms: 0 })
            }
            Work::Download => Input::Downloaded,
            Work::Verify => Input::Verified(Ok(BundleFacts {
                release: AFTER.into(),
                manifest_hash: "cd".repeat(32),
                security_version: 9,
                compatible: true,
            })),
            Work::Install if self.fate == Fate::Fails => Input::Installed(Err("no space in the slot".into())),
            Work::Install => {
                self.other = AFTER;
                Input::Installed(Ok(()))
            }
            Work::SelfTest => {
                let broken = self.running == AFTER && self.fate == Fate::RollsBack;
                let check = |name| Check {
                    name,
                    passed: !(broken && name == CheckName::Camera),
                    detail: String::new(),
                };
                Input::SelfTest(CheckName::ALL.map(check).to_vec())
            }
            Work::Reach => Input::Contact(Contact::UpdateServer),
        };
        self.handle(vec![input], ms, epoch)
    }

    /// Its deadline has come.
    pub fn tick(&mut self, ms: u64, epoch: Timestamp) -> Vec<Act> {
        self.handle(vec![Input::Tick], ms, epoch)
    }

    fn handle(&mut self, inputs: Vec<Input>, ms: u64, epoch: Timestamp) -> Vec<Act> {
        let now = self.now(ms, epoch);
        let mut acts = Vec::new();
        let mut inputs = VecDeque::from(inputs);
        let Some(mut updater) = self.updater.take() else {
            return acts;
        };
        loop {
            while let Some(output) = updater.poll() {
                match output {
                    Output::Write(bytes) => {
                        self.stored = Some(bytes);
                        inputs.push_back(Input::Written);
                    }
                    Output::Download { .. } => {
                        acts.push(Act::Begin(Work::Download, self.chance.random_range(120..1_200)))
                    }
                    Output::StopDownload => acts.push(Act::Stop),
                    Output::Verify => acts.push(Act::Begin(Work::Verify, 20)),
                    Output::Install => acts.push(Act::Begin(Work::Install, self.chance.random_range(120..300))),
                    Output::SelfTest { .. } => acts.push(Act::Begin(Work::SelfTest, 15)),
                    Output::Reach { .. } => acts.push(Act::Begin(Work::Reach, 1)),
                    Output::Reboot | Output::RollBack => {
                        std::mem::swap(&mut self.running, &mut self.other);
                        self.dead = self.running == AFTER && self.fate == Fate::Dies;
                        acts.push(Act::Restart);
                        return acts;
                    }
                    Output::Discard | Output::MarkGood => {}
                    Output::Report(report) => {
                        self.report = Some(report.clone());
                        acts.push(Act::Report(report));
                    }
                }
            }
            let Some(input) = inputs.pop_front() else { break };
            updater.handle(input, &now);
        }
        self.alarm = updater.next_deadline().map(|up_ms| self.began_ms + up_ms);
        self.updater = Some(updater);
        acts
    }

    /// It is off.
    pub fn stop(&mut self) {
        self.updater = None;
        self.alarm = None;
        self.start += 1;
        self.download += 1;
        self.online = false;
    }

    /// What it said last.
    pub fn phase(&self) -> Phase {
        self.report.as_ref().map_or(Phase::Idle, |report| report.phase)
    }
}
