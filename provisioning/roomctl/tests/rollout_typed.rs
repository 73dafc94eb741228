//! `roomctl rollout` as it is typed: a real broker, a real registry, simulated boxes that run the real update machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use fleet_lab::ledger::locked;
use fleet_lab::measure::{Fleet, Order};
use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

const A_MINUTE: Duration = Duration::from_secs(60);
const NEW: &str = "2.4.0";

/// Everybody at once, as fast as it goes.
const START: [&str; 9] = [
    "rollout",
    "start",
    "--all",
    "--image",
    "image.toml",
    "--soak",
    "0s",
    "--waves",
    "3,50%,100%",
];

/// A fleet, and the desks of two administrators with one registry.
struct Bench {
    fleet: Fleet,
    desks: TempDir,
}

impl Bench {
    async fn of(boxes: usize) -> Self {
        let begun = Timestamp::now();
        let spread = Duration::from_secs(1);
        let fleet = Fleet::start(Order { boxes, spread }).await.unwrap();
        let desks = tempfile::tempdir().unwrap();
        for name in ["alice", "bob"] {
            let desk = desks.path().join(name);
            fs::create_dir(&desk).unwrap();
            fleet.office.write(&fleet.broker, name, &desk).unwrap();
            let registry = desks.path().join("registry.db");
            let text = format!(
                "registry = '{}'\nfolder = '.'\nbroker = 'localhost:1'\nendpoints = ['localhost:1']\n",
                registry.display()
            );
            fs::write(desk.join("enrolment.toml"), text).unwrap();
            let image = format!(
                "release = '{NEW}'\nurl = 'https://updates.example/{NEW}.raucb'\nsize = 1000\nsha256 = '{}'\n\
                 manifest_hash = '{}'\nsecurity_version = 9\n",
                "ab".repeat(32),
                "cd".repeat(32)
            );
            fs::write(desk.join("image.toml"), image).unwrap();
        }
        fleet.all_born(begun).await.unwrap();
        Self { fleet, desks }
    }

    fn desk(&self, name: &str) -> std::path::PathBuf {
        self.desks.path().join(name)
    }

    fn program(&self, who: &str, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roomctl"));
        command
            .args(words)
            .current_dir(self.desk(who))
            .env_remove("ROOMCTL_OFFICE")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn type_in(&self, who: &str, words: &[&str]) -> Said {
        let output = timeout(A_MINUTE, self.program(who, words).output())
            .await
            .unwrap()
            .unwrap();
        Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Conducts in the foreground.
    fn conducts(&self, who: &str, words: &[&str]) -> Conducting {
        let mut child = self
            .program(who, words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Conducting { child, lines }
    }

    async fn status(&self) -> Value {
        let said = self.type_in("bob", &["rollout", "status", "-o", "json"]).await;
        assert_eq!(said.code, 0, "{}", said.err);
        serde_json::from_str(&said.out).unwrap()
    }

    fn hold(&self, hold: bool) {
        locked(&self.fleet.ledger).downloads_wait = hold;
    }

    fn running_new(&self) -> usize {
        let ledger = locked(&self.fleet.ledger);
        ledger.running.values().filter(|release| *release == NEW).count()
    }
}

struct Said {
    code: i32,
    out: String,
    err: String,
}

struct Conducting {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Conducting {
    /// Until it says this.
    async fn says(&mut self, what: &str) -> String {
        let mut before = Vec::new();
        let found = timeout(A_MINUTE, async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if line.contains(what) {
                    return Some(line);
                }
                before.push(line);
            }
            None
        });
        let found = found.await.unwrap_or_default();
        found.unwrap_or_else(|| panic!("never said: {what}; but: {before:#?}"))
    }

    fn interrupt(&self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    }

    async fn ends(mut self) -> Said {
        let mut out = String::new();
        while let Some(line) = timeout(A_MINUTE, self.lines.next_line()).await.unwrap().unwrap() {
            out += &line;
            out.push('\n');
        }
        let output = timeout(A_MINUTE, self.child.wait_with_output()).await.unwrap().unwrap();
        Said {
            code: output.status.code().unwrap(),
            out,
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_reaches_every_box_wave_after_wave() {
    let bench = Bench::of(12).await;
    let said = bench.type_in("alice", &START).await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    for line in [
        "wave 1: until 3",
        "wave 2: until 6",
        "wave 3: until 12",
        "done: 12 boxes run it",
    ] {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
    assert_eq!(bench.running_new(), 12);
    let status = bench.status().await;
    assert_eq!(
        (status[0]["state"].as_str(), status[0]["updated"].as_u64()),
        (Some("done"), Some(12))
    );
    assert_eq!(status[0]["conductor"], Value::Null);
    // Whoever has it is not told again.
    let said = bench.type_in("bob", &[&START[..], &["-o", "json"]].concat()).await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let last: Value = serde_json::from_str(said.out.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["what"]["event"], &last["what"]["updated"]),
        (&"done".into(), &12.into()),
        "{last}"
    );
    assert!(!said.out.contains("started"), "{}", said.out);
    let said = bench.type_in("bob", &["rollout", "status"]).await;
    assert_eq!(said.out.matches(" done ").count(), 2, "{}", said.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_administrators_one_conducts_and_the_other_can_stop_it() {
    let bench = Bench::of(12).await;
    bench.hold(true);
    let mut alice = bench.conducts("alice", &START);
    alice.says("begins").await;
    // Some of the same boxes.
    let said = bench
        .type_in("bob", &["rollout", "start", "box-room-000001", "--image", "image.toml"])
        .await;
    assert_eq!(said.code, 4, "{}{}", said.out, said.err);
    assert!(
        said.err.contains("has some of these boxes and is not over"),
        "{}",
        said.err
    );
    let said = bench.type_in("bob", &["rollout", "resume"]).await;
    assert_eq!(said.code, 4, "{}{}", said.out, said.err);
    assert!(said.err.contains("alice conducts rollout 2.4.0-"), "{}", said.err);
    let said = bench.type_in("bob", &["rollout", "pause"]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("alice conducts"), "{}", said.out);
    alice.says("bob says:").await;
    alice.says("paused").await;
    // Those that were told go on, nobody else begins.
    bench.hold(false);
    for _ in 0..3 {
        alice.says("runs it").await;
    }
    let status = bench.status().await;
    assert_eq!(
        (&status[0]["state"], &status[0]["started"]),
        (&"paused".into(), &3.into()),
        "{status}"
    );
    assert_eq!(
        (status[0]["conductor"].as_str(), bench.running_new()),
        (Some("alice"), 3)
    );
    // Ctrl-C leaves it as it is.
    alice.interrupt();
    let said = alice.ends().await;
    assert_eq!(said.code, 130, "{}{}", said.out, said.err);
    assert!(said.err.contains("is left as it is"), "{}", said.err);
    assert_eq!(bench.status().await[0]["conductor"], Value::Null);
    let said = bench.type_in("bob", &["rollout", "resume"]).await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("done: 12 boxes run it"), "{}", said.out);
    assert_eq!(bench.running_new(), 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abort_takes_it_back_from_boxes_that_download_with_a_conductor_and_without() {
    let bench = Bench::of(6).await;
    bench.hold(true);
    let mut alice = bench.conducts("alice", &START);
    for _ in 0..3 {
        alice.says("begins").await;
    }
    let said = bench.type_in("bob", &["rollout", "abort"]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    let said = alice.ends().await;
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    assert!(said.out.contains("taken back from 3 boxes"), "{}", said.out);
    assert_eq!(bench.status().await[0]["state"], "aborted");
    // Nobody conducts the next one.
    let mut alice = bench.conducts("alice", &START);
    for _ in 0..3 {
        alice.says("begins").await;
    }
    alice.interrupt();
    assert_eq!(alice.ends().await.code, 130);
    let said = bench.type_in("bob", &["rollout", "abort"]).await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("taken back from 3 boxes"), "{}", said.out);
    bench.hold(false);
    // A third one finds all boxes as they were, and they obey it: what was taken back was taken back.
    assert_eq!(bench.running_new(), 0);
    let said = bench.type_in("bob", &["rollout", "resume"]).await;
    assert_eq!(said.code, 2, "{}{}", said.out, said.err);
    let said = bench.type_in("bob", &START).await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(bench.running_new(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_release_stops_by_itself_and_says_which_boxes_in_french() {
    let bench = Bench::of(14).await;
    let all: Vec<_> = bench.fleet.rooms.iter().map(|room| room.device().clone()).collect();
    locked(&bench.fleet.ledger).broken.extend(all);
    let mut program = bench.program("alice", &START);
    let output = timeout(A_MINUTE, program.env("LC_ALL", "fr_FR.UTF-8").output())
        .await
        .unwrap()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("ARRÊT après 3 boîtiers commencés"), "{said}");
    assert!(
        said.contains("the slot cannot be written") && said.contains("box-room-0000"),
        "{said}"
    );
    let status = bench.status().await;
    assert_eq!(status[0]["state"], "stopped");
    assert_eq!(status[0]["harmed"].as_array().unwrap().len(), 3, "{status}");
    // Somebody looks, mends the boxes and goes on.
    locked(&bench.fleet.ledger).broken.clear();
    let said = bench.type_in("alice", &["rollout", "resume"]).await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(
        bench.running_new(),
        11,
        "those that were harmed are left to whoever looks after them"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_said_before_a_rollout_begins() {
    let bench = Bench::of(1).await;
    let start = async |words: &[&str]| bench.type_in("alice", &[&["rollout", "start"], words].concat()).await;
    let said = start(&["--all", "--image", "nowhere.toml"]).await;
    assert!(said.code == 2 && said.err.contains("nowhere.toml"), "{}", said.err);
    let said = start(&["--all", "--image", "image.toml", "--window", "22:00"]).await;
    assert!(said.code == 2 && said.err.contains("22:00-05:00"), "{}", said.err);
    let said = start(&["--all", "--image", "image.toml", "--zone", "Europe/Nowhere"]).await;
    assert!(said.code == 2 && said.err.contains("Europe/Nowhere"), "{}", said.err);
    let said = start(&["--image", "image.toml"]).await;
    assert!(said.code == 2 && said.err.contains("--all"), "{}", said.err);
    let said = start(&["--all", "--release", "2.4.0"]).await;
    assert!(said.code == 2 && said.err.contains("--sha256"), "{}", said.err);
    for order in ["pause", "resume", "abort"] {
        let said = bench.type_in("alice", &["rollout", order]).await;
        assert!(
            said.code == 2 && said.err.contains("no rollout goes on"),
            "{order}: {}",
            said.err
        );
    }
    let said = bench.type_in("alice", &["rollout", "status", "9.9.9-zzzz"]).await;
    assert!(said.code == 2 && said.err.contains("9.9.9-zzzz"), "{}", said.err);
    assert!(Path::new(&bench.desk("alice")).exists());
}
