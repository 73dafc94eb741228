//! What a box says of itself.

use std::collections::BTreeMap;
use std::time::Duration;

use fleet::contract::{Clock, State, StatePart, Telemetry, TelemetryStream};
use fleet::session::Input;
use serde_json::{Map, Value, json};

use crate::bench::Bench;

fn state(part: StatePart, field: &str, value: impl Into<Value>) -> Input {
    Input::State(State {
        part,
        state: Map::from_iter([(field.to_owned(), value.into())]),
    })
}

fn measured(value: f64) -> Input {
    Input::Telemetry {
        stream: TelemetryStream::Sys,
        telemetry: Telemetry {
            values: BTreeMap::from([("load_ratio".to_owned(), value)]),
            ..Telemetry::default()
        },
    }
}

#[test]
fn every_start_says_everything_again_and_the_last_of_each_counts() {
    let mut bench = Bench::new();
    for volume in [10, 20, 30] {
        bench.give(state(StatePart::Av, "volume", volume));
    }
    bench.give(state(StatePart::Net, "address", "2001:db8::1"));
    bench.connect(false);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.said("meta").len(), 1);
    assert_eq!(bench.said("state/av").len(), 1);
    assert_eq!(bench.last("state/av")["state"]["volume"], 30);
    assert_eq!(bench.said("state/net").len(), 1);
    bench.forget();
    bench.give(state(StatePart::Av, "volume", 30));
    assert!(bench.heard.is_empty(), "nothing is new");
    bench.give(state(StatePart::Av, "volume", 31));
    assert_eq!(bench.last("state/av")["state"]["volume"], 31);
}

#[test]
fn after_a_break_the_broker_gets_all_documents_again_for_it_may_have_been_restored_from_an_old_copy() {
    let mut bench = Bench::connected();
    bench.give(state(StatePart::Call, "in_call", true));
    bench.pass(Duration::from_secs(2));
    bench.forget();
    bench.lose();
    bench.connect(true);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.said("state/call").len(), 1);
    assert_eq!(bench.said("meta").len(), 1);
}

#[test]
fn a_document_that_changes_all_the_time_goes_out_once_a_second_with_the_last_word() {
    let mut bench = Bench::connected();
    bench.pass(Duration::from_secs(5));
    bench.forget();
    for volume in 0..=50 {
        bench.give(state(StatePart::Av, "volume", volume));
        bench.pass(Duration::from_millis(100));
    }
    bench.pass(Duration::from_secs(2));
    let said = bench.said("state/av");
    assert!((5..=7).contains(&said.len()), "{}", said.len());
    assert_eq!(said.last().unwrap()["state"]["volume"], 50);
}

#[test]
fn a_document_without_puback_goes_out_again_over_the_next_connection() {
    let mut bench = Bench::connected();
    bench.pass(Duration::from_secs(5));
    bench.broker_stands_still = true;
    bench.give(state(StatePart::Av, "volume", 1));
    bench.give(state(StatePart::Av, "volume", 2));
    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.said("state/av").len(), 1, "the first is on its way");
    bench.broker_stands_still = false;
    bench.lose();
    bench.forget();
    bench.connect(true);
    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.last("state/av")["state"]["volume"], 2);
}

#[test]
fn too_large_a_state_is_said_to_be_and_the_one_before_stays() {
    let mut bench = Bench::connected();
    bench.give(state(StatePart::Av, "list", "x".repeat(9_000)));
    assert!(bench.said("state/av").is_empty());
    let event = bench.last("evt/alert");
    assert_eq!(
        (&event["event"], &event["detail"]["part"]),
        (&json!("state_too_large"), &json!("av"))
    );
    bench.give(state(StatePart::Av, "list", "x".repeat(7_800)));
    assert_eq!(bench.said("state/av").len(), 1);
}

#[test]
fn measurements_go_out_every_ten_seconds_and_what_is_not_sent_is_summed_up() {
    let mut bench = Bench::connected();
    for second in 0..30_u32 {
        bench.give(measured(f64::from(second)));
        bench.pass(Duration::from_secs(1));
    }
    let said = bench.said("tele/sys");
    assert_eq!(said.len(), 4, "{said:?}");
    assert_eq!(said[0]["values"]["load_ratio"], 0.0);
    assert_eq!(said[1]["values"]["load_ratio"], 9.0, "what was last known at 10 s");
    assert_eq!(
        said[1]["summary"]["load_ratio"],
        json!({"count": 8, "min": 1.0, "max": 8.0})
    );
    assert!(said[1].get("late").is_none());
}

#[test]
fn measurements_without_a_broker_become_one_late_sum() {
    let mut bench = Bench::connected();
    bench.lose();
    bench.forget();
    for value in [0.5, 0.1, 0.9] {
        bench.give(measured(value));
    }
    bench.connect(true);
    bench.pass(Duration::from_secs(30));
    let said = bench.said("tele/sys");
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(
        said[0]["summary"]["load_ratio"],
        json!({"count": 3, "min": 0.1, "max": 0.9})
    );
    assert_eq!(said[0]["late"], true);
    assert!(said[0].get("values").is_none());
    assert!(!bench.disk.keys().any(|key| key.contains("tele")), "it may be lost");
}

#[test]
fn log_lines_of_a_moment_go_together_and_never_get_too_large() {
    let mut bench = Bench::connected();
    for number in 0..1_000 {
        bench.give(Input::Telemetry {
            stream: TelemetryStream::Log,
            telemetry: Telemetry {
                lines: vec![format!("line {number}")],
                ..Telemetry::default()
            },
        });
    }
    bench.pass(Duration::from_secs(11));
    let said = bench.said("tele/log");
    assert_eq!(said.len(), 2);
    assert_eq!(said[1]["lines"].as_array().unwrap().last().unwrap(), "line 999");
}

#[test]
fn messages_are_counted_per_family_and_say_what_their_time_is_worth() {
    let mut bench = Bench::new();
    bench.now.wall = None;
    bench.now.clock = Clock::None;
    bench.connect(false);
    bench.give(state(StatePart::Av, "volume", 1));
    bench.give(state(StatePart::Net, "up", true));
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.last("online")["seq"], 1);
    assert_eq!(bench.last("state/av")["seq"], 1);
    assert_eq!(bench.last("state/net")["seq"], 2, "state is one family");
    assert_eq!(bench.last("state/av")["clk"], "none");
    assert_eq!(bench.last("state/av")["boot"], "boot-0001");
    assert_eq!(
        bench.last("state/av")["up_ms"],
        bench.heard.last().unwrap().at_ms.min(bench.now.up_ms)
    );
}
