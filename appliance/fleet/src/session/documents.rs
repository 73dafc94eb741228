//! Retained documents: the last of each is what counts, and it goes out again when the broker may have lost it. They say what is
//! true now, so they are reported anew at each start and never stand on disk.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::context::{Context, encoded};
use super::publishing::{Publishing, Sent};
use crate::contract::{Channel, StatePart};

/// The same document goes out once in this time.
const SHORTEST_MS: u64 = 1_000;

/// A retained document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Document {
    /// `meta`.
    Meta,
    /// `state/{part}`.
    State(StatePart),
    /// `config/reported`.
    ConfigReported,
    /// `update/reported`.
    UpdateReported,
}

impl Document {
    fn channel(self) -> Channel {
        match self {
            Document::Meta => Channel::Meta,
            Document::State(part) => Channel::State(part),
            Document::ConfigReported => Channel::ConfigReported,
            Document::UpdateReported => Channel::UpdateReported,
        }
    }
}

#[derive(Debug)]
struct Latest {
    body: Map<String, Value>,
    /// The broker does not have it.
    changed: bool,
    /// It changed while there was no broker.
    late: bool,
    on_the_way: bool,
    not_before_ms: u64,
}

/// The last of each.
#[derive(Debug, Default)]
pub struct Documents {
    latest: BTreeMap<Document, Latest>,
}

impl Documents {
    /// What a document says now. False when it is too large to be sent: the one before stays.
    pub fn report<T: Serialize>(&mut self, document: Document, body: &T, connected: bool) -> bool {
        let Ok(Value::Object(body)) = serde_json::to_value(body) else {
            return false;
        };
        // The envelope takes less than 256 bytes.
        if encoded(&body).len() + 256 > document.channel().rules().max_bytes {
            return false;
        }
        match self.latest.get_mut(&document) {
            Some(latest) if latest.body == body => {}
            Some(latest) => {
                latest.body = body;
                latest.changed = true;
                latest.late |= !connected;
            }
            None => {
                let latest = Latest {
                    body,
                    changed: true,
                    late: !connected,
                    on_the_way: false,
                    not_before_ms: 0,
                };
                self.latest.insert(document, latest);
            }
        }
        true
    }

    /// It goes out again although nothing changed.
    pub fn again(&mut self, document: Document) {
        if let Some(latest) = self.latest.get_mut(&document) {
            latest.changed = true;
        }
    }

    /// All of them go out again.
    pub fn all_again(&mut self, late: bool) {
        for latest in self.latest.values_mut() {
            latest.changed = true;
            latest.late |= late;
        }
    }

    /// The next to go: of those that changed while connected, or of those that are caught up on.
    pub fn publish(&mut self, late: bool, publishing: &mut Publishing, cx: &mut Context) -> bool {
        let now_ms = cx.now.up_ms;
        let ready = |latest: &Latest| latest.waits(late) && latest.not_before_ms <= now_ms;
        let Some((document, latest)) = self.latest.iter_mut().find(|(_, latest)| ready(latest)) else {
            return false;
        };
        (latest.changed, latest.late, latest.on_the_way) = (false, false, true);
        latest.not_before_ms = now_ms + SHORTEST_MS;
        let channel = document.channel();
        let message = cx.message(&channel, &latest.body);
        publishing.publish(&channel, encoded(&message), Sent::Document(*document), cx);
        true
    }

    /// The broker has it, or the connection is over and nobody knows.
    pub fn settled(&mut self, document: Document, arrived: bool) {
        if let Some(latest) = self.latest.get_mut(&document) {
            latest.on_the_way = false;
            latest.changed |= !arrived;
            latest.late |= !arrived;
        }
    }

    /// The connection is over: what has not gone is caught up on.
    pub fn kept(&mut self) {
        for latest in self.latest.values_mut().filter(|latest| latest.changed) {
            latest.late = true;
        }
    }

    /// The box is about to stop: what changed a moment ago waits no more.
    pub fn hurry(&mut self) {
        for latest in self.latest.values_mut() {
            latest.not_before_ms = 0;
        }
    }

    /// When the next is ready.
    pub fn next_deadline(&self, late: bool) -> Option<u64> {
        let waiting = self.latest.values().filter(|latest| latest.waits(late));
        waiting.map(|latest| latest.not_before_ms).min()
    }
}

impl Latest {
    fn waits(&self, late: bool) -> bool {
        self.changed && !self.on_the_way && self.late == late
    }
}
