//! The configuration: only a newer one, whole or not at all, and the network on trial.

use std::time::Duration;

use fleet::contract::{Code, Configuration, ConfigurationError, Message};
use fleet::session::{Input, Output};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::bench::{Bench, signed};

const MINUTE: Duration = Duration::from_secs(60);

fn configuration(bench: &Bench, rev: u64, cfg: Value) -> Value {
    let body = json!({
        "schema": "cfg/1.4", "rev": rev, "sha256": "", "issued_by": "ops@etat.example",
        "apply": {"when": "now"}, "cfg": cfg,
    });
    sealed(bench.document(rev, body))
}

/// With the right hash.
fn sealed(mut document: Value) -> Value {
    let read = Message::<Configuration>::parse(document.to_string().as_bytes(), 40_000).unwrap();
    document["sha256"] = read.body.fingerprint().into();
    document
}

fn receive(bench: &mut Bench, document: &Value) {
    bench.receive("config/desired", signed("ops", document));
}

fn applied(bench: &Bench) -> Vec<(u64, bool)> {
    let outputs = bench.others.iter().filter_map(|output| match output {
        Output::Apply { configuration, trial } => Some((configuration.rev, *trial)),
        _ => None,
    });
    outputs.collect()
}

fn restored(bench: &Bench) -> Vec<Option<u64>> {
    let outputs = bench.others.iter().filter_map(|output| match output {
        Output::Restore(configuration) => Some(configuration.as_ref().map(|configuration| configuration.rev)),
        _ => None,
    });
    outputs.collect()
}

fn reported(bench: &mut Bench, rev: u64, status: &str, applied_rev: u64) -> Value {
    bench.pass(Duration::from_secs(2));
    let report = bench.last("config/reported");
    assert_eq!(
        (&report["rev"], &report["status"], &report["applied_rev"]),
        (&json!(rev), &json!(status), &json!(applied_rev)),
        "{report}"
    );
    report
}

fn good(bench: &mut Bench, rev: u64) {
    bench.give(Input::Configured {
        rev,
        errors: Vec::new(),
    });
}

#[test]
fn a_configuration_is_on_disk_before_it_is_applied_and_reported_when_that_is_on_disk() {
    let mut bench = Bench::connected();
    bench.disk_stands_still = true;
    let document = configuration(&bench, 412, json!({"av": {"volume": 3}}));
    receive(&mut bench, &document);
    assert!(applied(&bench).is_empty());
    bench.write();
    assert_eq!(applied(&bench), [(412, false)]);
    reported(&mut bench, 412, "pending", 0);
    good(&mut bench, 412);
    reported(&mut bench, 412, "pending", 0);
    bench.write();
    reported(&mut bench, 412, "applied", 412);
    bench.restart();
    assert_eq!(bench.session.configuration().unwrap().rev, 412);
    bench.forget();
    bench.connect(false);
    reported(&mut bench, 412, "applied", 412);
    assert!(applied(&bench).is_empty());
}

#[test]
fn the_same_again_is_only_reported_again_another_content_is_a_conflict_and_an_older_one_a_replay() {
    let mut bench = Bench::connected();
    let document = configuration(&bench, 412, json!({"av": {"volume": 3}}));
    receive(&mut bench, &document);
    good(&mut bench, 412);
    bench.pass(Duration::from_secs(2));
    bench.forget();
    receive(&mut bench, &document);
    reported(&mut bench, 412, "applied", 412);
    assert!(applied(&bench).is_empty());
    let old = configuration(&bench, 411, json!({"av": {"volume": 9}}));
    receive(&mut bench, &old);
    assert_eq!(bench.last("evt/security")["event"], "stale_rev");
    bench.pass(MINUTE);
    let other = configuration(&bench, 412, json!({"av": {"volume": 9}}));
    let writes = bench.disk.clone();
    receive(&mut bench, &other);
    assert_eq!(bench.last("evt/security")["event"], "rev_conflict");
    let report = reported(&mut bench, 412, "applied", 412);
    assert_eq!(report["errors"][0]["code"], "rev_conflict");
    assert!(applied(&bench).is_empty());
    assert_ne!(writes, bench.disk);
    let once = bench.disk["configuration"].clone();
    receive(&mut bench, &other);
    assert_eq!(once, bench.disk["configuration"], "said once");
    let next = configuration(&bench, 413, json!({"av": {"volume": 9}}));
    receive(&mut bench, &next);
    good(&mut bench, 413);
    let report = reported(&mut bench, 413, "applied", 413);
    assert!(report.get("errors").is_none());
}

#[test]
fn unsigned_or_signed_by_the_wrong_hand_nothing_counts() {
    let mut bench = Bench::connected();
    let document = configuration(&bench, 412, json!({}));
    bench.receive("config/desired", document.to_string().into_bytes());
    bench.receive("config/desired", signed("evil", &document));
    bench.receive("config/desired", signed("paris-admin", &document));
    bench.pass(2 * MINUTE);
    assert!(applied(&bench).is_empty() && bench.said("config/reported").is_empty());
    assert!(!bench.disk.contains_key("configuration"));
    let events = bench.said("evt/security");
    assert_eq!(events.len(), 2, "the second tells of the others");
    assert_eq!(events[1]["detail"]["others"]["not_authorised"], 1);
}

#[test]
fn a_wrong_hash_or_a_field_that_cannot_be_read_is_reported_with_its_place() {
    let mut bench = Bench::connected();
    let mut document = configuration(&bench, 5, json!({"av": {"volume": 3}}));
    document["cfg"]["av"]["volume"] = 4.into();
    receive(&mut bench, &document);
    let report = reported(&mut bench, 5, "rejected", 0);
    assert_eq!(
        (&report["errors"][0]["path"], &report["errors"][0]["code"]),
        (&json!("/sha256"), &json!("invalid_params"))
    );
    let mut document = configuration(&bench, 6, json!({}));
    document["apply"]["when"] = "later".into();
    receive(&mut bench, &document);
    let report = reported(&mut bench, 6, "rejected", 0);
    assert_eq!(report["errors"][0]["path"], "/apply/when");
    assert!(applied(&bench).is_empty());
    let good_again = configuration(&bench, 5, json!({}));
    receive(&mut bench, &good_again);
    assert_eq!(bench.last("evt/security")["event"], "stale_rev");
}

#[test]
fn what_the_box_refuses_is_reported_path_by_path_and_the_one_before_stays() {
    let mut bench = Bench::connected();
    let document = configuration(&bench, 1, json!({"av": {"volume": 3}}));
    receive(&mut bench, &document);
    good(&mut bench, 1);
    let document = configuration(&bench, 2, json!({"av": {"framing": "group"}}));
    receive(&mut bench, &document);
    let error = ConfigurationError {
        path: "/av/framing".into(),
        code: Code::UnsupportedOnHw,
        msg: "this camera cannot be framed".into(),
        allowed: vec!["off".into()],
    };
    bench.give(Input::Configured {
        rev: 2,
        errors: vec![error],
    });
    let report = reported(&mut bench, 2, "rejected", 1);
    assert_eq!(report["errors"][0]["path"], "/av/framing");
    assert_eq!(bench.session.configuration().unwrap().rev, 1);
    bench.give(Input::Drift(vec!["/av/volume".into()]));
    let report = reported(&mut bench, 2, "rejected", 1);
    assert_eq!(report["drift"], json!(["/av/volume"]));
}

#[test]
fn a_meeting_is_not_disturbed_before_the_deadline() {
    for (deadline, ends) in [(true, false), (false, true)] {
        let mut bench = Bench::connected();
        bench.give(Input::Meeting(true));
        let mut document = configuration(&bench, 1, json!({}));
        document["apply"] = json!({"when": "idle"});
        if deadline {
            document["apply"]["deadline"] = (bench.wall() + SignedDuration::from_hours(1)).to_string().into();
        }
        receive(&mut bench, &document);
        reported(&mut bench, 1, "pending", 0);
        bench.pass(50 * MINUTE);
        assert!(applied(&bench).is_empty());
        if ends {
            bench.give(Input::Meeting(false));
        } else {
            bench.pass(11 * MINUTE);
        }
        assert_eq!(applied(&bench), [(1, false)]);
    }
}

#[test]
fn what_waits_for_its_time_survives_a_restart_and_a_newer_one_takes_its_place() {
    let mut bench = Bench::connected();
    bench.give(Input::Meeting(true));
    for rev in [1, 2] {
        let mut document = configuration(&bench, rev, json!({}));
        document["apply"] = json!({"when": "idle"});
        receive(&mut bench, &document);
    }
    bench.restart();
    assert_eq!(applied(&bench), [(2, false)], "no meeting goes on after a start");
}

#[test]
fn a_newer_one_that_comes_while_the_box_applies_is_applied_next() {
    let mut bench = Bench::connected();
    for rev in [1, 2] {
        let document = configuration(&bench, rev, json!({}));
        receive(&mut bench, &document);
    }
    assert_eq!(applied(&bench), [(1, false)], "one at a time");
    good(&mut bench, 1);
    assert_eq!(applied(&bench), [(1, false), (2, false)]);
    reported(&mut bench, 2, "pending", 1);
    good(&mut bench, 7);
    reported(&mut bench, 2, "pending", 1);
    good(&mut bench, 2);
    reported(&mut bench, 2, "applied", 2);
}

fn on_trial(bench: &mut Bench) {
    let document = configuration(bench, 1, json!({"net": {"proxy": "http://old:3128"}}));
    receive(bench, &document);
    good(bench, 1);
    bench.connect_after_renewal();
    reported(bench, 1, "applied", 1);
    bench.forget();
    let document = configuration(bench, 2, json!({"net": {"proxy": "http://new:3128"}}));
    receive(bench, &document);
    assert_eq!(applied(bench), [(2, true)]);
    good(bench, 2);
}

impl Bench {
    /// The session has asked for the end of the connection.
    fn connect_after_renewal(&mut self) {
        assert!(self.others.contains(&Output::Disconnect), "over the other network");
        self.lose();
        let since = self.now.up_ms;
        self.connect(true);
        assert!(self.now.up_ms - since <= 10_000, "a trial has no time to wait");
    }
}

#[test]
fn other_network_settings_count_when_the_broker_was_reached_with_them() {
    let mut bench = Bench::connected();
    on_trial(&mut bench);
    bench.connect_after_renewal();
    reported(&mut bench, 2, "applied", 2);
    bench.pass(10 * MINUTE);
    assert!(restored(&bench).is_empty());
    bench.forget();
    let document = configuration(&bench, 3, json!({"net": {"proxy": "http://new:3128"}, "av": {}}));
    receive(&mut bench, &document);
    assert_eq!(applied(&bench), [(3, false)], "the network is the same");
}

#[test]
fn without_the_broker_the_old_network_settings_return_after_two_minutes() {
    let mut bench = Bench::connected();
    on_trial(&mut bench);
    bench.lose();
    let begin = bench.now.up_ms;
    let mut attempts = 0;
    while restored(&bench).is_empty() {
        bench.pass(Duration::from_millis(100));
        if bench.connects.pop().is_some() {
            attempts += 1;
            bench.give(Input::ConnectFailed { busy: false });
        }
    }
    assert!(attempts > 8, "{attempts}");
    let took = bench.now.up_ms - begin;
    assert!((119_000..=121_000).contains(&took), "{took}");
    assert_eq!(restored(&bench), [Some(1)]);
    bench.connect(true);
    reported(&mut bench, 2, "rolled_back", 1);
    bench.forget();
    let document = configuration(&bench, 2, json!({"net": {"proxy": "http://new:3128"}}));
    receive(&mut bench, &document);
    bench.pass(10 * MINUTE);
    assert!(applied(&bench).is_empty(), "never the same again");
    reported(&mut bench, 2, "rolled_back", 1);
    bench.restart();
    assert_eq!(bench.session.configuration().unwrap().rev, 1);
    assert!(applied(&bench).is_empty());
}

#[test]
fn a_power_cut_during_the_trial_loses_it() {
    let mut bench = Bench::connected();
    on_trial(&mut bench);
    bench.restart();
    assert_eq!(restored(&bench), [Some(1)]);
    assert_eq!(bench.session.configuration().unwrap().rev, 1);
    bench.connect(true);
    reported(&mut bench, 2, "rolled_back", 1);
}

#[test]
fn a_power_cut_during_the_trial_of_the_first_configuration_gives_back_the_box_as_it_was_delivered() {
    let mut bench = Bench::connected();
    let document = configuration(&bench, 1, json!({"net": {"proxy": "http://new:3128"}}));
    receive(&mut bench, &document);
    good(&mut bench, 1);
    bench.restart();
    assert_eq!(restored(&bench), [None]);
    assert!(bench.session.configuration().is_none());
    bench.connect(true);
    reported(&mut bench, 1, "rolled_back", 0);
}

#[test]
fn an_attempt_that_was_on_its_way_before_the_trial_proves_nothing() {
    let mut bench = Bench::connected();
    let document = configuration(&bench, 1, json!({"net": {"proxy": "http://new:3128"}}));
    receive(&mut bench, &document);
    bench.lose();
    bench.forget();
    while bench.connects.is_empty() {
        bench.pass(Duration::from_secs(1));
    }
    good(&mut bench, 1);
    bench.give(Input::Connected { session_present: true });
    assert!(bench.others.contains(&Output::Disconnect));
    bench.lose();
    bench.pass(3 * MINUTE);
    assert_eq!(restored(&bench), [None], "there was nothing before");
}

#[test]
fn past_its_end_a_configuration_stays_and_the_fleet_hears_of_it_once() {
    let mut bench = Bench::connected();
    let mut document = configuration(&bench, 1, json!({}));
    document["exp"] = (bench.wall() + SignedDuration::from_hours(1)).to_string().into();
    receive(&mut bench, &document);
    good(&mut bench, 1);
    bench.pass(59 * MINUTE);
    assert!(bench.said("evt/alert").is_empty());
    bench.pass(2 * MINUTE);
    let event = bench.last("evt/alert");
    assert_eq!(
        (&event["event"], &event["detail"]["rev"]),
        (&json!("stale_policy"), &json!(1))
    );
    bench.pass(20 * MINUTE);
    assert_eq!(bench.said("evt/alert").len(), 1);
    reported(&mut bench, 1, "applied", 1);
}

#[test]
fn the_configuration_says_over_how_long_connections_are_spread() {
    let mut bench = Bench::connected();
    let document = configuration(&bench, 1, json!({"fleet": {"reconnect_spread_s": 2}}));
    receive(&mut bench, &document);
    good(&mut bench, 1);
    bench.pass(6 * MINUTE);
    for _ in 0..20 {
        let since = bench.now.up_ms;
        bench.lose();
        bench.connect(true);
        assert!(bench.now.up_ms - since <= 2_000);
        bench.pass(6 * MINUTE);
    }
}

#[test]
fn a_report_that_would_be_too_large_says_the_first_thing_that_is_wrong() {
    let mut bench = Bench::connected();
    let document = configuration(&bench, 1, json!({}));
    receive(&mut bench, &document);
    let error = |number: usize| ConfigurationError {
        path: format!("/av/{number}"),
        code: Code::InvalidParams,
        msg: "x".repeat(500),
        allowed: Vec::new(),
    };
    bench.give(Input::Configured {
        rev: 1,
        errors: (0..200).map(error).collect(),
    });
    let report = reported(&mut bench, 1, "rejected", 0);
    assert_eq!(report["errors"].as_array().unwrap().len(), 1);
}
