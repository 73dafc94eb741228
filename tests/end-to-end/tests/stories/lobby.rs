//! The lobby: waiting in it, and every way in which waiting ends.

use conference::{Conference, Lobby, LobbyOrder, Options};
use end_to_end::{Devices, Place, RoomBox, wait_for};

use crate::stage::{PATIENCE, ROOM, Stage, conference, join, options};

fn lobby(kind: Lobby) -> Options {
    Options {
        lobby: Some(kind),
        ..options()
    }
}

/// A box that waits in the lobby, as the moderators and the people in its room see it.
fn waiting(conference: &Conference, words: &str, arguments: &[&str]) -> RoomBox {
    let room_box = join(conference, arguments);
    let there = wait_for(PATIENCE, || {
        conference.waiting().len() == 1 && room_box.words().contains(words)
    });
    assert!(there, "{:?} {}", conference.waiting(), room_box.words());
    assert!(conference.guest().is_none(), "it is not in the room");
    room_box
}

fn ended(mut room_box: RoomBox, outcome: &str, conference: &Conference) {
    let status = room_box.wait(PATIENCE);
    assert!(status.is_some(), "{}", room_box.words());
    let report = room_box.report().expect("a report");
    assert_eq!(report["outcome"], outcome, "{}", room_box.words());
    let nobody = wait_for(PATIENCE, || conference.waiting().is_empty());
    assert!(nobody, "nobody is left in the lobby");
    assert_eq!(conference.verdict(), [], "{}", room_box.words());
}

fn stays_two_seconds(room_box: RoomBox, conference: &Conference) {
    let joined = wait_for(PATIENCE, || conference.guest().is_some());
    assert!(joined, "{}", room_box.words());
    ended(room_box, "left", conference);
}

#[test]
fn a_box_that_is_admitted_joins_and_leaves_the_lobby() {
    let conference = conference(lobby(Lobby::Moderated));
    let room_box = waiting(&conference, "Waiting to be admitted", &["--for", "5s"]);
    conference.lobby(ROOM, LobbyOrder::Admit);
    let gone = wait_for(PATIENCE, || {
        conference.guest().is_some() && conference.waiting().is_empty()
    });
    assert!(gone, "{}", room_box.words());
    stays_two_seconds(room_box, &conference);
}

#[test]
fn an_invitation_from_a_locked_room_brings_its_password() {
    let conference = conference(Options {
        password: Some("sésame".into()),
        ..lobby(Lobby::Moderated)
    });
    let room_box = waiting(&conference, "Waiting to be admitted", &["--for", "2s"]);
    conference.lobby(ROOM, LobbyOrder::Admit);
    stays_two_seconds(room_box, &conference);
}

#[test]
fn a_box_that_is_turned_away_says_so() {
    let conference = conference(lobby(Lobby::Moderated));
    let room_box = waiting(&conference, "Waiting to be admitted", &[]);
    conference.lobby(ROOM, LobbyOrder::Deny);
    ended(room_box, "lobby-denied", &conference);
}

#[test]
fn a_lobby_that_is_switched_off_lets_everybody_in() {
    let conference = conference(lobby(Lobby::Moderated));
    let room_box = waiting(&conference, "Waiting to be admitted", &["--for", "2s"]);
    conference.lobby(ROOM, LobbyOrder::Off);
    stays_two_seconds(room_box, &conference);
}

#[test]
fn a_meeting_that_ends_is_over_for_who_waits_too() {
    let conference = conference(lobby(Lobby::Moderated));
    let room_box = waiting(&conference, "Waiting to be admitted", &[]);
    conference.lobby(ROOM, LobbyOrder::Over);
    ended(room_box, "meeting-ended", &conference);
}

#[test]
fn the_host_is_waited_for_in_other_words_and_opens_the_door_by_coming() {
    let conference = conference(lobby(Lobby::Host));
    let room_box = waiting(&conference, "Waiting for the host", &["--for", "2s"]);
    conference.lobby(ROOM, LobbyOrder::Off);
    stays_two_seconds(room_box, &conference);
}

#[test]
fn whoever_is_forgotten_in_the_lobby_gives_up_after_its_own_time() {
    let conference = conference(lobby(Lobby::Moderated));
    let room_box = waiting(&conference, "Waiting to be admitted", &["--lobby-wait", "3s"]);
    ended(room_box, "not-admitted", &conference);
}

#[test]
fn a_tenants_lobby_has_brackets_in_its_name() {
    let conference = conference(Options {
        tenant: Some("Ministere".into()),
        room: None,
        ..lobby(Lobby::Moderated)
    });
    let room_box = waiting(&conference, "Waiting to be admitted", &["--for", "2s"]);
    assert!(
        conference.waiting()[0].room.starts_with('['),
        "{:?}",
        conference.waiting()
    );
    conference.lobby(ROOM, LobbyOrder::Admit);
    stays_two_seconds(room_box, &conference);
}

#[test]
fn a_daemon_leaves_while_it_waits_and_nobody_stays_in_the_lobby() {
    let conference = conference(lobby(Lobby::Moderated));
    let room_box = RoomBox::daemon(&end_to_end::Devices::default()).expect("roomd runs");
    let stage = Stage { conference, room_box };
    stage.join(false);
    stage.wait("the moderators see it wait", |stage| {
        stage.conference.waiting().len() == 1
    });
    assert_eq!(stage.room_box.state("/state"), "waiting");
    assert_eq!(stage.room_box.state("/camera/open"), false);
    stage.tell(r#"{"command":"leave"}"#);
    stage.wait("it is idle", |stage| stage.room_box.state("/state") == "idle");
    stage.wait("the lobby is empty", |stage| stage.conference.waiting().is_empty());
    assert_eq!(stage.conference.verdict(), []);
}

/// A box that came first and is the moderator, with the lobby switched on.
fn moderating(leave_when_alone_s: u32) -> Stage {
    let conference = conference(Options { peers: 0, ..options() });
    let place = Place {
        configuration: format!("leave_when_alone_s = {leave_when_alone_s}"),
        ..Place::default()
    };
    let room_box = RoomBox::daemon_in(&place, &Devices::default()).expect("roomd runs");
    let stage = Stage { conference, room_box };
    stage.join(false);
    stage.wait("the box is the moderator", |stage| {
        stage.room_box.state("/moderator") == true
    });
    stage
}

/// The one who waits, as the control socket tells: id and name.
fn knocker(stage: &Stage) -> Option<(String, String)> {
    let people = stage.room_box.ask(r#"{"command":"people"}"#).ok()?;
    let one = people.pointer("/people/knocking/0")?;
    Some((one["id"].as_str()?.to_owned(), one["name"].as_str()?.to_owned()))
}

#[test]
fn a_box_that_is_the_moderator_says_who_knocks_turns_one_away_and_lets_another_in() {
    let stage = moderating(300);
    stage.conference.lobby(ROOM, LobbyOrder::On(Lobby::Moderated));
    stage.wait("the box looks who waits", |stage| {
        let frames = stage.conference.transcript();
        let seat = |text: &String| text.starts_with("<presence") && text.contains("@lobby.");
        frames.iter().any(|(from_client, text)| !from_client && seat(text))
    });
    stage.conference.knock(ROOM, "Mallory");
    stage.wait("somebody knocks", |stage| stage.room_box.state("/knocking") == 1);
    let (who, name) = knocker(&stage).expect("somebody waits");
    assert_eq!(name, "Mallory");
    assert!(stage.conference.peers().is_empty(), "nobody else is in");
    stage.tell(&format!(r#"{{"command":"refuse","who":"{who}"}}"#));
    stage.wait("nobody knocks any more", |stage| {
        stage.room_box.state("/knocking") == 0 && stage.conference.waiting().is_empty()
    });
    assert!(stage.conference.peers().is_empty(), "turned away");
    stage.conference.knock(ROOM, "Noémie");
    stage.wait("somebody knocks", |stage| knocker(stage).is_some());
    let (who, name) = knocker(&stage).expect("somebody waits");
    assert_eq!(name, "Noémie");
    stage.tell(&format!(r#"{{"command":"admit","who":"{who}"}}"#));
    stage.wait("she is in", |stage| {
        let peers = stage.conference.peers();
        peers.len() == 1 && peers[0].name == "Noémie"
    });
    stage.wait("she is on the wall", |stage| stage.room_box.state("/pictures") == 1);
    stage.wait("nobody knocks any more", |stage| {
        stage.room_box.state("/knocking") == 0 && stage.conference.waiting().is_empty()
    });
    stage.leave_and_judge();
}

#[test]
fn a_box_that_became_the_moderator_can_set_a_password_and_leaves_when_it_is_left_alone() {
    let stage = moderating(3);
    assert_eq!(
        stage.room_box.state("/notice"),
        "moderator",
        "it offers to set a password"
    );
    stage.tell(r#"{"command":"roomPassword","password":"sésame"}"#);
    stage.wait("the room is protected", |stage| {
        stage.room_box.state("/protected") == true
    });
    let stranger = join(&stage.conference, &["--password", "ouvre-toi"]);
    ended(stranger, "password-wrong", &stage.conference);
    let friend = join(&stage.conference, &["--password", "sésame", "--for", "3s"]);
    ended(friend, "left", &stage.conference);
    stage.wait("the box has left by itself", |stage| {
        stage.room_box.state("/state") == "idle"
    });
    assert_eq!(stage.room_box.state("/outcome"), "nobody-left");
    stage.wait("nobody is in the room", |stage| {
        let all = stage.conference.participants();
        all.iter().all(|one| one.gone_ns.is_some())
    });
    assert_eq!(stage.conference.verdict(), [], "{}", stage.room_box.words());
}
