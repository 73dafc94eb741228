//! Ways that do not lead in: one named outcome each.

use conference::Options;
use end_to_end::{Join, RoomBox};

use crate::stage::{PATIENCE, ROOM, conference, join, options};

fn outcome(mut room_box: RoomBox) -> (String, i64) {
    let status = room_box.wait(PATIENCE).expect("it ends by itself");
    let report = room_box
        .report()
        .unwrap_or_else(|| panic!("a report; {}", room_box.words()));
    assert_eq!(report["exit_code"].as_i64(), status.code().map(i64::from));
    assert!(room_box.words().lines().count() > 0, "a person is told");
    (
        report["outcome"].as_str().unwrap_or_default().to_owned(),
        report["exit_code"].as_i64().unwrap_or(-1),
    )
}

fn to(url: &str) -> RoomBox {
    RoomBox::join(url, &Join::default()).expect("roomd starts")
}

#[test]
fn an_address_that_is_none_is_a_wrong_url() {
    assert_eq!(outcome(to("the big room")), ("wrong-url".into(), 20));
}

#[test]
fn an_address_where_nothing_listens_is_unreachable() {
    assert_eq!(
        outcome(to("https://127.0.0.1:9/Room123")),
        ("host-unreachable".into(), 21)
    );
}

#[test]
fn a_wrong_password_is_told_apart_from_a_missing_one() {
    let conference = conference(Options {
        password: Some("sésame".into()),
        ..options()
    });
    assert_eq!(outcome(join(&conference, &["--password", "wrong"])).0, "password-wrong");
    assert_eq!(outcome(join(&conference, &[])).0, "password-required");
    assert_eq!(conference.guest().map(|guest| guest.name), None, "it was never in");
}

#[test]
fn an_account_that_the_service_does_not_know_is_refused_by_name() {
    let conference = conference(Options {
        accounts: vec![("salle4".into(), "right".into())],
        ..options()
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    std::fs::write(&path, "wrong").unwrap();
    let refused = join(
        &conference,
        &["--user", "salle4", "--user-password-file", path.to_str().unwrap()],
    );
    assert_eq!(outcome(refused).0, "account-refused");
    assert_eq!(conference.guest().map(|guest| guest.name), None, "it was never in");
}

#[test]
fn a_token_that_the_service_does_not_accept_is_refused() {
    let conference = conference(Options {
        token_secret: Some("secret of the test".into()),
        ..options()
    });
    let url = format!(
        "{}?jwt=eyJhbGciOiJIUzI1NiJ9.eyJyb29tIjoiKiJ9.AAAA",
        conference.room_url(ROOM)
    );
    assert_eq!(outcome(to(&url)).0, "token-refused");
}

#[test]
fn a_token_of_yesterday_is_too_old() {
    let conference = conference(Options {
        token_secret: Some("secret of the test".into()),
        ..options()
    });
    let token = conference.token(ROOM, -3600).expect("a token");
    assert_eq!(
        outcome(to(&format!("{}?jwt={token}", conference.room_url(ROOM)))).0,
        "token-expired"
    );
}
