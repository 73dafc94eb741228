//! Inputs of chance, in any order: nothing panics, deadlines move on, and the box always finds its way out.

use std::time::Duration;

use jitsi::participant::{ConnectionId, HttpResponse, Input, NetworkError, SocketEvent};
use media_protocol::{BridgeChannelState, SessionEvent, SessionId};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use room::conference::{ConferenceCommand, Muted, ReceiveWish};

use crate::script::*;

/// Real sentences of the protocol, some broken.
fn sentence(chance: &mut StdRng) -> String {
    let sentences = [
        "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>".to_owned(),
        "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>".into(),
        "<r xmlns='urn:xmpp:sm:3'/>".into(),
        "<a xmlns='urn:xmpp:sm:3' h='4294967295'/>".into(),
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".into(),
        unavailable(ME, "", "<status code='110'/>"),
        unavailable(ME, "", "<status code='110'/><status code='307'/>"),
        unavailable("focus", "", ""),
        unavailable("cd34ef56", "", ""),
        session_initiate("s1", "b1", DATA, ""),
        session_initiate("s2", "b2", "<web-socket xmlns='http://jitsi.org/protocol/colibri' url='wss://b.example/x'/>", ""),
        format!("<iq xmlns='jabber:client' type='set' id='t' from='{FOCUS}'><jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='s1'><reason><success/></reason></jingle></iq>"),
        format!("<iq xmlns='jabber:client' type='set' id='m' from='{FOCUS}'><mute xmlns='http://jitsi.org/jitmeet/audio'>true</mute></iq>"),
        format!("<presence xmlns='jabber:client' from='{ROOM}/{ME}'><x xmlns='http://jabber.org/protocol/muc#user'><item role='participant'/><status code='110'/></x></presence>"),
        format!("<presence xmlns='jabber:client' type='error' from='{ROOM}/{ME}'><error type='auth'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"),
        "<iq xmlns='jabber:client' type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>a@b/c</jid></bind></iq>".into(),
        "".into(),
        "<".into(),
        "x".repeat(100),
    ];
    let mut text = sentences[chance.random_range(0..sentences.len())].clone();
    if chance.random_bool(0.2) && !text.is_empty() {
        let cut = chance.random_range(0..text.len());
        text = text.chars().take(cut).collect();
    }
    text
}

fn input(chance: &mut StdRng, script: &Script) -> Input {
    let connection = ConnectionId(chance.random_range(0..8));
    let session = SessionId(chance.random_range(0..4));
    match chance.random_range(0..20) {
        0 => Input::Command(ConferenceCommand::Join(Box::new(request(URL)))),
        1 if chance.random_bool(0.3) => Input::Command(ConferenceCommand::Leave),
        2 => Input::Command(ConferenceCommand::Password("x".into())),
        3 => Input::Command(ConferenceCommand::SetMuted(Muted {
            audio: chance.random(),
            video: chance.random(),
        })),
        4 => Input::Command(ConferenceCommand::Receive(ReceiveWish {
            stage: Some(("a-v0".into(), 1)),
            others: vec![],
        })),
        5 => Input::Command(ConferenceCommand::MediaLost),
        6 => Input::Command(ConferenceCommand::Media(
            session,
            SessionEvent::LocalDescription(description()),
        )),
        7 => Input::Command(ConferenceCommand::Media(
            session,
            SessionEvent::BridgeChannel(BridgeChannelState::Open),
        )),
        8 => Input::Command(ConferenceCommand::Media(
            session,
            SessionEvent::Failed { reason: String::new() },
        )),
        9 => Input::Command(ConferenceCommand::Media(
            session,
            SessionEvent::BridgeMessage {
                text: "{\"colibriClass\":\"ServerHello\"}".into(),
            },
        )),
        10 => {
            let id = script.http.last().map_or(connection, |(id, _)| *id);
            Input::Http {
                id,
                result: Ok(HttpResponse {
                    status: 200,
                    shard: None,
                    body: CONFIG.into(),
                }),
            }
        }
        11 if chance.random_bool(0.2) => Input::Socket {
            id: connection,
            event: SocketEvent::Failed(NetworkError::Status(500)),
        },
        12 if chance.random_bool(0.2) => Input::Socket {
            id: connection,
            event: SocketEvent::Closed { code: None },
        },
        13 => Input::Socket {
            id: connection,
            event: SocketEvent::Opened,
        },
        14 => Input::Tick,
        _ => {
            let id = script.opened.last().map_or(connection, |(id, ..)| *id);
            Input::Socket {
                id,
                event: SocketEvent::Text(sentence(chance)),
            }
        }
    }
}

#[test]
fn no_order_of_inputs_panics_or_stops_the_clock() {
    for seed in 0..300 {
        let mut chance = StdRng::seed_from_u64(seed);
        // Some lives begin in the middle of a meeting.
        let mut script = match seed % 3 {
            0 => Script::new(),
            1 => Script::joined(),
            _ => Script::in_session().0,
        };
        for _ in 0..200 {
            let input = input(&mut chance, &script);
            script.input(input);
            let millis = chance.random_range(0..3_000);
            script.advance(Duration::from_millis(millis));
            script.sent.clear();
            script.events.clear();
        }
        script.command(ConferenceCommand::Leave);
        script.seconds(5);
        assert!(script.participant.is_idle(), "seed {seed}");
        assert_eq!(script.participant.next_deadline(), None);
    }
}
