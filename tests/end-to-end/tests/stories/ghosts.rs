//! How long the others still see a box that is not there any more. Measured, not judged: `cargo test -p end-to-end --test
//! stories -- --ignored --nocapture ghosts` prints the table of `docs/leaving.md`.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use conference::Direction;
use end_to_end::{processes, wait_for};
use rustix::process::Signal;

use crate::stage::{Stage, options};

/// Longer is not waited.
const LIMIT: Duration = Duration::from_secs(180);

/// From the loss to the moment when the room shows the box as gone; none: not within [`LIMIT`].
fn ghost(lose: impl FnOnce(&mut Stage)) -> Option<Duration> {
    let mut stage = Stage::in_meeting(options());
    stage.wall_fills();
    let begun = Instant::now();
    lose(&mut stage);
    wait_for(LIMIT, || stage.guest().gone_ns.is_some()).then(|| begun.elapsed())
}

fn kill(stage: &Stage) {
    let worker = stage.room_box.worker_pid();
    stage.room_box.signal(Signal::KILL);
    if let Some(worker) = worker {
        wait_for(Duration::from_secs(10), || !processes::is_alive(worker));
    }
}

/// No word crosses any more in either direction, and no socket is closed.
fn unplug(stage: &Stage) {
    stage.conference.freeze_signalling(2 * LIMIT);
    for direction in [Direction::ToClient, Direction::FromClient] {
        stage.conference.drop_fraction(direction, 1.0);
    }
}

#[test]
#[ignore = "takes ten minutes; it measures and judges nothing"]
fn how_long_each_kind_of_loss_leaves_a_ghost() {
    let row = |what: &str, ghost: Option<Duration>| {
        let time = ghost.map_or_else(
            || format!("more than {} s", LIMIT.as_secs()),
            |time| format!("{:.1} s", time.as_secs_f64()),
        );
        println!("| {what} | {time} |");
    };
    row("left by command", ghost(|stage| stage.tell(r#"{"command":"leave"}"#)));
    row("SIGTERM", ghost(|stage| stage.room_box.signal(Signal::TERM)));
    row(
        "kill -9 of roomd, started again after 2 s",
        ghost(|stage| {
            kill(stage);
            sleep(Duration::from_secs(2));
            stage.room_box.start_again().expect("roomd runs again");
        }),
    );
    row("kill -9 of roomd, not started again", ghost(|stage| kill(stage)));
    row(
        "network lost, power cut (nothing closes the sockets)",
        ghost(|stage| unplug(stage)),
    );
}
