//! The lobby: waiting to be let in, and every way in which waiting ends.

use jitsi::participant::SocketEvent;
use room::conference::{ConferenceCommand, ConferenceEvent, ParticipantId, WaitReason};
use room::outcome::Outcome;

use crate::script::*;

const LOBBY: &str = "standup@lobby.meet.example";

/// As a real server refuses: the lobby stands in the error and beside it.
fn lobby_refusal(lobby: &str, more: &str) -> String {
    format!(
        "<error type='auth' code='407'><registration-required xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
         <lobbyroom xmlns='http://jitsi.org/jitmeet'>{lobby}</lobbyroom>{more}</error><lobbyroom>{lobby}</lobbyroom>"
    )
}

/// In front of the lobby: refused by the room, the join of the lobby sent. Gives our seat there.
fn at_the_lobby(more: &str) -> (Script, String) {
    let mut script = Script::new();
    script.up_to_request();
    script.focus_is_ready();
    script.room_refuses(&lobby_refusal(LOBBY, more));
    let seat = seat(&mut script);
    (script, seat)
}

fn seat(script: &mut Script) -> String {
    let join = script.sent_element("http://jabber.org/protocol/muc'");
    assert_eq!(join.name(), "presence");
    join.attr("to").unwrap_or_default().to_owned()
}

fn lobby_presence(seat: &str, kind: &str, inside: &str) -> String {
    format!(
        "<presence xmlns='jabber:client' from='{seat}'{kind}><x xmlns='http://jabber.org/protocol/muc#user'>{inside}\
         <item affiliation='none' role='participant'/><status code='110'/></x></presence>"
    )
}

/// Waiting in the lobby.
fn in_the_lobby(more: &str) -> (Script, String) {
    let (mut script, seat) = at_the_lobby(more);
    script.text(&lobby_presence(&seat, "", ""));
    (script, seat)
}

fn gone(seat: &str, inside: &str) -> String {
    lobby_presence(seat, " type='unavailable'", inside)
}

fn invite(from: &str, more: &str) -> String {
    format!(
        "<message xmlns='jabber:client' from='{from}'><x xmlns='http://jabber.org/protocol/muc#user'>\
         <invite from='{ROOM}/cd34ef56'/>{more}</x></message>"
    )
}

/// Time passes on a living connection.
fn a_while(script: &mut Script, seconds: u64) {
    for _ in 0..seconds / 5 {
        script.seconds(5);
        script.text("<message xmlns='jabber:client' from='meet.example'/>");
    }
}

fn joined(script: &mut Script) {
    script.event(|event| matches!(event, ConferenceEvent::Joined { .. }).then_some(()));
}

#[test]
fn the_box_waits_in_the_lobby_under_another_nick_and_without_a_request_for_it() {
    let (mut script, seat) = at_the_lobby("");
    let (room, nick) = seat.split_once('/').unwrap();
    assert_eq!(room, LOBBY);
    assert!(nick.len() == 8 && nick != ME, "{nick}");
    script.saw(&ConferenceEvent::Waiting(WaitReason::Lobby));
    let join = script.log.iter().rev().find(|text| text.contains(LOBBY)).unwrap();
    assert!(
        join.contains(">Salle 4</nick>") && !join.contains("SourceInfo"),
        "{join}"
    );
    script.nothing_sent("http://jitsi.org/protocol/focus");
    script.text(&lobby_presence(&seat, "", ""));
    a_while(&mut script, 3_000);
    script.no_event(|event| matches!(event, ConferenceEvent::Ended(_) | ConferenceEvent::Joined { .. }));
    script.nothing_sent("http://jitsi.org/protocol/focus");
}

#[test]
fn who_is_admitted_asks_the_focus_again_joins_and_then_leaves_the_lobby() {
    let (mut script, seat) = in_the_lobby("");
    script.text(&invite(ROOM, ""));
    script.nothing_sent("type='unavailable'");
    script.focus_is_ready();
    script.let_in();
    script.saw(&ConferenceEvent::Joined {
        me: ParticipantId(ME.into()),
    });
    let left = script.sent_element("type='unavailable'");
    assert_eq!(left.attr("to"), Some(seat.as_str()));
    script.text(&gone(&seat, ""));
    script.nothing_sent("<close");
    script.no_event(|event| matches!(event, ConferenceEvent::Ended(_)));
}

#[test]
fn the_invitation_may_bring_the_rooms_password() {
    let (mut script, _) = in_the_lobby("");
    script.text(&invite(ROOM, "<password>sésame</password>"));
    script.focus_is_ready();
    let join = script.sent("http://jabber.org/protocol/muc'");
    assert!(join.contains("<password>sésame</password>"), "{join}");
}

#[test]
fn nobody_but_the_room_itself_can_let_us_in() {
    let (mut script, _) = in_the_lobby("");
    for stranger in [
        "standup@muc.meet.example/cd34ef56",
        "standup@lobby.meet.example",
        "other@muc.meet.example",
        "evil@meet.example/x",
        "meet.example",
    ] {
        script.text(&invite(stranger, ""));
        script.nothing_sent("http://jitsi.org/protocol/focus");
    }
    script.text(&invite(ROOM, ""));
    script.focus_is_ready();
}

#[test]
fn an_invitation_that_nobody_waits_for_changes_nothing() {
    let mut script = Script::joined();
    script.sent.clear();
    script.text(&invite(ROOM, "<password>x</password>"));
    script.nothing_sent("http://jitsi.org/protocol/focus");
    script.no_event(|event| matches!(event, ConferenceEvent::Ended(_)));
}

#[test]
fn a_kick_from_the_lobby_means_denied() {
    let (mut script, seat) = in_the_lobby("");
    script.text(&gone(&seat, "<status code='307'/>"));
    script.nothing_sent("type='unavailable'");
    assert_eq!(script.farewell(), Outcome::LobbyDenied);
}

#[test]
fn a_ban_in_the_lobby_is_a_ban() {
    let (mut script, seat) = in_the_lobby("");
    script.text(&gone(&seat, "<status code='301'/>"));
    assert_eq!(script.farewell(), Outcome::Banned);
    let (mut script, seat) = at_the_lobby("");
    script.text(&format!(
        "<presence xmlns='jabber:client' type='error' from='{seat}'><error type='auth'>\
         <forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
    ));
    assert_eq!(script.farewell(), Outcome::Banned);
}

#[test]
fn a_lobby_that_is_switched_off_opens_the_way_into_the_room() {
    let (mut script, seat) = in_the_lobby("");
    script.text(&gone(
        &seat,
        &format!("<destroy jid='{ROOM}'><reason>Lobby room closed.</reason></destroy>"),
    ));
    // A presence that crossed the end on the wire.
    script.text(&format!(
        "<presence xmlns='jabber:client' type='error' from='{seat}'><error type='cancel'>\
         <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
    ));
    script.focus_is_ready();
    script.let_in();
    joined(&mut script);
    script.nothing_sent(LOBBY);
}

#[test]
fn a_lobby_that_ends_without_another_room_means_that_the_meeting_is_over() {
    let (mut script, seat) = in_the_lobby("");
    script.text(&gone(&seat, "<destroy><reason>The meeting is over.</reason></destroy>"));
    assert_eq!(script.farewell(), Outcome::MeetingEnded);
}

#[test]
fn waiting_for_the_host_is_the_same_door_with_other_words() {
    let (mut script, seat) = in_the_lobby("<waiting-for-host xmlns='http://jitsi.org/jitmeet'/>");
    script.saw(&ConferenceEvent::Waiting(WaitReason::Host));
    script.text(&gone(&seat, &format!("<destroy jid='{ROOM}'/>")));
    script.focus_is_ready();
    script.let_in();
    joined(&mut script);
}

#[test]
fn the_lobby_of_a_tenant_has_brackets_in_its_name() {
    let mut script = Script::new();
    script.up_to_request();
    script.focus_is_ready();
    script.room_refuses(&lobby_refusal("[acme]standup@lobby.meet.example", ""));
    let seat = seat(&mut script);
    assert!(seat.starts_with("[acme]standup@lobby.meet.example/"), "{seat}");
    script.text(&lobby_presence(&seat, "", ""));
    script.text(&gone(&seat, "<status code='307'/>"));
    assert_eq!(script.farewell(), Outcome::LobbyDenied);
}

#[test]
fn leaving_works_while_waiting_and_takes_the_lobby_along() {
    for inside in [false, true] {
        let (mut script, seat) = if inside { in_the_lobby("") } else { at_the_lobby("") };
        script.command(ConferenceCommand::Leave);
        let left = script.sent_element("type='unavailable'");
        assert_eq!(left.attr("to"), Some(seat.as_str()));
        script.nothing_sent("<close");
        script.text(&gone(&seat, ""));
        assert!(script.sent("<close").starts_with("<close"));
        script.text("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
        script.socket_event(SocketEvent::Closed { code: Some(1000) });
        assert_eq!(script.ended(), Outcome::Left);
    }
}

#[test]
fn leaving_between_admission_and_entry_leaves_both_rooms() {
    let (mut script, seat) = in_the_lobby("");
    script.text(&invite(ROOM, ""));
    script.focus_is_ready();
    script.sent.clear();
    script.command(ConferenceCommand::Leave);
    assert_eq!(
        script.sent_element("type='unavailable'").attr("to"),
        Some(seat.as_str())
    );
    let main = script.sent_element("type='unavailable'");
    assert_eq!(main.attr("to"), Some(format!("{ROOM}/{ME}").as_str()));
    script.text(&gone(&seat, ""));
    script.nothing_sent("<close");
    script.text(&unavailable(ME, "", "<status code='110'/>"));
    script.sent("<close");
}

#[test]
fn a_room_that_names_no_usable_lobby_admits_members_only() {
    for lobby in [
        "",
        "lobby.meet.example",
        "x@lobby.meet.example/y",
        "@lobby.meet.example",
        ROOM,
    ] {
        let mut script = Script::new();
        script.up_to_request();
        script.focus_is_ready();
        script.room_refuses(&lobby_refusal(lobby, ""));
        assert_eq!(script.farewell(), Outcome::MembersOnly, "{lobby}");
    }
}

#[test]
fn a_nick_that_is_taken_in_the_lobby_is_changed() {
    let (mut script, first) = at_the_lobby("");
    script.text(&format!(
        "<presence xmlns='jabber:client' type='error' from='{first}'><error type='cancel'>\
         <conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
    ));
    let second = seat(&mut script);
    assert!(second.starts_with(LOBBY) && second != first);
}

#[test]
fn a_lobby_that_refuses_or_is_silent_sends_us_to_the_room_again_and_in_the_end_away() {
    for silent in [false, true] {
        let (mut script, mut place) = at_the_lobby("");
        for round in 0..3 {
            if silent {
                a_while(&mut script, 20);
            } else {
                script.text(&format!(
                    "<presence xmlns='jabber:client' type='error' from='{place}'><error type='cancel'>\
                     <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
                ));
            }
            if round < 2 {
                script.seconds(1);
                script.focus_is_ready();
                script.room_refuses(&lobby_refusal(LOBBY, ""));
                place = seat(&mut script);
            }
        }
        script.seconds(2);
        assert_eq!(script.ended(), Outcome::EntryRefused);
    }
}

#[test]
fn who_is_sent_to_the_lobby_again_after_an_invitation_goes_on_waiting_there() {
    let (mut script, seat) = in_the_lobby("");
    script.text(&invite(ROOM, ""));
    script.focus_is_ready();
    script.room_refuses(&lobby_refusal(LOBBY, ""));
    script.nothing_sent(LOBBY);
    script.text(&invite(ROOM, ""));
    script.focus_is_ready();
    script.let_in();
    joined(&mut script);
    assert_eq!(
        script.sent_element("type='unavailable'").attr("to"),
        Some(seat.as_str())
    );
}

#[test]
fn whoever_comes_back_and_finds_a_lobby_waits_there_without_a_limit_and_comes_in_dark() {
    let (mut script, _) = Script::in_session();
    script.text(&unavailable("focus", "", "<status code='333'/>"));
    script.saw(&ConferenceEvent::Reconnecting);
    script.seconds(2);
    script.focus_is_ready();
    script.room_refuses(&lobby_refusal(LOBBY, ""));
    script.saw(&ConferenceEvent::Waiting(WaitReason::Lobby));
    let seat = seat(&mut script);
    script.text(&lobby_presence(&seat, "", ""));
    a_while(&mut script, 1_000);
    script.no_event(|event| matches!(event, ConferenceEvent::Ended(_)));
    script.text(&invite(ROOM, ""));
    script.focus_is_ready();
    let join = script
        .sent
        .iter()
        .find(|(_, text)| text.contains("SourceInfo"))
        .unwrap()
        .1
        .clone();
    assert!(!join.contains("false"), "both devices are announced as off: {join}");
    script.let_in();
    joined(&mut script);
}

#[test]
fn a_connection_that_is_lost_in_the_lobby_leads_back_into_the_lobby() {
    let (mut script, _) = in_the_lobby("");
    for _ in 0..5 {
        script.socket_event(SocketEvent::Closed { code: None });
        script.seconds(2);
        script.authenticate();
        script.focus_is_ready();
        script.room_refuses(&lobby_refusal(LOBBY, ""));
        let seat = seat(&mut script);
        script.text(&lobby_presence(&seat, "", ""));
        a_while(&mut script, 60);
    }
    script.text(&invite(ROOM, ""));
    script.focus_is_ready();
    script.let_in();
    joined(&mut script);
}
