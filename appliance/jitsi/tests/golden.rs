//! What a real deployment said, read by our parsers. `golden/README.md` says where the files come from.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

use jitsi::bridge::Incoming;
use jitsi::conference_request::Reply;
use jitsi::discovery::{self, ServerInfo};
use jitsi::jingle::{
    Action, BRIDGE_OWNER, JingleIq, LocalStreams, Offer, SourceTable, Termination, parse_source_change,
};
use jitsi::muc::{
    JoinError, JsonMessage, MucPresence, MuteMedia, MuteRequest, Role, RoomMessage, UnavailableCause, room_message,
};
use jitsi::stanza::StanzaError;
use jitsi::xml;
use media_protocol::{MediaKind, VideoCodec, VideoType};
use minidom::Element;

fn text(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn recorded(name: &str) -> Element {
    xml::parse(&text(&format!("recorded/{name}.xml"))).unwrap()
}

fn written(name: &str) -> Element {
    xml::parse(&text(&format!("written/{name}.xml"))).unwrap()
}

fn bridge(name: &str) -> Incoming {
    Incoming::parse(&text(name)).unwrap()
}

fn offer(iq: &Element) -> Offer {
    Offer::parse(&JingleIq::parse(iq).unwrap()).unwrap()
}

#[test]
fn every_file_is_read_and_written_again_the_same() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut count = 0;
    for folder in ["recorded", "written"] {
        for entry in std::fs::read_dir(golden.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            count += 1;
            if path.extension().is_some_and(|extension| extension == "xml") {
                let tree = xml::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                assert!(xml::parse(&xml::to_text(&tree)).unwrap() == tree, "{}", path.display());
            } else if path.to_string_lossy().contains("-server-") {
                let read = Incoming::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                assert!(!matches!(read, Incoming::Ignored(_)), "{}", path.display());
            }
        }
    }
    assert!(count > 150);
}

#[test]
fn the_focus_is_ready_and_says_whom_to_trust() {
    let Reply::Ready(ready) = Reply::parse(&recorded("s2c-iq-result-conference")) else {
        panic!()
    };
    assert_eq!(ready.focus_jid.as_deref(), Some("focus@auth.meet.jitsi"));
    let focus = MucPresence::parse(&recorded("s2c-presence-available-focus-support-terminate-restart"), "");
    let MucPresence::Available { occupant, .. } = focus else {
        panic!()
    };
    assert!(occupant.is_genuine_focus("focus@auth.meet.jitsi") && !occupant.bridge_not_available);
    let name = "s2c-presence-available-focus-bridge-count-support-terminate-restart-bridgeNotAvailable";
    let MucPresence::Available { occupant, .. } = MucPresence::parse(&recorded(name), "") else {
        panic!()
    };
    assert!(occupant.bridge_not_available);
}

#[test]
fn other_answers_of_the_focus_each_have_their_outcome() {
    let reply = |name: &str| Reply::parse(&written(name));
    assert!(matches!(reply("conference-not-ready"), Reply::NotReady { .. }));
    let absent = Reply::parse(&recorded("s2c-iq-error-conference-service-unavailable"));
    assert_eq!(absent, Reply::NotReady { session_id: None });
    assert_eq!(reply("conference-not-authorized"), Reply::NotAuthorized);
    assert_eq!(reply("conference-session-invalid"), Reply::SessionInvalid);
    assert!(matches!(
        reply("conference-reservation-error"),
        Reply::ReservationError { code: Some(404), .. }
    ));
    assert_eq!(reply("conference-not-live"), Reply::NotLive);
    assert!(matches!(reply("conference-visitor-node"), Reply::VisitorNode { .. }));
}

#[test]
fn components_and_shard_are_found_pushed_and_asked_for() {
    let pushed = discovery::pushed(&recorded("s2c-message-normal-query-from-meet"), "meet.jitsi")
        .unwrap()
        .info
        .unwrap();
    assert_eq!(
        (
            pushed.shard.as_deref(),
            pushed.region.as_deref(),
            pushed.release.as_deref()
        ),
        (Some("loopback"), Some("default"), Some("real"))
    );
    let asked = ServerInfo::parse_iq(&recorded("s2c-iq-result-disco-info-meet")).unwrap();
    for info in [&pushed, &asked] {
        assert_eq!(info.components["room_metadata"], "metadata.meet.jitsi");
        assert_eq!(info.components["av_moderation"], "avmoderation.meet.jitsi");
    }
    let room = ServerInfo::parse_iq(&recorded("s2c-iq-result-disco-info-muc")).unwrap();
    assert!(!room.password_protected() && room.fields.contains_key("muc#roominfo_created_timestamp"));
    let refused = StanzaError::parse(&recorded("s2c-iq-error-extdisco-2-service-unavailable"));
    assert_eq!(refused.condition, "service-unavailable");
}

#[test]
fn relays_come_from_services_and_from_metadata() {
    let asked = |iq: &Element| -> Vec<String> {
        let servers = discovery::ice_servers(iq.children().next().unwrap());
        servers.into_iter().map(|server| server.uri).collect()
    };
    let told = |message: &Element| match JsonMessage::parse(message) {
        Some(JsonMessage::RoomMetadata(metadata)) => metadata.ice_servers,
        other => panic!("{other:?}"),
    };
    let services = asked(&recorded("s2c-iq-result-extdisco-2"));
    assert_eq!(services, ["stun:127.0.0.1:25478", "turn:127.0.0.1:25478?transport=tcp"]);
    let first = told(&recorded(
        "s2c-message-normal-json-message-room_metadata-services-nonempty-from-metadata",
    ))
    .unwrap();
    assert_eq!(
        first.iter().map(|server| server.uri.clone()).collect::<Vec<_>>(),
        services
    );
    assert_eq!(first[1].username.as_deref(), Some("1795385327"));
    assert_eq!(
        told(&recorded(
            "s2c-message-normal-json-message-room_metadata-services-from-metadata"
        )),
        None
    );
    assert_eq!(
        asked(&written("extdisco-2-turns")),
        ["turns:turn.meet.example:443?transport=tcp"]
    );
    assert_eq!(
        told(&written("metadata-turns")).unwrap()[0].uri,
        "turns:turn.meet.example:443?transport=tcp"
    );
}

#[test]
fn the_offer_with_json_sources_can_be_answered() {
    let iq = recorded("s2c-iq-set-jingle-session-initiate-json-sources");
    let offer = offer(&iq);
    assert_eq!(offer.initiator, "proof1@muc.meet.jitsi/focus");
    assert_eq!(offer.contents, ["audio", "video", "data"]);
    assert_eq!(offer.transport.sctp_port, Some(5000));
    assert_eq!(offer.transport.candidates.len(), 1);
    assert_eq!(offer.transport.fingerprints[0].hash, "sha-256");
    assert!(offer.bridge_session.is_some());
    assert!(offer.sources.iter().all(|entry| entry.owner == BRIDGE_OWNER));
    let mut chance = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(1);
    let local = LocalStreams::generate("2a9d62e5", 3, |_| false, &mut chance);
    let session = offer
        .session_offer(&local, Vec::new(), &[VideoCodec::Vp8, VideoCodec::H264])
        .unwrap();
    let video: Vec<_> = session
        .video
        .payload_types
        .iter()
        .map(|payload| (payload.number, payload.rtx))
        .collect();
    assert_eq!(video, [(100, Some(96)), (107, Some(99))]);
    let h264 = &session.video.payload_types[1].parameters;
    assert_eq!(
        h264.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["profile-level-id", "level-asymmetry-allowed", "packetization-mode"]
    );
    assert_eq!(
        (
            session.audio.audio_level_extension,
            session.video.transport_cc_extension
        ),
        (Some(1), Some(5))
    );
}

#[test]
fn sources_are_the_same_whether_json_or_xml() {
    let streams = |name: &str| {
        let iq = recorded(name);
        let mut table = SourceTable::default();
        table.add(&parse_source_change(JingleIq::parse(&iq).unwrap().jingle).unwrap());
        let streams = table.streams();
        assert_eq!(streams.len(), 2, "{name}");
        let camera = streams.iter().find(|stream| stream.kind == MediaKind::Video).unwrap();
        assert!(camera.rtx_ssrc.is_some() && camera.video_type == Some(VideoType::Camera));
        assert_eq!(camera.source, format!("{}-v0", camera.owner));
        let sound = streams.iter().find(|stream| stream.kind == MediaKind::Audio).unwrap();
        assert_eq!(sound.source, format!("{}-a0", sound.owner));
    };
    streams("s2c-iq-set-jingle-source-add-json-sources");
    streams("s2c-iq-set-jingle-source-add-xml-sources");
    let plain = offer(&recorded("s2c-iq-set-jingle-session-initiate-xml-sources"));
    let mixed = &plain
        .sources
        .iter()
        .find(|entry| entry.owner == BRIDGE_OWNER)
        .unwrap()
        .sources[0];
    assert!(
        mixed
            .msid
            .as_deref()
            .is_some_and(|msid| msid.starts_with("mixedmslabel"))
    );
}

#[test]
fn the_sources_of_those_who_are_there_come_with_the_offer() {
    let offer = offer(&recorded(
        "s2c-iq-set-jingle-session-initiate-json-sources-with-participants-data",
    ));
    let mut table = SourceTable::default();
    table.reset(&offer.sources);
    let streams = table.streams();
    let screen = streams
        .iter()
        .find(|stream| stream.video_type == Some(VideoType::Desktop))
        .unwrap();
    assert_eq!(
        (screen.source.as_str(), screen.owner.as_str()),
        ("f5333b88-v1", "f5333b88")
    );
    assert_eq!(
        (screen.ssrc, screen.rtx_ssrc),
        (3_590_154_682, Some(3_504_061_094)),
        "the group says so, not the order"
    );
    assert!(streams.iter().any(|stream| stream.source == "74482269-a0"));
    assert!(
        table.contains(3_974_044_368),
        "the SSRC of the bridge itself is taken too"
    );
}

#[test]
fn the_bridge_channel_over_websocket_is_offered_in_place_of_data() {
    let offer = offer(&recorded("s2c-iq-set-jingle-session-initiate-json-sources-websocket"));
    assert_eq!(offer.web_sockets.len(), 1, "each content names the same one");
    assert!(offer.web_sockets[0].contains("/colibri-ws/"));
    assert_eq!((offer.data, offer.transport.sctp_port), (None, None));
    let both = self::offer(&recorded(
        "s2c-iq-set-jingle-session-initiate-json-sources-websocket-data",
    ));
    assert_eq!((both.web_sockets.len(), both.transport.sctp_port), (1, Some(5000)));
}

#[test]
fn muted_starts_and_addresses_of_both_families_are_read_and_host_names_are_not() {
    let started = offer(&recorded(
        "s2c-iq-set-jingle-session-initiate-json-sources-data-startmuted",
    ))
    .start_muted;
    assert!(started.audio && started.video);
    let told = JsonMessage::parse(&recorded(
        "s2c-message-normal-json-message-room_metadata-services-startMuted-from-metadata",
    ));
    assert!(matches!(told, Some(JsonMessage::RoomMetadata(metadata)) if metadata.start_muted == Some(started)));
    let offer = offer(&written("session-initiate-startmuted"));
    assert!(offer.start_muted.audio && !offer.start_muted.video);
    let addresses: Vec<_> = offer
        .transport
        .candidates
        .iter()
        .map(|candidate| candidate.address.to_string())
        .collect();
    assert_eq!(addresses, ["192.0.2.10", "2001:db8::10"]);
}

#[test]
fn the_end_of_a_session_says_whether_a_new_one_follows() {
    let ended = |name: &str| {
        let iq = recorded(name);
        let request = JingleIq::parse(&iq).unwrap();
        assert_eq!(request.action, Action::SessionTerminate);
        Termination::parse(request.jingle)
    };
    assert!(ended("s2c-iq-set-jingle-session-terminate-success-moving").announces_new_session());
    assert!(ended("s2c-iq-set-jingle-session-terminate-expired-Idle-session-timeout").is_idle());
    let limited = StanzaError::parse(&recorded(
        "s2c-iq-error-jingle-session-terminate-success-restart-required-resource-constraint",
    ));
    assert_eq!(
        (
            limited.kind.as_str(),
            limited.condition.as_str(),
            limited.text.as_deref()
        ),
        ("wait", "resource-constraint", Some("rate-limited"))
    );
}

#[test]
fn a_session_of_a_peer_is_not_one_of_the_focus() {
    let iq = recorded("s2c-iq-set-jingle-session-initiate-p2p-peer");
    let request = JingleIq::parse(&iq).unwrap();
    assert_eq!(request.from, "p2p1@muc.meet.jitsi/b7bf1d78");
    assert_eq!(
        JingleIq::parse(&recorded("s2c-iq-set-jingle-content-modify-peer"))
            .unwrap()
            .action,
        Action::Other
    );
}

#[test]
fn a_moderator_switches_off_and_nobody_switches_on() {
    for (name, media) in [
        ("s2c-iq-set-mute-audio-true", MuteMedia::Audio),
        ("s2c-iq-set-mute-video-true", MuteMedia::Video),
    ] {
        let request = MuteRequest::parse(&recorded(name)).unwrap();
        assert_eq!(
            (request.media, request.mute, request.actor.as_deref()),
            (media, true, Some("2c4b13cf"))
        );
    }
}

#[test]
fn joining_is_seen_and_so_are_the_others() {
    let joined = MucPresence::parse(
        &recorded("s2c-presence-available-self"),
        "proof1@muc.meet.jitsi/2a9d62e5",
    );
    assert!(matches!(joined, MucPresence::Available { own: true, .. }));
    let promoted = MucPresence::parse(
        &recorded("s2c-presence-available-self-permissions"),
        "proof1@muc.meet.jitsi/2a9d62e5",
    );
    assert!(matches!(promoted, MucPresence::Available { occupant, .. } if occupant.role == Role::Moderator));
    let MucPresence::Available { occupant, own, .. } =
        MucPresence::parse(&recorded("s2c-presence-available-raisedhand"), "tour1@muc.meet.jitsi/x")
    else {
        panic!()
    };
    assert!(!own && occupant.raised_hand.is_some() && !occupant.audio_muted());
    assert_eq!(
        (occupant.name.as_deref(), occupant.camera()),
        (Some("Bob"), Some("e03863c6-v0"))
    );
    let MucPresence::Available { occupant, .. } =
        MucPresence::parse(&recorded("s2c-presence-available-self-desktop"), "")
    else {
        panic!()
    };
    assert_eq!(
        (occupant.camera(), occupant.desktop()),
        (Some("f5333b88-v0"), Some("f5333b88-v1"))
    );
}

#[test]
fn being_put_out_has_a_cause() {
    let gone = |name: &str| match MucPresence::parse(&recorded(name), "") {
        MucPresence::Unavailable { own, cause, .. } => (own, cause),
        other => panic!("{other:?}"),
    };
    let kicked = UnavailableCause::Kicked {
        actor: Some("2c4b13cf".into()),
        reason: Some("kicked by test".into()),
    };
    assert_eq!(gone("s2c-presence-unavailable-self-status307"), (true, kicked.clone()));
    assert_eq!(gone("s2c-presence-unavailable-status307"), (false, kicked));
    let ended = UnavailableCause::Destroyed {
        alternate: None,
        reason: Some("The meeting has been terminated".into()),
    };
    assert_eq!(gone("s2c-presence-unavailable-self-destroy"), (true, ended));
    let lobby = UnavailableCause::Destroyed {
        alternate: Some("tour1@muc.meet.jitsi".into()),
        reason: Some("Lobby room closed.".into()),
    };
    assert_eq!(gone("s2c-presence-unavailable-lobby-self-destroy"), (true, lobby));
    assert_eq!(gone("s2c-presence-unavailable-self"), (true, UnavailableCause::Left));
    assert_eq!(gone("s2c-presence-unavailable"), (false, UnavailableCause::Left));
    assert_eq!(
        gone("s2c-presence-unavailable-focus-status333"),
        (false, UnavailableCause::ServiceEnded)
    );
}

#[test]
fn refusals_at_the_door_are_told_apart() {
    let refused = |presence: &Element| match MucPresence::parse(presence, "") {
        MucPresence::Error(error) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refused(&recorded("s2c-presence-error-auth-not-authorized")),
        JoinError::PasswordRequired
    );
    let lobby = JoinError::Lobby {
        lobby: Some("tour1@lobby.meet.jitsi".into()),
        waiting_for_host: false,
    };
    assert_eq!(
        refused(&recorded("s2c-presence-error-auth-registration-required-lobbyroom")),
        lobby
    );
    assert!(
        matches!(refused(&recorded("s2c-presence-error-cancel-item-not-found")), JoinError::Other(error) if error.condition == "item-not-found")
    );
    assert_eq!(
        refused(&recorded("s2c-presence-error-cancel-service-unavailable")),
        JoinError::RoomFull
    );
    assert_eq!(
        refused(&written("presence-error-creation-restricted")),
        JoinError::RoomCreationRestricted
    );
    assert_eq!(
        refused(&written("presence-error-displayname-required")),
        JoinError::DisplayNameRequired
    );
    let mismatch = JoinError::NotAllowed {
        text: Some("Room and token mismatched".into()),
    };
    assert_eq!(refused(&recorded("s2c-presence-error-cancel-not-allowed")), mismatch);
}

#[test]
fn the_room_and_its_components_speak() {
    let read = |name: &str| room_message(&recorded(name), "tour1@muc.meet.jitsi");
    assert_eq!(
        read("s2c-message-groupchat-x-104-from-muc"),
        RoomMessage::ConfigurationChanged
    );
    assert_eq!(read("s2c-message-groupchat-body-from-muc"), RoomMessage::Other);
    let moderation = read("s2c-message-normal-json-message-av_moderation-audio-enabled-True-actor-from-avmoderation");
    let RoomMessage::Json { from, message } = moderation else {
        panic!()
    };
    assert_eq!(from, "avmoderation.meet.jitsi");
    assert!(
        matches!(*message, JsonMessage::AvModeration(state) if state.enabled == Some(true) && state.media == MuteMedia::Audio)
    );
    let approved = read("s2c-message-normal-json-message-av_moderation-audio-approved-True-from-avmoderation");
    assert!(
        matches!(approved, RoomMessage::Json { message, .. } if matches!(&*message, JsonMessage::AvModeration(state) if state.approved))
    );
}

#[test]
fn the_bridge_speaks() {
    let source =
        |mappings: &[jitsi::bridge::SourceMapping]| (mappings[0].source.clone(), mappings[0].ssrc, mappings[0].rtx);
    let Incoming::VideoSourcesMap(video) = bridge("recorded/bridge-server-VideoSourcesMap.json") else {
        panic!()
    };
    assert_eq!(
        source(&video),
        ("e03863c6-v0".into(), 3_424_994_936, Some(1_958_083_420))
    );
    let Incoming::AudioSourcesMap(audio) = bridge("recorded/bridge-server-AudioSourcesMap.json") else {
        panic!()
    };
    assert_eq!(source(&audio), ("e03863c6-a0".into(), 1_873_773_617, None));
    let constraints = bridge("recorded/bridge-server-SenderSourceConstraints.json");
    assert_eq!(
        constraints,
        Incoming::SenderSourceConstraints {
            source: "2c4b13cf-v0".into(),
            max_height: Some(720)
        }
    );
    let speaker = bridge("recorded/bridge-server-DominantSpeakerEndpointChangeEvent.json");
    assert_eq!(
        speaker,
        Incoming::DominantSpeaker {
            endpoint: "e03863c6".into(),
            silence: false
        }
    );
    assert_eq!(
        bridge("recorded/bridge-server-ConnectionStats.json"),
        Incoming::ConnectionStats {
            estimated_downlink: 20_000_000
        }
    );
    assert_eq!(
        bridge("recorded/colibriws-server-ServerHello.json"),
        Incoming::ServerHello { version: None }
    );
    let gone = bridge("written/bridge-server-EndpointConnectivityStatusChangeEvent.json");
    assert_eq!(
        gone,
        Incoming::EndpointConnectivity {
            endpoint: "e03863c6".into(),
            active: false
        }
    );
}
