//! Stories of joining, waiting and leaving.

mod common;

use std::time::Duration;

use common::*;
use media_protocol::SessionEvent;
use room::conference::{ConferenceCommand, ConferenceEvent, JoinStep, WaitReason};
use room::{
    Effect, Language, Milestone, Notice, Origin, Outcome, RoomCommand, RoomOptions, State, WaitingFor, WorkerInput,
};

fn asking() -> RoomOptions {
    RoomOptions {
        ask_password: true,
        ..options()
    }
}

fn banner(story: &Story) -> String {
    story
        .plan()
        .wall
        .as_ref()
        .and_then(|wall| wall.banner.clone())
        .unwrap_or_default()
}

#[test]
fn joining_shows_each_step_and_opens_nothing_before_the_room_is_entered() {
    let mut story = Story::idle();
    story.command(join(Origin::InRoom, ALL_ON));
    let request = story.told();
    assert!(
        matches!(&request[..], [ConferenceCommand::Join(request)] if request.muted == ALL_OFF),
        "{request:?}"
    );
    for step in [JoinStep::Configuration, JoinStep::Connecting, JoinStep::Entering] {
        story.conference(ConferenceEvent::Progress(step));
        assert_eq!(story.state().step, Some(step));
        assert!(story.plan().camera.is_none() && story.plan().microphone.is_none());
    }
    assert!(banner(&story).starts_with("Entrée dans la réunion."));
    story.conference(joined());
    assert_eq!(story.state().state, State::InMeeting);
    assert!(story.plan().camera.is_some() && story.plan().microphone.is_some());
    assert_eq!(story.told(), [ConferenceCommand::SetMuted(ALL_ON)]);
    assert_eq!(story.state().notice, Some(Notice::Alone));
}

#[test]
fn a_room_that_nobody_opens_is_given_up_after_ten_minutes_and_says_so() {
    let mut story = Story::idle();
    story.command(join(Origin::InRoom, ALL_ON));
    story.conference(ConferenceEvent::Waiting(WaitReason::NotOpenYet));
    assert_eq!(
        story.state().waiting_for,
        Some(WaitingFor::Service(WaitReason::NotOpenYet))
    );
    assert!(banner(&story).starts_with("Réunion pas encore ouverte."));
    // The participant tries again from the first step on, and is told to wait again: the clock runs on.
    for _ in 0..9 {
        story.pass_time(Duration::from_secs(60));
        story.conference(ConferenceEvent::Progress(JoinStep::Requesting));
        assert_eq!(story.state().state, State::Waiting);
        story.conference(ConferenceEvent::Waiting(WaitReason::NotOpenYet));
    }
    story.pass_time(Duration::from_secs(59));
    assert_eq!(story.state().state, State::Waiting);
    story.pass_time(Duration::from_secs(1));
    assert_eq!(story.told(), [ConferenceCommand::Leave]);
    story.conference(ConferenceEvent::Ended(Outcome::Left));
    story.assert_ended(Outcome::NotOpened);
    assert!(banner(&story).starts_with("Réunion non ouverte."));
}

#[test]
fn the_room_opens_while_waiting_and_is_entered() {
    let mut story = Story::idle();
    story.command(join(Origin::InRoom, ALL_ON));
    story.conference(ConferenceEvent::Waiting(WaitReason::NotOpenYet));
    story.conference(ConferenceEvent::Progress(JoinStep::Entering));
    assert_eq!((story.state().state, story.state().waiting_for), (State::Joining, None));
    story.conference(joined());
    assert_eq!(story.state().state, State::InMeeting);
}

#[test]
fn a_password_is_asked_for_typed_and_after_three_wrong_ones_the_room_gives_up() {
    let mut story = Story::new(asking());
    story.worker(WorkerInput::Started);
    story.command(join(Origin::InRoom, ALL_ON));
    story.command(RoomCommand::Password("early".into()));
    assert_eq!(story.told(), [], "nobody asked for a password yet");
    story.conference(ConferenceEvent::PasswordRequired { wrong: false });
    for tried in ["first", "second", "third"] {
        assert!(matches!(story.state().waiting_for, Some(WaitingFor::Password { .. })));
        story.command(RoomCommand::Password(tried.into()));
        assert_eq!(story.told(), [ConferenceCommand::Password(tried.into())]);
        assert_eq!(story.state().state, State::Joining);
        story.conference(ConferenceEvent::PasswordRequired { wrong: true });
    }
    assert_eq!(story.told(), [ConferenceCommand::Leave]);
    story.conference(ConferenceEvent::Ended(Outcome::Left));
    story.assert_ended(Outcome::PasswordWrong);
}

#[test]
fn a_password_that_nobody_types_is_waited_for_two_minutes() {
    let mut story = Story::new(asking());
    story.worker(WorkerInput::Started);
    story.command(join(Origin::InRoom, ALL_ON));
    story.conference(ConferenceEvent::PasswordRequired { wrong: false });
    story.pass_time(Duration::from_secs(119));
    assert_eq!(story.state().state, State::Waiting);
    story.pass_time(Duration::from_secs(1));
    story.conference(ConferenceEvent::Ended(Outcome::Left));
    story.assert_ended(Outcome::PasswordRequired);
}

#[test]
fn without_anybody_to_ask_a_missing_or_wrong_password_ends_at_once() {
    for (wrong, outcome) in [(false, Outcome::PasswordRequired), (true, Outcome::PasswordWrong)] {
        let mut story = Story::idle();
        story.command(join(Origin::InRoom, ALL_ON));
        story.conference(ConferenceEvent::PasswordRequired { wrong });
        assert_eq!(story.told(), [ConferenceCommand::Leave]);
        story.conference(ConferenceEvent::Ended(Outcome::EntryRefused));
        story.assert_ended(outcome);
    }
}

#[test]
fn a_service_that_says_nothing_while_joining_is_given_up() {
    let mut story = Story::idle();
    story.command(join(Origin::InRoom, ALL_ON));
    story.pass_time(Duration::from_secs(40));
    story.conference(ConferenceEvent::Progress(JoinStep::Connecting));
    story.pass_time(Duration::from_secs(59));
    assert_eq!(story.state().state, State::Joining);
    story.pass_time(Duration::from_secs(4));
    story.assert_ended(Outcome::ServiceGone);
}

#[test]
fn leaving_stops_media_before_the_participant_says_goodbye() {
    let mut story = Story::in_meeting();
    story.obedient = false;
    story.command(RoomCommand::Leave);
    assert_eq!(story.state().state, State::Leaving);
    let plan = story.plan();
    assert!(plan.camera.is_none() && plan.microphone.is_none() && plan.session.is_none() && plan.loudspeaker.is_none());
    assert_eq!(story.told(), [], "media still runs");
    let revision = story.plan().revision;
    story.pass_time(Duration::from_millis(50));
    story.capture(false, false);
    assert_eq!(story.told(), [], "the session may still send");
    story.message(media_protocol::FromWorker::Applied { revision });
    assert_eq!(story.told(), [ConferenceCommand::Leave]);
    story.conference(ConferenceEvent::Ended(Outcome::Left));
    story.assert_ended(Outcome::Left);
}

#[test]
fn an_old_word_of_the_worker_does_not_count_as_media_stopped() {
    let mut story = Story::in_meeting();
    story.obedient = false;
    let before = story.plan().revision;
    story.command(RoomCommand::Leave);
    story.capture(false, false);
    story.message(media_protocol::FromWorker::Applied { revision: before });
    assert_eq!(story.told(), []);
}

#[test]
fn a_camera_that_closes_late_is_waited_for() {
    let mut story = Story::in_meeting();
    story.obedient = false;
    story.command(RoomCommand::Leave);
    let revision = story.plan().revision;
    story.capture(false, true);
    story.message(media_protocol::FromWorker::Applied { revision });
    assert_eq!(story.told(), [], "the camera is still open");
    story.capture(false, false);
    assert_eq!(story.told(), [ConferenceCommand::Leave]);
}

#[test]
fn a_hanging_worker_delays_leaving_by_less_than_half_a_second_and_is_killed() {
    let mut story = Story::in_meeting();
    story.obedient = false;
    story.command(RoomCommand::Leave);
    story.pass_time(Duration::from_millis(450));
    assert_eq!(story.told(), [ConferenceCommand::Leave]);
    story.conference(ConferenceEvent::Ended(Outcome::Left));
    assert!(story.state().camera.open, "the state shows the device as it is");
    story.pass_time(Duration::from_millis(600));
    assert!(story.last.contains(&Effect::RestartWorker));
    story.worker(WorkerInput::Gone);
    story.assert_ended(Outcome::Left);
}

#[test]
fn a_participant_that_does_not_answer_is_abandoned_after_two_seconds() {
    let mut story = Story::in_meeting();
    story.command(RoomCommand::Leave);
    story.pass_time(Duration::from_millis(1999));
    assert_eq!(story.state().state, State::Leaving);
    story.pass_time(Duration::from_millis(1));
    assert!(story.last.contains(&Effect::Abandon));
    story.assert_ended(Outcome::Left);
}

#[test]
fn leaving_a_try_without_media_takes_no_detour() {
    let mut story = Story::idle();
    story.obedient = false;
    story.command(join(Origin::InRoom, ALL_ON));
    story.command(RoomCommand::Leave);
    assert_eq!(story.told(), [ConferenceCommand::Leave]);
}

#[test]
fn a_late_word_of_the_last_meeting_changes_nothing() {
    let mut story = Story::in_meeting();
    story.command(RoomCommand::Leave);
    let late = [
        joined(),
        session(9),
        ConferenceEvent::Progress(JoinStep::Entering),
        ConferenceEvent::Reconnected,
        ConferenceEvent::Participants(vec![person("a")]),
        ConferenceEvent::MutedByModerator {
            device: room::conference::Device::Camera,
            actor: None,
        },
        ConferenceEvent::Waiting(WaitReason::NotOpenYet),
    ];
    for event in late {
        story.conference(event);
        assert_eq!(story.last, []);
    }
    story.conference(ConferenceEvent::Ended(Outcome::Kicked));
    story.assert_ended(Outcome::Left);
    story.conference(joined());
    story.conference(ConferenceEvent::Ended(Outcome::Kicked));
    story.assert_ended(Outcome::Left);
    assert!(story.plan().camera.is_none());
}

#[test]
fn capture_closes_when_the_participant_begins_to_leave_and_not_when_it_is_gone() {
    for connected in [true, false] {
        let mut story = Story::in_meeting();
        if !connected {
            story.conference(ConferenceEvent::Reconnecting);
        }
        assert!(story.state().microphone.open);
        story.conference(ConferenceEvent::Ending(Outcome::Kicked));
        assert_eq!(story.state().state, State::Leaving);
        assert!(!story.state().microphone.open && !story.state().camera.open);
        let plan = story.plan();
        assert!(plan.microphone.is_none() && plan.camera.is_none() && plan.session.is_none());
        story.conference(ConferenceEvent::Session(None));
        story.conference(ConferenceEvent::Ended(Outcome::Kicked));
        story.assert_ended(Outcome::Kicked);
        assert!(banner(&story).starts_with("Salle retirée de la réunion."));
    }
}

#[test]
fn being_removed_by_a_moderator_closes_everything_and_is_said_for_a_minute() {
    let mut story = Story::in_meeting();
    story.conference(ConferenceEvent::Ended(Outcome::Kicked));
    story.assert_ended(Outcome::Kicked);
    assert!(
        story
            .last
            .contains(&Effect::Milestone(Milestone::Ended(Outcome::Kicked)))
    );
    assert!(banner(&story).starts_with("Salle retirée de la réunion."));
    story.pass_time(Duration::from_secs(60));
    assert_eq!(story.plan().wall, None, "then the display is left alone");
    assert_eq!(
        story.state().outcome,
        Some(Outcome::Kicked),
        "and the outcome is still known"
    );
}

#[test]
fn a_second_join_is_refused_in_words_and_disturbs_nothing() {
    let mut story = Story::in_meeting();
    story.command(join(Origin::Remote, ALL_ON));
    assert_eq!(story.told(), []);
    assert_eq!(story.state().notice, Some(Notice::Occupied));
    story.pass_time(Duration::from_secs(10));
    assert_eq!(story.state().notice, Some(Notice::Alone));
    assert_eq!(story.state().state, State::InMeeting);
}

#[test]
fn the_next_meeting_begins_without_memories_of_the_last() {
    let mut story = Story::in_meeting();
    story.conference(ConferenceEvent::Participants(vec![person("a"), person("b")]));
    assert_eq!(story.state().participants, 3);
    story.command(RoomCommand::Leave);
    story.conference(ConferenceEvent::Ended(Outcome::Left));
    story.command(join(Origin::InRoom, ALL_OFF));
    assert_eq!((story.state().outcome, story.state().participants), (None, 0));
    story.conference(joined());
    assert_eq!(story.state().participants, 1);
    assert!(story.plan().session.is_none() && story.plan().camera.is_none());
}

#[test]
fn a_lost_connection_that_does_not_come_back_ends_the_meeting() {
    let mut story = Story::in_meeting();
    story.conference(ConferenceEvent::Reconnecting);
    assert_eq!(story.state().state, State::Reconnecting);
    assert!(banner(&story).starts_with("Connexion interrompue."));
    story.pass_time(Duration::from_secs(15 * 60 - 1));
    assert_eq!(story.state().state, State::Reconnecting);
    story.pass_time(Duration::from_secs(4));
    story.assert_ended(Outcome::ConnectionLost);
}

#[test]
fn while_the_connection_is_away_the_wall_says_how_to_stop_and_leaving_works_at_any_time() {
    for (minutes, media) in [(0, true), (10, false)] {
        let mut story = Story::in_meeting();
        story.conference(ConferenceEvent::Reconnecting);
        if !media {
            story.conference(ConferenceEvent::Session(None));
        }
        story.pass_time(Duration::from_secs(minutes * 60));
        assert!(
            banner(&story).ends_with("pour arrêter, quittez la réunion."),
            "{}",
            banner(&story)
        );
        story.command(RoomCommand::Leave);
        story.pass_time(Duration::from_millis(500));
        story.conference(ConferenceEvent::Ended(Outcome::Left));
        story.assert_ended(Outcome::Left);
    }
}

#[test]
fn milestones_carry_the_workers_stamps_once() {
    use media_protocol::{FromWorker, MediaKind, WallState};
    let mut story = Story::in_meeting();
    story.session_event(
        1,
        SessionEvent::FirstPacketSent {
            kind: MediaKind::Video,
            at_ns: 7,
        },
    );
    let first = Effect::Milestone(Milestone::FirstPacketSent {
        kind: MediaKind::Video,
        at_ns: 7,
    });
    assert!(story.last.contains(&first));
    let wall = WallState {
        sources: vec!["a-v0".into()],
        first_frames: vec![("a-v0".into(), 9)],
    };
    story.message(FromWorker::Wall(wall.clone()));
    let frame = Effect::Milestone(Milestone::FirstFrame {
        source: "a-v0".into(),
        at_ns: 9,
    });
    assert!(story.last.contains(&frame));
    assert_eq!(story.state().pictures, 1);
    story.message(FromWorker::Wall(wall));
    assert!(!story.last.contains(&frame));
}

#[test]
fn the_wall_speaks_the_rooms_language() {
    let mut story = Story::new(RoomOptions {
        language: Language::English,
        ..options()
    });
    story.worker(WorkerInput::Started);
    story.command(join(Origin::InRoom, ALL_OFF));
    story.conference(joined());
    let own = &story.plan().wall.as_ref().unwrap().own;
    assert_eq!(
        (own.microphone.as_str(), own.camera.as_str(), own.name.as_str()),
        ("Microphone off", "Camera off", "Salle 4")
    );
    assert!(banner(&story).starts_with("You are alone."));
}

#[test]
fn no_secret_and_no_name_is_in_what_a_log_prints() {
    let secret = "s3cret";
    let join = RoomCommand::Join(Box::new(room::JoinCommand {
        url: format!("https://h/r?jwt={secret}"),
        name: secret.into(),
        password: Some(secret.into()),
        token: Some(secret.into()),
        muted: ALL_ON,
        origin: Origin::InRoom,
    }));
    let mut story = Story::new(asking());
    story.worker(WorkerInput::Started);
    let mut printed = format!("{join:?} {:?}", RoomCommand::Password(secret.into()));
    story.command(join);
    printed += &format!("{:?}", story.told());
    story.conference(ConferenceEvent::PasswordRequired { wrong: false });
    story.command(RoomCommand::Password(secret.into()));
    printed += &format!("{:?} {:?}", story.told(), story.state());
    assert!(!printed.contains(secret), "{printed}");
}

/// An idle room that speaks English.
fn english() -> Story {
    let mut story = Story::new(RoomOptions {
        language: Language::English,
        ..options()
    });
    story.worker(WorkerInput::Started);
    story
}

#[test]
fn the_lobby_has_its_own_words_and_its_own_limit() {
    for (reason, outcome, words) in [
        (
            WaitReason::Lobby,
            Outcome::NotAdmitted,
            "Waiting to be admitted. The moderators have been told",
        ),
        (WaitReason::Host, Outcome::NotOpened, "Waiting for the host. You will"),
    ] {
        let mut story = english();
        story.command(join(Origin::InRoom, ALL_ON));
        story.conference(ConferenceEvent::Waiting(WaitReason::NotOpenYet));
        story.pass_time(Duration::from_secs(500));
        story.conference(ConferenceEvent::Progress(JoinStep::Entering));
        story.conference(ConferenceEvent::Waiting(reason));
        assert_eq!(story.state().waiting_for, Some(WaitingFor::Service(reason)));
        assert!(banner(&story).starts_with(words), "{}", banner(&story));
        // Sent there again: the clock runs on.
        story.pass_time(Duration::from_secs(1_000));
        story.conference(ConferenceEvent::Waiting(reason));
        story.pass_time(Duration::from_secs(799));
        assert_eq!(story.state().state, State::Waiting);
        story.pass_time(Duration::from_secs(2));
        story.conference(ConferenceEvent::Ended(Outcome::Left));
        assert_eq!(story.state().outcome, Some(outcome));
    }
}

#[test]
fn whoever_waits_in_the_lobby_can_leave_and_can_be_let_in() {
    let mut story = Story::idle();
    story.command(join(Origin::InRoom, ALL_ON));
    story.conference(ConferenceEvent::Waiting(WaitReason::Lobby));
    story.command(RoomCommand::Leave);
    assert_eq!(story.state().state, State::Leaving);

    let mut story = Story::idle();
    story.command(join(Origin::InRoom, ALL_ON));
    story.conference(ConferenceEvent::Waiting(WaitReason::Lobby));
    story.pass_time(Duration::from_secs(1_700));
    story.conference(ConferenceEvent::Progress(JoinStep::Entering));
    assert_eq!(story.state().state, State::Joining);
    story.conference(joined());
    assert_eq!(
        (story.state().state, story.state().waiting_for),
        (State::InMeeting, None)
    );
}

#[test]
fn the_services_own_words_stand_on_the_wall_behind_ours_until_the_next_meeting() {
    let mut story = english();
    story.command(join(Origin::InRoom, ALL_ON));
    story.conference(ConferenceEvent::Explained("Room and token mismatched".into()));
    story.conference(ConferenceEvent::Ended(Outcome::TokenForAnotherRoom));
    assert!(
        banner(&story).ends_with("The service says: Room and token mismatched"),
        "{}",
        banner(&story)
    );
    story.command(join(Origin::InRoom, ALL_ON));
    story.conference(ConferenceEvent::Ended(Outcome::RoomFull));
    assert!(!banner(&story).contains("The service says"), "{}", banner(&story));
}
