//! A stream that has lost its socket and waits for another (XEP-0198 §5).

use std::time::{Duration, Instant};

use minidom::Element;

use super::management::Management;
use crate::xml::to_text;

/// All that is needed to go on. What is sent meanwhile is sent when the stream goes on.
#[derive(Debug)]
pub struct Suspended {
    pub(super) management: Management,
    pub(super) jid: String,
    until: Instant,
    /// The process that opened it is gone: only the server knows what was sent.
    pub(super) left_behind: bool,
}

impl Suspended {
    /// None: the server did not promise to keep the stream, or too much is unacknowledged.
    pub(super) fn new(management: Management, jid: String, now: Instant) -> Option<Self> {
        let (_, max) = management.resumable()?;
        Some(Self {
            until: now + max,
            management,
            jid,
            left_behind: false,
        })
    }

    /// A stream of an earlier process: its id, and how many of the server's stanzas had arrived.
    pub fn left_behind(id: &str, inbound: u32, now: Instant) -> Self {
        Self {
            management: Management::of_left_behind(id, inbound),
            jid: String::new(),
            until: now + Duration::from_secs(60),
            left_behind: true,
        }
    }

    /// What names the old stream, also as `previd=` in the socket's address (`specs/jitsi-client.md §1`).
    pub fn id(&self) -> &str {
        self.management.resumable().map_or("", |(id, _)| id)
    }

    /// When the server has forgotten it.
    pub fn until(&self) -> Instant {
        self.until
    }

    /// Queues a stanza for the moment when the stream goes on.
    pub fn send(&mut self, stanza: &Element) {
        self.management.sent(&to_text(stanza));
    }

    /// Whether nothing had to be forgotten.
    pub fn is_whole(&self) -> bool {
        self.management.resumable().is_some()
    }
}
