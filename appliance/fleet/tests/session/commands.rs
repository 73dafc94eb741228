//! Commands: at most once, always answered.

use std::time::Duration;

use fleet::contract::{Clock, Code};
use fleet::session::{Input, Reply};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use crate::bench::{Bench, signed};

fn command(bench: &Bench, id: u64, name: &str, params: Value) -> Value {
    let exp = bench.wall() + SignedDuration::from_secs(60);
    bench.document(
        id,
        json!({"name": name, "params": params, "exp": exp, "actor": "ops@etat.example"}),
    )
}

fn volume(bench: &Bench, id: u64) -> Vec<u8> {
    command(bench, id, "av.volume", json!({"percent": 40}))
        .to_string()
        .into_bytes()
}

fn answer(bench: &Bench, name: &str) -> (String, String) {
    let answer = bench.last(&format!("res/{name}"));
    let word = |field: &str| answer[field].as_str().unwrap().to_owned();
    (word("status"), word("code"))
}

fn is(bench: &Bench, name: &str, status: &str, code: &str) {
    assert_eq!(answer(bench, name), (status.to_owned(), code.to_owned()));
}

fn done(bench: &mut Bench, index: usize) {
    let id = bench.executed[index].id;
    let result = Map::from_iter([("percent".to_owned(), 40.into())]);
    bench.give(Input::Answer {
        id,
        reply: Reply::done(result),
    });
}

#[test]
fn a_command_is_on_disk_before_it_is_executed_and_its_message_is_acknowledged_then() {
    let mut bench = Bench::connected();
    bench.disk_stands_still = true;
    let payload = volume(&bench, 1);
    let receipt = bench.receive("cmd/av.volume", payload);
    assert!(bench.executed.is_empty() && bench.acknowledged.is_empty());
    bench.write();
    assert_eq!(bench.acknowledged, [receipt]);
    assert_eq!(bench.executed.len(), 1);
    is(&bench, "av.volume", "accepted", "ok");
    done(&mut bench, 0);
    is(&bench, "av.volume", "accepted", "ok");
    bench.write();
    is(&bench, "av.volume", "done", "ok");
    assert_eq!(bench.last("res/av.volume")["result"]["percent"], 40);
    assert_eq!(
        bench.last("res/av.volume")["re"],
        command(&bench, 1, "x", json!({}))["id"]
    );
}

#[test]
fn a_power_cut_before_the_disk_has_it_leaves_it_to_the_broker_and_after_it_it_is_never_run_again() {
    let mut bench = Bench::connected();
    bench.disk_stands_still = true;
    let payload = volume(&bench, 1);
    bench.receive("cmd/av.volume", payload.clone());
    bench.restart();
    bench.connect(true);
    bench.receive("cmd/av.volume", payload.clone());
    assert_eq!(bench.executed.len(), 1, "the broker sends again what has no PUBACK");
    bench.restart();
    bench.forget();
    bench.connect(true);
    bench.pass(Duration::from_secs(1));
    is(&bench, "av.volume", "failed", "interrupted");
    assert_eq!(bench.said("res/av.volume").len(), 1);
    bench.receive("cmd/av.volume", payload);
    assert!(bench.executed.is_empty());
    is(&bench, "av.volume", "failed", "interrupted");
    assert_eq!(bench.last("res/av.volume")["replay"], true);
    bench.restart();
    bench.forget();
    bench.pass(Duration::from_secs(700));
    bench.connect(true);
    bench.pass(Duration::from_secs(1));
    assert!(bench.executed.is_empty());
}

#[test]
fn the_last_answer_goes_again_until_the_broker_has_it_also_after_a_power_cut() {
    let mut bench = Bench::connected();
    let payload = volume(&bench, 1);
    bench.receive_with("cmd/av.volume", payload, |received| {
        received.correlation = Some(vec![0, 255, 7])
    });
    bench.broker_stands_still = true;
    done(&mut bench, 0);
    let id = bench.last("res/av.volume")["id"].clone();
    bench.broker_stands_still = false;
    for cut in [false, true] {
        if cut {
            bench.restart();
        } else {
            bench.lose();
        }
        bench.forget();
        bench.broker_stands_still = true;
        bench.connect(true);
        bench.acknowledge();
        bench.pass(Duration::from_secs(1));
        is(&bench, "av.volume", "done", "ok");
        assert_eq!(bench.last("res/av.volume")["id"], id, "the same message");
        let heard = bench
            .heard
            .iter()
            .find(|heard| heard.channel == "res/av.volume")
            .unwrap();
        assert_eq!(heard.publication.correlation, Some(vec![0, 255, 7]));
        assert_eq!(heard.publication.expiry, Some(Duration::from_secs(600)));
    }
    bench.acknowledge();
    bench.pass(Duration::from_secs(70));
    bench.broker_stands_still = false;
    bench.restart();
    bench.forget();
    bench.connect(true);
    bench.pass(Duration::from_secs(1));
    assert!(bench.said("res/av.volume").is_empty(), "it has arrived");
}

#[test]
fn an_answer_that_is_ten_minutes_old_is_worth_nothing() {
    let mut bench = Bench::connected();
    let payload = volume(&bench, 1);
    bench.receive("cmd/av.volume", payload);
    bench.lose();
    done(&mut bench, 0);
    bench.forget();
    bench.pass(Duration::from_secs(601));
    bench.connect(true);
    bench.pass(Duration::from_secs(5));
    assert!(bench.said("res/av.volume").is_empty());
}

#[test]
fn a_duplicate_is_answered_with_the_last_answer_and_another_content_is_refused() {
    let mut bench = Bench::connected();
    let payload = volume(&bench, 1);
    bench.receive("cmd/av.volume", payload.clone());
    bench.receive("cmd/av.volume", payload.clone());
    is(&bench, "av.volume", "running", "ok");
    assert_eq!(bench.last("res/av.volume")["replay"], true);
    done(&mut bench, 0);
    bench.pass(Duration::from_secs(3_600));
    bench.receive_with("cmd/av.volume", payload, |received| {
        received.correlation = Some(vec![9])
    });
    is(&bench, "av.volume", "done", "ok");
    assert_eq!(bench.last("res/av.volume")["replay"], true, "although it has expired");
    assert_eq!(bench.last("res/av.volume")["result"]["percent"], 40);
    assert_eq!(
        bench.heard.last().unwrap().publication.correlation,
        Some(vec![9]),
        "of this question"
    );
    let other = command(&bench, 1, "av.volume", json!({"percent": 90}));
    bench.receive("cmd/av.volume", other.to_string().into_bytes());
    is(&bench, "av.volume", "rejected", "duplicate_conflict");
    assert_eq!(bench.executed.len(), 1);
}

#[test]
fn whatever_speaks_against_a_command_is_said_in_the_contracts_word() {
    let mut bench = Bench::connected();
    let text = |value: Value| value.to_string().into_bytes();
    let far = bench.wall() + SignedDuration::from_secs(3_600);
    let mut id = 100;
    let mut try_it = |name: &str, change: &dyn Fn(&mut Value), signer: Option<&str>, code: &str, path: Option<&str>| {
        id += 1;
        let mut document = command(
            &bench,
            id,
            name,
            json!({"percent": 40, "room": "Salle", "url": "https://x.example"}),
        );
        change(&mut document);
        let payload = match signer {
            Some(signer) => signed(signer, &document),
            None => text(document),
        };
        bench.receive(&format!("cmd/{name}"), payload);
        is(&bench, name, "rejected", code);
        assert_eq!(
            bench.last(&format!("res/{name}")).get("path").and_then(Value::as_str),
            path,
            "{name} {code}"
        );
        assert!(bench.executed.is_empty());
        bench.pass(Duration::from_secs(3));
    };
    try_it("of.tomorrow", &|_| {}, None, "unknown_command", Some("/name"));
    try_it(
        "av.volume",
        &|c| c["name"] = "av.mute".into(),
        None,
        "invalid_params",
        Some("/name"),
    );
    try_it(
        "av.volume",
        &|c| c["params"]["percent"] = 101.into(),
        None,
        "invalid_params",
        Some("/params/percent"),
    );
    try_it(
        "av.mute",
        &|c| c["params"]["on"] = true.into(),
        None,
        "not_authorised",
        Some("/params/on"),
    );
    try_it("av.preset", &|_| {}, None, "unsupported_on_hw", Some("/name"));
    try_it(
        "av.volume",
        &|c| c["exp"] = "2026-11-21T07:00:00Z".into(),
        None,
        "expired",
        Some("/exp"),
    );
    try_it(
        "av.volume",
        &|c| c["exp"] = far.to_string().into(),
        None,
        "invalid_params",
        Some("/exp"),
    );
    try_it(
        "av.volume",
        &|c| c["exp"] = 7.into(),
        None,
        "invalid_params",
        Some("/exp"),
    );
    try_it("call.join", &|_| {}, None, "bad_signature", None);
    try_it("call.join", &|_| {}, Some("evil"), "bad_signature", None);
    try_it("call.join", &|_| {}, Some("paris-admin"), "not_authorised", None);
    try_it("av.volume", &|_| {}, Some("evil"), "bad_signature", None);
    try_it(
        "sys.reboot",
        &|c| c["params"]["force"] = true.into(),
        None,
        "bad_signature",
        None,
    );
}

#[test]
fn a_command_lasts_five_minutes_by_clocks_that_differ_by_half_a_minute_at_most() {
    let mut bench = Bench::connected();
    for (id, seconds, code) in [
        (1, 331, "invalid_params"),
        (2, 330, "ok"),
        (3, 0, "expired"),
        (4, 1, "ok"),
    ] {
        let mut document = command(&bench, id, "av.volume", json!({"percent": 40}));
        document["exp"] = (bench.wall() + SignedDuration::from_secs(seconds)).to_string().into();
        bench.receive("cmd/av.volume", document.to_string().into_bytes());
        assert_eq!(answer(&bench, "av.volume").1, code, "{seconds} s");
    }
    assert_eq!(bench.executed.len(), 2);
}

#[test]
fn a_box_takes_only_the_commands_that_it_says_it_takes() {
    let mut bench = Bench::connected();
    let mut metadata = crate::bench::settings(1, Duration::ZERO).metadata;
    metadata.commands.retain(|name| name.as_str() != "av.volume");
    bench.give(Input::Metadata(metadata));
    let payload = volume(&bench, 1);
    bench.receive("cmd/av.volume", payload);
    is(&bench, "av.volume", "rejected", "unsupported_on_hw");
}

#[test]
fn a_dangerous_command_needs_a_signature_and_a_clock_and_stands_in_the_audit() {
    let mut bench = Bench::connected();
    let join = command(&bench, 1, "call.join", json!({"room": "Salle"}));
    bench.now.clock = Clock::Unsync;
    bench.receive("cmd/call.join", signed("ops", &join));
    is(&bench, "call.join", "rejected", "precondition");
    bench.now.clock = Clock::Sync;
    bench.receive("cmd/call.join", signed("ops", &join));
    assert_eq!(bench.executed.len(), 1);
    let execution = &bench.executed[0];
    assert_eq!((execution.signer.as_deref(), execution.dangerous), (Some("ops"), true));
    assert!(!format!("{execution:?}").contains("Salle"));
    let audit = bench.last("evt/audit");
    assert_eq!(audit["event"], "command");
    assert_eq!(audit["detail"]["signer"], "ops");
    assert_eq!(audit["detail"]["name"], "call.join");
    assert!(!audit.to_string().contains("Salle"));
}

#[test]
fn without_a_clock_only_the_message_expiry_tells_the_age() {
    let mut bench = Bench::connected();
    bench.now.clock = Clock::Unsync;
    let mut old = command(&bench, 1, "av.volume", json!({"percent": 40}));
    old["exp"] = "2020-01-01T00:00:00Z".into();
    let payload = old.to_string().into_bytes();
    bench.receive_with("cmd/av.volume", payload.clone(), |received| received.expiry = None);
    is(&bench, "av.volume", "rejected", "expired");
    bench.receive_with("cmd/av.volume", payload.clone(), |received| {
        received.expiry = Some(Duration::ZERO)
    });
    is(&bench, "av.volume", "rejected", "expired");
    bench.receive("cmd/av.volume", payload);
    assert_eq!(bench.executed.len(), 1);
}

#[test]
fn four_run_at_one_time_and_thirty_come_in_a_minute() {
    let mut bench = Bench::connected();
    for id in 0..5 {
        let payload = volume(&bench, id);
        bench.receive("cmd/av.volume", payload);
    }
    assert_eq!(bench.executed.len(), 4);
    is(&bench, "av.volume", "rejected", "rate_limited");
    done(&mut bench, 0);
    for id in 5..35 {
        let payload = volume(&bench, id);
        bench.receive("cmd/av.volume", payload);
        if bench.executed.len() > (id as usize) {
            panic!("one too many");
        }
        let last = bench.executed.len() - 1;
        done(&mut bench, last);
    }
    assert_eq!(bench.executed.len(), 29, "and one of the 30 was refused");
    is(&bench, "av.volume", "rejected", "rate_limited");
    assert_eq!(bench.last("res/av.volume")["retry_after_ms"], 60_000);
    bench.pass(Duration::from_millis(59_999));
    let payload = volume(&bench, 90);
    bench.receive("cmd/av.volume", payload);
    is(&bench, "av.volume", "rejected", "rate_limited");
    bench.pass(Duration::from_millis(1));
    let payload = volume(&bench, 91);
    bench.receive("cmd/av.volume", payload);
    assert_eq!(bench.executed.len(), 30);
}

#[test]
fn a_command_that_was_refused_for_the_rate_is_taken_later_under_the_same_id() {
    let mut bench = Bench::connected();
    for id in 0..4 {
        let payload = volume(&bench, id);
        bench.receive("cmd/av.volume", payload);
    }
    let payload = volume(&bench, 50);
    bench.receive("cmd/av.volume", payload.clone());
    is(&bench, "av.volume", "rejected", "rate_limited");
    done(&mut bench, 0);
    bench.receive("cmd/av.volume", payload);
    assert_eq!(bench.executed.len(), 5);
}

#[test]
fn answers_go_where_the_question_says_if_that_is_below_the_boxs_own() {
    let mut bench = Bench::connected();
    let own = "cr/v1/etat/lyon-412/res/ops-7/x";
    let asked = [
        (own, own),
        ("cr/v1/etat/paris-07/res/x", "cr/v1/etat/lyon-412/res/av.volume"),
        (
            "cr/v1/etat/lyon-412/cmd/sys.reboot",
            "cr/v1/etat/lyon-412/res/av.volume",
        ),
        ("cr/v1/etat/lyon-412/res/", "cr/v1/etat/lyon-412/res/av.volume"),
        ("cr/v1/etat/lyon-412/res/#", "cr/v1/etat/lyon-412/res/av.volume"),
        ("cr/v1/etat/lyon-412/res/a/b/c/d", "cr/v1/etat/lyon-412/res/av.volume"),
    ];
    for (id, (wanted, used)) in asked.into_iter().enumerate() {
        let payload = volume(&bench, id as u64);
        bench.receive_with("cmd/av.volume", payload, |received| {
            received.response_topic = Some(wanted.into())
        });
        assert_eq!(bench.heard.last().unwrap().publication.topic, used, "{wanted}");
        done(&mut bench, id);
        assert_eq!(bench.heard.last().unwrap().publication.topic, used, "{wanted}");
    }
}

#[test]
fn progress_is_said_once_a_second_and_nothing_after_the_last_answer() {
    let mut bench = Bench::connected();
    let payload = volume(&bench, 1);
    bench.receive("cmd/av.volume", payload);
    let id = bench.executed[0].id;
    for percent in 0..50 {
        let reply = Reply::running(Some(percent), "on its way");
        bench.give(Input::Answer { id, reply });
        bench.pass(Duration::from_millis(100));
    }
    assert_eq!(bench.said("res/av.volume").len(), 1 + 5);
    done(&mut bench, 0);
    bench.give(Input::Answer {
        id,
        reply: Reply::failed(Code::Internal, ""),
    });
    bench.give(Input::Answer {
        id,
        reply: Reply::running(None, ""),
    });
    is(&bench, "av.volume", "done", "ok");
}

#[test]
fn a_command_that_the_box_says_nothing_of_fails_after_a_quarter_of_an_hour() {
    let mut bench = Bench::connected();
    let payload = volume(&bench, 1);
    bench.receive("cmd/av.volume", payload);
    let id = bench.executed[0].id;
    bench.pass(Duration::from_secs(890));
    bench.give(Input::Answer {
        id,
        reply: Reply::running(None, ""),
    });
    bench.pass(Duration::from_secs(890));
    is(&bench, "av.volume", "running", "ok");
    bench.pass(Duration::from_secs(10));
    is(&bench, "av.volume", "failed", "timeout");
}

#[test]
fn too_large_an_answer_is_said_to_be() {
    let mut bench = Bench::connected();
    let payload = volume(&bench, 1);
    bench.receive("cmd/av.volume", payload);
    let id = bench.executed[0].id;
    let result = Map::from_iter([("list".to_owned(), "x".repeat(20_000).into())]);
    bench.give(Input::Answer {
        id,
        reply: Reply::done(result),
    });
    is(&bench, "av.volume", "failed", "too_large");
}

#[test]
fn a_command_that_cannot_be_written_down_is_not_executed() {
    let mut bench = Bench::connected();
    bench.disk_stands_still = true;
    let payload = volume(&bench, 1);
    let receipt = bench.receive("cmd/av.volume", payload.clone());
    let (token, _) = bench.writes.pop_front().unwrap();
    bench.give(Input::WriteFailed { token });
    is(&bench, "av.volume", "rejected", "storage_full");
    assert_eq!(bench.acknowledged, [receipt]);
    bench.disk_stands_still = false;
    bench.pass(Duration::from_secs(10));
    assert!(bench.executed.is_empty() && !bench.disk.keys().any(|key| key.starts_with("command/")));
    bench.receive("cmd/av.volume", payload);
    assert_eq!(bench.executed.len(), 1, "somebody tries again");
}

#[test]
fn the_last_256_keep_their_answer_and_what_is_older_is_refused_even_if_the_clock_is_set_back() {
    let mut bench = Bench::connected();
    let first = volume(&bench, 1_000);
    bench.receive("cmd/av.volume", first.clone());
    done(&mut bench, 0);
    for id in 1..=256 {
        bench.pass(Duration::from_secs(2));
        let payload = volume(&bench, id);
        bench.receive("cmd/av.volume", payload);
        let last = bench.executed.len() - 1;
        done(&mut bench, last);
    }
    assert_eq!(bench.executed.len(), 257);
    assert_eq!(bench.disk.keys().filter(|key| key.starts_with("command/")).count(), 256);
    bench.now.wall = Some(crate::bench::MORNING.parse().unwrap());
    bench.restart();
    bench.connect(true);
    bench.now.wall = Some(crate::bench::MORNING.parse().unwrap());
    bench.receive("cmd/av.volume", first);
    is(&bench, "av.volume", "rejected", "expired");
    assert_eq!(bench.executed.len(), 257);
}

#[test]
fn after_a_day_an_answer_is_forgotten() {
    let mut bench = Bench::connected();
    let payload = volume(&bench, 1);
    bench.receive("cmd/av.volume", payload);
    done(&mut bench, 0);
    for (hours, kept) in [(23, 2), (2, 2)] {
        bench.now.wall = bench.now.wall.map(|wall| wall + SignedDuration::from_hours(hours));
        let payload = volume(&bench, hours as u64 + 100);
        bench.receive("cmd/av.volume", payload);
        let last = bench.executed.len() - 1;
        done(&mut bench, last);
        assert_eq!(
            bench.disk.keys().filter(|key| key.starts_with("command/")).count(),
            kept
        );
    }
}

#[test]
fn a_command_that_cannot_be_read_is_answered_when_its_id_or_its_correlation_data_can_be() {
    let mut bench = Bench::connected();
    bench.receive("cmd/av.volume", b"no JSON".to_vec());
    assert!(bench.said("res/av.volume").is_empty());
    assert_eq!(bench.last("evt/security")["event"], "unreadable_command");
    bench.receive_with("cmd/av.volume", b"no JSON".to_vec(), |received| {
        received.correlation = Some(vec![1])
    });
    is(&bench, "av.volume", "rejected", "bad_json");
    assert_eq!(bench.last("res/av.volume")["re"], "00000000000000000000000000");
    bench.receive_with("cmd/av.volume", vec![b'x'; 40_000], |received| {
        received.correlation = Some(vec![1])
    });
    is(&bench, "av.volume", "rejected", "too_large");
    let mut document = command(&bench, 7, "av.volume", json!({}));
    document.as_object_mut().unwrap().remove("actor");
    let id = document["id"].clone();
    bench.receive("cmd/av.volume", document.to_string().into_bytes());
    is(&bench, "av.volume", "rejected", "invalid_params");
    assert_eq!(bench.last("res/av.volume")["re"], id);
    let payload = volume(&bench, 8);
    bench.receive_with("cmd/av.volume", payload, |received| {
        received.correlation = Some(vec![1; 2_000])
    });
    is(&bench, "av.volume", "rejected", "too_large");
    assert!(bench.executed.is_empty());
}

#[test]
fn state_publish_says_everything_again() {
    let mut bench = Bench::connected();
    bench.pass(Duration::from_secs(3));
    bench.forget();
    let payload = command(&bench, 1, "state.publish", json!({})).to_string().into_bytes();
    bench.receive("cmd/state.publish", payload);
    assert_eq!(bench.said("meta").len(), 1);
    assert_eq!(bench.executed.len(), 1);
}

#[test]
fn pubacks_go_out_in_the_order_of_the_messages() {
    let mut bench = Bench::connected();
    bench.disk_stands_still = true;
    let payload = volume(&bench, 1);
    let first = bench.receive("cmd/av.volume", payload);
    let second = bench.receive("cmd/of.tomorrow", b"no JSON".to_vec());
    assert!(bench.acknowledged.is_empty());
    while !bench.writes.is_empty() {
        bench.write();
    }
    assert_eq!(bench.acknowledged, [first, second]);
}
