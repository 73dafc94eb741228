//! `roomctl init`, `claim` and `forget` as they are typed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// An administrator's desk.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let begun = desk.type_in(&["init", "etat", "--broker", "localhost", "--name", "zoe"]);
        assert!(begun.status.success(), "{}", text(&begun.stderr));
        assert!(text(&begun.stdout).contains("roomctl claim"), "it says what comes next");
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn type_in(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roomctl"));
        command
            .current_dir(self.0.path())
            .env("LC_ALL", "C")
            .env_remove("ROOMCTL_OFFICE");
        command.args(words).output().unwrap()
    }

    fn json(&self, words: &[&str]) -> Value {
        let output = self.type_in(&[words, &["-o", "json"]].concat());
        assert!(output.status.success(), "{words:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, mut files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
    folders.iter().for_each(|folder| files.extend(files_below(folder)));
    files
}

#[test]
fn a_list_of_serial_numbers_is_all_that_is_typed_for_many_rooms() {
    let desk = Desk::new();
    let lines: String = (1..=500)
        .map(|number| format!("HC24-{number:06},lyon,lyon-{number}\n"))
        .collect();
    std::fs::write(desk.path("boxes.csv"), format!("serial,site,room\n{lines}")).unwrap();
    let claimed = desk.json(&["claim", "-f", "boxes.csv"]);
    assert_eq!(claimed.as_array().unwrap().len(), 500);
    assert_eq!(
        (&claimed[0]["box"], &claimed[0]["result"]),
        (&"box-hc24-000001".into(), &"new".into())
    );
    let again = desk.json(&["claim", "-f", "boxes.csv"]);
    assert!(
        again
            .as_array()
            .unwrap()
            .iter()
            .all(|line| line["result"] == "unchanged")
    );
}

#[test]
fn what_would_take_a_room_away_from_another_box_is_refused_in_a_sentence() {
    let desk = Desk::new();
    let claim = |serial: &str, more: &[&str]| {
        desk.type_in(&[&["claim", serial, "--site", "lyon", "--room", "lyon-412"], more].concat())
    };
    assert!(claim("HC24-1", &[]).status.success());
    let refused = claim("HC24-2", &[]);
    assert_eq!(refused.status.code(), Some(2));
    let said = text(&refused.stderr);
    assert!(said.contains("lyon-412 has a box, HC24-1"), "{said}");
    for wrong in [
        &["claim", "nonsense!", "--site", "lyon"][..],
        &["claim", "HC24-3"],
        &["claim", "HC24-3", "--site", "Lyon"],
        &["claim", "-f", "nowhere.csv"],
        &["init", "etat", "--broker", "localhost"],
    ] {
        assert_eq!(desk.type_in(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn of_a_person_who_is_forgotten_nothing_stays_in_the_registry() {
    let desk = Desk::new();
    assert!(
        desk.type_in(&["claim", "HC24-1", "--site", "lyon", "--room", "lyon-412"])
            .status
            .success()
    );
    // What the broker keeps waits until there is one: it says so, and can be typed again.
    let forgotten = desk.type_in(&["forget", "--person", "zoe"]);
    assert_eq!(forgotten.status.code(), Some(3), "{}", text(&forgotten.stdout));
    let registry = std::fs::read(desk.path("registry.db")).unwrap();
    assert!(!registry.windows(3).any(|window| window == b"zoe"));
}

#[test]
fn no_key_of_a_fleet_can_be_read_by_others() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    let delivered = desk.type_in(&["deliver", "HC24-1", "--to", "stick"]);
    assert!(delivered.status.success(), "{}", text(&delivered.stderr));
    assert!(desk.path("stick/maker.pem").is_file() && desk.path("stick/root.pem").is_file());
    let own = std::fs::read_to_string(desk.path("stick/box.toml")).unwrap();
    assert_eq!(own, "[fleet]\nserial = \"HC24-1\"\nenrolment = \"localhost:8884\"\n");
    assert_eq!(
        desk.type_in(&["deliver", "HC24-2", "--to", "stick"]).status.code(),
        Some(2),
        "never twice"
    );
    std::fs::write(desk.path("boxes.csv"), "serial,site\nHC24-3,lyon\nHC24-4,lyon\n").unwrap();
    let delivered = desk.type_in(&["deliver", "-f", "boxes.csv", "--to", "sticks"]);
    assert!(delivered.status.success(), "{}", text(&delivered.stderr));
    assert!(desk.path("sticks/HC24-3/maker.key").is_file() && desk.path("sticks/HC24-4/maker.key").is_file());
    let elsewhere = ["--enrolment", "b.example:443", "--model", "N100"];
    desk.type_in(&[&["deliver", "HC24-5", "--to", "other"], &elsewhere[..]].concat());
    let own = std::fs::read_to_string(desk.path("other/box.toml")).unwrap();
    assert!(
        own.contains("b.example:443") && own.contains("model = \"N100\""),
        "{own}"
    );
    let keys: Vec<PathBuf> = files_below(desk.0.path())
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "key"))
        .collect();
    assert!(keys.len() >= 13, "{keys:?}");
    for key in keys {
        let mode = std::fs::metadata(&key).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", key.display());
    }
}
