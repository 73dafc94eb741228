//! The first day of a fleet, as an administrator types it: the programs themselves, Debian's Mosquitto, and a box that finds its
//! place without anybody in its room.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use end_to_end::{Devices, Place, RoomBox, program, wait_for};
use fleet_lab::broker::free_ports;
use serde_json::Value;
use tempfile::TempDir;

use crate::stage::PATIENCE;

const SERIAL: &str = "HC24-000123";

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

#[test]
fn a_list_of_serial_numbers_is_enough_and_the_box_does_the_rest() {
    let files = TempDir::with_prefix("first-day").unwrap();
    let folder = files.path();
    let [boxes, claims, staff] = free_ports().unwrap();
    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let ports = [boxes, claims, staff].map(|port| port.to_string());
    let init = [
        &[
            "init",
            "etat",
            "--broker",
            "localhost",
            "--also",
            "127.0.0.1",
            "--broker-user",
            user.trim(),
        ][..],
        &[
            "--boxes-port",
            &ports[0],
            "--claims-port",
            &ports[1],
            "--staff-port",
            &ports[2],
        ],
    ];
    roomctl(folder, &init.concat());
    let mut mosquitto = Command::new("/usr/sbin/mosquitto");
    mosquitto.arg("-c").arg(folder.join("broker/mosquitto/mosquitto.conf"));
    let mut running = Running(vec![in_background(mosquitto)]);
    assert!(wait_for(PATIENCE, || answers(staff)), "Mosquitto does not start");
    let mut enrolment = Command::new(program("enrolment").unwrap());
    enrolment.arg("--config").arg(folder.join("enrolment.toml"));
    running.0.push(in_background(enrolment));
    roomctl(folder, &["deliver", SERIAL, "--to", "box"]);
    std::fs::write(
        folder.join("boxes.csv"),
        format!("serial,site,room\n{SERIAL},lyon,lyon-412\n"),
    )
    .unwrap();
    roomctl(folder, &["claim", "-f", "boxes.csv"]);
    let place = Place {
        configuration: format!(
            "[fleet]\ndirectory = '{}'\nserial = '{SERIAL}'\nenrolment = 'localhost:{claims}'\nreconnect_spread_s = 0\n\
             clock_is_trusted = true",
            folder.join("box").display()
        ),
        ..Place::default()
    };
    let room_box = RoomBox::daemon_in(&place, &Devices::default()).expect("roomd runs");
    let online = || {
        let rooms: Value = serde_json::from_str(&roomctl(folder, &["get", "-o", "json"])).unwrap();
        rooms[0]["online"] == true
    };
    assert!(wait_for(PATIENCE * 3, online), "{}", room_box.words());
    std::fs::write(folder.join("rooms.yaml"), ROOMS).unwrap();
    roomctl(folder, &["apply", "-f", "rooms.yaml"]);
    assert_eq!(room_box.state("/volume"), 0.4);
    roomctl(folder, &["command", "Lyon 4.12", "av.volume", "percent=55"]);
    assert_eq!(room_box.state("/volume"), 0.55);
    assert!(roomctl(folder, &["doctor", "Lyon 4.12"]).contains("is well"));
}
