//! The log of a box, as an administrator reads it from afar.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use end_to_end::wait_for;
use rustix::process::Signal;
use serde_json::Value;

use crate::desk::{Desk, LIST, ROOMS};
use crate::stage::PATIENCE;

/// `roomctl logs --follow` that runs, line by line.
struct Follower {
    child: Child,
    lines: Receiver<String>,
}

impl Follower {
    fn start(desk: &Desk, more: &[&str]) -> Self {
        let words = [&["logs", "lyon-412", "--follow"], more].concat();
        let mut child = desk.program(&words).stdout(Stdio::piped()).spawn().unwrap();
        let (told, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| told.send(line)));
        Self { child, lines }
    }

    /// Waits for a line with this in it.
    fn until(&self, words: &str) -> String {
        let end = Instant::now() + PATIENCE * 3;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("waited in vain for {words}"));
            if line.contains(words) {
                return line;
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[test]
fn what_a_box_writes_is_read_and_followed_over_its_restart_until_it_is_gone() {
    let (desk, mut room_box) = Desk::with_a_room("alice", LIST, ROOMS, "warn");
    let volume = |percent: &str| desk.roomctl(&["command", "lyon-412", "av.volume", &format!("percent={percent}")]);
    volume("30");
    let said = desk.roomctl(&["logs", "lyon-412"]);
    assert!(said.contains("av.volume") && said.contains(" INFO "), "{said}");
    let grave = desk.roomctl(&["logs", "lyon-412", "--level", "warn"]);
    assert!(!grave.contains(" INFO "), "{grave}");
    let nothing = desk.roomctl(&["logs", "lyon-412", "--since", "0s"]);
    assert_eq!(nothing, "");

    let mut follower = Follower::start(&desk, &["-o", "json"]);
    // What was before comes with the answer: from then on the box sends what it writes.
    follower.until("av.volume");
    volume("31");
    let line: Value = serde_json::from_str(&follower.until("av.volume")).unwrap();
    assert_eq!(
        (line["level"].as_str(), line["at"].is_string()),
        (Some("info"), true),
        "{line}"
    );
    room_box.signal(Signal::KILL);
    room_box.start_again().unwrap();
    volume("32");
    follower.until("av.volume");
    end_to_end::send(follower.child.id(), Signal::INT);
    assert_eq!(follower.child.wait().unwrap().code(), Some(130), "Ctrl-C");

    room_box.signal(Signal::TERM);
    assert!(room_box.wait(PATIENCE).is_some());
    assert!(wait_for(PATIENCE * 2, || desk.room()["online"] == false));
    let said = desk.program(&["logs", "lyon-412"]).output().unwrap();
    let words = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(5), "{words}");
    assert!(
        words.contains("lyon-412 is not there") && words.contains("roomctl doctor"),
        "{words}"
    );
}
