//! Stories of moderation: who may switch what on.

mod common;

use std::time::Duration;

use common::*;
use room::conference::{ConferenceCommand, ConferenceEvent, Device, Permission};
use room::{Notice, OffReason, Origin, Outcome, RoomCommand};

fn permission(device: Device, permission: Permission) -> ConferenceEvent {
    ConferenceEvent::Permission {
        device,
        permission,
        actor: None,
    }
}

#[test]
fn a_locked_microphone_stops_and_is_announced_as_muted() {
    let mut story = Story::in_meeting();
    story.conference(permission(Device::Microphone, Permission::Locked));
    assert!(!story.microphone_open && story.camera_open);
    let told = story.told();
    assert!(
        told.iter()
            .any(|command| matches!(command, ConferenceCommand::SetMuted(muted) if muted.audio && !muted.video)),
        "{told:?}"
    );
    let microphone = story.state().microphone;
    assert_eq!(
        (microphone.locked, microphone.off_because),
        (true, Some(OffReason::Moderator))
    );
    assert_eq!(story.state().notice, Some(Notice::Moderated(Device::Microphone)));
}

#[test]
fn whoever_wants_a_locked_device_on_is_told_to_raise_a_hand() {
    let mut story = Story::in_meeting();
    story.conference(permission(Device::Camera, Permission::Locked));
    story.set(Device::Camera, true, Origin::InRoom);
    assert!(!story.camera_open && !story.state().camera.wanted);
    assert_eq!(story.state().notice, Some(Notice::AskFirst(Device::Camera)));
    story.set(Device::Camera, true, Origin::Remote);
    assert_eq!(story.state().notice, Some(Notice::OnlyInRoom(Device::Camera)));
    assert!(!story.camera_open);
}

#[test]
fn being_allowed_switches_nothing_on_but_lets_the_room_do_it() {
    for free in [Permission::Granted, Permission::Open] {
        let mut story = Story::in_meeting();
        story.conference(permission(Device::Microphone, Permission::Locked));
        story.conference(permission(Device::Microphone, free));
        assert!(!story.microphone_open);
        let expected = match free {
            Permission::Granted => Notice::Allowed(Device::Microphone),
            _ => Notice::ModerationOver(Device::Microphone),
        };
        assert_eq!(story.state().notice, Some(expected));
        story.set(Device::Microphone, true, Origin::InRoom);
        assert!(story.microphone_open);
    }
}

#[test]
fn asked_to_unmute_in_a_free_meeting_the_room_only_reads_it() {
    let mut story = Story::in_meeting();
    story.set(Device::Microphone, false, Origin::InRoom);
    story.conference(permission(Device::Microphone, Permission::Granted));
    assert!(!story.microphone_open);
    assert_eq!(story.state().notice, Some(Notice::Allowed(Device::Microphone)));
    // Whoever is heard already needs no word.
    let mut story = Story::in_meeting();
    story.conference(permission(Device::Microphone, Permission::Granted));
    assert_ne!(story.state().notice, Some(Notice::Allowed(Device::Microphone)));
}

#[test]
fn a_lock_before_the_meeting_keeps_the_device_closed_from_the_first_moment_and_ends_with_the_meeting() {
    let mut story = Story::idle();
    story.command(join(Origin::InRoom, ALL_ON));
    story.conference(permission(Device::Camera, Permission::Locked));
    story.conference(joined());
    assert!(!story.camera_open && story.microphone_open);
    story.command(RoomCommand::Leave);
    story.conference(ConferenceEvent::Ended(Outcome::Left));
    story.command(join(Origin::InRoom, ALL_ON));
    story.conference(joined());
    assert!(story.camera_open, "the next meeting has its own rules");
}

#[test]
fn each_change_of_permission_is_said_once() {
    let mut story = Story::in_meeting();
    story.conference(permission(Device::Microphone, Permission::Open));
    assert_eq!(story.state().notice, Some(Notice::Alone), "nothing has changed");
    story.conference(permission(Device::Microphone, Permission::Locked));
    assert_eq!(story.state().notice, Some(Notice::Moderated(Device::Microphone)));
    story.pass_time(Duration::from_secs(11));
    story.conference(permission(Device::Microphone, Permission::Locked));
    assert_eq!(story.state().notice, Some(Notice::Alone), "it is known");
    story.conference(permission(Device::Microphone, Permission::Open));
    assert_eq!(story.state().notice, Some(Notice::ModerationOver(Device::Microphone)));
}
