//! What the wall must show.

use std::time::Duration;

use fleet::contract::{Clock, Update};
use fleet::session::{Input, Output, Scope};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::bench::{Bench, signed};

const MINUTE: Duration = Duration::from_secs(60);

fn notice(bench: &Bench, rev: u64, text: &str, minutes: i64) -> Vec<u8> {
    let exp = bench.wall() + SignedDuration::from_mins(minutes);
    let body = json!({"rev": rev, "urgency": "emergency", "fr": text, "en": text, "exp": exp});
    signed("ops", &bench.document(rev, body))
}

/// What the wall shows after all of it.
fn wall(bench: &Bench, wanted: Scope) -> Option<u64> {
    let mut shown = None;
    for output in &bench.others {
        match output {
            Output::ShowNotice(scope, notice) if *scope == wanted => shown = Some(notice.rev),
            Output::ClearNotice(scope) if *scope == wanted => shown = None,
            _ => {}
        }
    }
    shown
}

fn receive_all(bench: &mut Bench, payload: Vec<u8>) {
    bench.receive_with("x", payload, |received| received.topic = "cr/v1/etat/all/notice".into());
}

#[test]
fn a_notice_is_shown_once_it_is_on_disk_and_goes_when_its_time_is_over() {
    let mut bench = Bench::connected();
    bench.disk_stands_still = true;
    let payload = notice(&bench, 7, "Evacuate", 30);
    bench.receive("notice", payload);
    assert_eq!(wall(&bench, Scope::Own), None);
    bench.write();
    assert_eq!(wall(&bench, Scope::Own), Some(7));
    bench.pass(29 * MINUTE);
    assert_eq!(wall(&bench, Scope::Own), Some(7));
    bench.pass(MINUTE);
    assert_eq!(wall(&bench, Scope::Own), None);
}

#[test]
fn a_newer_notice_takes_its_place_an_empty_one_takes_it_down_and_an_old_one_never_comes_back() {
    let mut bench = Bench::connected();
    let first = notice(&bench, 7, "one", 30);
    bench.receive("notice", first.clone());
    let payload = notice(&bench, 8, "two", 30);
    bench.receive("notice", payload);
    assert_eq!(wall(&bench, Scope::Own), Some(8));
    let payload = notice(&bench, 9, "", 30);
    bench.receive("notice", payload);
    assert_eq!(wall(&bench, Scope::Own), None);
    bench.receive("notice", first);
    assert_eq!(wall(&bench, Scope::Own), None);
    assert_eq!(bench.last("evt/security")["event"], "stale_rev");
    bench.pass(2 * MINUTE);
    let payload = notice(&bench, 9, "another", 30);
    bench.receive("notice", payload);
    assert_eq!(wall(&bench, Scope::Own), None);
    assert_eq!(bench.last("evt/security")["event"], "rev_conflict");
    bench.receive("notice", Vec::new());
    bench.pass(2 * MINUTE);
    assert_eq!(
        bench.said("evt/security").len(),
        2,
        "a retained message that was removed says nothing"
    );
}

#[test]
fn a_notice_survives_a_restart_while_its_time_lasts() {
    let mut bench = Bench::connected();
    let payload = notice(&bench, 7, "Evacuate", 30);
    bench.receive("notice", payload.clone());
    bench.forget();
    bench.restart();
    assert_eq!(wall(&bench, Scope::Own), Some(7), "before any broker");
    bench.connect(false);
    bench.receive("notice", payload);
    assert_eq!(bench.said("evt/security").len(), 0, "the broker has kept it, too");
    let shows = bench
        .others
        .iter()
        .filter(|output| matches!(output, Output::ShowNotice(..)))
        .count();
    assert_eq!(shows, 1);
    bench.now.wall = Some(bench.wall() + SignedDuration::from_hours(1));
    bench.forget();
    bench.restart();
    assert_eq!(wall(&bench, Scope::Own), None);
}

#[test]
fn without_a_clock_a_notice_from_disk_waits_for_the_broker_that_knows_how_long_it_lasts() {
    let mut bench = Bench::connected();
    let payload = notice(&bench, 7, "Evacuate", 30);
    bench.receive("notice", payload.clone());
    bench.forget();
    for (wall_clock, clock, shown) in [
        (Some("1970-01-01T00:00:10Z"), Clock::Unsync, None),
        (None, Clock::None, None),
        (Some("2026-11-21T08:10:00Z"), Clock::Unsync, Some(7)),
        (Some("2026-11-21T09:10:00Z"), Clock::Unsync, None),
    ] {
        bench.now.wall = wall_clock.map(|text| text.parse().unwrap());
        bench.now.clock = clock;
        bench.forget();
        bench.restart();
        assert_eq!(wall(&bench, Scope::Own), shown, "{wall_clock:?}");
    }
    bench.now.wall = None;
    bench.now.clock = Clock::None;
    bench.restart();
    bench.connect(false);
    bench.receive_with("notice", payload, |received| received.expiry = Some(5 * MINUTE));
    assert_eq!(wall(&bench, Scope::Own), Some(7));
    bench.pass(6 * MINUTE);
    assert_eq!(wall(&bench, Scope::Own), None);
}

#[test]
fn what_speaks_to_everybody_stands_beside_what_speaks_to_the_room() {
    let mut bench = Bench::connected();
    let payload = notice(&bench, 7, "room", 30);
    bench.receive("notice", payload);
    let payload = notice(&bench, 3, "everybody", 30);
    receive_all(&mut bench, payload);
    assert_eq!((wall(&bench, Scope::Own), wall(&bench, Scope::All)), (Some(7), Some(3)));
    assert!(bench.said("evt/security").is_empty(), "each counts for itself");
    let payload = signed("evil", &json!({}));
    receive_all(&mut bench, payload);
    assert_eq!(bench.last("evt/security")["event"], "bad_signature");
}

#[test]
fn the_release_to_reach_goes_on_after_a_restart_and_never_back() {
    let mut bench = Bench::connected();
    let update = |bench: &Bench, rev: u64, release: &str| {
        let body = json!({
            "rev": rev, "release": release, "url": "https://updates.example/x", "size": 1,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "manifest_hash": "x",
            "security_version": 9,
        });
        bench.document(rev, body)
    };
    let given = |bench: &Bench| -> Vec<u64> {
        let outputs = bench.others.iter().filter_map(|output| match output {
            Output::Update(update) => Some(update.rev),
            _ => None,
        });
        outputs.collect()
    };
    let document = update(&bench, 57, "2.4.0");
    bench.disk_stands_still = true;
    bench.receive("update/desired", signed("ops", &document));
    assert!(given(&bench).is_empty());
    bench.write();
    bench.disk_stands_still = false;
    assert_eq!(given(&bench), [57]);
    let report: Value = json!({"rev": 57, "phase": "waiting", "running": "2.3.0", "slot": "A"});
    bench.give(Input::UpdateReport(serde_json::from_value(report).unwrap()));
    bench.pass(MINUTE);
    bench.forget();
    bench.receive("update/desired", signed("ops", &document));
    assert_eq!(bench.last("update/reported")["phase"], "waiting", "said again");
    let old = update(&bench, 56, "2.2.0");
    bench.receive("update/desired", signed("ops", &old));
    assert_eq!(bench.last("evt/security")["event"], "stale_rev");
    let unsigned: Update = serde_json::from_value(update(&bench, 58, "6.6.6")).unwrap();
    bench.receive("update/desired", serde_json::to_vec(&unsigned).unwrap());
    assert!(given(&bench).is_empty());
    bench.restart();
    assert_eq!(given(&bench), [57]);
}
