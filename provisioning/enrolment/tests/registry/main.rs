//! The same stories with SQLite and with PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod postgresql;
mod rollouts;

use std::sync::{Arc, Barrier};
use std::thread;

use enrolment::registry::{BoxState, Claim, Claimed, Enrolled, Registry, RegistryError};
use fleet::contract::Serial;
use jiff::{SignedDuration, Timestamp};

fn now() -> Timestamp {
    "2026-11-22T08:00:00Z".parse().unwrap()
}

fn serial(text: &str) -> Serial {
    text.try_into().unwrap()
}

fn claim(of: &str, room: &str) -> Claim {
    Claim {
        serial: serial(of),
        tenant: "etat".try_into().unwrap(),
        site: "lyon".try_into().unwrap(),
        room: (!room.is_empty()).then(|| room.try_into().unwrap()),
    }
}

/// Every story begins with an empty registry: rooms and serial numbers of one do not stand in another.
fn stories(url: &str) {
    a_box_is_claimed_once_and_a_second_word_about_it_is_refused_unless_forced(url);
    a_box_takes_the_room_of_another_and_what_was_before_is_known(url);
    a_spare_goes_into_a_room_without_force(url);
    a_list_is_taken_as_a_whole_or_not_at_all(url);
    what_a_box_got_is_kept_and_a_blocked_box_stays_out(url);
    boxes_that_nobody_claimed_are_seen(url);
    of_two_administrators_who_want_the_same_room_one_gets_it_and_the_other_is_told(url);
    many_boxes_enrol_while_others_are_claimed(url);
    a_room_and_a_person_are_forgotten(url);
    rollouts::stories(url);
}

fn a_box_is_claimed_once_and_a_second_word_about_it_is_refused_unless_forced(url: &str) {
    let mut registry = Registry::open(url).unwrap();
    let first = claim("AAAA-1", "a-1");
    assert_eq!(registry.claim(&first, "alice", false, now()), Ok(Claimed::New));
    assert_eq!(registry.claim(&first, "bob", false, now()), Ok(Claimed::Unchanged));
    let known = registry.find(&serial("aaaa-1")).unwrap().unwrap();
    assert_eq!((known.state, known.claimed_by.as_str()), (BoxState::Claimed, "alice"));
    let elsewhere = claim("AAAA-1", "a-2");
    let refused = registry.claim(&elsewhere, "bob", false, now()).unwrap_err();
    assert_eq!(
        refused,
        RegistryError::Taken {
            serial: serial("AAAA-1"),
            place: "etat/lyon/a-1".into()
        }
    );
    assert_eq!(registry.claim(&elsewhere, "bob", true, now()), Ok(Claimed::Moved));
    assert_eq!(
        registry.find(&serial("AAAA-1")).unwrap().unwrap().place(),
        "etat/lyon/a-2"
    );
    // Its old room is free again.
    assert_eq!(
        registry.claim(&claim("AAAA-2", "a-1"), "bob", false, now()),
        Ok(Claimed::New)
    );
}

fn a_box_takes_the_room_of_another_and_what_was_before_is_known(url: &str) {
    let mut registry = Registry::open(url).unwrap();
    registry.claim(&claim("BBBB-1", "b-1"), "alice", false, now()).unwrap();
    let refused = registry
        .claim(&claim("BBBB-2", "b-1"), "bob", false, now())
        .unwrap_err();
    assert_eq!(
        refused,
        RegistryError::Occupied {
            room: "b-1".try_into().unwrap(),
            occupant: serial("BBBB-1")
        }
    );
    assert!(
        registry.find(&serial("BBBB-2")).unwrap().is_none(),
        "nothing has changed"
    );
    let claimed = registry.claim(&claim("BBBB-2", "b-1"), "bob", true, now());
    assert_eq!(claimed, Ok(Claimed::Replaced(serial("BBBB-1"))));
    assert_eq!(
        registry.find(&serial("BBBB-1")).unwrap().unwrap().state,
        BoxState::Replaced
    );
    let replaced = &registry.replacements().unwrap()[0];
    assert_eq!((&replaced.old, &replaced.new), (&serial("BBBB-1"), &serial("BBBB-2")));
    assert_eq!((replaced.by.as_str(), replaced.room.as_str()), ("bob", "b-1"));
    // What was replaced can be used again somewhere else.
    assert!(registry.claim(&claim("BBBB-1", "b-2"), "bob", false, now()).is_ok());
}

fn a_spare_goes_into_a_room_without_force(url: &str) {
    let mut registry = Registry::open(url).unwrap();
    assert_eq!(
        registry.claim(&claim("CCCC-1", ""), "alice", false, now()),
        Ok(Claimed::New)
    );
    assert_eq!(
        registry.claim(&claim("CCCC-2", ""), "alice", false, now()),
        Ok(Claimed::New)
    );
    assert_eq!(
        registry.claim(&claim("CCCC-1", "c-1"), "bob", false, now()),
        Ok(Claimed::Moved)
    );
}

fn a_list_is_taken_as_a_whole_or_not_at_all(url: &str) {
    let mut registry = Registry::open(url).unwrap();
    registry.claim(&claim("DDDD-9", "d-2"), "alice", false, now()).unwrap();
    let list = [claim("DDDD-1", "d-1"), claim("DDDD-2", "d-2"), claim("DDDD-3", "d-3")];
    let (index, refused) = registry.claim_all(&list, "alice", false, now()).unwrap_err();
    assert!(
        index == 1 && matches!(refused, RegistryError::Occupied { .. }),
        "{index}: {refused}"
    );
    assert!(registry.find(&serial("DDDD-1")).unwrap().is_none());
    let many: Vec<Claim> = (0..1_000)
        .map(|number| claim(&format!("DDDD-M{number}"), &format!("d-m{number}")))
        .collect();
    let claimed = registry.claim_all(&many, "alice", false, now()).unwrap();
    assert!(claimed.len() == 1_000 && claimed.iter().all(|one| *one == Claimed::New));
    let again = registry.claim_all(&many, "alice", false, now()).unwrap();
    assert!(
        again.iter().all(|one| *one == Claimed::Unchanged),
        "the same list twice changes nothing"
    );
    let in_order = registry.boxes().unwrap();
    assert!(in_order.len() >= 1_000 && in_order.is_sorted_by_key(|known| known.site.clone()));
}

fn got(expires: Timestamp) -> Enrolled {
    Enrolled {
        key_id: "ab".repeat(32),
        expires,
        model: "Hemicycle One".into(),
    }
}

fn what_a_box_got_is_kept_and_a_blocked_box_stays_out(url: &str) {
    let mut registry = Registry::open(url).unwrap();
    let of = serial("EEEE-1");
    let expires = now() + SignedDuration::from_hours(24 * 365);
    let unknown = registry.enrolled(&of, &got(expires), now());
    assert_eq!(unknown, Err(RegistryError::Unknown(of.clone())));
    registry.claim(&claim("EEEE-1", "e-1"), "alice", false, now()).unwrap();
    registry.enrolled(&of, &got(expires), now()).unwrap();
    let known = registry.find(&of).unwrap().unwrap();
    assert_eq!((known.state, known.expires), (BoxState::Enrolled, Some(expires)));
    assert_eq!(
        (known.model.as_deref(), known.enrolled_at),
        (Some("Hemicycle One"), Some(now()))
    );
    assert_eq!(known.key_id, Some("ab".repeat(32)));
    registry.block(&of).unwrap();
    assert!(registry.enrolled(&of, &got(expires), now()).is_err());
    let refused = registry.claim(&claim("EEEE-1", "e-1"), "bob", false, now());
    assert_eq!(refused, Err(RegistryError::Blocked(of.clone())));
    assert!(registry.claim(&claim("EEEE-1", "e-1"), "bob", true, now()).is_ok());
}

fn boxes_that_nobody_claimed_are_seen(url: &str) {
    let mut registry = Registry::open(url).unwrap();
    for hours in [1, 2] {
        let then = now() + SignedDuration::from_hours(hours);
        registry.seen(&serial("FFFF-1"), "Hemicycle One", then).unwrap();
    }
    registry.seen(&serial("FFFF-2"), "Hemicycle One", now()).unwrap();
    let seen: Vec<String> = registry
        .strangers()
        .unwrap()
        .iter()
        .map(|one| one.serial.to_string())
        .collect();
    assert_eq!(seen, ["FFFF-1", "FFFF-2"], "the latest first");
    registry.claim(&claim("FFFF-1", "f-1"), "alice", false, now()).unwrap();
    assert_eq!(registry.strangers().unwrap().len(), 1);
}

fn of_two_administrators_who_want_the_same_room_one_gets_it_and_the_other_is_told(url: &str) {
    for round in 0..10 {
        let together = Arc::new(Barrier::new(2));
        let both: Vec<_> = ["alice", "bob"]
            .into_iter()
            .map(|who| {
                let (url, together) = (url.to_owned(), Arc::clone(&together));
                thread::spawn(move || {
                    let mut registry = Registry::open(&url).unwrap();
                    together.wait();
                    registry.claim(
                        &claim(&format!("GG{round}-{who}"), &format!("g-{round}")),
                        who,
                        false,
                        now(),
                    )
                })
            })
            .collect();
        let results: Vec<_> = both.into_iter().map(|one| one.join().unwrap()).collect();
        let won = results.iter().filter(|result| **result == Ok(Claimed::New)).count();
        let told = results
            .iter()
            .filter(|result| matches!(result, Err(RegistryError::Occupied { .. })))
            .count();
        assert_eq!((won, told), (1, 1), "{results:?}");
    }
}

fn many_boxes_enrol_while_others_are_claimed(url: &str) {
    let expires = now() + SignedDuration::from_hours(24);
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let url = url.to_owned();
            thread::spawn(move || {
                let mut registry = Registry::open(&url).unwrap();
                for number in 0..25 {
                    let of = format!("HH{worker}-{number}");
                    registry
                        .claim(&claim(&of, &format!("h-{worker}-{number}")), "alice", false, now())
                        .unwrap();
                    registry.enrolled(&serial(&of), &got(expires), now()).unwrap();
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    let boxes = Registry::open(url).unwrap().boxes().unwrap();
    let enrolled = boxes.iter().filter(|known| known.serial.as_str().starts_with("HH"));
    assert_eq!(enrolled.filter(|known| known.state == BoxState::Enrolled).count(), 100);
}

fn a_room_and_a_person_are_forgotten(url: &str) {
    let mut registry = Registry::open(url).unwrap();
    let who = "Zoe-Canary-4711";
    registry
        .claim(&claim("IIII-1", "i-canary-0815"), who, false, now())
        .unwrap();
    registry
        .claim(&claim("IIII-2", "i-canary-0815"), who, true, now())
        .unwrap();
    registry.claim(&claim("IIII-3", "i-2"), who, false, now()).unwrap();
    assert_eq!(registry.forget_person(who), Ok(4));
    let all = format!("{:?} {:?}", registry.boxes().unwrap(), registry.replacements().unwrap());
    assert!(!all.contains(who) && all.contains("i-canary-0815"), "the boxes stay");
    let (tenant, site) = ("etat".try_into().unwrap(), "lyon".try_into().unwrap());
    let room = "i-canary-0815".try_into().unwrap();
    let gone = registry.forget_room(&tenant, &site, &room).unwrap();
    assert_eq!(gone, [serial("IIII-1"), serial("IIII-2")]);
    let all = format!("{:?} {:?}", registry.boxes().unwrap(), registry.replacements().unwrap());
    assert!(!all.contains("i-canary-0815"));
    assert!(registry.find(&serial("IIII-3")).unwrap().is_some());
}

#[test]
fn sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    stories(&path.display().to_string());
    // What was forgotten is not in any file either.
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for canary in [
            "Zoe-Canary-4711",
            "i-canary-0815",
            "Dora-Canary-0815",
            "box-rrrr-canary",
        ] {
            assert!(
                !bytes.windows(canary.len()).any(|window| window == canary.as_bytes()),
                "{canary}"
            );
        }
        files += 1;
    }
    assert!(files >= 1);
    assert!(Registry::open("/nowhere/at/all.db").is_err());
}

#[test]
fn postgresql() {
    let Some(server) = postgresql::Postgresql::start() else {
        assert!(std::env::var_os("CI").is_none(), "no PostgreSQL in CI");
        // The test runner hides what is printed, not what is written.
        let line = b"\nskipped: the registry in PostgreSQL: no server is installed here (package `postgresql`)\n";
        let _ = std::io::Write::write_all(&mut std::io::stdout(), line);
        return;
    };
    stories(&server.url());
}

#[test]
fn a_database_that_is_not_there_says_so_in_a_sentence() {
    let error = Registry::open("postgresql://fleet@127.0.0.1:1/fleet")
        .unwrap_err()
        .to_string();
    assert!(error.contains("registry") && error.len() < 300, "{error}");
}
