//! Stream management (XEP-0198): counting both ways, so that both sides notice a dead connection and a stream can go on
//! over another socket. What the server has not acknowledged is kept until it has.

use std::collections::VecDeque;
use std::time::Duration;

use minidom::Element;

use crate::xml::{element, to_text};

/// The namespace.
pub(super) const NS: &str = "urn:xmpp:sm:3";
/// An acknowledgement is asked for after so many stanzas, as lib-jitsi-meet does.
const ASK_EVERY: u32 = 5;
/// Most stanzas kept for sending again; a stream with more cannot be resumed any more.
const MAX_KEPT: usize = 256;
/// Most bytes of them.
const MAX_KEPT_BYTES: usize = 1024 * 1024;
/// Longest id a server may give a stream.
const MAX_ID: usize = 256;
/// How long a lost stream can be resumed if the server does not say (Jitsi's servers: 60 s).
const DEFAULT_MAX: Duration = Duration::from_secs(60);
/// The longest that is believed.
const LONGEST_MAX: Duration = Duration::from_secs(600);

/// The counters of one stream, over all its sockets.
#[derive(Debug, Default)]
pub(super) struct Management {
    offered: bool,
    /// We asked for it: what we send counts.
    asked: bool,
    /// The server agreed: what it sends counts.
    enabled: bool,
    inbound: u32,
    outbound: u32,
    acknowledged: u32,
    since_asked: u32,
    /// What was sent and is not acknowledged, the oldest first.
    kept: VecDeque<String>,
    kept_bytes: usize,
    /// Something had to be forgotten: resuming would leave a hole.
    hole: bool,
    resumable: Option<Resumable>,
}

/// The server's promise.
#[derive(Debug)]
struct Resumable {
    id: String,
    max: Duration,
}

impl Management {
    /// Reads the features after authentication.
    pub(super) fn offered(&mut self, features: &Element) {
        self.offered = features.has_child("sm", NS);
    }

    /// The nonza that switches it on, if the server has it.
    pub(super) fn enable(&mut self) -> Option<String> {
        self.asked = self.offered;
        self.offered
            .then(|| to_text(&element("enable", NS).attr("resume", "true").build()))
    }

    /// Counts a stanza we send; true if an acknowledgement is to be asked for.
    pub(super) fn sent(&mut self, text: &str) -> bool {
        if !self.asked {
            return false;
        }
        self.outbound = self.outbound.wrapping_add(1);
        self.keep(text);
        self.since_asked += 1;
        let ask = self.since_asked >= ASK_EVERY;
        if ask {
            self.since_asked = 0;
        }
        ask
    }

    fn keep(&mut self, text: &str) {
        self.hole |= self.kept.len() >= MAX_KEPT || self.kept_bytes + text.len() > MAX_KEPT_BYTES;
        if self.hole {
            self.kept.clear();
            self.kept_bytes = 0;
        } else {
            self.kept_bytes += text.len();
            self.kept.push_back(text.to_owned());
        }
    }

    /// Counts a stanza we received.
    pub(super) fn received(&mut self) {
        if self.enabled {
            self.inbound = self.inbound.wrapping_add(1);
        }
    }

    /// Stanzas of the server that have arrived.
    pub(super) fn inbound(&self) -> u32 {
        self.inbound
    }

    /// Our answer to `<r/>`.
    pub(super) fn acknowledgement(&self) -> String {
        to_text(&element("a", NS).attr("h", self.inbound.to_string()).build())
    }

    /// Reads `<enabled/>`, `<a/>`, `<failed/>`.
    pub(super) fn read(&mut self, nonza: &Element) {
        match nonza.name() {
            "enabled" if self.asked && !self.enabled => {
                self.enabled = true;
                self.inbound = 0;
                self.resumable = promise(nonza);
                tracing::debug!(resumable = self.resumable.is_some(), "stream management enabled");
            }
            "a" => {
                if let Some(handled) = count(nonza) {
                    self.acknowledge(handled);
                }
            }
            "failed" => *self = Self::default(),
            _ => {}
        }
    }

    /// The server has handled so many of our stanzas.
    fn acknowledge(&mut self, handled: u32) {
        let newly = handled.wrapping_sub(self.acknowledged);
        if newly > self.outbound.wrapping_sub(self.acknowledged) {
            tracing::warn!(
                handled,
                sent = self.outbound,
                "the server acknowledges more than was sent"
            );
            return;
        }
        self.acknowledged = handled;
        for _ in 0..newly {
            self.kept_bytes -= self.kept.pop_front().map_or(0, |text| text.len());
        }
        // Everything forgotten has arrived after all.
        self.hole &= self.acknowledged != self.outbound;
    }

    /// Id and lifetime of a stream that can go on over another socket; none: it cannot.
    pub(super) fn resumable(&self) -> Option<(&str, Duration)> {
        self.resumable
            .as_ref()
            .filter(|_| self.enabled && !self.hole)
            .map(|promise| (promise.id.as_str(), promise.max))
    }

    /// The nonza that asks for the old stream on a new socket.
    pub(super) fn resume(&self) -> Option<String> {
        let (id, _) = self.resumable()?;
        let resume = element("resume", NS)
            .attr("h", self.inbound.to_string())
            .attr("previd", id);
        Some(to_text(&resume.build()))
    }

    /// Reads `<resumed/>` and gives what must be sent again, in order.
    pub(super) fn resumed(&mut self, nonza: &Element) -> Vec<String> {
        if let Some(handled) = count(nonza) {
            self.acknowledge(handled);
        }
        self.since_asked = 0;
        let mut again: Vec<String> = self.kept.iter().cloned().collect();
        again.push(request());
        again
    }

    /// Goes on with the counters of a stream that a restarted process does not remember: nothing is sent again.
    pub(super) fn of_left_behind(id: &str, inbound: u32) -> Self {
        Self {
            offered: true,
            asked: true,
            enabled: true,
            inbound,
            resumable: Some(Resumable {
                id: id.to_owned(),
                max: DEFAULT_MAX,
            }),
            ..Self::default()
        }
    }

    /// Takes the server's count of our stanzas for ours.
    pub(super) fn believe(&mut self, nonza: &Element) {
        if let Some(handled) = count(nonza) {
            self.outbound = handled;
            self.acknowledged = handled;
        }
    }

    /// Stanzas not acknowledged yet.
    #[cfg(test)]
    pub(super) fn open(&self) -> u32 {
        self.outbound.wrapping_sub(self.acknowledged)
    }
}

/// `<r/>`.
pub(super) fn request() -> String {
    to_text(&element("r", NS).build())
}

fn count(nonza: &Element) -> Option<u32> {
    nonza.attr("h").and_then(|h| h.parse().ok())
}

fn promise(enabled: &Element) -> Option<Resumable> {
    let resume = matches!(enabled.attr("resume"), Some("true" | "1"));
    let id = enabled
        .attr("id")
        .filter(|id| resume && !id.is_empty() && id.len() <= MAX_ID)?;
    let max = enabled
        .attr("max")
        .and_then(|max| max.parse().ok())
        .map_or(DEFAULT_MAX, Duration::from_secs);
    Some(Resumable {
        id: id.to_owned(),
        max: max.min(LONGEST_MAX),
    })
}
