//! One conductor goes, another comes: nothing is lost, and nothing is decided before all is heard.

use super::*;
use crate::rollout::Harm;
use crate::rollout::habit::Hour;

/// What the broker keeps of the boxes, as whoever comes next hears it.
fn hear(bench: &mut Bench, kept: &[(DeviceId, Update)]) {
    for (device, update) in kept {
        let (device, rev) = (device.clone(), update.rev);
        bench.handle(Input::Desired { device, rev });
    }
}

fn sorted(documents: &[(DeviceId, Update)]) -> Vec<(DeviceId, Update)> {
    let mut all = documents.to_vec();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

/// A dozen boxes of which three were told, and the broker has it.
fn under_way() -> Bench {
    let mut bench = Bench::of(12, at_once());
    bench.pass(1);
    assert_eq!(bench.on_their_way().len(), 3);
    bench.all_delivered();
    bench
}

#[test]
fn withdrawals_that_were_saved_and_not_published_are_published_by_whoever_comes_next() {
    let mut first = under_way();
    let kept = first.published.clone();
    first.handle(Input::Abort);
    let withdrawn: Vec<_> = first.published[kept.len()..].to_vec();
    assert_eq!(withdrawn.len(), 3);
    assert!(!first.engine.is_over(), "no box knows of it yet");
    // It dies before the broker has any of them.
    let mut next = first.taken_over(5);
    assert_eq!(next.engine.rollout().state, State::Aborted);
    hear(&mut next, &kept);
    assert!(next.published.is_empty(), "not before all was heard");
    next.handle(Input::AllHeard);
    assert_eq!(sorted(&next.published), sorted(&withdrawn));
    assert!(!next.engine.is_over());
    next.all_delivered();
    assert!(next.engine.is_over());
}

#[test]
fn a_broker_that_has_lost_what_it_kept_gets_it_again_and_nobody_gets_it_twice() {
    let mut bench = under_way();
    let kept = bench.published.clone();
    for lost in [0, 2] {
        bench.published.clear();
        bench.handle(Input::Listening);
        hear(&mut bench, &kept[lost..]);
        bench.handle(Input::AllHeard);
        bench.pass(5);
        assert_eq!(sorted(&bench.published), sorted(&kept[..lost]));
    }
}

#[test]
fn nothing_is_decided_and_nobody_is_judged_before_all_was_heard() {
    let mut first = under_way();
    let trying = first.on_their_way()[0].clone();
    first.says(&trying, Phase::Trial);
    first.presence(first.engine.place(&trying).unwrap(), false);
    let kept = first.published.clone();
    // Nobody conducts for two days.
    let mut next = first.taken_over(48 * 60);
    assert_eq!(next.engine.next_deadline(), None);
    next.handle(Input::Tick);
    next.handle(Input::Abort);
    assert!(next.published.is_empty() && next.engine.rollout().state == State::Running);
    // The other two have gone on to the trial meanwhile: nothing can be taken back from them.
    hear(&mut next, &kept);
    for (device, update) in &kept {
        next.says_of(device, update.rev, Phase::Trial);
    }
    next.handle(Input::AllHeard);
    assert_eq!(next.engine.rollout().state, State::Aborted);
    assert_eq!(next.notes.last(), Some(&Note::Aborted { withdrawn: 0 }));
    assert!(next.published.is_empty());
}

#[test]
fn an_abort_that_waits_is_not_talked_over() {
    let first = under_way();
    let mut next = first.taken_over(5);
    next.handle(Input::Abort);
    next.handle(Input::Resume);
    hear(&mut next, &first.published);
    next.handle(Input::AllHeard);
    assert_eq!(next.engine.rollout().state, State::Aborted);
}

#[test]
fn a_silence_counts_from_when_somebody_began_to_look() {
    let mut first = under_way();
    // By habit they are there at all hours.
    for hours in 0..7 * 24 {
        let hour = Hour::of(monday() + SignedDuration::from_hours(hours), &TimeZone::UTC);
        let members = &mut first.engine.rollout.members;
        members.iter_mut().for_each(|member| member.habit.sample(hour, true));
    }
    let trying = first.on_their_way()[0].clone();
    let place = first.engine.place(&trying).unwrap();
    first.says(&trying, Phase::Trial);
    first.presence(place, false);
    let kept = first.published.clone();
    let mut next = first.taken_over(48 * 60);
    hear(&mut next, &kept);
    next.says_of(&trying, kept[0].1.rev, Phase::Trial);
    next.presence(place, false);
    next.handle(Input::AllHeard);
    next.pass(60);
    assert_eq!(
        next.engine.rollout().summary().harmed,
        [],
        "for two days nobody listened"
    );
    // A line that breaks for a moment takes nothing away; a broker that is away for long does.
    for (minutes, harmed) in [(1, true), (45, false)] {
        let mut next = next.taken_over(0);
        hear(&mut next, &kept);
        next.handle(Input::AllHeard);
        next.pass(90);
        next.handle(Input::Listening);
        next.now += SignedDuration::from_mins(minutes);
        hear(&mut next, &kept);
        next.handle(Input::AllHeard);
        next.pass(90);
        let silent = matches!(next.member(&trying).stage, Stage::Harmed { harm: Harm::Silent, .. });
        assert_eq!(silent, harmed, "away for {minutes} minutes");
    }
}

#[test]
fn a_document_that_the_broker_refuses_stops_nobody_else() {
    let mut bench = under_way();
    let devices = bench.on_their_way();
    let refused = bench.told(&devices[0]).unwrap().rev;
    let said = "the broker refuses it".to_owned();
    let device = devices[0].clone();
    bench.handle(Input::Undelivered {
        device,
        rev: refused,
        said: said.clone(),
    });
    assert!(
        matches!(bench.member(&devices[0]).stage, Stage::Refused { .. }),
        "it never heard of it"
    );
    assert!(bench.on_their_way().len() == 3, "another one takes its place");
    // The same with a withdrawal: it is said, and it is over all the same.
    bench.handle(Input::Abort);
    let last = bench.told(&devices[1]).unwrap().rev;
    bench.all_delivered();
    assert!(bench.engine.is_over());
    let mut bench = under_way();
    let devices = bench.on_their_way();
    let told = bench.published.len();
    bench.handle(Input::Abort);
    let withdrawn = bench.published[told..].to_vec();
    for (device, update) in withdrawn {
        let rev = update.rev;
        if device == devices[1] {
            let said = said.clone();
            bench.handle(Input::Undelivered { device, rev, said });
        } else {
            bench.handle(Input::Delivered { device, rev });
        }
    }
    let note = Note::Undelivered {
        device: devices[1].clone(),
        said,
    };
    assert!(last == 2 && bench.notes.contains(&note));
    assert!(bench.engine.is_over());
}

#[test]
fn only_what_says_something_new_is_to_be_saved() {
    let mut bench = under_way();
    bench.engine.saved();
    let device = bench.on_their_way()[0].clone();
    let number = bench.engine.place(&device).unwrap();
    bench.presence(number, true);
    let (of, release) = (device.clone(), OLD.to_owned());
    bench.handle(Input::Running { device: of, release });
    let rev = bench.told(&device).unwrap().rev;
    let of = device.clone();
    bench.handle(Input::Delivered { device: of, rev });
    let kept = bench.published.clone();
    bench.handle(Input::Listening);
    hear(&mut bench, &kept);
    bench.handle(Input::AllHeard);
    bench.handle(Input::Tick);
    assert!(!bench.engine.has_changed());
    bench.says(&device, Phase::Downloading);
    assert!(bench.engine.has_changed());
    bench.engine.saved();
    for change in [
        Input::Presence {
            device: device.clone(),
            online: false,
            clean: false,
        },
        Input::Pause,
        Input::Resume,
        Input::Abort,
    ] {
        bench.handle(change.clone());
        assert!(bench.engine.has_changed(), "{change:?}");
        bench.engine.saved();
    }
}
