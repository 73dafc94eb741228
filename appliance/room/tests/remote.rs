//! Stories of what is asked from outside the room, besides joining and switching off.
#![allow(clippy::unwrap_used, reason = "a test that meets nothing shall stop")]

mod common;

use std::time::Duration;

use common::*;
use media_protocol::{FromWorker, SelfTestReport};
use room::remote::MAX_LOCATE;
use room::{
    Bulletin, ChatPolicy, Effect, Language, Milestone, Notice, Origin, RemoteAct, RemoteCommand, RoomCommand,
    SelfTestEnd, Settings, WorkerInput,
};

fn remote(story: &mut Story, command: RemoteCommand) {
    story.command(RoomCommand::Remote(command));
}

fn bulletin(text: &str, emergency: bool) -> Bulletin {
    Bulletin {
        text: text.into(),
        emergency,
        code: None,
    }
}

fn banner(story: &Story) -> Option<&str> {
    story.plan().wall.as_ref()?.banner.as_deref()
}

#[test]
fn an_emergency_is_on_the_wall_of_an_empty_room_and_over_everything_in_a_meeting() {
    let mut story = Story::idle();
    assert_eq!(story.plan().wall, None);
    let all = vec![
        bulletin("Réseau coupé à 18 h", false),
        bulletin("Évacuez par le nord", true),
    ];
    remote(&mut story, RemoteCommand::ShowBulletins(all.clone()));
    assert_eq!(banner(&story), Some("Évacuez par le nord"));
    story.command(join(Origin::InRoom, ALL_ON));
    assert_eq!(banner(&story), Some("Évacuez par le nord"));
    assert_eq!(story.state().bulletins, all);
    remote(&mut story, RemoteCommand::ShowBulletins(vec![]));
    assert_ne!(banner(&story), Some("Évacuez par le nord"));
}

#[test]
fn a_line_of_maintenance_waits_until_nothing_else_is_to_be_said() {
    let mut story = Story::in_meeting();
    story.conference(room::conference::ConferenceEvent::Participants(vec![person("a")]));
    remote(
        &mut story,
        RemoteCommand::ShowBulletins(vec![bulletin("Travaux à 18 h", false)]),
    );
    assert_eq!(banner(&story), Some("Travaux à 18 h"));
    remote(&mut story, RemoteCommand::Announce(RemoteAct::ScreenCapture));
    assert_eq!(
        story.state().notice,
        Some(Notice::FromOutside(RemoteAct::ScreenCapture))
    );
    assert_ne!(banner(&story), Some("Travaux à 18 h"));
    story.pass_time(Duration::from_secs(11));
    assert_eq!(banner(&story), Some("Travaux à 18 h"));
}

#[test]
fn a_code_is_only_shown_with_its_own_words_and_never_in_a_meeting() {
    let mut story = Story::idle();
    let code = |story: &Story| story.plan().wall.as_ref().and_then(|wall| wall.code.clone());
    let with_code = Bulletin {
        code: Some("hemicycle:claim?serial=HC24-000123".into()),
        ..bulletin("Nouvel appareil", false)
    };
    let show = |story: &mut Story, all: &[Bulletin]| remote(story, RemoteCommand::ShowBulletins(all.to_vec()));
    show(&mut story, std::slice::from_ref(&with_code));
    assert_eq!(code(&story), with_code.code);
    show(&mut story, &[bulletin("Évacuez", true), with_code.clone()]);
    assert_eq!((banner(&story), code(&story)), (Some("Évacuez"), None));
    show(&mut story, std::slice::from_ref(&with_code));
    remote(&mut story, RemoteCommand::Locate(Duration::from_secs(30)));
    assert_eq!(code(&story), None, "the box that is looked for says so");
    story.pass_time(Duration::from_secs(31));
    assert_eq!(code(&story), with_code.code);
    story.command(join(Origin::InRoom, ALL_ON));
    assert_eq!(code(&story), None);
    let mut story = Story::in_meeting();
    show(&mut story, std::slice::from_ref(&with_code));
    assert_eq!(code(&story), None);
}

#[test]
fn a_bulletin_is_cut_where_it_would_hide_the_meeting_and_blank_ones_show_nothing() {
    let mut story = Story::idle();
    remote(
        &mut story,
        RemoteCommand::ShowBulletins(vec![bulletin(&"é".repeat(5000), true)]),
    );
    assert_eq!(banner(&story).map(|text| text.chars().count()), Some(500));
    remote(&mut story, RemoteCommand::ShowBulletins(vec![bulletin(" \n", true)]));
    assert_eq!(story.plan().wall, None);
}

#[test]
fn the_box_that_is_looked_for_shows_itself_for_a_while() {
    let mut story = Story::idle();
    remote(&mut story, RemoteCommand::Locate(Duration::from_secs(30)));
    assert!(banner(&story).unwrap().starts_with("C’est cet appareil"));
    assert!(story.state().located);
    story.pass_time(Duration::from_secs(31));
    assert_eq!(story.plan().wall, None);
    remote(&mut story, RemoteCommand::Locate(Duration::MAX));
    story.pass_time(MAX_LOCATE + Duration::from_secs(1));
    assert!(!story.state().located);
}

#[test]
fn who_is_joined_from_outside_is_told_so_when_the_meeting_opens() {
    let mut story = Story::idle();
    story.command(join(Origin::Remote, ALL_ON));
    story.pass_time(Duration::from_secs(30));
    story.conference(joined());
    assert_eq!(story.state().notice, Some(Notice::JoinedFromOutside));
    let mut here = Story::idle();
    here.command(join(Origin::InRoom, ALL_ON));
    here.conference(joined());
    assert_ne!(here.state().notice, Some(Notice::JoinedFromOutside));
}

#[test]
fn nothing_from_outside_counts_as_people_in_the_room() {
    let mut story = Story::in_meeting();
    story.conference(room::conference::ConferenceEvent::Participants(vec![person("a")]));
    story.conference(room::conference::ConferenceEvent::Participants(vec![]));
    story.pass_time(Duration::from_secs(299));
    remote(&mut story, RemoteCommand::SetVolume(0.5));
    story.pass_time(Duration::from_secs(2));
    assert_eq!(
        story.state().state,
        room::State::Leaving,
        "the box leaves an empty meeting"
    );
    assert!((story.state().volume - 0.5).abs() < f64::EPSILON);
}

#[test]
fn settings_are_lived_by_at_once() {
    let mut story = Story::in_meeting();
    story.conference(room::conference::ConferenceEvent::Participants(vec![person("a")]));
    story.conference(room::conference::ConferenceEvent::Participants(vec![]));
    let settings = Settings {
        language: Language::English,
        chat: ChatPolicy::Nothing,
        alone: Duration::from_secs(60),
    };
    remote(&mut story, RemoteCommand::Settings(settings));
    assert!(banner(&story).unwrap().contains("alone"), "{:?}", banner(&story));
    story.pass_time(Duration::from_secs(61));
    assert_ne!(story.state().state, room::State::InMeeting);
}

/// Camera and microphone stand in the plan, for that purpose.
fn tests_itself(story: &Story) -> bool {
    let purpose = media_protocol::CapturePurpose::SelfTest;
    let plan = story.plan();
    let camera = plan.camera.as_ref().is_some_and(|camera| camera.purpose == purpose);
    camera
        && plan
            .microphone
            .as_ref()
            .is_some_and(|microphone| microphone.purpose == purpose)
}

/// How a self-test ended, if one just did.
fn tested(story: &Story) -> Option<SelfTestEnd> {
    story.last.iter().find_map(|effect| match effect {
        Effect::Milestone(Milestone::SelfTested(end)) => Some(end.clone()),
        _ => None,
    })
}

#[test]
fn a_self_test_opens_the_devices_of_an_idle_room_says_so_and_closes_them_with_its_report() {
    let mut story = Story::idle();
    remote(&mut story, RemoteCommand::SelfTest);
    assert!(tests_itself(&story));
    assert_eq!(story.state().notice, Some(Notice::SelfTest));
    assert!(banner(&story).unwrap().starts_with("L’appareil se teste"));
    story.capture(true, true);
    assert!(story.state().camera.open && story.state().microphone.open);
    let own = &story.plan().wall.as_ref().unwrap().own;
    assert!(!own.camera.is_empty() && !own.microphone.is_empty(), "{own:?}");
    let report = SelfTestReport {
        frames: Some(15),
        ..SelfTestReport::default()
    };
    story.message(FromWorker::SelfTest(report.clone()));
    assert_eq!(tested(&story), Some(SelfTestEnd::Seen(report)));
    assert!(story.plan().camera.is_none() && story.plan().microphone.is_none());
    assert_eq!(story.state().notice, None);
}

#[test]
fn a_self_test_never_disturbs_a_meeting_and_whoever_wants_one_goes_first() {
    let mut story = Story::in_meeting();
    remote(&mut story, RemoteCommand::SelfTest);
    assert_eq!(tested(&story), Some(SelfTestEnd::Hindered));
    assert!(!tests_itself(&story));
    let mut story = Story::idle();
    remote(&mut story, RemoteCommand::SelfTest);
    story.command(join(Origin::InRoom, ALL_ON));
    assert_eq!(tested(&story), Some(SelfTestEnd::Hindered));
    assert!(!tests_itself(&story) && story.plan().camera.is_none());
}

#[test]
fn a_self_test_makes_way_for_what_is_urgent_on_the_wall_and_waits_until_it_is_over() {
    let emergency = || RemoteCommand::ShowBulletins(vec![bulletin("Évacuez par le nord", true)]);
    for urgent in [emergency(), RemoteCommand::Locate(Duration::from_secs(60))] {
        let mut story = Story::idle();
        remote(&mut story, RemoteCommand::SelfTest);
        remote(
            &mut story,
            RemoteCommand::ShowBulletins(vec![bulletin("Réseau coupé à 18 h", false)]),
        );
        assert!(tests_itself(&story), "that can wait");
        remote(&mut story, urgent);
        assert_eq!(tested(&story), Some(SelfTestEnd::Hindered));
        assert!(story.plan().camera.is_none() && story.plan().microphone.is_none());
        remote(&mut story, RemoteCommand::SelfTest);
        assert_eq!(tested(&story), Some(SelfTestEnd::Hindered));
        assert!(!tests_itself(&story));
        remote(&mut story, RemoteCommand::ShowBulletins(vec![]));
        story.pass_time(Duration::from_secs(61));
        remote(&mut story, RemoteCommand::SelfTest);
        assert!(tests_itself(&story));
    }
}

#[test]
fn whoever_switches_a_device_off_ends_the_self_test() {
    let off = [
        RoomCommand::SetCamera {
            on: false,
            origin: Origin::InRoom,
        },
        RoomCommand::SetMicrophone {
            on: false,
            origin: Origin::Remote,
        },
    ];
    for off in off {
        let mut story = Story::idle();
        remote(&mut story, RemoteCommand::SelfTest);
        story.command(off);
        assert_eq!(tested(&story), Some(SelfTestEnd::Stopped));
        assert!(story.plan().camera.is_none() && story.plan().microphone.is_none());
        assert_eq!(story.state().notice, None);
    }
}

#[test]
fn a_self_test_ends_by_itself_and_with_its_worker() {
    let mut story = Story::idle();
    remote(&mut story, RemoteCommand::SelfTest);
    story.pass_time(room::remote::MAX_SELF_TEST + Duration::from_secs(1));
    assert!(!tests_itself(&story));
    remote(&mut story, RemoteCommand::SelfTest);
    assert!(tests_itself(&story));
    story.worker(WorkerInput::Gone);
    assert_eq!(tested(&story), Some(SelfTestEnd::Hindered));
    remote(&mut story, RemoteCommand::SelfTest);
    assert_eq!(
        tested(&story),
        Some(SelfTestEnd::Hindered),
        "there is nobody to test with"
    );
    story.worker(WorkerInput::Started);
    assert!(story.plan().camera.is_none());
}
