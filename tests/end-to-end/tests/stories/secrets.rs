//! What must not be written anywhere, even when everything is logged.

use conference::Options;
use end_to_end::{Join, RoomBox, wait_for};

use crate::stage::{PATIENCE, ROOM, conference, options};

#[test]
fn no_password_token_or_name_is_in_the_log_or_in_the_workers_environment() {
    let conference = conference(Options {
        password: Some("sésame".into()),
        ..options()
    });
    // This service wants no token; the box sends it all the same.
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJyb29tIjoiKiJ9.c2VjcmV0".to_owned();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, &token).unwrap();
    let join = Join {
        arguments: ["--name", "Salle Zéphyr", "--token-file", path.to_str().unwrap()]
            .map(String::from)
            .to_vec(),
        environment: [("ROOMD_PASSWORD", "sésame"), ("ROOMD_LOG", "trace")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        ..Join::default()
    };
    let room_box = RoomBox::join(&conference.room_url(ROOM), &join).expect("roomd starts");
    let seen = || conference.far_side().first_frame_ns.is_some();
    assert!(wait_for(PATIENCE, seen), "{}", room_box.words());

    let worker = room_box.worker_pid().expect("a worker");
    for file in ["environ", "cmdline"] {
        let text = std::fs::read(format!("/proc/{worker}/{file}")).unwrap();
        let text = String::from_utf8_lossy(&text);
        assert!(
            !text.contains("sésame") && !text.contains(&token),
            "the worker's {file}"
        );
    }
    let command_line = std::fs::read(format!("/proc/{}/cmdline", room_box.pid())).unwrap();
    assert!(
        !String::from_utf8_lossy(&command_line).contains(&token),
        "the token is on the command line"
    );

    let words = room_box.words();
    assert!(words.contains("TRACE"), "everything is logged: {words}");
    let peers = conference.peers().into_iter().map(|peer| peer.name);
    let forbidden = ["sésame".to_owned(), token, "Salle Zéphyr".to_owned()]
        .into_iter()
        .chain(peers);
    for text in forbidden {
        assert!(!words.contains(&text), "{text} is in the log");
    }
}
