//! An administrator's desk: the programs themselves, Debian's Mosquitto, and boxes as their maker delivers them.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use end_to_end::{Devices, Place, RoomBox, program, wait_for};
use fleet_lab::broker::free_ports;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::stage::PATIENCE;

/// The fleet of a list with one room, as a young administrator has it: its box, the list, and the folder.
pub const SERIAL: &str = "HC24-000123";
/// The name of its box.
pub const BOX: &str = "box-hc24-000123";
/// `boxes.csv`.
pub const LIST: &str = "serial,site,room\nHC24-000123,lyon,lyon-412\n";
/// `fleet/lyon.yaml`.
pub const ROOMS: &str = "kind: Organisation
---
kind: Site
name: lyon
---
kind: Rooms
list: ../boxes.csv
";

/// Programs that end with the story.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _killed = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// What a command said, as a terminal shows it, and how it ended.
pub struct Said {
    /// Both outputs in their order.
    pub text: String,
    /// Exit code.
    pub code: Option<i32>,
}

/// A desk with a fleet that has begun.
pub struct Desk {
    files: TempDir,
    ports: [u16; 3],
    broker: Running,
    enrolment: Running,
    /// What `roomctl init` said.
    pub begun: String,
    /// What else the file of a box says under `[fleet]`.
    pub more: String,
}

impl Desk {
    /// `roomctl init` as this person, the broker, and the enrolment service with everything in its log.
    pub fn begin(name: &str) -> Self {
        let files = TempDir::with_prefix("desk").unwrap();
        let ports = free_ports().unwrap();
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        let [boxes, claims, staff] = ports.map(|port| port.to_string());
        let own = ["--listen", "127.0.0.1", "--broker-user", user.trim(), "--name", name];
        let ports_of = ["--boxes-port", &boxes, "--claims-port", &claims, "--staff-port", &staff];
        let folder = files.path();
        let init = [&["init", "etat", "--broker", "localhost"][..], &own, &ports_of].concat();
        let begun = succeeded(type_in(&files, &init), &init);
        let broker = broker(folder);
        assert!(wait_for(PATIENCE, || answers(ports[2])), "Mosquitto does not start");
        let mut service = Command::new(program("enrolment").unwrap());
        service
            .arg("--config")
            .arg(folder.join("enrolment.toml"))
            .env("RUST_LOG", "trace");
        let enrolment = in_background(service, &folder.join("enrolment.log"));
        let hears =
            || fs::read_to_string(folder.join("enrolment.log")).is_ok_and(|log| log.contains("boxes are heard"));
        assert!(wait_for(PATIENCE, hears), "the enrolment service does not start");
        Self {
            ports,
            broker,
            enrolment,
            begun,
            more: String::new(),
            files,
        }
    }

    /// A file on it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Puts a file on it.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// What `roomctl` says; it must not fail.
    pub fn roomctl(&self, words: &[&str]) -> String {
        succeeded(type_in(&self.files, words), words)
    }

    /// `roomctl`, not yet started.
    pub fn program(&self, words: &[&str]) -> Command {
        roomctl(&self.files, words)
    }

    /// What `roomctl get -o json` says of the first room.
    pub fn room(&self) -> Value {
        let rooms: Value = serde_json::from_str(&self.roomctl(&["get", "-o", "json"])).unwrap();
        rooms[0].clone()
    }

    /// A desk with this list and folder, and the box of [`SERIAL`], that is on and has the first revision.
    pub fn with_a_room(name: &str, list: &str, rooms: &str, log: &str) -> (Self, RoomBox) {
        let desk = Self::begin(name);
        desk.write("boxes.csv", list);
        desk.write("fleet/lyon.yaml", rooms);
        desk.roomctl(&["claim", "-f", "boxes.csv"]);
        desk.roomctl(&["deliver", "-f", "boxes.csv", "--to", "sticks"]);
        desk.roomctl(&["apply", "-f", "fleet/", "--wait", "0s"]);
        let room_box = desk.plug_in(SERIAL, &format!("sticks/{SERIAL}"), log);
        desk.wait_until_well(&room_box, "1 applied");
        (desk, room_box)
    }

    /// Waits until the first room is there with this configuration in effect.
    pub fn wait_until_well(&self, room_box: &RoomBox, configuration: &str) {
        let well = || {
            let room = self.room();
            room["online"] == true && room["configuration"] == configuration
        };
        let words = || {
            let words = room_box.words();
            words.lines().rev().take(20).collect::<Vec<_>>().join("\n")
        };
        assert!(wait_for(PATIENCE * 3, well), "{}: {}", self.room(), words());
    }

    /// Somebody plugs a box in, with what `roomctl deliver` wrote for it into this folder.
    pub fn plug_in(&self, serial: &str, delivered: &str, log: &str) -> RoomBox {
        let place = Place {
            configuration: format!(
                "[fleet]\ndirectory = '{}'\nserial = '{serial}'\nenrolment = 'localhost:{}'\nreconnect_spread_s = 0\n\
                 clock_is_trusted = true\n{}",
                self.path(delivered).display(),
                self.ports[1],
                self.more
            ),
            environment: vec![("ROOMD_LOG".to_owned(), log.to_owned())],
            ..Place::default()
        };
        RoomBox::daemon_in(&place, &Devices::default()).expect("roomd runs")
    }

    /// Process ids of the broker and the enrolment service.
    pub fn services(&self) -> [u32; 2] {
        [self.broker.0.id(), self.enrolment.0.id()]
    }

    /// The broker with its files as they are by now.
    pub fn start_broker_anew(&mut self) {
        self.stop_broker();
        self.broker = broker(self.files.path());
        assert!(
            wait_for(PATIENCE, || answers(self.ports[2])),
            "Mosquitto does not start"
        );
    }

    /// Ends the broker properly: it saves what it keeps.
    pub fn stop_broker(&mut self) {
        end_to_end::send(self.broker.0.id(), Signal::TERM);
        let _status = self.broker.0.wait().unwrap();
    }
}

fn broker(folder: &Path) -> Running {
    let mut mosquitto = Command::new("/usr/sbin/mosquitto");
    mosquitto.arg("-c").arg(folder.join("broker/mosquitto/mosquitto.conf"));
    in_background(mosquitto, &folder.join("broker.log"))
}

fn answers(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

fn in_background(mut command: Command, words: &Path) -> Running {
    let words = File::create(words).unwrap();
    let command = command
        .stdin(Stdio::null())
        .stdout(words.try_clone().unwrap())
        .stderr(words);
    Running(command.spawn().expect("it starts"))
}

fn roomctl(files: &TempDir, words: &[&str]) -> Command {
    let mut command = Command::new(program("roomctl").unwrap());
    command
        .current_dir(files.path())
        .args(words)
        .env_remove("ROOMCTL_OFFICE")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    command
}

fn type_in(files: &TempDir, words: &[&str]) -> Said {
    let said = files.path().join("said.txt");
    let file = File::create(&said).unwrap();
    let mut command = roomctl(files, words);
    let status = command.stdout(file.try_clone().unwrap()).stderr(file).status().unwrap();
    Said {
        text: fs::read_to_string(said).unwrap(),
        code: status.code(),
    }
}

fn succeeded(said: Said, words: &[&str]) -> String {
    assert_eq!(said.code, Some(0), "{words:?}: {}", said.text);
    said.text
}
