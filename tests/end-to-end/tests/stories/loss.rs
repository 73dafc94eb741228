//! Bad links.

use std::{thread::sleep, time::Duration};

use conference::{Direction, KeyFrameRequest, Options};

use crate::stage::{Stage, options};

/// What became of a request that no other came near to: the bridge asks too, when layers begin and when somebody's decoder wants it.
fn answered_alone(stage: &Stage, layer: usize, fir: bool) -> KeyFrameRequest {
    let requests = || stage.conference.far_side().key_frame_requests;
    // The other layers have their time, and so have requests before.
    let near = Duration::from_millis(1_200);
    for _ in 0..20 {
        let before = requests().len();
        sleep(near);
        if requests().len() > before {
            continue;
        }
        stage.conference.request_key_frame(layer, fir);
        stage.wait("the key frame is there", |_| {
            let asked = |request: &KeyFrameRequest| request.layer == layer && request.latency_ms.is_some();
            requests()[before..].iter().any(asked)
        });
        sleep(near);
        if let [request] = &requests()[before..] {
            return request.clone();
        }
    }
    panic!("the bridge asks again and again: {:?}", requests());
}

#[test]
fn a_key_frame_comes_on_the_asked_layer_alone_or_on_all_when_the_first_is_asked() {
    let stage = Stage::in_meeting(options());
    stage.all_layers_flow();
    for (layer, fir) in [(0, false), (1, false), (2, false), (1, true)] {
        let mut answered = answered_alone(&stage, layer, fir).others;
        answered.sort_unstable();
        // A bridge asks for the first layer when it wants a key frame of any.
        let others: &[usize] = if layer == 0 { &[1, 2] } else { &[] };
        assert_eq!(answered, others, "layer {layer}");
    }
    stage.leave_and_judge();
}

#[test]
fn each_layer_is_asked_at_once_and_answers_however_far_the_bridge_is() {
    let round_trip = Duration::from_millis(400);
    let stage = Stage::in_meeting(Options {
        round_trip,
        ..options()
    });
    stage.all_layers_flow();
    // Long enough for both sides to have measured how far they are from each other.
    sleep(Duration::from_secs(6));
    let begun = stage.conference.far_side().key_frame_requests.len();
    for layer in 0..3 {
        stage.conference.request_key_frame(layer, false);
        sleep(Duration::from_millis(100));
    }
    stage.wait("all three have answered", |stage| {
        let requests = stage.conference.far_side().key_frame_requests;
        let answered = |layer| {
            let of_layer = |request: &&conference::KeyFrameRequest| request.layer == layer;
            requests[begun..]
                .iter()
                .find(of_layer)
                .is_some_and(|request| request.latency_ms.is_some())
        };
        (0..3).all(answered)
    });
    stage.leave_and_judge();
}

#[test]
fn five_per_cent_loss_for_ten_seconds_freezes_nobody() {
    let stage = Stage::in_meeting(options());
    stage.wall_fills();
    stage.conference.drop_fraction(Direction::FromClient, 0.05);
    stage.conference.drop_fraction(Direction::ToClient, 0.05);
    stage.conference.reset_far_window();
    sleep(Duration::from_secs(10));
    let far = stage.conference.far_side();
    assert_eq!(stage.room_box.state("/pictures"), 3, "nobody on the wall is late");
    stage.conference.drop_fraction(Direction::FromClient, 0.0);
    stage.conference.drop_fraction(Direction::ToClient, 0.0);
    println!("5 % loss: no frozen picture longer than {:.0} ms", far.longest_gap_ms);
    // The goal is a second; a machine with other work is forgiven some.
    assert!(far.longest_gap_ms < 3_000.0, "{far:?}");
    assert!(
        far.layers.iter().map(|layer| layer.lost_by_link).sum::<u64>() > 20,
        "there was loss: {far:?}"
    );
    assert!(
        far.layers.iter().all(|layer| layer.rtx_packets > 0),
        "each layer repeats its own: {far:?}"
    );
    stage.leave_and_judge();
}
