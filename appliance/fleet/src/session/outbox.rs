//! Events that are on disk: until the broker has them, and ten minutes longer, for a broker acknowledges from memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::context::{Context, encoded};
use super::output::Record;
use super::publishing::{Publishing, Sent};
use super::writer::Then;
use crate::contract::{Channel, Event, EventClass, Message};

/// Begins the keys of events; their number follows.
pub const PREFIX: &str = "event/";
/// The broker may forget what it acknowledged, but not after this time on the same connection.
const AFTERLIFE_MS: u64 = 600_000;
/// Bytes of all events. With 256 commands of 17 KiB and the documents that makes 16 MiB.
pub const LIMIT: usize = 11 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// On its way to disk.
    Writing,
    Waiting,
    OnTheWay,
    /// The broker has it.
    Delivered,
}

#[derive(Debug)]
struct Kept {
    class: EventClass,
    payload: Vec<u8>,
    /// On disk.
    size: usize,
    place: Place,
}

/// As it stands on disk.
#[derive(Serialize, Deserialize)]
struct OnDisk {
    class: EventClass,
    message: String,
}

/// Events that are kept.
#[derive(Debug, Default)]
pub struct Outbox {
    last: u64,
    kept: BTreeMap<u64, Kept>,
    bytes: usize,
    now: BTreeSet<u64>,
    late: BTreeSet<u64>,
    delivered: VecDeque<(u64, u64)>,
}

impl Outbox {
    /// What was on disk at the start: nobody knows what of it the broker has.
    pub fn recover(&mut self, key: &str, value: &[u8]) {
        let Some(number) = key.strip_prefix(PREFIX).and_then(|number| number.parse().ok()) else {
            return;
        };
        let Ok(OnDisk { class, message }) = serde_json::from_slice(value) else {
            tracing::warn!(key, "an event on disk cannot be read");
            return;
        };
        self.last = self.last.max(number);
        self.bytes += value.len();
        self.late.insert(number);
        let kept = Kept {
            class,
            payload: message.into_bytes(),
            size: value.len(),
            place: Place::Waiting,
        };
        self.kept.insert(number, kept);
    }

    /// Takes an event. Gives how many others it pushed out.
    pub fn accept(&mut self, class: EventClass, payload: Vec<u8>, cx: &mut Context) -> u64 {
        self.last += 1;
        let number = self.last;
        let message = String::from_utf8_lossy(&payload).into_owned();
        let value = encoded(&OnDisk { class, message });
        let kept = Kept {
            class,
            payload,
            size: value.len(),
            place: Place::Writing,
        };
        self.bytes += kept.size;
        self.kept.insert(number, kept);
        let mut records = vec![Record::put(key(number), value)];
        let mut lost = 0;
        while self.bytes > LIMIT {
            let delivered = self.delivered.pop_front().map(|(_, number)| number);
            lost += u64::from(delivered.is_none());
            let oldest = || self.kept.keys().next().copied();
            let Some(victim) = delivered.or_else(oldest).filter(|victim| *victim != number) else {
                break;
            };
            records.extend(self.remove(victim));
        }
        cx.writer.write(records, Then::Event(number));
        lost
    }

    /// It is on disk.
    pub fn written(&mut self, number: u64, connected: bool) {
        if let Some(kept) = self.kept.get_mut(&number)
            && kept.place == Place::Writing
        {
            kept.place = Place::Waiting;
            if connected {
                self.now.insert(number);
            } else {
                self.late.insert(number);
            }
        }
    }

    /// The next to go: of now, or of what is caught up on.
    pub fn publish(&mut self, late: bool, publishing: &mut Publishing, cx: &mut Context) -> bool {
        let queue = if late { &mut self.late } else { &mut self.now };
        let Some(number) = queue.pop_first() else { return false };
        let Some(kept) = self.kept.get_mut(&number) else {
            return false;
        };
        kept.place = Place::OnTheWay;
        let payload = if late {
            marked_late(&kept.payload)
        } else {
            kept.payload.clone()
        };
        publishing.publish(&Channel::Event(kept.class), payload, Sent::Event(number), cx);
        true
    }

    /// The broker has it.
    pub fn acknowledged(&mut self, number: u64, now_ms: u64) {
        if let Some(kept) = self.kept.get_mut(&number) {
            kept.place = Place::Delivered;
            self.delivered.push_back((now_ms, number));
        }
    }

    /// The connection is over, and with it what was on its way.
    pub fn interrupted(&mut self, on_the_way: &[u64]) {
        let again = std::mem::take(&mut self.now)
            .into_iter()
            .chain(on_the_way.iter().copied());
        for number in again {
            self.late_again(number);
        }
    }

    /// The broker may have forgotten what it has acknowledged lately.
    pub fn doubt(&mut self) {
        for (_, number) in std::mem::take(&mut self.delivered) {
            self.late_again(number);
        }
    }

    fn late_again(&mut self, number: u64) {
        if let Some(kept) = self.kept.get_mut(&number) {
            kept.place = Place::Waiting;
            self.late.insert(number);
        }
    }

    /// Forgets what the broker has had for long enough.
    pub fn tick(&mut self, cx: &mut Context) {
        while let Some((since_ms, number)) = self.delivered.front().copied()
            && since_ms + AFTERLIFE_MS <= cx.now.up_ms
        {
            self.delivered.pop_front();
            if let Some(record) = self.remove(number) {
                cx.writer.write_lazily(record, cx.now.up_ms);
            }
        }
    }

    fn remove(&mut self, number: u64) -> Option<Record> {
        let kept = self.kept.remove(&number)?;
        self.bytes -= kept.size;
        self.now.remove(&number);
        self.late.remove(&number);
        Some(Record::remove(key(number)))
    }

    /// True while something waits to be sent.
    pub fn waits(&self, late: bool) -> bool {
        !if late { &self.late } else { &self.now }.is_empty()
    }

    /// When to look again, while connected.
    pub fn next_deadline(&self) -> Option<u64> {
        self.delivered.front().map(|(since_ms, _)| since_ms + AFTERLIFE_MS)
    }
}

fn key(number: u64) -> String {
    format!("{PREFIX}{number:020}")
}

fn marked_late(payload: &[u8]) -> Vec<u8> {
    match Message::<Event>::parse(payload, payload.len()) {
        Ok(mut message) => {
            message.body.late = true;
            encoded(&message)
        }
        Err(_) => payload.to_vec(),
    }
}
