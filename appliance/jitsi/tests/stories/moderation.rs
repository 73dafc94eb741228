//! Moderators decide who may speak and be seen; the focus mutes, and lifts its mutes.

use room::conference::{ConferenceCommand, ConferenceEvent, Device, Muted, ParticipantId, Permission};

use crate::script::*;

const COMPONENT: &str = "avmoderation.meet.example";
const ALL_ON: Muted = Muted {
    audio: false,
    video: false,
};

fn moderation(media: &str, what: &str) -> String {
    format!(r#"{{"type":"av_moderation","room":"{ROOM}","mediaType":"{media}",{what}}}"#)
}

fn permission(script: &mut Script) -> (Device, Permission) {
    script.event(|event| match event {
        ConferenceEvent::Permission { device, permission, .. } => Some((*device, *permission)),
        _ => None,
    })
}

fn no_permission(script: &Script) {
    script.no_event(|event| matches!(event, ConferenceEvent::Permission { .. }));
}

#[test]
fn moderation_locks_a_device_until_it_is_approved_or_over() {
    let (mut script, _) = Script::in_session();
    let enabled = r#""enabled":true,"actor":"standup@muc.meet.example/cd34ef56""#;
    script.component(COMPONENT, &moderation("audio", enabled));
    script.saw(&ConferenceEvent::Permission {
        device: Device::Microphone,
        permission: Permission::Locked,
        actor: Some(ParticipantId("cd34ef56".into())),
    });
    script.component(COMPONENT, &moderation("audio", enabled));
    no_permission(&script);
    for (what, expected) in [
        (r#""approved":true"#, Permission::Granted),
        (r#""removed":true"#, Permission::Locked),
        (r#""approved":true"#, Permission::Granted),
        (r#""approved":true"#, Permission::Granted),
        (r#""enabled":false"#, Permission::Open),
    ] {
        script.component(COMPONENT, &moderation("audio", what));
        assert_eq!(permission(&mut script), (Device::Microphone, expected), "{what}");
    }
    script.component(COMPONENT, &moderation("video", r#""enabled":true"#));
    assert_eq!(permission(&mut script), (Device::Camera, Permission::Locked));
    script.component(COMPONENT, &moderation("desktop", r#""enabled":true"#));
    no_permission(&script);
}

#[test]
fn only_the_announced_component_moderates_and_only_this_room() {
    let (mut script, _) = Script::in_session();
    for from in [
        "standup@muc.meet.example/cd34ef56",
        "standup@muc.meet.example",
        "metadata.meet.example",
        "evil.meet.example",
        "avmoderation.meet.example/x",
    ] {
        script.component(from, &moderation("audio", r#""enabled":true"#));
        no_permission(&script);
    }
    let elsewhere = moderation("audio", r#""enabled":true"#).replace(ROOM, "other@muc.meet.example");
    script.component(COMPONENT, &elsewhere);
    no_permission(&script);
}

#[test]
fn what_a_component_says_before_it_is_announced_counts_once_it_is() {
    let mut script = Script::new();
    script.announces = false;
    script.join(request(URL));
    script.config(CONFIG);
    script.authenticate();
    script.component("evil.meet.example", &moderation("video", r#""enabled":true"#));
    script.component(COMPONENT, &moderation("audio", r#""enabled":true"#));
    script.announce_components();
    script.focus_is_ready();
    // The room begins a new stay, in which the component says it again.
    let join = script.sent_element("http://jabber.org/protocol/muc'");
    script.component(COMPONENT, &moderation("audio", r#""enabled":true"#));
    no_permission(&script);
    script.focus_presence("focus@auth.meet.example/focus");
    let own = join.attr("to").unwrap();
    script.text(&format!(
        "<presence xmlns='jabber:client' from='{own}'><x xmlns='http://jabber.org/protocol/muc#user'>\
         <item affiliation='none' role='participant'/><status code='110'/></x></presence>"
    ));
    // Known before the room hears that it is in: nothing opens only to be closed.
    assert_eq!(permission(&mut script), (Device::Microphone, Permission::Locked));
    script.event(|event| matches!(event, ConferenceEvent::Joined { .. }).then_some(()));
    no_permission(&script);
}

#[test]
fn a_moderator_is_not_bound_by_moderation() {
    let (mut script, _) = Script::in_session();
    script.component(COMPONENT, &moderation("audio", r#""enabled":true"#));
    assert_eq!(permission(&mut script), (Device::Microphone, Permission::Locked));
    script.text(&format!(
        "<presence xmlns='jabber:client' from='{ROOM}/{ME}'><x xmlns='http://jabber.org/protocol/muc#user'>\
         <item affiliation='owner' role='moderator'/><status code='110'/></x></presence>"
    ));
    assert_eq!(permission(&mut script), (Device::Microphone, Permission::Open));
}

#[test]
fn a_device_that_the_focus_has_muted_is_asked_back_when_it_goes_on() {
    let (mut script, _) = Script::in_session();
    script.command(ConferenceCommand::SetMuted(ALL_ON));
    script.nothing_sent("<mute ");
    script.iq(
        FOCUS,
        "m1",
        "<mute xmlns='http://jitsi.org/jitmeet/audio' actor='x'>true</mute>",
    );
    script.command(ConferenceCommand::SetMuted(Muted {
        audio: true,
        video: false,
    }));
    script.command(ConferenceCommand::SetMuted(ALL_ON));
    let wish = script.sent_element("<mute ");
    assert_eq!((wish.attr("to"), wish.attr("type")), (Some(FOCUS), Some("set")));
    let mute = wish.children().next().unwrap();
    assert_eq!(
        (mute.text().as_str(), mute.ns().as_str()),
        ("false", "http://jitsi.org/jitmeet/audio")
    );
    assert_eq!(mute.attr("jid"), Some("standup@muc.meet.example/ab12cd34"));
    let id = wish.attr("id").unwrap();
    script.text(&format!(
        "<iq xmlns='jabber:client' type='result' id='{id}' from='{FOCUS}'/>"
    ));
    // Lifted once, it is not asked for again.
    script.command(ConferenceCommand::SetMuted(Muted::BOTH));
    script.command(ConferenceCommand::SetMuted(ALL_ON));
    script.nothing_sent("<mute ");
}

#[test]
fn a_device_that_the_focus_does_not_give_back_goes_off_again() {
    let (mut script, _) = Script::in_session();
    script.component(COMPONENT, &moderation("video", r#""enabled":true"#));
    script.component(COMPONENT, &moderation("video", r#""approved":true"#));
    script.command(ConferenceCommand::SetMuted(Muted::BOTH));
    script.events.clear();
    script.command(ConferenceCommand::SetMuted(ALL_ON));
    let id = script.sent_id("<mute ");
    script.text(&format!(
        "<iq xmlns='jabber:client' type='error' id='{id}' from='{FOCUS}'><error type='cancel'>\
         <not-allowed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    ));
    script.saw(&ConferenceEvent::MutedByModerator {
        device: Device::Camera,
        actor: None,
    });
}
