//! What leaves the box.

use media_protocol::*;
use std::time::Duration;

use crate::bridge::{AUDIO, Bridge, LAYERS, wait};
use crate::rig::{Rig, alone, last_statistics, wall};

const LONG: Duration = Duration::from_secs(20);

#[test]
fn three_layers_and_sound_arrive_under_our_ssrcs_with_their_header_extensions() {
    let _alone = alone();
    let (mut rig, bridge) = (Rig::start(), Bridge::start());
    rig.simulate_capture();
    rig.connect(&bridge, 1);
    for (ssrc, _, height) in LAYERS {
        wait("thirty frames of each layer", LONG, || {
            (bridge.seen(ssrc).frames >= 30).then_some(())
        });
        assert_eq!(bridge.seen(ssrc).heights, [height]);
        let seen = bridge.seen(ssrc);
        assert_eq!(
            seen.packets, seen.with_transport_cc,
            "every packet of {ssrc} carries transport-cc"
        );
    }
    let sound = wait("fifty packets of sound", LONG, || {
        Some(bridge.seen(AUDIO)).filter(|seen| seen.packets >= 50)
    });
    assert_eq!(
        (sound.with_audio_level, sound.with_transport_cc),
        (sound.packets, sound.packets)
    );
    let first_packets = |told: &[FromWorker]| {
        let first = |report: &&FromWorker| {
            matches!(
                report,
                FromWorker::Session {
                    event: SessionEvent::FirstPacketSent { .. },
                    ..
                }
            )
        };
        told.iter().filter(first).count()
    };
    assert_eq!(
        rig.until("first packets", |told| Some(first_packets(told))
            .filter(|count| *count >= 2)),
        2
    );
    let statistics = rig.until("statistics of a full interval", |told| {
        last_statistics(told)
            .filter(|statistics| statistics.layers.iter().all(|layer| layer.fps > 20.0))
            .cloned()
    });
    assert!(
        statistics
            .layers
            .iter()
            .all(|layer| layer.key_frames >= 1 && layer.bitrate > 1000),
        "{statistics:?}"
    );
    assert!(statistics.microphone_level > -60.0 && statistics.microphone_level < 0.0);
    rig.worker.stop().unwrap();
}

#[test]
fn a_key_frame_is_made_on_the_asked_layer_alone_or_on_all_when_the_first_is_asked() {
    let _alone = alone();
    let (mut rig, bridge) = (Rig::start(), Bridge::start());
    rig.simulate_capture();
    rig.connect(&bridge, 1);
    for (ssrc, _, _) in LAYERS {
        wait("frames", LONG, || (bridge.seen(ssrc).frames >= 15).then_some(()));
    }
    for (asked, _, _) in LAYERS {
        let before = LAYERS.map(|(ssrc, _, _)| bridge.seen(ssrc).key_frames.len());
        bridge.ask_for_key_frame(asked);
        wait("a key frame", LONG, || {
            let place = LAYERS.iter().position(|(ssrc, _, _)| *ssrc == asked).unwrap();
            (bridge.seen(asked).key_frames.len() > before[place]).then_some(())
        });
        let at = *bridge.ledger.lock().unwrap().asked.last().unwrap();
        let took = bridge.seen(asked).key_frames.last().unwrap().duration_since(at);
        // The goal is 300 ms; a busy machine is given more.
        assert!(took < Duration::from_secs(3), "key frame of {asked} after {took:?}");
        // Some frames later the others still have theirs.
        let frames = bridge.seen(1003).frames;
        wait("five frames more", LONG, || {
            (bridge.seen(1003).frames >= frames + 5).then_some(())
        });
        for ((ssrc, _, _), before) in LAYERS.iter().zip(before) {
            // The first stands for the whole source.
            let expected = before + usize::from(*ssrc == asked || asked == LAYERS[0].0);
            assert_eq!(
                bridge.seen(*ssrc).key_frames.len(),
                expected,
                "{asked} was asked, look at {ssrc}"
            );
        }
    }
    rig.worker.stop().unwrap();
}

#[test]
fn lost_packets_are_sent_again_under_the_rtx_ssrc_of_their_layer() {
    let _alone = alone();
    let (mut rig, bridge) = (Rig::start(), Bridge::start());
    rig.simulate_capture();
    rig.connect(&bridge, 1);
    wait("frames", LONG, || (bridge.seen(1003).frames >= 15).then_some(()));
    bridge.loss.store(50, std::sync::atomic::Ordering::Relaxed);
    for (_, rtx, _) in LAYERS {
        wait("retransmissions", LONG, || {
            (bridge.seen(rtx).packets >= 2).then_some(())
        });
    }
    let known: Vec<u32> = LAYERS
        .iter()
        .flat_map(|(ssrc, rtx, _)| [*ssrc, *rtx])
        .chain([AUDIO])
        .collect();
    let seen: Vec<u32> = bridge.ledger.lock().unwrap().ssrcs.keys().copied().collect();
    assert!(
        seen.iter().all(|ssrc| known.contains(ssrc)),
        "no SSRC that was not signalled: {seen:?}"
    );
    rig.until("retransmissions counted", |told| {
        last_statistics(told)
            .is_some_and(|statistics| statistics.retransmitted >= 6)
            .then_some(())
    });
    rig.worker.stop().unwrap();
}

#[test]
fn muted_means_no_packet_and_unmuted_begins_with_a_key_frame() {
    let _alone = alone();
    let (mut rig, bridge) = (Rig::start(), Bridge::start());
    rig.simulate_capture();
    rig.connect(&bridge, 1);
    wait("frames", LONG, || (bridge.seen(1003).frames >= 15).then_some(()));
    let silent = |bridge: &Bridge, ssrcs: &[u32]| {
        // What was on its way arrives within this time; then nothing may move for ten frames' time.
        std::thread::sleep(Duration::from_millis(150));
        let before: Vec<u64> = ssrcs.iter().map(|ssrc| bridge.seen(*ssrc).packets).collect();
        std::thread::sleep(Duration::from_millis(350));
        let after: Vec<u64> = ssrcs.iter().map(|ssrc| bridge.seen(*ssrc).packets).collect();
        assert_eq!(before, after, "packets of {ssrcs:?}");
    };
    // The camera is muted and closed, the sound goes on.
    rig.session().send_video = false;
    rig.plan.camera = None;
    rig.apply();
    assert_eq!(rig.capture().camera, DeviceState::Closed);
    assert_eq!(rig.capture().microphone, DeviceState::Open);
    let sound = bridge.seen(AUDIO).packets;
    silent(&bridge, &[1001, 1002, 1003]);
    assert!(bridge.seen(AUDIO).packets > sound);
    // A device that is open for a preview is never sent, whatever the session says.
    rig.session().send_video = true;
    rig.plan.camera = Some(CameraPlan {
        device: CameraDevice::Simulated { plug: None },
        purpose: CapturePurpose::Preview,
        stand_in: "No picture".into(),
    });
    rig.apply();
    assert_eq!(rig.capture().camera, DeviceState::Open);
    silent(&bridge, &[1001, 1002, 1003]);
    // One layer is switched off, the others come back, each with a key frame first.
    let before = LAYERS.map(|(ssrc, _, _)| bridge.seen(ssrc));
    rig.simulate_capture();
    rig.session().layers[2].enabled = false;
    rig.apply();
    for (index, ssrc) in [1001, 1002].into_iter().enumerate() {
        wait("frames after the mute", LONG, || {
            (bridge.seen(ssrc).frames >= before[index].frames + 5).then_some(())
        });
        assert_eq!(bridge.seen(ssrc).key_frames.len(), before[index].key_frames.len() + 1);
    }
    assert_eq!(
        bridge.seen(1003).packets,
        before[2].packets,
        "the layer that is switched off is not sent"
    );
    rig.session().layers[2].enabled = true;
    rig.session().send_audio = false;
    rig.plan.microphone = None;
    rig.apply();
    wait("the layer is back", LONG, || {
        (bridge.seen(1003).frames >= before[2].frames + 5).then_some(())
    });
    silent(&bridge, &[AUDIO]);
    rig.worker.stop().unwrap();
}

#[test]
fn h264_goes_both_ways_as_vp8_does() {
    let _alone = alone();
    let (mut rig, bridge) = (Rig::start(), Bridge::start_with(VideoCodec::H264));
    rig.simulate_capture();
    rig.plan.wall = Some(wall(&["p1-v0", "p2-v0"]));
    rig.connect(&bridge, 1);
    for (ssrc, _, height) in LAYERS {
        wait("frames of each layer", LONG, || {
            (bridge.seen(ssrc).frames >= 15).then_some(())
        });
        assert_eq!(bridge.seen(ssrc).heights, [height]);
    }
    let before = bridge.seen(1002).key_frames.len();
    bridge.ask_for_key_frame(1002);
    wait("a key frame", LONG, || {
        (bridge.seen(1002).key_frames.len() > before).then_some(())
    });
    rig.until("both on the wall", |told| {
        let shown = |report: &FromWorker| matches!(report, FromWorker::Wall(state) if state.sources.len() == 2);
        told.iter().any(shown).then_some(())
    });
    rig.worker.stop().unwrap();
}
