//! The conference request by HTTP: where the deployment says so, with the same meaning of every answer.

use jitsi::participant::{HttpResponse, NetworkError};
use room::conference::{ConferenceCommand, ConferenceEvent, WaitReason};
use room::outcome::Outcome;

use crate::script::*;

const READY: &str = r#"{"ready":true,"focusJid":"focus@auth.meet.example","sessionId":"s1","properties":{}}"#;

fn by_http() -> String {
    format!(
        "{CONFIG} config.websocketKeepAlive = 0; \
         config.conferenceRequestUrl = 'https://meet.example/conference-request/v1';"
    )
}

/// Up to the first request.
fn asking() -> Script {
    let mut script = Script::new();
    script.join(request("https://meet.example/Standup?jwt=x.y.z"));
    script.config(&by_http());
    script.authenticate();
    script
}

fn answer(script: &mut Script, status: u16, body: &str) {
    assert!(
        script.http.last().is_some_and(|(_, request)| request.body.is_some()),
        "a request is posted"
    );
    script.http_answer(Ok(HttpResponse {
        status,
        shard: None,
        body: body.into(),
    }));
}

/// The request that waits, as JSON.
fn posted(script: &Script) -> serde_json::Value {
    let body = script.http.last().and_then(|(_, request)| request.body.as_ref());
    body.and_then(|body| serde_json::from_str(&body.text).ok())
        .unwrap_or_default()
}

#[test]
fn the_request_is_posted_with_the_room_in_the_address_and_the_token_in_the_header() {
    let mut script = asking();
    let (_, request) = script.http.last().unwrap();
    assert_eq!(request.url, "https://meet.example/conference-request/v1?room=standup");
    assert_eq!(request.bearer.as_deref(), Some("x.y.z"));
    assert_eq!(request.body.as_ref().unwrap().content_type, "application/json");
    let json = posted(&script);
    assert_eq!(json["room"], ROOM);
    assert_eq!(json["machineUid"], "0123456789abcdef0123456789abcdef");
    assert!(json["properties"].get("visitors-version").is_none());
    assert!(!json.to_string().contains("x.y.z"));
    script.nothing_sent("http://jitsi.org/protocol/focus");
    script.nothing_sent("http://jabber.org/protocol/muc'");
    answer(&mut script, 200, READY);
    script.let_in();
    script.event(|event| matches!(event, ConferenceEvent::Joined { .. }).then_some(()));
}

#[test]
fn the_focus_that_the_answer_names_is_the_one_that_is_trusted() {
    let mut script = asking();
    answer(&mut script, 200, READY);
    script.let_in();
    script.focus_presence("evil@auth.meet.example/focus");
    script.iq(FOCUS, "m1", "<mute xmlns='http://jitsi.org/jitmeet/audio'>true</mute>");
    assert!(script.sent("id='m1'").contains("type='error'"));
}

#[test]
fn not_ready_is_asked_again_with_the_session_id_after_growing_waits() {
    let mut script = asking();
    for seconds in [1, 2, 4] {
        answer(&mut script, 200, r#"{"ready":false,"sessionId":"s9"}"#);
        script.advance(std::time::Duration::from_millis(seconds * 1000 - 1));
        assert!(script.http.is_empty());
        script.advance(std::time::Duration::from_millis(1));
        assert_eq!(posted(&script)["sessionId"], "s9");
    }
    script.saw(&ConferenceEvent::Waiting(WaitReason::ServiceBusy));
}

#[test]
fn a_refused_session_id_is_forgotten() {
    let mut script = asking();
    answer(&mut script, 200, r#"{"ready":false,"sessionId":"old"}"#);
    script.seconds(1);
    answer(&mut script, 400, r#"{"error":"invalid-session"}"#);
    assert!(posted(&script).get("sessionId").is_none());
}

#[test]
fn who_may_not_create_the_room_and_who_is_too_early_waits() {
    for (status, body) in [(403, ""), (200, r#"{"ready":true,"properties":{"live":"false"}}"#)] {
        let mut script = asking();
        answer(&mut script, status, body);
        script.saw(&ConferenceEvent::Waiting(WaitReason::NotOpenYet));
        script.seconds(5);
        answer(&mut script, 200, READY);
        script.let_in();
    }
}

#[test]
fn a_visitors_seat_is_refused_by_http_too() {
    let mut script = asking();
    answer(&mut script, 200, r#"{"ready":true,"vnode":"v1"}"#);
    assert_eq!(script.farewell(), Outcome::VisitorOnly);
}

#[test]
fn it_is_asked_again_before_every_join() {
    let mut script = asking();
    answer(&mut script, 200, READY);
    script.room_refuses("<error type='auth'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>");
    script.command(ConferenceCommand::Password("sesame".into()));
    assert_eq!(posted(&script)["sessionId"], "s1");
    answer(&mut script, 200, READY);
    script.let_in();
}

#[test]
fn a_service_that_does_not_answer_by_http_is_given_up() {
    for broken in [false, true] {
        let mut script = asking();
        for _ in 0..10 {
            if script.http.is_empty() {
                break;
            }
            if broken {
                script.http_answer(Err(NetworkError::Unreachable("x".into())));
            } else {
                script.http.clear();
            }
            for _ in 0..8 {
                script.seconds(5);
                script.text("<message xmlns='jabber:client' from='meet.example'/>");
            }
        }
        script.seconds(5);
        assert_eq!(script.ended(), Outcome::ServiceGone);
    }
}

#[test]
fn a_late_answer_to_an_earlier_request_changes_nothing() {
    let mut script = asking();
    let (id, _) = script.http.pop().unwrap();
    for _ in 0..4 {
        script.seconds(5);
        script.text("<message xmlns='jabber:client' from='meet.example'/>");
    }
    script.sent.clear();
    script.input(jitsi::participant::Input::Http {
        id,
        result: Ok(HttpResponse {
            status: 200,
            shard: None,
            body: READY.into(),
        }),
    });
    script.nothing_sent("http://jabber.org/protocol/muc'");
    answer(&mut script, 200, READY);
    script.sent("http://jabber.org/protocol/muc'");
}
