//! An orderly stop: what is due arrives, then the last word, then DISCONNECT.

use std::time::Duration;

use fleet::contract::{EventClass, OfflineReason, State, StatePart};
use fleet::session::{Input, Output, Reply};
use jiff::SignedDuration;
use serde_json::{Map, json};

use crate::bench::{Bench, before};
use crate::events::event;

fn stopped(bench: &Bench) -> bool {
    bench.others.contains(&Output::Stopped)
}

#[test]
fn the_answer_to_a_reboot_arrives_before_the_last_word() {
    let mut bench = Bench::connected();
    bench.pass(Duration::from_secs(5));
    let exp = bench.wall() + SignedDuration::from_secs(60);
    let document = bench.document(
        1,
        json!({"name": "sys.reboot", "params": {}, "exp": exp, "actor": "ops"}),
    );
    bench.receive("cmd/sys.reboot", document.to_string().into_bytes());
    bench.disk_stands_still = true;
    bench.broker_stands_still = true;
    let id = bench.executed[0].id;
    bench.give(Input::Answer {
        id,
        reply: Reply::done(Map::new()),
    });
    bench.forget();
    bench.give(Input::Stop(OfflineReason::Reboot));
    assert!(bench.heard.is_empty(), "the answer is not on disk");
    bench.write();
    assert_eq!(bench.last("res/sys.reboot")["status"], "done");
    assert!(bench.said("online").is_empty(), "it has not arrived");
    bench.acknowledge();
    while !bench.writes.is_empty() {
        bench.write();
    }
    let last = bench.last("online");
    assert_eq!(
        last,
        json!({"v": 1, "online": false, "sid": before() + 1, "reason": "reboot"})
    );
    assert!(!bench.others.contains(&Output::Disconnect));
    bench.acknowledge();
    assert!(bench.others.contains(&Output::Disconnect) && !stopped(&bench));
    bench.lose();
    assert!(stopped(&bench));
    bench.forget();
    bench.pass(Duration::from_secs(600));
    bench.give(event(EventClass::Alert, "late", 1));
    assert!(bench.heard.is_empty() && bench.connects.is_empty() && bench.others.is_empty() && bench.writes.is_empty());
    assert_eq!(bench.session.next_deadline(), None);
    bench.restart();
    bench.forget();
    bench.connect(true);
    bench.pass(Duration::from_secs(5));
    assert!(bench.said("res/sys.reboot").is_empty(), "it is known to have arrived");
}

#[test]
fn what_changed_a_moment_ago_is_said_before_the_last_word() {
    let mut bench = Bench::connected();
    let phase = |phase: &str| {
        Input::State(State {
            part: StatePart::Call,
            state: Map::from_iter([("phase".into(), phase.into())]),
        })
    };
    bench.give(phase("in-meeting"));
    bench.give(phase("idle"));
    assert_eq!(
        bench.last("state/call")["state"]["phase"],
        "in-meeting",
        "once in a second"
    );
    bench.give(Input::Stop(OfflineReason::Standby));
    assert_eq!(bench.last("state/call")["state"]["phase"], "idle");
    assert_eq!(
        bench.heard.last().map(|heard| heard.channel.as_str()),
        Some("online"),
        "the last word"
    );
}

#[test]
fn a_broker_that_says_nothing_holds_nobody_up() {
    let mut bench = Bench::connected();
    bench.broker_stands_still = true;
    bench.give(event(EventClass::Alert, "camera.dark", 1));
    bench.give(Input::Stop(OfflineReason::Standby));
    bench.pass(Duration::from_millis(1_999));
    assert_eq!(bench.said("online").len(), 1, "only its birth");
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.last("online")["reason"], "standby");
    bench.pass(Duration::from_millis(2_999));
    assert!(!stopped(&bench));
    bench.pass(Duration::from_millis(1));
    assert!(bench.others.contains(&Output::Disconnect) && stopped(&bench));
}

#[test]
fn without_a_broker_only_the_disk_is_waited_for() {
    let mut bench = Bench::new();
    bench.disk_stands_still = true;
    bench.give(event(EventClass::Alert, "camera.dark", 1));
    bench.give(Input::Stop(OfflineReason::Update));
    assert!(!stopped(&bench));
    bench.write();
    assert!(stopped(&bench));
    bench.restart();
    bench.connect(false);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.last("evt/alert")["event"], "camera.dark");
}
