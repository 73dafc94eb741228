//! A box that has become the moderator: the password of the room, and who waits in the lobby.
#![allow(clippy::unwrap_used, reason = "a script that meets nothing shall stop")]

use room::conference::{ConferenceCommand, ConferenceEvent, Knocker, ParticipantId};

use crate::script::*;

const LOBBY: &str = "standup@lobby.meet.example";

fn become_moderator(script: &mut Script, role: &str) {
    script.text(&format!(
        "<presence xmlns='jabber:client' from='{ROOM}/{ME}'><x xmlns='http://jabber.org/protocol/muc#user'>\
         <item affiliation='owner' role='{role}'/><status code='110'/></x></presence>"
    ));
}

fn room_says(script: &mut Script, inside: &str) {
    let id = script.sent_element("disco#info").attr("id").unwrap().to_owned();
    script.text(&format!(
        "<iq xmlns='jabber:client' type='result' id='{id}' from='{ROOM}'><query \
         xmlns='http://jabber.org/protocol/disco#info'>{inside}</query></iq>"
    ));
}

fn with_lobby(lobby: &str) -> String {
    format!(
        "<feature var='muc_membersonly'/><x xmlns='jabber:x:data' type='result'><field \
         var='muc#roominfo_lobbyroom'><value>{lobby}</value></field></x>"
    )
}

fn moderator() -> Script {
    let mut script = Script::joined();
    become_moderator(&mut script, "moderator");
    script.saw(&ConferenceEvent::Moderator(true));
    script
}

fn knocking(script: &mut Script) -> Vec<Knocker> {
    script.event(|event| match event {
        ConferenceEvent::Knocking(knocking) => Some(knocking.clone()),
        _ => None,
    })
}

fn knocks(script: &mut Script, nick: &str, role: &str) {
    script.text(&format!(
        "<presence xmlns='jabber:client' from='{LOBBY}/{nick}'><nick xmlns='http://jabber.org/protocol/nick'>Carol</nick>\
         <x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='{role}' jid='d9c8@meet.example/{nick}'/></x></presence>"
    ));
}

#[test]
fn a_moderator_sees_who_waits_and_lets_them_in_or_turns_them_away() {
    let mut script = moderator();
    room_says(&mut script, &with_lobby(LOBBY));
    let join = script.sent("http://jabber.org/protocol/muc'");
    assert!(join.contains(LOBBY) && !join.contains("<nick"), "{join}");
    knocks(&mut script, "b4fc18d5", "participant");
    knocks(&mut script, "aaaa1111", "moderator");
    let waiting = knocking(&mut script);
    assert_eq!((waiting.len(), waiting[0].name.as_deref()), (1, Some("Carol")));
    script.no_event(|event| matches!(event, ConferenceEvent::Knocking(_)));
    let who = |nick: &str| ParticipantId(nick.into());
    script.command(ConferenceCommand::Admit {
        who: who("b4fc18d5"),
        admitted: true,
    });
    let invitation = script.sent("<invite ");
    assert!(
        invitation.contains(&format!("to='{ROOM}'")) && invitation.contains("to='d9c8@meet.example/b4fc18d5'"),
        "{invitation}"
    );
    script.text(&format!(
        "<presence xmlns='jabber:client' type='unavailable' from='{LOBBY}/b4fc18d5'><x \
         xmlns='http://jabber.org/protocol/muc#user'><item role='none'/></x></presence>"
    ));
    assert_eq!(knocking(&mut script), []);
    knocks(&mut script, "cccc2222", "participant");
    knocking(&mut script);
    script.command(ConferenceCommand::Admit {
        who: who("cccc2222"),
        admitted: false,
    });
    assert!(script.sent("muc#admin").contains("nick='cccc2222'"));
    script.command(ConferenceCommand::Admit {
        who: who("nobody00"),
        admitted: true,
    });
    script.nothing_sent("<invite ");
    // No moderator any more: the door is somebody else's.
    become_moderator(&mut script, "participant");
    script.saw(&ConferenceEvent::Moderator(false));
    assert_eq!(knocking(&mut script), []);
    assert!(script.sent("unavailable").contains(LOBBY));
}

#[test]
fn a_lobby_elsewhere_is_no_lobby_and_one_that_was_switched_off_is_left() {
    for elsewhere in [
        "standup@lobby.evil.example",
        "lobby.meet.example/x",
        "standup@lobby.meet.example/x",
    ] {
        let mut script = moderator();
        room_says(&mut script, &with_lobby(elsewhere));
        script.nothing_sent("http://jabber.org/protocol/muc'");
    }
    let mut script = moderator();
    room_says(&mut script, &with_lobby(LOBBY));
    script.sent("http://jabber.org/protocol/muc'");
    script.text(&format!(
        "<message xmlns='jabber:client' type='groupchat' from='{ROOM}'><x xmlns='http://jabber.org/protocol/muc#user'>\
         <status code='104'/></x></message>"
    ));
    room_says(&mut script, "");
    assert!(script.sent("unavailable").contains(LOBBY));
}

#[test]
fn a_password_is_set_and_the_room_is_told_whether_it_was() {
    let mut script = moderator();
    for (answer, protected) in [("result", Some(true)), ("error", None)] {
        script.command(ConferenceCommand::SetPassword(Some("sésame".into())));
        let form = script.sent_element("muc#owner");
        assert_eq!(form.attr("to"), Some(ROOM));
        let id = form.attr("id").unwrap();
        script.text(&format!(
            "<iq xmlns='jabber:client' type='{answer}' id='{id}' from='{ROOM}'/>"
        ));
        script.saw(&ConferenceEvent::PasswordSet { protected });
    }
}

#[test]
fn whoever_is_no_moderator_asks_the_room_nothing() {
    let mut script = Script::joined();
    script.command(ConferenceCommand::SetPassword(Some("x".into())));
    script.saw(&ConferenceEvent::PasswordSet { protected: None });
    script.nothing_sent("muc#owner");
    script.text(&format!(
        "<message xmlns='jabber:client' type='groupchat' from='{ROOM}'><x xmlns='http://jabber.org/protocol/muc#user'>\
         <status code='104'/></x></message>"
    ));
    script.nothing_sent("disco#info");
}
