//! What arrives at the box.

use gstreamer::prelude::*;
use media_protocol::*;
use std::time::Duration;

use crate::bridge::{Bridge, SENDS, wait};
use crate::rig::{Rig, alone, last_statistics, streams, wall};

#[test]
fn two_sources_are_decoded_shown_and_mixed_and_feedback_goes_back() {
    let _alone = alone();
    let (mut rig, bridge) = (Rig::start(), Bridge::start());
    rig.plan.wall = Some(wall(&["p1-v0", "p2-v0"]));
    rig.plan.loudspeaker = Some(LoudspeakerPlan {
        device: LoudspeakerDevice::Simulated { record: None },
        volume: 1.0,
        beside: Vec::new(),
    });
    rig.connect(&bridge, 1);
    let sources = |told: &[FromWorker]| {
        told.iter().rev().find_map(|report| match report {
            FromWorker::Wall(state) => Some(state.clone()),
            _ => None,
        })
    };
    let state = rig.until("both on the wall", |told| {
        sources(told).filter(|state| state.sources.len() == 2)
    });
    assert_eq!(state.sources, ["p1-v0", "p2-v0"]);
    assert_eq!(state.first_frames.len(), 2);
    rig.until("pictures decoded", |told| {
        let received = &last_statistics(told)?.received;
        let moving = |ssrc: &u32| {
            received
                .iter()
                .any(|stream| stream.ssrc == *ssrc && stream.fps > 10.0 && stream.height == 180)
        };
        (SENDS.1.iter().all(moving) && received.iter().any(|stream| stream.ssrc == SENDS.0)).then_some(())
    });
    // The bridge learns how we receive, and is asked for what we lost.
    bridge.loss_back.store(60, std::sync::atomic::Ordering::Relaxed);
    wait("feedback of all kinds", Duration::from_secs(20), || {
        let rtcp = bridge.ledger.lock().unwrap().rtcp.clone();
        ["transport-cc", "NACK", "PLI", "RR"]
            .iter()
            .all(|kind| rtcp.contains_key(*kind))
            .then_some(())
    });
    rig.worker.stop().unwrap();
}

#[test]
fn a_rewritten_ssrc_changes_its_name_and_keeps_its_decoder() {
    let _alone = alone();
    let (mut rig, bridge) = (Rig::start(), Bridge::start());
    rig.plan.wall = Some(wall(&["p1-v0"]));
    rig.connect(&bridge, 1);
    let shown = |rig: &mut Rig, expected: &[&str]| {
        let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
        rig.until("the wall", |told| {
            let state = told.iter().rev().find_map(|report| match report {
                FromWorker::Wall(state) => Some(&state.sources),
                _ => None,
            });
            (state? == &expected).then_some(())
        });
    };
    shown(&mut rig, &["p1-v0"]);
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    rig.until("only one source is decoded", |told| {
        let received = &last_statistics(told)?.received;
        let fps = |ssrc: u32| {
            received
                .iter()
                .find(|stream| stream.ssrc == ssrc)
                .map(|stream| stream.fps)
        };
        (fps(SENDS.1[0])? > 10.0 && fps(SENDS.1[1])? == 0.0).then_some(())
    });
    let before = threads();
    // The same SSRC is somebody else's now.
    rig.plan.wall = Some(wall(&["p9-v0"]));
    rig.session().streams = streams(["p9-v0", "p2-v0"]);
    let asked = bridge.ledger.lock().unwrap().rtcp.get("PLI").copied().unwrap_or(0);
    rig.apply();
    shown(&mut rig, &["p9-v0"]);
    assert!(threads() <= before, "no new decoder: {before} -> {} threads", threads());
    assert_eq!(
        bridge.ledger.lock().unwrap().rtcp.get("PLI").copied().unwrap_or(0),
        asked,
        "no key frame was needed"
    );
    // An SSRC that nobody names is parked, and taken up when the plan names it.
    rig.session().streams = streams(["nobody-v0", "p2-v0"]);
    rig.plan.wall = Some(wall(&["p1-v0", "p2-v0"]));
    rig.apply();
    shown(&mut rig, &["p2-v0"]);
    rig.session().streams = streams(["p1-v0", "p2-v0"]);
    rig.apply();
    shown(&mut rig, &["p1-v0", "p2-v0"]);
    rig.worker.stop().unwrap();
}

#[test]
fn a_silent_stream_that_nobody_names_is_forgotten_and_taken_up_when_it_returns() {
    let _alone = alone();
    let (mut rig, bridge) = (Rig::start(), Bridge::start());
    rig.connect(&bridge, 1);
    let known = |told: &[FromWorker], ssrc: u32| {
        let received = &last_statistics(told)?.received;
        Some(received.iter().any(|stream| stream.ssrc == ssrc))
    };
    let [heard, silent] = SENDS.1;
    rig.until("both pictures", |told| {
        (known(told, heard)? && known(told, silent)?).then_some(())
    });
    let mouth = bridge.pipeline.by_name(&format!("pay{silent}")).unwrap();
    let mouth = mouth.static_pad("sink").unwrap();
    let shut = mouth.add_probe(gstreamer::PadProbeType::BUFFER, |_, _| {
        gstreamer::PadProbeReturn::Handled
    });
    rig.session().streams.clear();
    rig.apply();
    rig.until("one forgotten", |told| (!known(told, silent)?).then_some(()));
    assert_eq!(known(&rig.told, heard), Some(true), "who is heard stays, named or not");
    // RTP has given the stream up by then, too: after five seconds of silence.
    std::thread::sleep(Duration::from_secs(25));
    mouth.remove_probe(shut.unwrap());
    rig.session().streams = streams(["p1-v0", "p2-v0"]);
    rig.plan.wall = Some(wall(&["p2-v0"]));
    rig.apply();
    rig.until("its picture", |told| {
        let shown = |report: &FromWorker| matches!(report, FromWorker::Wall(state) if state.sources == ["p2-v0"]);
        told.iter().any(shown).then_some(())
    });
    rig.worker.stop().unwrap();
}

#[test]
fn texts_cross_the_bridge_channel_both_ways() {
    let _alone = alone();
    let (mut rig, bridge) = (Rig::start(), Bridge::start());
    rig.connect(&bridge, 3);
    rig.session_event("the channel", |event| {
        (*event == SessionEvent::BridgeChannel(BridgeChannelState::Open)).then_some(())
    });
    let text = r#"{"colibriClass":"ClientHello"}"#;
    for session in [SessionId(2), SessionId(3)] {
        rig.worker.send(Envelope {
            epoch: 1,
            message: ToWorker::BridgeMessage {
                session,
                text: text.into(),
            },
        });
    }
    wait("our text", Duration::from_secs(10), || {
        (!bridge.ledger.lock().unwrap().texts.is_empty()).then_some(())
    });
    let long = format!(r#"{{"colibriClass":"ServerHello","x":"{}"}}"#, "é".repeat(20_000));
    bridge.say(&long);
    let heard = rig.session_event("the bridge's text", |event| match event {
        SessionEvent::BridgeMessage { text } => Some(text.clone()),
        _ => None,
    });
    assert_eq!(heard, long);
    assert_eq!(
        bridge.ledger.lock().unwrap().texts,
        [text],
        "a text for another session is not sent"
    );
    rig.worker.stop().unwrap();
}

#[test]
fn pictures_go_on_while_one_packet_in_twenty_is_lost() {
    let _alone = alone();
    let (mut rig, bridge) = (Rig::start(), Bridge::start());
    rig.plan.wall = Some(wall(&["p1-v0", "p2-v0"]));
    rig.connect(&bridge, 1);
    let rates = |told: &[FromWorker]| -> Vec<f64> {
        let statistics = told.iter().filter_map(|report| match report {
            FromWorker::Statistics(statistics) => Some(statistics),
            _ => None,
        });
        let slowest = |statistics: &Statistics| {
            let rate = |ssrc: &u32| {
                statistics
                    .received
                    .iter()
                    .find(|stream| stream.ssrc == *ssrc)
                    .map_or(0.0, |stream| stream.fps)
            };
            SENDS.1.iter().map(rate).fold(f64::INFINITY, f64::min)
        };
        statistics.map(slowest).collect()
    };
    rig.until("pictures", |told| {
        rates(told).last().is_some_and(|rate| *rate > 14.0).then_some(())
    });
    bridge.loss_back.store(50, std::sync::atomic::Ordering::Relaxed);
    let before = rig.told.len();
    let under_loss = rig.until("ten seconds of loss", |told| {
        Some(rates(&told[before..])).filter(|rates| rates.len() >= 5)
    });
    // 15 frames a second are sent; a picture that stands for a second costs half of an interval of two seconds.
    assert!(
        under_loss.iter().all(|rate| *rate > 9.0),
        "frames a second of the slower source: {under_loss:?}"
    );
    rig.worker.stop().unwrap();
}
