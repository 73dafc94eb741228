//! The first day of a fleet, as an administrator types it: the programs themselves, Debian's Mosquitto, and a box that finds its
//! place without anybody in its room.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use end_to_end::{RoomBox, wait_for};
use fleet_lab::software_tpm::SoftwareTpm;
use jiff::{SignedDuration, Timestamp};
use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::X509;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::desk::Desk;
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

/// A fleet on its first day: broker and enrolment run, one box lies delivered in its folder.
struct Day(Desk);

impl Day {
    fn begins() -> Self {
        let desk = Desk::begin("alice");
        desk.roomctl(&["deliver", SERIAL, "--to", "box"]);
        Self(desk)
    }

    fn roomctl(&self, words: &[&str]) -> String {
        self.0.roomctl(words)
    }

    /// A file of the box.
    fn of_box(&self, name: &str) -> PathBuf {
        self.0.path("box").join(name)
    }

    fn claim(&self) {
        self.0
            .write("boxes.csv", &format!("serial,site,room\n{SERIAL},lyon,lyon-412\n"));
        self.roomctl(&["claim", "-f", "boxes.csv"]);
    }

    /// Somebody switches the box on.
    fn room_box(&self) -> RoomBox {
        self.0.plug_in(SERIAL, "box", "info")
    }

    fn online(&self) -> bool {
        self.0.room()["online"] == true
    }

    /// What the box keeps of its enrolment.
    fn identity(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.of_box("identity.json")).unwrap()).unwrap()
    }
}

#[test]
fn a_list_of_serial_numbers_is_enough_and_the_box_does_the_rest() {
    let day = Day::begins();
    day.claim();
    let room_box = day.room_box();
    assert!(wait_for(PATIENCE * 3, || day.online()), "{}", room_box.words());
    day.0.write("rooms.yaml", ROOMS);
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
    std::fs::write(day.of_box("identity.json"), identity.to_string()).unwrap();
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
    std::fs::write(day.of_box("identity-next.json"), next.to_string()).unwrap();
    let mut file = OpenOptions::new();
    let mut file = file
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(day.of_box("next.key"));
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
    assert!(wait_for(PATIENCE, || !day.of_box("identity-next.json").exists()));
    assert!(room_box.words().contains("no broker takes the next certificate"));
    assert!(wait_for(PATIENCE, || day.online()), "{}", room_box.words());
}

#[test]
fn a_certificate_is_renewed_at_two_thirds_of_its_life_and_the_box_goes_on_under_it() {
    renews(&Day::begins());
}

#[test]
fn a_box_whose_keys_are_in_its_tpm_enrols_and_renews_and_has_none_in_a_file() {
    let (chip, mut day) = (SoftwareTpm::start().unwrap(), Day::begins());
    day.0.more = format!("key = 'tpm'\ntpm = '{}'", chip.tcti());
    renews(&day);
    let key = std::fs::read_to_string(day.of_box("device.key")).unwrap();
    assert!(key.starts_with("-----BEGIN TSS2 PRIVATE KEY-----"), "{key}");
}

fn renews(day: &Day) {
    let before = is_due(day);
    let now = Timestamp::now();
    let key = std::fs::read(day.of_box("device.key")).unwrap();

    let room_box = day.room_box();
    let renewed = || day.identity()["issued"]["chain"] != before["issued"]["chain"];
    assert!(wait_for(PATIENCE * 2, renewed), "{}", room_box.words());
    let settled = || !day.of_box("next.key").exists() && !day.of_box("identity-next.json").exists();
    assert!(wait_for(PATIENCE, settled));
    assert_ne!(std::fs::read(day.of_box("device.key")).unwrap(), key, "another key");
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
