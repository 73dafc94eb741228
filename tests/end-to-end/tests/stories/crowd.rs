//! Large meetings.

use std::{thread::sleep, time::Duration};

use end_to_end::processes;

use crate::stage::{ROOM, Stage, options};

/// How long the processor is watched.
const WATCHED: Duration = Duration::from_secs(20);
/// How many of the others have no media, so that with the three peers and the box a hundred are there.
const CROWD: usize = 96;

/// What a while cost, and what the far side had of it.
#[derive(Debug)]
struct Watched {
    roomd_s: f64,
    worker_s: f64,
    frames: u64,
    sound: u64,
}

impl Watched {
    /// Processor time of both processes for each picture that was sent.
    fn per_picture_ms(&self) -> f64 {
        let pictures = u32::try_from(self.frames).map_or(f64::NAN, f64::from);
        (self.roomd_s + self.worker_s) * 1000.0 / pictures
    }
}

/// Processor time of `roomd` and its worker over a while; the wall must show the same all the time.
fn watch(stage: &Stage) -> Watched {
    let read = || {
        let worker = stage.room_box.worker_pid().expect("a worker");
        let seconds = |pid| processes::cpu_seconds(pid).expect("it lives");
        Watched {
            roomd_s: seconds(stage.room_box.pid()),
            worker_s: seconds(worker),
            frames: stage.far_frames(),
            sound: stage.conference.far_side().audio_packets,
        }
    };
    let before = read();
    for _ in 0..WATCHED.as_secs() {
        sleep(Duration::from_secs(1));
        assert_eq!(stage.room_box.state("/pictures"), 3, "the wall shows all three peers");
    }
    let after = read();
    Watched {
        roomd_s: after.roomd_s - before.roomd_s,
        worker_s: after.worker_s - before.worker_s,
        frames: after.frames - before.frames,
        sound: after.sound - before.sound,
    }
}

/// A measurement on a quiet machine, so it runs with the soak.
#[test]
#[ignore = "a measurement of a minute: cargo lab soak"]
fn soak_a_hundred_participants_who_come_and_go_cost_little_more_than_four() {
    let stage = Stage::in_meeting(options());
    stage.all_layers_flow();
    stage.wall_fills();
    sleep(Duration::from_secs(5));
    let few = watch(&stage);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let crowd = runtime
        .block_on(stage.conference.crowd(ROOM, CROWD, 10))
        .expect("a crowd");
    stage.wait("everybody is there", |stage| {
        let there = stage.room_box.state("/participants").as_u64();
        // One of them may be on the way out.
        there.is_some_and(|count| count >= 98)
    });
    sleep(Duration::from_secs(5));
    let many = watch(&stage);
    // By picture sent: on a machine that is busy with other things fewer pictures are sent, and cost less in all.
    let growth = many.per_picture_ms() / few.per_picture_ms();
    println!(
        "with 4: {few:?}, {:.2} ms a picture; with 100, ten coming and ten going a second: {many:?}, {:.2} ms; {:+.1} %",
        few.per_picture_ms(),
        many.per_picture_ms(),
        100.0 * (growth - 1.0)
    );
    assert!(growth < 1.2, "{few:?}, {many:?}");
    assert!(
        many.sound * 2 > few.sound && many.frames * 3 > few.frames,
        "{few:?}, {many:?}"
    );
    drop(crowd);
    stage.wait("the crowd is gone", |stage| stage.room_box.state("/participants") == 4);
    stage.leave_and_judge();
}
