//! What moderators may do to the box beside muting it, and what people say to each other.

use conference::{Media, Moderation, Recording};
use serde_json::json;

use crate::stage::{ROOM, Stage, options};

fn microphone_is(stage: &Stage, open: bool) {
    let what = if open {
        "the microphone is open"
    } else {
        "the microphone is closed"
    };
    stage.wait(what, |stage| stage.room_box.state("/microphone/open") == open);
}

#[test]
fn under_moderation_the_box_is_heard_again_only_once_it_is_allowed_and_somebody_in_the_room_wants_it() {
    let stage = Stage::in_meeting(options());
    microphone_is(&stage, true);
    stage.conference.moderate_by_impostor(Media::Audio);
    let frames = stage.far_frames();
    stage.wait("three seconds of pictures", |stage| stage.far_frames() > frames + 300);
    assert_eq!(stage.room_box.state("/microphone/open"), true);
    stage.conference.moderate(Media::Audio, Moderation::On);
    microphone_is(&stage, false);
    stage.wait("everybody is told", |stage| stage.guest().audio_muted);
    stage.tell(r#"{"command":"microphone","on":true}"#);
    stage.wait("people are told to ask", |stage| {
        stage.room_box.state("/notice") == json!({"askFirst": "microphone"})
    });
    stage.tell(r#"{"command":"hand","raised":true}"#);
    assert_eq!(stage.room_box.state("/microphone/open"), false);
    stage.conference.moderate(Media::Audio, Moderation::Approved);
    stage.wait("people are told that they may", |stage| {
        stage.room_box.state("/notice") == json!({"allowed": "microphone"})
    });
    let frames = stage.far_frames();
    stage.wait("three seconds of pictures", |stage| stage.far_frames() > frames + 300);
    assert_eq!(
        stage.room_box.state("/microphone/open"),
        false,
        "that alone opens nothing"
    );
    let before = stage.conference.far_side().audio_packets;
    stage.tell(r#"{"command":"microphone","on":true}"#);
    microphone_is(&stage, true);
    // The bridge drops what it holds muted: sound comes only because the focus was asked to lift that.
    stage.wait("the box is heard", |stage| {
        stage.conference.far_side().audio_packets > before + 50
    });
    stage.conference.moderate(Media::Audio, Moderation::Removed);
    microphone_is(&stage, false);
    stage.conference.moderate(Media::Audio, Moderation::Off);
    stage.wait("the lock is off", |stage| {
        stage.room_box.state("/microphone/locked") == false
    });
    let frames = stage.far_frames();
    stage.wait("two seconds of pictures", |stage| stage.far_frames() > frames + 120);
    stage.leave_and_judge();
}

#[test]
fn the_box_goes_to_a_breakout_room_and_comes_back() {
    let stage = Stage::in_meeting(options());
    let nick = stage.guest().nick;
    stage.conference.send_to_room(ROOM, Some("Atelier"));
    stage.wait("the box is in the side room", |stage| {
        stage.room_box.state("/sideRoom") == true && stage.guest().room.contains("@breakout.")
    });
    assert_eq!(stage.guest().nick, nick);
    stage.is_dark();
    let before = stage.far_frames();
    stage.tell(r#"{"command":"camera","on":true}"#);
    stage.wait("it is seen there", |stage| stage.far_frames() > before + 30);
    stage.conference.send_to_room(ROOM, None);
    stage.wait("the box is back", |stage| {
        stage.room_box.state("/sideRoom") == false && stage.guest().room.contains("@conference.")
    });
    stage.wait("it is in the meeting", |stage| {
        stage.room_box.state("/state") == "in-meeting"
    });
    stage.leave_and_judge();
}

#[test]
fn recordings_are_marked_and_messages_kept_as_the_policy_says() {
    let stage = Stage::in_meeting(options());
    stage.conference.record(ROOM, Recording::File, true);
    stage.wait("the recording is marked", |stage| {
        stage.room_box.state("/recording/recorded") == true
    });
    stage.conference.record(ROOM, Recording::File, false);
    stage.wait("the mark is gone", |stage| {
        stage.room_box.state("/recording/recorded") == false
    });
    stage.conference.chat("entre nous", true);
    stage.conference.chat("bonjour à tous", false);
    let people = |stage: &Stage| stage.room_box.ask(r#"{"command":"people"}"#).unwrap_or_default();
    stage.wait("the public message is there", |stage| {
        people(stage).to_string().contains("bonjour à tous")
    });
    let people = people(&stage);
    assert!(!people.to_string().contains("entre nous"), "{people}");
    assert_eq!(
        people
            .pointer("/people/participants")
            .and_then(|all| all.as_array())
            .map(Vec::len),
        Some(3)
    );
    stage.tell(r#"{"command":"say","text":"bonjour"}"#);
    stage.tell(r#"{"command":"name","name":"Salle 5"}"#);
    stage.wait("the others see the new name", |stage| stage.guest().name == "Salle 5");
    stage.leave_and_judge();
}
