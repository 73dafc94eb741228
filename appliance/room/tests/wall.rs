//! Stories of the wall: who is large, who is seen, what is asked of the conference.
#![allow(clippy::unwrap_used, reason = "a test that meets nothing shall stop")]

mod common;

use std::time::Duration;

use common::*;
use room::conference::{ConferenceCommand, ConferenceEvent, Participant, ReceiveWish};
use room::{Origin, RoomOptions, WorkerInput};

fn arrive(story: &mut Story, people: Vec<Participant>) {
    story.conference(ConferenceEvent::Participants(people));
}

fn speaks(story: &mut Story, name: &str) {
    story.conference(ConferenceEvent::DominantSpeaker(Some(id(name))));
}

fn tiles(story: &Story) -> Vec<String> {
    story
        .plan()
        .wall
        .as_ref()
        .unwrap()
        .tiles
        .iter()
        .map(|tile| tile.id.clone())
        .collect()
}

fn people(names: &[&str]) -> Vec<Participant> {
    names.iter().map(|name| person(name)).collect()
}

#[test]
fn the_stage_is_asked_for_large_and_the_others_small() {
    let mut story = Story::in_meeting();
    arrive(&mut story, people(&["a", "b", "c"]));
    let wish = ReceiveWish {
        stage: Some(("a-v0".into(), 720)),
        others: vec![("b-v0".into(), 180), ("c-v0".into(), 180)],
    };
    assert_eq!(story.told(), [ConferenceCommand::Receive(wish)]);
    let tile = &story.plan().wall.as_ref().unwrap().tiles[0];
    assert_eq!((tile.name.as_str(), tile.source.as_deref()), ("A", Some("a-v0")));
}

#[test]
fn a_cough_does_not_take_the_stage_and_a_second_of_speech_does() {
    let mut story = Story::in_meeting();
    arrive(&mut story, people(&["a", "b", "c"]));
    speaks(&mut story, "c");
    assert_eq!(tiles(&story), ["c", "b", "a"], "the first to speak need not wait");
    speaks(&mut story, "b");
    story.pass_time(Duration::from_millis(900));
    assert_eq!(tiles(&story), ["c", "b", "a"]);
    speaks(&mut story, "c");
    story.pass_time(Duration::from_secs(5));
    assert_eq!(tiles(&story), ["c", "b", "a"]);
    speaks(&mut story, "b");
    story.pass_time(Duration::from_secs(1));
    assert_eq!(tiles(&story), ["b", "c", "a"], "they swap places, the third stays");
    story.conference(ConferenceEvent::DominantSpeaker(None));
    story.pass_time(Duration::from_secs(5));
    assert_eq!(tiles(&story), ["b", "c", "a"], "silence changes nothing");
}

#[test]
fn at_most_six_are_on_the_wall_and_who_speaks_is_among_them() {
    let mut story = Story::in_meeting();
    arrive(&mut story, people(&["a", "b", "c", "d", "e", "f", "g", "h"]));
    assert_eq!(tiles(&story), ["a", "b", "c", "d", "e", "f"]);
    speaks(&mut story, "h");
    assert_eq!(tiles(&story), ["h", "a", "b", "c", "d", "e"]);
    let told = story.told();
    let ConferenceCommand::Receive(wish) = &told[0] else {
        panic!("{told:?}")
    };
    assert_eq!(wish.others.len(), 5);
    assert_eq!(story.state().participants, 9);
}

#[test]
fn a_shared_screen_takes_the_stage_until_it_ends_and_the_last_one_wins() {
    let mut story = Story::in_meeting();
    let mut all = people(&["a", "b"]);
    arrive(&mut story, all.clone());
    speaks(&mut story, "a");
    all[1].desktop = Some("b-v1".into());
    arrive(&mut story, all.clone());
    assert_eq!(tiles(&story), ["b/screen", "a", "b"]);
    let tile = &story.plan().wall.as_ref().unwrap().tiles[0];
    assert_eq!(
        (tile.name.as_str(), tile.source.as_deref()),
        ("Écran partagé\u{a0}: B", Some("b-v1"))
    );
    all[0].desktop = Some("a-v1".into());
    arrive(&mut story, all.clone());
    assert_eq!(tiles(&story), ["a/screen", "b/screen", "a", "b"]);
    let told = story.told();
    let ConferenceCommand::Receive(wish) = &told[0] else {
        panic!("{told:?}")
    };
    assert_eq!(wish.stage, Some(("a-v1".into(), 720)));
    all[0].desktop = None;
    all[1].desktop = None;
    arrive(&mut story, all);
    assert_eq!(tiles(&story), ["a", "b"]);
}

#[test]
fn before_anybody_speaks_somebody_with_a_picture_is_large() {
    let mut story = Story::in_meeting();
    let mut all = people(&["a", "b"]);
    all[0].camera = None;
    arrive(&mut story, all);
    assert_eq!(tiles(&story), ["b", "a"]);
    assert_eq!(
        story.plan().wall.as_ref().unwrap().tiles[1].source,
        None,
        "the name alone is shown"
    );
}

#[test]
fn who_leaves_is_gone_from_the_wall_and_the_next_takes_the_stage() {
    let mut story = Story::in_meeting();
    arrive(&mut story, people(&["a", "b", "c"]));
    speaks(&mut story, "a");
    arrive(&mut story, people(&["b", "c"]));
    assert_eq!(tiles(&story), ["b", "c"]);
    speaks(&mut story, "c");
    assert_eq!(
        tiles(&story),
        ["c", "b"],
        "nobody on stage has spoken, so the next speaker need not wait"
    );
}

#[test]
fn somebody_without_a_name_and_somebody_with_an_endless_one_are_shown_decently() {
    let mut story = Story::in_meeting();
    let mut all = people(&["a", "b"]);
    all[0].name = Some("  ".into());
    all[1].name = Some("é".repeat(5000));
    arrive(&mut story, all);
    let wall = story.plan().wall.as_ref().unwrap();
    assert_eq!(wall.tiles[0].name, "Sans nom");
    assert_eq!(wall.tiles[1].name.chars().count(), 100);
}

#[test]
fn a_box_without_a_screen_asks_for_no_pictures() {
    let mut given = options();
    given.equipment.display = None;
    let mut story = Story::new(RoomOptions { ..given });
    story.worker(WorkerInput::Started);
    story.command(join(Origin::InRoom, ALL_ON));
    story.conference(joined());
    arrive(&mut story, people(&["a", "b"]));
    assert_eq!(story.told(), []);
    assert_eq!(story.plan().wall, None);
}

#[test]
fn pictures_are_asked_for_again_when_the_meeting_was_entered_anew() {
    let mut story = Story::in_meeting();
    arrive(&mut story, people(&["a"]));
    story.conference(ConferenceEvent::Reconnecting);
    story.conference(joined());
    let receive = |command: &ConferenceCommand| matches!(command, ConferenceCommand::Receive(_));
    assert!(story.told().iter().any(receive));
}
