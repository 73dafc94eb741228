//! One root follows another, as an administrator types it, with a real broker and a real box.

use end_to_end::wait_for;
use rustix::process::Signal;
use serde_json::Value;

use crate::desk::{BOX, Desk, LIST, ROOMS, SERIAL};
use crate::stage::PATIENCE;

/// Types it; how it ended, and what was said beside the output.
fn ends(desk: &Desk, words: &[&str]) -> (Option<i32>, String) {
    let output = desk.program(words).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// The roots that the box keeps.
fn trusted(desk: &Desk) -> Vec<Value> {
    let identity = std::fs::read(desk.path(&format!("sticks/{SERIAL}/identity.json"))).unwrap();
    let identity: Value = serde_json::from_slice(&identity).unwrap();
    identity["trust"]["roots"].as_array().unwrap().clone()
}

#[test]
fn a_root_takes_the_place_of_another_and_no_box_is_left_behind() {
    let (mut desk, mut room_box) = Desk::with_a_room("alice", LIST, ROOMS, "warn,roomd::fleet=info");
    let first = trusted(&desk);
    room_box.signal(Signal::TERM);
    assert!(room_box.wait(PATIENCE).is_some());
    assert!(wait_for(PATIENCE * 2, || desk.room()["online"] == false));
    assert_eq!(ends(&desk, &["root", "status"]).0, Some(2), "nothing has begun");

    // A box that was there a moment ago is waited for.
    desk.roomctl(&["root", "begin"]);
    let (code, words) = ends(&desk, &["root", "switch"]);
    assert!(code == Some(1) && words.contains(BOX), "{code:?}: {words}");
    room_box.start_again().unwrap();
    let follows = || {
        desk.roomctl(&["root", "status"])
            .contains("1 of 1 boxes follow; nobody is waited for")
    };
    assert!(wait_for(PATIENCE * 3, follows), "{}", room_box.words());
    assert_eq!(trusted(&desk).len(), 2);

    let (code, words) = ends(&desk, &["root", "finish"]);
    assert!(code == Some(2) && words.contains("root switch"), "{code:?}: {words}");
    desk.roomctl(&["root", "switch"]);
    let (code, words) = ends(&desk, &["root", "finish"]);
    assert!(
        code == Some(3) && words.contains("broker.pem"),
        "the broker is as it was: {code:?}: {words}"
    );
    desk.start_broker_anew();
    desk.roomctl(&["command", "lyon-412", "av.volume", "percent=31", "--wait", "120s"]);
    assert_eq!(room_box.state("/volume"), 0.31);

    desk.roomctl(&["root", "finish"]);
    let alone = || {
        let roots = trusted(&desk);
        roots.len() == 1 && roots != first
    };
    assert!(wait_for(PATIENCE * 3, alone), "{}", room_box.words());
    // What is applied from now on is signed under the new root, says so, and changes nothing else.
    let applied = desk.roomctl(&["apply", "-f", "fleet/", "--wait", "60s"]);
    assert!(applied.contains("0 published, 1 unchanged"), "{applied}");
    room_box.signal(Signal::KILL);
    room_box.start_again().unwrap();
    desk.roomctl(&["command", "lyon-412", "av.volume", "percent=32", "--wait", "120s"]);
    assert_eq!(room_box.state("/volume"), 0.32);
    assert!(!desk.path("next-root.key").exists() && desk.path("retired-root.key").exists());
}
