//! `notice`: what the wall of a room, a site or everybody must show.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a notice looks and how long it stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Urgency {
    /// Over everything, also in a meeting.
    Emergency,
    /// A line.
    Maintenance,
}

/// A message on the wall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// Grows with each notice; a lower one is a replay.
    pub rev: u64,
    /// How.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
    /// In French; nothing takes the notice down.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 500))]
    pub fr: String,
    /// In English.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 500))]
    pub en: String,
    /// It goes by itself then.
    pub exp: Timestamp,
    /// For the whole tenant: over how many seconds reconnections are spread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconnect_spread_s: Option<u32>,
}
