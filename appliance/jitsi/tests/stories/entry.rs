//! The way in.

use jitsi::participant::{NetworkError, SocketEvent};
use jitsi::xml;
use room::conference::{ConferenceCommand, ConferenceEvent, JoinStep, Muted, ParticipantId, WaitReason};
use std::time::Duration;

use crate::script::*;

#[test]
fn the_box_walks_the_whole_way_into_a_room() {
    let mut script = Script::new();
    script.join(request("https://meet.example/Réunion?jwt=a.b%3D"));
    assert_eq!(
        script.http[0].1.url,
        "https://meet.example/config.js?room=r%25c3%25a9union"
    );
    script.saw(&ConferenceEvent::Progress(JoinStep::Configuration));
    script.config(CONFIG);
    script.saw(&ConferenceEvent::Progress(JoinStep::Connecting));
    let (_, url, protocol) = script.opened[0].clone();
    assert_eq!(
        url,
        "wss://meet.example/xmpp-websocket?room=r%25c3%25a9union&token=a.b%3D"
    );
    assert_eq!(protocol, Some("xmpp"));
    script.authenticate();
    script.saw(&ConferenceEvent::Progress(JoinStep::Authenticating));
    let asked = script.sent_element("http://jitsi.org/protocol/focus");
    let conference = asked
        .get_child("conference", "http://jitsi.org/protocol/focus")
        .unwrap();
    assert_eq!(asked.attr("to"), Some("focus.meet.example"));
    assert_eq!(conference.attr("room"), Some("r%c3%a9union@muc.meet.example"));
    assert_eq!(conference.attr("machine-uid"), Some("0123456789abcdef0123456789abcdef"));
    script.nothing_sent("http://jabber.org/protocol/muc'");
}

#[test]
fn joined_means_our_own_presence_with_its_status_came_back() {
    let mut script = Script::new();
    script.up_to_request();
    script.focus_is_ready();
    let join = script.sent("http://jabber.org/protocol/muc'");
    for part in [
        "SourceInfo",
        "jitsi_participant_codecList>vp8<",
        "http://jabber.org/protocol/caps",
        "Salle 4",
        "stats-id",
    ] {
        assert!(join.contains(part), "{part} in {join}");
    }
    assert!(!join.contains("<password"));
    script.peer("cd34ef56", "Zoé", true);
    script.no_event(|event| matches!(event, ConferenceEvent::Joined { .. } | ConferenceEvent::Participants(_)));
    script.sent.push_front((script.socket(), join));
    script.let_in();
    let people = script.event(|event| match event {
        ConferenceEvent::Participants(people) => Some(people.clone()),
        _ => None,
    });
    script.saw(&ConferenceEvent::Joined {
        me: ParticipantId(ME.into()),
    });
    assert_eq!(people.len(), 1, "the focus is nobody");
    assert_eq!((people[0].name.as_deref(), people[0].audio_muted), (Some("Zoé"), true));
}

#[test]
fn a_busy_focus_is_asked_again_after_one_two_four_seconds() {
    let mut script = Script::new();
    script.up_to_request();
    for seconds in [1, 2, 4] {
        script.focus_answers("ready='false' session-id='s9'", "");
        script.advance(Duration::from_millis(seconds * 1000 - 1));
        script.nothing_sent("http://jitsi.org/protocol/focus");
        script.advance(Duration::from_millis(1));
    }
    assert_eq!(
        script
            .events
            .iter()
            .filter(|e| **e == ConferenceEvent::Waiting(WaitReason::ServiceBusy))
            .count(),
        1
    );
    assert!(script.sent.back().unwrap().1.contains("session-id='s9'"));
    script.focus_is_ready();
    script.let_in();
    script.saw(&ConferenceEvent::Joined {
        me: ParticipantId(ME.into()),
    });
}

#[test]
fn a_room_nobody_has_opened_is_waited_for() {
    let not_authorized = "<error type='auth'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    let mut script = Script::new();
    script.up_to_request();
    script.focus_refuses(not_authorized);
    script.saw(&ConferenceEvent::Waiting(WaitReason::NotOpenYet));
    for _ in 0..5 {
        script.seconds(5);
        script.focus_refuses(not_authorized);
    }
    script.seconds(5);
    script.focus_is_ready();
    script.let_in();
    script.saw(&ConferenceEvent::Joined {
        me: ParticipantId(ME.into()),
    });
}

#[test]
fn a_session_id_that_is_refused_is_forgotten() {
    let mut script = Script::new();
    script.up_to_request();
    script.focus_answers("ready='false' session-id='old'", "");
    script.seconds(1);
    script.focus_refuses(
        "<error type='modify'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
         <session-invalid xmlns='http://jitsi.org/protocol/focus'/></error>",
    );
    let again = script.sent("http://jitsi.org/protocol/focus");
    assert!(!again.contains("session-id"), "{again}");
}

#[test]
fn the_focus_is_asked_again_before_every_try_to_join() {
    let mut script = Script::new();
    script.up_to_request();
    script.focus_is_ready();
    for _ in 0..3 {
        script.room_refuses(
            "<error type='cancel'><not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>Room creation is restricted</text></error>",
        );
        script.seconds(1);
        script.focus_is_ready();
    }
    script.let_in();
    script.saw(&ConferenceEvent::Joined {
        me: ParticipantId(ME.into()),
    });
}

#[test]
fn a_password_is_asked_for_and_typed_and_asked_for_again_when_wrong() {
    let refused = "<error type='auth'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    let mut script = Script::new();
    script.up_to_request();
    script.focus_is_ready();
    script.room_refuses(refused);
    script.saw(&ConferenceEvent::PasswordRequired { wrong: false });
    for _ in 0..60 {
        script.seconds(5);
        script.text("<message xmlns='jabber:client' from='meet.example'/>");
    }
    script.command(ConferenceCommand::Password("wrong".into()));
    script.focus_is_ready();
    assert!(
        script
            .sent
            .iter()
            .any(|(_, text)| text.contains("<password>wrong</password>"))
    );
    script.room_refuses(refused);
    script.saw(&ConferenceEvent::PasswordRequired { wrong: true });
    script.command(ConferenceCommand::Password("right".into()));
    script.focus_is_ready();
    script.let_in();
    script.saw(&ConferenceEvent::Joined {
        me: ParticipantId(ME.into()),
    });
}

#[test]
fn a_nick_that_is_taken_is_changed() {
    let mut script = Script::new();
    script.up_to_request();
    script.focus_is_ready();
    script.room_refuses("<error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>");
    script.focus_is_ready();
    let join = script.sent_element("http://jabber.org/protocol/muc'");
    let nick = join.attr("to").unwrap().rsplit_once('/').unwrap().1;
    assert!(nick.len() == 8 && nick != ME);
    assert!(
        xml::to_text(&join).contains(&format!("{nick}-a0")),
        "the sources carry the new nick"
    );
}

#[test]
fn the_mute_state_of_the_beginning_is_announced_from_the_first_presence_on() {
    let mut script = Script::new();
    script.join(jitsi_request_muted());
    script.config(CONFIG);
    script.authenticate();
    script.focus_is_ready();
    let join = script.sent("http://jabber.org/protocol/muc'");
    assert!(
        join.contains(r#"{"ab12cd34-a0":{"muted":true},"ab12cd34-v0":{"muted":true}}"#),
        "{join}"
    );
}

fn jitsi_request_muted() -> room::conference::JoinRequest {
    room::conference::JoinRequest {
        muted: Muted {
            audio: true,
            video: true,
        },
        ..request(URL)
    }
}

#[test]
fn guests_authenticate_on_the_guests_domain_and_tokens_on_the_main_one() {
    let config = format!("{CONFIG} config.hosts.anonymousdomain = 'guest.meet.example';");
    for (url, domain) in [
        (URL, "guest.meet.example"),
        ("https://meet.example/standup?jwt=x.y.z", "meet.example"),
    ] {
        let mut script = Script::new();
        script.join(request(url));
        script.config(&config);
        script.socket_event(jitsi::participant::SocketEvent::Opened);
        assert_eq!(script.sent_element("<open ").attr("to"), Some(domain));
    }
}

#[test]
fn a_lost_connection_on_the_way_in_is_tried_again() {
    let mut script = Script::new();
    script.up_to_request();
    script.socket_event(jitsi::participant::SocketEvent::Closed { code: None });
    script.seconds(2);
    assert_eq!(script.opened.len(), 2);
    script.authenticate();
    script.focus_is_ready();
    script.let_in();
    script.saw(&ConferenceEvent::Joined {
        me: ParticipantId(ME.into()),
    });
}

#[test]
fn where_no_websocket_is_to_be_had_bosh_carries_the_same_stream_without_stream_management() {
    let named = "var config = { hosts: { domain: 'meet.example', muc: 'muc.meet.example' }, bosh: '//meet.example/http-bind' };";
    let preferred = "var config = { hosts: { domain: 'meet.example', muc: 'muc.meet.example' }, preferBosh: true, \
                     websocket: 'wss://meet.example/xmpp-websocket' };";
    for (config, refused) in [(CONFIG, true), (named, false), (preferred, false)] {
        let mut script = Script::new();
        script.join(request(URL));
        script.config(config);
        if refused {
            script.socket_event(SocketEvent::Failed(NetworkError::Status(403)));
        }
        let (_, url, protocol) = script.opened.last().cloned().unwrap();
        assert_eq!(protocol, Some(BOSH), "{config}");
        assert_eq!(url, "https://meet.example/http-bind?room=standup");
        script.socket_event(SocketEvent::Opened);
        script.features();
        script.text("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
        script.text(
            "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>\
             <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>",
        );
        script.text(
            "<iq xmlns='jabber:client' type='result' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <jid>ab12cd34-0000-4000-8000-000000000000@meet.example/r</jid></bind></iq>",
        );
        script.nothing_sent("<enable ");
        script.focus_is_ready();
        script.let_in();
        assert!(script.remembered.is_empty());
        // A lost session is entered anew over the same way.
        script.socket_event(SocketEvent::Closed { code: None });
        script.seconds(3);
        assert_eq!(script.opened.last().unwrap().2, Some(BOSH));
    }
}
