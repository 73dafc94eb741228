//! A broker that dies and returns, and the boxes that all want to come back.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use fleet::contract::Clock;
use fleet::session::{Input, Now, Output, Session};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::bench::{Believer, MORNING, settings};

const SPREAD_MS: u64 = 120_000;
const BIN_MS: u64 = 5_000;

fn at(up_ms: u64) -> Now {
    Now {
        up_ms,
        wall: MORNING.parse().ok(),
        clock: Clock::Sync,
    }
}

/// The outputs that matter here: true for a CONNECT.
fn dials(session: &mut Session, now: Now) -> bool {
    let mut dials = false;
    while let Some(output) = session.poll() {
        match output {
            Output::Write { token, .. } => session.handle(Input::Written { token }, now),
            Output::Connect(_) => dials = true,
            Output::Publish(publication) => {
                if let Some(token) = publication.token {
                    session.handle(Input::Acknowledged { token }, now);
                }
            }
            Output::Subscribe(_) => session.handle(Input::Subscribed { granted: true }, now),
            _ => {}
        }
    }
    dials
}

/// The peak of CONNECTs over their mean, in bins of five seconds, when a broker is away for so long.
fn peak_over_mean(boxes: usize, outage_ms: u64, power: bool) -> f64 {
    let spread = Duration::from_millis(SPREAD_MS);
    let mut queue = BinaryHeap::new();
    let mut sessions: Vec<Session> = (0..boxes)
        .map(|number| {
            let chance = StdRng::seed_from_u64(number as u64);
            Session::new(settings(1, spread), Arc::new(Believer), chance, BTreeMap::new(), at(0))
        })
        .collect();
    let mut killed_ms = 0;
    let mut connected = 0;
    let mut bins: BTreeMap<u64, u64> = BTreeMap::new();
    let mut last_ms = 0;
    for (index, session) in sessions.iter_mut().enumerate() {
        if dials(session, at(0)) {
            panic!("not at once");
        }
        queue.push(Reverse((session.next_deadline().unwrap(), index)));
    }
    // All of them connect, are stable, and lose the broker in the same moment; or the power comes back for all of them.
    for round in 0..2 {
        if round == 1 {
            if power {
                break;
            }
            killed_ms = last_ms + 600_000;
            bins.clear();
            queue.clear();
            connected = 0;
            for (index, session) in sessions.iter_mut().enumerate() {
                session.handle(Input::Disconnected, at(killed_ms));
                assert!(!dials(session, at(killed_ms)));
                queue.push(Reverse((session.next_deadline().unwrap(), index)));
            }
        }
        while connected < boxes {
            let Reverse((due_ms, index)) = queue.pop().unwrap();
            let (session, now) = (&mut sessions[index], at(due_ms));
            last_ms = due_ms;
            session.handle(Input::Tick, now);
            if dials(session, now) {
                *bins.entry((due_ms - killed_ms) / BIN_MS).or_default() += 1;
                let there = round == 0 || due_ms >= killed_ms + outage_ms;
                session.handle(
                    if there {
                        Input::Connected { session_present: false }
                    } else {
                        Input::ConnectFailed { busy: false }
                    },
                    now,
                );
                connected += usize::from(there);
                dials(session, now);
                if there {
                    continue;
                }
            }
            queue.push(Reverse((session.next_deadline().unwrap(), index)));
        }
    }
    let mean = boxes as f64 * BIN_MS as f64 / SPREAD_MS as f64;
    let peak = bins.values().copied().max().unwrap();
    let ratio = peak as f64 / mean;
    println!(
        "{boxes} boxes, away for {outage_ms} ms: peak over mean {ratio:.2}, the last after {} s",
        (last_ms - killed_ms) / 1_000
    );
    ratio
}

#[test]
fn no_five_seconds_see_twice_the_mean_when_all_boxes_come_back_to_a_broker() {
    for outage_ms in [0, 1_000, 10_000, 60_000] {
        let ratio = peak_over_mean(2_000, outage_ms, false);
        assert!(ratio <= 2.0, "{ratio}");
    }
    let ratio = peak_over_mean(10_000, 10_000, false);
    assert!(ratio <= 2.0, "{ratio}");
}

#[test]
fn no_five_seconds_see_twice_the_mean_when_the_power_returns_to_a_whole_city() {
    let ratio = peak_over_mean(2_000, 0, true);
    assert!(ratio <= 2.0, "{ratio}");
}
