//! A broker that means harm: nothing is executed, one word a minute, no memory.

use std::time::Duration;

use fleet::session::{Input, Output, Receipt};
use jiff::SignedDuration;
use serde_json::json;

use crate::bench::{Bench, signed};

#[test]
fn ten_thousand_commands_a_second_are_thirty_answers_thirty_refusals_and_one_event() {
    let mut bench = Bench::connected();
    bench.pass(Duration::from_secs(5));
    bench.forget();
    let exp = bench.wall() + SignedDuration::from_secs(60);
    for id in 0..10_000 {
        let body = json!({"name": "call.join", "params": {"room": "Salle"}, "exp": exp, "actor": "evil"});
        let document = bench.document(id, body);
        bench.receive("cmd/call.join", signed("evil", &document));
    }
    assert!(bench.executed.is_empty());
    assert_eq!(bench.said("res/call.join").len(), 60);
    assert_eq!(bench.said("evt/security").len(), 1);
    assert_eq!(bench.acknowledged.len(), 10_000, "the broker is not held up");
    bench.pass(Duration::from_secs(60));
    let events = bench.said("evt/security");
    assert_eq!(events.len(), 2);
    let told = &events[1];
    let others: u64 = told["detail"]["others"]
        .as_object()
        .unwrap()
        .values()
        .map(|n| n.as_u64().unwrap())
        .sum();
    assert_eq!(
        told["count"].as_u64().unwrap() + others + 1,
        30 + 9_940,
        "all of them are counted"
    );
    let kept: usize = bench.disk.values().map(Vec::len).sum();
    assert!(kept < 10_000, "{kept} bytes on disk");
}

#[test]
fn whatever_comes_on_whatever_topic_does_nothing() {
    let mut bench = Bench::connected();
    bench.pass(Duration::from_secs(5));
    bench.forget();
    let long = "x".repeat(100_000);
    let payloads: Vec<Vec<u8>> = vec![
        b"{".to_vec(),
        b"null".to_vec(),
        b"\xff\xfe".to_vec(),
        "[".repeat(100_000).into_bytes(),
        long.into_bytes(),
        signed("ops", &json!({"rev": 9_007_199_254_740_991_u64})),
        signed("ops", &json!([])),
        signed("evil", &json!({"rev": 1})),
        b"signed by ops.{\"v\":1,\"rev\":1,\"rev\":2}".to_vec(),
    ];
    let topics = [
        "cr/v1/etat/lyon-412/config/desired",
        "cr/v1/etat/lyon-412/update/desired",
        "cr/v1/etat/lyon-412/notice",
        "cr/v1/etat/all/notice",
        "cr/v1/etat/lyon-412/cmd/factory.reset",
        "cr/v1/etat/lyon-412/cmd/",
        "cr/v1/autre/lyon-412/cmd/sys.reboot",
        "cr/v1/etat/paris-07x/config/desired",
        "cr/v1/etat/lyon-412/online",
        "$SYS/broker",
        "",
    ];
    for topic in topics {
        for payload in &payloads {
            for retain in [false, true] {
                bench.receive_with("x", payload.clone(), |received| {
                    received.topic = topic.into();
                    received.retain = retain;
                });
            }
        }
    }
    bench.pass(Duration::from_secs(600));
    assert!(bench.executed.is_empty());
    let acted = |output: &&Output| !matches!(output, Output::Security { .. });
    assert_eq!(bench.others.iter().find(acted), None);
    let times: Vec<u64> = bench
        .heard
        .iter()
        .filter(|h| h.channel == "evt/security")
        .map(|h| h.at_ms)
        .collect();
    assert!(
        times.len() >= 2 && times.windows(2).all(|pair| pair[1] - pair[0] >= 60_000),
        "{times:?}"
    );
    assert_eq!(bench.acknowledged.len(), topics.len() * payloads.len() * 2);
}

#[test]
fn a_retained_command_is_never_executed() {
    let mut bench = Bench::connected();
    let exp = bench.wall() + SignedDuration::from_secs(60);
    let document = bench.document(1, json!({"name": "av.mute", "params": {}, "exp": exp, "actor": "ops"}));
    bench.receive_with("cmd/av.mute", document.to_string().into_bytes(), |received| {
        received.retain = true
    });
    assert!(bench.executed.is_empty() && bench.said("res/av.mute").is_empty());
    assert_eq!(bench.last("evt/security")["event"], "retained_command");
}

#[test]
fn words_that_nobody_asked_for_change_nothing() {
    let mut bench = Bench::new();
    bench.disk_stands_still = true;
    for input in [
        Input::Connected { session_present: true },
        Input::ConnectFailed { busy: true },
        Input::Disconnected,
        Input::Subscribed { granted: true },
        Input::Acknowledged {
            token: fleet::session::Token(7),
        },
        Input::Written {
            token: fleet::session::Token(7),
        },
        Input::WriteFailed {
            token: fleet::session::Token(7),
        },
        Input::Configured {
            rev: 1,
            errors: Vec::new(),
        },
        Input::Received(fleet::session::Received {
            receipt: Receipt(1),
            topic: "cr/v1/etat/lyon-412/cmd/av.mute".into(),
            payload: b"{}".to_vec(),
            retain: false,
            expiry: None,
            correlation: Some(vec![1]),
            response_topic: None,
        }),
    ] {
        bench.give(input);
    }
    assert!(!bench.session.is_connected());
    assert!(bench.heard.is_empty() && bench.others.is_empty() && bench.connects.is_empty());
}
