//! What others may do to the box, and what they may not.

use std::time::Duration;

use conference::{Impostor, Media};

use crate::stage::{PATIENCE, Stage, conference, join_and_be_seen, options};

#[test]
fn muted_by_a_moderator_means_a_closed_microphone_that_only_the_room_opens() {
    let stage = Stage::in_meeting(options());
    stage.wait("the microphone is open", |stage| {
        stage.room_box.state("/microphone/open") == true
    });
    stage.conference.mute(Media::Audio);
    stage.wait("the microphone is closed", |stage| {
        stage.room_box.state("/microphone/open") == false
    });
    stage.wait("everybody is told", |stage| stage.guest().audio_muted);
    let stopped = stage.falls_silent();
    assert_eq!(
        stage.room_box.state("/camera/open"),
        true,
        "the camera is another matter"
    );
    stage.tell(r#"{"command":"microphone","on":true}"#);
    stage.wait("the microphone is open again", |stage| {
        stage.room_box.state("/microphone/open") == true
    });
    stage.wait("sound flows again", |stage| {
        stage.conference.far_side().audio_packets > stopped + 50
    });
    assert_eq!(
        stage.room_box.state("/microphone/open"),
        true,
        "the focus has lifted its mute"
    );
    stage.leave_and_judge();
}

#[test]
fn a_mute_that_does_not_come_from_the_focus_changes_nothing() {
    let stage = Stage::in_meeting(options());
    stage.wait("the microphone is open", |stage| {
        stage.room_box.state("/microphone/open") == true
    });
    for impostor in [Impostor::Peer, Impostor::FocusUnmutes] {
        stage.conference.mute_by_impostor(Media::Audio, impostor);
    }
    stage.conference.end_to_end_ping();
    let before = stage.conference.far_side().audio_packets;
    stage.wait("a second of sound", |stage| {
        stage.conference.far_side().audio_packets > before + 50
    });
    assert_eq!(stage.room_box.state("/microphone/open"), true);
    stage.leave_and_judge();
}

#[test]
fn a_box_that_was_put_out_says_so_and_stays_out() {
    let conference = conference(options());
    let mut room_box = join_and_be_seen(&conference);
    conference.kick("the test");
    let status = room_box.wait(PATIENCE).expect("it ends");
    assert_eq!(
        (status.code(), room_box.report().unwrap()["outcome"].as_str()),
        (Some(10), Some("kicked"))
    );
    assert_eq!(conference.verdict(), [], "{}", room_box.words());
}

#[test]
fn a_meeting_that_is_ended_for_all_ends_well() {
    let conference = conference(options());
    let mut room_box = join_and_be_seen(&conference);
    conference.destroy("The meeting has been terminated");
    let status = room_box.wait(PATIENCE).expect("it ends");
    assert_eq!(
        (status.code(), room_box.report().unwrap()["outcome"].as_str()),
        (Some(0), Some("meeting-ended"))
    );
}

#[test]
fn a_moved_session_comes_back_without_leaving_the_room() {
    let stage = Stage::in_meeting(options());
    let (nick, frames) = (stage.guest().nick, stage.far_frames());
    stage.conference.move_session();
    stage.wait("there is a second session", |stage| stage.guest().sessions == 2);
    stage.wait("pictures flow again", |stage| stage.far_frames() > frames + 60);
    assert_eq!((stage.guest().nick, stage.guest().gone_ns), (nick, None));
    stage.leave_and_judge();
}

#[test]
fn nothing_is_sent_while_nobody_wants_a_picture() {
    let stage = Stage::in_meeting(options());
    stage.all_layers_flow();
    stage.conference.sender_source_constraints(0);
    let silent = |stage: &Stage| {
        let before = stage.far_frames();
        std::thread::sleep(Duration::from_millis(400));
        stage.far_frames() == before
    };
    stage.wait("no picture leaves the box", silent);
    stage.conference.sender_source_constraints(-1);
    let before = stage.far_frames();
    stage.wait("pictures flow again", |stage| stage.far_frames() > before + 30);
    stage.leave_and_judge();
}

#[test]
fn stale_unknown_and_direct_invitations_are_answered_and_change_nothing() {
    let stage = Stage::in_meeting(options());
    stage.conference.probe_errors();
    stage.conference.invite_directly();
    let before = stage.far_frames();
    stage.wait("two seconds of pictures", |stage| stage.far_frames() > before + 120);
    assert_eq!(stage.guest().sessions, 1);
    stage.leave_and_judge();
}

#[test]
fn a_remapped_source_stays_on_the_wall() {
    let stage = Stage::in_meeting(options());
    stage.wall_fills();
    stage.conference.remap_source(None);
    let before = stage.far_frames();
    stage.wait("two seconds later", |stage| stage.far_frames() > before + 120);
    stage.wall_fills();
    stage.leave_and_judge();
}
