//! Stream management (XEP-0198): counting both ways, so that both sides notice a dead connection.
//!
//! Resumption is not asked for: for a stream that could be resumed the server keeps a lost participant in the room for a
//! minute, and a box that comes back on a new stream would be seen twice.

use minidom::Element;

use crate::xml::{element, to_text};

/// The namespace.
pub(super) const NS: &str = "urn:xmpp:sm:3";
/// An acknowledgement is asked for after so many stanzas, as lib-jitsi-meet does.
const ASK_EVERY: u32 = 5;

/// The counters of one stream.
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
}

impl Management {
    /// Reads the features after authentication.
    pub(super) fn offered(&mut self, features: &Element) {
        self.offered = features.has_child("sm", NS);
    }

    /// The nonza that switches it on, if the server has it.
    pub(super) fn enable(&mut self) -> Option<String> {
        self.asked = self.offered;
        self.offered.then(|| to_text(&element("enable", NS).build()))
    }

    /// Counts a stanza we send; true if an acknowledgement is to be asked for.
    pub(super) fn sent(&mut self) -> bool {
        if !self.asked {
            return false;
        }
        self.outbound = self.outbound.wrapping_add(1);
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
                tracing::debug!("stream management enabled");
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
            }
            "failed" => {
                self.asked = false;
                self.enabled = false;
            }
            _ => {}
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
