//! A box on the bench: its disk, its broker and its clock are moved by hand.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use fleet::contract::{Channel, Clock, Code, CommandName, Metadata, OnlineReason, Verb};
use fleet::session::{
    Connect, Execution, Input, Now, Output, Publication, Receipt, Received, Record, Session, Settings, Token, Verifier,
};
use jiff::{SignedDuration, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

/// Where all stories begin.
pub const MORNING: &str = "2026-11-21T08:00:00Z";

/// The number before the first connection: a box that knows nothing counts on from the time.
pub fn before() -> u64 {
    let morning: Timestamp = MORNING.parse().unwrap();
    morning.as_second().try_into().unwrap()
}

/// Believes `signed by NAME.DOCUMENT`; a name that begins with `evil` has no signature that holds, and one that begins with
/// `paris` speaks for another site.
pub struct Believer;

impl Believer {
    fn parts(payload: &[u8]) -> Option<(String, Vec<u8>)> {
        let text = std::str::from_utf8(payload).ok()?.strip_prefix("signed by ")?;
        let (name, document) = text.split_once('.')?;
        Some((name.into(), document.into()))
    }
}

impl Verifier for Believer {
    fn document(&self, payload: &[u8]) -> Option<Vec<u8>> {
        Self::parts(payload).map(|(_, document)| document)
    }

    fn verify(&self, payload: &[u8], _verb: Verb, _now: &Now) -> Result<String, Code> {
        let (name, _) = Self::parts(payload).ok_or(Code::BadSignature)?;
        match name.as_str() {
            name if name.starts_with("evil") => Err(Code::BadSignature),
            name if name.starts_with("paris") => Err(Code::NotAuthorised),
            _ => Ok(name),
        }
    }
}

/// Signs a document.
pub fn signed(name: &str, document: &Value) -> Vec<u8> {
    format!("signed by {name}.{document}").into_bytes()
}

pub fn settings(boot: u64, spread: Duration) -> Settings {
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
            schemas: vec!["cfg/1.4".into()],
            certificate_expires: "2027-11-21T00:00:00Z".parse().unwrap(),
            support_until: None,
            secrets_key: None,
        },
        spread,
    }
}

/// A publication that reached the broker.
#[derive(Debug, Clone)]
pub struct Heard {
    pub at_ms: u64,
    pub channel: String,
    pub body: Value,
    pub publication: Publication,
}

pub struct Bench {
    pub session: Session,
    pub now: Now,
    pub disk: BTreeMap<String, Vec<u8>>,
    /// Writes wait for [`Bench::write`].
    pub disk_stands_still: bool,
    /// Filters are confirmed.
    pub broker_confirms: bool,
    /// PUBACKs wait for [`Bench::acknowledge`].
    pub broker_stands_still: bool,
    /// An attempt waits for its end.
    pub dialing: bool,
    pub writes: VecDeque<(Token, Vec<Record>)>,
    pub unacknowledged: Vec<Token>,
    pub connects: Vec<(u64, Connect)>,
    pub heard: Vec<Heard>,
    pub executed: Vec<Execution>,
    pub acknowledged: Vec<Receipt>,
    pub others: Vec<Output>,
    boots: u64,
    receipts: u64,
    spread: Duration,
}

impl Bench {
    pub fn new() -> Self {
        Self::with_spread(Settings::SPREAD)
    }

    pub fn with_spread(spread: Duration) -> Self {
        let now = Now {
            up_ms: 0,
            wall: Some(MORNING.parse().unwrap()),
            clock: Clock::Sync,
        };
        let mut bench = Self {
            session: Self::session(1, spread, BTreeMap::new(), now),
            now,
            disk: BTreeMap::new(),
            disk_stands_still: false,
            broker_confirms: true,
            broker_stands_still: false,
            dialing: false,
            writes: VecDeque::new(),
            unacknowledged: Vec::new(),
            connects: Vec::new(),
            heard: Vec::new(),
            executed: Vec::new(),
            acknowledged: Vec::new(),
            others: Vec::new(),
            boots: 1,
            receipts: 0,
            spread,
        };
        bench.drain();
        bench
    }

    /// A box that is connected.
    pub fn connected() -> Self {
        let mut bench = Self::new();
        bench.connect(false);
        bench
    }

    fn session(boot: u64, spread: Duration, disk: BTreeMap<String, Vec<u8>>, now: Now) -> Session {
        let chance = StdRng::seed_from_u64(boot);
        Session::new(settings(boot, spread), Arc::new(Believer), chance, disk, now)
    }

    /// The power goes and comes back: what is not on disk is gone.
    pub fn restart(&mut self) {
        self.boots += 1;
        self.now.up_ms = 0;
        self.dialing = false;
        self.writes.clear();
        self.unacknowledged.clear();
        self.disk_stands_still = false;
        self.broker_stands_still = false;
        self.session = Self::session(self.boots, self.spread, self.disk.clone(), self.now);
        self.drain();
    }

    pub fn give(&mut self, input: Input) {
        if let Input::Connected { .. } | Input::ConnectFailed { .. } | Input::Disconnected = input {
            self.dialing = false;
        }
        self.session.handle(input, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll() {
            match output {
                Output::Write { token, records } => {
                    self.writes.push_back((token, records));
                    if !self.disk_stands_still {
                        self.write();
                    }
                }
                Output::Publish(publication) => self.hear(publication),
                Output::Connect(connect) => {
                    self.dialing = true;
                    self.connects.push((self.now.up_ms, connect));
                }
                Output::Execute(execution) => self.executed.push(execution),
                Output::Acknowledge(receipt) => self.acknowledged.push(receipt),
                Output::Subscribe(filters) => {
                    self.others.push(Output::Subscribe(filters));
                    if self.broker_confirms {
                        self.session.handle(Input::Subscribed { granted: true }, self.now);
                    }
                }
                other => self.others.push(other),
            }
        }
    }

    fn hear(&mut self, publication: Publication) {
        let channel = publication
            .topic
            .strip_prefix("cr/v1/etat/lyon-412/")
            .unwrap()
            .to_owned();
        let body = serde_json::from_slice(&publication.payload).unwrap();
        let (_, _, kind) = Channel::parse(&publication.topic).unwrap_or_else(|_| {
            let channel = Channel::Answer("other".into());
            ("etat".try_into().unwrap(), "lyon-412".try_into().unwrap(), channel)
        });
        assert!(publication.payload.len() <= kind.rules().max_bytes);
        assert_eq!(publication.retain, kind.rules().retain);
        assert_eq!(publication.expiry, kind.rules().expiry);
        assert_eq!(publication.token.is_some(), kind.rules().qos == 1);
        let token = publication.token;
        self.heard.push(Heard {
            at_ms: self.now.up_ms,
            channel,
            body,
            publication,
        });
        if let Some(token) = token {
            self.unacknowledged.push(token);
            assert!(self.unacknowledged.len() <= 16, "too many on their way");
            if !self.broker_stands_still {
                self.acknowledge();
            }
        }
    }

    /// The disk has the next batch.
    pub fn write(&mut self) {
        let (token, records) = self.writes.pop_front().expect("a write");
        assert!(self.writes.is_empty(), "one batch at a time");
        for Record { key, value } in records {
            assert!(key.len() <= 64);
            match value {
                Some(value) => self.disk.insert(key, value),
                None => self.disk.remove(&key),
            };
        }
        self.give(Input::Written { token });
    }

    /// The broker has everything.
    pub fn acknowledge(&mut self) {
        for token in std::mem::take(&mut self.unacknowledged) {
            self.give(Input::Acknowledged { token });
        }
    }

    /// Moves the clock, and gives a tick whenever one is due.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now.up_ms + u64::try_from(time.as_millis()).unwrap();
        let mut rounds = 0;
        while let Some(due) = self.session.next_deadline().filter(|due| *due <= end) {
            self.move_to(due.max(self.now.up_ms));
            self.give(Input::Tick);
            rounds += 1;
            assert!(rounds < 200_000, "a deadline that never goes away");
        }
        self.move_to(end);
        self.give(Input::Tick);
    }

    pub fn move_to(&mut self, up_ms: u64) {
        let passed = SignedDuration::from_millis(i64::try_from(up_ms - self.now.up_ms).unwrap());
        self.now.up_ms = up_ms;
        self.now.wall = self.now.wall.map(|wall| wall + passed);
    }

    pub fn wall(&self) -> Timestamp {
        self.now.wall.unwrap()
    }

    /// Waits for the next attempt and grants it.
    pub fn connect(&mut self, session_present: bool) {
        let mut waited = 0;
        while !self.dialing {
            let due = self.session.next_deadline().expect("an attempt");
            self.move_to(due.max(self.now.up_ms));
            self.give(Input::Tick);
            waited += 1;
            assert!(waited < 10_000, "no attempt");
        }
        self.unacknowledged.clear();
        self.give(Input::Connected { session_present });
    }

    pub fn lose(&mut self) {
        self.unacknowledged.clear();
        self.give(Input::Disconnected);
    }

    /// A message comes.
    pub fn receive(&mut self, channel: &str, payload: Vec<u8>) -> Receipt {
        self.receive_with(channel, payload, |_| {})
    }

    /// Of the next message.
    pub fn next_receipt(&self) -> Receipt {
        Receipt(self.receipts + 1)
    }

    pub fn receive_with(&mut self, channel: &str, payload: Vec<u8>, change: impl FnOnce(&mut Received)) -> Receipt {
        self.receipts += 1;
        let receipt = Receipt(self.receipts);
        let mut received = Received {
            receipt,
            topic: format!("cr/v1/etat/lyon-412/{channel}"),
            payload,
            retain: false,
            expiry: Some(Duration::from_secs(60)),
            correlation: None,
            response_topic: None,
        };
        change(&mut received);
        self.give(Input::Received(received));
        receipt
    }

    /// Bodies of what was said on a channel, since the last [`Bench::forget`].
    pub fn said(&self, channel: &str) -> Vec<Value> {
        let said = self.heard.iter().filter(|heard| heard.channel == channel);
        said.map(|heard| heard.body.clone()).collect()
    }

    pub fn last(&self, channel: &str) -> Value {
        self.said(channel)
            .pop()
            .unwrap_or_else(|| panic!("nothing on {channel}"))
    }

    pub fn forget(&mut self) {
        self.heard.clear();
        self.others.clear();
        self.executed.clear();
        self.acknowledged.clear();
        self.connects.clear();
    }

    /// An envelope with this body.
    pub fn document(&self, id: u64, body: Value) -> Value {
        let mut document = json!({
            "v": 1, "id": ulid::Ulid::from_parts(1, id.into()).to_string(), "ts": self.wall(), "clk": "sync",
            "boot": "server-01", "up_ms": 1, "seq": 1,
        });
        document
            .as_object_mut()
            .unwrap()
            .extend(body.as_object().unwrap().clone());
        document
    }
}
