//! Every outcome of the tables in §1–§4 of `specs/jitsi-client.md`, and the test that names it. A row without a test, or
//! with one that is not there any more, fails.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Section and outcome; file and name of its test.
type Row = (&'static str, &'static str, &'static str, &'static str);

const ENTRY: &str = "tests/stories/entry.rs";
const OUTCOMES: &str = "tests/stories/outcomes.rs";
const LOBBY: &str = "tests/stories/lobby.rs";
const RECOVERY: &str = "tests/stories/recovery.rs";
const SESSION: &str = "tests/stories/session.rs";
const REQUEST: &str = "src/conference_request.rs";
const HTTP: &str = "tests/stories/conference_http.rs";
const KEEP_ALIVE: &str = "tests/stories/keep_alive.rs";

/// The tables.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("§1", "guest: ANONYMOUS on the guests' domain; token: on the main one", ENTRY, "guests_authenticate_on_the_guests_domain_and_tokens_on_the_main_one"),
    ("§1", "a token that is refused, expired, or for another room", OUTCOMES, "each_refusal_of_a_token"),
    ("§1", "a service that wants an account", OUTCOMES, "a_service_that_wants_an_account"),
    ("§1", "no host, no trust", OUTCOMES, "no_host_and_no_trust"),
    ("§1", "no conference service", OUTCOMES, "something_that_is_no_conference_service"),
    ("§1", "components announced by disco#info: only they are heeded", "tests/stories/components.rs", "only_the_announced_component_is_heeded"),
    ("§1", "components pushed", "tests/stories/components.rs", "components_that_are_pushed_before_the_session_is_bound_are_known"),
    ("§1", "component messages before the announcement are buffered", "tests/stories/components.rs", "what_a_component_says_before_it_is_known_is_heard_afterwards"),
    ("§1", "TURN credentials: the first metadata counts", "src/muc/json_message.rs", "the_first_metadata_has_relays_and_later_ones_do_not"),
    ("§1", "keep-alive at 5 s, then every minute or two", KEEP_ALIVE, "the_first_comes_after_five_seconds_and_the_next_a_minute_or_two_later"),
    ("§1", "x-jitsi-shard changed: leave and rejoin", KEEP_ALIVE, "a_room_that_has_moved_is_left_and_entered_anew_on_a_new_connection_and_dark"),
    ("§1", "unknown IQs get service-unavailable", "tests/stories/meeting.rs", "questions_of_the_server_are_answered"),
    ("§1", "resume: previd, the stream goes on", "tests/stories/resumption.rs", "a_cut_socket_is_opened_again_at_once_with_previd_and_nothing_else_changes"),
    ("§1", "resume: failed, start anew", "tests/stories/resumption.rs", "a_server_that_does_not_know_the_stream_any_more_is_entered_anew_and_dark"),
    ("§1", "resume: none with an expired token", "tests/stories/resumption.rs", "nobody_tries_again_with_a_token_that_has_expired"),
    ("§1", "liveness: dead after unanswered pings", RECOVERY, "a_silent_server_is_noticed_by_pings"),
    ("§2", "ready=true: join, keep focusjid", REQUEST, "ready_keeps_the_focus_to_trust"),
    ("§2", "ready=false: repeat after 1, 2, 4 s", ENTRY, "a_busy_focus_is_asked_again_after_one_two_four_seconds"),
    ("§2", "not-authorized: wait and retry", ENTRY, "a_room_nobody_has_opened_is_waited_for"),
    ("§2", "session-invalid, not-acceptable: forget the session id", ENTRY, "a_session_id_that_is_refused_is_forgotten"),
    ("§2", "reservation-error: show, stop; vnode: visitors are refused", OUTCOMES, "each_refusal_of_the_focus"),
    ("§2", "live=false: wait", HTTP, "who_may_not_create_the_room_and_who_is_too_early_waits"),
    ("§2", "every row by IQ", REQUEST, "each_row_of_the_table_has_its_own_outcome"),
    ("§2", "every row by HTTP", REQUEST, "by_http_each_row_of_the_table_has_the_same_outcome"),
    ("§2", "never visitors-version", REQUEST, "the_request_has_a_stable_machine_uid_and_never_a_visitors_version"),
    ("§2", "before every join", ENTRY, "the_focus_is_asked_again_before_every_try_to_join"),
    ("§2", "before every join, by HTTP", HTTP, "it_is_asked_again_before_every_join"),
    ("§2", "no answer at all", OUTCOMES, "a_focus_that_never_answers_and_a_room_that_never_answers"),
    ("§2", "Jingle and mutes only from the trusted focus", "tests/stories/meeting.rs", "nobody_can_switch_a_device_on_and_no_occupant_can_mute_us"),
    ("§3", "status 110: joined", ENTRY, "joined_means_our_own_presence_with_its_status_came_back"),
    ("§3", "not-authorized: password missing or wrong", ENTRY, "a_password_is_asked_for_and_typed_and_asked_for_again_when_wrong"),
    ("§3", "registration-required with lobbyroom: lobby", LOBBY, "the_box_waits_in_the_lobby_under_another_nick_and_without_a_request_for_it"),
    ("§3", "registration-required without: members only", LOBBY, "a_room_that_names_no_usable_lobby_admits_members_only"),
    ("§3", "waiting-for-host", LOBBY, "waiting_for_the_host_is_the_same_door_with_other_words"),
    ("§3", "displayname-required: add a name", OUTCOMES, "a_nameless_box_names_itself_where_the_room_wants_a_name"),
    ("§3", "service-unavailable: full; authentication-required; visitor policies; banned; other", OUTCOMES, "each_refusal_of_the_room"),
    ("§3", "creation restricted: three times more", OUTCOMES, "a_room_that_the_service_never_creates_is_given_up_after_three_more_tries"),
    ("§3", "other text: stop, show", OUTCOMES, "the_services_own_words_are_passed_on_with_its_refusal"),
    ("§3", "conflict: new nick", ENTRY, "a_nick_that_is_taken_is_changed"),
    ("§3", "conflict each time", OUTCOMES, "four_nicks_that_are_all_taken_are_a_refusal"),
    ("§3", "lobby: admitted", LOBBY, "who_is_admitted_asks_the_focus_again_joins_and_then_leaves_the_lobby"),
    ("§3", "lobby: admitted with a password", LOBBY, "the_invitation_may_bring_the_rooms_password"),
    ("§3", "lobby: denied", LOBBY, "a_kick_from_the_lobby_means_denied"),
    ("§3", "lobby: destroyed with jid", LOBBY, "a_lobby_that_is_switched_off_opens_the_way_into_the_room"),
    ("§3", "lobby: destroyed without jid", LOBBY, "a_lobby_that_ends_without_another_room_means_that_the_meeting_is_over"),
    ("§3", "kicked and banned: no rejoin", OUTCOMES, "a_ban_in_the_meeting_is_told_apart_from_a_kick"),
    ("§3", "destroyed: ended or elsewhere", "src/muc/presence.rs", "a_destroyed_room_names_the_next_one_or_ends"),
    ("§3", "unavailable with ignore: nobody is gone", "src/muc/presence.rs", "others_leave_and_ignored_ones_are_not_gone"),
    ("§3", "focus leaves: rejoin with a new request", RECOVERY, "a_focus_that_leaves_is_asked_back"),
    ("§3", "focus stays away", RECOVERY, "a_focus_that_stays_away_ends_in_a_named_outcome"),
    ("§3", "kicked: no rejoin", "tests/stories/leaving.rs", "kicked_is_over_and_does_not_come_back"),
    ("§3", "destroyed: the meeting is over", "tests/stories/leaving.rs", "a_meeting_ended_for_all_is_called_so"),
    ("§3", "leaving order", "tests/stories/leaving.rs", "the_box_leaves_in_the_written_order"),
    ("§3", "idle: expired, the next arrival brings a new session", RECOVERY, "an_idle_session_ends_and_the_next_arrival_brings_a_new_one"),
    ("§4", "result before media work", SESSION, "the_offer_is_acknowledged_before_the_plan_and_answered_when_the_worker_has_described_itself"),
    ("§4", "error to session-initiate", SESSION, "an_offer_that_cannot_be_used_is_refused_and_changes_nothing"),
    ("§4", "unknown sid, unknown action", SESSION, "stale_sessions_and_unknown_actions_are_refused_once_each"),
    ("§4", "startmuted", SESSION, "an_offer_that_wants_us_muted_mutes_us_once"),
    ("§4", "session-accept refused", RECOVERY, "an_answer_the_focus_refuses_makes_the_box_enter_anew"),
    ("§4", "source-add, source-remove", SESSION, "sources_come_go_and_leave_with_their_owner"),
    ("§4", "our source change refused", SESSION, "a_change_of_our_sources_that_is_refused_leads_to_a_new_session_with_all_of_them"),
    ("§4", "terminate moving: rebuild in the room", RECOVERY, "a_bridge_that_moves_us_brings_a_new_session_in_the_same_room"),
    ("§4", "terminate, no new initiate in 30 s: leave and rejoin", RECOVERY, "a_session_that_is_not_offered_again_makes_the_box_enter_anew"),
    ("§4", "ICE failure: full restart with the current bridge session", RECOVERY, "failed_media_ask_for_a_new_session_on_the_same_bridge_session_without_leaving"),
    ("§4", "ICE restart in place: a full restart instead", SESSION, "an_ice_restart_in_place_is_declined_by_demanding_a_new_session_and_candidates_alone_are_not"),
    ("§4", "full restart: 5 s apart, 5 a minute", RECOVERY, "new_sessions_are_demanded_five_seconds_apart_and_after_five_in_a_minute_the_room_is_entered_anew"),
    ("§4", "restart refused: rejoin", RECOVERY, "a_refused_demand_makes_the_box_enter_anew"),
    ("§4", "P2P: decline, the bridge session stays", SESSION, "a_direct_session_is_declined_and_the_one_with_the_bridge_stays"),
];

fn function(source: &str, name: &str) -> bool {
    source.contains(&format!("fn {name}("))
}

#[test]
fn every_outcome_of_the_tables_has_a_test_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut missing = Vec::new();
    for (section, outcome, file, test) in ROWS {
        let source = std::fs::read_to_string(root.join(file)).unwrap_or_default();
        let at = source.find(&format!("fn {test}("));
        let is_test = at.is_some_and(|at| source[..at].trim_end().ends_with("#[test]"));
        if !is_test {
            missing.push(format!("{section} {outcome}: {file} has no test {test}"));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn no_row_stands_twice() {
    let rows: BTreeSet<_> = ROWS.iter().map(|(section, outcome, ..)| (section, outcome)).collect();
    assert_eq!(rows.len(), ROWS.len());
}

/// The variants of an enum, as its source has them.
fn variants(file: PathBuf, name: &str) -> BTreeSet<String> {
    let source = std::fs::read_to_string(file).unwrap();
    let body = source.split_once(&format!("pub enum {name} {{")).unwrap().1;
    let body = body.split_once("\n}").unwrap().0;
    let variants = body
        .lines()
        .filter(|line| line.starts_with("    ") && !line.starts_with("     "));
    let names = variants.map(|line| {
        line.trim()
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
    });
    names.filter(|name| !name.is_empty()).collect()
}

/// What a parser can give is what some test names: a new variant without a test fails here.
#[test]
fn every_answer_that_can_be_read_is_named_by_a_story_or_a_parser_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (file, name) in [
        ("src/conference_request.rs", "Reply"),
        ("src/muc/join_error.rs", "JoinError"),
        ("src/muc/presence.rs", "UnavailableCause"),
    ] {
        let source = std::fs::read_to_string(root.join(file)).unwrap();
        let tests = source.split_once("mod tests {").unwrap().1;
        let all = variants(root.join(file), name);
        assert!(all.len() > 5, "{name}: {all:?}");
        for variant in all {
            assert!(
                tests.contains(&format!("{name}::{variant}")),
                "{name}::{variant} has no test in {file}"
            );
        }
    }
}

#[test]
fn the_room_outcomes_that_the_door_can_end_in_are_each_expected_by_a_story() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stories: String = std::fs::read_dir(root.join("tests/stories"))
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    for outcome in variants(root.join("../room/src/outcome.rs"), "Outcome") {
        // Decided by the room itself, not by the participant; its own tests name them.
        let of_the_room = [
            "NobodyLeft",
            "NotOpened",
            "NotAdmitted",
            "PasswordRequired",
            "PasswordWrong",
            "MediaWorkerFailed",
        ];
        if !of_the_room.contains(&outcome.as_str()) {
            let named = stories.contains(&format!("Outcome::{outcome}"));
            assert!(named, "no story of the participant expects Outcome::{outcome}");
        }
    }
    assert!(function(
        &stories,
        "leaving_works_while_waiting_and_takes_the_lobby_along"
    ));
}
