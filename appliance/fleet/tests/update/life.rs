//! The life of a box with two slots, a boot loader, a room and a fleet that changes its mind; all by chance from a seed.

use fleet::contract::{Clock, Update};
use fleet::session::Now;
use fleet::update::{CheckName, Contact, DownloadFault, Facts, Input, Output, Room, Updater};
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::bench::{at_night, bundle, checks, paris, release};
use crate::witness::{Truth, Witness};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
/// How long a life is.
const LIFE_MS: u64 = 60 * HOUR_MS;

/// What becomes of a release in its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quality {
    Good,
    /// The boot loader gives up on it.
    Dead,
    NoCamera,
    /// It falls over after some minutes.
    Falls,
}

pub struct Life {
    chance: StdRng,
    /// Nothing goes wrong but what the test does.
    plain: bool,
    /// At which output, and whether it is still carried out.
    cut: Option<(usize, bool)>,
    documents: Vec<(u64, Update)>,
    /// The last that the session has on its disk.
    told: Option<Update>,
    quality: Quality,
    no_way_back: bool,

    slots: [String; 2],
    runs: usize,
    next: usize,
    disk: Option<Vec<u8>>,
    born_ms: u64,
    life_ms: u64,
    falls_ms: Option<u64>,
    updater: Updater,
    inputs: Vec<(u64, Input)>,
    truth: Truth,
    testing: Option<bool>,
    witness: Witness,
}

impl Life {
    /// With one power cut, and all else by chance.
    pub fn new(seed: u64, cut: Option<(usize, bool)>) -> Self {
        let mut chance = StdRng::seed_from_u64(seed);
        let quality = [
            Quality::Good,
            Quality::Good,
            Quality::Dead,
            Quality::NoCamera,
            Quality::Falls,
        ];
        let quality = quality[chance.random_range(0..quality.len())];
        let mut documents = Vec::new();
        let (mut at_ms, mut rev) = (HOUR_MS, 57);
        while at_ms < LIFE_MS / 2 {
            let name = ["2.4.0", "2.4.0", "2.4.0", "2.5.0", "2.3.0"][chance.random_range(0..5)];
            let mut update = release(rev, name);
            if chance.random_bool(0.5) {
                update = at_night(update);
            }
            if chance.random_bool(0.1) {
                update.security_version = 8;
            }
            documents.push((at_ms, update));
            rev += 1;
            let longest_ms = if chance.random_bool(0.5) {
                HOUR_MS / 2
            } else {
                40 * HOUR_MS
            };
            at_ms += chance.random_range(MINUTE_MS..longest_ms);
        }
        let no_way_back = chance.random_bool(0.3);
        Self::born(chance, cut, documents, quality, no_way_back, false)
    }

    /// With one power cut, and nothing else that goes wrong.
    pub fn plain(update: Update, cut: Option<(usize, bool)>) -> Self {
        let documents = vec![(HOUR_MS, update)];
        Self::born(StdRng::seed_from_u64(1), cut, documents, Quality::Good, false, true)
    }

    fn born(
        chance: StdRng,
        cut: Option<(usize, bool)>,
        documents: Vec<(u64, Update)>,
        quality: Quality,
        no_way_back: bool,
        plain: bool,
    ) -> Self {
        let slots = ["2.3.0".to_owned(), "2.2.0".to_owned()];
        let updater = updater(&slots[0], 0, None, 0, 0);
        let mut life = Self {
            chance,
            plain,
            cut,
            documents,
            told: None,
            quality,
            no_way_back,
            slots,
            runs: 0,
            next: 0,
            disk: None,
            born_ms: 0,
            life_ms: 0,
            falls_ms: None,
            updater,
            inputs: Vec::new(),
            truth: Truth::default(),
            testing: None,
            witness: Witness::default(),
        };
        life.boot();
        life
    }

    /// All of it.
    pub fn live(mut self) -> Witness {
        loop {
            while let Some(output) = self.updater.poll() {
                self.step(output);
            }
            let deadline_ms = self.updater.next_deadline().map(|at_ms| self.born_ms + at_ms);
            let input_ms = self.inputs.iter().map(|input| input.0).min();
            let document_ms = self.documents.first().map(|document| document.0);
            let next_ms = [deadline_ms, input_ms, document_ms, self.falls_ms];
            let next_ms = next_ms.into_iter().flatten().min();
            let next_ms = next_ms.unwrap_or(LIFE_MS).max(self.life_ms);
            if next_ms >= LIFE_MS {
                return self.witness;
            }
            self.life_ms = next_ms;
            self.truth.up_ms = self.life_ms - self.born_ms;
            if self.falls_ms == Some(next_ms) {
                // The boot loader tries it again, or not.
                self.next = if self.chance.random_bool(0.5) {
                    self.runs
                } else {
                    1 - self.runs
                };
                self.boot();
                continue;
            }
            let input = self.next_input(input_ms == Some(next_ms), document_ms == Some(next_ms));
            self.updater.handle(input, &now(self.life_ms, self.born_ms));
        }
    }

    fn next_input(&mut self, inputs: bool, documents: bool) -> Input {
        if inputs {
            let first = self.inputs.iter().enumerate().min_by_key(|(_, input)| input.0);
            let index = first.map_or(0, |(index, _)| index);
            let (_, input) = self.inputs.remove(index);
            match &input {
                Input::Room(room) => {
                    self.truth.in_use = *room == Room::InUse;
                    let most_ms = if *room == Room::InUse { HOUR_MS } else { 3 * HOUR_MS };
                    let other = if *room == Room::InUse { Room::Idle } else { Room::InUse };
                    if !self.plain {
                        self.later(MINUTE_MS, most_ms, Input::Room(other));
                    }
                }
                Input::Contact(_) => self.truth.reached = true,
                Input::SelfTest(_) => self.truth.passed |= self.testing.take() == Some(true),
                _ => {}
            }
            return input;
        }
        if documents {
            let (_, update) = self.documents.remove(0);
            self.told = Some(update.clone());
            return Input::Desired(Box::new(update));
        }
        Input::Tick
    }

    fn later(&mut self, least_ms: u64, most_ms: u64, input: Input) {
        let at_ms = self.life_ms + self.chance.random_range(least_ms..=most_ms);
        self.inputs.push((at_ms, input));
    }

    fn happens(&mut self, probability: f64) -> bool {
        !self.plain && self.chance.random_bool(probability)
    }

    /// An output is carried out, and perhaps the power is cut before or after.
    fn step(&mut self, output: Output) {
        let cut = self.cut.filter(|(step, _)| *step == self.witness.steps);
        self.witness.steps += 1;
        match cut {
            None => self.carry_out(output),
            Some((_, after)) => {
                let boots = matches!(output, Output::Reboot | Output::RollBack);
                if after {
                    self.carry_out(output);
                }
                if !(after && boots) {
                    // The boot loader may have counted the other slot out, or in.
                    if self.happens(0.25) {
                        self.next = 1 - self.next;
                    }
                    self.boot();
                }
            }
        }
    }

    fn carry_out(&mut self, output: Output) {
        let rev = self.kept_rev();
        let other = 1 - self.runs;
        match output {
            Output::Write(bytes) => {
                self.witness.writes(&bytes, self.truth);
                self.disk = Some(bytes);
                // At once: the next write must not overtake it.
                self.updater.handle(Input::Written, &now(self.life_ms, self.born_ms));
            }
            Output::Download { .. } => {
                self.witness.downloads(rev);
                let fault = match self.chance.random_range(0..12) {
                    0 => Some(DownloadFault::WrongHash),
                    1 => Some(DownloadFault::Final { status: 410 }),
                    2 | 3 => Some(DownloadFault::Passing { retry_after_ms: 0 }),
                    _ => None,
                };
                self.later(0, MINUTE_MS, Input::Received { bytes: 400 });
                let end = fault
                    .filter(|_| !self.plain)
                    .map_or(Input::Downloaded, Input::DownloadFailed);
                self.later(MINUTE_MS, HOUR_MS, end);
            }
            Output::StopDownload => self.inputs.retain(|(_, input)| {
                !matches!(
                    input,
                    Input::Received { .. } | Input::Downloaded | Input::DownloadFailed(_)
                )
            }),
            Output::Verify => {
                let mut facts = self.kept_bundle();
                facts.compatible = !self.happens(0.1);
                let broken = self.happens(0.1);
                let result = if broken { Err("torn".to_owned()) } else { Ok(facts) };
                self.later(0, MINUTE_MS, Input::Verified(result));
            }
            Output::Install => {
                self.slots[other] = self.kept_bundle().release;
                let result = if self.happens(0.1) {
                    Err("no space".to_owned())
                } else {
                    Ok(())
                };
                self.later(MINUTE_MS, 5 * MINUTE_MS, Input::Installed(result));
            }
            Output::SelfTest { announce } => {
                let bad = announce && self.is_new() && self.quality == Quality::NoCamera;
                self.testing = Some(announce && !bad);
                let answer = if bad { checks(&[CheckName::Camera]) } else { checks(&[]) };
                self.later(0, 20_000, Input::SelfTest(answer));
            }
            Output::Reboot => {
                self.witness.reboots(rev, self.truth);
                self.next = other;
                self.boot();
            }
            Output::RollBack => {
                self.witness.goes_back(self.truth);
                self.next = if self.no_way_back { self.runs } else { other };
                self.boot();
            }
            Output::Discard => self.next = self.runs,
            Output::MarkGood => self.witness.good(rev),
            Output::Reach { .. } => self.later(0, 5_000, Input::Contact(Contact::UpdateServer)),
            Output::Report(report) => self.witness.says(report),
        }
    }

    fn is_new(&self) -> bool {
        self.slots[self.runs] != "2.3.0"
    }

    /// The box starts, in the slot that the boot loader finds alive.
    fn boot(&mut self) {
        let dead = self.slots[self.next] != "2.3.0" && self.quality == Quality::Dead;
        if dead || self.slots[self.next] == "2.2.0" {
            self.next = 1 - self.next;
        }
        self.runs = self.next;
        self.born_ms = self.life_ms;
        self.truth = Truth::default();
        self.testing = None;
        self.witness.restarted = true;
        self.inputs.clear();
        let falls = self.is_new() && self.quality == Quality::Falls;
        self.falls_ms = falls.then(|| self.life_ms + self.chance.random_range(MINUTE_MS..9 * MINUTE_MS));
        let seed = self.chance.random();
        let release = self.slots[self.runs].clone();
        self.updater = updater(&release, self.runs, self.disk.as_deref(), self.life_ms, seed);
        if let Some(told) = self.told.clone() {
            self.later(1, 3_000, Input::Desired(Box::new(told)));
        }
        self.later(1, 5_000, Input::Room(Room::Idle));
        if self.plain || self.chance.random_bool(0.7) {
            self.later(1_000, 8 * MINUTE_MS, Input::Contact(Contact::Broker));
        }
    }

    fn kept(&self) -> Option<Update> {
        let kept: serde_json::Value = serde_json::from_slice(self.disk.as_deref()?).ok()?;
        serde_json::from_value(kept["update"].clone()).ok()
    }

    fn kept_rev(&self) -> u64 {
        self.kept().map_or(0, |update| update.rev)
    }

    fn kept_bundle(&self) -> fleet::update::BundleFacts {
        bundle(
            &self
                .kept()
                .expect("the document is on disk before anything comes of it"),
        )
    }
}

fn now(life_ms: u64, born_ms: u64) -> Now {
    let begin: Timestamp = "2026-11-21T11:00:00Z".parse().unwrap();
    let life = SignedDuration::from_millis(i64::try_from(life_ms).unwrap());
    Now {
        up_ms: life_ms - born_ms,
        wall: Some(begin + life),
        clock: Clock::Sync,
    }
}

fn updater(release: &str, slot: usize, disk: Option<&[u8]>, life_ms: u64, seed: u64) -> Updater {
    let facts = Facts {
        release: release.into(),
        slot: ["A", "B"][slot].into(),
        security_version: 9,
        time_zone: paris(),
    };
    Updater::new(facts, disk, StdRng::seed_from_u64(seed), now(life_ms, life_ms))
}
