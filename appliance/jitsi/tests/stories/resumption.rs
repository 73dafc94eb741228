//! The socket is lost and the stream goes on over another (XEP-0198, `specs/jitsi-client.md §1`).

use std::time::Duration;

use jitsi::participant::{NetworkError, SocketEvent};
use media_protocol::{SessionEvent, SessionId};
use room::conference::{ConferenceCommand, ConferenceEvent, Muted, ParticipantId};
use room::outcome::Outcome;

use crate::script::*;

const ENABLED: &str = "<enabled xmlns='urn:xmpp:sm:3' id='old1' resume='true' max='60'/>";

/// In a session, on a stream that the server keeps for a minute; some of what was sent is acknowledged.
fn resumable() -> (Script, SessionId) {
    resumable_with(request(URL))
}

fn resumable_with(request: room::conference::JoinRequest) -> (Script, SessionId) {
    let mut script = Script::new();
    script.enabled = ENABLED.into();
    script.join(request);
    script.config(CONFIG);
    script.authenticate();
    script.focus_is_ready();
    script.let_in();
    script.peer("cd34ef56", "Zoé", false);
    let id = script.session(SID, "b1");
    (script, id)
}

fn cut(script: &mut Script) {
    script.socket_event(SocketEvent::Failed(NetworkError::Broken("reset".into())));
}

fn refused(script: &mut Script) {
    script.socket_event(SocketEvent::Failed(NetworkError::Unreachable("refused".into())));
}

fn resumed(script: &mut Script, handled: usize) {
    script.text(&format!("<resumed xmlns='urn:xmpp:sm:3' previd='old1' h='{handled}'/>"));
}

/// Stanzas sent since the stream was enabled.
fn counted(script: &Script) -> usize {
    let after = script.log.iter().skip_while(|text| !text.starts_with("<enable "));
    let stanzas = after.filter(|text| {
        ["<iq", "<presence", "<message"]
            .iter()
            .any(|name| text.starts_with(name))
    });
    stanzas.count()
}

#[test]
fn a_cut_socket_is_opened_again_at_once_with_previd_and_nothing_else_changes() {
    let (mut script, _) = resumable();
    let handled = counted(&script);
    cut(&mut script);
    script.saw(&ConferenceEvent::Reconnecting);
    script.advance(Duration::from_millis(301));
    assert_eq!(script.opened.len(), 2, "within a third of a second");
    assert!(script.opened[1].1.ends_with("&previd=old1"), "{}", script.opened[1].1);
    let resume = script.ask_to_resume();
    assert!(resume.contains("previd='old1'"), "{resume}");
    resumed(&mut script, handled);
    script.saw(&ConferenceEvent::Reconnected);
    script.no_event(|event| matches!(event, ConferenceEvent::Session(_) | ConferenceEvent::Joined { .. }));
    script.nothing_sent("protocol/muc");
    script.nothing_sent("xmpp-bind");
    script.nothing_sent("http://jitsi.org/protocol/focus");
    assert!(script.http.is_empty());
}

#[test]
fn h_counts_every_stanza_that_arrived() {
    let (mut script, _) = resumable();
    let mut others = 0;
    for _ in 0..7 {
        script.text("<message xmlns='jabber:client' from='meet.example'/>");
        others += 1;
    }
    script.sent.clear();
    script.text("<r xmlns='urn:xmpp:sm:3'/>");
    let acknowledged = script.sent_element("<a ").attr("h").unwrap().to_owned();
    assert!(acknowledged.parse::<u32>().unwrap() > others);
    cut(&mut script);
    script.seconds(1);
    assert!(script.ask_to_resume().contains(&format!("h='{acknowledged}'")));
}

#[test]
fn what_was_sent_into_the_void_and_what_was_wanted_meanwhile_is_sent_again_once() {
    let (mut script, _) = resumable();
    let handled = counted(&script);
    script.command(ConferenceCommand::SetMuted(Muted {
        audio: true,
        video: false,
    }));
    let lost = script.sent(r#""ab12cd34-a0":{"muted":true}"#);
    cut(&mut script);
    script.command(ConferenceCommand::SetMuted(Muted {
        audio: true,
        video: true,
    }));
    script.nothing_sent("SourceInfo");
    script.seconds(1);
    script.ask_to_resume();
    script.command(ConferenceCommand::SetMuted(Muted {
        audio: false,
        video: true,
    }));
    script.nothing_sent("SourceInfo");
    resumed(&mut script, handled);
    let shown: Vec<String> = script
        .sent
        .iter()
        .map(|(_, text)| text.clone())
        .filter(|text| text.contains("SourceInfo"))
        .collect();
    assert_eq!(shown.len(), 3, "{shown:?}");
    assert_eq!(shown[0], lost);
    assert!(shown[2].contains(r#""ab12cd34-a0":{"muted":false}"#) && shown[2].contains(r#""muted":true"#));
}

#[test]
fn a_server_that_does_not_know_the_stream_any_more_is_entered_anew_and_dark() {
    let (mut script, _) = resumable();
    cut(&mut script);
    script.seconds(1);
    script.ask_to_resume();
    script.no_event(|event| matches!(event, ConferenceEvent::Session(None)));
    script.text("<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>");
    script.sent("<close ");
    script.seconds(2);
    assert!(!script.opened.last().unwrap().1.contains("previd"), "under a new name");
    script.node = "99887766-0000-4000-8000-000000000000".into();
    script.authenticate();
    script.saw(&ConferenceEvent::Session(None));
    script.focus_is_ready();
    assert!(
        script
            .sent
            .iter()
            .any(|(_, text)| text.contains("protocol/muc'") && text.contains(r#""99887766-a0":{"muted":true}"#))
    );
    // Our own ghost is nobody.
    script.peer(ME, "Salle 4", false);
    script.peer("cd34ef56", "Zoé", false);
    script.let_in();
    let people = script.event(|event| match event {
        ConferenceEvent::Participants(people) => Some(people.clone()),
        _ => None,
    });
    assert_eq!(people.len(), 1);
    script.saw(&ConferenceEvent::Joined {
        me: ParticipantId("99887766".into()),
    });
}

#[test]
fn tries_go_on_quickly_and_apart_until_the_server_has_forgotten_then_the_room_is_entered_anew() {
    let (mut script, _) = resumable();
    cut(&mut script);
    let mut tries = Vec::new();
    let begun = script.now;
    for _ in 0..2_000 {
        let before = script.opened.len();
        script.advance(Duration::from_millis(50));
        if script.opened.len() > before {
            tries.push(script.now.duration_since(begun));
            if script.opened.last().unwrap().1.contains("previd") {
                refused(&mut script);
            } else {
                break;
            }
        }
    }
    assert!(tries[0] <= Duration::from_millis(350), "{tries:?}");
    let waits: Vec<Duration> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        waits.iter().all(|wait| *wait <= Duration::from_millis(5_000)),
        "{waits:?}"
    );
    assert!((12..60).contains(&tries.len()), "{} tries", tries.len());
    let last = tries.last().unwrap();
    assert!(
        (Duration::from_secs(60)..Duration::from_secs(63)).contains(last),
        "{last:?}"
    );
    script.authenticate();
    script.saw(&ConferenceEvent::Session(None));
    script.focus_is_ready();
}

#[test]
fn a_try_that_gets_no_answer_is_given_up_and_the_next_one_has_the_whole_stream() {
    let (mut script, _) = resumable();
    cut(&mut script);
    script.seconds(1);
    script.socket_event(SocketEvent::Opened);
    script.seconds(8);
    assert!(script.closed.contains(&script.opened[1].0));
    assert!(script.opened.len() >= 3);
    assert!(script.ask_to_resume().contains("previd='old1'"));
    let handled = counted(&script);
    resumed(&mut script, handled);
    script.saw(&ConferenceEvent::Reconnected);
}

#[test]
fn a_socket_that_does_not_open_is_given_up_after_three_seconds_so_that_a_network_that_is_back_is_found_soon() {
    let (mut script, _) = resumable();
    cut(&mut script);
    let mut tries = Vec::new();
    for _ in 0..500 {
        let before = script.opened.len();
        script.advance(Duration::from_millis(100));
        if script.opened.len() > before {
            tries.push(script.now);
        }
    }
    assert!(tries.len() > 10, "{} tries", tries.len());
    let longest = tries.windows(2).map(|pair| pair[1] - pair[0]).max();
    // TCP repeats itself after a second; a network that comes back right after that waits for the next try.
    assert!(longest <= Some(Duration::from_millis(6_100)), "{longest:?}");
}

#[test]
fn media_that_were_away_with_the_network_come_back_without_a_new_session() {
    let (mut script, id) = resumable();
    let stalled = |script: &mut Script, silent_ms| {
        script.seconds(1);
        script.command(ConferenceCommand::Media(id, SessionEvent::Stalled { silent_ms }));
    };
    // Everything falls silent; the open socket does not know.
    script.seconds(2);
    script.sent.clear();
    for silent in 3..7 {
        stalled(&mut script, silent * 1_000);
    }
    script.sent("urn:xmpp:ping");
    script.saw(&ConferenceEvent::Reconnecting);
    for silent in 7..11 {
        stalled(&mut script, silent * 1_000);
    }
    assert!(script.opened.len() >= 2);
    script.ask_to_resume();
    let handled = counted(&script);
    resumed(&mut script, handled);
    script.saw(&ConferenceEvent::Reconnected);
    stalled(&mut script, 11_000);
    script.command(ConferenceCommand::Media(id, SessionEvent::Recovered));
    script.nothing_sent("session-terminate");
    script.no_event(|event| matches!(event, ConferenceEvent::Session(_)));
}

#[test]
fn media_that_stay_away_are_given_up_as_soon_as_the_focus_can_be_told() {
    let (mut script, id) = resumable();
    cut(&mut script);
    script.command(ConferenceCommand::Media(
        id,
        SessionEvent::Failed { reason: "ICE".into() },
    ));
    script.nothing_sent("session-terminate");
    script.seconds(1);
    script.ask_to_resume();
    let handled = counted(&script);
    resumed(&mut script, handled);
    script.sent("restart='true'");
    script.saw(&ConferenceEvent::Session(None));
    script.session("sid2", "b2");
}

#[test]
fn questions_wait_for_their_answers_while_none_can_come() {
    let (mut script, id) = resumable();
    script.command(ConferenceCommand::MediaLost);
    script.sent("restart='true'");
    script.no_event(|event| matches!(event, ConferenceEvent::Reconnecting));
    cut(&mut script);
    for _ in 0..40 {
        script.seconds(1);
        if script
            .opened
            .last()
            .is_some_and(|(socket, _, _)| !script.closed.contains(socket))
            && script.opened.len() > 1
        {
            refused(&mut script);
        }
    }
    script.no_event(|event| matches!(event, ConferenceEvent::Ended(_) | ConferenceEvent::Joined { .. }));
    script.nothing_sent("type='unavailable'");
    assert!(id.0 > 0);
}

#[test]
fn leaving_while_the_socket_is_away_resumes_only_to_leave() {
    let (mut script, _) = resumable();
    cut(&mut script);
    script.command(ConferenceCommand::Leave);
    assert_eq!(script.opened.len(), 2, "at once");
    script.ask_to_resume();
    let handled = counted(&script);
    resumed(&mut script, handled);
    script.no_event(|event| matches!(event, ConferenceEvent::Reconnected));
    assert_eq!(script.farewell(), Outcome::Left);

    let (mut script, _) = resumable();
    cut(&mut script);
    script.command(ConferenceCommand::Leave);
    script.seconds(2);
    assert_eq!(script.ended(), Outcome::Left, "nobody waits for a network that is away");
}

#[test]
fn nobody_tries_again_with_a_token_that_has_expired() {
    // exp = 1700000100
    let token = "e30.eyJleHAiOjE3MDAwMDAxMDB9.c2ln";
    for (age, comes_back) in [(90, true), (101, false)] {
        let mut script = Script::new();
        script.tell_time(Duration::from_secs(1_700_000_000));
        script.enabled = ENABLED.into();
        script.join(room::conference::JoinRequest {
            token: Some(token.into()),
            ..request(URL)
        });
        script.config(CONFIG);
        script.authenticate();
        script.focus_is_ready();
        script.let_in();
        for _ in 0..age {
            script.seconds(1);
            script.text("<message xmlns='jabber:client' from='meet.example'/>");
        }
        cut(&mut script);
        script.seconds(1);
        if comes_back {
            assert!(script.opened[1].1.contains("previd=old1"));
        } else {
            assert_eq!(script.ended(), Outcome::TokenExpired);
            assert_eq!(script.opened.len(), 1);
        }
    }
}

#[test]
fn a_server_that_closes_the_stream_itself_keeps_nothing_and_is_not_asked_to_resume() {
    let (mut script, _) = resumable();
    script.text("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
    script.saw(&ConferenceEvent::Reconnecting);
    script.seconds(3);
    assert!(!script.opened[1].1.contains("previd"), "{}", script.opened[1].1);
}

#[test]
fn a_restarted_process_would_find_what_it_needs_to_leave_until_nothing_is_left() {
    let (mut script, _) = resumable();
    let first = script.remembered[0].clone().unwrap();
    assert_eq!(
        (first.domain.as_str(), first.occupant.as_str(), first.previous.as_str()),
        ("meet.example", format!("{ROOM}/{ME}").as_str(), "old1")
    );
    assert_eq!(first.service, "wss://meet.example/xmpp-websocket?room=standup");
    assert_eq!(first.token, None);
    script.text("<r xmlns='urn:xmpp:sm:3'/>");
    let acknowledged: u32 = script.sent_element("<a ").attr("h").unwrap().parse().unwrap();
    assert_eq!(
        script.remembered.last().unwrap().as_ref().unwrap().arrived,
        acknowledged
    );
    assert!(script.remembered.iter().all(Option::is_some));
    script.command(ConferenceCommand::Leave);
    assert!(
        script.remembered.iter().all(Option::is_some),
        "not before the others see it"
    );
    script.farewell();
    assert_eq!(script.remembered.last(), Some(&None));

    // Where the way out is cut off, the ghost stays and so does the file.
    let (mut script, _) = resumable();
    cut(&mut script);
    script.command(ConferenceCommand::Leave);
    script.seconds(2);
    script.ended();
    assert!(script.remembered.iter().all(Option::is_some));
}
