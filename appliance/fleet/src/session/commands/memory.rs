//! Commands that were accepted, on disk: nobody executes one of them again, and each has an answer.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::super::context::{Context, encoded};
use super::super::output::Record;
use super::super::settings::Receipt;
use super::answers::Origin;
use crate::contract::Id;

/// Begins the keys of commands; their number follows.
pub const PREFIX: &str = "command/";
/// Key of the end of the youngest command that was forgotten.
pub const FLOOR: &str = "command-floor";
/// So many are remembered,
const MOST: usize = 256;
/// for so long.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// As it stands on disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OnDisk {
    pub id: Id,
    pub fingerprint: String,
    pub origin: Origin,
    /// When it would have expired, where that was judged by the clock.
    pub exp: Option<Timestamp>,
    /// When it was accepted, by a clock that was right.
    pub accepted: Option<Timestamp>,
    /// The last answer, as it was sent.
    pub end: Option<String>,
    /// The broker has it.
    pub sent: bool,
}

/// A command.
#[derive(Debug)]
pub struct Entry {
    number: u64,
    pub on_disk: OnDisk,
    /// Of the message that brought it, until it is on disk.
    pub receipt: Option<Receipt>,
    /// The box has it.
    pub executing: bool,
    /// Its last answer is on disk.
    pub ended: bool,
    /// The last word of the box on it, or the last answer.
    pub word_ms: u64,
    /// The last progress that was said.
    pub progress_ms: Option<u64>,
}

/// All that are remembered.
#[derive(Debug, Default)]
pub struct Memory {
    last: u64,
    entries: BTreeMap<Id, Entry>,
    by_number: BTreeMap<u64, Id>,
    /// Without a last answer.
    open: BTreeSet<u64>,
    floor: Option<Timestamp>,
}

impl Memory {
    /// What was on disk at the start.
    pub fn recover(&mut self, key: &str, value: &[u8], cx: &Context) {
        let number = key.strip_prefix(PREFIX).and_then(|number| number.parse().ok());
        let (Some(number), Ok(on_disk)) = (number, serde_json::from_slice::<OnDisk>(value)) else {
            tracing::warn!(key, "a command on disk cannot be read");
            return;
        };
        let ended = on_disk.end.is_some();
        self.insert(number, on_disk, None, ended, cx.now.up_ms);
    }

    /// Commands that end before that were forgotten.
    pub fn recover_floor(&mut self, value: &[u8]) {
        self.floor = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    }

    fn insert(&mut self, number: u64, on_disk: OnDisk, receipt: Option<Receipt>, ended: bool, word_ms: u64) {
        self.last = self.last.max(number);
        self.by_number.insert(number, on_disk.id);
        if on_disk.end.is_none() {
            self.open.insert(number);
        }
        let entry = Entry {
            number,
            receipt,
            executing: false,
            ended,
            word_ms,
            progress_ms: None,
            on_disk,
        };
        self.entries.insert(entry.on_disk.id, entry);
    }

    /// A new one. Gives the records that make it so: its own, and those of what is forgotten for it.
    pub fn accept(&mut self, on_disk: OnDisk, receipt: Receipt, cx: &Context) -> Vec<Record> {
        let number = self.last + 1;
        let mut records = vec![Record::put(key(number), encoded(&on_disk))];
        self.insert(number, on_disk, Some(receipt), false, cx.now.up_ms);
        let floor = self.floor;
        while self.entries.len() > MOST || self.oldest_is_too_old(cx) {
            let Some(victim) = self.oldest_ended() else { break };
            records.extend(self.remove(&victim));
        }
        if let Some(floor) = self.floor.filter(|_| self.floor != floor) {
            records.push(Record::put(FLOOR, floor.to_string()));
        }
        records
    }

    fn oldest_ended(&self) -> Option<Id> {
        let mut oldest = self.by_number.values();
        oldest
            .find(|id| self.entries.get(id).is_some_and(|entry| entry.ended))
            .copied()
    }

    fn oldest_is_too_old(&self, cx: &Context) -> bool {
        let oldest = self
            .oldest_ended()
            .and_then(|id| self.entries.get(&id)?.on_disk.accepted);
        let age = oldest.zip(cx.now.time()).map(|(then, now)| now.duration_since(then));
        age.is_some_and(|age| age > LONGEST)
    }

    /// Forgets a command. Whatever ends no later is refused from now on: it may be the same.
    pub fn remove(&mut self, id: &Id) -> Option<Record> {
        let entry = self.entries.remove(id)?;
        self.by_number.remove(&entry.number);
        self.open.remove(&entry.number);
        self.floor = self.floor.max(entry.on_disk.exp);
        Some(Record::remove(key(entry.number)))
    }

    /// Forgets a command that never was on disk.
    pub fn give_up(&mut self, id: &Id) {
        if let Some(entry) = self.entries.remove(id) {
            self.by_number.remove(&entry.number);
            self.open.remove(&entry.number);
        }
    }

    /// True for a command that may have been forgotten.
    pub fn forgotten(&self, exp: Timestamp) -> bool {
        self.floor.is_some_and(|floor| exp <= floor)
    }

    pub fn get(&self, id: &Id) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// Its last answer.
    pub fn end(&mut self, id: &Id, end: String, now_ms: u64) -> Option<Record> {
        let entry = self.entries.get_mut(id)?;
        self.open.remove(&entry.number);
        entry.on_disk.end = Some(end);
        entry.word_ms = now_ms;
        Some(entry.record())
    }

    pub fn get_mut(&mut self, id: &Id) -> Option<&mut Entry> {
        self.entries.get_mut(id)
    }

    /// Without a last answer.
    pub fn unfinished(&self) -> impl Iterator<Item = &Entry> {
        let ids = self.open.iter().filter_map(|number| self.by_number.get(number));
        ids.filter_map(|id| self.entries.get(id))
    }

    /// Whose last answer is on disk and has not arrived.
    pub fn unsent(&self) -> impl Iterator<Item = &Entry> {
        self.by_number
            .values()
            .filter_map(|id| self.entries.get(id))
            .filter(|entry| entry.ended && !entry.on_disk.sent)
    }
}

impl Entry {
    /// Its record as it is now.
    pub fn record(&self) -> Record {
        Record::put(key(self.number), encoded(&self.on_disk))
    }
}

fn key(number: u64) -> String {
    format!("{PREFIX}{number:020}")
}
