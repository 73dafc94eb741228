//! When a box connects, with which number, and what it says first.

use std::time::Duration;

use fleet::session::{Input, Output};
use serde_json::json;

use crate::bench::{Bench, before, signed};

const MINUTE: Duration = Duration::from_secs(60);

/// How long the next attempt after this waits.
fn wait(bench: &mut Bench) -> u64 {
    let since = bench.now.up_ms;
    let before = bench.connects.len();
    while bench.connects.len() == before {
        bench.pass(Duration::from_millis(100));
    }
    bench.now.up_ms - since
}

#[test]
fn even_the_first_attempt_waits_anywhere_within_the_spread() {
    let mut waits = Vec::new();
    for boot in 0..200 {
        let mut bench = Bench::new();
        for _ in 0..boot % 7 {
            bench.restart();
        }
        waits.push(wait(&mut bench));
    }
    assert!(waits.iter().all(|ms| *ms <= 30_100), "{waits:?}");
    let mut boots: Vec<u64> = Vec::new();
    let mut bench = Bench::new();
    for _ in 0..200 {
        bench.restart();
        boots.push(wait(&mut bench));
    }
    let mean = boots.iter().sum::<u64>() / 200;
    assert!((12_000..18_000).contains(&mean), "{mean}");
    assert!(boots.iter().any(|ms| *ms < 3_000) && boots.iter().any(|ms| *ms > 27_000));
}

#[test]
fn the_number_of_a_connection_is_on_disk_before_anybody_hears_it() {
    let mut bench = Bench::new();
    bench.disk_stands_still = true;
    bench.pass(MINUTE);
    assert!(bench.connects.is_empty(), "the disk has not answered");
    bench.write();
    let (_, connect) = &bench.connects[0];
    assert_eq!(connect.client, "lyon-412");
    assert_eq!(connect.will.topic, "cr/v1/etat/lyon-412/online");
    let will: serde_json::Value = serde_json::from_slice(&connect.will.payload).unwrap();
    assert_eq!(
        will,
        json!({"v": 1, "online": false, "sid": before() + 1, "reason": "lost"})
    );
    bench.give(Input::Connected { session_present: false });
    let birth = &bench.heard[0];
    assert_eq!(birth.channel, "online", "before anything else");
    assert_eq!(birth.body["sid"], before() + 1);
    assert_eq!(birth.body["online"], true);
    assert_eq!(birth.body["reason"], "boot");
    assert_eq!(birth.body["fw"], "2.3.0");
    bench.disk_stands_still = false;
    bench.lose();
    bench.connect(true);
    assert_eq!(bench.last("online")["sid"], before() + 2);
    assert_eq!(bench.last("online")["reason"], "reconnect");
    bench.restart();
    bench.connect(true);
    assert_eq!(bench.last("online")["sid"], before() + 3, "also after a power cut");
    assert_eq!(bench.last("online")["reason"], "boot");
}

#[test]
fn waits_grow_to_five_minutes_and_a_stable_connection_makes_them_short_again() {
    let mut longest = 0;
    for round in 0..60 {
        let mut bench = Bench::new();
        for _ in 0..round % 5 {
            bench.restart();
        }
        let mut within = 30_000;
        wait(&mut bench);
        for _ in 0..9 {
            bench.give(Input::ConnectFailed { busy: false });
            within = (within * 2).min(300_000);
            let waited = wait(&mut bench);
            assert!(waited <= within + 100, "{waited} > {within}");
            longest = longest.max(waited);
        }
        bench.give(Input::Connected { session_present: true });
        bench.pass(5 * MINUTE);
        bench.lose();
        assert!(wait(&mut bench) <= 30_100, "it was stable");
    }
    assert!(longest > 250_000, "{longest}");
}

#[test]
fn a_connection_that_breaks_at_once_does_not_count_as_stable() {
    let mut longest = 0;
    for restarts in 0..20 {
        let mut bench = Bench::new();
        for _ in 0..restarts {
            bench.restart();
        }
        for _ in 0..6 {
            bench.connect(true);
            bench.pass(MINUTE);
            bench.lose();
        }
        longest = longest.max(wait(&mut bench));
    }
    assert!(longest > 200_000, "{longest}");
}

#[test]
fn another_certificate_is_shown_at_once_and_the_next_loss_waits_as_ever() {
    let mut bench = Bench::connected();
    let (since, before) = (bench.now.up_ms, bench.connects.len());
    bench.give(Input::Anew);
    bench.lose();
    bench.pass(Duration::ZERO);
    assert_eq!((bench.now.up_ms, bench.connects.len()), (since, before + 1), "at once");
    bench.give(Input::Connected { session_present: true });
    let waits = |bench: &mut Bench, anew: bool| -> Vec<u64> {
        let mut each = || {
            bench.pass(5 * MINUTE);
            bench.lose();
            if anew {
                // Whoever waits goes on waiting: a certificate is no reason to hurry.
                bench.give(Input::Anew);
            }
            let waited = wait(bench);
            bench.give(Input::Connected { session_present: true });
            waited
        };
        (0..20).map(|_| each()).collect()
    };
    for anew in [false, true] {
        let waits = waits(&mut bench, anew);
        assert!(waits.iter().all(|ms| *ms <= 30_100), "{waits:?}");
        assert!(waits.iter().any(|ms| *ms > 3_000), "{waits:?}");
    }
}

#[test]
fn a_busy_broker_doubles_the_spread() {
    let sum = |busy: bool| -> u64 {
        let mut bench = Bench::new();
        let mut sum = 0;
        for _ in 0..150 {
            bench.restart();
            wait(&mut bench);
            bench.give(Input::ConnectFailed { busy });
            sum += wait(&mut bench);
        }
        sum / 150
    };
    let (idle, busy) = (sum(false), sum(true));
    assert!((24_000..36_000).contains(&idle), "{idle}");
    assert!((48_000..72_000).contains(&busy), "{busy}");
}

#[test]
fn filters_are_set_when_the_broker_does_not_know_the_session_and_once_after_each_start() {
    let mut bench = Bench::new();
    let subscribed = |bench: &Bench| {
        bench
            .others
            .iter()
            .filter(|o| matches!(o, Output::Subscribe(_)))
            .count()
    };
    bench.connect(true);
    assert_eq!(subscribed(&bench), 1, "nobody knows what the box of before had set");
    bench.lose();
    bench.connect(true);
    assert_eq!(subscribed(&bench), 1);
    bench.lose();
    bench.connect(false);
    assert_eq!(subscribed(&bench), 2);
    let Some(Output::Subscribe(filters)) = bench.others.last() else {
        panic!()
    };
    assert_eq!(filters.len(), 5);
    assert!(filters.contains(&"cr/v1/etat/lyon-412/cmd/+".to_owned()));
}

#[test]
fn filters_that_the_broker_never_confirmed_are_set_again() {
    let mut bench = Bench::connected();
    bench.give(Input::Subscribed { granted: false });
    assert_eq!(bench.last("evt/alert")["event"], "subscription_refused");
    bench.forget();
    bench.restart();
    bench.broker_confirms = false;
    bench.connect(false);
    bench.lose();
    bench.forget();
    bench.connect(true);
    assert!(bench.others.iter().any(|output| matches!(output, Output::Subscribe(_))));
}

#[test]
fn the_fleet_says_over_how_long_connections_are_spread_and_a_restart_keeps_it() {
    let mut bench = Bench::connected();
    let notice = bench.document(
        1,
        json!({"rev": 8, "exp": "2026-11-22T05:00:00Z", "reconnect_spread_s": 3}),
    );
    bench.receive_with("x", signed("ops", &notice), |received| {
        received.topic = "cr/v1/etat/all/notice".into()
    });
    for _ in 0..30 {
        bench.restart();
        let waited = wait(&mut bench);
        assert!(waited <= 3_100, "{waited}");
    }
}

#[test]
fn without_any_spread_a_box_connects_at_once_and_then_never_faster_than_it_should() {
    let mut bench = Bench::with_spread(Duration::ZERO);
    assert_eq!(bench.connects.len(), 1);
    for _ in 0..200 {
        bench.give(Input::ConnectFailed { busy: false });
        bench.pass(MINUTE * 10);
    }
    let waited = bench.now.up_ms - bench.connects[0].0;
    assert!(bench.connects.len() <= 201 && waited > 100, "{waited}");
}

#[test]
fn a_box_that_has_forgotten_everything_still_counts_on() {
    let mut bench = Bench::connected();
    for _ in 0..5 {
        bench.lose();
        bench.connect(true);
    }
    let last = bench.last("online")["sid"].as_u64();
    bench.pass(Duration::from_secs(3_600));
    bench.disk.clear();
    bench.restart();
    bench.connect(false);
    assert!(bench.last("online")["sid"].as_u64() > last);
}
