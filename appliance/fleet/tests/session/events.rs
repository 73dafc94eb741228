//! Events: none that was accepted is lost, and no storm of them reaches the broker.

use std::collections::BTreeSet;
use std::time::Duration;

use fleet::contract::EventClass;
use fleet::session::Input;
use serde_json::{Map, Value, json};

use crate::bench::Bench;

pub fn event(class: EventClass, name: &str, number: u64) -> Input {
    Input::Event {
        class,
        event: name.into(),
        detail: Map::from_iter([("n".to_owned(), number.into())]),
    }
}

fn alert(name: &str, number: u64) -> Input {
    event(EventClass::Alert, name, number)
}

fn ids(said: &[Value]) -> BTreeSet<String> {
    said.iter()
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn an_event_is_on_disk_before_it_is_published() {
    let mut bench = Bench::connected();
    bench.disk_stands_still = true;
    bench.give(alert("camera.dark", 1));
    assert!(bench.said("evt/alert").is_empty());
    bench.write();
    assert_eq!(bench.last("evt/alert")["event"], "camera.dark");
    assert!(bench.last("evt/alert").get("late").is_none());
    assert_eq!(bench.disk.keys().filter(|key| key.starts_with("event/")).count(), 1);
}

#[test]
fn an_event_without_a_broker_comes_late_and_survives_a_power_cut() {
    let mut bench = Bench::new();
    bench.give(alert("camera.dark", 1));
    bench.restart();
    bench.connect(false);
    bench.pass(Duration::from_secs(1));
    let said = bench.said("evt/alert");
    assert_eq!(said.len(), 1);
    assert_eq!(
        (&said[0]["late"], &said[0]["boot"]),
        (&json!(true), &json!("boot-0001"))
    );
}

#[test]
fn an_event_stays_ten_minutes_after_its_puback_and_goes_again_when_the_broker_has_forgotten() {
    let mut bench = Bench::connected();
    bench.give(alert("camera.dark", 1));
    let id = ids(&bench.said("evt/alert"));
    bench.pass(Duration::from_secs(595));
    bench.lose();
    bench.forget();
    bench.connect(false);
    bench.pass(Duration::from_secs(2));
    assert_eq!(ids(&bench.said("evt/alert")), id, "under the same id");
    assert_eq!(bench.last("evt/alert")["late"], true);
    bench.pass(Duration::from_secs(590));
    assert!(
        bench.disk.keys().any(|key| key.starts_with("event/")),
        "its ten minutes began again"
    );
    bench.pass(Duration::from_secs(90));
    assert!(!bench.disk.keys().any(|key| key.starts_with("event/")));
    bench.lose();
    bench.forget();
    bench.connect(false);
    bench.pass(Duration::from_secs(60));
    assert!(bench.said("evt/alert").is_empty());
}

#[test]
fn an_outage_of_hours_does_not_use_up_the_ten_minutes() {
    let mut bench = Bench::connected();
    bench.give(alert("camera.dark", 1));
    bench.lose();
    bench.forget();
    for _ in 0..40 {
        bench.pass(Duration::from_secs(300));
        if bench.connects.pop().is_some() {
            bench.give(Input::ConnectFailed { busy: false });
        }
    }
    bench.connect(false);
    bench.pass(Duration::from_secs(2));
    assert_eq!(
        bench.said("evt/alert").len(),
        1,
        "the broker that acknowledged it may have crashed right after"
    );
}

#[test]
fn a_broker_restored_from_an_old_copy_says_session_present_and_gets_the_events_again() {
    let mut bench = Bench::connected();
    bench.give(alert("camera.dark", 1));
    bench.lose();
    bench.forget();
    bench.connect(true);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.said("evt/alert").len(), 1);
}

#[test]
fn an_event_without_puback_goes_again_over_the_next_connection() {
    let mut bench = Bench::connected();
    bench.broker_stands_still = true;
    bench.give(alert("camera.dark", 1));
    let id = ids(&bench.said("evt/alert"));
    bench.lose();
    bench.broker_stands_still = false;
    bench.forget();
    bench.connect(true);
    bench.pass(Duration::from_secs(2));
    assert_eq!(ids(&bench.said("evt/alert")), id);
}

#[test]
fn what_was_kept_comes_at_20_a_second_and_what_happens_now_overtakes_it() {
    let mut bench = Bench::new();
    for number in 0..100 {
        bench.give(alert(&format!("kind.{number}"), number));
        bench.pass(Duration::from_secs(6));
        if let Some((_, _)) = bench.connects.pop() {
            bench.give(Input::ConnectFailed { busy: false });
        }
    }
    bench.connect(false);
    bench.forget();
    bench.give(event(EventClass::Crash, "media", 1));
    assert_eq!(bench.said("evt/crash").len(), 1, "at once");
    bench.pass(Duration::from_secs(10));
    let times: Vec<u64> = bench
        .heard
        .iter()
        .filter(|h| h.channel == "evt/alert")
        .map(|h| h.at_ms)
        .collect();
    assert!(times.len() >= 98, "{}", times.len());
    for window in times.windows(21) {
        assert!(window[20] - window[0] >= 1_000, "more than 20 in a second");
    }
    let numbers: Vec<u64> = bench
        .said("evt/alert")
        .iter()
        .map(|e| e["detail"]["n"].as_u64().unwrap())
        .collect();
    assert!(numbers.is_sorted(), "in their order");
}

#[test]
fn twenty_at_once_then_one_every_five_seconds_and_repetitions_are_counted() {
    let mut bench = Bench::connected();
    for number in 0..100 {
        bench.give(alert("camera.dark", number));
    }
    assert_eq!(bench.said("evt/alert").len(), 20);
    bench.pass(Duration::from_millis(4_900));
    assert_eq!(bench.said("evt/alert").len(), 20);
    bench.pass(Duration::from_millis(200));
    let said = bench.said("evt/alert");
    assert_eq!(said.len(), 21);
    assert_eq!((&said[20]["count"], &said[20]["detail"]["n"]), (&json!(80), &json!(99)));
    let total: u64 = said.iter().map(|event| event["count"].as_u64().unwrap()).sum();
    assert_eq!(total, 100, "none is forgotten");
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.said("evt/alert").len(), 21, "nothing is left");
}

#[test]
fn another_kind_waits_its_turn_and_is_not_counted_with_the_rest() {
    let mut bench = Bench::connected();
    for number in 0..25 {
        bench.give(alert("camera.dark", number));
    }
    bench.give(alert("disk.full", 1));
    bench.give(event(EventClass::Crash, "camera.dark", 2));
    bench.pass(Duration::from_secs(20));
    assert_eq!(bench.last("evt/alert")["event"], "disk.full");
    assert_eq!(bench.said("evt/crash").len(), 1);
}

#[test]
fn a_thousand_kinds_at_once_need_no_more_room_than_64() {
    let mut bench = Bench::connected();
    for number in 0..1_000 {
        bench.give(alert(&format!("kind.{number}"), number));
    }
    bench.pass(Duration::from_secs(5 * 70));
    let said = bench.said("evt/alert");
    assert_eq!(said.len(), 20 + 64 + 1);
    let total: u64 = said.iter().map(|event| event["count"].as_u64().unwrap()).sum();
    assert_eq!(total, 1_000);
}

#[test]
fn the_ring_is_bounded_loses_the_oldest_first_and_says_how_many() {
    let mut bench = Bench::new();
    let mut number = 0;
    let size = |bench: &Bench| bench.disk.values().map(Vec::len).sum::<usize>();
    let long = "x".repeat(7_500);
    while bench.disk.keys().all(|key| key != "events-lost") || number < 1_600 {
        number += 1;
        bench.give(Input::Event {
            class: EventClass::Audit,
            event: "command".into(),
            detail: Map::from_iter([
                ("n".to_owned(), number.into()),
                ("text".to_owned(), long.clone().into()),
            ]),
        });
        bench.now.up_ms += 5_000;
        if bench.connects.pop().is_some() {
            bench.give(Input::ConnectFailed { busy: false });
        }
        assert!(number < 3_000);
    }
    assert!(size(&bench) <= 11 << 20, "{}", size(&bench));
    assert!(size(&bench) > 10 << 20);
    bench.restart();
    bench.connect(false);
    bench.pass(Duration::from_secs(150));
    let said = bench.said("evt/audit");
    let numbers: Vec<u64> = said
        .iter()
        .map(|event| event["detail"]["n"].as_u64().unwrap())
        .collect();
    assert_eq!(*numbers.last().unwrap(), number, "the youngest is there");
    assert!(numbers.is_sorted());
    let lost = bench.last("evt/alert");
    assert_eq!(lost["event"], "events_lost");
    assert_eq!(lost["count"].as_u64().unwrap() + numbers.len() as u64, number);
}

#[test]
fn a_detail_that_is_too_large_does_not_lose_the_event() {
    let mut bench = Bench::connected();
    bench.give(Input::Event {
        class: EventClass::Crash,
        event: "media".into(),
        detail: Map::from_iter([("trace".to_owned(), "x".repeat(20_000).into())]),
    });
    assert_eq!(bench.last("evt/crash")["detail"], json!({"too_large": true}));
}

#[test]
fn what_could_not_be_written_is_tried_again_until_it_is() {
    let mut bench = Bench::connected();
    bench.disk_stands_still = true;
    bench.give(alert("camera.dark", 1));
    for _ in 0..5 {
        let (token, _) = bench.writes.pop_front().unwrap();
        bench.give(Input::WriteFailed { token });
        assert!(bench.writes.is_empty());
        bench.pass(Duration::from_millis(5_000));
    }
    bench.write();
    assert_eq!(bench.said("evt/alert").len(), 1);
}
