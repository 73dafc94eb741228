//! A year of one box: the broker dies and lies, the network comes and goes, the clock jumps, the power is cut, messages come
//! twice, late, in the wrong order, forged. What the witness knows must stay true.
//!
//! `FLEET_SEEDS` years (200) from `FLEET_SEED` on; a single one again: `FLEET_SEEDS=1 FLEET_SEED=…`.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fleet::contract::{Clock, Code, Configuration, ConfigurationError, EventClass, Id, Message};
use fleet::session::{Input, Output, Receipt, Reply, Scope};
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};

use crate::bench::{Bench, Heard, MORNING, signed};
use crate::witness::{Asked, Commanded, Configured, Noticed, Sent, Told};

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const YEAR: u64 = 365 * 24 * HOUR;

#[derive(Clone)]
enum What {
    Configuration(Sent),
    Command(String),
    Notice(u64, i64, bool),
    Release(u64),
    /// Forged, cut off, for somebody else: it may do nothing.
    Nothing,
}

#[derive(Clone)]
struct Mail {
    channel: String,
    payload: Vec<u8>,
    until_ms: u64,
    what: What,
}

#[derive(Clone, Default)]
struct Known {
    configured: Configured,
    noticed: Noticed,
    release: u64,
}

struct Year {
    bench: Bench,
    chance: StdRng,
    /// Real time, which no restart sets back; the wall clock of the fleet, and what that of the box adds to it.
    real_ms: u64,
    skew_ms: i64,
    broker: bool,
    link: bool,
    connected_ms: Option<u64>,
    broker_knows_session: bool,
    gone_ms: u64,
    queue: VecDeque<Mail>,
    in_flight: Vec<(Receipt, Mail)>,
    retained: BTreeMap<String, Mail>,
    ever: Vec<Mail>,
    limbo: Vec<Heard>,
    reported: Option<Value>,
    shown: Option<u64>,
    network: Option<String>,
    meeting: bool,
    applying: Option<(u64, u64)>,
    running: Vec<(u64, Id)>,
    owed: BTreeMap<String, u64>,
    sent: BTreeMap<u64, Sent>,
    /// The clock of the box at each delivery of a command.
    judged: BTreeMap<String, Vec<Option<i64>>>,
    numbers: u64,
    last_event: String,
    last_sid: u64,
    known: Known,
    before_standstill: Option<Known>,
    commanded: Commanded,
    told: Told,
    handled: u64,
}

impl Year {
    fn new(seed: u64) -> Self {
        Self {
            bench: Bench::new(),
            chance: StdRng::seed_from_u64(seed),
            real_ms: 0,
            skew_ms: 0,
            broker: true,
            link: true,
            connected_ms: None,
            broker_knows_session: false,
            gone_ms: 0,
            queue: VecDeque::new(),
            in_flight: Vec::new(),
            retained: BTreeMap::new(),
            ever: Vec::new(),
            limbo: Vec::new(),
            reported: None,
            shown: None,
            network: None,
            meeting: false,
            applying: None,
            running: Vec::new(),
            owed: BTreeMap::new(),
            sent: BTreeMap::new(),
            judged: BTreeMap::new(),
            numbers: 0,
            last_event: "event/".into(),
            last_sid: 0,
            known: Known::default(),
            before_standstill: None,
            commanded: Commanded::default(),
            told: Told::default(),
            handled: 0,
        }
    }

    fn fleet_wall_ms(&self) -> i64 {
        let morning: Timestamp = MORNING.parse().unwrap();
        morning.as_millisecond() + i64::try_from(self.real_ms).unwrap()
    }

    /// What the box takes for the time of day when it trusts its clock.
    fn box_wall_ms(&self) -> Option<i64> {
        self.bench
            .now
            .wall
            .filter(|_| self.bench.now.clock == Clock::Sync)
            .map(|wall| wall.as_millisecond())
    }

    fn at(ms: i64) -> String {
        Timestamp::from_millisecond(ms).unwrap().to_string()
    }

    fn give(&mut self, input: Input) {
        self.handled += 1;
        self.bench.give(input);
        self.observe();
    }

    /// What the box did becomes what the world knows.
    fn observe(&mut self) {
        for (_, connect) in std::mem::take(&mut self.bench.connects) {
            let will: Value = serde_json::from_slice(&connect.will.payload).unwrap();
            let sid = will["sid"].as_u64().unwrap();
            assert!(sid > self.last_sid, "the number of a connection went back");
            self.last_sid = sid;
        }
        self.accept_events();
        for receipt in std::mem::take(&mut self.bench.acknowledged) {
            self.in_flight.retain(|(waiting, _)| *waiting != receipt);
        }
        for execution in std::mem::take(&mut self.bench.executed) {
            let id = execution.id.to_string();
            self.commanded.executed(&id, &self.judged[&id], self.bench.now.up_ms);
            let end_ms = self.bench.now.up_ms + self.chance.random_range(10..600 * SECOND);
            self.running.push((end_ms, execution.id));
        }
        for heard in std::mem::take(&mut self.bench.heard) {
            if self.bench.broker_stands_still {
                self.limbo.push(heard);
            } else {
                self.hear(&heard);
            }
        }
        for output in std::mem::take(&mut self.bench.others) {
            self.follow(output);
        }
    }

    fn accept_events(&mut self) {
        let after = (Bound::Excluded(self.last_event.clone()), Bound::Unbounded);
        let new = self
            .bench
            .disk
            .range(after)
            .take_while(|(key, _)| key.starts_with("event/"));
        let mut last = None;
        for (key, value) in new {
            let value: Value = serde_json::from_slice(value).unwrap();
            let message: Value = serde_json::from_str(value["message"].as_str().unwrap()).unwrap();
            self.told.accepted.insert(message["id"].as_str().unwrap().into());
            last = Some(key.clone());
        }
        self.last_event = last.unwrap_or(std::mem::take(&mut self.last_event));
    }

    fn hear(&mut self, heard: &Heard) {
        let channel = heard.channel.as_str();
        if channel.starts_with("evt/") {
            self.told.heard(&heard.body, channel, heard.at_ms, self.real_ms);
        } else if channel.starts_with("res/") {
            self.commanded.heard(&heard.body);
        } else if channel == "config/reported" {
            self.reported = Some(heard.body.clone());
        } else if channel == "online" {
            assert_eq!(heard.body["sid"], self.last_sid);
        }
    }

    fn follow(&mut self, output: Output) {
        let now_ms = self.bench.now.up_ms;
        match output {
            Output::Apply { configuration, trial } => {
                self.known.configured.told(configuration.rev, trial, self.meeting);
                let takes = self.chance.random_range(0..20 * SECOND);
                self.applying = Some((now_ms + takes, configuration.rev));
            }
            Output::Restore(configuration) => {
                let rev = configuration.as_ref().map(|configuration| configuration.rev);
                self.known.configured.restored(rev, now_ms, now_ms == 0);
                self.network = rev.and_then(|rev| self.sent[&rev].network.clone());
            }
            Output::ShowNotice(Scope::Own, notice) => self.shown = Some(notice.rev),
            Output::ClearNotice(Scope::Own) => self.shown = None,
            Output::Update(update) => assert_eq!(update.rev, self.known.release, "the newest release"),
            Output::Subscribe(_) => {
                let retained: Vec<Mail> = self.retained.values().cloned().collect();
                self.queue.extend(retained);
            }
            Output::Disconnect => self.lose(),
            _ => {}
        }
    }

    fn lose(&mut self) {
        if self.connected_ms.take().is_none() {
            return;
        }
        self.gone_ms = self.real_ms;
        for (_, mail) in std::mem::take(&mut self.in_flight).into_iter().rev() {
            self.queue.push_front(mail);
        }
        for heard in std::mem::take(&mut self.limbo) {
            if self.chance.random() {
                self.hear(&heard);
            }
        }
        self.bench.unacknowledged.clear();
        self.give(Input::Disconnected);
    }

    /// Attempts, deliveries, and what the box has finished.
    fn go_on(&mut self) {
        if self.bench.dialing {
            let works = self.network.as_ref().is_none_or(|network| !network.contains("bad"));
            if self.broker && self.link && works {
                let session_present = self.broker_knows_session && self.gone_ms + HOUR > self.real_ms;
                if !session_present {
                    self.queue.clear();
                }
                self.broker_knows_session = true;
                self.bench.unacknowledged.clear();
                self.limbo.clear();
                self.connected_ms = Some(self.real_ms);
                self.known.configured.reached();
                self.give(Input::Connected { session_present });
            } else {
                let busy = self.chance.random_range(0..10) == 0;
                self.give(Input::ConnectFailed { busy });
            }
        }
        let now_ms = self.bench.now.up_ms;
        if let Some((_, rev)) = self.applying.take_if(|(due_ms, _)| *due_ms <= now_ms) {
            self.finish_applying(rev);
        }
        let done: Vec<(u64, Id)> = self.running.extract_if(.., |(due_ms, _)| *due_ms <= now_ms).collect();
        for (_, id) in done {
            self.commanded.running.remove(&id.to_string());
            self.owed.insert(id.to_string(), self.real_ms);
            let reply = match self.chance.random_range(0..3) {
                0 => Reply::failed(Code::Timeout, "too long"),
                _ => Reply::done(Map::new()),
            };
            self.give(Input::Answer { id, reply });
        }
        while self.connected_ms.is_some() && self.in_flight.len() < 16 {
            let Some(mail) = self.queue.pop_front() else { break };
            self.deliver(mail);
        }
    }

    fn finish_applying(&mut self, rev: u64) {
        let sent = self.sent[&rev].clone();
        self.known.configured.answered(&sent, self.bench.now.up_ms);
        let errors = if sent.bad {
            vec![ConfigurationError {
                path: "/av".into(),
                code: Code::UnsupportedOnHw,
                msg: "not here".into(),
                allowed: Vec::new(),
            }]
        } else {
            self.network.clone_from(&sent.network);
            Vec::new()
        };
        self.give(Input::Configured { rev, errors });
    }

    fn deliver(&mut self, mail: Mail) {
        if mail.until_ms <= self.real_ms {
            return;
        }
        match &mail.what {
            What::Configuration(sent) => self.known.configured.delivered(sent),
            What::Notice(rev, exp_ms, text) => self.known.noticed.delivered(*rev, *exp_ms, *text),
            What::Release(rev) => self.known.release = self.known.release.max(*rev),
            What::Command(id) => {
                let wall = self.box_wall_ms();
                self.judged.entry(id.clone()).or_default().push(wall);
            }
            What::Nothing => {}
        }
        let left = Duration::from_millis(mail.until_ms - self.real_ms);
        let (channel, payload) = (mail.channel.clone(), mail.payload.clone());
        let number = self.bench.next_receipt();
        self.in_flight.push((number, mail));
        self.handled += 1;
        self.bench
            .receive_with(&channel, payload, |received| received.expiry = Some(left));
        self.observe();
    }

    fn pass(&mut self, ms: u64) {
        let end_ms = self.bench.now.up_ms + ms;
        loop {
            self.go_on();
            let box_ms = self.bench.session.next_deadline();
            let own = self
                .running
                .iter()
                .map(|(due_ms, _)| *due_ms)
                .chain(self.applying.map(|(due_ms, _)| due_ms));
            let due = box_ms.into_iter().chain(own).min().filter(|due| *due <= end_ms);
            let Some(due) = due else { break };
            self.move_to(due);
            if box_ms.is_some_and(|at| at <= self.bench.now.up_ms) {
                self.give(Input::Tick);
            }
        }
        self.move_to(end_ms);
        self.told.pass(self.real_ms);
    }

    fn move_to(&mut self, up_ms: u64) {
        let up_ms = up_ms.max(self.bench.now.up_ms);
        self.real_ms += up_ms - self.bench.now.up_ms;
        self.bench.move_to(up_ms);
    }

    fn send(&mut self, mail: Mail, retained: bool) {
        self.ever.push(mail.clone());
        if self.ever.len() > 60 {
            self.ever.remove(0);
        }
        if retained {
            self.retained.insert(mail.channel.clone(), mail.clone());
        }
        self.queue.push_back(mail);
    }

    fn document(&mut self, body: Value) -> Value {
        self.numbers += 1;
        let ts = Self::at(self.fleet_wall_ms());
        let id = ulid::Ulid::from_parts(self.numbers, u128::from(self.numbers)).to_string();
        let mut document =
            json!({"v": 1, "id": id, "ts": ts, "clk": "sync", "boot": "server-01", "up_ms": 1, "seq": 1});
        document
            .as_object_mut()
            .unwrap()
            .extend(body.as_object().unwrap().clone());
        document
    }

    fn write_configuration(&mut self) {
        self.numbers += 1;
        let rev = self.numbers;
        let network = match self.chance.random_range(0..8) {
            0 => Some(format!("http://bad-{rev}:3128")),
            1 | 2 => Some(format!("http://good-{rev}:3128")),
            _ => self.network.clone().filter(|network| !network.contains("bad")),
        };
        let idle = self.chance.random();
        let bad = self.chance.random_range(0..6) == 0;
        let mut cfg = json!({"av": {"volume": rev % 100}});
        if let Some(network) = &network {
            cfg["net"] = json!({"proxy": network});
        }
        let exp = Self::at(self.fleet_wall_ms() + self.chance.random_range(1..90 * 24) * HOUR as i64);
        let apply = json!({"when": if idle { "idle" } else { "now" }});
        let mut document = self.document(json!({
            "schema": "cfg/1.4", "rev": rev, "sha256": "", "issued_by": "ops", "exp": exp, "apply": apply, "cfg": cfg,
        }));
        let read = Message::<Configuration>::parse(document.to_string().as_bytes(), 40_000).unwrap();
        document["sha256"] = read.body.fingerprint().into();
        let sent = Sent {
            rev,
            network,
            bad,
            idle,
        };
        self.sent.insert(rev, sent.clone());
        let payload = signed("ops", &document);
        let mail = Mail {
            channel: "config/desired".into(),
            payload,
            until_ms: u64::MAX,
            what: What::Configuration(sent),
        };
        self.send(mail, true);
    }

    fn write_command(&mut self) {
        let dangerous = self.chance.random_range(0..3) == 0;
        let is_signed = self.chance.random_range(0..4) != 0;
        let name = if dangerous { "call.join" } else { "av.volume" };
        let lasts = self.chance.random_range(0..300) * SECOND as i64;
        let exp_ms = self.fleet_wall_ms() + lasts;
        let document = self.document(json!({
            "name": name, "params": {"room": "Salle", "percent": 4}, "exp": Self::at(exp_ms), "actor": "ops",
        }));
        let id = document["id"].as_str().unwrap().to_owned();
        self.commanded.asked.insert(
            id.clone(),
            Asked {
                exp_ms,
                dangerous,
                signed: is_signed,
            },
        );
        let payload = if is_signed {
            signed("ops", &document)
        } else {
            document.to_string().into_bytes()
        };
        let until_ms = self.real_ms + u64::try_from(lasts).unwrap();
        let mail = Mail {
            channel: format!("cmd/{name}"),
            payload,
            until_ms,
            what: What::Command(id),
        };
        self.send(mail, false);
    }

    fn write_notice(&mut self) {
        self.numbers += 1;
        let rev = self.numbers;
        let lasts = self.chance.random_range(60..48 * 3_600) * SECOND;
        let exp_ms = self.fleet_wall_ms() + i64::try_from(lasts).unwrap();
        let text = self.chance.random_range(0..4) != 0;
        let words = if text { "Evacuate" } else { "" };
        let document = self.document(json!({"rev": rev, "fr": words, "en": words, "exp": Self::at(exp_ms)}));
        let what = What::Notice(rev, exp_ms, text);
        let until_ms = self.real_ms + lasts;
        let mail = Mail {
            channel: "notice".into(),
            payload: signed("ops", &document),
            until_ms,
            what,
        };
        self.send(mail, true);
    }

    fn write_release(&mut self) {
        self.numbers += 1;
        let rev = self.numbers;
        let document = self.document(json!({
            "rev": rev, "release": "2.4.0", "url": "https://updates.example/x", "size": 1, "security_version": 9,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "manifest_hash": "x",
        }));
        let payload = signed("ops", &document);
        let mail = Mail {
            channel: "update/desired".into(),
            payload,
            until_ms: u64::MAX,
            what: What::Release(rev),
        };
        self.send(mail, true);
    }

    /// Somebody who is not the fleet.
    fn forge(&mut self) {
        let Some(original) = self.any_ever() else { return };
        let text = String::from_utf8_lossy(&original.payload).replace("signed by ops", "signed by evil");
        let mut payload = text.into_bytes();
        match self.chance.random_range(0..4) {
            0 => payload.truncate(self.chance.random_range(0..payload.len())),
            1 => payload = vec![b'['; self.chance.random_range(1..70_000)],
            _ if !payload.starts_with(b"signed by evil") => return,
            _ => {}
        }
        let channel = original.channel;
        self.queue.push_back(Mail {
            channel,
            payload,
            until_ms: self.real_ms + HOUR,
            what: What::Nothing,
        });
    }

    fn any_ever(&mut self) -> Option<Mail> {
        if self.ever.is_empty() {
            return None;
        }
        let index = self.chance.random_range(0..self.ever.len());
        self.ever.get(index).cloned()
    }

    fn power_cut(&mut self) {
        if let Some(known) = self.before_standstill.take() {
            self.known = known;
        }
        self.connected_ms = None;
        self.gone_ms = self.real_ms;
        for (_, mail) in std::mem::take(&mut self.in_flight).into_iter().rev() {
            self.queue.push_front(mail);
        }
        for heard in std::mem::take(&mut self.limbo) {
            if self.chance.random() {
                self.hear(&heard);
            }
        }
        let off_ms = self.chance.random_range(0..3) * self.chance.random_range(1..HOUR);
        self.real_ms += off_ms;
        self.told.pass(self.real_ms);
        self.commanded.power_cut();
        self.told.power_cut();
        self.shown = None;
        self.meeting = false;
        self.applying = None;
        for (_, id) in std::mem::take(&mut self.running) {
            self.commanded.running.remove(&id.to_string());
            self.owed.insert(id.to_string(), self.real_ms);
        }
        // What was said on disk but not out loud is still owed.
        for since_ms in self.owed.values_mut() {
            *since_ms = (*since_ms).min(self.real_ms);
        }
        self.set_clock();
        if self.chance.random_range(0..3) == 0 {
            self.bench.now.clock = Clock::Unsync;
        }
        self.bench.restart();
        self.network = self
            .bench
            .session
            .configuration()
            .and_then(|now| self.sent[&now.rev].network.clone());
        self.observe();
    }

    fn set_clock(&mut self) {
        self.bench.now.wall = Some(Timestamp::from_millisecond(self.fleet_wall_ms() + self.skew_ms).unwrap());
        self.bench.now.clock = Clock::Sync;
    }

    /// The disk takes everything at once again.
    fn disk_flows(&mut self) {
        self.bench.disk_stands_still = false;
        self.before_standstill = None;
        while !self.bench.writes.is_empty() {
            self.bench.write();
            self.observe();
        }
    }

    fn broker_flows(&mut self) {
        self.bench.broker_stands_still = false;
        for heard in std::mem::take(&mut self.limbo) {
            self.hear(&heard);
        }
        self.bench.acknowledge();
        self.observe();
    }

    /// Something happens.
    fn happen(&mut self) {
        match self.chance.random_range(0..100) {
            0..=9 => self.write_configuration(),
            10..=24 => self.write_command(),
            25..=28 => self.write_notice(),
            29..=30 => self.write_release(),
            31..=36 => {
                // Again, an old one, or in another order.
                if let Some(mail) = self.any_ever() {
                    let until_ms = mail.until_ms.max(self.real_ms + 60 * SECOND);
                    self.queue.push_back(Mail { until_ms, ..mail });
                    let middle = self.queue.len() / 2;
                    self.queue.swap(0, middle);
                }
            }
            37..=40 => self.forge(),
            41..=52 => {
                for _ in 0..self.chance.random_range(1..40) {
                    let event = format!("kind.{}", self.chance.random_range(0..12));
                    let class = EventClass::ALL[self.chance.random_range(0..4)];
                    self.give(Input::Event {
                        class,
                        event,
                        detail: Map::new(),
                    });
                }
            }
            53..=57 => self.lose(),
            58..=60 => {
                self.lose();
                self.link = false;
            }
            61..=63 => {
                self.told.broker_died();
                self.queue.clear();
                self.in_flight.clear();
                self.limbo.clear();
                // Some come back with what they knew long ago: the session, but not the documents.
                self.broker_knows_session &= self.chance.random_bool(0.3);
                self.reported = None;
                self.lose();
                self.broker = false;
            }
            64..=69 => self.power_cut(),
            70..=73 => {
                let days = self.chance.random_range(-40..40);
                self.skew_ms = if self.chance.random() {
                    0
                } else {
                    days * 24 * HOUR as i64
                };
                self.set_clock();
                self.give(Input::Tick);
            }
            74..=78 => {
                self.meeting = !self.meeting;
                self.give(Input::Meeting(self.meeting));
            }
            79..=82 => {
                self.bench.disk_stands_still = true;
                self.before_standstill.get_or_insert_with(|| self.known.clone());
            }
            83..=86 => self.bench.broker_stands_still = true,
            87..=89 => {
                for _ in 0..self.chance.random_range(1..100) {
                    self.write_command();
                }
            }
            _ => {}
        }
        self.go_on();
        if self.bench.now.clock == Clock::Unsync && self.chance.random() {
            self.set_clock();
            self.give(Input::Tick);
        }
    }

    fn recover(&mut self) {
        if self.bench.disk_stands_still && self.chance.random_range(0..3) > 0 {
            self.disk_flows();
        }
        if self.bench.broker_stands_still && self.chance.random_range(0..3) > 0 {
            self.broker_flows();
        }
        self.link |= self.chance.random_range(0..3) > 0;
        self.broker |= self.chance.random_range(0..3) > 0;
    }

    /// What must be true while nothing is in the way.
    fn check(&mut self) {
        let Some(since_ms) = self.connected_ms.filter(|since| since + 60 * SECOND <= self.real_ms) else {
            return;
        };
        let calm = !self.bench.disk_stands_still && !self.bench.broker_stands_still && self.applying.is_none();
        if !calm || !self.queue.is_empty() || self.bench.now.up_ms < 60 * SECOND {
            return;
        }
        let in_effect = self
            .bench
            .session
            .configuration()
            .map(|configuration| configuration.rev);
        let now_ms = self.bench.now.up_ms;
        self.known
            .configured
            .check(now_ms, self.meeting, self.reported.as_ref(), in_effect);
        if let Some(wall_ms) = self.box_wall_ms() {
            self.known.noticed.check(wall_ms, self.shown);
        }
        let owed = std::mem::take(&mut self.owed);
        for (id, due_ms) in owed {
            if due_ms + 60 * SECOND > self.real_ms {
                self.owed.insert(id, due_ms);
            } else if !self.commanded.has_ended(&id) {
                assert!(due_ms + 500 * SECOND < since_ms, "{id} was never answered");
            }
        }
    }

    fn live(&mut self, length_ms: u64) {
        while self.real_ms < length_ms {
            self.happen();
            let long = match self.chance.random_range(0..10) {
                0..=4 => 20 * SECOND,
                5..=7 => HOUR,
                _ => 288 * HOUR,
            };
            let ms = self.chance.random_range(0..long);
            // What stands still does so for minutes, not for days.
            let stands = self.bench.disk_stands_still || self.bench.broker_stands_still || !self.link || !self.broker;
            self.pass(if stands { ms.min(2 * HOUR) } else { ms });
            self.recover();
            if !stands {
                self.pass(90 * SECOND);
                self.check();
            }
        }
        self.disk_flows();
        self.broker_flows();
        (self.link, self.broker, self.meeting, self.skew_ms) = (true, true, false, 0);
        self.set_clock();
        self.give(Input::Meeting(false));
        self.pass(2 * HOUR);
        self.check();
        assert!(self.bench.session.is_connected());
        assert_eq!(self.told.lost(), 0, "events were lost");
        assert!(
            self.running.is_empty()
                && self
                    .bench
                    .session
                    .next_deadline()
                    .is_none_or(|at| at > self.bench.now.up_ms)
        );
        let bytes: usize = self.bench.disk.values().map(Vec::len).sum();
        assert!(bytes < 600_000, "{bytes} bytes stay on disk");
    }
}

#[test]
fn a_year_of_everything_that_goes_wrong_leaves_nothing_lost_twice_or_forgotten() {
    years(200);
}

/// Its last deadline stayed in the past, and the box asked for the time without end.
#[test]
fn a_notice_that_is_over_while_its_successor_waits_for_the_disk_keeps_nobody_busy() {
    Year::new(1_159).live(YEAR);
}

#[test]
#[ignore = "minutes long, with FLEET_SEEDS and --release less so: cargo lab soak"]
fn soak_ten_thousand_years_of_everything_that_goes_wrong() {
    years(10_000);
}

fn years(seeds: u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = number("FLEET_SEEDS").unwrap_or(seeds);
    let first = number("FLEET_SEED").unwrap_or(0);
    let begin = Instant::now();
    let next = AtomicU64::new(first);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let lives = || {
        let mut sums = [0_u64; 3];
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                return sums;
            }
            let mut year = Year::new(seed);
            let lived = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| year.live(YEAR)));
            assert!(lived.is_ok(), "again: FLEET_SEEDS=1 FLEET_SEED={seed}");
            sums[0] += year.commanded.count;
            sums[1] += year.told.accepted.len() as u64;
            sums[2] += year.handled;
        }
    };
    let sums: Vec<[u64; 3]> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(lives)).collect();
        running
            .into_iter()
            .map(|thread| thread.join().expect("a year went wrong"))
            .collect()
    });
    let [commands, events, handled] = [0, 1, 2].map(|kind| sums.iter().map(|sums| sums[kind]).sum::<u64>());
    let each = begin.elapsed() * u32::try_from(threads).unwrap() / u32::try_from(seeds).unwrap();
    println!("{seeds} years, {each:?} each: {commands} commands executed, {events} events accepted, {handled} inputs");
    assert!(commands >= 10 * seeds && events > 50 * seeds);
}

#[test]
fn the_witness_sees_a_box_that_goes_back() {
    let sent = |rev| Sent {
        rev,
        network: None,
        bad: false,
        idle: false,
    };
    let seen = |told: u64| {
        std::panic::catch_unwind(move || {
            let mut configured = Configured::default();
            configured.delivered(&sent(5));
            configured.told(5, false, false);
            configured.answered(&sent(5), 0);
            configured.delivered(&sent(4));
            configured.told(told, false, false);
        })
    };
    assert!(seen(4).is_err() && seen(5).is_err());
}
