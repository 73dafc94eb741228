//! Devices and sessions that come and go.

use media_protocol::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::bridge::{Bridge, wait};
use crate::rig::{Rig, alone, last_statistics, wall};

/// Sessions of the test that looks for what they leave.
const SESSIONS: u64 = 12;

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// The open descriptors and what each is.
fn descriptors() -> BTreeMap<String, PathBuf> {
    let listed = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let link = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        Some((name, std::fs::read_link(entry.path()).ok()?))
    };
    listed.filter_map(link).collect()
}

#[test]
fn sessions_that_come_and_go_leave_no_descriptor_and_no_thread_behind() {
    let _alone = alone();
    let mut rig = Rig::start();
    rig.simulate_capture();
    rig.plan.wall = Some(wall(&["p1-v0", "p2-v0"]));
    rig.plan.loudspeaker = Some(LoudspeakerPlan {
        device: LoudspeakerDevice::Simulated { record: None },
        volume: 0.5,
        beside: Vec::new(),
    });
    let mut after = Vec::new();
    for id in 1..=SESSIONS {
        let bridge = Bridge::start();
        rig.connect(&bridge, id);
        wait("frames", Duration::from_secs(20), || {
            (bridge.seen(1003).frames >= 5).then_some(())
        });
        // The wall keeps the last picture of each source, and a picture keeps the buffer pool of its decoder, which has two
        // descriptors. So each session shows both: else their number would depend on which came in time.
        rig.until("both sources", |told| {
            let both = |report: &FromWorker| matches!(report, FromWorker::Wall(wall) if wall.first_frames.len() == 2);
            told.iter().any(both).then_some(())
        });
        rig.plan.session = None;
        rig.apply();
        drop(bridge);
        after.push((descriptors(), threads()));
    }
    // The first ones load what stays: fonts, DTLS, thread pools. One in each session would be eight by now.
    let (settled, settled_threads) = &after[3];
    let end = Instant::now() + Duration::from_secs(30);
    while descriptors().len() > settled.len() + 1 {
        let now = descriptors();
        let counts: Vec<_> = after.iter().map(|(open, threads)| (open.len(), *threads)).collect();
        assert!(
            Instant::now() < end,
            "descriptors and threads after each session: {counts:?}\nthen: {settled:?}\nnow: {now:?}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    // Threads of GLib's pools go when they have had nothing to do for a while.
    wait("the threads to go", Duration::from_secs(30), || {
        (threads() <= settled_threads + 1).then_some(())
    });
    rig.worker.stop().unwrap();
}

#[test]
fn a_session_whose_peer_has_another_certificate_sends_nothing_believes_nothing_and_fails() {
    let _alone = alone();
    let (mut rig, bridge) = (Rig::start(), Bridge::start());
    rig.simulate_capture();
    rig.plan.wall = Some(wall(&["p1-v0", "p2-v0"]));
    let mut offer = bridge.offer();
    offer.remote.fingerprints[0].value = "00:".repeat(31) + "00";
    rig.plan.session = Some(crate::rig::session(SessionId(1), offer.clone()));
    rig.apply();
    let local = rig.session_event("our half", |event| match event {
        SessionEvent::LocalDescription(local) => Some(local.clone()),
        _ => None,
    });
    bridge.answer(&offer, &local);
    let reason = rig.until("the failure", |told| {
        told.iter().find_map(|report| match report {
            FromWorker::Session {
                event: SessionEvent::Failed { reason },
                ..
            } => Some(reason.clone()),
            FromWorker::Session {
                event: SessionEvent::Connected { .. },
                ..
            } => panic!("connected to a stranger"),
            _ => None,
        })
    });
    assert!(reason.contains("certificate"), "{reason}");
    // The stranger goes on talking, in pictures and in words.
    bridge.say("believe me");
    let statistics = |told: &[FromWorker]| {
        let counters = told.iter().filter(|report| matches!(report, FromWorker::Statistics(_)));
        counters.count()
    };
    let before = statistics(&rig.told);
    rig.until("two intervals", |told| (statistics(told) >= before + 2).then_some(()));
    for report in &rig.told {
        match report {
            FromWorker::Statistics(counters) => {
                let decoded = counters
                    .received
                    .iter()
                    .any(|stream| stream.height > 0 || stream.fps > 0.0);
                assert!(!decoded, "a stranger's pictures were decoded: {counters:?}");
            }
            FromWorker::Session {
                event: event @ (SessionEvent::BridgeMessage { .. } | SessionEvent::BridgeChannel(_)),
                ..
            } => panic!("a stranger was heard: {event:?}"),
            _ => {}
        }
    }
    let received = &last_statistics(&rig.told).unwrap().received;
    assert_eq!(received.len(), 3, "the stranger's media did arrive: {received:?}");
    assert!(bridge.ledger.lock().unwrap().ssrcs.is_empty(), "nothing was sent");
    rig.worker.stop().unwrap();
}

#[test]
fn a_bridge_that_falls_silent_is_noticed_and_its_return_too() {
    let _alone = alone();
    let (mut rig, bridge) = (Rig::start(), Bridge::start());
    rig.simulate_capture();
    rig.connect(&bridge, 1);
    wait("frames", Duration::from_secs(20), || {
        (bridge.seen(1003).frames >= 5).then_some(())
    });
    bridge.loss_back.store(1000, std::sync::atomic::Ordering::Relaxed);
    let silent_ms = rig.session_event("the stall", |event| match event {
        SessionEvent::Stalled { silent_ms } => Some(*silent_ms),
        _ => None,
    });
    assert!((3000..4000).contains(&silent_ms), "{silent_ms}");
    bridge.loss_back.store(0, std::sync::atomic::Ordering::Relaxed);
    rig.session_event("the recovery", |event| {
        (*event == SessionEvent::Recovered).then_some(())
    });
    rig.worker.stop().unwrap();
}

/// Makes a film of a second and a sound of a second with GStreamer's own tools.
fn record(film: &Path, sound: &Path) {
    let film = format!(
        "videotestsrc num-buffers=25 ! video/x-raw,width=640,height=480,framerate=25/1 ! vp8enc deadline=1 cpu-used=16 ! webmmux ! filesink location={}",
        film.display()
    );
    let sound = format!(
        "audiotestsrc num-buffers=43 freq=880 ! audio/x-raw,rate=44100 ! wavenc ! filesink location={}",
        sound.display()
    );
    for pipeline in [film, sound] {
        let pipeline = gstreamer::parse::launch(&pipeline).unwrap();
        use gstreamer::prelude::*;
        pipeline.set_state(gstreamer::State::Playing).unwrap();
        let bus = pipeline.bus().unwrap();
        let kinds = [gstreamer::MessageType::Eos, gstreamer::MessageType::Error];
        let end = bus
            .timed_pop_filtered(gstreamer::ClockTime::from_seconds(20), &kinds)
            .unwrap();
        assert_eq!(end.type_(), gstreamer::MessageType::Eos, "{end:?}");
        pipeline.set_state(gstreamer::State::Null).unwrap();
    }
}

#[test]
fn recordings_are_a_camera_and_a_microphone_without_end_and_the_wall_is_a_file() {
    let _alone = alone();
    gstreamer::init().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    record(&path("film.webm"), &path("sound.wav"));
    let (mut rig, bridge) = (Rig::start(), Bridge::start());
    let purpose = CapturePurpose::Meeting;
    rig.plan.camera = Some(CameraPlan {
        device: CameraDevice::File {
            path: path("film.webm"),
        },
        purpose,
        stand_in: "No picture".into(),
    });
    rig.plan.microphone = Some(MicrophonePlan {
        device: MicrophoneDevice::File {
            path: path("sound.wav"),
        },
        purpose,
        channels: Vec::new(),
    });
    let mut plan = wall(&["p1-v0"]);
    plan.display = DisplayDevice::Simulated {
        snapshot: Some(path("wall.jpg")),
    };
    rig.plan.wall = Some(plan);
    let record = LoudspeakerDevice::Simulated {
        record: Some(path("heard.wav")),
    };
    rig.plan.loudspeaker = Some(LoudspeakerPlan {
        device: record,
        volume: 1.0,
        beside: Vec::new(),
    });
    rig.connect(&bridge, 1);
    // Three seconds and more out of one of film and one of sound.
    wait("the film, again and again", Duration::from_secs(20), || {
        (bridge.seen(1003).frames >= 90).then_some(())
    });
    wait("the sound, again and again", Duration::from_secs(20), || {
        (bridge.seen(9001).packets >= 150).then_some(())
    });
    let level = rig.until("statistics", |told| {
        last_statistics(told).map(|statistics| statistics.microphone_level)
    });
    assert!(level > -20.0, "{level}");
    let snapshot = std::fs::read(path("wall.jpg")).unwrap();
    assert!(
        snapshot.starts_with(&[0xff, 0xd8]) && snapshot.ends_with(&[0xff, 0xd9]),
        "a whole JPEG"
    );
    rig.worker.stop().unwrap();
    let heard = std::fs::read(path("heard.wav")).unwrap();
    let (samples, _) = heard[44..].as_chunks::<2>();
    let loud = samples
        .iter()
        .filter(|sample| i16::from_le_bytes(**sample).unsigned_abs() > 5000)
        .count();
    assert!(
        samples.len() > 48_000 && loud > samples.len() / 4,
        "{loud} of {} samples are loud",
        samples.len()
    );
}

#[test]
fn a_device_that_is_not_there_is_told_and_had_as_soon_as_it_is() {
    let _alone = alone();
    gstreamer::init().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let mut rig = Rig::start();
    let purpose = CapturePurpose::Preview;
    rig.plan.camera = Some(CameraPlan {
        device: CameraDevice::File {
            path: path("film.webm"),
        },
        purpose,
        stand_in: "No picture".into(),
    });
    rig.plan.microphone = Some(MicrophonePlan {
        device: MicrophoneDevice::Alsa { device: "hw:77".into() },
        purpose,
        channels: Vec::new(),
    });
    let nowhere = LoudspeakerDevice::Alsa { device: "hw:77".into() };
    rig.plan.loudspeaker = Some(LoudspeakerPlan {
        device: nowhere,
        volume: 1.0,
        beside: Vec::new(),
    });
    rig.apply();
    let failed = rig.until("both failures", |told| {
        told.iter()
            .rev()
            .find_map(|report| match report {
                FromWorker::Capture(state) => Some(state.clone()),
                _ => None,
            })
            .filter(|state| {
                matches!(
                    (&state.camera, &state.microphone),
                    (DeviceState::Failed { .. }, DeviceState::Failed { .. })
                )
            })
    });
    assert_eq!(
        failed.camera,
        DeviceState::Failed {
            fault: DeviceFault::NotFound
        }
    );
    rig.until("the loudspeaker's fault", |told| {
        let fault =
            |report: &FromWorker| matches!(report, FromWorker::PlaybackFault { device, .. } if device == "hw:77");
        told.iter().any(fault).then_some(())
    });
    let recovered =
        |report: &FromWorker| matches!(report, FromWorker::PlaybackRecovered { device } if device == "hw:77");
    assert!(!rig.told.iter().any(recovered), "nothing has got better");
    rig.plan.loudspeaker = Some(LoudspeakerPlan {
        device: LoudspeakerDevice::Simulated { record: None },
        volume: 1.0,
        beside: Vec::new(),
    });
    rig.apply();
    rig.until("the end of the fault", |told| told.iter().any(recovered).then_some(()));
    record(&path("film.webm"), &path("sound.wav"));
    rig.until("the camera", |told| {
        let open =
            |report: &FromWorker| matches!(report, FromWorker::Capture(state) if state.camera == DeviceState::Open);
        told.iter().any(open).then_some(())
    });
    rig.worker.stop().unwrap();
}

#[test]
fn the_check_names_the_package_of_every_element() {
    let output = Command::new(env!("CARGO_BIN_EXE_roomd-media"))
        .args(["--check", "--trials"])
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let elements = report["elements"].as_array().unwrap();
    let webrtcbin = elements
        .iter()
        .find(|element| element["element"] == "webrtcbin")
        .unwrap();
    assert_eq!(webrtcbin["package"], "gstreamer1.0-plugins-bad");
    assert_eq!(webrtcbin["present"], true);
    let complete = elements
        .iter()
        .all(|element| element["present"] == true || element["required"] == false);
    assert_eq!(output.status.success(), complete);
    let software = report["softwareEncoders"].as_array().unwrap();
    assert!(software.iter().any(|encoder| encoder == "vp8enc"));
    assert!(report["trials"].is_array(), "{report}");
}

#[test]
fn a_copy_of_the_wall_is_a_jpeg_and_there_is_none_of_a_dark_wall() {
    let _alone = alone();
    let mut rig = Rig::start();
    let ask = |rig: &mut Rig| {
        rig.told.clear();
        rig.worker.send(Envelope {
            epoch: 1,
            message: ToWorker::CopyWall,
        });
        rig.until("the answer", |told| {
            told.iter().find_map(|report| match report {
                FromWorker::WallCopy { jpeg } => Some(jpeg.clone()),
                _ => None,
            })
        })
    };
    assert_eq!(ask(&mut rig), None);
    rig.plan.wall = Some(wall(&[]));
    rig.apply();
    for _ in 0..2 {
        let jpeg = ask(&mut rig).unwrap();
        // Every JPEG begins with FF D8 FF.
        assert!(jpeg.starts_with("/9j/") && jpeg.len() > 1_000, "{} bytes", jpeg.len());
    }
    rig.plan.wall = None;
    rig.apply();
    assert_eq!(ask(&mut rig), None);
    rig.worker.stop().unwrap();
}

/// What the self-tests so far have seen.
fn tested(rig: &mut Rig) -> Vec<SelfTestReport> {
    rig.take_in();
    let reports = rig.told.iter().filter_map(|report| match report {
        FromWorker::SelfTest(report) => Some(report.clone()),
        _ => None,
    });
    reports.collect()
}

#[test]
fn a_self_test_counts_pictures_makes_a_key_frame_and_hears_the_room_once_for_each() {
    let _alone = alone();
    let mut rig = Rig::start();
    for count in 1..=2 {
        rig.simulate(CapturePurpose::SelfTest);
        rig.apply();
        wait("a report", Duration::from_secs(20), || {
            (tested(&mut rig).len() == count).then_some(())
        });
        let report = tested(&mut rig).remove(count - 1);
        assert!(report.frames.is_some_and(|frames| frames >= 15), "{report:?}");
        assert_eq!(report.key_frame, Some(720));
        assert!(report.level.is_some_and(|level| level > -60.0), "{report:?}");
        // Another plan during the test begins none.
        rig.plan.loudspeaker = None;
        rig.apply();
        (rig.plan.camera, rig.plan.microphone) = (None, None);
        rig.apply();
        assert_eq!(rig.capture().camera, DeviceState::Closed);
    }
    assert_eq!(tested(&mut rig).len(), 2);
}

#[test]
fn a_self_test_of_a_camera_that_is_not_there_ends_and_says_that_nothing_came() {
    let _alone = alone();
    let mut rig = Rig::start();
    rig.plan.camera = Some(CameraPlan {
        device: CameraDevice::V4l2 {
            path: "/dev/video-that-nobody-has".into(),
        },
        purpose: CapturePurpose::SelfTest,
        stand_in: "No picture".into(),
    });
    rig.apply();
    wait("a report", Duration::from_secs(20), || {
        (tested(&mut rig).len() == 1).then_some(())
    });
    let nothing = SelfTestReport {
        frames: Some(0),
        key_frame: None,
        level: None,
    };
    assert_eq!(tested(&mut rig), [nothing]);
}
