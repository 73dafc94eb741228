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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Telemetry {
    /// By name, with the unit at its end: `memory_bytes`, `loss_ratio`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, f64>,
    /// Of the log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
}
