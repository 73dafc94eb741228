//! What breaks in a meeting, and how it goes on.

use std::time::Duration;

use jitsi::participant::{NetworkError, SocketEvent};
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
fn an_idle_session_that_the_bridge_closed_before_the_focus_said_so_does_not_leave_the_room() {
    let (mut script, id) = Script::in_session();
    script.text(&unavailable("cd34ef56", "", ""));
    let reason = "the association is gone".into();
    script.command(ConferenceCommand::Media(id, SessionEvent::Failed { reason }));
    let demand = script.sent_id("restart='true'");
    script.iq(
        FOCUS,
        "t",
        &terminate(SID, "<expired/><text>Idle session timeout</text>"),
    );
    script.text(&format!("<iq xmlns='jabber:client' type='error' id='{demand}' from='{FOCUS}'><error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"));
    lively(&mut script, 300);
    script.no_event(|event| matches!(event, ConferenceEvent::Reconnecting | ConferenceEvent::Ended(_)));
    script.nothing_sent("type='unavailable'");
    script.peer("ee00ee00", "Max", false);
    script.session("sid2", "b2");
}

#[test]
fn a_moved_session_that_is_not_offered_again_after_a_demand_too_late_makes_the_box_enter_anew() {
    let (mut script, _) = Script::in_session();
    script.command(ConferenceCommand::MediaLost);
    let demand = script.sent_id("restart='true'");
    script.text(&format!("<iq xmlns='jabber:client' type='error' id='{demand}' from='{FOCUS}'><error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"));
    lively(&mut script, 4);
    script.no_event(|event| matches!(event, ConferenceEvent::Reconnecting));
    lively(&mut script, 2);
    script.saw(&ConferenceEvent::Reconnecting);
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
    for _ in 0..910 {
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

/// The network is away: each socket the box opens within this time fails, as the driver reports it without a route.
/// Gives when the tries began, since the loss.
fn away(script: &mut Script, time: Duration) -> Vec<Duration> {
    let begun = script.now;
    let mut known = script.opened.len();
    let mut tries = Vec::new();
    while script.now - begun < time {
        script.advance(Duration::from_millis(100));
        if script.participant.is_idle() {
            break;
        }
        if script.opened.len() > known {
            known = script.opened.len();
            tries.push(script.now - begun);
            script.socket_event(SocketEvent::Failed(NetworkError::Unreachable("no route".into())));
        }
    }
    tries
}

#[test]
fn a_network_that_was_away_for_a_minute_or_for_ten_brings_the_box_back_dark_by_itself() {
    for minutes in [1, 10] {
        let (mut script, _) = Script::in_session();
        script.socket_event(SocketEvent::Failed(NetworkError::Broken("reset".into())));
        script.saw(&ConferenceEvent::Reconnecting);
        let tries = away(&mut script, Duration::from_secs(minutes * 60));
        let pauses: Vec<Duration> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let longest = *pauses.iter().max().unwrap();
        assert!(longest <= Duration::from_millis(15_200), "{longest:?}");
        let expected = if minutes == 1 { 5..40 } else { 50..160 };
        assert!(
            expected.contains(&tries.len()),
            "{} tries in {minutes} min",
            tries.len()
        );
        script.no_event(|event| matches!(event, ConferenceEvent::Ending(_) | ConferenceEvent::Ended(_)));
        // The network is there again: the next try gets through.
        let known = script.opened.len();
        script.seconds(16);
        assert_eq!(script.opened.len(), known + 1);
        script.node = "99887766-0000-4000-8000-000000000000".into();
        script.authenticate();
        script.saw(&ConferenceEvent::Session(None));
        script.focus_is_ready();
        let entry = script
            .log
            .iter()
            .rev()
            .find(|text| text.contains("protocol/muc'"))
            .unwrap();
        assert!(
            entry.contains(r#""99887766-a0":{"muted":true}"#) && entry.contains(r#""99887766-v0":{"muted":true"#),
            "{entry}"
        );
        script.let_in();
        script.saw(&ConferenceEvent::Joined {
            me: ParticipantId("99887766".into()),
        });
    }
}

#[test]
fn a_room_that_does_not_want_to_wait_for_the_network_leaves_at_any_time() {
    for seconds in [0, 1, 45, 200, 800] {
        let (mut script, _) = Script::in_session();
        script.socket_event(SocketEvent::Failed(NetworkError::Broken("reset".into())));
        away(&mut script, Duration::from_secs(seconds));
        script.command(ConferenceCommand::Leave);
        script.seconds(2);
        assert_eq!(script.ended(), Outcome::Left, "after {seconds} s");
    }
    // Also in the middle of a try.
    let (mut script, _) = Script::in_session();
    script.socket_event(SocketEvent::Failed(NetworkError::Broken("reset".into())));
    script.seconds(1);
    assert_eq!(script.opened.len(), 2);
    script.command(ConferenceCommand::Leave);
    script.seconds(2);
    assert_eq!(script.ended(), Outcome::Left);
}

#[test]
fn a_token_that_expires_while_the_network_is_away_ends_the_tries() {
    // exp = 1700000100
    let token = "e30.eyJleHAiOjE3MDAwMDAxMDB9.c2ln";
    let mut script = Script::new();
    script.tell_time(Duration::from_secs(1_700_000_000));
    script.join(room::conference::JoinRequest {
        token: Some(token.into()),
        ..request(URL)
    });
    script.config(CONFIG);
    script.authenticate();
    script.focus_is_ready();
    script.let_in();
    script.socket_event(SocketEvent::Failed(NetworkError::Broken("reset".into())));
    let begun = script.now;
    away(&mut script, Duration::from_secs(600));
    assert_eq!(script.ended(), Outcome::TokenExpired);
    assert!(
        script.now - begun < Duration::from_secs(120),
        "{:?}",
        script.now - begun
    );
}

#[test]
fn a_focus_that_is_long_away_is_asked_often_enough_by_whoever_was_in() {
    let (mut script, _) = Script::in_session();
    script.text(&unavailable("focus", "", ""));
    let not_ready = "ready='false' focusjid='focus@auth.meet.example'";
    let mut asked = Vec::new();
    for _ in 0..600 {
        lively(&mut script, 1);
        if script
            .sent
            .iter()
            .any(|(_, text)| text.contains("http://jitsi.org/protocol/focus") && text.contains("<iq"))
        {
            script.focus_answers(not_ready, "");
            asked.push(script.now);
        }
    }
    let longest = asked.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest <= Duration::from_secs(16), "{longest:?}");
    script.no_event(|event| matches!(event, ConferenceEvent::Ended(_)));
    lively(&mut script, 16);
    script.focus_is_ready();
    script.let_in();
    script.saw(&ConferenceEvent::Joined {
        me: ParticipantId(ME.into()),
    });
}

#[test]
fn a_ghost_of_an_earlier_meeting_in_the_room_is_nobody_for_as_long_as_rooms_show_ghosts() {
    for (minutes, seen) in [(1, false), (20, true)] {
        let (mut script, _) = Script::in_session();
        script.socket_event(SocketEvent::Failed(NetworkError::Broken("reset".into())));
        script.command(ConferenceCommand::Leave);
        script.seconds(2);
        assert_eq!(script.ended(), Outcome::Left);
        script.seconds(minutes * 60);
        script.node = "99887766-0000-4000-8000-000000000000".into();
        script.up_to_request();
        script.focus_is_ready();
        script.peer(ME, "Salle 4", false);
        script.peer("cd34ef56", "Zoé", false);
        script.let_in();
        let people = script.event(|event| match event {
            ConferenceEvent::Participants(people) => Some(people.clone()),
            _ => None,
        });
        assert_eq!(
            people.iter().any(|person| person.id.0 == ME),
            seen,
            "after {minutes} min"
        );
        assert!(people.iter().any(|person| person.id.0 == "cd34ef56"));
    }
    // Whoever left in order has left no ghost: another of that name is somebody.
    let (mut script, _) = Script::in_session();
    script.command(ConferenceCommand::Leave);
    assert_eq!(script.farewell(), Outcome::Left);
    script.sent.clear();
    script.node = "99887766-0000-4000-8000-000000000000".into();
    script.up_to_request();
    script.focus_is_ready();
    script.peer(ME, "Max", false);
    script.let_in();
    script.event(|event| match event {
        ConferenceEvent::Participants(people) => people.iter().any(|person| person.id.0 == ME).then_some(()),
        _ => None,
    });
}

#[test]
fn a_network_that_stays_away_ends_in_a_named_outcome() {
    let (mut script, _) = Script::in_session();
    script.socket_event(SocketEvent::Closed { code: None });
    let begun = script.now;
    away(&mut script, Duration::from_secs(3600));
    assert_eq!(script.ended(), Outcome::ConnectionLost);
    let tried = (script.now - begun).as_secs();
    assert!((900..903).contains(&tried), "{tried} s");
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
