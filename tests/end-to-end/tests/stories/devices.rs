//! Devices as the kernel sees them: a recorded film is the camera, so that an open camera is an open file.

use std::{path::PathBuf, process::Command, time::Duration};

use end_to_end::{Devices, RoomBox, processes};

use crate::stage::{ROOM, Stage, conference, options};

/// Two seconds of film, made once.
fn film() -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("two-seconds.webm");
    if !path.exists() {
        let made = Command::new("gst-launch-1.0")
            .args([
                "-q",
                "videotestsrc",
                "num-buffers=60",
                "!",
                "video/x-raw,width=640,height=360,framerate=30/1",
                "!",
            ])
            .args([
                "vp8enc",
                "deadline=1",
                "keyframe-max-dist=30",
                "!",
                "webmmux",
                "!",
                "filesink",
            ])
            .arg(format!("location={}", path.display()))
            .status();
        assert!(made.expect("gst-launch-1.0 runs").success());
    }
    path
}

#[test]
fn the_camera_is_open_only_in_a_meeting_and_only_while_it_is_on() {
    let film = film();
    let devices = Devices {
        camera: film.display().to_string(),
        ..Devices::default()
    };
    let stage = Stage {
        conference: conference(options()),
        room_box: RoomBox::daemon(&devices).expect("roomd runs"),
    };
    let open = |stage: &Stage| {
        let worker = stage.room_box.worker_pid().expect("a worker");
        processes::open_files(worker).contains(&film)
    };
    stage.wait("the worker runs", |stage| {
        stage.room_box.state("/workerRunning") == true
    });
    assert!(!open(&stage), "dark before any meeting");
    stage.join(true);
    stage.wait("the box is in", |stage| stage.room_box.state("/state") == "in-meeting");
    stage.wait("the far side hears nothing of it", |stage| {
        stage.guest().connected_ns.is_some()
    });
    std::thread::sleep(Duration::from_millis(500));
    assert!(!open(&stage), "joined muted: dark");
    assert_eq!(stage.far_frames(), 0, "no picture left the box");
    assert!(stage.guest().video_muted, "everybody is told");

    stage.tell(r#"{"command":"camera","on":true}"#);
    stage.wait("the camera is open", open);
    stage.wait("the far side sees it", |stage| stage.far_frames() > 30);
    stage.wait("everybody is told", |stage| !stage.guest().video_muted);
    stage.tell(r#"{"command":"camera","on":false}"#);
    stage.wait("the camera is closed", |stage| !open(stage));
    stage.wait("everybody is told", |stage| stage.guest().video_muted);

    stage.tell(r#"{"command":"camera","on":true}"#);
    stage.wait("the camera is open again", open);
    stage.tell(r#"{"command":"leave"}"#);
    stage.wait("the camera is closed", |stage| !open(stage));
    stage.wait("the presence is gone", |stage| stage.guest().gone_ns.is_some());
    assert_eq!(stage.conference.verdict(), [], "{}", stage.room_box.words());
}

#[test]
fn a_camera_that_is_plugged_in_and_pulled_out_comes_and_goes_as_a_source_of_the_meeting() {
    let devices = Devices {
        camera: "none".into(),
        ..Devices::default()
    };
    let stage = Stage {
        conference: conference(options()),
        room_box: RoomBox::daemon(&devices).expect("roomd runs"),
    };
    stage.wait("the worker runs", |stage| {
        stage.room_box.state("/workerRunning") == true
    });
    stage.join(false);
    stage.wait("sound flows", |stage| stage.conference.far_side().audio_packets > 50);
    let kinds = |stage: &Stage| {
        stage
            .guest()
            .sources
            .iter()
            .map(|media| media.word())
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds(&stage), ["audio"], "no camera is announced");

    stage.tell(r#"{"command":"devices","camera":"simulated"}"#);
    stage.wait("the camera is a source", |stage| kinds(stage) == ["audio", "video"]);
    stage.all_layers_flow();
    stage.tell(r#"{"command":"devices","camera":"none"}"#);
    stage.wait("it is none any more", |stage| kinds(stage) == ["audio"]);
    stage.tell(r#"{"command":"devices","camera":"simulated"}"#);
    let seen = stage.far_frames();
    stage.wait("the far side sees it again", |stage| stage.far_frames() > seen + 60);
    let sessions = stage.guest().sessions;
    assert_eq!(sessions, 1, "all in one session");
    stage.leave_and_judge();
}

#[test]
fn a_camera_that_is_not_there_leaves_a_meeting_with_sound() {
    let devices = Devices {
        camera: "/dev/video99".into(),
        ..Devices::default()
    };
    let stage = Stage {
        conference: conference(options()),
        room_box: RoomBox::daemon(&devices).expect("roomd runs"),
    };
    stage.wait("the worker runs", |stage| {
        stage.room_box.state("/workerRunning") == true
    });
    stage.join(false);
    stage.wait("sound flows", |stage| stage.conference.far_side().audio_packets > 50);
    stage.wait("the fault has a name", |stage| {
        stage.room_box.state("/camera/fault/fault") == "notFound"
    });
    assert_eq!(stage.room_box.state("/camera/open"), false);
    assert!(stage.conference.room_url(ROOM).ends_with(ROOM));
    stage.leave_and_judge();
}
