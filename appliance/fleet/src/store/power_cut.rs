//! The power goes while events storm in: what the disk had not synced is lost, in part or as a whole, down to half a write. No
//! accepted event may be lost, no command executed twice, and the store opens every time.
//!
//! `FLEET_CUTS` cuts (40), from `FLEET_SEED` (random, and said when it fails).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redb::StorageBackend;
use serde_json::{Map, Value, json};

use super::{Store, builder};
use crate::agent::Keeper;
use crate::contract::{Clock, Code, CommandName, EventClass, Metadata, OnlineReason, Verb};
use crate::session::{Input, Now, Output, Receipt, Received, Reply, Session, Settings, Token, Verifier};

/// Of a disk: what is written as a whole or not at all.
const SECTOR: usize = 512;

enum Unsynced {
    Length(u64),
    Write(u64, Vec<u8>),
}

#[derive(Default)]
struct Platter {
    /// What a power cut leaves.
    synced: Vec<u8>,
    /// What the system sees.
    seen: Vec<u8>,
    unsynced: Vec<Unsynced>,
    /// Operations until the power goes.
    left: Option<u64>,
}

impl Platter {
    fn operation(&mut self) -> io::Result<()> {
        match &mut self.left {
            Some(0) => Err(io::Error::other("no power")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn apply(image: &mut Vec<u8>, change: &Unsynced, survives: &mut impl FnMut() -> bool) {
        match change {
            Unsynced::Length(length) => {
                if survives() {
                    image.resize(usize::try_from(*length).unwrap(), 0);
                }
            }
            Unsynced::Write(offset, data) => {
                let offset = usize::try_from(*offset).unwrap();
                for (index, sector) in data.chunks(SECTOR).enumerate() {
                    let at = offset + index * SECTOR;
                    if survives() && at + sector.len() <= image.len() {
                        image[at..at + sector.len()].copy_from_slice(sector);
                    }
                }
            }
        }
    }

    /// The power goes. Of what was not synced some is there: all, nothing, whole writes, or single sectors.
    fn cut(&mut self, chance: &mut StdRng) {
        let (kind, share) = (chance.random_range(0..4), chance.random_range(0.0..1.0));
        let mut image = std::mem::take(&mut self.synced);
        for change in std::mem::take(&mut self.unsynced) {
            let whole = chance.random_bool(share);
            let mut survives = || match kind {
                0 => false,
                1 => true,
                2 => whole,
                _ => chance.random_bool(share),
            };
            Self::apply(&mut image, &change, &mut survives);
        }
        self.seen.clone_from(&image);
        self.synced = image;
        self.left = None;
    }
}

/// A disk under the store.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<Platter>>);

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Disk")
    }
}

impl Disk {
    fn platter(&self) -> std::sync::MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.platter().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.platter();
        let offset = usize::try_from(offset).unwrap();
        let there = platter.seen.get(offset..offset + out.len());
        out.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut platter = self.platter();
        platter.operation()?;
        platter.seen.resize(usize::try_from(len).unwrap(), 0);
        platter.unsynced.push(Unsynced::Length(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platter = self.platter();
        platter.operation()?;
        let Platter { synced, unsynced, .. } = &mut *platter;
        for change in unsynced.drain(..) {
            Platter::apply(synced, &change, &mut || true);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut platter = self.platter();
        platter.operation()?;
        let change = Unsynced::Write(offset, data.to_vec());
        Platter::apply(&mut platter.seen, &change, &mut || true);
        platter.unsynced.push(change);
        Ok(())
    }
}

struct Nobody;

impl Verifier for Nobody {
    fn document(&self, _payload: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn verify(&self, _payload: &[u8], _verb: Verb, _now: &Now) -> Result<String, Code> {
        Err(Code::BadSignature)
    }
}

/// What the world outside knows of the box.
#[derive(Default)]
struct World {
    /// Events that the box has taken: their record was on disk.
    accepted: BTreeSet<String>,
    /// Events that the broker has heard of.
    heard: BTreeSet<String>,
    /// Executions of each command.
    executed: BTreeMap<String, u64>,
    /// Commands whose message was acknowledged: they will be answered.
    taken: BTreeSet<String>,
    /// Commands with a last answer.
    answered: BTreeSet<String>,
    /// Last connection.
    sid: u64,
}

/// A box between two power cuts.
struct Life<'w> {
    session: Session,
    store: Store,
    now: Now,
    world: &'w mut World,
    connected: bool,
    tokens: Vec<Token>,
    /// Messages whose PUBACK has not come: the broker sends them again.
    commands: BTreeMap<Receipt, (String, Vec<u8>)>,
    receipts: u64,
    executing: Vec<crate::contract::Id>,
    dead: bool,
}

impl Life<'_> {
    fn give(&mut self, input: Input) {
        self.session.handle(input, self.now);
        while let Some(output) = self.session.poll()
            && !self.dead
        {
            self.follow(output);
        }
    }

    fn follow(&mut self, output: Output) {
        match output {
            Output::Write { token, records } => {
                if self.store.write(&records).is_err() {
                    self.dead = true;
                    return;
                }
                let events = records.iter().filter(|record| record.key.starts_with("event/"));
                for value in events.filter_map(|record| record.value.as_ref()) {
                    let value: Value = serde_json::from_slice(value).unwrap();
                    let message: Value = serde_json::from_str(value["message"].as_str().unwrap()).unwrap();
                    self.world.accepted.insert(message["id"].as_str().unwrap().into());
                }
                self.session.handle(Input::Written { token }, self.now);
            }
            Output::Connect(connect) => {
                let will: Value = serde_json::from_slice(&connect.will.payload).unwrap();
                let sid = will["sid"].as_u64().unwrap();
                assert!(sid > self.world.sid, "a number is never used twice");
                self.world.sid = sid;
            }
            Output::Publish(publication) => {
                self.tokens.extend(publication.token);
                let body: Value = serde_json::from_slice(&publication.payload).unwrap();
                if publication.topic.contains("/evt/") {
                    self.world.heard.insert(body["id"].as_str().unwrap().into());
                }
                if publication.topic.contains("/res/")
                    && ["done", "failed", "rejected"].contains(&body["status"].as_str().unwrap())
                {
                    self.world.answered.insert(body["re"].as_str().unwrap().into());
                }
            }
            Output::Acknowledge(receipt) => {
                let (id, _) = self.commands.remove(&receipt).unwrap();
                self.world.taken.insert(id);
            }
            Output::Execute(execution) => {
                *self.world.executed.entry(execution.id.to_string()).or_default() += 1;
                self.executing.push(execution.id);
            }
            _ => {}
        }
    }

    fn pass(&mut self, ms: u64) {
        let end = self.now.up_ms + ms;
        while let Some(due) = self.session.next_deadline().filter(|due| *due <= end && !self.dead) {
            self.move_to(due.max(self.now.up_ms));
            self.give(Input::Tick);
        }
        self.move_to(end);
    }

    /// Nothing goes wrong: everything that was kept reaches the broker.
    fn good_day(&mut self, unacknowledged: Vec<(String, Vec<u8>)>) {
        self.pass(31_000);
        self.give(Input::Connected { session_present: false });
        self.connected = self.session.is_connected();
        for (id, payload) in unacknowledged {
            self.command(id, payload);
        }
        for _ in 0..100_000 {
            for id in std::mem::take(&mut self.executing) {
                self.give(Input::Answer {
                    id,
                    reply: Reply::done(Map::new()),
                });
            }
            for token in std::mem::take(&mut self.tokens) {
                self.give(Input::Acknowledged { token });
            }
            self.pass(50);
            let quiet = self.session.next_deadline() > Some(self.now.up_ms + 1_000);
            if quiet && self.world.accepted.is_subset(&self.world.heard) {
                break;
            }
        }
        self.pass(700_000);
    }

    fn move_to(&mut self, up_ms: u64) {
        let passed = Duration::from_millis(up_ms - self.now.up_ms);
        self.now.up_ms = up_ms;
        self.now.wall = self.now.wall.map(|wall| wall + passed);
    }

    fn command(&mut self, id: String, payload: Vec<u8>) {
        if !self.connected {
            return;
        }
        self.receipts += 1;
        let receipt = Receipt(self.receipts);
        self.commands.insert(receipt, (id, payload.clone()));
        self.give(Input::Received(Received {
            receipt,
            topic: "cr/v1/etat/lyon-412/cmd/av.volume".into(),
            payload,
            retain: false,
            expiry: Some(Duration::from_secs(60)),
            correlation: None,
            response_topic: None,
        }));
    }

    /// Something happens.
    fn happen(&mut self, number: u64, chance: &mut StdRng) {
        match chance.random_range(0..12) {
            0..=4 => {
                for _ in 0..chance.random_range(1..30) {
                    let detail = Map::from_iter([("n".to_owned(), Value::from(number))]);
                    let event = format!("kind.{}", chance.random_range(0..40));
                    self.give(Input::Event {
                        class: EventClass::Alert,
                        event,
                        detail,
                    });
                }
            }
            5 | 6 => self.pass(chance.random_range(0..20_000)),
            7 => {
                self.pass(31_000);
                self.connected = true;
                self.give(Input::Connected {
                    session_present: chance.random(),
                });
                self.connected = self.session.is_connected();
            }
            8 => {
                self.connected = false;
                self.tokens.clear();
                self.give(Input::Disconnected);
            }
            9 => {
                for token in std::mem::take(&mut self.tokens) {
                    self.give(Input::Acknowledged { token });
                }
            }
            10 => {
                let id = ulid::Ulid::from_parts(number, 1).to_string();
                let wall = self.now.wall.unwrap();
                let document = json!({
                    "v": 1, "id": id, "ts": wall, "clk": "sync", "boot": "server-01", "up_ms": 1, "seq": 1,
                    "name": "av.volume", "params": {"percent": 40}, "exp": wall + Duration::from_secs(60), "actor": "ops",
                });
                self.command(id, document.to_string().into_bytes());
            }
            _ => {
                for id in std::mem::take(&mut self.executing) {
                    self.give(Input::Answer {
                        id,
                        reply: Reply::done(Map::new()),
                    });
                }
            }
        }
    }
}

fn settings(boot: u64) -> Settings {
    Settings {
        tenant: "etat".try_into().unwrap(),
        device: "lyon-412".try_into().unwrap(),
        boot: format!("boot-{boot:04}"),
        reason: OnlineReason::Boot,
        metadata: Metadata {
            model: "H1".into(),
            serial: "0042".into(),
            fw: "2.3.0".into(),
            commands: CommandName::ALL.to_vec(),
            schemas: vec![],
            certificate_expires: "2027-11-21T00:00:00Z".parse().unwrap(),
            support_until: None,
            secrets_key: None,
        },
        spread: Settings::SPREAD,
    }
}

#[test]
fn no_accepted_event_is_lost_and_no_command_executed_twice_however_often_the_power_goes() {
    power_cuts(40);
}

#[test]
#[ignore = "minutes long: cargo lab soak"]
fn soak_a_thousand_power_cuts() {
    power_cuts(1_000);
}

fn power_cuts(cuts: u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let cuts = number("FLEET_CUTS").unwrap_or(cuts);
    let seed = number("FLEET_SEED").unwrap_or_else(rand::random);
    println!("FLEET_SEED={seed} FLEET_CUTS={cuts}");
    let mut chance = StdRng::seed_from_u64(seed);
    let disk = Disk::default();
    drop(builder().create_with_backend(disk.clone()).unwrap());
    let mut world = World::default();
    let mut wall: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
    let mut unacknowledged: Vec<(String, Vec<u8>)> = Vec::new();
    let mut happened = 0;
    for boot in 0..=cuts {
        let opened = disk.clone();
        let open = move || builder().create_with_backend(opened.clone());
        let (store, records) = Store::through(Box::new(open)).expect("the store opens every time");
        let now = Now {
            up_ms: 0,
            wall: Some(wall),
            clock: Clock::Sync,
        };
        let generator = StdRng::seed_from_u64(chance.random());
        let mut life = Life {
            session: Session::new(settings(boot), Arc::new(Nobody), generator, records, now),
            store,
            now,
            world: &mut world,
            connected: false,
            tokens: Vec::new(),
            commands: BTreeMap::new(),
            receipts: 0,
            executing: Vec::new(),
            dead: false,
        };
        // Now and then a good day, so that the ring never has to forget anything.
        if boot % 5 == 4 || boot == cuts {
            life.good_day(std::mem::take(&mut unacknowledged));
        }
        if boot == cuts {
            break;
        }
        disk.platter().left = Some(chance.random_range(0..400));
        for (id, payload) in std::mem::take(&mut unacknowledged) {
            life.happen(7, &mut chance);
            life.command(id, payload);
        }
        while !life.dead {
            happened += 1;
            life.happen(happened, &mut chance);
        }
        unacknowledged = life.commands.values().cloned().collect();
        wall = life.now.wall.unwrap();
        drop(life);
        disk.platter().cut(&mut chance);
    }
    let lost: Vec<_> = world.accepted.difference(&world.heard).collect();
    assert!(
        lost.is_empty(),
        "FLEET_SEED={seed}: {} of {} lost",
        lost.len(),
        world.accepted.len()
    );
    let twice: Vec<_> = world.executed.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "FLEET_SEED={seed}: executed twice {twice:?}");
    let silent: Vec<_> = world.taken.difference(&world.answered).collect();
    println!(
        "{} events, {} commands executed, {} never answered",
        world.accepted.len(),
        world.executed.len(),
        silent.len()
    );
    assert!(world.accepted.len() as u64 > 5 * cuts && world.executed.len() as u64 > cuts / 20);
}
