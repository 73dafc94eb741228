//! Rollouts: one row each, one conductor at a time, nobody's change lost.

use std::sync::{Arc, Barrier};
use std::thread;

use enrolment::registry::{Claim, Registry, RolloutError, RolloutHead, RolloutRecord, Seat, Wish};
use jiff::{SignedDuration, Timestamp};

fn now() -> Timestamp {
    "2026-11-22T08:00:00Z".parse().unwrap()
}

fn seat(holder: &str, name: &str, until: Timestamp) -> Seat {
    Seat {
        holder: holder.into(),
        name: name.into(),
        until,
    }
}

fn rollout(id: &str, document: &str) -> RolloutRecord {
    let head = RolloutHead {
        id: id.into(),
        tenant: "etat".try_into().unwrap(),
        revision: 1,
        over: false,
        wish: Wish::Run,
        wish_by: "alice".into(),
        started_by: "alice".into(),
        seat: Some(seat("first", "alice", now() + SignedDuration::from_secs(30))),
    };
    RolloutRecord {
        head,
        document: document.into(),
    }
}

/// Each has an empty table, or rollouts of its own.
pub fn stories(url: &str) {
    of_two_rollouts_for_the_same_boxes_one_begins_and_the_other_is_told(url);
    whoever_has_read_an_older_revision_is_refused(url);
    a_second_conductor_is_refused_with_the_name_of_the_first_until_the_lease_has_run_out(url);
    a_conductor_who_lost_the_seat_writes_nothing_more(url);
    a_forgotten_box_and_a_forgotten_person_are_in_no_rollout(url);
}

fn of_two_rollouts_for_the_same_boxes_one_begins_and_the_other_is_told(url: &str) {
    let together = Arc::new(Barrier::new(2));
    let both: Vec<_> = ["2.4.0-aaaa", "2.4.0-bbbb"]
        .into_iter()
        .map(|id| {
            let (url, together) = (url.to_owned(), Arc::clone(&together));
            thread::spawn(move || {
                let mut registry = Registry::open(&url).unwrap();
                together.wait();
                registry.begin_rollout(&rollout(id, r#"{"boxes":"all"}"#), |other| {
                    other.document.contains("all")
                })
            })
        })
        .collect();
    let results: Vec<_> = both.into_iter().map(|one| one.join().unwrap()).collect();
    let begun = results.iter().filter(|result| result.is_ok()).count();
    let told = results
        .iter()
        .filter(|result| matches!(result, Err(RolloutError::Overlaps { .. })))
        .count();
    assert_eq!((begun, told), (1, 1), "{results:?}");
    // One that is over is in nobody's way.
    let mut registry = Registry::open(url).unwrap();
    let tenant = "etat".try_into().unwrap();
    let first = registry.rollouts(&tenant).unwrap().remove(0);
    let mut first = registry.rollout(&first.id).unwrap();
    first.head.over = true;
    assert_eq!(registry.save_rollout(&first, "first"), Ok(2));
    let next = rollout("2.5.0-cccc", r#"{"boxes":"all"}"#);
    assert_eq!(
        registry.begin_rollout(&next, |other| other.document.contains("all")),
        Ok(())
    );
    let all = registry.rollouts(&tenant).unwrap();
    assert_eq!((all.len(), all[0].over, all[1].over), (2, true, false));
    assert_eq!(registry.rollout("2.5.0-cccc").unwrap(), next);
    assert_eq!(registry.rollout_head("2.5.0-cccc").unwrap(), next.head);
    let unknown = registry.rollout("9.9.9-zzzz");
    assert_eq!(unknown, Err(RolloutError::Unknown("9.9.9-zzzz".into())));
    let unknown = registry.rollout_head("9.9.9-zzzz");
    assert_eq!(unknown, Err(RolloutError::Unknown("9.9.9-zzzz".into())));
}

fn whoever_has_read_an_older_revision_is_refused(url: &str) {
    let mut registry = Registry::open(url).unwrap();
    registry.begin_rollout(&rollout("cas-1", "{}"), |_| false).unwrap();
    let read = registry.rollout("cas-1").unwrap();
    assert_eq!(registry.wish_rollout(&read.head, Wish::Pause, "bob"), Ok(2));
    let there = registry.rollout_head("cas-1").unwrap();
    assert_eq!((there.wish, there.wish_by.as_str()), (Wish::Pause, "bob"));
    let refused = RolloutError::Changed("cas-1".into());
    assert_eq!(
        registry.wish_rollout(&read.head, Wish::Abort, "carol"),
        Err(refused.clone())
    );
    assert_eq!(registry.save_rollout(&read, "first"), Err(refused));
    assert_eq!(registry.wish_rollout(&there, Wish::Abort, "carol"), Ok(3));
    // Who wants it to end is not talked over, but may be joined.
    let there = registry.rollout_head("cas-1").unwrap();
    let ending = RolloutError::Ending {
        id: "cas-1".into(),
        by: "carol".into(),
    };
    for wish in [Wish::Run, Wish::Pause] {
        assert_eq!(registry.wish_rollout(&there, wish, "bob"), Err(ending.clone()));
    }
    assert_eq!(registry.wish_rollout(&there, Wish::Abort, "bob"), Ok(4));
    let there = registry.rollout_head("cas-1").unwrap();
    assert_eq!((there.wish, there.wish_by.as_str()), (Wish::Abort, "bob"));
}

fn a_second_conductor_is_refused_with_the_name_of_the_first_until_the_lease_has_run_out(url: &str) {
    let mut registry = Registry::open(url).unwrap();
    let until = now() + SignedDuration::from_secs(30);
    registry.begin_rollout(&rollout("seat-1", "{}"), |_| false).unwrap();
    let bob = |at: Timestamp| seat("second", "bob", at + SignedDuration::from_secs(30));
    let refused = registry.take_seat("seat-1", &bob(now()), now());
    let held = RolloutError::Held {
        id: "seat-1".into(),
        name: "alice".into(),
        until,
    };
    assert_eq!(refused, Err(held));
    // The first renews it.
    let later = now() + SignedDuration::from_secs(20);
    let renewed = seat("first", "alice", later + SignedDuration::from_secs(30));
    assert_eq!(registry.take_seat("seat-1", &renewed, later), Ok(()));
    assert!(registry.take_seat("seat-1", &bob(until), until).is_err());
    let much_later = now() + SignedDuration::from_secs(60);
    assert_eq!(registry.take_seat("seat-1", &bob(much_later), much_later), Ok(()));
    // Whoever leaves leaves only their own.
    registry.leave_seat("seat-1", "first").unwrap();
    assert_eq!(registry.rollout("seat-1").unwrap().head.seat.unwrap().name, "bob");
    registry.leave_seat("seat-1", "second").unwrap();
    assert_eq!(registry.rollout("seat-1").unwrap().head.seat, None);
    assert_eq!(registry.take_seat("seat-1", &renewed, much_later), Ok(()));
    let unknown = registry.take_seat("nowhere", &renewed, now());
    assert_eq!(unknown, Err(RolloutError::Unknown("nowhere".into())));
}

fn a_conductor_who_lost_the_seat_writes_nothing_more(url: &str) {
    let mut registry = Registry::open(url).unwrap();
    registry.begin_rollout(&rollout("lost-1", "{}"), |_| false).unwrap();
    let read = registry.rollout("lost-1").unwrap();
    let later = now() + SignedDuration::from_secs(60);
    let bob = seat("second", "bob", later + SignedDuration::from_secs(30));
    registry.take_seat("lost-1", &bob, later).unwrap();
    let refused = registry.save_rollout(&read, "first");
    assert_eq!(refused, Err(RolloutError::Changed("lost-1".into())));
    assert_eq!(registry.save_rollout(&read, "second"), Ok(2));
    // Whoever slept meanwhile does not sit down again, not even when the other one has gone: much may have changed.
    let alice = seat("first", "alice", later + SignedDuration::from_secs(90));
    let lost = Err(RolloutError::Changed("lost-1".into()));
    assert_eq!(registry.keep_seat("lost-1", &alice), lost);
    assert_eq!(registry.keep_seat("lost-1", &bob), Ok(()));
    registry.leave_seat("lost-1", "second").unwrap();
    assert_eq!(registry.keep_seat("lost-1", &alice), lost);
}

fn a_forgotten_box_and_a_forgotten_person_are_in_no_rollout(url: &str) {
    let mut registry = Registry::open(url).unwrap();
    let claim = Claim {
        serial: "RRRR-CANARY".try_into().unwrap(),
        tenant: "etat".try_into().unwrap(),
        site: "lyon".try_into().unwrap(),
        room: Some("r-1".try_into().unwrap()),
    };
    registry.claim(&claim, "dora", false, now()).unwrap();
    let document = r#"{"members":[{"device":"box-rrrr-canary","model":"One"},{"device":"box-other-one"}],
        "reason":{"boxes":["box-rrrr-canary","box-other-one"]}}"#;
    let mut of_dora = rollout("forget-1", document);
    of_dora.head.started_by = "Dora-Canary-0815".into();
    of_dora.head.seat = Some(seat("first", "Dora-Canary-0815", now()));
    registry.begin_rollout(&of_dora, |_| false).unwrap();
    let (tenant, site) = ("etat".try_into().unwrap(), "lyon".try_into().unwrap());
    registry
        .forget_room(&tenant, &site, &"r-1".try_into().unwrap())
        .unwrap();
    assert_eq!(registry.forget_person("Dora-Canary-0815"), Ok(2));
    let left = registry.rollout("forget-1").unwrap();
    assert!(!format!("{left:?}").to_lowercase().contains("canary"), "{left:?}");
    assert_eq!(left.document.matches("box-other-one").count(), 2, "{left:?}");
    assert_eq!(left.head.revision, 2, "its conductor notices");
}
