//! What breaks in a meeting, and how it goes on.

use jitsi::participant::SocketEvent;
use media_protocol::SessionEvent;
use room::conference::{ConferenceCommand, ConferenceEvent, Muted, ParticipantId};
use room::outcome::Outcome;

use crate::script::*;

fn terminate(sid: &str, reason: &str) -> String {
    format!(
        "<jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='{sid}'><reason>{reason}</reason></jingle>"
    )
}

/// Time passes on a stream that lives.
fn lively(script: &mut Script, seconds: u64) {
    for _ in 0..seconds {
        script.seconds(1);
        if script.participant.is_idle() {
            return;
        }
        script.text("<message xmlns='jabber:client' from='meet.example'/>");
    }
}

#[test]
fn a_bridge_that_moves_us_brings_a_new_session_in_the_same_room() {
    let (mut script, first) = Script::in_session();
    script.take_bridge_messages();
    script.iq(FOCUS, "t", &terminate(SID, "<success/><text>moving</text>"));
    assert!(script.sent("id='t'").contains("type='result'"));
    script.saw(&ConferenceEvent::Session(None));
    let second = script.session("sid2", "b2");
    assert!(second > first);
    assert_eq!(
        script.take_bridge_messages().len(),
        3,
        "constraints and types are said again"
    );
    lively(&mut script, 60);
    script.no_event(|event| matches!(event, ConferenceEvent::Reconnecting));
}

#[test]
fn an_idle_session_ends_and_the_next_arrival_brings_a_new_one() {
    let (mut script, _) = Script::in_session();
    script.text(&unavailable("cd34ef56", "", ""));
    script.iq(
        FOCUS,
        "t",
        &terminate(SID, "<expired/><text>Idle session timeout</text>"),
    );
    script.saw(&ConferenceEvent::Session(None));
    lively(&mut script, 300);
    script.no_event(|event| matches!(event, ConferenceEvent::Reconnecting | ConferenceEvent::Ended(_)));
    script.peer("ee00ee00", "Max", false);
    script.session("sid2", "b2");
}

#[test]
fn a_session_that_is_not_offered_again_makes_the_box_enter_anew() {
    let (mut script, _) = Script::in_session();
    script.iq(FOCUS, "t", &terminate(SID, "<gone/>"));
    lively(&mut script, 29);
    script.no_event(|event| matches!(event, ConferenceEvent::Reconnecting));
    lively(&mut script, 3);
    script.saw(&ConferenceEvent::Reconnecting);
    script.sent("type='unavailable'");
    script.text(&unavailable(ME, "", "<status code='110'/>"));
    script.focus_is_ready();
    script.let_in();
    script.saw(&ConferenceEvent::Joined {
        me: ParticipantId(ME.into()),
    });
}

#[test]
fn failed_media_ask_for_a_new_session_on_the_same_bridge_session_without_leaving() {
    for fact in [
        SessionEvent::Failed { reason: "ICE".into() },
        SessionEvent::Stalled { silent_ms: 9_000 },
    ] {
        let (mut script, id) = Script::in_session();
        script.command(ConferenceCommand::Media(id, SessionEvent::Stalled { silent_ms: 3_000 }));
        script.nothing_sent("session-terminate");
        script.command(ConferenceCommand::Media(id, fact));
        let terminate = script.sent("session-terminate");
        for part in [
            "connectivity-error",
            "id='b1'",
            "restart='true'",
            &format!("sid='{SID}'"),
        ] {
            assert!(terminate.contains(part), "{part} in {terminate}");
        }
        script.saw(&ConferenceEvent::Session(None));
        script.session("sid2", "b2");
        script.no_event(|event| matches!(event, ConferenceEvent::Reconnecting));
    }
}

#[test]
fn a_lost_media_worker_never_leaves_the_room() {
    let (mut script, _) = Script::in_session();
    script.command(ConferenceCommand::MediaLost);
    script.sent("restart='true'");
    script.session("sid2", "b2");
    script.nothing_sent("type='unavailable'");
}

#[test]
fn new_sessions_are_demanded_five_seconds_apart_and_after_five_in_a_minute_the_room_is_entered_anew() {
    let (mut script, _) = Script::in_session();
    for n in 2..7 {
        script.command(ConferenceCommand::MediaLost);
        if n > 2 {
            lively(&mut script, 4);
            script.nothing_sent("restart='true'");
            lively(&mut script, 1);
        }
        script.sent("restart='true'");
        script.session(&format!("sid{n}"), &format!("b{n}"));
    }
    script.command(ConferenceCommand::MediaLost);
    script.nothing_sent("restart='true'");
    script.saw(&ConferenceEvent::Reconnecting);
    script.sent("type='unavailable'");
}

#[test]
fn a_refused_demand_makes_the_box_enter_anew() {
    let (mut script, _) = Script::in_session();
    script.command(ConferenceCommand::MediaLost);
    let id = script.sent_id("restart='true'");
    script.text(&format!("<iq xmlns='jabber:client' type='error' id='{id}' from='{FOCUS}'><error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"));
    script.saw(&ConferenceEvent::Reconnecting);
}

#[test]
fn media_that_never_pass_end_in_a_named_outcome() {
    let mut script = Script::joined();
    script.peer("cd34ef56", "Zoé", false);
    for n in 0..3 {
        script.offer(&format!("sid{n}"), &format!("b{n}"));
        let id = script.plan().id;
        script.describe(id);
        script.accepted();
        lively(&mut script, 21);
    }
    lively(&mut script, 3);
    assert_eq!(script.ended(), Outcome::MediaBlocked);
}

#[test]
fn a_focus_that_leaves_is_asked_back() {
    let (mut script, _) = Script::in_session();
    script.text(&unavailable("focus", "", ""));
    script.saw(&ConferenceEvent::Session(None));
    script.saw(&ConferenceEvent::Reconnecting);
    script.sent("type='unavailable'");
    script.seconds(2);
    script.focus_is_ready();
    script.let_in();
    script.saw(&ConferenceEvent::Joined {
        me: ParticipantId(ME.into()),
    });
    script.session("sid2", "b2");
}

#[test]
fn a_focus_that_stays_away_ends_in_a_named_outcome() {
    let (mut script, _) = Script::in_session();
    script.text(&unavailable("focus", "", ""));
    let refused = "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for _ in 0..130 {
        lively(&mut script, 1);
        if script
            .sent
            .iter()
            .any(|(_, text)| text.contains("http://jitsi.org/protocol/focus") && text.contains("<iq"))
        {
            script.focus_refuses(refused);
        }
    }
    assert_eq!(script.ended(), Outcome::ServiceGone);
}

#[test]
fn muted_by_moderator_stays_muted_after_reconnect_and_the_camera_comes_back_off() {
    let (mut script, _) = Script::in_session();
    script.iq(FOCUS, "m", "<mute xmlns='http://jitsi.org/jitmeet/audio'>true</mute>");
    script.command(ConferenceCommand::SetMuted(Muted {
        audio: true,
        video: false,
    }));
    script.socket_event(SocketEvent::Closed { code: None });
    script.saw(&ConferenceEvent::Reconnecting);
    script.no_event(|event| matches!(event, ConferenceEvent::Session(None)));
    script.seconds(2);
    script.node = "99887766-0000-4000-8000-000000000000".into();
    script.authenticate();
    script.saw(&ConferenceEvent::Session(None));
    script.focus_is_ready();
    // Our ghost of before is still there.
    script.peer(ME, "Salle 4", false);
    script.peer("cd34ef56", "Zoé", false);
    assert!(script.sent.iter().any(|(_, text)| text.contains("protocol/muc'")
        && text.contains(r#""99887766-a0":{"muted":true}"#)
        && text.contains(r#""99887766-v0":{"muted":true"#)));
    script.let_in();
    let people = script.event(|event| match event {
        ConferenceEvent::Participants(people) => Some(people.clone()),
        _ => None,
    });
    assert_eq!(
        people.iter().map(|person| person.id.0.as_str()).collect::<Vec<_>>(),
        ["cd34ef56"]
    );
    script.saw(&ConferenceEvent::Joined {
        me: ParticipantId("99887766".into()),
    });
}

#[test]
fn a_network_that_stays_away_ends_in_a_named_outcome() {
    let (mut script, _) = Script::in_session();
    script.socket_event(SocketEvent::Closed { code: None });
    for _ in 0..60 {
        let opened = script.opened.len();
        script.seconds(16);
        if script.participant.is_idle() {
            break;
        }
        if script.opened.len() > opened {
            script.socket_event(SocketEvent::Failed(jitsi::participant::NetworkError::Unreachable(
                "x".into(),
            )));
        }
    }
    assert_eq!(script.ended(), Outcome::ConnectionLost);
}

#[test]
fn a_silent_server_is_noticed_by_pings() {
    let (mut script, _) = Script::in_session();
    script.sent.clear();
    script.seconds(21);
    assert_eq!(
        script
            .sent
            .iter()
            .filter(|(_, text)| text.contains("urn:xmpp:ping"))
            .count(),
        2
    );
    script.saw(&ConferenceEvent::Reconnecting);
    script.seconds(3);
    assert_eq!(script.opened.len(), 2);
}

#[test]
fn an_answer_the_focus_refuses_makes_the_box_enter_anew() {
    let mut script = Script::joined();
    script.offer(SID, "b1");
    let id = script.plan().id;
    script.describe(id);
    let accept = script.sent_id("session-accept");
    script.text(&format!("<iq xmlns='jabber:client' type='error' id='{accept}' from='{FOCUS}'><error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"));
    script.saw(&ConferenceEvent::Reconnecting);
}

#[test]
fn a_worker_that_fails_before_it_answers_does_not_demand_sessions_for_ever() {
    let mut script = Script::joined();
    script.peer("cd34ef56", "Zoé", false);
    for n in 0..3 {
        script.offer(&format!("sid{n}"), &format!("b{n}"));
        let id = script.plan().id;
        let failed = SessionEvent::Failed {
            reason: "no element".into(),
        };
        script.command(ConferenceCommand::Media(id, failed));
        lively(&mut script, 6);
    }
    lively(&mut script, 3);
    assert_eq!(script.ended(), Outcome::MediaBlocked);
}

#[test]
fn a_worker_that_dies_while_it_starts_is_no_sign_of_blocked_media() {
    let mut script = Script::joined();
    script.peer("cd34ef56", "Zoé", false);
    for n in 0..4 {
        script.offer(&format!("sid{n}"), &format!("b{n}"));
        script.plan();
        script.command(ConferenceCommand::MediaLost);
        lively(&mut script, 14);
    }
    script.no_event(|event| matches!(event, ConferenceEvent::Ended(_)));
}
