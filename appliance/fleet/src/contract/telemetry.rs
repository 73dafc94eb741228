//! `tele/{stream}`: measurements, which may be lost.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TelemetryStream {
    /// Processor, memory, storage, temperature; each minute.
    Sys,
    /// Rates, loss, round trip; each 30 s of a meeting.
    Media,
    /// Light, sound level; each five minutes.
    Env,
    /// Lines of the log, while somebody asked for them.
    Log,
}

impl TelemetryStream {
    /// All of them.
    pub const ALL: [TelemetryStream; 4] = [
        TelemetryStream::Sys,
        TelemetryStream::Media,
        TelemetryStream::Env,
        TelemetryStream::Log,
    ];

    /// As it stands in topics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            TelemetryStream::Sys => "sys",
            TelemetryStream::Media => "media",
            TelemetryStream::Env => "env",
            TelemetryStream::Log => "log",
        }
    }
}

/// Measurements of one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Telemetry {
    /// By name, with the unit at its end: `memory_bytes`, `loss_ratio`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, f64>,
    /// Of the log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// Of measurements since the last message that were not sent themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub summary: BTreeMap<String, Summary>,
    /// Some of them were taken while there was no broker.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
}

/// Many values as one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// How many.
    pub count: u64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Summary {
    /// Of one value.
    #[must_use]
    pub const fn of(value: f64) -> Self {
        Self {
            count: 1,
            min: value,
            max: value,
        }
    }

    /// And another one.
    pub const fn add(&mut self, value: f64) {
        self.count += 1;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }
}
