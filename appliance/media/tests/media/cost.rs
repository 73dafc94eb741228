//! What the worker costs as a process of its own in a meeting of four: three layers out, three pictures and a sound in.
//! Run by hand on a machine with nothing else to do: `cargo test -p media --test media -- --ignored --nocapture cost`.

use media_protocol::*;
use std::time::{Duration, Instant};

use crate::bridge::{Bridge, wait};
use crate::process::{Line, spawn};
use crate::rig::{alone, session, wall};

/// CPU seconds of a process, user and system.
fn cpu(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// Proportional set size in MB.
fn pss(pid: u32) -> f64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

/// CPU seconds by thread name.
fn threads(pid: u32) -> std::collections::BTreeMap<String, f64> {
    let mut by_name = std::collections::BTreeMap::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
        let Ok(stat) = std::fs::read_to_string(task.path().join("stat")) else {
            continue;
        };
        let (head, tail) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = tail.split_whitespace().collect();
        let spent = (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0;
        *by_name
            .entry(head.split('(').nth(1).unwrap_or_default().to_owned())
            .or_insert(0.0) += spent;
    }
    by_name
}

#[test]
#[ignore = "a measurement, not a check of behaviour"]
fn cost_of_a_meeting_of_four() {
    let _alone = alone();
    let (mut line, stdin) = Line::pair();
    let mut child = spawn(stdin);
    let bridge = Bridge::start();
    let offer = bridge.offer();
    line.say(ToWorker::Hello { version: VERSION });
    let purpose = CapturePurpose::Meeting;
    let mut plan = MediaPlan {
        revision: 1,
        camera: Some(CameraPlan {
            device: CameraDevice::Simulated { plug: None },
            purpose,
            stand_in: "No picture".into(),
        }),
        microphone: Some(MicrophonePlan {
            device: MicrophoneDevice::Simulated { plug: None },
            purpose,
            channels: Vec::new(),
        }),
        loudspeaker: Some(LoudspeakerPlan {
            device: LoudspeakerDevice::Simulated { record: None },
            volume: 1.0,
            beside: Vec::new(),
        }),
        wall: Some(wall(&["p1-v0", "p2-v0", "p3-v0"])),
        session: Some(session(SessionId(1), offer.clone())),
    };
    let pid = child.id();
    println!("before the plan: {:.0} MB", pss(pid));
    line.say(ToWorker::Plan(Box::new(plan.clone())));
    let local = line.hear(|report| {
        matches!(
            report,
            FromWorker::Session {
                event: SessionEvent::LocalDescription(_),
                ..
            }
        )
    });
    let FromWorker::Session {
        event: SessionEvent::LocalDescription(local),
        ..
    } = local
    else {
        unreachable!()
    };
    bridge.answer(&offer, &local);
    wait("frames", Duration::from_secs(20), || {
        (bridge.seen(1003).frames >= 60).then_some(())
    });
    line.socket.set_nonblocking(false).unwrap();
    let (before, by_thread, at) = (cpu(pid), threads(pid), Instant::now());
    std::thread::sleep(Duration::from_secs(10));
    let cores = (cpu(pid) - before) / at.elapsed().as_secs_f64();
    let count = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().count();
    println!("{cores:.2} cores, {:.0} MB, {count} threads", pss(pid));
    for (name, spent) in threads(pid) {
        let spent = spent - by_thread.get(&name).copied().unwrap_or_default();
        if spent > 0.05 {
            println!("  {:.3} {name}", spent / at.elapsed().as_secs_f64());
        }
    }
    plan.revision = 2;
    plan.session = None;
    plan.camera = None;
    plan.microphone = None;
    line.say(ToWorker::Plan(Box::new(plan)));
    line.hear(|report| matches!(report, FromWorker::Applied { revision: 2 }));
    println!("after the meeting: {:.0} MB", pss(pid));
    line.say(ToWorker::Shutdown);
    child.wait().unwrap();
}
