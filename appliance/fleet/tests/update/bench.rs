//! One box with a disk that survives it, a room, and a clock.

use std::time::Duration;

use fleet::contract::{Clock, Phase, Update, UpdateReport, Window};
use fleet::session::Now;
use fleet::update::{BundleFacts, Check, CheckName, Contact, Facts, Input, Output, Room, Updater};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rand::SeedableRng;
use rand::rngs::StdRng;

pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3_600);

/// In Paris, without any file on the machine that runs the test.
pub fn paris() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

/// A release to reach, at once.
pub fn release(rev: u64, release: &str) -> Update {
    Update {
        rev,
        release: release.into(),
        url: format!("https://updates.example/{release}.raucb"),
        size: 1_000,
        sha256: format!("{:0>64}", release.replace('.', "")),
        manifest_hash: format!("manifest of {release}"),
        min_from: None,
        security_version: 9,
        not_before: None,
        window: None,
        deadline: None,
        wave: None,
        allow_in_call: false,
    }
}

/// The hours that most stories have.
pub fn at_night(update: Update) -> Update {
    Update {
        window: Some(Window(["22:00".into(), "05:00".into()])),
        ..update
    }
}

/// What the bundle of a document says of itself.
pub fn bundle(update: &Update) -> BundleFacts {
    BundleFacts {
        release: update.release.clone(),
        manifest_hash: update.manifest_hash.clone(),
        security_version: update.security_version,
        compatible: true,
    }
}

/// A self-test that all but these have passed.
pub fn checks(failed: &[CheckName]) -> Vec<Check> {
    let check = |name: CheckName| Check {
        name,
        passed: !failed.contains(&name),
        detail: "as seen".into(),
    };
    CheckName::ALL.map(check).to_vec()
}

pub struct Bench {
    pub facts: Facts,
    pub updater: Updater,
    pub now: Now,
    pub disk: Option<Vec<u8>>,
    /// Writes wait for [`Bench::write`].
    pub disk_stands_still: bool,
    waiting: Vec<Vec<u8>>,
    /// All but writes, since [`Bench::forget`].
    pub heard: Vec<Output>,
    pub said: Vec<UpdateReport>,
    seed: u64,
}

impl Bench {
    /// 2.3.0 runs in slot A, on a Saturday at noon; nobody needs the room.
    pub fn new() -> Self {
        let mut bench = Self::silent();
        bench.give(Input::Room(Room::Idle));
        bench.pass(5 * MINUTE);
        bench
    }

    /// The same, and the room has not been heard of.
    pub fn silent() -> Self {
        let facts = Facts {
            release: "2.3.0".into(),
            slot: "A".into(),
            security_version: 9,
            time_zone: paris(),
        };
        let now = Now {
            up_ms: 0,
            wall: Some("2026-11-21T11:00:00Z".parse().unwrap()),
            clock: Clock::Sync,
        };
        let updater = Updater::new(facts.clone(), None, StdRng::seed_from_u64(1), now);
        let mut bench = Self {
            facts,
            updater,
            now,
            disk: None,
            disk_stands_still: false,
            waiting: Vec::new(),
            heard: Vec::new(),
            said: Vec::new(),
            seed: 1,
        };
        bench.drain();
        bench
    }

    /// The box has heard of this release, and does what it does at once.
    pub fn wanting(update: Update) -> Self {
        let mut bench = Self::new();
        bench.desire(&update);
        bench
    }

    /// The bundle is there and is being checked.
    pub fn verifying(update: Update) -> Self {
        let mut bench = Self::wanting(update);
        bench.give(Input::Downloaded);
        assert_eq!(bench.count(&Output::Verify), 1);
        bench
    }

    /// RAUC is at work.
    pub fn installing(update: Update) -> Self {
        let facts = bundle(&update);
        let mut bench = Self::verifying(update);
        bench.give(Input::Verified(Ok(facts)));
        assert_eq!(bench.count(&Output::Install), 1);
        bench
    }

    /// The box says `update` and goes down.
    pub fn rebooting(update: Update) -> Self {
        let mut bench = Self::installing(update);
        bench.give(Input::Installed(Ok(())));
        bench.give(Input::SelfTest(checks(&[])));
        assert_eq!(bench.count(&Output::Reboot), 1);
        bench
    }

    /// The other slot runs and has to prove itself; nobody needs the room.
    pub fn on_trial(update: Update) -> Self {
        let mut bench = Self::rebooting(update.clone());
        bench.forget();
        bench.start(&update.release, "B");
        bench.desire(&update);
        bench.give(Input::Room(Room::Idle));
        bench
    }

    /// Confirmed.
    pub fn confirmed(update: Update) -> Self {
        let mut bench = Self::on_trial(update);
        bench.give(Input::SelfTest(checks(&[])));
        bench.give(Input::Contact(Contact::Broker));
        bench.pass(11 * MINUTE);
        assert_eq!(bench.phase(), Phase::Confirmed);
        bench
    }

    pub fn desire(&mut self, update: &Update) {
        self.give(Input::Desired(Box::new(update.clone())));
    }

    pub fn give(&mut self, input: Input) {
        self.updater.handle(input, &self.now);
        self.drain();
    }

    /// The waiting writes reach the disk.
    pub fn write(&mut self) {
        for bytes in std::mem::take(&mut self.waiting) {
            self.disk = Some(bytes);
            self.updater.handle(Input::Written, &self.now);
        }
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.updater.poll() {
            match output {
                Output::Write(bytes) => {
                    self.waiting.push(bytes);
                    if !self.disk_stands_still {
                        self.write();
                    }
                }
                Output::Report(report) => {
                    self.said.push(report.clone());
                    self.heard.push(Output::Report(report));
                }
                output => self.heard.push(output),
            }
        }
    }

    /// Power goes and comes: that release runs, in that slot. What had not reached the disk is gone.
    pub fn start(&mut self, release: &str, slot: &str) {
        self.seed += 1;
        self.waiting.clear();
        self.now.up_ms = 0;
        (self.facts.release, self.facts.slot) = (release.into(), slot.into());
        let chance = StdRng::seed_from_u64(self.seed);
        self.updater = Updater::new(self.facts.clone(), self.disk.as_deref(), chance, self.now);
        self.drain();
    }

    /// Time passes; the box wakes when it wants to.
    pub fn pass(&mut self, time: Duration) {
        let end_ms = self.now.up_ms + u64::try_from(time.as_millis()).unwrap();
        let mut wakes = 0;
        while let Some(at_ms) = self.updater.next_deadline().filter(|at_ms| *at_ms <= end_ms) {
            self.move_to(at_ms.max(self.now.up_ms));
            self.give(Input::Tick);
            wakes += 1;
            assert!(wakes < 10_000, "the box does not sleep: {:?}", self.updater);
        }
        self.move_to(end_ms);
        self.give(Input::Tick);
    }

    fn move_to(&mut self, up_ms: u64) {
        let passed = Duration::from_millis(up_ms - self.now.up_ms);
        self.now.up_ms = up_ms;
        self.now.wall = self.now.wall.map(|wall| wall + passed);
    }

    /// Until the clock on the wall of the room shows that.
    pub fn until(&mut self, moment: &str) {
        let moment: Timestamp = moment.parse().unwrap();
        let left = self.now.wall.unwrap().duration_until(moment);
        self.pass(left.try_into().unwrap());
    }

    pub fn forget(&mut self) {
        self.heard.clear();
        self.said.clear();
    }

    pub fn count(&self, output: &Output) -> usize {
        self.heard.iter().filter(|heard| *heard == output).count()
    }

    pub fn downloads(&self) -> usize {
        let download = |output: &&Output| matches!(output, Output::Download { .. });
        self.heard.iter().filter(download).count()
    }

    pub fn tests(&self) -> usize {
        self.count(&Output::SelfTest { announce: true })
    }

    pub fn last(&self) -> &UpdateReport {
        self.said.last().expect("nothing was said")
    }

    pub fn phase(&self) -> Phase {
        self.last().phase
    }

    pub fn phases(&self) -> Vec<Phase> {
        let mut phases: Vec<Phase> = self.said.iter().map(|report| report.phase).collect();
        phases.dedup();
        phases
    }

    pub fn msg(&self) -> &str {
        self.last().msg.as_deref().unwrap_or_default()
    }
}
