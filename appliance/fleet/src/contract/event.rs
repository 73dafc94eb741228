//! `evt/{class}`: what happened once. A box keeps it on disk until the broker has it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EventClass {
    /// Somebody should look.
    Alert,
    /// Who did what.
    Audit,
    /// A process died.
    Crash,
    /// A meeting began or ended.
    Call,
    /// Somebody tried what they may not.
    Security,
}

impl EventClass {
    /// All of them.
    pub const ALL: [EventClass; 5] = [
        EventClass::Alert,
        EventClass::Audit,
        EventClass::Crash,
        EventClass::Call,
        EventClass::Security,
    ];

    /// As it stands in topics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            EventClass::Alert => "alert",
            EventClass::Audit => "audit",
            EventClass::Crash => "crash",
            EventClass::Call => "call",
            EventClass::Security => "security",
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// In one word.
    pub event: String,
    /// How often since the last of the same kind; repetitions are counted, not sent.
    #[serde(default = "once")]
    pub count: u64,
    /// It was kept while there was no broker.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// The circumstances.
    #[serde(default)]
    pub detail: Map<String, Value>,
}

const fn once() -> u64 {
    1
}
