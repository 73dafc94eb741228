//! The bridge channel.

use jitsi::participant::{Input, SocketEvent};
use media_protocol::{BridgeChannelState, SessionEvent};
use room::conference::{ConferenceCommand, ConferenceEvent, Muted, ParticipantId, ReceiveWish};
use serde_json::json;

use crate::script::*;

#[test]
fn each_opening_brings_hello_constraints_and_the_type_of_our_camera() {
    let (mut script, id) = Script::in_session();
    let hello = [
        json!({"colibriClass": "ClientHello"}),
        json!({"colibriClass": "ReceiverVideoConstraints", "lastN": 4, "defaultConstraints": {"maxHeight": 360}, "constraints": {}}),
        json!({"colibriClass": "SourceVideoTypeMessage", "sourceName": "ab12cd34-v0", "videoType": "camera"}),
    ];
    assert_eq!(script.take_bridge_messages(), hello);
    script.command(ConferenceCommand::Media(
        id,
        SessionEvent::BridgeChannel(BridgeChannelState::Closed),
    ));
    script.command(ConferenceCommand::Receive(ReceiveWish::default()));
    assert!(
        script.take_bridge_messages().is_empty(),
        "nothing is said into a closed channel"
    );
    script.command(ConferenceCommand::Media(
        id,
        SessionEvent::BridgeChannel(BridgeChannelState::Open),
    ));
    assert_eq!(script.take_bridge_messages().len(), 3);
}

#[test]
fn the_rooms_wish_becomes_constraints_and_is_said_again_in_the_next_session() {
    let (mut script, _) = Script::in_session();
    script.take_bridge_messages();
    let wish = ReceiveWish {
        stage: Some(("aa-v0".into(), 720)),
        others: vec![("bb-v0".into(), 180)],
    };
    script.command(ConferenceCommand::Receive(wish.clone()));
    let constraints = script.take_bridge_messages().remove(0);
    assert_eq!(constraints["lastN"], 2);
    assert_eq!(constraints["onStageSources"], json!(["aa-v0"]));
    assert_eq!(constraints["defaultConstraints"], json!({"maxHeight": 0}));
    assert_eq!(
        constraints["constraints"],
        json!({"aa-v0": {"maxHeight": 720}, "bb-v0": {"maxHeight": 180}})
    );
    script.command(ConferenceCommand::Receive(wish));
    assert!(
        script.take_bridge_messages().is_empty(),
        "the same wish is not said twice"
    );
    script.session("sid2", "b2");
    assert_eq!(script.take_bridge_messages()[1], constraints);
}

#[test]
fn muting_the_camera_tells_the_room_and_the_bridge() {
    let (mut script, _) = Script::in_session();
    script.take_bridge_messages();
    script.command(ConferenceCommand::SetMuted(Muted {
        audio: false,
        video: true,
    }));
    let presence = script.sent("<presence");
    assert!(
        presence.contains(r#""ab12cd34-v0":{"muted":true}"#)
            && presence.contains("codecList")
            && !presence.contains("protocol/muc'")
    );
    assert_eq!(script.take_bridge_messages()[0]["videoType"], "none");
}

#[test]
fn a_web_socket_is_used_where_no_data_channel_is_offered_and_opened_again() {
    let mut script = Script::joined();
    let web_socket = "<web-socket xmlns='http://jitsi.org/protocol/colibri' url='wss://bridge.example/colibri-ws/x'/>";
    script.text(&session_initiate(SID, "b1", web_socket, ""));
    let id = script.plan().id;
    script.describe(id);
    script.accepted();
    let (socket, url, protocol) = script.opened.last().unwrap().clone();
    assert_eq!((url.as_str(), protocol), ("wss://bridge.example/colibri-ws/x", None));
    script.input(Input::Socket {
        id: socket,
        event: SocketEvent::Opened,
    });
    for class in ["ClientHello", "ReceiverVideoConstraints", "SourceVideoTypeMessage"] {
        script.sent(class);
    }
    let map = r#"{"colibriClass":"DominantSpeakerEndpointChangeEvent","dominantSpeakerEndpoint":"cd34ef56"}"#;
    script.input(Input::Socket {
        id: socket,
        event: SocketEvent::Text(map.into()),
    });
    script.saw(&ConferenceEvent::DominantSpeaker(Some(ParticipantId(
        "cd34ef56".into(),
    ))));
    script.input(Input::Socket {
        id: socket,
        event: SocketEvent::Closed { code: Some(1006) },
    });
    let opened = script.opened.len();
    script.seconds(1);
    assert_eq!(script.opened.len(), opened + 1);
    let again = script.opened.last().unwrap().0;
    script.input(Input::Socket {
        id: again,
        event: SocketEvent::Opened,
    });
    script.sent("ClientHello");
    script.iq(FOCUS, "t", &format!("<jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='{SID}'><reason><expired/></reason></jingle>"));
    assert!(script.closed.contains(&again), "the channel ends with its session");
}

#[test]
fn sctp_is_preferred_where_both_are_offered() {
    let mut script = Script::joined();
    let both = format!("{DATA}<web-socket xmlns='http://jitsi.org/protocol/colibri' url='wss://bridge.example/x'/>");
    script.text(&session_initiate(SID, "b1", &both, ""));
    let id = script.plan().id;
    let opened = script.opened.len();
    script.describe(id);
    assert_eq!(script.opened.len(), opened);
}

#[test]
fn we_ourselves_are_never_the_dominant_speaker() {
    let (mut script, id) = Script::in_session();
    let say = |who: &str| {
        format!(
            r#"{{"colibriClass":"DominantSpeakerEndpointChangeEvent","dominantSpeakerEndpoint":"{who}","silence":false}}"#
        )
    };
    script.bridge_says(id, &say("cd34ef56"));
    script.saw(&ConferenceEvent::DominantSpeaker(Some(ParticipantId(
        "cd34ef56".into(),
    ))));
    script.bridge_says(id, &say(ME));
    script.no_event(|event| matches!(event, ConferenceEvent::DominantSpeaker(Some(_))));
}

#[test]
fn a_ping_of_another_participant_is_answered_and_nonsense_is_not() {
    let (mut script, id) = Script::in_session();
    script.take_bridge_messages();
    for nonsense in [
        "",
        "{",
        "[]",
        r#"{"colibriClass":7}"#,
        r#"{"colibriClass":"VideoSourcesMap","mappedSources":"x"}"#,
        r#"{"colibriClass":"New"}"#,
    ] {
        script.bridge_says(id, nonsense);
    }
    assert!(script.take_bridge_messages().is_empty());
    script.bridge_says(
        id,
        r#"{"colibriClass":"EndpointMessage","from":"cd34ef56","msgPayload":{"type":"e2e-ping-request","id":5}}"#,
    );
    assert_eq!(
        script.take_bridge_messages(),
        [
            json!({"colibriClass": "EndpointMessage", "to": "cd34ef56", "msgPayload": {"type": "e2e-ping-response", "id": 5}})
        ]
    );
}

#[test]
fn a_flood_of_pings_is_answered_ten_times_a_second() {
    let (mut script, id) = Script::in_session();
    script.take_bridge_messages();
    for _ in 0..2 {
        for _ in 0..100 {
            script.bridge_says(
                id,
                r#"{"colibriClass":"EndpointMessage","from":"cd34ef56","msgPayload":{"type":"e2e-ping-request","id":5}}"#,
            );
        }
        assert_eq!(script.take_bridge_messages().len(), 10);
        script.seconds(1);
        script.take_bridge_messages();
    }
}

#[test]
fn a_camera_that_is_still_being_opened_is_called_a_camera_and_one_that_stays_off_is_not() {
    for opens in [true, false] {
        let mut script = Script::new();
        script.join(room::conference::JoinRequest {
            muted: Muted {
                audio: true,
                video: true,
            },
            ..request(URL)
        });
        script.config(CONFIG);
        script.authenticate();
        script.focus_is_ready();
        script.let_in();
        script.session(SID, "b1");
        assert_eq!(script.take_bridge_messages()[2]["videoType"], "camera");
        script.seconds(1);
        if opens {
            script.command(ConferenceCommand::SetMuted(Muted {
                audio: true,
                video: false,
            }));
            assert_eq!(script.take_bridge_messages()[0]["videoType"], "camera");
            script.seconds(6);
            assert!(script.take_bridge_messages().is_empty());
        } else {
            script.seconds(4);
            assert_eq!(script.take_bridge_messages()[0]["videoType"], "none");
            script.command(ConferenceCommand::Media(
                media_protocol::SessionId(1),
                SessionEvent::BridgeChannel(BridgeChannelState::Open),
            ));
            assert_eq!(
                script.take_bridge_messages()[2]["videoType"],
                "none",
                "later openings tell it at once"
            );
        }
    }
}
