//! At the door: what the focus and the room answer before the box is in, by XMPP and by HTTP; and a room that moves to
//! another shard.

use std::time::Duration;

use conference::{ConferenceReply, JoinRefusal, Options};
use end_to_end::wait_for;

use crate::stage::{PATIENCE, ROOM, Stage, conference, join, options};

/// Joins, and gives the outcome and what people read.
fn attempt(options: Options, arguments: &[&str]) -> (String, String) {
    let conference = conference(options);
    let mut room_box = join(&conference, arguments);
    let status = room_box.wait(PATIENCE);
    assert!(status.is_some(), "{}", room_box.words());
    let report = room_box.report().expect("a report");
    assert_eq!(conference.verdict(), [], "{}", room_box.words());
    (
        report["outcome"].as_str().unwrap_or_default().to_owned(),
        room_box.words(),
    )
}

#[test]
fn every_refusal_of_the_room_has_its_own_name() {
    for (refusals, outcome) in [
        (vec![JoinRefusal::Full], "room-full"),
        (vec![JoinRefusal::DisplayNameRequired], "display-name-required"),
        (vec![JoinRefusal::MembersOnly], "members-only"),
        (vec![JoinRefusal::AuthenticationRequired], "login-required"),
        (vec![JoinRefusal::NoMainParticipants], "visitor-only"),
        (vec![JoinRefusal::PromotionNotAllowed], "visitor-only"),
        (vec![JoinRefusal::NoVisitorsLobby], "visitor-only"),
        (vec![JoinRefusal::Banned], "banned"),
        (vec![JoinRefusal::CreationRestricted; 4], "creation-restricted"),
        (vec![JoinRefusal::DoesNotExist; 4], "creation-restricted"),
    ] {
        let options = Options {
            join_refusals: refusals.clone(),
            peers: 1,
            ..options()
        };
        assert_eq!(attempt(options, &[]).0, outcome, "{refusals:?}");
    }
}

#[test]
fn the_servers_own_words_are_read_by_people() {
    let options = Options {
        join_refusals: vec![JoinRefusal::InvalidResource],
        ..options()
    };
    let (outcome, words) = attempt(options, &[]);
    assert_eq!(outcome, "entry-refused");
    assert!(words.contains("The service says: Invalid resource"), "{words}");
}

#[test]
fn a_room_that_is_created_late_is_tried_again() {
    let options = Options {
        join_refusals: vec![JoinRefusal::CreationRestricted; 3],
        ..options()
    };
    assert_eq!(attempt(options, &["--for", "2s"]).0, "left");
}

#[test]
fn a_token_for_another_room_is_told_with_the_servers_reason() {
    let conference = conference(Options {
        token_secret: Some("secret of the test".into()),
        ..options()
    });
    let token = conference.token("another", 600).expect("a token");
    let url = format!("{}?jwt={token}", conference.room_url(ROOM));
    let mut room_box = end_to_end::RoomBox::join(&url, &end_to_end::Join::default()).expect("roomd starts");
    assert!(room_box.wait(PATIENCE).is_some(), "{}", room_box.words());
    assert_eq!(
        room_box.report().expect("a report")["outcome"],
        "token-for-another-room"
    );
    assert!(
        room_box.words().contains("The service says: Room and token mismatched"),
        "{}",
        room_box.words()
    );
}

/// Replies after which the box joins all the same.
const PATIENTLY: [ConferenceReply; 5] = [
    ConferenceReply::NotReady,
    ConferenceReply::SessionInvalid,
    ConferenceReply::Unavailable,
    ConferenceReply::NotAuthorized,
    ConferenceReply::NotLive,
];

#[test]
fn each_reply_that_says_later_leads_in_later_by_xmpp_and_by_http() {
    for by_http in [false, true] {
        let options = Options {
            conference_replies: PATIENTLY.to_vec(),
            conference_request_by_http: by_http,
            ..options()
        };
        let (outcome, words) = attempt(options, &["--for", "2s"]);
        assert_eq!(outcome, "left", "{words}");
        assert!(
            words.contains("Meeting not open yet") && words.contains("Service busy"),
            "{words}"
        );
    }
}

#[test]
fn a_reservation_and_a_visitors_seat_end_the_try_in_words() {
    let scripted = |reply, by_http| Options {
        conference_replies: vec![reply],
        conference_request_by_http: by_http,
        peers: 1,
        ..options()
    };
    let (outcome, words) = attempt(scripted(ConferenceReply::ReservationError(20), false), &[]);
    assert_eq!(outcome, "reservation-refused");
    assert!(words.contains("The service says: no such reservation"), "{words}");
    for by_http in [false, true] {
        assert_eq!(
            attempt(scripted(ConferenceReply::VisitorNode, by_http), &[]).0,
            "visitor-only"
        );
    }
}

#[test]
fn a_focus_that_does_not_answer_at_all_is_asked_again() {
    for by_http in [false, true] {
        let options = Options {
            conference_replies: vec![ConferenceReply::Silence],
            conference_request_by_http: by_http,
            ..options()
        };
        let conference = conference(options);
        let mut room_box = join(&conference, &["--for", "1s"]);
        assert!(room_box.wait(2 * PATIENCE).is_some(), "{}", room_box.words());
        assert_eq!(room_box.report().expect("a report")["outcome"], "left");
        assert_eq!(conference.verdict(), [], "{}", room_box.words());
    }
}

#[test]
fn a_room_that_moves_to_another_shard_is_entered_anew_and_dark() {
    let stage = Stage::in_meeting(Options {
        keep_alive_ms: Some(5_000),
        ..options()
    });
    stage.wait("the camera is on", |stage| stage.room_box.state("/camera/open") == true);
    let first = stage.guest();
    // The first answer comes 5 s after joining; a shard that changes before it is nobody's shard yet.
    let asked = |stage: &Stage| stage.conference.keep_alives() >= 1;
    stage.wait("the first keep-alive was answered", asked);
    stage.conference.move_to_shard("elsewhere");
    let moved = wait_for(2 * PATIENCE, || stage.guest().joined_ns != first.joined_ns);
    assert!(moved, "{}", stage.room_box.state(""));
    stage.wait("it is in the meeting again", |stage| {
        stage.room_box.state("/state") == "in-meeting"
    });
    stage.is_dark();
    let old = stage.conference.participants();
    let ghosts = old.iter().filter(|one| !one.peer && one.gone_ns.is_none()).count();
    assert_eq!(ghosts, 1, "never twice in the room");
    stage.leave_and_judge();
}

#[test]
fn a_token_that_runs_out_in_a_long_meeting_ends_it_by_name_when_the_connection_is_lost_and_not_before() {
    let conference = conference(Options {
        token_secret: Some("secret of the test".into()),
        ..options()
    });
    let token = conference.token(ROOM, 8).expect("a token");
    let url = format!("{}?jwt={token}", conference.room_url(ROOM));
    let mut room_box = end_to_end::RoomBox::join(&url, &end_to_end::Join::default()).expect("roomd starts");
    let begun = std::time::Instant::now();
    assert!(
        wait_for(PATIENCE, || conference.guest().is_some()),
        "{}",
        room_box.words()
    );
    assert!(wait_for(PATIENCE, || begun.elapsed() > Duration::from_secs(10)));
    assert!(
        conference.guest().is_some_and(|guest| guest.gone_ns.is_none()),
        "the server lets who is in stay in"
    );
    conference.cut_websocket(Duration::from_millis(100));
    let status = room_box.wait(PATIENCE).expect("no endless tries");
    assert_eq!(status.code(), Some(31), "{}", room_box.words());
    assert_eq!(room_box.report().expect("a report")["outcome"], "token-expired");
}
