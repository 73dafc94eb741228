//! Processes that die.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use end_to_end::{processes, send, wait_for};
use rustix::process::Signal;

use crate::stage::{PATIENCE, Stage, conference, join_and_be_seen, options};

#[test]
fn a_killed_media_worker_is_replaced_and_the_room_is_never_left() {
    let stage = Stage::in_meeting(options());
    let (worker, nick) = (stage.room_box.worker_pid().expect("a worker"), stage.guest().nick);
    stage.wall_fills();
    let frames = stage.far_frames();
    stage.wait("pictures flow", |stage| stage.far_frames() > frames + 30);
    let first = stage.conference.far_side().first_frame_ns;
    send(worker, Signal::KILL);
    let killed = Instant::now();
    stage.wait("there is another worker", |stage| {
        stage.room_box.worker_pid().is_some_and(|pid| pid != worker)
    });
    stage.wait("the far side sees the new session", |stage| {
        let again = stage.conference.far_side().first_frame_ns;
        again.is_some() && again != first
    });
    println!("picture back after {} ms", killed.elapsed().as_millis());
    assert_eq!(
        (stage.guest().nick, stage.guest().gone_ns, stage.guest().sessions),
        (nick, None, 2)
    );
    stage.wait("all peers are on the wall again", |stage| {
        stage.room_box.state("/pictures") == 3
    });
    stage.leave_and_judge();
}

#[test]
fn a_stopped_media_worker_is_noticed_and_replaced() {
    let stage = Stage::in_meeting(options());
    let worker = stage.room_box.worker_pid().expect("a worker");
    // Its first session is settled: what a bridge channel must say at its opening has been said.
    stage.wall_fills();
    send(worker, Signal::STOP);
    stage.wait("there is another worker", |stage| {
        stage.room_box.worker_pid().is_some_and(|pid| pid != worker)
    });
    stage.wait("there is a second session", |stage| stage.guest().sessions == 2);
    assert!(!processes::is_alive(worker), "the stopped one holds no device any more");
    stage.wait("all peers are on the wall again", |stage| {
        stage.room_box.state("/pictures") == 3
    });
    stage.leave_and_judge();
}

#[test]
fn a_killed_daemon_takes_its_worker_and_every_device_with_it() {
    for stopped in [false, true] {
        let stage = Stage::in_meeting(options());
        let worker = stage.room_box.worker_pid().expect("a worker");
        if stopped {
            send(worker, Signal::STOP);
        }
        stage.room_box.signal(Signal::KILL);
        let killed = Instant::now();
        assert!(
            wait_for(Duration::from_secs(10), || !processes::is_alive(worker)),
            "stopped before: {stopped}"
        );
        println!(
            "worker gone after {} ms, stopped before: {stopped}",
            killed.elapsed().as_millis()
        );
    }
}

#[test]
fn a_killed_daemon_that_starts_again_takes_its_ghost_out_of_the_room_and_captures_nothing() {
    let mut stage = Stage::in_meeting(options());
    let nick = stage.guest().nick;
    let files = |stage: &Stage| std::fs::read_dir(stage.room_box.state_directory()).map_or(0, Iterator::count);
    stage.wait("what a restart must know is kept", |stage| files(stage) == 1);
    let worker = stage.room_box.worker_pid().expect("a worker");
    stage.room_box.signal(Signal::KILL);
    assert!(wait_for(PATIENCE, || !processes::is_alive(worker)));
    sleep(Duration::from_secs(1));
    assert_eq!(stage.guest().gone_ns, None, "a ghost is in the room");
    stage.conference.clear_verdict();
    let frames = stage.far_frames();
    let started = Instant::now();
    stage.room_box.start_again().expect("roomd runs again");
    stage.wait("the ghost is gone", |stage| stage.guest().gone_ns.is_some());
    let gone = started.elapsed();
    println!("ghost gone {} ms after the new start", gone.as_millis());
    assert!(gone < Duration::from_secs(5), "{gone:?}");
    stage.wait("nothing is left to do", |stage| files(stage) == 0);
    assert_eq!(stage.guest().nick, nick, "nobody came in");
    assert_eq!(stage.room_box.state("/state"), "idle");
    assert_eq!(stage.room_box.state("/camera/open"), false);
    assert_eq!(stage.far_frames(), frames, "nothing was sent");
    assert_eq!(stage.conference.verdict(), [], "{}", stage.room_box.words());
    // And the next meeting is like any other.
    stage.join(false);
    stage.wait("the box is in again", |stage| stage.guest().nick != nick);
    stage.wait("the far side sees the box", |stage| {
        stage.conference.far_side().first_frame_ns.is_some()
    });
    stage.wait("what a restart must know is kept", |stage| files(stage) == 1);
    let files_out = stage.room_box.state_directory();
    stage.leave_and_judge();
    assert_eq!(
        std::fs::read_dir(files_out).map_or(0, Iterator::count),
        0,
        "a clean end leaves nothing"
    );
}

#[test]
fn sigterm_leaves_in_the_written_order() {
    let conference = conference(options());
    let mut room_box = join_and_be_seen(&conference);
    sleep(Duration::from_millis(300));
    room_box.signal(Signal::TERM);
    assert_eq!(
        room_box.wait(PATIENCE).and_then(|status| status.code()),
        Some(0),
        "{}",
        room_box.words()
    );
    assert!(
        wait_for(PATIENCE, || conference.guest().unwrap().gone_ns.is_some()),
        "the presence is gone"
    );
    assert_eq!(conference.verdict(), [], "{}", room_box.words());
}
