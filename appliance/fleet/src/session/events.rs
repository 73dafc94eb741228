//! What happened once: counted where it repeats, and then on disk before anything else.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::bucket::Bucket;
use super::context::{Context, encoded};
use super::outbox::Outbox;
use super::output::Record;
use super::writer::Then;
use crate::contract::{Channel, Event, EventClass};

/// Key of the number of events that the ring has lost and nobody was told of.
pub const LOST: &str = "events-lost";
/// Kinds of events that wait for the bucket; others are counted together.
const MAX_KINDS: usize = 64;
/// The kind of those.
const OTHERS: &str = "others";
/// The ring was too small.
const EVENTS_LOST: &str = "events_lost";

#[derive(Debug)]
struct Held {
    count: u64,
    order: u64,
    detail: Map<String, Value>,
}

/// Events on their way to the outbox.
#[derive(Debug)]
pub struct Events {
    bucket: Bucket,
    /// Over the allowance; repetitions are counted.
    held: BTreeMap<(EventClass, String), Held>,
    order: u64,
    lost: u64,
    pub outbox: Outbox,
}

impl Events {
    pub fn new(now_ms: u64) -> Self {
        Self {
            bucket: Bucket::new(now_ms),
            held: BTreeMap::new(),
            order: 0,
            lost: 0,
            outbox: Outbox::default(),
        }
    }

    /// That many were lost before this start, and nobody was told.
    pub fn recover_lost(&mut self, lost: u64) {
        self.lost = lost;
    }

    /// Something happened.
    pub fn raise(&mut self, class: EventClass, event: &str, detail: Map<String, Value>, cx: &mut Context) {
        self.hold(class, event, 1, detail);
        self.tick(cx);
    }

    fn hold(&mut self, class: EventClass, event: &str, count: u64, detail: Map<String, Value>) {
        let kind = (class, event.to_owned());
        let full = self.held.len() >= MAX_KINDS && !self.held.contains_key(&kind);
        let kind = if full {
            (EventClass::Alert, OTHERS.to_owned())
        } else {
            kind
        };
        self.order += 1;
        let order = self.order;
        let held = self.held.entry(kind).or_insert(Held {
            count: 0,
            order,
            detail: Map::new(),
        });
        held.count += count;
        held.detail = detail;
    }

    /// Takes what the allowance lets pass, the oldest kind first.
    pub fn tick(&mut self, cx: &mut Context) {
        // Not into a ring that is full: once there is somebody to tell.
        if self.lost > 0 && cx.connected && !self.held.contains_key(&(EventClass::Alert, EVENTS_LOST.into())) {
            self.hold(EventClass::Alert, EVENTS_LOST, 0, Map::new());
        }
        while !self.held.is_empty() && self.bucket.take(cx.now.up_ms) {
            let oldest = self.held.iter().min_by_key(|(_, held)| held.order);
            let Some((kind, _)) = oldest else { return };
            let kind = kind.clone();
            let Some(held) = self.held.remove(&kind) else { return };
            let mut count = held.count;
            if kind.1 == EVENTS_LOST {
                count += std::mem::take(&mut self.lost);
                cx.writer.write([Record::remove(LOST)], Then::Nothing);
            }
            self.accept(kind.0, kind.1, count, held.detail, cx);
        }
    }

    /// Takes an event whatever the allowance says: its own rule keeps it rare.
    pub fn accept(
        &mut self,
        class: EventClass,
        event: String,
        count: u64,
        detail: Map<String, Value>,
        cx: &mut Context,
    ) {
        let channel = Channel::Event(class);
        let body = |detail| Event {
            event: event.clone(),
            count,
            late: false,
            detail,
        };
        let mut message = cx.message(&channel, body(detail));
        // Room for `late`.
        if encoded(&message).len() + 16 > channel.rules().max_bytes {
            message.body = body(Map::from_iter([("too_large".to_owned(), Value::Bool(true))]));
        }
        let lost = self.outbox.accept(class, encoded(&message), cx);
        if lost > 0 {
            self.lost += lost;
            cx.writer
                .write([Record::put(LOST, self.lost.to_string())], Then::Nothing);
        }
    }

    /// When the allowance grows, if something waits for it; or when what is kept may be forgotten.
    pub fn next_deadline(&self, connected: bool) -> Option<u64> {
        let held = (!self.held.is_empty()).then(|| self.bucket.next_ms());
        let kept = self.outbox.next_deadline().filter(|_| connected);
        held.into_iter().chain(kept).min()
    }
}
