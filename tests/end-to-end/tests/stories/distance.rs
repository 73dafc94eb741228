//! Far from the service: what each round trip costs.

use std::time::Duration;

use conference::{Options, clock::monotonic_ns};

use crate::stage::{ROOM, Stage, options};

/// From the join command to the box's first picture at the far side, milliseconds, of a box that has been on for a while.
fn first_picture(round_trip: Duration) -> f64 {
    let conference = crate::stage::conference(Options {
        round_trip,
        ..options()
    });
    let room_box = end_to_end::RoomBox::daemon(&end_to_end::Devices::default()).expect("roomd runs");
    let stage = Stage { conference, room_box };
    let url = stage.conference.room_url(ROOM);
    let mut times = Vec::new();
    // The first join of a process pays for what is loaded once.
    for _ in 0..3 {
        let before = stage.conference.far_side().first_frame_ns;
        let begun = monotonic_ns();
        stage.tell(&format!(r#"{{"command":"join","url":"{url}","muted":false}}"#));
        stage.wait("the far side sees the box", |stage| {
            let first = stage.conference.far_side().first_frame_ns;
            first.is_some() && first != before
        });
        let first = stage.conference.far_side().first_frame_ns.unwrap_or_default();
        times.push((first.saturating_sub(begun)) as f64 / 1e6);
        stage.tell(r#"{"command":"leave"}"#);
        stage.wait("the presence is gone", |stage| stage.guest().gone_ns.is_some());
        stage.wait("the box is idle", |stage| stage.room_box.state("/state") == "idle");
    }
    assert_eq!(stage.conference.verdict(), [], "{}", stage.room_box.words());
    times.remove(0);
    times.into_iter().fold(f64::INFINITY, f64::min)
}

#[test]
fn each_round_trip_is_paid_for_a_bounded_number_of_times() {
    let times = [0_u32, 50, 150].map(|millis| (millis, first_picture(Duration::from_millis(millis.into()))));
    let [(_, near), .., (longest, far)] = times;
    let round_trips = (far - near) / f64::from(longest);
    for (millis, time) in times {
        println!(
            "round trip {millis} ms: first picture after {time:.0} ms, the goal is {} ms",
            9 * millis + 700
        );
    }
    println!("{round_trips:.1} round trips from the join command to the first picture");
    assert!(round_trips < ROUND_TRIPS, "{times:?}");
}

/// The goal is nine and 700 ms: 13.7 of 150 ms. It is 9 or 10 today without the 700 ms.
const ROUND_TRIPS: f64 = 13.7;
