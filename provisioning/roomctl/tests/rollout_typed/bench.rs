//! A fleet on a real broker, and two administrators who type.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use enrolment::registry::{Registry, RolloutHead, Seat};
use fleet::contract::{Channel, Message, Phase, UpdateReport};
use fleet_lab::ledger::locked;
use fleet_lab::measure::{Fleet, Order};
use jiff::{SignedDuration, Timestamp};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

pub const A_MINUTE: Duration = Duration::from_secs(60);
pub const NEW: &str = "2.4.0";

/// Everybody at once, as fast as it goes.
pub const START: [&str; 9] = [
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
pub struct Bench {
    pub fleet: Fleet,
    desks: TempDir,
}

impl Bench {
    pub async fn of(boxes: usize) -> Self {
        let begun = Timestamp::now();
        let spread = Duration::from_secs(1);
        let fleet = Fleet::start(Order { boxes, spread }).await.unwrap();
        let desks = tempfile::tempdir().unwrap();
        fs::create_dir(desks.path().join("registry")).unwrap();
        for name in ["alice", "bob"] {
            let desk = desks.path().join(name);
            fs::create_dir(&desk).unwrap();
            fleet.office.write(&fleet.broker, name, &desk).unwrap();
            let registry = desks.path().join("registry/registry.db");
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

    pub fn desk(&self, name: &str) -> std::path::PathBuf {
        self.desks.path().join(name)
    }

    pub fn program(&self, who: &str, words: &[&str]) -> Command {
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

    pub async fn type_in(&self, who: &str, words: &[&str]) -> Said {
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
    pub fn conducts(&self, who: &str, words: &[&str]) -> Conducting {
        let mut child = self
            .program(who, words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Conducting { child, lines }
    }

    pub async fn status(&self) -> Value {
        let said = self.type_in("bob", &["rollout", "status", "-o", "json"]).await;
        assert_eq!(said.code, 0, "{}", said.err);
        serde_json::from_str(&said.out).unwrap()
    }

    pub fn registry(&self) -> Registry {
        Registry::open(self.desks.path().join("registry/registry.db").to_str().unwrap()).unwrap()
    }

    /// Nobody reaches it, or everybody again.
    pub fn registry_is_away(&self, away: bool) {
        let (here, aside) = (self.desks.path().join("registry"), self.desks.path().join("aside"));
        let (from, to) = if away { (here, aside) } else { (aside, here) };
        fs::rename(from, to).unwrap();
    }

    /// The only rollout that is not over, without its boxes.
    pub fn head(&self) -> RolloutHead {
        let all = self.registry().rollouts(&self.fleet.office.tenant).unwrap();
        all.into_iter().find(|head| !head.over).unwrap()
    }

    /// The lease of whoever conducts runs out now.
    pub fn end_lease(&self) {
        let head = self.head();
        let seat = Seat {
            until: Timestamp::now() - SignedDuration::from_secs(1),
            ..head.seat.unwrap()
        };
        self.registry().keep_seat(&head.id, &seat).unwrap();
    }

    /// Until every box says that nothing is under way.
    pub async fn all_idle(&self) {
        let topic = |device| Channel::UpdateReported.topic(&self.fleet.office.tenant, device);
        let topics: Vec<String> = self.fleet.rooms.iter().map(|room| topic(room.device())).collect();
        let begun = Instant::now();
        loop {
            let mut console = self.fleet.office.console(&self.fleet.broker, "alice").await.unwrap();
            let kept = console.kept(&topics).await.unwrap();
            console.close().await;
            let reports = kept
                .values()
                .map(|payload| Message::parse(payload, 8_192).unwrap().body);
            let reports: Vec<UpdateReport> = reports.collect();
            if reports.len() == topics.len() && reports.iter().all(|report| report.phase == Phase::Idle) {
                return;
            }
            assert!(begun.elapsed() < A_MINUTE, "{reports:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    pub fn hold(&self, hold: bool) {
        locked(&self.fleet.ledger).downloads_wait = hold;
    }

    pub fn running_new(&self) -> usize {
        let ledger = locked(&self.fleet.ledger);
        ledger.running.values().filter(|release| *release == NEW).count()
    }
}

pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

pub struct Conducting {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Conducting {
    /// Until it says this.
    pub async fn says(&mut self, what: &str) -> String {
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

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// `kill -9`.
    pub async fn dies(mut self) {
        self.child.kill().await.unwrap();
    }

    pub async fn ends(mut self) -> Said {
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
