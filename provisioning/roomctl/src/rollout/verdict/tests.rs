//! One rule each.

use super::*;
use crate::rollout::member::Harm;

fn now() -> Timestamp {
    "2026-11-24T08:00:00Z".parse().unwrap()
}

fn member(number: usize, stage: Stage) -> Member {
    let model = ["One", "One", "Two", "Three"][number % 4];
    let device = format!("box-{number:05}").as_str().try_into().unwrap();
    Member {
        stage,
        ..Member::new(device, model.into(), "lyon".into(), 0, now())
    }
}

fn updated() -> Stage {
    Stage::Updated {
        at: now() - SignedDuration::from_hours(1),
    }
}

fn harmed() -> Stage {
    Stage::Harmed {
        harm: Harm::RolledBack,
        at: now(),
        said: String::new(),
    }
}

/// So many harmed, so many updated, and a hundred that were not told, each an even mix of models.
fn fleet(harmed_ones: usize, updated_ones: usize) -> Vec<Member> {
    let stages = std::iter::repeat_n(harmed(), harmed_ones)
        .chain(std::iter::repeat_n(updated(), updated_ones))
        .chain(std::iter::repeat_n(Stage::Untouched, 100));
    stages
        .enumerate()
        .map(|(number, stage)| member(number, stage))
        .collect()
}

fn stops(members: &[Member]) -> bool {
    judge(&Rule::default(), members, now()).is_some()
}

/// The contract's rule alone.
fn of_the_contract() -> Rule {
    Rule {
        level: 0.0,
        model: 0.0,
        trouble: 0.0,
        ..Rule::default()
    }
}

#[test]
fn three_or_two_in_a_hundred_stop_it() {
    let stops = |harmed, updated| judge(&of_the_contract(), &fleet(harmed, updated), now()).is_some();
    assert!(stops(3, 0), "three of three are no chance either");
    assert!(stops(3, 147) && !stops(3, 148), "two in a hundred of 151 are four");
    assert!(!stops(2, 8));
}

#[test]
fn one_of_ten_canaries_is_enough_and_two_of_seventy_but_not_one_of_eleven() {
    assert!(stops(&fleet(1, 9)) && !stops(&fleet(1, 10)));
    assert!(
        !stops(&fleet(1, 8)) && !stops(&fleet(2, 7)),
        "nothing is concluded from so few before ten"
    );
    assert!(stops(&fleet(2, 60)) && !stops(&fleet(2, 80)));
    // What the contract's share allows is not stopped by this rule.
    assert!(!stops(&fleet(10, 900)));
}

#[test]
fn boxes_that_somebody_has_looked_at_count_no_more() {
    let mut members = fleet(3, 20);
    assert!(stops(&members));
    members.iter_mut().for_each(|member| member.accepted = true);
    assert!(!stops(&members));
}

#[test]
fn the_reason_names_the_boxes() {
    let reason = judge(&Rule::default(), &fleet(3, 20), now()).unwrap();
    assert_eq!(reason.boxes().len(), 3);
    assert!(matches!(reason, Reason::Harmed { started: 23, .. }), "{reason:?}");
}

#[test]
fn a_rare_model_that_is_always_harmed_stops_it_though_the_share_is_small() {
    let mut members = fleet(0, 300);
    for member in &mut members[..2] {
        member.model = "Rare".into();
        member.stage = harmed();
    }
    let reason = judge(&Rule::default(), &members, now()).unwrap();
    assert!(
        matches!(&reason, Reason::Model { model, started: 2, .. } if model == "Rare"),
        "{reason:?}"
    );
    // The same two, one of each of two common models.
    let mut members = fleet(0, 300);
    members[0].stage = harmed();
    members[2].stage = harmed();
    assert!(!stops(&members));
}

#[test]
fn crashes_of_updated_boxes_stop_it_unless_the_others_crash_as_well() {
    let minutes = |minutes: i64| Some(now() - SignedDuration::from_mins(minutes));
    let mut members = fleet(0, 40);
    for member in &mut members[..8] {
        member.crash = minutes(10);
    }
    let reason = judge(&Rule::default(), &members, now()).unwrap();
    assert!(
        matches!(
            reason,
            Reason::Trouble {
                trouble: Trouble::Crash,
                model: None,
                others_affected: 0,
                ..
            }
        ),
        "{reason:?}"
    );
    assert_eq!(reason.boxes().len(), 8);
    // A service that fails for everybody is no harm of the release.
    for member in members.iter_mut().skip(40).step_by(10) {
        member.crash = minutes(30);
    }
    assert!(!stops(&members));
    // What was before the update is not its doing.
    let mut members = fleet(0, 40);
    for member in &mut members[..4] {
        member.failed_call = minutes(90);
    }
    assert!(!stops(&members));
}

#[test]
fn calls_that_fail_on_one_model_alone_are_seen_among_many() {
    let mut members = fleet(0, 400);
    members.extend((0..600).map(|number| member(1_000 + number, Stage::Untouched)));
    // One in twenty-five fails everywhere, all the time.
    for member in members.iter_mut().step_by(25) {
        member.failed_call = Some(now() - SignedDuration::from_mins(20));
    }
    assert!(!stops(&members));
    for member in members
        .iter_mut()
        .take(400)
        .filter(|member| member.model == "Three")
        .take(25)
    {
        member.failed_call = Some(now() - SignedDuration::from_mins(20));
    }
    let reason = judge(&Rule::default(), &members, now()).unwrap();
    assert!(
        matches!(&reason, Reason::Trouble { model: Some(model), .. } if model == "Three")
            || matches!(&reason, Reason::Trouble { model: None, .. }),
        "{reason:?}"
    );
}
