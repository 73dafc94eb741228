//! The conference in a box tried with a client of its own: a right one breaks no rule (the wrong ones: `mutants`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
mod support;

use std::time::Duration;

use conference::{Conference, Direction, Options, rule};
use support::{Client, Wrong, wait};

async fn start(change: impl FnOnce(&mut Options)) -> Conference {
    let mut options = Options {
        media_cache: concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/lab/media").into(),
        patience: 10,
        ..Options::default()
    };
    change(&mut options);
    Conference::start(options).await.unwrap()
}

const LONG: Duration = Duration::from_secs(10);

fn rules(conference: &Conference) -> Vec<&'static str> {
    conference.verdict().into_iter().map(|b| b.rule).collect()
}

#[tokio::test]
async fn a_right_client_sees_all_peers_is_seen_in_both_layers_and_breaks_no_rule() {
    let conference = start(|_| {}).await;
    let client = Client::join(&conference, "hemicycle", Wrong::Nothing).await;
    let all = |client: &Client| {
        let received = client.received();
        received.video.len() >= 3 && received.audio.len() >= 3 && received.video.values().all(|n| *n > 20)
    };
    assert!(wait(|| all(&client)).await, "{:?}", client.received());
    let seen = conference
        .wait_until(LONG, |c| {
            let far = c.far_side();
            far.layers.len() == 2 && far.layers.iter().all(|l| l.fps > 15.0) && far.decoded_height == 360
        })
        .await;
    let far = conference.far_side();
    assert!(seen, "{far:?}");
    assert_eq!(far.layers.iter().map(|l| l.height).collect::<Vec<_>>(), [180, 360]);
    assert_eq!(far.audio_packets, far.audio_packets_with_level);
    assert!(conference.far_side_jpeg().is_some_and(|j| j.starts_with(&[0xff, 0xd8])));
    let received = client.received();
    assert_eq!(received.early_video, 0, "video came before the first constraints");
    assert!(received.feedback > 5, "{} transport-wide feedbacks", received.feedback);
    assert!(
        received.sender_reports > 3,
        "{} sender reports",
        received.sender_reports
    );
    for class in [
        "ServerHello",
        "VideoSourcesMap",
        "AudioSourcesMap",
        "ForwardedSources",
        "SenderSourceConstraints",
    ] {
        assert!(received.messages.iter().any(|m| m.contains(class)), "no {class}");
    }
    conference.request_key_frame(0, false);
    conference.request_key_frame(1, true);
    let answered = |c: &Conference| {
        c.far_side()
            .key_frame_requests
            .iter()
            .all(|r| r.latency_ms.is_some_and(|ms| ms < 500.0))
    };
    assert!(
        conference.wait_until(LONG, answered).await,
        "{:?}",
        conference.far_side().key_frame_requests
    );
    conference.end_to_end_ping();
    conference.probe_errors();
    conference.invite_directly();
    // The conference looks three seconds after it asked.
    tokio::time::sleep(Duration::from_millis(3500)).await;
    client.leave().await;
    let gone = |c: &Conference| {
        c.guest()
            .is_some_and(|g| g.gone_ns.is_some() && g.socket_closed_ns.is_some())
    };
    assert!(conference.wait_until(LONG, gone).await);
    assert_eq!(conference.verdict(), []);
    conference.shutdown();
}

#[tokio::test]
async fn lost_packets_are_repaired_on_the_rtx_of_their_layer() {
    let conference = start(|o| o.peers = 1).await;
    let client = Client::join(&conference, "hemicycle", Wrong::Nothing).await;
    let flows = |c: &Conference| c.far_side().layers.iter().filter(|l| l.frames > 30).count() == 2;
    assert!(conference.wait_until(LONG, flows).await);
    conference.reset_far_window();
    conference.drop_fraction(Direction::FromClient, 0.1);
    let repaired = |c: &Conference| {
        c.far_side()
            .layers
            .iter()
            .all(|l| l.lost_by_link > 15 && l.rtx_packets > 10)
    };
    assert!(
        conference.wait_until(LONG * 2, repaired).await,
        "{:?}",
        conference.far_side().layers
    );
    conference.drop_fraction(Direction::FromClient, 0.0);
    let far = conference.far_side();
    assert!(
        far.longest_gap_ms < 1500.0,
        "picture froze for {} ms",
        far.longest_gap_ms
    );
    client.leave().await;
    conference.shutdown();
}

#[tokio::test]
async fn a_moved_client_is_served_again_and_restarts_keep_their_distance() {
    let conference = start(|o| o.peers = 1).await;
    let client = Client::join(&conference, "hemicycle", Wrong::Nothing).await;
    assert!(wait(|| client.received().video.values().any(|n| *n > 5)).await);
    conference.move_session();
    assert!(wait(|| client.sessions() == 2 && client.received().video.values().any(|n| *n > 5)).await);
    client.restart();
    assert!(wait(|| client.sessions() == 3 && client.received().connected).await);
    assert_eq!(conference.verdict(), []);
    client.restart();
    assert!(
        conference
            .wait_until(LONG, |c| rules(c).contains(&rule::RESTART_LIMIT))
            .await
    );
    assert!(wait(|| client.errors().iter().any(|e| e.contains("resource-constraint"))).await);
    client.leave().await;
    conference.shutdown();
}

#[tokio::test]
async fn without_rewriting_sources_come_and_go_by_jingle() {
    let conference = start(|o| {
        o.ssrc_rewriting = false;
        o.json_sources = false;
        o.peers = 1;
    })
    .await;
    let client = Client::join(&conference, "hemicycle", Wrong::Nothing).await;
    assert!(wait(|| client.received().video.len() == 1).await);
    let nick = conference.add_peer("hemicycle", Some("Nadia")).await.unwrap();
    assert!(
        wait(|| client.received().video.len() == 2).await,
        "{:?}",
        client.received()
    );
    client.change_sources("source-remove");
    assert!(wait(|| client.answered("source-remove")).await, "{:?}", client.errors());
    client.change_sources("source-add");
    assert!(wait(|| client.answered("source-add")).await, "{:?}", client.errors());
    conference.remove_peer(&nick);
    assert!(conference.wait_until(LONG, |c| c.peers().len() == 1).await);
    client.leave().await;
    conference.shutdown();
}

#[tokio::test]
async fn the_session_begins_at_two_members_and_a_kicked_client_is_out() {
    let conference = start(|o| o.peers = 0).await;
    let client = Client::join(&conference, "hemicycle", Wrong::Nothing).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(client.sessions(), 0, "invited although alone");
    conference.add_peer("hemicycle", None).await.unwrap();
    assert!(wait(|| client.sessions() == 1).await);
    conference.kick("tried");
    assert!(wait(|| client.is_gone()).await);
    conference.shutdown();
}

#[tokio::test]
async fn when_the_focus_is_gone_a_new_request_brings_it_back() {
    let conference = start(|o| o.peers = 1).await;
    let client = Client::join(&conference, "hemicycle", Wrong::Nothing).await;
    assert!(wait(|| client.sessions() == 1).await);
    conference.focus_leaves();
    assert!(wait(|| client.lost_focus()).await);
    client.leave().await;
    let again = Client::join(&conference, "hemicycle", Wrong::Nothing).await;
    assert!(wait(|| again.sessions() == 1).await, "{:?}", again.errors());
    again.leave().await;
    conference.shutdown();
}

#[tokio::test]
async fn two_clients_see_each_other() {
    let conference = start(|o| o.peers = 0).await;
    let one = Client::join(&conference, "hemicycle", Wrong::Nothing).await;
    let two = Client::join(&conference, "hemicycle", Wrong::Nothing).await;
    for client in [&one, &two] {
        assert!(
            wait(|| client.received().video.values().any(|n| *n > 30)).await,
            "{:?}",
            client.received()
        );
        assert!(wait(|| client.received().audio.values().any(|n| *n > 30)).await);
    }
    one.leave().await;
    two.leave().await;
    conference.shutdown();
}

#[tokio::test]
async fn sources_change_their_ssrc_in_mid_call() {
    let conference = start(|o| o.peers = 2).await;
    let client = Client::join(&conference, "hemicycle", Wrong::Nothing).await;
    assert!(wait(|| client.received().video.values().filter(|n| **n > 5).count() >= 2).await);
    let maps = |c: &Client| {
        c.received()
            .messages
            .iter()
            .filter(|m| m.contains("VideoSourcesMap"))
            .count()
    };
    let before = maps(&client);
    conference.remap_source(None);
    assert!(wait(|| maps(&client) > before).await);
    let last = client
        .received()
        .messages
        .into_iter()
        .rfind(|m| m.contains("VideoSourcesMap"))
        .unwrap();
    assert_eq!(last.matches("\"source\"").count(), 2, "{last}");
    client.leave().await;
    conference.shutdown();
}
