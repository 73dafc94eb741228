//! The program itself, as IT types it, against a real broker with simulated boxes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use fleet_lab::ledger::locked;
use fleet_lab::measure::{Fleet, Order, until};
use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

const A_MINUTE: Duration = Duration::from_secs(60);

struct Said {
    code: i32,
    out: String,
    err: String,
}

/// A fleet, and an administrator's desk.
struct Bench {
    fleet: Fleet,
    desk: TempDir,
}

impl Bench {
    async fn of(boxes: usize) -> Self {
        let begun = Timestamp::now();
        let spread = Duration::from_secs(1);
        let fleet = Fleet::start(Order { boxes, spread }).await.unwrap();
        let desk = tempfile::tempdir().unwrap();
        fleet.office.write(&fleet.broker, "alice", desk.path()).unwrap();
        fleet.all_born(begun).await.unwrap();
        Self { fleet, desk }
    }

    fn program(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roomctl"));
        command
            .args(words)
            .current_dir(self.desk.path())
            .env_remove("ROOMCTL_OFFICE")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn type_in(&self, words: &[&str]) -> Said {
        let output = timeout(A_MINUTE, self.program(words).output()).await.unwrap().unwrap();
        Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The folder of an organisation with a site and these boxes.
    fn write(&self, boxes: usize, volume: u8) {
        let folder = self.desk.path().join("fleet");
        fs::create_dir_all(folder.join("lyon")).unwrap();
        let organisation =
            "kind: Organisation\nsettings: {jitsi: {url: https://meet.example}, fleet: {reconnect_spread_s: 1}}\n";
        fs::write(folder.join("organisation.yaml"), organisation).unwrap();
        let site = format!("kind: Site\nname: lyon\nsettings: {{av: {{volume: {volume}}}}}\n");
        fs::write(folder.join("lyon/site.yaml"), site).unwrap();
        let room = |number: usize| format!("kind: Room\nname: Lyon {number}\nsite: lyon\nbox: box-room-{number:06}\n");
        let rooms: Vec<String> = (0..boxes).map(room).collect();
        fs::write(folder.join("lyon/rooms.yaml"), rooms.join("---\n")).unwrap();
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_is_looked_at_applied_once_and_seen_on_every_box() {
    let bench = Bench::of(3).await;
    bench.write(3, 40);
    let said = bench.type_in(&["apply", "-f", "fleet", "--dry-run"]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(said.out.matches("new → 1").count(), 3, "{}", said.out);
    assert!(
        locked(&bench.fleet.ledger).applied.is_empty(),
        "a dry run changes nothing"
    );

    let said = bench.type_in(&["apply", "-f", "fleet"]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("3 of 3 rooms have applied it"), "{}", said.err);
    let said = bench.type_in(&["apply", "-f", "fleet"]).await;
    assert_eq!(said.code, 0);
    assert!(said.err.contains("0 published, 3 unchanged"), "{}", said.err);

    bench.write(3, 55);
    let said = bench.type_in(&["apply", "-f", "fleet", "--dry-run"]).await;
    assert!(
        said.out.contains("- /av/volume: 40\n  + /av/volume: 55"),
        "{}",
        said.out
    );
    let said = bench.type_in(&["apply", "-f", "fleet", "-o", "json"]).await;
    assert_eq!(
        (said.code, json(&said.out)[0]["rev"].as_u64()),
        (0, Some(2)),
        "{}",
        said.err
    );

    let said = bench.type_in(&["get", "--site", "lyon"]).await;
    assert!(said.out.lines().next().unwrap().starts_with("ROOM"), "{}", said.out);
    assert_eq!(said.out.matches("2 applied").count(), 3, "{}", said.out);
    let said = bench.type_in(&["get", "Lyon 1", "-o", "json"]).await;
    let line = json(&said.out);
    assert_eq!(
        (line[0]["box"].as_str(), line[0]["online"].as_bool()),
        (Some("box-room-000001"), Some(true))
    );
    let said = bench.type_in(&["describe", "Lyon 1"]).await;
    assert!(
        said.out.contains("volume: 55") && said.out.contains("simulated"),
        "{}",
        said.out
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_gets_its_answer_and_a_refusal_its_code() {
    let bench = Bench::of(2).await;
    bench.write(2, 40);
    assert_eq!(bench.type_in(&["apply", "-f", "fleet"]).await.code, 0);
    let said = bench.type_in(&["command", "Lyon 0", "av.mute"]).await;
    assert_eq!((said.code, said.out.trim()), (0, "done ok"), "{}", said.err);
    // A dangerous one is signed by itself.
    let said = bench
        .type_in(&[
            "command",
            "box-room-000000",
            "screen.capture",
            "url=https://files.example/once",
        ])
        .await;
    assert_eq!(said.code, 0, "{} {}", said.out, said.err);
    let said = bench.type_in(&["command", "Lyon 0", "av.volume", "percent=loud"]).await;
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.out.contains("rejected invalid_params /params/"), "{}", said.out);
    let said = bench.type_in(&["command", "Lyon 0", "av.dance"]).await;
    assert_eq!(said.code, 2);
    let said = bench.type_in(&["command", "Nice 0", "av.mute"]).await;
    assert_eq!(said.code, 2);
    assert!(said.err.contains("Nice 0"), "{}", said.err);
    assert!(locked(&bench.fleet.ledger).executed.values().all(|times| *times == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_that_is_off_is_waited_for_and_then_left_to_come_back() {
    let mut bench = Bench::of(2).await;
    bench.write(2, 40);
    bench.fleet.rooms[1].kill().await;
    let said = bench.type_in(&["apply", "-f", "fleet", "--wait", "2s"]).await;
    assert_eq!(said.code, 5, "{}", said.err);
    assert!(
        said.err.contains("1 of 2") && said.err.contains("box-room-000001"),
        "{}",
        said.err
    );
    let said = bench
        .type_in(&["command", "box-room-000001", "av.mute", "--wait", "1s"])
        .await;
    assert_eq!(said.code, 5, "{}", said.out);
    bench.fleet.rooms[1].start_again().unwrap();
    let ledger = bench.fleet.ledger.clone();
    until("the box has its configuration", A_MINUTE, || {
        locked(&ledger).applied.len() == 2
    })
    .await
    .unwrap();
    assert!(locked(&ledger).executed.is_empty(), "the command was over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_is_on_the_walls_of_a_site_or_of_everybody_and_goes_again() {
    let bench = Bench::of(3).await;
    bench.write(2, 40);
    assert_eq!(bench.type_in(&["apply", "-f", "fleet"]).await.code, 0);
    let on = || {
        let ledger = locked(&bench.fleet.ledger);
        let mut walls: Vec<String> = ledger.notices.iter().map(|(device, _)| device.to_string()).collect();
        walls.dedup();
        walls.len()
    };
    let said = bench
        .type_in(&["notice", "--site", "lyon", "--for", "1h", "--en", "Network down at 6"])
        .await;
    assert_eq!((said.code, said.out.trim()), (0, "on 2 walls"), "{}", said.err);
    until("two walls show it", A_MINUTE, || on() == 2).await.unwrap();
    let said = bench
        .type_in(&["notice", "--everybody", "--emergency", "--for", "1h", "--fr", "Évacuez"])
        .await;
    assert_eq!((said.code, said.out.trim()), (0, "on every wall"), "{}", said.err);
    until("three walls show it", A_MINUTE, || on() == 3).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_says_why_a_room_is_not_well_in_the_language_of_whoever_asks() {
    let mut bench = Bench::of(2).await;
    bench.write(2, 40);
    bench.fleet.rooms[1].kill().await;
    bench.type_in(&["apply", "-f", "fleet", "--wait", "1s"]).await;
    let mut command = bench.program(&["doctor", "--site", "lyon"]);
    let output = command.env("LC_ALL", "fr_FR.UTF-8").output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("Il n'a pas dit ce qu'il fait de la configuration 1."),
        "{said}"
    );
    let said = bench.type_in(&["doctor", "Lyon 1", "-o", "json"]).await;
    assert_eq!(json(&said.out)[0]["findings"][0]["weight"], "bad", "{}", said.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_shown_as_they_happen() {
    let bench = Bench::of(1).await;
    let mut program = bench.program(&["events", "-f", "-o", "json"]);
    let mut shown = program.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(shown.stdout.take().unwrap()).lines();
    // Until it listens, what happens is not shown to it.
    let line = timeout(A_MINUTE, async {
        for number in 0.. {
            bench.fleet.happen(&format!("lamp_{number}")).await;
            if let Ok(line) = timeout(Duration::from_millis(500), lines.next_line()).await {
                return line.unwrap().unwrap();
            }
        }
        unreachable!()
    });
    let line = json(&line.await.unwrap());
    assert!(line["event"]["event"].as_str().unwrap().starts_with("lamp_"), "{line}");
    shown.kill().await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_is_said_before_anything_is_sent() {
    let desk = tempfile::tempdir().unwrap();
    let run = async |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roomctl"));
        command.args(words).current_dir(desk.path()).env("LC_ALL", "C");
        let output = command.output().await.unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run(&["get"]).await;
    assert_eq!(code, 2);
    assert!(said.contains("roomctl.toml"), "{said}");
    fs::write(
        desk.path().join("a.yaml"),
        "kind: Room\nname: A\nsite: lyon\nbox: lyon-0001\n",
    )
    .unwrap();
    let (code, said) = run(&["apply", "-f", "a.yaml"]).await;
    assert_eq!(code, 2);
    assert!(
        said.contains("a.yaml: room A is at site lyon, which no document names"),
        "{said}"
    );
    let (code, said) = run(&["apply", "-f", "nowhere"]).await;
    assert!(code == 2 && said.contains("nowhere"), "{said}");
    for shell in ["bash", "zsh", "fish"] {
        assert_eq!(run(&["completion", shell]).await.0, 0);
    }
    assert!(Path::new(desk.path()).exists());
}
