//! Whose word counts: only a component that the server itself has announced is heeded.

use room::conference::{ConferenceEvent, Device};

use crate::script::*;

/// A message that wants the microphone off.
fn start_muted(from: &str) -> String {
    format!(
        "<message xmlns='jabber:client' from='{from}'><json-message xmlns='http://jitsi.org/jitmeet'>\
         {{\"type\":\"room_metadata\",\"metadata\":{{\"startMuted\":{{\"audio\":true}}}}}}</json-message></message>"
    )
}

fn microphone_off() -> ConferenceEvent {
    ConferenceEvent::MutedByModerator {
        device: Device::Microphone,
        actor: None,
    }
}

fn joined_without_components() -> Script {
    let mut script = Script::new();
    script.announces = false;
    script.join(request(URL));
    script.config(CONFIG);
    script.authenticate();
    script
}

#[test]
fn only_the_announced_component_is_heeded() {
    for from in [
        "metadata.elsewhere.example",
        "other.meet.example",
        "avmoderation.meet.example",
        "meet.example",
        "standup@muc.meet.example/cd34ef56",
        "standup@muc.meet.example",
        "x@metadata.meet.example",
        "metadata.meet.example/x",
        "",
    ] {
        let mut script = Script::joined();
        script.text(&start_muted(from));
        script.no_event(|event| matches!(event, ConferenceEvent::MutedByModerator { .. }));
    }
    let mut script = Script::joined();
    script.text(&start_muted("metadata.meet.example"));
    script.saw(&microphone_off());
}

#[test]
fn what_a_component_says_before_it_is_known_is_heard_afterwards() {
    let mut script = joined_without_components();
    script.text(&start_muted("metadata.meet.example"));
    script.text(&start_muted("evil.meet.example"));
    script.no_event(|event| matches!(event, ConferenceEvent::MutedByModerator { .. }));
    script.announce_components();
    script.saw(&microphone_off());
    script.no_event(|event| matches!(event, ConferenceEvent::MutedByModerator { .. }));
}

#[test]
fn a_server_that_names_no_component_has_none_that_is_heeded() {
    let mut script = joined_without_components();
    script.text(&start_muted("metadata.meet.example"));
    for _ in 0..4 {
        script.seconds(5);
        script.text("<message xmlns='jabber:client' from='meet.example'/>");
    }
    script.text(&start_muted("metadata.meet.example"));
    script.no_event(|event| matches!(event, ConferenceEvent::MutedByModerator { .. }));
}

#[test]
fn components_that_are_pushed_before_the_session_is_bound_are_known() {
    let mut script = Script::new();
    script.announces = false;
    script.push_before_bind = format!("<message xmlns='jabber:client' from='meet.example'>{COMPONENTS}</message>");
    script.join(request(URL));
    script.config(CONFIG);
    script.authenticate();
    script.text(&start_muted("metadata.meet.example"));
    script.saw(&microphone_off());
}

#[test]
fn nobody_but_the_server_can_announce_a_component() {
    for from in ["standup@muc.meet.example/cd34ef56", "metadata.evil.example"] {
        let mut script = Script::joined();
        let forged = COMPONENTS.replace("metadata.meet.example", "metadata.evil.example");
        script.text(&format!(
            "<message xmlns='jabber:client' from='{from}'>{forged}</message>"
        ));
        script.text(&start_muted("metadata.evil.example"));
        script.no_event(|event| matches!(event, ConferenceEvent::MutedByModerator { .. }));
    }
}

#[test]
fn a_flood_before_the_components_are_known_is_kept_only_in_part() {
    let mut script = joined_without_components();
    for _ in 0..10_000 {
        script.text(&start_muted("other.meet.example"));
    }
    script.text(&start_muted("metadata.meet.example"));
    script.announce_components();
    script.no_event(|event| matches!(event, ConferenceEvent::MutedByModerator { .. }));
}
