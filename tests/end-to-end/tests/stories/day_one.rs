//! The first day of a fleet, as the README tells it: the programs themselves, Debian's Mosquitto, and a box that finds its place
//! without anybody in its room. `HEMICYCLE_WRITE_PAGES=1` writes what they say into the README.

use std::path::PathBuf;

use crate::desk::{Desk, SERIAL};

const LIST: &str = "serial,site,room
HC24-000123,lyon,lyon-412
HC24-000124,lyon,lyon-413
";

const ROOMS: &str = "kind: Organisation
settings: {jitsi: {url: https://meet.example}, av: {volume: 40}}
---
kind: Site
name: lyon
settings: {room: {language: en}}
---
kind: Rooms
list: ../boxes.csv
";

/// What is typed, and what is said.
#[derive(Default)]
struct Transcript(String);

impl Transcript {
    fn note(&mut self, typed: &str, said: &str) {
        self.0.push_str(&format!("$ {typed}\n{said}"));
    }

    /// Types it.
    fn roomctl(&mut self, desk: &Desk, words: &[&str]) -> String {
        let said = desk.roomctl(words);
        self.note(&format!("roomctl {}", words.join(" ")), &said);
        said
    }

    /// As the README has it: another folder, another time.
    fn page(self, desk: &Desk) -> String {
        let folder = desk.path("").canonicalize().unwrap();
        timeless(&self.0.replace(&*folder.to_string_lossy(), "/srv/etat"))
    }
}

/// `2026-11-22 08:30` for any such moment.
fn timeless(text: &str) -> String {
    const MOMENT: &str = "2026-11-22 08:30";
    let like = |found: &str| {
        let mut pairs = found.bytes().zip(MOMENT.bytes());
        found.len() == MOMENT.len()
            && pairs.all(|(found, model)| found == model || found.is_ascii_digit() && model.is_ascii_digit())
    };
    let mut timeless = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if rest.get(..MOMENT.len()).is_some_and(like) {
            timeless.push_str(MOMENT);
            rest = &rest[MOMENT.len()..];
        } else {
            timeless.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    timeless
}

/// Holds a part of the README, between two marks, up against what was said.
fn keep(mark: &str, said: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {mark} -->\n```\n"), format!("```\n<!-- /{mark} -->"));
    let (before, rest) = page.split_once(&begin).expect("the README has its mark");
    let (kept, after) = rest.split_once(&end).expect("and its end");
    if std::env::var_os("HEMICYCLE_WRITE_PAGES").is_some() {
        std::fs::write(&path, format!("{before}{begin}{said}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(
        kept, said,
        "README.md, {mark}, is not what the programs say; HEMICYCLE_WRITE_PAGES=1 writes it"
    );
}

#[test]
fn what_the_readme_tells_of_day_one_is_what_the_programs_say() {
    let desk = Desk::begin("alice");
    desk.write("boxes.csv", LIST);
    desk.write("fleet/lyon.yaml", ROOMS);
    let mut typed = Transcript::default();
    typed.note("cat boxes.csv", LIST);
    typed.note("cat fleet/lyon.yaml", ROOMS);
    typed.note("roomctl init etat --broker localhost", &desk.begun);
    // The desk has started these two.
    typed.note("/usr/sbin/mosquitto -d -c broker/mosquitto/mosquitto.conf", "");
    typed.note("enrolment 2> enrolment.log &", "");
    typed.roomctl(&desk, &["claim", "-f", "boxes.csv"]);
    typed.roomctl(&desk, &["apply", "-f", "fleet/", "--wait", "0s"]);
    let typed = typed.page(&desk);

    // The maker delivers; then somebody plugs it in, and nothing is typed for it.
    desk.roomctl(&["deliver", "-f", "boxes.csv", "--to", "sticks"]);
    let room_box = desk.plug_in(SERIAL, &format!("sticks/{SERIAL}"), "warn,roomd::fleet=info");
    desk.wait_until_well(&room_box, "1 applied");
    assert_eq!(room_box.state("/volume"), 0.4);
    let mut later = Transcript::default();
    later.roomctl(&desk, &["get"]);
    later.roomctl(&desk, &["command", "lyon-412", "av.volume", "percent=55"]);
    assert_eq!(room_box.state("/volume"), 0.55);
    assert!(later.roomctl(&desk, &["doctor", "lyon-412"]).contains("is well"));
    keep("day-one", &typed);
    keep("day-one-later", &later.page(&desk));
}

#[test]
fn every_moment_is_the_same_on_the_page() {
    assert_eq!(timeless("à 2027-01-31 23:59, 12"), "à 2026-11-22 08:30, 12");
    assert_eq!(timeless("2027-01-31"), "2027-01-31");
}
