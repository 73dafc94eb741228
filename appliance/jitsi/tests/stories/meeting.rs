//! Inside the room.

use room::conference::{ConferenceCommand, ConferenceEvent, Device, JoinRequest, Muted, ParticipantId};

use crate::script::*;

#[test]
fn a_moderators_mute_is_confirmed_and_published_after_the_room_has_obeyed() {
    let (mut script, _) = Script::in_session();
    let mute = |media: &str, value: &str| {
        format!("<mute xmlns='http://jitsi.org/jitmeet/{media}' actor='{ROOM}/cd34ef56'>{value}</mute>")
    };
    script.iq(FOCUS, "m1", &mute("audio", "true"));
    assert!(script.sent("id='m1'").contains("type='result'"));
    script.saw(&ConferenceEvent::MutedByModerator {
        device: Device::Microphone,
        actor: Some(ParticipantId("cd34ef56".into())),
    });
    script.nothing_sent("SourceInfo");
    script.command(ConferenceCommand::SetMuted(Muted {
        audio: true,
        video: false,
    }));
    assert!(script.sent("SourceInfo").contains(r#""ab12cd34-a0":{"muted":true}"#));
    script.iq(FOCUS, "m2", &mute("video", "true"));
    script.saw(&ConferenceEvent::MutedByModerator {
        device: Device::Camera,
        actor: Some(ParticipantId("cd34ef56".into())),
    });
}

#[test]
fn nobody_can_switch_a_device_on_and_no_occupant_can_mute_us() {
    let (mut script, _) = Script::in_session();
    for (from, value, id) in [
        (FOCUS, "false", "m1"),
        (FOCUS, "", "m2"),
        ("standup@muc.meet.example/cd34ef56", "true", "m3"),
        ("focus@auth.meet.example/focus", "true", "m4"),
    ] {
        script.iq(
            from,
            id,
            &format!("<mute xmlns='http://jitsi.org/jitmeet/audio'>{value}</mute>"),
        );
        assert!(script.sent(&format!("id='{id}'")).contains("type='error'"));
    }
    script.no_event(|event| matches!(event, ConferenceEvent::MutedByModerator { .. }));
}

#[test]
fn people_are_told_at_each_change_and_only_then() {
    let mut script = Script::joined();
    script.events.clear();
    script.peer("cd34ef56", "Zoé", false);
    script.event(|event| matches!(event, ConferenceEvent::Participants(people) if people.len() == 1).then_some(()));
    script.peer("cd34ef56", "Zoé", false);
    script.no_event(|event| matches!(event, ConferenceEvent::Participants(_)));
    script.peer("cd34ef56", "Zoé", true);
    script.event(|event| matches!(event, ConferenceEvent::Participants(people) if people[0].audio_muted).then_some(()));
    script.text(&unavailable("cd34ef56", "", ""));
    script.event(|event| matches!(event, ConferenceEvent::Participants(people) if people.is_empty()).then_some(()));
}

#[test]
fn questions_of_the_server_are_answered() {
    let mut script = Script::joined();
    script.text("<iq xmlns='jabber:client' type='get' id='p' from='meet.example'><ping xmlns='urn:xmpp:ping'/></iq>");
    assert!(script.sent("id='p'").contains("type='result'"));
    script.text(&format!("<iq xmlns='jabber:client' type='get' id='d' from='{FOCUS}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"));
    assert!(script.sent("id='d'").contains("http://jitsi.org/ssrc-rewriting-1"));
    script.text(
        "<iq xmlns='jabber:client' type='get' id='v' from='meet.example'><query xmlns='jabber:iq:version'/></iq>",
    );
    assert!(script.sent("id='v'").contains("Hemicycle"));
    script.text("<iq xmlns='jabber:client' type='get' id='u' from='meet.example'><x xmlns='urn:y'/></iq>");
    assert!(script.sent("id='u'").contains("service-unavailable"));
}

#[test]
fn a_second_join_does_not_disturb_the_first() {
    let mut script = Script::joined();
    script.join(JoinRequest {
        name: "x".into(),
        ..request("https://other.example/x")
    });
    assert!(script.http.is_empty());
    assert!(
        script
            .events
            .iter()
            .all(|event| !matches!(event, ConferenceEvent::Ended(_)))
    );
}

#[test]
fn without_rewriting_the_feature_is_not_announced() {
    let mut script = Script::joined_with(jitsi::Options {
        ssrc_rewriting: false,
        ..options()
    });
    script.text(&format!("<iq xmlns='jabber:client' type='get' id='d' from='{FOCUS}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"));
    assert!(!script.sent("id='d'").contains("ssrc-rewriting"));
}
