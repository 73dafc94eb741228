//! The worker as a process: it never outlives its parent, whatever it is doing.

use media_protocol::frame::{Decoder, encode};
use media_protocol::*;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::bridge::wait;
use crate::rig::alone;

const WORKER: &str = env!("CARGO_BIN_EXE_roomd-media");

/// Our end of the worker's socket.
pub struct Line {
    pub socket: UnixStream,
    decoder: Decoder,
}

impl Line {
    pub fn pair() -> (Self, Stdio) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        (
            Self {
                socket: ours,
                decoder: Decoder::default(),
            },
            Stdio::from(OwnedFd::from(theirs)),
        )
    }

    pub fn say(&mut self, message: ToWorker) {
        self.socket
            .write_all(&encode(&Envelope { epoch: 4, message }).unwrap())
            .unwrap();
    }

    pub fn hear(&mut self, wanted: impl Fn(&FromWorker) -> bool) -> FromWorker {
        let mut bytes = [0; 4096];
        loop {
            while let Some(envelope) = self.decoder.next_message::<Envelope<FromWorker>>().unwrap() {
                assert_eq!(envelope.epoch, 4);
                if wanted(&envelope.message) {
                    return envelope.message;
                }
            }
            let count = self.socket.read(&mut bytes).unwrap();
            assert!(count > 0, "the worker ended");
            self.decoder.push(&bytes[..count]);
        }
    }

    /// Hello, and a camera.
    fn open_camera(&mut self, device: CameraDevice) {
        self.say(ToWorker::Hello { version: VERSION });
        let FromWorker::Hello(hello) = self.hear(|report| matches!(report, FromWorker::Hello(_))) else {
            unreachable!()
        };
        assert_eq!(hello.version, VERSION);
        let camera = Some(CameraPlan {
            device,
            purpose: CapturePurpose::Preview,
            stand_in: "No picture".into(),
        });
        self.say(ToWorker::Plan(Box::new(MediaPlan {
            revision: 1,
            camera,
            ..MediaPlan::default()
        })));
    }

    fn camera_is_open(&mut self) {
        self.hear(|report| matches!(report, FromWorker::Capture(state) if state.camera == DeviceState::Open));
    }
}

pub fn spawn(stdin: Stdio) -> Child {
    Command::new(WORKER)
        .stdin(stdin)
        .env("RUST_LOG", "error")
        .env_remove("GST_V4L2_FORCE_DRAIN")
        .env("MALLOC_ARENA_MAX", "2")
        .spawn()
        .unwrap()
}

fn ends(mut child: Child, since: Instant) -> std::process::ExitStatus {
    let status = wait("the worker's end", Duration::from_secs(10), || {
        child.try_wait().unwrap()
    });
    assert!(
        since.elapsed() < Duration::from_secs(1),
        "it took {:?}",
        since.elapsed()
    );
    status
}

#[test]
fn whoever_starts_it_a_camera_that_is_closed_is_closed() {
    let _alone = alone();
    let (mut line, stdin) = Line::pair();
    let child = spawn(stdin);
    line.open_camera(CameraDevice::Simulated { plug: None });
    line.camera_is_open();
    // Why: `process.rs`; what it does: the stories of `tests/hardware`.
    let environment = std::fs::read(format!("/proc/{}/environ", child.id())).unwrap();
    let mut variables = environment.split(|byte| *byte == 0);
    assert!(variables.any(|variable| variable == b"GST_V4L2_FORCE_DRAIN=1"));
    let at = Instant::now();
    line.say(ToWorker::Shutdown);
    assert!(ends(child, at).success());
}

#[test]
fn asked_to_end_it_tells_the_closed_devices_and_ends_well() {
    let _alone = alone();
    let (mut line, stdin) = Line::pair();
    let child = spawn(stdin);
    line.open_camera(CameraDevice::Simulated { plug: None });
    line.camera_is_open();
    line.say(ToWorker::Ping);
    line.hear(|report| *report == FromWorker::Pong);
    let at = Instant::now();
    line.say(ToWorker::Shutdown);
    line.hear(|report| matches!(report, FromWorker::Capture(state) if state.camera == DeviceState::Closed));
    assert!(ends(child, at).success());
}

#[test]
fn roomd_gone_means_the_worker_is_gone_within_a_second() {
    let _alone = alone();
    let (mut line, stdin) = Line::pair();
    let child = spawn(stdin);
    line.open_camera(CameraDevice::Simulated { plug: None });
    line.camera_is_open();
    let at = Instant::now();
    drop(line);
    ends(child, at);
}

#[test]
fn a_worker_that_hangs_in_a_device_dies_with_roomd_all_the_same() {
    let _alone = alone();
    let directory = tempfile::tempdir().unwrap();
    // Opening a pipe that nobody writes to never returns, like the open call of a broken driver.
    let path: PathBuf = directory.path().join("camera");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let (mut line, stdin) = Line::pair();
    let child = spawn(stdin);
    line.open_camera(CameraDevice::File { path });
    line.say(ToWorker::Ping);
    line.socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    // What it said before it hung may still be on the way.
    let mut bytes = [0; 4096];
    while let Ok(count) = line.socket.read(&mut bytes) {
        assert!(count > 0, "the worker ended");
        line.decoder.push(&bytes[..count]);
    }
    while let Some(envelope) = line.decoder.next_message::<Envelope<FromWorker>>().unwrap() {
        assert_ne!(
            envelope.message,
            FromWorker::Pong,
            "the owner thread hangs and answers nothing"
        );
    }
    let at = Instant::now();
    drop(line);
    assert!(!ends(child, at).success(), "it was ended hard");
}

#[test]
fn a_stopped_worker_dies_with_its_parent_though_it_reads_nothing() {
    let _alone = alone();
    let (mut line, stdin) = Line::pair();
    // A shell between us is the parent that dies; our end of the socket stays open.
    let script = r#"exec 3<&0; "$0" <&3 & echo $!; wait"#;
    let mut parent = Command::new("sh");
    let mut parent = parent
        .args(["-c", script, WORKER])
        .stdin(stdin)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    line.open_camera(CameraDevice::Simulated { plug: None });
    line.camera_is_open();
    let mut pid = [0; 32];
    let count = parent.stdout.as_mut().unwrap().read(&mut pid).unwrap();
    let pid = String::from_utf8_lossy(&pid[..count]).trim().to_owned();
    let state = || {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).ok().map(|stat| {
            stat.rsplit(')')
                .next()
                .unwrap_or_default()
                .trim()
                .chars()
                .next()
                .unwrap_or(' ')
        })
    };
    assert!(Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
    wait("the stopped worker", Duration::from_secs(5), || {
        (state() == Some('T')).then_some(())
    });
    let at = Instant::now();
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait("the worker's death", Duration::from_secs(10), || {
        state().is_none_or(|state| state == 'Z').then_some(())
    });
    assert!(at.elapsed() < Duration::from_secs(1), "it took {:?}", at.elapsed());
}

#[test]
fn another_version_of_the_contract_is_told_and_refused() {
    let _alone = alone();
    let (mut line, stdin) = Line::pair();
    let child = spawn(stdin);
    line.say(ToWorker::Hello { version: VERSION + 1 });
    line.hear(|report| matches!(report, FromWorker::Hello(hello) if hello.version == VERSION));
    ends(child, Instant::now());
}

#[test]
fn what_is_not_in_the_contract_ends_the_worker() {
    let _alone = alone();
    let (mut line, stdin) = Line::pair();
    let child = spawn(stdin);
    line.open_camera(CameraDevice::Simulated { plug: None });
    line.camera_is_open();
    let at = Instant::now();
    line.socket.write_all(&u32::MAX.to_be_bytes()).unwrap();
    ends(child, at);
}
