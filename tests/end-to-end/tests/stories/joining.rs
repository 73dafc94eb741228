//! The main road, and its variants.

use conference::{ConferenceReply, ConfigStyle, Options};
use end_to_end::wait_for;

use crate::stage::{PATIENCE, ROOM, Stage, conference, join, options};

#[test]
fn a_user_name_and_a_password_open_a_service_that_wants_an_account() {
    for (password_hash, disabled, expected) in [
        ("SHA-1", vec![], "SCRAM-SHA-1"),
        ("SHA-256", vec![], "SCRAM-SHA-256"),
        ("SHA-1", vec!["SCRAM-SHA-1"], "PLAIN"),
    ] {
        let conference = conference(Options {
            accounts: vec![("salle4".into(), "p=ss,wörd".into())],
            password_hash,
            disabled_mechanisms: disabled,
            ..options()
        });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "p=ss,wörd\n").unwrap();
        let path = path.to_str().unwrap();
        let room_box = join(&conference, &["--user", "salle4", "--user-password-file", path]);
        let in_the_room = || conference.guest().is_some();
        assert!(wait_for(PATIENCE, in_the_room), "{expected} {}", room_box.words());
        let transcript = conference.transcript();
        let words = format!("mechanism='{expected}'");
        let used = transcript
            .iter()
            .any(|(from_client, text)| *from_client && text.contains(&words));
        assert!(used, "{expected}");
        assert!(!transcript.iter().any(|(_, text)| text.contains("p=ss,wörd")));
    }
}

#[test]
fn the_box_is_seen_and_heard_sees_and_hears_and_leaves_no_trace() {
    let conference = conference(options());
    let mut room_box = join(&conference, &["--name", "Salle 4", "--for", "10s"]);
    assert!(
        wait_for(PATIENCE, || conference.guest().is_some()),
        "{}",
        room_box.words()
    );
    assert_eq!(conference.guest().unwrap().name, "Salle 4");
    let three_layers = || {
        let heights: Vec<u32> = conference.far_side().layers.iter().map(|layer| layer.height).collect();
        heights == [180, 360, 720]
    };
    assert!(wait_for(PATIENCE, three_layers), "{:?}", conference.far_side());
    assert!(
        wait_for(PATIENCE, || conference.far_side().tone_heard),
        "{:?}",
        conference.far_side()
    );
    assert!(
        wait_for(PATIENCE, || conference.far_side().av_samples >= 3),
        "{:?}",
        conference.far_side()
    );
    let far = conference.far_side();
    let status = room_box.wait(PATIENCE).expect("it leaves by itself");
    assert_eq!(status.code(), Some(0), "{}", room_box.words());
    assert!(wait_for(PATIENCE, || conference.guest().unwrap().gone_ns.is_some()));

    let offset = far.av_offset_ms.expect("measured");
    assert!(offset.abs() < 80.0, "sound {offset} ms after the picture");
    assert_eq!(far.audio_packets, far.audio_packets_with_level);
    let report = room_box.report().expect("a report");
    assert_eq!(report["outcome"], "left");
    assert_eq!(report["wall_sources"], 3, "{report}");
    assert_eq!(report["participants"], 4, "{report}");
    assert_eq!(report["sessions"], 1, "{report}");
    let guest = conference.guest().unwrap();
    assert!(far.last_rtp_ns < guest.gone_ns, "media stops before the presence goes");
    assert_eq!(conference.verdict(), [], "{}", room_box.words());
}

#[test]
fn own_ssrcs_and_xml_sources_serve_as_well_as_rewriting_and_json() {
    judged(Options {
        ssrc_rewriting: false,
        json_sources: false,
        ..options()
    });
}

#[test]
fn the_bridge_channel_is_a_web_socket_where_no_data_channel_is_offered() {
    judged(Options {
        data_channel: false,
        colibri_websocket: true,
        ..options()
    });
}

#[test]
fn strange_candidates_and_unknown_elements_in_the_offer_are_passed_over() {
    judged(Options {
        weird_offer: true,
        ..options()
    });
}

#[test]
fn a_tenant_and_a_configuration_as_one_literal_lead_into_the_room() {
    judged(Options {
        tenant: Some("Ministere".into()),
        config_style: ConfigStyle::Literal,
        ..options()
    });
}

#[test]
fn without_a_configuration_the_usual_names_are_tried() {
    judged(Options {
        config_style: ConfigStyle::Absent,
        domain: "127.0.0.1".into(),
        ..options()
    });
}

#[test]
fn a_service_that_is_not_ready_twice_is_asked_a_third_time() {
    let replies = vec![ConferenceReply::NotReady, ConferenceReply::NotReady];
    judged(Options {
        conference_replies: replies,
        ..options()
    });
}

#[test]
fn a_token_file_opens_a_room_that_wants_a_token() {
    let conference = conference(Options {
        token_secret: Some("secret of the test".into()),
        ..options()
    });
    let token = conference.token(ROOM, 600).expect("a token");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, token).unwrap();
    let mut room_box = join(&conference, &["--for", "2s", "--token-file", path.to_str().unwrap()]);
    assert_eq!(
        room_box.wait(PATIENCE).and_then(|status| status.code()),
        Some(0),
        "{}",
        room_box.words()
    );
    assert_eq!(conference.verdict(), []);
}

#[test]
fn the_right_password_opens_a_locked_room() {
    let conference = conference(Options {
        password: Some("sésame".into()),
        ..options()
    });
    let mut room_box = join(&conference, &["--for", "2s", "--password", "sésame"]);
    assert_eq!(
        room_box.wait(PATIENCE).and_then(|status| status.code()),
        Some(0),
        "{}",
        room_box.words()
    );
    assert_eq!(conference.verdict(), []);
}

/// Joins, is seen, sees all peers, leaves, and has broken no rule.
fn judged(options: Options) {
    let peers = options.peers as u64;
    let stage = Stage::in_meeting(options);
    stage.wait("all peers are on the wall", |stage| {
        stage.room_box.state("/pictures") == peers
    });
    stage.leave_and_judge();
}
