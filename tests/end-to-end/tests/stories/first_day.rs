//! The first day of a fleet, as an administrator types it: the programs themselves, Debian's Mosquitto, and a box that finds its
//! place without anybody in its room.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use end_to_end::{Devices, Place, RoomBox, program, wait_for};
use fleet_lab::broker::free_ports;
use jiff::{SignedDuration, Timestamp};
use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::X509;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stage::PATIENCE;

const SERIAL: &str = "HC24-000123";
const BOX: &str = "box-hc24-000123";

const ROOMS: &str = "kind: Organisation
settings: {jitsi: {url: https://meet.example}}
---
kind: Site
name: lyon
settings: {room: {language: en}}
---
kind: Room
name: Lyon 4.12
site: lyon
box: box-hc24-000123
settings: {av: {volume: 40}}
";

/// Programs that end with the story.
struct Running(Vec<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Both fail only when it has ended already.
            let _killed = child.kill();
            let _reaped = child.wait();
        }
    }
}

fn in_background(mut command: Command) -> Child {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("it starts")
}

/// What `roomctl` says; it must not fail.
fn roomctl(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(program("roomctl").unwrap());
    let output = command
        .current_dir(folder)
        .args(arguments)
        .env("USER", "alice")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{arguments:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

fn answers(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// A fleet on its first day: broker and enrolment run, one box lies delivered in its folder.
struct Day {
    files: TempDir,
    claims: u16,
    _running: Running,
}

impl Day {
    fn begins() -> Self {
        let files = TempDir::with_prefix("first-day").unwrap();
        let folder = files.path();
        let [boxes, claims, staff] = free_ports().unwrap();
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        let ports = [boxes, claims, staff].map(|port| port.to_string());
        let place = [
            "init",
            "etat",
            "--broker",
            "localhost",
            "--also",
            "127.0.0.1",
            "--broker-user",
            user.trim(),
        ];
        let doors = [
            "--boxes-port",
            &ports[0],
            "--claims-port",
            &ports[1],
            "--staff-port",
            &ports[2],
        ];
        roomctl(folder, &[&place[..], &doors].concat());
        let mut mosquitto = Command::new("/usr/sbin/mosquitto");
        mosquitto.arg("-c").arg(folder.join("broker/mosquitto/mosquitto.conf"));
        let mut running = Running(vec![in_background(mosquitto)]);
        assert!(wait_for(PATIENCE, || answers(staff)), "Mosquitto does not start");
        let mut enrolment = Command::new(program("enrolment").unwrap());
        enrolment.arg("--config").arg(folder.join("enrolment.toml"));
        running.0.push(in_background(enrolment));
        roomctl(folder, &["deliver", SERIAL, "--to", "box"]);
        let registry = folder.join("registry.db");
        assert!(
            wait_for(PATIENCE, || registry.exists()),
            "the enrolment service does not start"
        );
        Self {
            files,
            claims,
            _running: running,
        }
    }

    fn roomctl(&self, arguments: &[&str]) -> String {
        roomctl(self.files.path(), arguments)
    }

    fn claim(&self) {
        let list = format!("serial,site,room\n{SERIAL},lyon,lyon-412\n");
        std::fs::write(self.files.path().join("boxes.csv"), list).unwrap();
        self.roomctl(&["claim", "-f", "boxes.csv"]);
    }

    /// Somebody switches the box on.
    fn room_box(&self) -> RoomBox {
        let place = Place {
            configuration: format!(
                "[fleet]\ndirectory = '{}'\nserial = '{SERIAL}'\nenrolment = 'localhost:{}'\nreconnect_spread_s = 0\n\
                 clock_is_trusted = true",
                self.files.path().join("box").display(),
                self.claims
            ),
            ..Place::default()
        };
        RoomBox::daemon_in(&place, &Devices::default()).expect("roomd runs")
    }

    fn online(&self) -> bool {
        let rooms: Value = serde_json::from_str(&self.roomctl(&["get", "-o", "json"])).unwrap();
        rooms[0]["online"] == true
    }

    /// What the box keeps of its enrolment.
    fn identity(&self) -> Value {
        let file = std::fs::read(self.files.path().join("box/identity.json")).unwrap();
        serde_json::from_slice(&file).unwrap()
    }
}

#[test]
fn a_list_of_serial_numbers_is_enough_and_the_box_does_the_rest() {
    let day = Day::begins();
    day.claim();
    let room_box = day.room_box();
    assert!(wait_for(PATIENCE * 3, || day.online()), "{}", room_box.words());
    std::fs::write(day.files.path().join("rooms.yaml"), ROOMS).unwrap();
    day.roomctl(&["apply", "-f", "rooms.yaml"]);
    assert_eq!(room_box.state("/volume"), 0.4);
    day.roomctl(&["command", "Lyon 4.12", "av.volume", "percent=55"]);
    assert_eq!(room_box.state("/volume"), 0.55);
    assert!(day.roomctl(&["doctor", "Lyon 4.12"]).contains("is well"));
}

#[test]
fn a_box_that_nobody_has_claimed_says_so_and_whoever_touches_it_need_not_wait() {
    let day = Day::begins();
    let room_box = day.room_box();
    let shown = || room_box.state("/bulletins/0/text");
    assert!(wait_for(PATIENCE, || shown().is_string()), "{}", room_box.words());
    assert!(shown().as_str().unwrap().contains(SERIAL), "{}", shown());
    day.claim();
    let claimed = Instant::now();
    assert_eq!(room_box.ask(r#"{"command":"touch"}"#).unwrap(), "accepted");
    assert!(wait_for(PATIENCE * 3, || day.online()), "{}", room_box.words());
    // Left alone it asks again after a minute.
    assert!(claimed.elapsed() < Duration::from_secs(30), "{:?}", claimed.elapsed());
    assert!(wait_for(PATIENCE, || shown().is_null()), "nothing more is to be said");
}

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A box that was in its fleet, is switched off, and believes that its certificate was made long ago.
fn is_due(day: &Day) -> Value {
    day.claim();
    let mut room_box = day.room_box();
    assert!(wait_for(PATIENCE * 3, || day.online()), "{}", room_box.words());
    room_box.signal(Signal::TERM);
    assert!(room_box.wait(PATIENCE).is_some(), "it ends");
    let mut identity = day.identity();
    let now = Timestamp::now();
    identity["from"] = json!(now - DAY * 300);
    identity["issued"]["expires"] = json!(now + DAY * 65);
    std::fs::write(day.files.path().join("box/identity.json"), identity.to_string()).unwrap();
    identity
}

/// A certificate for the next key of the box that no authority has seen, ten days old.
fn nobody_knows(day: &Day, identity: &Value) {
    let key = PKey::from_ec_key(EcKey::generate(&EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap()).unwrap());
    let key = key.unwrap();
    let mut certificate = X509::builder().unwrap();
    certificate.set_version(2).unwrap();
    certificate.set_pubkey(&key).unwrap();
    certificate
        .set_not_before(&Asn1Time::days_from_now(0).unwrap())
        .unwrap();
    certificate
        .set_not_after(&Asn1Time::days_from_now(300).unwrap())
        .unwrap();
    certificate.sign(&key, MessageDigest::sha256()).unwrap();
    let mut next = identity.clone();
    next["from"] = json!(Timestamp::now() - DAY * 10);
    next["issued"]["chain"] = json!([STANDARD.encode(certificate.build().to_der().unwrap())]);
    next["issued"]["expires"] = json!(Timestamp::now() + DAY * 300);
    let folder = day.files.path().join("box");
    std::fs::write(folder.join("identity-next.json"), next.to_string()).unwrap();
    let mut file = OpenOptions::new();
    let mut file = file
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(folder.join("next.key"));
    let pem = key.private_key_to_pem_pkcs8().unwrap();
    file.as_mut().unwrap().write_all(&pem).unwrap();
}

#[test]
fn a_next_certificate_that_no_broker_takes_gives_way_to_another() {
    let day = Day::begins();
    let before = is_due(&day);
    nobody_knows(&day, &before);
    let room_box = day.room_box();
    assert!(wait_for(PATIENCE, || day.online()), "{}", room_box.words());
    let renewed = || day.identity()["issued"]["chain"] != before["issued"]["chain"];
    assert!(wait_for(PATIENCE * 2, renewed), "{}", room_box.words());
    assert!(wait_for(PATIENCE, || !day
        .files
        .path()
        .join("box/identity-next.json")
        .exists()));
    assert!(room_box.words().contains("no broker takes the next certificate"));
    assert!(wait_for(PATIENCE, || day.online()), "{}", room_box.words());
}

#[test]
fn a_certificate_is_renewed_at_two_thirds_of_its_life_and_the_box_goes_on_under_it() {
    let day = Day::begins();
    let before = is_due(&day);
    let (now, folder) = (Timestamp::now(), day.files.path().join("box"));
    let key = std::fs::read(folder.join("device.key")).unwrap();

    let room_box = day.room_box();
    let renewed = || day.identity()["issued"]["chain"] != before["issued"]["chain"];
    assert!(wait_for(PATIENCE * 2, renewed), "{}", room_box.words());
    let settled = || !folder.join("next.key").exists() && !folder.join("identity-next.json").exists();
    assert!(wait_for(PATIENCE, settled));
    assert_ne!(std::fs::read(folder.join("device.key")).unwrap(), key, "another key");
    assert!(wait_for(PATIENCE, || day.online()), "{}", room_box.words());
    day.roomctl(&["command", BOX, "av.volume", "percent=55"]);
    assert_eq!(room_box.state("/volume"), 0.55);
    let expires = |value: &Value| {
        value["issued"]["expires"]
            .as_str()
            .unwrap()
            .parse::<Timestamp>()
            .unwrap()
    };
    assert!(expires(&day.identity()) > now + DAY * 300);
    let told = || {
        let described = day.roomctl(&["describe", BOX, "-o", "json"]);
        described.contains(day.identity()["issued"]["expires"].as_str().unwrap())
    };
    assert!(wait_for(PATIENCE, told), "the fleet knows until when");
}
