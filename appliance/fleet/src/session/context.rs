//! What every part of a session needs: the time, chance, stamps for messages, and the way out.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use rand::RngExt;
use rand::rngs::StdRng;
use serde::Serialize;

use super::output::Output;
use super::settings::{Now, Settings, Token};
use super::writer::Writer;
use crate::contract::{Channel, Message};

/// Shared by the parts of a session.
pub struct Context {
    pub settings: Settings,
    pub chance: StdRng,
    pub now: Now,
    /// The broker listens.
    pub connected: bool,
    pub writer: Writer,
    pub outputs: VecDeque<Output>,
    tokens: u64,
    /// Messages of each topic family since the start.
    counts: BTreeMap<&'static str, u64>,
}

impl Context {
    pub fn new(settings: Settings, chance: StdRng, now: Now) -> Self {
        Self {
            settings,
            chance,
            now,
            connected: false,
            writer: Writer::default(),
            outputs: VecDeque::new(),
            tokens: 0,
            counts: BTreeMap::new(),
        }
    }

    pub fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub fn token(&mut self) -> Token {
        self.tokens += 1;
        Token(self.tokens)
    }

    /// From zero to this.
    pub fn up_to(&mut self, most_ms: u64) -> u64 {
        self.chance.random_range(0..=most_ms)
    }

    /// When a moment of the day comes, as far as one can tell now; none: nobody knows.
    pub fn up_ms_at(&self, moment: Timestamp) -> Option<u64> {
        let left_ms = self.now.wall?.duration_until(moment).as_millis().max(0);
        Some(
            self.now
                .up_ms
                .saturating_add(u64::try_from(left_ms).unwrap_or(u64::MAX)),
        )
    }

    /// A message of this channel, born now.
    pub fn message<T: Serialize>(&mut self, channel: &Channel, body: T) -> Message<T> {
        let count = self.counts.entry(channel.family()).or_default();
        *count += 1;
        Message {
            envelope: self.now.envelope(&mut self.chance, &self.settings.boot, *count),
            body,
        }
    }

    /// Where the box publishes on this channel.
    pub fn topic(&self, channel: &Channel) -> String {
        channel.topic(&self.settings.tenant, &self.settings.device)
    }
}

/// As it goes over the wire.
pub fn encoded<T: Serialize>(document: &T) -> Vec<u8> {
    // Strings as keys and finite numbers: nothing in it can fail.
    serde_json::to_vec(document).unwrap_or_default()
}
