//! On their way to the broker: publications without PUBACK, and the pace at which what was kept is caught up on.

use std::collections::BTreeMap;

use super::context::Context;
use super::documents::Document;
use super::output::{Output, Publication};
use super::settings::Token;
use crate::contract::{Channel, Id};

/// Publications of QoS 1 on their way at one time.
const WINDOW: usize = 16;
/// Between two messages that are caught up on: 20 a second.
const PACE_MS: u64 = 50;

/// What a publication was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Nothing depends on its PUBACK.
    Free,
    /// The last word.
    Farewell,
    /// An event.
    Event(u64),
    /// A retained document.
    Document(Document),
    /// The last answer to a command.
    Final(Id),
}

/// Publications on their way.
#[derive(Debug, Default)]
pub struct Publishing {
    on_the_way: BTreeMap<Token, Sent>,
    next_ms: u64,
}

impl Publishing {
    /// True while there is room for another one.
    pub fn has_room(&self) -> bool {
        self.on_the_way.len() < WINDOW
    }

    /// True when nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.on_the_way.is_empty()
    }

    /// True when the next of what was kept may go.
    pub fn may_catch_up(&self, now_ms: u64) -> bool {
        self.has_room() && now_ms >= self.next_ms
    }

    /// One that was kept has gone.
    pub fn caught_up(&mut self, now_ms: u64) {
        self.next_ms = now_ms + PACE_MS;
    }

    /// When the next of what was kept may go.
    pub fn next_deadline(&self) -> Option<u64> {
        self.has_room().then_some(self.next_ms)
    }

    /// Publishes under the rules of the channel.
    pub fn publish(&mut self, channel: &Channel, payload: Vec<u8>, sent: Sent, cx: &mut Context) {
        let topic = cx.topic(channel);
        self.publish_at(topic, channel, payload, None, sent, cx);
    }

    /// The same at another topic, with correlation data: an answer.
    pub fn publish_at(
        &mut self,
        topic: String,
        channel: &Channel,
        payload: Vec<u8>,
        correlation: Option<Vec<u8>>,
        sent: Sent,
        cx: &mut Context,
    ) {
        let rules = channel.rules();
        let token = (rules.qos > 0).then(|| cx.token());
        if let Some(token) = token {
            self.on_the_way.insert(token, sent);
        }
        cx.output(Output::Publish(Publication {
            token,
            topic,
            payload,
            retain: rules.retain,
            expiry: rules.expiry,
            correlation,
        }));
    }

    /// The PUBACK is here.
    pub fn acknowledged(&mut self, token: Token) -> Option<Sent> {
        self.on_the_way.remove(&token)
    }

    /// The connection is over: what has no PUBACK.
    pub fn forget(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.on_the_way).into_values().collect()
    }
}
