//! What becomes of a box that was told.

use super::*;
use crate::rollout::Harm;

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

/// On trial it runs the new release.
fn on_trial(bench: &mut Bench, device: &DeviceId) {
    let rev = bench.told(device).unwrap().rev;
    for phase in [Phase::RebootPending, Phase::Trial] {
        let running = if phase == Phase::Trial { NEW } else { OLD };
        let report = UpdateReport {
            rev,
            phase,
            running: running.into(),
            slot: "rootfs.1".into(),
            progress: None,
            code: None,
            msg: None,
        };
        let device = device.clone();
        bench.handle(Input::Report { device, report });
    }
}

#[test]
fn a_box_that_falls_silent_on_trial_is_withdrawn_to_the_release_that_it_ran_before() {
    let mut bench = Bench::of(1_000, Policy::default());
    bench.pass(24 * 60);
    let device = bench.on_their_way()[0].clone();
    on_trial(&mut bench, &device);
    assert_eq!(bench.member(&device).running, NEW);
    let place = bench.engine.place(&device).unwrap();
    bench.presence(place, false);
    bench.pass(6 * 60);
    assert!(matches!(
        bench.member(&device).stage,
        Stage::Harmed { harm: Harm::Silent, .. }
    ));
    assert_eq!(
        bench.told(&device).unwrap().release,
        OLD,
        "the other slot comes up, and nobody orders the bad release anew"
    );
}

#[test]
fn a_box_that_is_asked_again_is_withdrawn_to_what_it_runs_by_then() {
    let mut bench = Bench::of(3, at_once());
    bench.pass(1);
    let device = bench.on_their_way()[0].clone();
    bench.pass(65);
    assert_eq!(bench.told(&device).unwrap().release, OLD, "it did nothing for an hour");
    let (to, release) = (device.clone(), "2.3.1".to_owned());
    bench.handle(Input::Running { device: to, release });
    bench.pass(65);
    assert_eq!(bench.told(&device).unwrap().release, NEW);
    bench.handle(Input::Abort);
    assert_eq!(bench.told(&device).unwrap().release, "2.3.1");
}

#[test]
fn a_box_that_cannot_go_back_stays_at_the_release_that_it_runs() {
    let mut bench = Bench::of(20, at_once());
    bench.pass(1);
    let device = bench.on_their_way()[0].clone();
    on_trial(&mut bench, &device);
    let report = UpdateReport {
        rev: bench.told(&device).unwrap().rev,
        phase: Phase::Failed,
        running: NEW.into(),
        slot: "rootfs.1".into(),
        progress: None,
        code: None,
        msg: Some("the slot before does not start".into()),
    };
    let to = device.clone();
    bench.handle(Input::Report { device: to, report });
    assert_eq!(
        bench.told(&device).unwrap().release,
        NEW,
        "there is nothing else to reach"
    );
}

#[test]
fn an_abort_after_a_stop_is_an_abort() {
    let mut bench = Bench::of(20, at_once());
    bench.pass(1);
    for device in bench.on_their_way() {
        bench.says(&device, Phase::Failed);
    }
    assert!(matches!(bench.engine.rollout().state, State::Stopped { .. }));
    bench.handle(Input::Abort);
    assert_eq!(bench.engine.rollout().state, State::Aborted);
}

#[test]
fn a_box_that_is_forgotten_is_in_no_note_no_reason_and_no_document() {
    let mut bench = Bench::of(20, at_once());
    bench.pass(1);
    let harmed = bench.on_their_way();
    let now = bench.now;
    for device in &harmed {
        let report = UpdateReport {
            rev: bench.told(device).unwrap().rev,
            phase: Phase::Failed,
            running: OLD.into(),
            slot: "rootfs.0".into(),
            progress: None,
            code: None,
            msg: None,
        };
        let device = device.clone();
        // What follows is not said yet.
        bench.engine.handle(Input::Report { device, report }, now);
    }
    let gone = harmed[1].clone();
    bench.engine.forget(|device| *device == gone);
    assert!(!format!("{:?}", bench.engine.rollout()).contains(gone.as_str()));
    let State::Stopped { reason } = &bench.engine.rollout().state else {
        panic!("{:?}", bench.engine.rollout().state);
    };
    assert_eq!(reason.boxes().len(), 2);
    let mut said = 0;
    while let Some(output) = bench.engine.poll() {
        said += 1;
        assert!(!format!("{output:?}").contains(gone.as_str()), "{output:?}");
    }
    assert!(said >= 5, "two documents, two boxes harmed, and the stop: {said}");
}
