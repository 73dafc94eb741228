//! Stories of what people do in a meeting beside being seen and heard.

mod common;

use std::time::Duration;

use common::*;
use media_protocol::SessionEvent;
use room::conference::{ChatMessage, ConferenceCommand, ConferenceEvent, Device, Knocker, Participant, Recording};
use room::{ChatPolicy, Countdown, Notice, Origin, Outcome, RoomCommand, RoomOptions, State, WorkerInput};

fn arrive(story: &mut Story, people: Vec<Participant>) {
    story.conference(ConferenceEvent::Participants(people));
}

fn banner(story: &Story) -> String {
    let wall = story.plan().wall.as_ref();
    wall.and_then(|wall| wall.banner.clone()).unwrap_or_default()
}

fn marks(story: &Story) -> Vec<String> {
    story
        .plan()
        .wall
        .as_ref()
        .map(|wall| wall.own.marks.clone())
        .unwrap_or_default()
}

fn message(text: &str, private: bool) -> ConferenceEvent {
    ConferenceEvent::Message(ChatMessage {
        from: id("a"),
        name: Some("Zoé".into()),
        private,
        reply: false,
        text: text.into(),
    })
}

fn with_policy(chat: ChatPolicy) -> Story {
    let mut story = Story::new(RoomOptions { chat, ..options() });
    story.worker(WorkerInput::Started);
    story.command(join(Origin::InRoom, ALL_ON));
    story.conference(joined());
    arrive(&mut story, vec![person("a")]);
    story
}

#[test]
fn a_raised_hand_is_told_once_shown_and_down_again_in_every_new_room() {
    let mut story = Story::in_meeting();
    story.command(RoomCommand::RaiseHand(true));
    assert_eq!(story.told(), [ConferenceCommand::RaiseHand(true)]);
    assert!(story.state().hand_raised);
    assert_eq!(marks(&story), ["Votre main est levée"]);
    story.command(RoomCommand::RaiseHand(true));
    assert_eq!(story.told(), []);
    story.conference(ConferenceEvent::Reconnecting);
    story.conference(joined());
    assert!(!story.state().hand_raised && marks(&story).is_empty());
    story.command(RoomCommand::RaiseHand(true));
    assert_eq!(story.told(), [ConferenceCommand::RaiseHand(true)]);
    story.command(RoomCommand::RaiseHand(false));
    assert_eq!(story.told(), [ConferenceCommand::RaiseHand(false)]);
}

#[test]
fn nobody_raises_a_hand_writes_or_moderates_outside_a_meeting() {
    let mut story = Story::idle();
    for command in [
        RoomCommand::RaiseHand(true),
        RoomCommand::SetName("x".into()),
        RoomCommand::Say {
            to: None,
            text: "x".into(),
        },
        RoomCommand::SetPassword(None),
    ] {
        story.command(command);
        assert_eq!((story.told(), story.state().notice), (vec![], Some(Notice::NoMeeting)));
    }
}

#[test]
fn hands_and_encryption_of_others_stand_under_their_names() {
    let mut story = Story::in_meeting();
    let mut raised = person("a");
    raised.raised_hand = Some(1);
    let mut encrypted = person("b");
    encrypted.encrypted = true;
    arrive(&mut story, vec![raised, encrypted]);
    let tiles = story
        .plan()
        .wall
        .as_ref()
        .map(|wall| wall.tiles.clone())
        .unwrap_or_default();
    assert_eq!(tiles[0].name, "A (main levée)");
    assert_eq!(
        (tiles[1].name.as_str(), tiles[1].source.as_deref()),
        ("B (chiffré, ne peut être montré)", None)
    );
    assert_eq!(story.state().hands, 1);
}

#[test]
fn public_messages_are_on_the_wall_for_a_while_and_private_ones_only_by_policy() {
    for (policy, private, shown) in [
        (ChatPolicy::Nothing, false, ""),
        (ChatPolicy::Public, false, "Zoé\u{a0}: bonjour"),
        (ChatPolicy::Public, true, ""),
        (ChatPolicy::All, true, "Zoé, à cette salle seule\u{a0}: bonjour"),
    ] {
        let mut story = with_policy(policy);
        story.conference(message("bonjour", private));
        assert_eq!(banner(&story), shown, "{policy:?} {private}");
        story.pass_time(Duration::from_secs(13));
        assert_eq!(banner(&story), "");
    }
}

#[test]
fn what_is_written_and_the_new_name_go_to_the_conference() {
    let mut story = Story::in_meeting();
    let say = |text: &str| RoomCommand::Say {
        to: Some(id("a")),
        text: text.into(),
    };
    story.command(say("oui"));
    assert_eq!(
        story.told(),
        [ConferenceCommand::Say {
            to: Some(id("a")),
            text: "oui".into()
        }]
    );
    story.command(say("  "));
    assert_eq!(story.told(), []);
    story.command(RoomCommand::SetName(" Salle 5 ".into()));
    assert_eq!(story.told(), [ConferenceCommand::SetName("Salle 5".into())]);
    assert_eq!(
        story.plan().wall.as_ref().map(|wall| wall.own.name.as_str()),
        Some("Salle 5")
    );
}

#[test]
fn a_recording_is_marked_as_long_as_it_lasts() {
    let mut story = Story::in_meeting();
    let recorded = Recording {
        recorded: true,
        broadcast: true,
        transcribed: true,
    };
    story.conference(ConferenceEvent::Recording(recorded));
    story.pass_time(Duration::from_secs(100));
    assert_eq!(
        marks(&story),
        [
            "La réunion est enregistrée",
            "La réunion est diffusée en direct",
            "Les paroles sont transcrites"
        ]
    );
    assert_eq!(story.state().recording, recorded);
    story.conference(ConferenceEvent::Recording(Recording::default()));
    assert!(marks(&story).is_empty());
}

#[test]
fn only_a_moderator_sets_a_password_and_lets_people_in() {
    let mut story = Story::in_meeting();
    arrive(&mut story, vec![person("a")]);
    let admit = RoomCommand::Admit {
        who: id("k"),
        admitted: true,
    };
    story.command(admit.clone());
    assert_eq!(
        (story.told(), story.state().notice),
        (vec![], Some(Notice::NotModerator))
    );
    story.conference(ConferenceEvent::Moderator(true));
    assert_eq!(story.state().notice, Some(Notice::Moderator));
    story.pass_time(Duration::from_secs(11));
    let knocker = Knocker {
        id: id("k"),
        name: Some("Bob".into()),
    };
    story.conference(ConferenceEvent::Knocking(vec![knocker]));
    assert_eq!(
        (story.state().knocking, story.state().notice),
        (1, Some(Notice::Knocking))
    );
    story.command(admit);
    assert!(matches!(
        &story.told()[..],
        [ConferenceCommand::Admit { admitted: true, .. }]
    ));
    story.command(RoomCommand::SetPassword(Some("sésame".into())));
    assert_eq!(story.told(), [ConferenceCommand::SetPassword(Some("sésame".into()))]);
    story.conference(ConferenceEvent::PasswordSet { protected: Some(true) });
    assert_eq!(
        (story.state().protected, story.state().notice),
        (Some(true), Some(Notice::PasswordSet(true)))
    );
    story.conference(ConferenceEvent::Moderator(false));
    assert_eq!(story.state().knocking, 0);
}

#[test]
fn a_box_that_was_left_alone_says_so_and_leaves_so_that_it_keeps_no_meeting_alive() {
    let mut story = Story::in_meeting();
    arrive(&mut story, vec![person("a")]);
    story.pass_time(Duration::from_secs(1000));
    arrive(&mut story, vec![]);
    assert_eq!(story.state().notice, Some(Notice::Alone));
    story.pass_time(Duration::from_secs(239));
    assert_eq!(story.state().notice, Some(Notice::Alone));
    for (seconds, word) in [
        (1, Countdown::Minute),
        (30, Countdown::HalfMinute),
        (20, Countdown::TenSeconds),
    ] {
        story.pass_time(Duration::from_secs(seconds));
        assert_eq!(story.state().notice, Some(Notice::LeavingAlone(word)));
    }
    story.pass_time(Duration::from_secs(10));
    assert_eq!(story.state().state, State::Leaving);
    assert!(!story.camera_open && !story.microphone_open);
    story.conference(ConferenceEvent::Ended(Outcome::Left));
    story.assert_ended(Outcome::NobodyLeft);
}

#[test]
fn people_in_the_room_can_stay_alone_and_those_who_come_first_are_given_an_hour() {
    let mut story = Story::in_meeting();
    arrive(&mut story, vec![person("a")]);
    arrive(&mut story, vec![]);
    for _ in 0..10 {
        story.pass_time(Duration::from_secs(290));
        story.command(RoomCommand::Stay);
        assert_eq!(story.state().notice, Some(Notice::Alone));
    }
    // A switch thrown from outside is no sign of life in the room.
    story.pass_time(Duration::from_secs(290));
    story.set(Device::Camera, false, Origin::Remote);
    story.pass_time(Duration::from_secs(10));
    assert_eq!(story.state().state, State::Leaving);
    let mut story = Story::in_meeting();
    story.pass_time(Duration::from_secs(3599));
    assert_eq!(story.state().state, State::InMeeting);
    story.pass_time(Duration::from_secs(1));
    assert_eq!(story.state().state, State::Leaving);
}

#[test]
fn a_move_to_a_side_room_is_said_and_entered_dark() {
    let mut story = Story::in_meeting();
    arrive(&mut story, vec![person("a")]);
    story.conference(ConferenceEvent::Moving);
    story.conference(ConferenceEvent::Reconnecting);
    assert!(banner(&story).starts_with("Vers une autre salle"));
    story.conference(joined());
    story.conference(ConferenceEvent::InRoom(Some("Atelier 2".into())));
    assert_eq!(marks(&story), ["Salle annexe\u{a0}: Atelier 2"]);
    assert_eq!(story.state().notice, Some(Notice::MovedToRoom { side: true }));
    assert!(!story.camera_open && !story.microphone_open && story.state().side_room);
    story.conference(session(2));
    story.session_event(2, SessionEvent::Connected { at_ns: 1 });
    story.conference(ConferenceEvent::Moving);
    story.conference(ConferenceEvent::Reconnecting);
    story.conference(joined());
    story.conference(ConferenceEvent::InRoom(None));
    assert_eq!(story.state().notice, Some(Notice::MovedToRoom { side: false }));
    assert!(marks(&story).is_empty() && !story.state().side_room);
}

#[test]
fn whoever_met_others_and_comes_back_to_an_empty_room_is_not_given_an_hour() {
    let mut story = Story::in_meeting();
    arrive(&mut story, vec![person("a")]);
    story.conference(ConferenceEvent::Reconnecting);
    arrive(&mut story, vec![]);
    story.conference(joined());
    story.pass_time(Duration::from_secs(299));
    assert_eq!(story.state().state, State::InMeeting);
    story.pass_time(Duration::from_secs(1));
    assert_eq!(story.state().state, State::Leaving);
}

#[test]
fn floods_of_messages_and_of_people_at_the_door_are_kept_within_bounds() {
    let mut story = with_policy(ChatPolicy::Public);
    for number in 0..60 {
        story.conference(message(&format!("n{number}"), false));
    }
    let kept = story.room.people().messages;
    assert_eq!(
        (kept.len(), kept[0].text.as_str(), kept[49].text.as_str()),
        (50, "n10", "n59")
    );
    story.conference(ConferenceEvent::Moderator(true));
    let many = (0..80).map(|number| Knocker {
        id: id(&format!("k{number}")),
        name: None,
    });
    story.conference(ConferenceEvent::Knocking(many.collect()));
    assert_eq!(story.state().knocking, 50);
}

#[test]
fn a_refused_password_changes_nothing_and_the_name_of_now_is_not_said_again() {
    let mut story = Story::in_meeting();
    story.conference(ConferenceEvent::PasswordSet { protected: Some(true) });
    story.conference(ConferenceEvent::PasswordSet { protected: None });
    assert_eq!(
        (story.state().protected, story.state().notice),
        (Some(true), Some(Notice::PasswordRefused))
    );
    story.command(RoomCommand::SetName("Salle 9".into()));
    assert_eq!(story.told(), [ConferenceCommand::SetName("Salle 9".into())]);
    story.command(RoomCommand::SetName(" Salle 9 ".into()));
    assert_eq!(story.told(), []);
}
