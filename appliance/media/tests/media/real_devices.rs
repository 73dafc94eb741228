//! Cameras that the kernel made: with the module `vivid` in this machine, the right to unbind it, and the environment that
//! the worker gives itself (`GST_V4L2_FORCE_DRAIN`), else skipped. On a slow machine `LAB_SLOW` is its factor.

use media_protocol::*;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::rig::{Rig, alone};

/// The driver whose cameras are all pulled out at once.
const DRIVER: &str = "/sys/bus/platform/drivers/vivid";
const PULLS: usize = 10;

/// True, and said loudly, where there is no such camera.
fn skipped() -> bool {
    let missing = !Path::new(DRIVER).join("vivid.0").exists();
    let writable = std::fs::OpenOptions::new()
        .write(true)
        .open(Path::new(DRIVER).join("unbind"))
        .is_ok();
    let drained = std::env::var_os("GST_V4L2_FORCE_DRAIN").is_some();
    let skipped = missing || !writable || !drained;
    if skipped {
        eprintln!("SKIPPED: needs `modprobe vivid`, the right to unbind it, and GST_V4L2_FORCE_DRAIN=1");
    }
    skipped
}

/// Nodes of cameras that this process holds, also of those that are gone.
fn held() -> Vec<PathBuf> {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let nodes = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    nodes
        .filter(|path| path.starts_with("/dev/") && path.display().to_string().contains("video"))
        .collect()
}

fn drive(word: &str) {
    std::fs::write(Path::new(DRIVER).join(word), "vivid.0").unwrap();
}

fn used() -> (usize, usize) {
    let count = |path: &str| std::fs::read_dir(path).unwrap().count();
    (count("/proc/self/fd"), count("/proc/self/task"))
}

/// Waits until the camera is in this state, and says how long that took.
fn until(rig: &mut Rig, what: &str, state: impl Fn(&DeviceState) -> bool) -> Duration {
    let since = Instant::now();
    rig.until(what, |told| {
        let mut last = told.iter().rev().filter_map(|report| match report {
            FromWorker::Capture(capture) => Some(&capture.camera),
            _ => None,
        });
        last.next().filter(|camera| state(camera)).map(|_| ())
    });
    since.elapsed()
}

#[test]
fn a_camera_of_the_kernel_is_found_by_wish_and_pulled_out_and_put_back_again_and_again() {
    if skipped() {
        return;
    }
    let _alone = alone();
    // What happens is worth reading: nobody sees it often.
    let _ = tracing_subscriber::fmt()
        .with_env_filter("info,devices=debug")
        .with_test_writer()
        .try_init();
    let mut rig = Rig::start();
    rig.plan.camera = Some(CameraPlan {
        device: CameraDevice::Attached {
            wishes: vec![DeviceWish::Name("vivid".into())],
        },
        purpose: CapturePurpose::Meeting,
        stand_in: "No picture".into(),
    });
    rig.apply();
    until(&mut rig, "the camera", |state| *state == DeviceState::Open);
    let (mut back, mut used_then) = (Vec::new(), Vec::new());
    for _ in 0..PULLS {
        // A picture must have come before it is pulled out, or opening is all that is tested.
        std::thread::sleep(Duration::from_millis(500));
        drive("unbind");
        until(&mut rig, "that it is gone", |state| {
            let gone = [DeviceFault::NotFound, DeviceFault::Unstable];
            matches!(state, DeviceState::Failed { fault } if gone.contains(fault))
        });
        assert!(held().is_empty(), "{:?} is not there", held());
        drive("bind");
        back.push(until(&mut rig, "that it is back", |state| *state == DeviceState::Open));
        used_then.push(used());
    }
    eprintln!("back after {back:?}; descriptors and threads {used_then:?}");
    back.sort_unstable();
    let slow = std::env::var("LAB_SLOW")
        .ok()
        .and_then(|factor| factor.parse().ok())
        .unwrap_or(1);
    assert!(back[PULLS / 2] < Duration::from_secs(3) * slow, "{back:?}");
    let (early, late) = (used_then[3], used_then[PULLS - 1]);
    assert!(late.0 <= early.0 + 2 && late.1 <= early.1 + 4, "{used_then:?}");
    rig.plan.camera = None;
    rig.apply();
    assert_eq!(rig.capture().camera, DeviceState::Closed);
    assert!(held().is_empty(), "closed is closed: {:?}", held());
    // Plugged in again, and nobody wants it.
    drive("unbind");
    drive("bind");
    std::thread::sleep(Duration::from_secs(2));
    assert!(rig.capture().camera == DeviceState::Closed && held().is_empty());
    rig.worker.stop().unwrap();
}

/// Where commands for the emulated USB camera of the laboratory go (`privacy 1`), if there is one.
const USB_ROOM: &str = "LAB_USB_ROOM";

#[test]
fn the_shutter_of_a_usb_camera_is_heard_of_while_it_is_open() {
    let Some(commands) = std::env::var_os(USB_ROOM) else {
        eprintln!("SKIPPED: needs the emulated USB camera, and in {USB_ROOM} the file for its commands");
        return;
    };
    let _alone = alone();
    let _ = tracing_subscriber::fmt()
        .with_env_filter("info,devices=debug")
        .with_test_writer()
        .try_init();
    let shut = |closed: bool| FromWorker::Impaired {
        camera: closed.then_some(DeviceFault::Shut),
        microphone: None,
    };
    let shutter = |closed: &str| std::fs::write(&commands, format!("privacy {closed}\n")).unwrap();
    let mut rig = Rig::start();
    rig.plan.camera = Some(CameraPlan {
        device: CameraDevice::Attached {
            wishes: vec![DeviceWish::Vendor("1d6b".into())],
        },
        purpose: CapturePurpose::Meeting,
        stand_in: "The shutter is closed".into(),
    });
    rig.apply();
    until(&mut rig, "the camera", |state| *state == DeviceState::Open);
    for (word, closed) in [("1", true), ("0", false), ("1", true)] {
        rig.told.clear();
        // The camera is asked for its shutter a moment after it has been opened.
        std::thread::sleep(Duration::from_millis(500));
        shutter(word);
        rig.until("the shutter", |told| told.contains(&shut(closed)).then_some(()));
    }
    rig.told.clear();
    rig.plan.camera = None;
    rig.apply();
    rig.until("that nothing is shut any more", |told| {
        told.contains(&shut(false)).then_some(())
    });
    assert!(held().is_empty(), "closed is closed: {:?}", held());
    rig.worker.stop().unwrap();
}
