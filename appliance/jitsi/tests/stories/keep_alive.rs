//! The keep-alive by HTTP, and a room that has moved to another shard.

use std::time::Duration;

use jitsi::participant::{HttpResponse, Input, NetworkError, SocketEvent};
use room::conference::{ConferenceCommand, ConferenceEvent, Muted};

use crate::script::*;

/// Time on a living connection, until a request waits; false if none comes.
fn asked(script: &mut Script, seconds: u64) -> bool {
    for _ in 0..seconds {
        if !script.http.is_empty() {
            return true;
        }
        script.seconds(1);
        script.text("<message xmlns='jabber:client' from='meet.example'/>");
    }
    !script.http.is_empty()
}

fn shard(script: &mut Script, name: Option<&str>) {
    let (id, _) = script.http.remove(0);
    script.input(Input::Http {
        id,
        result: Ok(HttpResponse {
            status: 400,
            shard: name.map(str::to_owned),
            body: String::new(),
        }),
    });
}

#[test]
fn the_first_comes_after_five_seconds_and_the_next_a_minute_or_two_later() {
    let (mut script, _) = Script::in_session();
    script.advance(Duration::from_millis(4_999));
    assert!(script.http.is_empty());
    script.advance(Duration::from_millis(1));
    let request = &script.http[0].1;
    assert_eq!(request.url, "https://meet.example/xmpp-websocket?room=standup");
    assert_eq!((request.body.is_none(), request.bearer.as_deref()), (true, None));
    shard(&mut script, Some("s1"));
    assert!(!asked(&mut script, 59));
    assert!(asked(&mut script, 62));
}

#[test]
fn the_same_shard_or_none_or_no_answer_changes_nothing() {
    let (mut script, _) = Script::in_session();
    assert!(asked(&mut script, 6));
    shard(&mut script, Some("s1"));
    for name in [Some("s1"), None, Some("s1")] {
        assert!(asked(&mut script, 130));
        shard(&mut script, name);
    }
    assert!(asked(&mut script, 130));
    script.http_answer(Err(NetworkError::Unreachable("x".into())));
    assert!(asked(&mut script, 130), "it goes on after a failure");
    script.no_event(|event| matches!(event, ConferenceEvent::Reconnecting));
}

#[test]
fn a_room_that_has_moved_is_left_and_entered_anew_on_a_new_connection_and_dark() {
    let (mut script, _) = Script::in_session();
    script.command(ConferenceCommand::SetMuted(Muted {
        audio: false,
        video: false,
    }));
    assert!(asked(&mut script, 6));
    shard(&mut script, Some("s1"));
    assert!(asked(&mut script, 130));
    script.sent.clear();
    let old = script.socket();
    shard(&mut script, Some("s2"));
    script.saw(&ConferenceEvent::Reconnecting);
    assert_eq!(
        script.sent_element("type='unavailable'").attr("to"),
        Some(format!("{ROOM}/{ME}").as_str())
    );
    script.sent("<close");
    assert_eq!(script.closed.last(), Some(&old));
    script.input(Input::Socket {
        id: old,
        event: SocketEvent::Closed { code: Some(1000) },
    });
    script.seconds(2);
    assert_ne!(script.socket(), old);
    script.node = "99aa88bb-0000-4000-8000-000000000000".into();
    script.authenticate();
    script.focus_is_ready();
    let join = script
        .sent
        .iter()
        .find(|(_, text)| text.contains("SourceInfo"))
        .unwrap()
        .1
        .clone();
    assert!(!join.contains("false"), "dark: {join}");
    script.let_in();
    script.event(|event| matches!(event, ConferenceEvent::Joined { .. }).then_some(()));
    // The new connection's shard is whatever answers first.
    assert!(asked(&mut script, 6));
    shard(&mut script, Some("s2"));
    script.no_event(|event| matches!(event, ConferenceEvent::Reconnecting));
}

#[test]
fn a_service_that_names_another_shard_each_time_is_not_followed_for_ever() {
    let (mut script, _) = Script::in_session();
    let mut names = (0..).map(|number| format!("s{number}"));
    let mut moves = 0;
    for _ in 0..20 {
        assert!(asked(&mut script, 130));
        shard(&mut script, names.next().as_deref());
        let moved = script
            .events
            .iter()
            .any(|event| matches!(event, ConferenceEvent::Reconnecting));
        if moved {
            moves += 1;
            script.events.clear();
            script.sent.clear();
            script.seconds(2);
            script.authenticate();
            script.focus_is_ready();
            script.let_in();
        }
    }
    assert_eq!(moves, 3);
}

#[test]
fn a_deployment_can_switch_the_keep_alive_off_or_send_it_elsewhere() {
    for (line, wanted) in [
        ("config.websocketKeepAlive = 0;", None),
        (
            "config.websocketKeepAliveUrl = 'https://meet.example/_unlock';",
            Some("https://meet.example/_unlock?room=standup"),
        ),
    ] {
        let mut script = Script::new();
        script.join(request(URL));
        script.config(&format!("{CONFIG} {line}"));
        script.authenticate();
        script.focus_is_ready();
        script.let_in();
        asked(&mut script, 200);
        assert_eq!(script.http.first().map(|(_, request)| request.url.as_str()), wanted);
    }
}
