//! Files that leave a box: its log, and what its wall shows, put where an administrator says, by HTTPS.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use conference::browser::frame_code::Picture;
use end_to_end::files::{Files, Manner};
use fleet::contract::{AnswerStatus, Channel, Code, CommandName, Notice, Urgency};
use serde_json::json;

use crate::fleet::Fleet;
use crate::stage::PATIENCE;

/// Largest file that a box sends (`specs/fleet-mqtt.md §1`: a wall of 1280 by 720, half a MiB of log).
const LARGEST: usize = 1024 * 1024;
/// Parts of a wall that are compared: columns and rows, and the size of the wall.
const GRID: (usize, usize) = (64, 36);
const WALL: (usize, usize) = (1280, 720);
/// A wall is drawn anew each second.
const SETTLED: Duration = Duration::from_millis(2_500);

/// A box that knows a server's authority, and the server.
fn begun() -> (Fleet, Files) {
    let files = Files::start().unwrap();
    let fleet = Fleet::with(&format!(
        "[network]\nca_file = '{}'\n",
        files.authority().file().display()
    ));
    (fleet, files)
}

/// A line of each private key in a folder.
fn keys(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let keys = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "key"));
    keys.map(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        let line = text.lines().nth(1).unwrap_or_default();
        // The beginning is the same in every key of this kind.
        line.get(line.len().saturating_sub(24)..).unwrap_or_default().to_owned()
    })
    .collect()
}

#[test]
fn the_log_arrives_with_what_happened_and_without_any_secret() {
    let (mut fleet, files) = begun();
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJyb29tIjoiKiJ9.c2VjcmV0LXNpZ25hdHVyZQ";
    // Nobody is called there; but the address was heard.
    let address = json!({"url": format!("https://localhost:9/Salle123456?jwt={token}")});
    assert_eq!(fleet.order(CommandName::CallDialUrl, address).code, Code::NotAuthorised);
    fleet.order(CommandName::AvVolume, json!({"percent": 30}));
    let answer = fleet.order(
        CommandName::LogsCollect,
        json!({"url": files.place("log?ticket=planted-ticket")}),
    );
    assert_eq!(
        (answer.status, answer.code),
        (AnswerStatus::Done, Code::Ok),
        "{answer:?}"
    );
    let [taken] = &files.taken()[..] else {
        panic!("{:?}", files.taken().len())
    };
    assert_eq!(taken.path, "/log?ticket=planted-ticket");
    assert!(
        taken.kind.starts_with("text/plain") && taken.body.len() <= LARGEST,
        "{}",
        taken.kind
    );
    let log = String::from_utf8(taken.body.clone()).unwrap();
    for words in ["connected to the fleet", "av.volume", "call.dial_url"] {
        assert!(log.contains(words), "{words}: {log}");
    }
    let mut secrets = keys(fleet.folder.path());
    assert!(
        secrets.len() >= 2 && secrets.iter().all(|line| line.len() == 24),
        "of maker and box"
    );
    secrets.extend([token, "planted-ticket", "Salle123456"].map(String::from));
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret}");
    }
    // The address was for one time.
    let answer = fleet.order(
        CommandName::LogsCollect,
        json!({"url": files.place("log?ticket=planted-ticket")}),
    );
    assert_eq!(
        (answer.code, answer.path.as_deref()),
        (Code::Precondition, Some("/params/url"))
    );
}

/// Brightness of each part of a wall.
fn parts(jpeg: &[u8]) -> Vec<f64> {
    let picture = Picture::from_jpeg(jpeg).expect("a picture");
    let (width, height) = (WALL.0 / GRID.0, WALL.1 / GRID.1);
    let places = (0..GRID.1).flat_map(|row| (0..GRID.0).map(move |column| (column, row)));
    places
        .map(|(column, row)| picture.brightness(column * width, row * height, width, height))
        .collect()
}

/// How many of the parts differ visibly.
fn differing(one: &[f64], other: &[f64]) -> usize {
    one.iter()
        .zip(other)
        .filter(|(one, other)| (**one - **other).abs() > 12.0)
        .count()
}

/// Puts a notice up; the wall with it, once it stays as it is.
fn notice(fleet: &mut Fleet, rev: u64, text: &str) -> Vec<f64> {
    let shown = fleet.stage.room_box.wall().map(|wall| parts(&wall));
    let notice = Notice {
        rev,
        urgency: Some(Urgency::Emergency),
        fr: text.into(),
        en: text.into(),
        exp: jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1),
        reconnect_spread_s: None,
    };
    fleet.publish(&Channel::Notice, notice);
    let last = RefCell::new((Vec::new(), Instant::now()));
    fleet.until("the notice stands on the wall", |fleet| {
        let said = fleet.stage.room_box.state("/bulletins/0/text") == text;
        let wall = parts(&fleet.stage.room_box.wall()?);
        let other = shown.as_ref().is_none_or(|before| differing(before, &wall) > 10);
        if last.borrow().0 != wall {
            last.replace((wall.clone(), Instant::now()));
        }
        (said && other && last.borrow().1.elapsed() > SETTLED).then_some(wall)
    })
}

#[test]
fn a_capture_shows_what_the_wall_shows_and_the_wall_says_that_it_was_made() {
    let (mut fleet, files) = begun();
    let north = notice(&mut fleet, 1, "Évacuez par le nord");
    let answer = fleet.order(CommandName::ScreenCapture, json!({"url": files.place("first")}));
    assert_eq!(
        (answer.status, answer.code),
        (AnswerStatus::Done, Code::Ok),
        "{answer:?}"
    );
    let said = fleet.stage.room_box.state("/notice");
    assert_eq!(said["fromOutside"], "screen-capture", "{said}");
    let quiet = |fleet: &mut Fleet| fleet.stage.room_box.state("/notice").is_null().then_some(());
    fleet.until("the wall has said it", quiet);
    let south = notice(&mut fleet, 2, "Restez dans la salle, fermez les fenêtres et attendez");
    fleet.order(CommandName::ScreenCapture, json!({"url": files.place("second")}));
    let taken = files.taken();
    assert_eq!(
        taken.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(),
        ["/first", "/second"]
    );
    assert!(
        taken
            .iter()
            .all(|file| file.kind == "image/jpeg" && file.body.len() <= LARGEST)
    );
    let [first, second] = [0, 1].map(|index| parts(&taken[index].body));
    let differences = [differing(&first, &north), differing(&second, &south)];
    assert!(differing(&north, &south) > 20, "two walls that can be told apart");
    assert!(
        differences.iter().all(|parts| *parts < 5),
        "{differences:?} of {}",
        north.len()
    );
    assert!(differing(&first, &south) > 20 && differing(&second, &north) > 20);
}

#[test]
fn without_a_signature_nobody_sees_the_wall() {
    let (mut fleet, files) = begun();
    notice(&mut fleet, 1, "Évacuez par le nord");
    let answer = fleet.order_unsigned(CommandName::ScreenCapture, json!({"url": files.place("first")}));
    assert_eq!(
        (answer.status, answer.code),
        (AnswerStatus::Rejected, Code::BadSignature)
    );
    assert!(files.taken().is_empty());
    assert!(fleet.stage.room_box.state("/notice").is_null());
}

#[test]
fn a_server_that_does_not_take_a_file_has_its_word_in_the_answer() {
    let (mut fleet, files) = begun();
    let elsewhere = Files::start().unwrap();
    let refused = |fleet: &mut Fleet, manner: Manner| {
        files.take(manner);
        let answer = fleet.order(CommandName::LogsCollect, json!({"url": files.place("log")}));
        assert_eq!(
            (answer.status, answer.path.as_deref()),
            (AnswerStatus::Failed, Some("/params/url"))
        );
        answer.code
    };
    assert_eq!(refused(&mut fleet, Manner::Refuses(403)), Code::Precondition);
    assert_eq!(refused(&mut fleet, Manner::Refuses(500)), Code::Precondition);
    assert_eq!(refused(&mut fleet, Manner::AtMost(10)), Code::TooLarge);
    let there = elsewhere.place("log");
    assert_eq!(refused(&mut fleet, Manner::Elsewhere(there)), Code::Precondition);
    assert!(elsewhere.taken().is_empty(), "the address was for this server");
    // Whoever waits for the answer hears it before giving up.
    let asked = Instant::now();
    assert_eq!(refused(&mut fleet, Manner::Stalls), Code::Timeout);
    assert!(asked.elapsed() < PATIENCE);
    // A certificate that the box has no reason to trust.
    let answer = fleet.order(CommandName::LogsCollect, json!({"url": elsewhere.place("log")}));
    assert_eq!(answer.code, Code::Precondition, "{answer:?}");
    assert!(files.taken().is_empty() && elsewhere.taken().is_empty());
}
