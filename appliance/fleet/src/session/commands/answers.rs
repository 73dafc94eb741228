//! Answers on their way out.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::super::context::{Context, encoded};
use super::super::input::{Received, Reply};
use super::super::publishing::{Publishing, Sent};
use crate::contract::{Answer, AnswerStatus, Channel, Code, Id, Message};

/// Longest correlation data that is remembered, bytes.
pub const MAX_CORRELATION: usize = 1_024;
/// Longest response topic, bytes.
const MAX_TOPIC: usize = 256;

/// Where the answers to a command go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The name in its topic.
    pub name: String,
    /// The response topic, if it may be used.
    pub topic: Option<String>,
    /// Echoed byte for byte.
    pub correlation: Option<Vec<u8>>,
}

impl Origin {
    pub fn of(name: String, received: &Received, cx: &Context) -> Self {
        let own = cx.topic(&Channel::Answer(String::new()));
        let allowed = |topic: &String| {
            let below = topic.strip_prefix(&own).is_some_and(|below| !below.is_empty());
            let plain = !topic.contains(['+', '#', '\0']) && topic.len() <= MAX_TOPIC;
            below && plain && topic.matches('/').count() <= 7
        };
        Self {
            name,
            topic: received.response_topic.clone().filter(allowed),
            correlation: received.correlation.clone(),
        }
    }

    /// A message with this answer.
    pub fn message(&self, answer: Answer, cx: &mut Context) -> Vec<u8> {
        let channel = Channel::Answer(self.name.clone());
        let message = cx.message(&channel, answer);
        let payload = encoded(&message);
        if payload.len() <= channel.rules().max_bytes {
            return payload;
        }
        encoded(&Message {
            envelope: message.envelope,
            body: Answer {
                status: AnswerStatus::Failed,
                code: Code::TooLarge,
                msg: format!("the answer has {} bytes", payload.len()),
                path: None,
                result: serde_json::Map::new(),
                ..message.body
            },
        })
    }
}

/// What the box says of a command.
pub fn answer(re: Id, reply: Reply) -> Answer {
    Answer {
        re,
        status: reply.status,
        code: reply.code,
        msg: reply.msg,
        path: reply.path,
        retry_after_ms: reply.retry_after_ms,
        progress: reply.progress,
        result: reply.result,
        replay: false,
    }
}

#[derive(Debug)]
struct Word {
    origin: Origin,
    payload: Vec<u8>,
    /// The last answer to this command: it is said until it has arrived, or is worth nothing any more.
    last_of: Option<Id>,
    until_ms: u64,
    late: bool,
}

/// Answers that wait to be published.
#[derive(Debug, Default)]
pub struct Answers {
    words: VecDeque<Word>,
}

impl Answers {
    /// Says it over this connection or never.
    pub fn say(&mut self, origin: Origin, payload: Vec<u8>) {
        self.words.push_back(Word {
            origin,
            payload,
            last_of: None,
            until_ms: u64::MAX,
            late: false,
        });
    }

    /// Says the last answer to a command, as soon as that is possible.
    pub fn say_the_end(&mut self, id: Id, origin: Origin, payload: Vec<u8>, until_ms: u64, late: bool) {
        self.words.push_back(Word {
            origin,
            payload,
            last_of: Some(id),
            until_ms,
            late,
        });
    }

    /// The next to go.
    pub fn publish(&mut self, late: bool, publishing: &mut Publishing, cx: &mut Context) -> bool {
        let Some(index) = self.words.iter().position(|word| word.late == late) else {
            return false;
        };
        let Some(word) = self.words.remove(index) else {
            return false;
        };
        let channel = Channel::Answer(word.origin.name);
        let topic = word.origin.topic.unwrap_or_else(|| cx.topic(&channel));
        let sent = word.last_of.map_or(Sent::Free, Sent::Final);
        publishing.publish_at(topic, &channel, word.payload, word.origin.correlation, sent, cx);
        true
    }

    /// The connection is over: what is not the last answer is worth nothing any more.
    pub fn interrupted(&mut self) {
        self.words.retain_mut(|word| {
            word.late = true;
            word.last_of.is_some()
        });
    }

    /// Drops what is worth nothing any more.
    pub fn drop_old(&mut self, now_ms: u64) {
        self.words.retain(|word| word.until_ms > now_ms);
    }

    /// True while something waits to be sent.
    pub fn waits(&self, late: bool) -> bool {
        self.words.iter().any(|word| word.late == late)
    }
}
