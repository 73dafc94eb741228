//! A service that the box was at before is joined with fewer round trips, and never with less care.

use jitsi::participant::{NetworkError, SocketEvent};
use room::conference::ConferenceCommand;
use room::outcome::Outcome;

use crate::script::*;

/// A participant that was in a meeting there as a guest and has left it.
fn acquainted() -> Script {
    let mut script = Script::joined();
    script.command(ConferenceCommand::Leave);
    script.seconds(3);
    assert_eq!(script.ended(), Outcome::Left);
    script.sent.clear();
    script
}

/// What has been sent, by its beginnings.
fn sent(script: &mut Script) -> Vec<String> {
    script.sent.drain(..).map(|(_, text)| text).collect()
}

#[test]
fn the_socket_is_opened_beside_the_question_for_the_configuration_and_says_nothing_before_its_answer() {
    let mut script = acquainted();
    let opened = script.opened.len();
    script.join(request(URL));
    assert_eq!(script.opened.len(), opened + 1, "at once");
    script.socket_event(SocketEvent::Opened);
    assert!(script.sent.is_empty(), "not before the service is known to be the same");
    script.config(CONFIG);
    let frames = sent(&mut script);
    assert!(
        frames[0].contains("<open ") && frames[1].contains("<auth "),
        "{frames:?}"
    );
    assert_eq!(frames.len(), 2, "what follows a new beginning waits for it: {frames:?}");
    script.features();
    script.text("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    let frames = sent(&mut script);
    let parts = ["<open ", "xmpp-bind", "http://jitsi.org/protocol/focus"];
    assert_eq!(frames.len(), parts.len(), "{frames:?}");
    for (frame, part) in frames.iter().zip(parts) {
        assert!(frame.contains(part), "{frames:?}");
    }
    assert_eq!(script.opened.len(), opened + 1, "the same socket");
}

#[test]
fn the_focus_is_asked_once_and_the_way_in_goes_on_as_ever() {
    let mut script = acquainted();
    script.up_to_request();
    script.focus_is_ready();
    script.nothing_sent("http://jitsi.org/protocol/focus");
    script.let_in();
    script.peer("cd34ef56", "Zoé", false);
    script.session(SID, "b1");
}

#[test]
fn a_service_that_has_changed_is_met_as_a_stranger() {
    let mut script = acquainted();
    script.join(request(URL));
    let ahead = script.socket();
    script.socket_event(SocketEvent::Opened);
    script.config(&CONFIG.replace("'muc.meet.example'", "'rooms.meet.example'"));
    assert!(script.closed.contains(&ahead), "what was opened ahead is closed");
    assert_ne!(script.socket(), ahead);
    script.socket_event(SocketEvent::Opened);
    assert_eq!(sent(&mut script).len(), 1, "<open/> alone");
}

#[test]
fn a_socket_that_was_opened_ahead_in_vain_is_opened_again_after_the_configuration() {
    for event in [
        SocketEvent::Closed { code: None },
        SocketEvent::Failed(NetworkError::Unreachable("x".into())),
    ] {
        let mut script = acquainted();
        script.join(request(URL));
        let ahead = script.socket();
        script.socket_event(event);
        script.config(CONFIG);
        assert_ne!(script.socket(), ahead);
        script.authenticate();
        script.focus_is_ready();
        script.let_in();
    }
}

#[test]
fn a_server_that_does_not_like_haste_is_asked_one_thing_after_the_other() {
    let mut script = acquainted();
    script.join(request(URL));
    script.config(CONFIG);
    let quick = script.socket();
    script.socket_event(SocketEvent::Opened);
    assert!(sent(&mut script).len() > 1);
    script.socket_event(SocketEvent::Closed { code: None });
    assert_ne!(script.socket(), quick, "without a pause");
    script.socket_event(SocketEvent::Opened);
    assert_eq!(sent(&mut script).len(), 1, "<open/> alone");
    script.socket_event(SocketEvent::Closed { code: None });
    script.seconds(10);
    script.authenticate();
    script.focus_is_ready();
    script.let_in();
}

#[test]
fn whoever_has_a_token_waits_for_each_answer_also_at_a_known_service() {
    let mut script = acquainted();
    script.join(request(&format!("{URL}?jwt=a.b.c")));
    script.config(CONFIG);
    script.socket_event(SocketEvent::Opened);
    assert_eq!(
        sent(&mut script).len(),
        1,
        "<open/> alone: tokens may be checked elsewhere, which takes time"
    );
}

#[test]
fn another_service_is_a_stranger_and_leaving_closes_what_was_opened_ahead() {
    let mut script = acquainted();
    let opened = script.opened.len();
    script.join(request("https://other.example/Standup"));
    assert_eq!(script.opened.len(), opened);
    script.command(ConferenceCommand::Leave);
    script.seconds(3);
    assert_eq!(script.ended(), Outcome::Left);

    script.join(request(URL));
    let ahead = script.socket();
    script.socket_event(SocketEvent::Opened);
    script.command(ConferenceCommand::Leave);
    script.seconds(3);
    assert_eq!(script.ended(), Outcome::Left);
    assert!(script.closed.contains(&ahead));
}
