//! `state/{part}`: what is true of a box now, one document for each part.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StatePart {
    /// Processes, memory, storage, temperature.
    System,
    /// Addresses and how the broker is reached.
    Net,
    /// Cameras, microphones, loudspeakers, displays.
    Av,
    /// The meeting, without names.
    Call,
    /// What is wrong.
    Health,
    /// Certificates, failed logins, open ports.
    Security,
    /// The next bookings, without titles.
    Calendar,
}

impl StatePart {
    /// All of them.
    pub const ALL: [StatePart; 7] = [
        StatePart::System,
        StatePart::Net,
        StatePart::Av,
        StatePart::Call,
        StatePart::Health,
        StatePart::Security,
        StatePart::Calendar,
    ];

    /// As it stands in topics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            StatePart::System => "system",
            StatePart::Net => "net",
            StatePart::Av => "av",
            StatePart::Call => "call",
            StatePart::Health => "health",
            StatePart::Security => "security",
            StatePart::Calendar => "calendar",
        }
    }
}

/// A part as the box reports it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct State {
    /// Which.
    pub part: StatePart,
    /// The facts.
    pub state: Map<String, Value>,
}
