//! Stream management (XEP-0198): counting both ways. What resumption needs is kept: the id, both counters, and the
//! stanzas that the server has not acknowledged.

use std::collections::VecDeque;

use minidom::Element;

use crate::xml::{element, to_text};

/// The namespace.
pub(super) const NS: &str = "urn:xmpp:sm:3";
/// An acknowledgement is asked for after so many stanzas, as lib-jitsi-meet does.
const ASK_EVERY: u32 = 5;
/// Unacknowledged stanzas that are kept; a server that acknowledges nothing costs no more memory.
const MAX_KEPT: usize = 256;

/// The counters of one stream.
#[derive(Debug, Default)]
pub(super) struct Management {
    offered: bool,
    /// We asked for it: what we send counts.
    asked: bool,
    /// The server agreed: what it sends counts.
    enabled: bool,
    /// For a later resumption.
    id: Option<String>,
    inbound: u32,
    outbound: u32,
    acknowledged: u32,
    unacknowledged: VecDeque<String>,
    since_asked: u32,
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
        if self.unacknowledged.len() == MAX_KEPT {
            self.unacknowledged.pop_front();
        }
        self.unacknowledged.push_back(text.to_owned());
        self.since_asked += 1;
        let ask = self.since_asked >= ASK_EVERY;
        if ask {
            self.since_asked = 0;
        }
        ask
    }

    /// Counts a stanza we received.
    pub(super) fn received(&mut self) {
        if self.enabled {
            self.inbound = self.inbound.wrapping_add(1);
        }
    }

    /// Our answer to `<r/>`.
    pub(super) fn acknowledgement(&self) -> String {
        to_text(&element("a", NS).attr("h", self.inbound.to_string()).build())
    }

    /// Reads `<enabled/>`, `<a/>`, `<failed/>`.
    pub(super) fn read(&mut self, nonza: &Element) {
        match nonza.name() {
            "enabled" if self.asked => {
                self.enabled = true;
                self.inbound = 0;
                let resumable = matches!(nonza.attr("resume"), Some("true" | "1"));
                self.id = nonza
                    .attr("id")
                    .filter(|id| resumable && id.len() <= 4096)
                    .map(str::to_owned);
                tracing::debug!(resumable = self.id.is_some(), "stream management enabled");
            }
            "a" => {
                let Some(handled) = nonza.attr("h").and_then(|h| h.parse::<u32>().ok()) else {
                    return;
                };
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
                let open = self.outbound.wrapping_sub(handled) as usize;
                while self.unacknowledged.len() > open {
                    self.unacknowledged.pop_front();
                }
            }
            "failed" => {
                self.asked = false;
                self.enabled = false;
                self.unacknowledged.clear();
            }
            _ => {}
        }
    }

    /// Stanzas not acknowledged yet.
    #[cfg(test)]
    pub(super) fn open(&self) -> usize {
        self.unacknowledged.len()
    }
}

/// `<r/>`.
pub(super) fn request() -> String {
    to_text(&element("r", NS).build())
}
