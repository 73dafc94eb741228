//! Again and again in one process.

use std::time::{Duration, Instant};

use end_to_end::processes;

use crate::stage::{PATIENCE, Stage, options};

/// Descriptors, threads and proportional set size of both processes.
fn resources(stage: &Stage) -> (usize, usize, u64) {
    let pids = [stage.room_box.pid(), stage.room_box.worker_pid().expect("a worker")];
    let sum = pids.iter().filter_map(|pid| processes::descriptors_and_threads(*pid));
    let (descriptors, threads) = sum.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    (
        descriptors,
        threads,
        pids.iter()
            .filter_map(|pid| processes::proportional_set_size(*pid))
            .sum(),
    )
}

/// The least of each over two seconds: a session is taken down beside the next meeting, not in its way.
fn settled(stage: &Stage) -> (usize, usize, u64) {
    let readings = (0..20).map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        resources(stage)
    });
    let least = |one: (usize, usize, u64), other: (usize, usize, u64)| {
        (one.0.min(other.0), one.1.min(other.1), one.2.min(other.2))
    };
    readings.reduce(least).unwrap_or_default()
}

/// Joins and leaves so many times; resources after the first tenth and at the end.
fn joins_and_leaves(count: usize) {
    let stage = Stage::in_meeting(options());
    let mut early = (0, 0, 0);
    for round in 1..=count {
        stage.tell(r#"{"command":"leave"}"#);
        stage.wait("the presence is gone", |stage| stage.guest().gone_ns.is_some());
        stage.wait("the box is idle", |stage| stage.room_box.state("/state") == "idle");
        if round == count / 10 + 2 {
            early = settled(&stage);
        }
        if round == count {
            break;
        }
        let frames = stage.conference.far_side().first_frame_ns;
        stage.join(false);
        stage.wait("the far side sees the box", |stage| {
            let first = stage.conference.far_side().first_frame_ns;
            first.is_some() && first != frames
        });
    }
    // On a busy machine the last session takes its time to be taken down.
    let end = Instant::now() + PATIENCE;
    let mut late = settled(&stage);
    while (late.0 > early.0 || late.1 > early.1) && Instant::now() < end {
        late = settled(&stage);
    }
    println!(
        "descriptors, threads, bytes: {early:?} after {} rounds, {late:?} after {count}",
        count / 10 + 2
    );
    assert!(late.0 <= early.0, "descriptors grow: {early:?} to {late:?}");
    assert!(late.1 <= early.1, "threads grow: {early:?} to {late:?}");
    assert!(late.2 < early.2 + 10_000_000, "memory grows: {early:?} to {late:?}");
    assert_eq!(stage.conference.verdict(), [], "{}", stage.room_box.words());
}

#[test]
fn ten_joins_and_leaves_leave_nothing_behind() {
    joins_and_leaves(10);
}

/// The goal of step 2: a thousand, or as many as `SOAK_JOINS` says.
#[test]
#[ignore = "an hour long: cargo lab soak"]
fn soak_a_thousand_joins_and_leaves_leave_nothing_behind() {
    let count = std::env::var("SOAK_JOINS").ok().and_then(|count| count.parse().ok());
    joins_and_leaves(count.unwrap_or(1_000));
}
