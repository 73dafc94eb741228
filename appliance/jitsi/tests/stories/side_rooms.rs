//! Breakout rooms both ways, and who may send the box there.
#![allow(clippy::unwrap_used, reason = "a script that meets nothing shall stop")]

use room::conference::ConferenceEvent;
use room::outcome::Outcome;

use crate::script::*;

const COMPONENT: &str = "breakout.meet.example";
const SIDE: &str = "b12f7bbb-fb73-4e6e-ac02-46134da17223@breakout.meet.example";

fn send_to(script: &mut Script, from: &str, room: &str) {
    let json =
        format!(r#"{{"type":"breakout_rooms","event":"features/breakout-rooms/move-to-room","roomJid":"{room}"}}"#);
    script.component(from, &json);
}

fn moved(script: &mut Script) -> Option<String> {
    script.event(|event| match event {
        ConferenceEvent::InRoom(name) => Some(name.clone()),
        _ => None,
    })
}

/// The other room lets us in, whichever it is.
fn let_in(script: &mut Script, room: &str) {
    let request = script.sent_element("http://jitsi.org/protocol/focus");
    let conference = request.children().next().unwrap();
    assert_eq!(conference.attr("room"), Some(room));
    let id = request.attr("id").unwrap();
    script.text(&format!(
        "<iq xmlns='jabber:client' type='result' id='{id}' from='focus.meet.example'><conference \
         xmlns='http://jitsi.org/protocol/focus' room='{room}' ready='true' focusjid='focus@auth.meet.example'/></iq>"
    ));
    let join = script.sent_element("http://jabber.org/protocol/muc'");
    assert_eq!(join.attr("to"), Some(format!("{room}/{ME}").as_str()), "the same nick");
    script.text(&format!(
        "<presence xmlns='jabber:client' from='{room}/focus'><x xmlns='http://jabber.org/protocol/muc#user'>\
         <item affiliation='owner' role='moderator' jid='focus@auth.meet.example/focus'/></x></presence>"
    ));
    script.text(&format!(
        "<presence xmlns='jabber:client' from='{room}/{ME}'><x xmlns='http://jabber.org/protocol/muc#user'>\
         <item affiliation='none' role='participant'/><status code='110'/></x></presence>"
    ));
}

#[test]
fn the_moderators_send_the_box_to_a_side_room_and_back() {
    let (mut script, _) = Script::in_session();
    script.component(
        COMPONENT,
        &format!(
            r#"{{"type":"breakout_rooms","event":"features/breakout-rooms/update","rooms":{{"a":{{"jid":"{SIDE}","name":"Atelier 2"}},"m":{{"jid":"{ROOM}","isMainRoom":true,"name":"x"}}}}}}"#
        ),
    );
    script.events.clear();
    script.seconds(2);
    send_to(&mut script, COMPONENT, SIDE);
    script.saw(&ConferenceEvent::Moving);
    script.saw(&ConferenceEvent::Session(None));
    script.saw(&ConferenceEvent::Reconnecting);
    let leave = script.sent("unavailable");
    assert!(
        leave.contains(&format!("to='{ROOM}/{ME}'")) && leave.contains("<status>switch_room</status>"),
        "{leave}"
    );
    // The old room's goodbye is no reason for anything.
    script.text(&unavailable(ME, "", "<status code='110'/>"));
    let_in(&mut script, SIDE);
    assert_eq!(moved(&mut script).as_deref(), Some("Atelier 2"));
    // Sent where it is already, it stays.
    script.seconds(2);
    script.events.clear();
    send_to(&mut script, COMPONENT, SIDE);
    assert!(script.events.is_empty(), "{:?}", script.events);
    send_to(&mut script, COMPONENT, ROOM);
    script.saw(&ConferenceEvent::Moving);
    assert!(script.sent("unavailable").contains(SIDE));
    let_in(&mut script, ROOM);
    assert_eq!(moved(&mut script), None);
}

#[test]
fn nobody_but_the_component_moves_the_box_and_only_within_the_meeting() {
    let (mut script, _) = Script::in_session();
    script.seconds(2);
    script.events.clear();
    for from in [
        "standup@muc.meet.example/cd34ef56",
        "metadata.meet.example",
        "standup@muc.meet.example",
        SIDE,
    ] {
        send_to(&mut script, from, SIDE);
    }
    for room in [
        "other@muc.meet.example",
        "x@breakout.evil.example",
        "breakout.meet.example",
        "@breakout.meet.example",
        "x@breakout.meet.example/y",
        "",
    ] {
        send_to(&mut script, COMPONENT, room);
    }
    assert!(script.events.is_empty(), "{:?}", script.events);
    script.nothing_sent("unavailable");
}

#[test]
fn a_side_room_that_does_not_take_the_box_or_ends_leads_back_to_the_main_room() {
    let (mut script, _) = Script::in_session();
    script.seconds(2);
    send_to(&mut script, COMPONENT, SIDE);
    let request = script.sent_element("http://jitsi.org/protocol/focus");
    let id = request.attr("id").unwrap();
    script.text(&format!(
        "<iq xmlns='jabber:client' type='result' id='{id}' from='focus.meet.example'><conference \
         xmlns='http://jitsi.org/protocol/focus' room='{SIDE}' ready='true' focusjid='focus@auth.meet.example'/></iq>"
    ));
    script.sent("http://jabber.org/protocol/muc'");
    script.text(&format!(
        "<presence xmlns='jabber:client' type='error' from='{SIDE}/{ME}'><error type='cancel'>\
         <not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>"
    ));
    script.events.clear();
    let_in(&mut script, ROOM);
    script.event(|event| matches!(event, ConferenceEvent::Joined { .. }).then_some(()));
    script.no_event(|event| matches!(event, ConferenceEvent::InRoom(_)));

    script.seconds(2);
    send_to(&mut script, COMPONENT, SIDE);
    let_in(&mut script, SIDE);
    assert_eq!(
        moved(&mut script).as_deref(),
        Some("b12f7bbb"),
        "a name that nobody told"
    );
    script.text(&format!(
        "<presence xmlns='jabber:client' type='unavailable' from='{SIDE}/{ME}'><x xmlns='http://jabber.org/protocol/muc#user'>\
         <destroy><reason>Breakout room removed.</reason></destroy><item affiliation='none' role='none'/><status code='110'/></x></presence>"
    ));
    let_in(&mut script, ROOM);
    assert_eq!(moved(&mut script), None);
    script.no_event(|event| matches!(event, ConferenceEvent::Ended(_)));
}

#[test]
fn put_out_of_a_side_room_the_box_is_out() {
    let (mut script, _) = Script::in_session();
    script.seconds(2);
    send_to(&mut script, COMPONENT, SIDE);
    let_in(&mut script, SIDE);
    script.text(&format!(
        "<presence xmlns='jabber:client' type='unavailable' from='{SIDE}/{ME}'><x xmlns='http://jabber.org/protocol/muc#user'>\
         <item affiliation='none' role='none'/><status code='110'/><status code='307'/></x></presence>"
    ));
    script.text("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
    script.socket_event(jitsi::participant::SocketEvent::Closed { code: Some(1000) });
    assert_eq!(script.ended(), Outcome::Kicked);
}
