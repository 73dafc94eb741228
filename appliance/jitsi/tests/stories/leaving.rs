//! The end of a meeting.

use jitsi::participant::SocketEvent;
use room::conference::{ConferenceCommand, ConferenceEvent};
use room::outcome::Outcome;
use std::time::Duration;

use crate::script::*;

#[test]
fn the_box_leaves_in_the_written_order() {
    let (mut script, _) = Script::in_session();
    script.sent.clear();
    script.events.clear();
    script.command(ConferenceCommand::Leave);
    assert_eq!(script.events.pop_front(), Some(ConferenceEvent::Session(None)));
    assert_eq!(script.sent.len(), 1, "{:?}", script.sent);
    assert!(script.sent[0].1.contains("type='unavailable'") && script.sent[0].1.contains(&format!("to='{ROOM}/{ME}'")));
    script.text(&unavailable(ME, "", "<status code='110'/>"));
    assert_eq!(script.sent[1].1, "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
    assert!(script.closed.is_empty() && script.events.is_empty());
    script.text("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
    assert_eq!(script.closed, [script.socket()]);
    assert!(script.events.is_empty(), "not ended before the socket is");
    script.socket_event(SocketEvent::Closed { code: Some(1000) });
    assert_eq!(script.ended(), Outcome::Left);
    assert!(
        !script.log.iter().any(|text| text.contains("session-terminate")),
        "the focus sees us leave"
    );
}

#[test]
fn a_server_that_does_not_answer_is_left_within_two_seconds_all_the_same() {
    let (mut script, _) = Script::in_session();
    script.command(ConferenceCommand::Leave);
    script.advance(Duration::from_secs(2));
    let order: Vec<_> = script.log.iter().rev().take(2).rev().cloned().collect();
    assert!(order[0].contains("unavailable") && order[1].starts_with("<close"));
    assert_eq!(script.ended(), Outcome::Left);
}

#[test]
fn leaving_is_possible_at_every_step_of_the_way_in() {
    for step in 0..6 {
        let mut script = Script::new();
        script.join(request(URL));
        if step > 0 {
            script.config(CONFIG);
        }
        if step > 1 {
            script.socket_event(SocketEvent::Opened);
        }
        if step > 2 {
            script = Script::new();
            script.up_to_request();
        }
        if step > 3 {
            script.focus_is_ready();
        }
        if step > 4 {
            script.room_refuses(
                "<error type='auth'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
            );
        }
        script.command(ConferenceCommand::Leave);
        script.command(ConferenceCommand::Leave);
        script.seconds(3);
        assert_eq!(script.ended(), Outcome::Left, "step {step}");
    }
}

#[test]
fn kicked_is_over_and_does_not_come_back() {
    let (mut script, _) = Script::in_session();
    script.sent.clear();
    script.text(&unavailable(
        ME,
        "<actor nick='cd34ef56'/><reason>bye</reason>",
        "<status code='110'/><status code='307'/>",
    ));
    // Said at once: the departure has only begun.
    script.saw(&ConferenceEvent::Ending(Outcome::Kicked));
    script.saw(&ConferenceEvent::Session(None));
    script.no_event(|event| matches!(event, ConferenceEvent::Ended(_)));
    script.nothing_sent("unavailable");
    assert_eq!(script.farewell(), Outcome::Kicked);
}

#[test]
fn a_meeting_ended_for_all_is_called_so() {
    let (mut script, _) = Script::in_session();
    script.text(&format!(
        "<presence xmlns='jabber:client' type='unavailable' from='{ROOM}/{ME}'><x xmlns='http://jabber.org/protocol/muc#user'>\
         <item affiliation='none' role='none'/><destroy><reason>The meeting has been terminated</reason></destroy>\
         <status code='110'/></x></presence>"
    ));
    script.saw(&ConferenceEvent::Ending(Outcome::MeetingEnded));
    assert_eq!(script.farewell(), Outcome::MeetingEnded);
}

#[test]
fn one_participant_serves_one_meeting_after_the_other() {
    let (mut script, first) = Script::in_session();
    script.command(ConferenceCommand::Leave);
    script.seconds(3);
    assert_eq!(script.ended(), Outcome::Left);
    script.up_to_request();
    script.focus_is_ready();
    script.let_in();
    let second = script.session("s", "b");
    assert!(second > first, "session ids never come twice");
}

#[test]
fn a_participant_that_follows_another_goes_on_counting_sessions() {
    let mut script = Script::joined_with(jitsi::Options {
        first_session: media_protocol::SessionId(1000),
        ..options()
    });
    script.peer("cd34ef56", "Zoé", false);
    assert_eq!(script.session(SID, "b1"), media_protocol::SessionId(1000));
    assert_eq!(script.session("sid2", "b2"), media_protocol::SessionId(1001));
}
