//! One clause each, with a handful of boxes; a whole fleet lives in `tests/rollout`.

use super::*;
use crate::rollout::policy::Wave;
use crate::rollout::{Harm, Policy};
use fleet::contract::{Phase, UpdateReport, Window};

const NEW: &str = "2.4.0";
const OLD: &str = "2.3.0";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn monday() -> Timestamp {
    at("2026-11-23T12:00:00Z")
}

fn device(number: usize) -> DeviceId {
    format!("box-{number:05}").as_str().try_into().unwrap()
}

fn image() -> Image {
    Image {
        release: NEW.into(),
        url: "https://updates.example/x".into(),
        size: 1,
        sha256: "ab".repeat(32),
        manifest_hash: "cd".into(),
        security_version: 1,
        min_from: None,
    }
}

struct Bench {
    engine: Engine,
    now: Timestamp,
    published: Vec<(DeviceId, Update)>,
    notes: Vec<Note>,
}

impl Bench {
    /// So many boxes of three models at five sites, all there.
    fn of(boxes: usize, policy: Policy) -> Self {
        let model = |number: usize| ["One", "One", "One", "Two", "Three"][number % 5];
        let members = (0..boxes).map(|number| {
            let site = format!("site-{}", number % 7);
            Member::new(device(number), model(number).into(), site, 0, monday())
        });
        let rollout = Rollout::new(image(), policy, members.collect(), monday());
        let mut bench = Self {
            engine: Engine::new(rollout, TimeZone::UTC, monday()),
            now: monday(),
            published: Vec::new(),
            notes: Vec::new(),
        };
        for number in 0..boxes {
            bench.presence(number, true);
            let release = OLD.into();
            let device = device(number);
            bench.handle(Input::Running { device, release });
        }
        bench
    }

    fn handle(&mut self, input: Input) {
        self.engine.handle(input, self.now);
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Publish { device, update } => self.published.push((device, *update)),
                Output::Say(note) => self.notes.push(note),
            }
        }
    }

    fn presence(&mut self, number: usize, online: bool) {
        let device = device(number);
        self.handle(Input::Presence {
            device,
            online,
            clean: false,
        });
    }

    /// Ticks until then.
    fn pass(&mut self, minutes: i64) {
        let end = self.now + SignedDuration::from_mins(minutes);
        while let Some(next) = self.engine.next_deadline().filter(|next| *next <= end) {
            self.now = next.max(self.now);
            self.handle(Input::Tick);
        }
        self.now = end;
    }

    /// What the box was told last.
    fn told(&self, device: &DeviceId) -> Option<&Update> {
        let of_it = self.published.iter().rev().find(|(to, _)| to == device);
        of_it.map(|(_, update)| update)
    }

    /// Of those that were told and not told otherwise since.
    fn on_their_way(&self) -> Vec<DeviceId> {
        let members = self.engine.rollout().members.iter();
        members
            .filter(|member| member.is_on_its_way())
            .map(|member| member.device.clone())
            .collect()
    }

    fn says(&mut self, device: &DeviceId, phase: Phase) {
        let rev = self.told(device).unwrap().rev;
        self.says_of(device, rev, phase);
    }

    fn says_of(&mut self, device: &DeviceId, rev: u64, phase: Phase) {
        let running = if phase == Phase::Confirmed { NEW } else { OLD };
        let report = UpdateReport {
            rev,
            phase,
            running: running.into(),
            slot: "rootfs.0".into(),
            progress: None,
            code: None,
            msg: Some("because".into()),
        };
        let device = device.clone();
        self.handle(Input::Report { device, report });
    }

    fn all_confirm(&mut self) {
        for device in self.on_their_way() {
            self.says(&device, Phase::Confirmed);
        }
    }
}

fn at_once() -> Policy {
    Policy {
        soak: std::time::Duration::ZERO,
        ..Policy::default()
    }
}

#[test]
fn canaries_are_of_every_model_and_of_as_many_sites_as_there_are() {
    let mut bench = Bench::of(1_000, Policy::default());
    while bench.engine.rollout().started() < 10 {
        bench.pass(5);
        bench.all_confirm();
    }
    let started = || {
        bench
            .engine
            .rollout()
            .members
            .iter()
            .filter(|member| member.has_begun())
    };
    let of = |model: &str| started().filter(|member| member.model == model).count();
    assert_eq!((of("One"), of("Two"), of("Three")), (6, 2, 2), "in their shares");
    let mut sites: Vec<&str> = started().map(|member| member.site.as_str()).collect();
    sites.sort_unstable();
    sites.dedup();
    assert_eq!(sites.len(), 7);
}

#[test]
fn the_next_wave_begins_when_the_soak_after_the_last_confirmation_is_over() {
    let mut bench = Bench::of(1_000, Policy::default());
    for _ in 0..4 {
        bench.pass(30);
        bench.all_confirm();
    }
    assert_eq!(bench.engine.rollout().started(), 10);
    let until = bench.now + SignedDuration::from_hours(24);
    assert_eq!(bench.engine.rollout().soak_until(), Some(until));
    bench.pass(24 * 60 - 1);
    assert_eq!(bench.engine.rollout().started(), 10);
    bench.pass(2);
    // One in a hundred of a thousand are the same ten: the wave after that.
    assert_eq!(bench.engine.rollout().wave, 2);
    assert!(bench.engine.rollout().started() > 10);
}

#[test]
fn trust_grows_with_what_goes_well_and_is_lost_with_the_first_harm() {
    let policy = Policy {
        waves: vec![Wave::Percent(100)],
        ..at_once()
    };
    let mut bench = Bench::of(3_000, policy);
    let mut most = Vec::new();
    for _ in 0..40 {
        bench.pass(5);
        most.push(bench.on_their_way().len());
        bench.all_confirm();
    }
    assert_eq!(most[0], 3);
    assert!(most.is_sorted() && *most.last().unwrap() == 30, "{most:?}");
    let first = bench.on_their_way()[0].clone();
    bench.says(&first, Phase::Failed);
    for device in bench.on_their_way() {
        bench.says(&device, Phase::Confirmed);
        if bench.on_their_way().len() < 8 {
            break;
        }
    }
    assert!(
        bench.on_their_way().len() < 8,
        "nobody new begins until few are on their way"
    );
}

#[test]
fn a_box_that_is_switched_off_while_it_downloads_is_taken_back_and_asked_again_when_it_is_there() {
    let mut bench = Bench::of(20, at_once());
    bench.pass(1);
    let device = bench.on_their_way()[0].clone();
    let number = bench.engine.place(&device).unwrap();
    bench.says(&device, Phase::Downloading);
    bench.presence(number, false);
    bench.pass(29);
    assert!(bench.on_their_way().contains(&device));
    bench.pass(5);
    assert!(!bench.on_their_way().contains(&device));
    let back = bench.told(&device).unwrap();
    assert_eq!((back.release.as_str(), back.rev), (OLD, 2), "the release that it runs");
    assert_eq!(bench.engine.rollout().summary().harmed, []);
    // The others go on without it; it has its turn.
    for _ in 0..30 {
        bench.pass(30);
        bench.all_confirm();
    }
    assert_eq!(bench.engine.rollout().started(), 19);
    bench.presence(number, true);
    bench.pass(30);
    assert_eq!(bench.told(&device).unwrap().release, NEW);
    bench.all_confirm();
    assert_eq!(bench.engine.rollout().state, State::Done);
}

#[test]
fn a_box_that_was_faster_than_the_withdrawal_is_left_with_what_it_runs() {
    let mut bench = Bench::of(20, at_once());
    bench.pass(1);
    let device = bench.on_their_way()[0].clone();
    let rev = bench.told(&device).unwrap().rev;
    bench.says(&device, Phase::RebootPending);
    bench.handle(Input::Abort);
    assert_eq!(bench.told(&device).unwrap().release, OLD);
    bench.says_of(&device, rev, Phase::Trial);
    bench.says_of(&device, rev, Phase::Confirmed);
    let last = bench.told(&device).unwrap();
    assert_eq!((last.release.as_str(), last.rev), (NEW, rev + 2), "it does not go back");
}

#[test]
fn a_box_on_trial_is_never_told_otherwise() {
    let mut bench = Bench::of(20, at_once());
    bench.pass(1);
    let device = bench.on_their_way()[0].clone();
    bench.says(&device, Phase::Trial);
    bench.handle(Input::Abort);
    assert_eq!(bench.told(&device).unwrap().release, NEW);
    let note = bench.notes.last().unwrap();
    assert_eq!(*note, Note::Aborted { withdrawn: 2 });
    bench.pass(600);
    assert!(bench.engine.next_deadline().is_none());
}

#[test]
fn a_harmed_box_is_not_tried_again_and_one_that_is_silent_may_come_back_well() {
    let mut bench = Bench::of(1_000, Policy::default());
    bench.pass(24 * 60);
    let on_their_way = bench.on_their_way();
    let (failed, silent) = (&on_their_way[0], &on_their_way[1]);
    bench.says(failed, Phase::RolledBack);
    assert_eq!(bench.told(failed).unwrap().release, OLD);
    let rev = bench.told(silent).unwrap().rev;
    bench.says(silent, Phase::Trial);
    let place = bench.engine.place(silent).unwrap();
    bench.presence(place, false);
    bench.pass(6 * 60);
    let harmed = bench.engine.rollout().summary().harmed;
    let harms: Vec<Harm> = harmed.iter().map(|one| one.harm).collect();
    assert!(
        harms.contains(&Harm::RolledBack) && harms.contains(&Harm::Silent),
        "{harms:?}"
    );
    bench.presence(place, true);
    bench.says_of(silent, rev, Phase::Confirmed);
    assert_eq!(bench.engine.rollout().summary().harmed.len(), 1);
    assert_eq!(bench.told(silent).unwrap().release, NEW, "it stays as it is");
}

#[test]
fn a_refusal_is_no_harm_and_another_box_takes_its_place() {
    let mut bench = Bench::of(1_000, Policy::default());
    for _ in 0..12 {
        bench.pass(5);
        for device in bench.on_their_way() {
            bench.says(&device, Phase::Refused);
        }
    }
    let summary = bench.engine.rollout().summary();
    assert_eq!(
        (summary.state, summary.started, summary.harmed.len()),
        (State::Running, 3, 0)
    );
    assert!(summary.refused >= 36);
}

#[test]
fn who_is_told_outside_of_the_window_is_nobody() {
    let policy = Policy {
        window: Some(Window(["22:00".into(), "05:00".into()])),
        ..Policy::default()
    };
    let mut bench = Bench::of(100, policy);
    bench.pass(9 * 60 + 50);
    assert!(bench.published.is_empty(), "it is ten to ten");
    bench.pass(20);
    assert_eq!(bench.on_their_way().len(), 3);
    assert_eq!(
        bench.published[0].1.window,
        Some(Window(["22:00".into(), "05:00".into()]))
    );
    assert_eq!(bench.published[0].1.wave.as_deref(), Some("w1"));
}

#[test]
fn boxes_that_have_been_away_for_days_do_not_keep_it_open() {
    let mut bench = Bench::of(30, at_once());
    bench.presence(7, false);
    bench.presence(8, false);
    for _ in 0..20 {
        bench.pass(5);
        bench.all_confirm();
    }
    assert_eq!(
        (bench.engine.rollout().started(), &bench.engine.rollout().state),
        (28, &State::Running)
    );
    bench.pass(24 * 60);
    assert_eq!(bench.engine.rollout().state, State::Done);
    assert_eq!(bench.told(&device(7)).unwrap().release, NEW, "for when it comes back");
    assert_eq!(
        bench.notes.last(),
        Some(&Note::Done {
            updated: 28,
            harmed: 0,
            absent: 2
        })
    );
}

#[test]
fn revisions_are_above_everything_that_was_ever_seen() {
    let mut bench = Bench::of(3, at_once());
    bench
        .engine
        .rollout
        .members
        .iter_mut()
        .for_each(|member| member.online = false);
    let device = device(1);
    bench.handle(Input::Desired {
        device: device.clone(),
        rev: 57,
    });
    bench.says_of(&device, 60, Phase::Idle);
    bench.presence(1, true);
    bench.pass(5);
    assert_eq!(bench.told(&device).unwrap().rev, 61);
}
