//! Stories of camera and microphone: who may switch them, and what is said about them when.

mod common;

use std::time::Duration;

use common::*;
use media_protocol::{
    AttachedDevices, CameraDevice, CaptureState, DeviceFault, DeviceState, DisplayDevice, FromWorker, SessionEvent,
};
use room::conference::{ConferenceCommand, ConferenceEvent, Device, Muted, Sources, WaitReason};
use room::{Effect, Equipment, Milestone, Notice, OffReason, Origin, Outcome, RoomInput, State, WorkerInput};

fn moderator_mutes(story: &mut Story, device: Device) {
    story.conference(ConferenceEvent::MutedByModerator { device, actor: None });
}

#[test]
fn joined_from_outside_the_room_is_dark_until_somebody_in_it_switches_on() {
    let mut story = Story::idle();
    story.command(join(Origin::Remote, ALL_ON));
    story.conference(joined());
    assert!(story.plan().camera.is_none() && story.plan().microphone.is_none());
    for device in [Device::Camera, Device::Microphone] {
        story.set(device, true, Origin::Remote);
        assert_eq!(story.state().notice, Some(Notice::OnlyInRoom(device)));
        assert!(story.plan().camera.is_none() && story.plan().microphone.is_none());
    }
    assert_eq!(
        story.plan().wall.as_ref().unwrap().own.camera,
        "Caméra éteinte à distance"
    );
    story.set(Device::Camera, true, Origin::InRoom);
    assert!(story.plan().camera.is_some() && story.plan().microphone.is_none());
    assert_eq!(
        story.told(),
        [ConferenceCommand::SetMuted(Muted {
            audio: true,
            video: false
        })]
    );
}

#[test]
fn from_outside_a_device_can_be_switched_off_and_not_on_again() {
    let mut story = Story::in_meeting();
    story.set(Device::Microphone, false, Origin::Remote);
    assert!(story.plan().microphone.is_none());
    assert_eq!(story.state().notice, Some(Notice::MutedFromOutside(Device::Microphone)));
    assert_eq!(
        story.told(),
        [ConferenceCommand::SetMuted(Muted {
            audio: true,
            video: false
        })]
    );
    story.set(Device::Microphone, true, Origin::Remote);
    assert!(story.plan().microphone.is_none());
    story.set(Device::Microphone, true, Origin::InRoom);
    assert!(story.plan().microphone.is_some());
}

#[test]
fn muted_by_moderator_stays_muted_after_reconnect() {
    let mut story = Story::in_meeting();
    moderator_mutes(&mut story, Device::Microphone);
    assert!(story.plan().microphone.is_none());
    assert_eq!(
        story.told(),
        [ConferenceCommand::SetMuted(Muted {
            audio: true,
            video: false
        })]
    );
    assert_eq!(
        story.plan().wall.as_ref().unwrap().own.microphone,
        "Micro coupé par un modérateur"
    );
    story.conference(ConferenceEvent::Reconnecting);
    story.conference(ConferenceEvent::Reconnected);
    story.conference(session(2));
    story.worker(WorkerInput::Gone);
    story.worker(WorkerInput::Started);
    story.conference(session(3));
    assert!(story.plan().microphone.is_none());
    assert_eq!(story.state().microphone.off_because, Some(OffReason::Moderator));
    assert!(!story.plan().session.as_ref().unwrap().send_audio);
    story.set(Device::Microphone, true, Origin::InRoom);
    assert!(story.plan().microphone.is_some());
}

#[test]
fn muted_is_announced_after_the_device_has_closed_and_unmuted_after_it_has_opened() {
    let mut story = Story::in_meeting();
    story.obedient = false;
    story.set(Device::Camera, false, Origin::InRoom);
    assert!(story.plan().camera.is_none());
    assert_eq!(story.told(), [], "the camera is still open");
    assert!(story.state().camera.open);
    assert_eq!(story.plan().wall.as_ref().unwrap().own.camera, "Caméra allumée");
    story.capture(true, false);
    assert_eq!(
        story.told(),
        [ConferenceCommand::SetMuted(Muted {
            audio: false,
            video: true
        })]
    );
    story.set(Device::Camera, true, Origin::InRoom);
    assert_eq!(story.told(), [], "the camera is still closed");
    assert_eq!(story.plan().wall.as_ref().unwrap().own.camera, "Caméra bientôt allumée");
    story.capture(true, true);
    assert_eq!(story.told(), [ConferenceCommand::SetMuted(ALL_ON)]);
}

#[test]
fn a_camera_and_a_microphone_pulled_out_in_a_meeting_are_said_to_be_and_come_back_by_themselves() {
    let mut story = Story::in_meeting();
    story.obedient = false;
    let gone = |fault: DeviceFault| {
        FromWorker::Capture(CaptureState {
            camera: DeviceState::Failed { fault: fault.clone() },
            microphone: DeviceState::Failed { fault },
            at_ns: 1,
        })
    };
    story.message(gone(DeviceFault::NotFound));
    let microphone_off = Muted {
        audio: true,
        video: false,
    };
    assert_eq!(
        story.told(),
        [ConferenceCommand::SetMuted(microphone_off)],
        "nothing is heard; of the camera a sentence is seen"
    );
    let plan = story.plan();
    assert_eq!(plan.camera.as_ref().unwrap().stand_in, "La caméra est débranchée");
    let own = &plan.wall.as_ref().unwrap().own;
    assert_eq!(
        (own.camera.as_str(), own.microphone.as_str()),
        ("Caméra débranchée", "Micro débranché")
    );
    story.message(gone(DeviceFault::Unstable));
    assert_eq!(
        story.plan().camera.as_ref().unwrap().stand_in,
        "La liaison de la caméra est instable"
    );
    assert_eq!(
        story.state().notice,
        Some(Notice::DeviceFailed(Device::Microphone, DeviceFault::Unstable))
    );
    story.capture(true, true);
    assert_eq!(story.told(), [ConferenceCommand::SetMuted(ALL_ON)]);
    assert_eq!(story.plan().wall.as_ref().unwrap().own.camera, "Caméra allumée");
}

#[test]
fn a_camera_that_was_switched_off_while_it_was_unplugged_stays_off_when_it_is_back() {
    let mut story = Story::in_meeting();
    story.obedient = false;
    story.message(FromWorker::Capture(CaptureState {
        camera: DeviceState::Failed {
            fault: DeviceFault::NotFound,
        },
        microphone: DeviceState::Open,
        at_ns: 1,
    }));
    story.set(Device::Camera, false, Origin::InRoom);
    assert!(story.plan().camera.is_none());
    let camera_off = Muted {
        audio: false,
        video: true,
    };
    assert_eq!(story.told(), [ConferenceCommand::SetMuted(camera_off)]);
    story.message(FromWorker::Attached(AttachedDevices {
        cameras: vec!["Wide Room Camera".into()],
        ..AttachedDevices::default()
    }));
    assert!(story.plan().camera.is_none());
    assert_eq!(story.told(), []);
}

fn impaired(camera: Option<DeviceFault>, microphone: Option<DeviceFault>) -> FromWorker {
    FromWorker::Impaired { camera, microphone }
}

#[test]
fn a_microphone_with_too_few_channels_is_said_and_stays_open() {
    let mut story = Story::in_meeting();
    let fault = DeviceFault::TooFewChannels { found: 2 };
    story.message(impaired(None, Some(fault.clone())));
    let state = story.state();
    assert!(state.microphone.open);
    assert_eq!(state.notice, Some(Notice::DeviceFailed(Device::Microphone, fault)));
    assert_eq!(story.plan().wall.as_ref().unwrap().own.microphone, "Micro allumé");
    story.message(impaired(None, Some(DeviceFault::Shut)));
    assert_eq!(
        story.plan().wall.as_ref().unwrap().own.microphone,
        "Micro coupé par son bouton"
    );
    story.set(Device::Microphone, false, Origin::InRoom);
    assert_eq!(story.state().microphone.fault, None);
}

#[test]
fn a_microphone_that_was_switched_off_on_itself_is_shown_as_muted_to_others() {
    let mut story = Story::in_meeting();
    let muted = |audio| [ConferenceCommand::SetMuted(Muted { audio, video: false })];
    for fault in [DeviceFault::Shut, DeviceFault::NotFound] {
        story.message(impaired(None, Some(fault)));
        assert_eq!(story.told(), muted(true));
        assert!(
            story.plan().microphone.is_some(),
            "it stays open, and its button is heard of"
        );
        story.message(impaired(None, None));
        assert_eq!(story.told(), muted(false));
    }
    story.message(impaired(None, Some(DeviceFault::TooFewChannels { found: 2 })));
    assert_eq!(story.told(), [], "that is heard");
    story.message(impaired(Some(DeviceFault::Shut), None));
    assert_eq!(story.told(), [], "others see a sentence");
}

#[test]
fn a_closed_shutter_is_said_of_a_camera_that_stays_open_and_forgotten_with_it() {
    let mut story = Story::in_meeting();
    story.message(impaired(Some(DeviceFault::Shut), None));
    let plan = story.plan();
    assert_eq!(
        plan.camera.as_ref().unwrap().stand_in,
        "Le volet de la caméra est fermé"
    );
    assert_eq!(plan.wall.as_ref().unwrap().own.camera, "Volet de la caméra fermé");
    let state = story.state();
    assert!(
        state.camera.open,
        "the camera is open all the same, and the room is told so"
    );
    assert_eq!(
        state.notice,
        Some(Notice::DeviceFailed(Device::Camera, DeviceFault::Shut))
    );
    assert_eq!(story.told(), [], "others see a sentence, and no muted camera");
    story.set(Device::Camera, false, Origin::InRoom);
    assert_eq!(story.state().camera.fault, None);
    story.message(impaired(None, None));
    story.set(Device::Camera, true, Origin::InRoom);
    assert_eq!(story.plan().wall.as_ref().unwrap().own.camera, "Caméra allumée");
}

#[test]
fn a_box_that_takes_what_is_plugged_in_says_so_while_nothing_is() {
    let mut story = Story::in_meeting();
    let mut other = equipment();
    other.camera = Some(CameraDevice::Attached { wishes: Vec::new() });
    story.input(RoomInput::Equipment(Box::new(other)));
    assert!(story.state().camera.present, "nobody has looked yet");
    story.message(FromWorker::Attached(AttachedDevices::default()));
    assert!(!story.state().camera.present);
    assert!(story.state().microphone.present, "that is another one");
    story.message(FromWorker::Attached(AttachedDevices {
        cameras: vec!["Wide Room Camera".into()],
        ..AttachedDevices::default()
    }));
    assert!(story.state().camera.present);
}

#[test]
fn a_screen_is_used_as_soon_as_it_is_switched_on() {
    let mut story = Story::in_meeting();
    let mut other = equipment();
    other.display = Some(DisplayDevice::Attached);
    story.input(RoomInput::Equipment(Box::new(other)));
    assert!(story.plan().wall.is_some(), "nobody has looked yet");
    story.message(FromWorker::Attached(AttachedDevices::default()));
    assert!(story.plan().wall.is_none());
    story.message(FromWorker::Attached(AttachedDevices {
        displays: vec!["kms connector 84".into()],
        ..AttachedDevices::default()
    }));
    let wall = story.plan().wall.as_ref().unwrap();
    assert_eq!(wall.display, DisplayDevice::Attached);
}

#[test]
fn a_device_switched_off_and_on_in_a_hurry_is_never_announced_wrongly() {
    let mut story = Story::in_meeting();
    story.obedient = false;
    story.set(Device::Microphone, false, Origin::InRoom);
    story.set(Device::Microphone, true, Origin::InRoom);
    assert_eq!(story.told(), []);
    story.capture(false, true);
    assert_eq!(
        story.told(),
        [ConferenceCommand::SetMuted(Muted {
            audio: true,
            video: false
        })]
    );
    story.capture(true, true);
    assert_eq!(story.told(), [ConferenceCommand::SetMuted(ALL_ON)]);
}

#[test]
fn a_device_that_does_not_close_gets_its_worker_killed_after_a_second() {
    let mut story = Story::in_meeting();
    story.obedient = false;
    story.set(Device::Camera, false, Origin::InRoom);
    story.pass_time(Duration::from_millis(999));
    assert!(!story.last.contains(&Effect::RestartWorker));
    story.pass_time(Duration::from_millis(1));
    assert!(story.last.contains(&Effect::RestartWorker));
    story.pass_time(Duration::from_secs(5));
    assert!(!story.last.contains(&Effect::RestartWorker), "once is enough");
    story.worker(WorkerInput::Gone);
    assert!(!story.state().camera.open);
    let closed = Milestone::CaptureClosed {
        device: Device::Camera,
        at_ns: None,
    };
    assert!(story.last.contains(&Effect::Milestone(closed)));
}

#[test]
fn a_killed_worker_comes_back_with_the_whole_plan_and_without_the_dead_session() {
    let mut story = Story::in_meeting();
    let revision = story.plan().revision;
    story.worker(WorkerInput::Gone);
    assert_eq!(
        story.state().state,
        State::InMeeting,
        "the room stays in the conference"
    );
    let told = story.told();
    assert!(told.contains(&ConferenceCommand::MediaLost), "{told:?}");
    assert!(
        told.contains(&ConferenceCommand::SetMuted(ALL_OFF)),
        "nothing is open: {told:?}"
    );
    assert_eq!(story.state().notice, Some(Notice::MediaRestarting));
    story.conference(session(1));
    story.worker(WorkerInput::Started);
    let plan = story.plan();
    assert!(plan.revision > revision && plan.camera.is_some() && plan.microphone.is_some() && plan.wall.is_some());
    assert_eq!(
        plan.session, None,
        "a late word about the dead session does not bring it back"
    );
    assert_eq!(story.told(), [ConferenceCommand::SetMuted(ALL_ON)]);
    story.conference(session(2));
    assert!(
        story
            .plan()
            .session
            .as_ref()
            .is_some_and(|session| session.send_video && session.send_audio)
    );
}

#[test]
fn without_a_running_worker_no_plan_is_sent() {
    let mut story = Story::new(options());
    story.command(join(Origin::InRoom, ALL_ON));
    story.conference(joined());
    assert_eq!(story.plan, None);
    story.worker(WorkerInput::Started);
    assert!(story.plan().camera.is_some());
}

#[test]
fn a_box_whose_worker_cannot_be_started_leaves_and_says_why() {
    let mut story = Story::in_meeting();
    story.worker(WorkerInput::Failed);
    assert_eq!(story.told(), [ConferenceCommand::Leave]);
    story.conference(ConferenceEvent::Ended(Outcome::Left));
    story.assert_ended(Outcome::MediaWorkerFailed);
    story.command(join(Origin::InRoom, ALL_ON));
    assert_eq!(story.told(), []);
    story.assert_ended(Outcome::MediaWorkerFailed);
    story.worker(WorkerInput::Started);
    story.command(join(Origin::InRoom, ALL_ON));
    assert_eq!(story.state().state, State::Joining);
}

#[test]
fn a_broken_camera_keeps_nobody_out_and_others_read_so_in_its_place() {
    let mut story = Story::idle();
    story.obedient = false;
    story.command(join(Origin::InRoom, ALL_ON));
    story.conference(joined());
    let fault = DeviceFault::Busy;
    story.message(FromWorker::Capture(CaptureState {
        camera: DeviceState::Failed { fault: fault.clone() },
        microphone: DeviceState::Open,
        at_ns: 1,
    }));
    assert_eq!(story.told(), [ConferenceCommand::SetMuted(ALL_ON)]);
    assert_eq!(story.plan().camera.as_ref().unwrap().stand_in, "La caméra est en panne");
    assert!(!story.state().camera.open, "nobody sees the room");
    assert_eq!(story.state().notice, Some(Notice::DeviceFailed(Device::Camera, fault)));
    assert_eq!(story.state().state, State::InMeeting);
    assert_eq!(story.plan().wall.as_ref().unwrap().own.camera, "Caméra en panne");
    story.capture(true, true);
    assert_eq!(story.told(), [], "it goes on");
}

#[test]
fn a_meeting_that_must_be_entered_anew_is_entered_dark() {
    let mut story = Story::in_meeting();
    story.conference(ConferenceEvent::Reconnecting);
    assert!(story.plan().camera.is_some(), "media may still run");
    story.conference(ConferenceEvent::Waiting(WaitReason::NotOpenYet));
    let plan = story.plan();
    assert!(plan.camera.is_none() && plan.microphone.is_none() && plan.session.is_none());
    assert_eq!(story.told(), [ConferenceCommand::SetMuted(ALL_OFF)]);
    story.conference(joined());
    assert!(story.plan().camera.is_none() && story.plan().microphone.is_none());
    assert_eq!(story.state().camera.off_because, Some(OffReason::Rejoined));
    assert_eq!(story.state().notice, Some(Notice::DevicesOffAfterRejoin));
}

#[test]
fn a_room_that_was_left_and_entered_anew_is_entered_dark_until_somebody_in_the_room_wants_otherwise() {
    let mut story = Story::in_meeting();
    story.conference(ConferenceEvent::Reconnecting);
    assert!(story.state().microphone.open && story.state().camera.open);
    story.conference(joined());
    assert_eq!(story.state().state, State::InMeeting);
    assert!(story.plan().camera.is_none() && story.plan().microphone.is_none());
    assert!(!story.state().microphone.open && !story.state().camera.open);
    assert_eq!(story.state().microphone.off_because, Some(OffReason::Rejoined));
    assert_eq!(story.state().camera.off_because, Some(OffReason::Rejoined));
    assert_eq!(story.state().notice, Some(Notice::DevicesOffAfterRejoin));
    assert_eq!(story.told(), [ConferenceCommand::SetMuted(ALL_OFF)]);
    story.conference(session(2));
    assert!(!story.plan().session.as_ref().unwrap().send_audio);
    story.set(Device::Microphone, true, Origin::InRoom);
    assert!(story.plan().microphone.is_some());
    let microphone_on = Muted {
        audio: false,
        video: true,
    };
    assert_eq!(story.told(), [ConferenceCommand::SetMuted(microphone_on)]);
}

#[test]
fn devices_that_were_off_before_the_meeting_was_entered_anew_keep_their_reason_and_nothing_is_said() {
    let mut story = Story::in_meeting();
    story.set(Device::Camera, false, Origin::InRoom);
    moderator_mutes(&mut story, Device::Microphone);
    story.pass_time(Duration::from_secs(60));
    story.conference(ConferenceEvent::Reconnecting);
    story.conference(joined());
    assert_eq!(story.state().microphone.off_because, Some(OffReason::Moderator));
    assert_eq!(story.state().camera.off_because, Some(OffReason::InRoom));
    assert_ne!(story.state().notice, Some(Notice::DevicesOffAfterRejoin));
}

#[test]
fn capture_closes_while_reconnecting_as_soon_as_no_meeting_could_receive_it() {
    let lost: [fn(&mut Story); 2] = [
        |story| story.conference(ConferenceEvent::Session(None)),
        |story| {
            let reason = "no answer".into();
            story.session_event(1, SessionEvent::Failed { reason });
        },
    ];
    for lose in lost {
        let mut story = Story::in_meeting();
        story.conference(ConferenceEvent::Reconnecting);
        assert!(story.state().microphone.open, "the old media still flow");
        lose(&mut story);
        assert!(!story.state().microphone.open && !story.state().camera.open);
        story.conference(session(2));
        story.session_event(2, SessionEvent::Connected { at_ns: 2 });
        story.set(Device::Microphone, true, Origin::InRoom);
        assert!(!story.state().microphone.open, "nobody is back in the meeting yet");
        assert_eq!(story.plan().wall.as_ref().unwrap().own.microphone, "Micro coupé");
    }
    let mut story = Story::idle();
    story.command(join(Origin::InRoom, ALL_ON));
    story.conference(joined());
    assert!(story.state().microphone.open);
    story.conference(ConferenceEvent::Reconnecting);
    assert!(!story.state().microphone.open, "no media ever flowed");
}

#[test]
fn devices_do_not_stay_open_for_a_network_that_stays_away() {
    let mut story = Story::in_meeting();
    story.conference(ConferenceEvent::Reconnecting);
    story.pass_time(Duration::from_secs(300));
    assert!(story.state().camera.open, "the others still see and hear the room");
    for second in 1..60 {
        let silent_ms = (second + 2) * 1000;
        story.session_event(1, SessionEvent::Stalled { silent_ms });
        story.pass_time(Duration::from_secs(1));
        assert!(story.state().camera.open, "second {second}");
    }
    story.pass_time(Duration::from_secs(1));
    for state in [story.state().camera, story.state().microphone] {
        assert!(!state.open);
        assert_eq!(state.off_because, Some(OffReason::Rejoined));
    }
    assert_eq!(story.state().notice, Some(Notice::DevicesOffAfterRejoin));
    story.conference(ConferenceEvent::Reconnected);
    story.session_event(1, SessionEvent::Recovered);
    assert!(
        !story.state().camera.open && !story.state().microphone.open,
        "dark, as told"
    );

    // Who comes back sooner finds everything as it was.
    let mut story = Story::in_meeting();
    story.session_event(1, SessionEvent::Stalled { silent_ms: 3000 });
    story.pass_time(Duration::from_secs(100));
    story.conference(ConferenceEvent::Reconnecting);
    story.pass_time(Duration::from_secs(59));
    story.conference(ConferenceEvent::Reconnected);
    story.pass_time(Duration::from_secs(59));
    assert!(story.state().camera.open && story.state().microphone.open);
}

#[test]
fn a_new_media_session_in_the_same_presence_keeps_the_devices() {
    let mut story = Story::in_meeting();
    story.conference(ConferenceEvent::Session(None));
    assert!(story.plan().microphone.is_some() && story.plan().camera.is_some());
    story.conference(session(2));
    let plan = story.plan().session.as_ref().unwrap();
    assert!(plan.send_audio && plan.send_video);
}

#[test]
fn a_stream_that_was_resumed_leaves_media_alone() {
    let mut story = Story::in_meeting();
    let before = story.plan().clone();
    story.conference(ConferenceEvent::Reconnecting);
    story.conference(ConferenceEvent::Reconnected);
    assert_eq!(story.state().state, State::InMeeting);
    assert_eq!(story.told(), []);
    let after = story.plan();
    assert_eq!(
        (&after.camera, &after.microphone, &after.session),
        (&before.camera, &before.microphone, &before.session)
    );
}

#[test]
fn the_room_sends_no_more_than_the_conference_allows_and_the_room_wants() {
    let mut story = Story::in_meeting();
    let ConferenceEvent::Session(Some(mut forbidden)) = session(1) else {
        unreachable!()
    };
    forbidden.send_audio = false;
    story.conference(ConferenceEvent::Session(Some(forbidden)));
    story.set(Device::Camera, false, Origin::InRoom);
    let sent = story.plan().session.as_ref().unwrap();
    assert!(!sent.send_audio && !sent.send_video);
}

#[test]
fn a_wish_without_a_meeting_or_without_a_device_is_answered_in_words() {
    let mut story = Story::idle();
    story.set(Device::Camera, true, Origin::InRoom);
    assert_eq!(story.state().notice, Some(Notice::NoMeeting));
    let mut story = Story::in_meeting();
    story.input(RoomInput::Equipment(Box::new(Equipment {
        camera: None,
        ..equipment()
    })));
    assert!(story.plan().camera.is_none());
    story.set(Device::Camera, false, Origin::InRoom);
    story.set(Device::Camera, true, Origin::InRoom);
    assert_eq!(story.state().notice, Some(Notice::NoDevice(Device::Camera)));
    assert_eq!(story.plan().wall.as_ref().unwrap().own.camera, "Pas de caméra");
}

#[test]
fn a_device_that_is_plugged_in_or_pulled_out_in_a_meeting_is_told_once() {
    let mut story = Story::in_meeting();
    let without_camera = Equipment {
        camera: None,
        ..equipment()
    };
    story.input(RoomInput::Equipment(Box::new(without_camera.clone())));
    assert!(story.plan().camera.is_none(), "the device first");
    let sound_only = Sources {
        video: false,
        ..Sources::BOTH
    };
    assert_eq!(story.told()[0], ConferenceCommand::SetSources(sound_only));
    story.input(RoomInput::Equipment(Box::new(without_camera)));
    assert_eq!(story.told(), []);
    story.input(RoomInput::Equipment(Box::new(equipment())));
    assert_eq!(story.told()[0], ConferenceCommand::SetSources(Sources::BOTH));
}

#[test]
fn the_notice_of_a_silent_bridge_stays_until_another_one_is_reached() {
    let mut story = Story::in_meeting();
    story.conference(ConferenceEvent::Participants(vec![person("a")]));
    story.session_event(1, SessionEvent::Stalled { silent_ms: 5000 });
    assert_eq!(story.state().notice, Some(Notice::MediaStalled));
    story.conference(ConferenceEvent::Session(None));
    assert_eq!(story.state().notice, Some(Notice::MediaStalled));
}

#[test]
fn facts_of_a_session_reach_the_conference_only_while_it_is_the_session() {
    let mut story = Story::in_meeting();
    story.conference(ConferenceEvent::Participants(vec![person("a")]));
    story.session_event(7, SessionEvent::Recovered);
    assert_eq!(story.told(), []);
    story.session_event(1, SessionEvent::Stalled { silent_ms: 5000 });
    assert!(matches!(
        story.told()[..],
        [ConferenceCommand::Media(_, SessionEvent::Stalled { .. })]
    ));
    assert_eq!(story.state().notice, Some(Notice::MediaStalled));
    assert!(!story.state().media_connected);
    story.session_event(1, SessionEvent::Recovered);
    assert!(story.state().media_connected);
    story.conference(ConferenceEvent::BridgeMessage(
        media_protocol::SessionId(1),
        "{}".into(),
    ));
    assert!(
        story
            .last
            .contains(&Effect::BridgeMessage(media_protocol::SessionId(1), "{}".into()))
    );
    story.conference(ConferenceEvent::BridgeMessage(
        media_protocol::SessionId(7),
        "{}".into(),
    ));
    assert!(
        story
            .position(|effect| matches!(effect, Effect::BridgeMessage(..)))
            .is_none()
    );
}

#[test]
fn the_plan_goes_out_before_any_word_to_the_conference() {
    let mut story = Story::in_meeting();
    story.command(room::RoomCommand::Leave);
    let plan = story.position(|effect| matches!(effect, Effect::Media(_))).unwrap();
    let leave = story
        .position(|effect| *effect == Effect::Conference(ConferenceCommand::Leave))
        .unwrap();
    assert!(plan < leave);
}
