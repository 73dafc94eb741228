//! What is nowhere: the name of somebody, and of a room, that was forgotten; and what is secret, ever.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use end_to_end::{RoomBox, wait_for};
use roomctl::console::{Console, ConsoleError};
use roomctl::office::Office;
use rustix::process::Signal;
use tokio::runtime::Runtime;

use crate::desk::{Desk, SERIAL};
use crate::stage::PATIENCE;

const LIST: &str = "serial,site,room\nHC24-000123,lyon,salle-zephyr\n";
const PERSON: &str = "zoe-lambert";
/// Of the room, as the list and as people say it.
const ROOM: [&str; 2] = ["salle-zephyr", "Salle Zéphyr"];
/// A call goes nowhere with it: nobody listens there.
const ROOMS: &str = "kind: Organisation
settings: {jitsi: {url: 'https://localhost:9'}}
---
kind: Site
name: lyon
---
kind: Room
name: Salle Zéphyr
site: lyon
box: box-hc24-000123
";
/// What the room is told alone.
const SEALED: &str = "planted-token-that-opens-all-rooms";
const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJyb29tIjoiKiJ9.c2VjcmV0LXNpZ25hdHVyZQ";

/// A fleet that a person began, with one box that is on and configured; everything that can be logged is.
fn begun() -> (Desk, RoomBox) {
    Desk::with_a_room(PERSON, LIST, ROOMS, "trace")
}

/// A message as text: what is in a signature's form is taken out of it.
fn readable(payload: &[u8]) -> String {
    let text = String::from_utf8_lossy(payload).into_owned();
    let parts = text
        .split('.')
        .filter_map(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok());
    let inside: Vec<String> = parts.map(|part| String::from_utf8_lossy(&part).into_owned()).collect();
    format!("{text}\n{}", inside.join("\n"))
}

struct Ear {
    runtime: Runtime,
    console: Console,
}

impl Ear {
    /// Hears all that an administrator may hear.
    fn at(desk: &Desk) -> Self {
        let runtime = Runtime::new().unwrap();
        let console = runtime.block_on(async {
            let office = Office::open(&desk.path("roomctl.toml")).unwrap();
            let mut console = office.console(office.target().unwrap()).await.unwrap();
            console.hear(&["cr/v1/etat/#".to_owned()]).await.unwrap();
            console
        });
        Self { runtime, console }
    }

    /// What came until now and a moment of silence, by topic; what was kept is marked.
    fn heard(&mut self) -> Vec<(String, bool, String)> {
        self.runtime.block_on(async {
            let mut all = Vec::new();
            loop {
                match self.console.next(Duration::from_millis(500)).await {
                    Ok(message) => all.push((message.topic, message.retain, readable(&message.payload))),
                    Err(ConsoleError::Silent) => return all,
                    Err(error) => panic!("{error}"),
                }
            }
        })
    }
}

/// What the broker keeps, as one text.
fn kept(desk: &Desk) -> String {
    let kept = Ear::at(desk).heard().into_iter().filter(|(_, retained, _)| *retained);
    let all: Vec<String> = kept.map(|(topic, _, text)| format!("{topic} {text}")).collect();
    all.join("\n")
}

/// A file as text.
fn file(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

/// The registry with what its database keeps beside it, and the logs of the services.
fn written(desk: &Desk) -> Vec<(String, String)> {
    let names = [
        "registry.db",
        "registry.db-wal",
        "registry.db-journal",
        "enrolment.log",
        "broker.log",
    ];
    let mut all = names.map(|name| (name.to_owned(), file(&desk.path(name)))).to_vec();
    assert!(!all[0].1.is_empty() && all[3].1.contains(SERIAL), "they are written");
    all.push(("what the broker keeps".to_owned(), kept(desk)));
    all
}

fn nowhere(name: &str, places: &[(String, String)]) {
    for (place, text) in places {
        assert!(!text.contains(name), "{name} is in {place}");
    }
}

#[test]
fn of_somebody_and_of_a_room_that_are_forgotten_nothing_is_left_behind() {
    let (mut desk, mut room_box) = begun();
    desk.roomctl(&["command", "Salle Zéphyr", "av.volume", "percent=30"]);
    assert!(kept(&desk).contains(PERSON), "the configuration says who issued it");
    assert!(
        file(&desk.path("registry.db")).contains(PERSON),
        "and the registry who claimed"
    );

    // Somebody else does it, with an office of their own.
    let office = file(&desk.path("roomctl.toml")).replace(PERSON, "bob");
    desk.write("bob.toml", &office);
    let bob = |words: &[&str]| desk.roomctl(&[&["--office", "bob.toml"], words].concat());
    assert_eq!(bob(&["forget", "--person", PERSON]), "2 entries forgotten\n");
    desk.wait_until_well(&room_box, "2 applied");
    nowhere(PERSON, &written(&desk));
    nowhere(PERSON, &[("the log of the box".to_owned(), room_box.words())]);
    assert_eq!(
        bob(&["forget", "--person", PERSON]),
        "0 entries forgotten\n",
        "it can be typed again"
    );

    assert_eq!(
        bob(&["forget", "--site", "lyon", "--room", ROOM[0]]),
        "1 entries forgotten\n"
    );
    // A box that comes back says again what it is, but not where.
    room_box.signal(Signal::KILL);
    room_box.start_again().expect("roomd runs");
    let is_back = || kept(&desk).contains("box-hc24-000123/meta");
    assert!(wait_for(PATIENCE * 3, is_back), "{}", room_box.words());
    let places = written(&desk);
    ROOM.iter().for_each(|name| nowhere(name, &places));
    desk.stop_broker();
    let database = [(
        "the broker's file".to_owned(),
        file(&desk.path("broker/mosquitto/data/mosquitto.db")),
    )];
    assert!(database[0].1.contains("box-hc24-000123"));
    [ROOM[0], ROOM[1], PERSON]
        .iter()
        .for_each(|name| nowhere(name, &database));
}

/// A line of each private key below a folder, and its file.
fn keys(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(keys(&path));
        } else if path.extension().is_some_and(|ending| ending == "key") {
            let line = file(&path).lines().nth(1).unwrap_or_default().to_owned();
            assert!(line.len() > 40, "{} is a key in PEM", path.display());
            // The beginning is the same in every key of this kind.
            found.push((path, line[line.len() - 24..].to_owned()));
        }
    }
    found
}

fn shown_by_the_system(pid: u32) -> String {
    ["cmdline", "environ"]
        .map(|name| file(&PathBuf::from(format!("/proc/{pid}/{name}"))))
        .join("\n")
}

/// The room gets a secret; what is shown of it on the way.
fn told_alone(desk: &Desk, room_box: &RoomBox) {
    desk.write("keys/token", &format!("{SEALED}\n"));
    let secrets = "box: box-hc24-000123\nsecrets: {jitsi.token: {file: ../keys/token}}\n";
    desk.write("fleet/lyon.yaml", &ROOMS.replace("box: box-hc24-000123\n", secrets));
    let shown = desk.roomctl(&["apply", "-f", "fleet/", "--dry-run"]);
    assert!(shown.contains("+ /secrets/jitsi.token: \"(sealed)\""), "{shown}");
    let applied = desk.roomctl(&["apply", "-f", "fleet/"]);
    desk.wait_until_well(room_box, "2 applied");
    let again = desk.roomctl(&["apply", "-f", "fleet/"]);
    assert!(again.contains("0 published, 1 unchanged"), "{again}");
    desk.write("keys/token", &format!("{SEALED}-of-tomorrow\n"));
    let another = desk.roomctl(&["apply", "-f", "fleet/"]);
    assert!(
        another.contains("+ /secrets/jitsi.token: \"(sealed anew)\""),
        "{another}"
    );
    desk.wait_until_well(room_box, "3 applied");
    let described = desk.roomctl(&["describe", "Salle Zéphyr"]);
    for said in [shown, applied, again, another, described] {
        assert!(!said.contains(SEALED), "{said}");
    }
    // The service that it is for is not there; but now the box has it in its hands.
    let join = [
        "command",
        "Salle Zéphyr",
        "call.join",
        "room=Salle123456",
        "--wait",
        "60s",
    ];
    assert_eq!(desk.program(&join).output().unwrap().status.code(), Some(1));
}

/// Every file of a folder, as text.
fn files(folder: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    entries
        .map(|entry| (entry.path().display().to_string(), file(&entry.path())))
        .collect()
}

#[test]
fn no_key_and_no_token_of_a_fleet_is_in_a_log_or_shown_by_ps_or_said_where_it_need_not_be() {
    let (desk, room_box) = begun();
    let mut ear = Ear::at(&desk);
    told_alone(&desk, &room_box);
    desk.write("address.txt", &format!("https://localhost:9/Salle123456?jwt={TOKEN}\n"));
    let words = [
        "command",
        "Salle Zéphyr",
        "call.dial_url",
        "url=@address.txt",
        "--wait",
        "60s",
    ];
    let mut typed = desk
        .program(&words)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let seen = || shown_by_the_system(typed.id());
    let visible = || seen().contains("url=@address.txt");
    assert!(wait_for(PATIENCE, visible), "this is what everybody can see");
    assert!(!seen().contains(TOKEN));
    // Nobody is there to answer the call.
    assert_eq!(typed.wait().unwrap().code(), Some(1));

    let heard = ear.heard();
    let with_token: Vec<&str> = heard
        .iter()
        .filter(|(_, _, text)| text.contains(TOKEN))
        .map(|(topic, _, _)| topic.as_str())
        .collect();
    assert_eq!(
        with_token,
        ["cr/v1/etat/box-hc24-000123/cmd/call.dial_url"],
        "to the box, once, and nowhere else"
    );
    assert!(
        heard.iter().any(|(topic, _, _)| topic.contains("/evt/audit")),
        "it is known that there was one"
    );

    let mut places = written(&desk);
    let log = room_box.words();
    assert!(log.contains("TRACE"), "everything is logged");
    places.push(("the log of the box".to_owned(), log));
    let [broker, service] = desk.services();
    let worker = room_box.worker_pid().expect("a worker");
    for pid in [broker, service, room_box.pid(), worker] {
        places.push((
            format!("what the system shows of process {pid}"),
            shown_by_the_system(pid),
        ));
    }
    let of_the_box = files(&desk.path(&format!("sticks/{SERIAL}")));
    assert!(
        of_the_box.iter().any(|(_, text)| text.contains("jitsi.token")),
        "sealed, on its disk"
    );
    places.extend(of_the_box.into_iter().filter(|(path, _)| !path.ends_with(".key")));
    nowhere(TOKEN, &places);
    nowhere(SEALED, &places);
    places.extend(heard.into_iter().map(|(topic, _, text)| (topic, text)));
    nowhere(SEALED, &places);
    nowhere(file(&desk.path("marks.secret")).trim(), &places);
    let keys = keys(&desk.path(""));
    assert!(keys.len() >= 12, "of the fleet and of the box: {}", keys.len());
    for (path, line) in keys {
        for (place, text) in &places {
            assert!(!text.contains(&line), "{} is in {place}", path.display());
        }
    }
}
