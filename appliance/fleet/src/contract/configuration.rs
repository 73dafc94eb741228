//! `config/desired` and `config/reported`: the whole configuration, never a patch.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::code::Code;

/// When a configuration takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ApplyWhen {
    /// At once.
    Now,
    /// As soon as no meeting goes on.
    Idle,
}

/// When, and at the latest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Apply {
    /// When.
    pub when: ApplyWhen,
    /// Then even in a meeting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

/// A secret for this box alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Secret {
    /// Compact JWE (RFC 7516) to the key of the box.
    pub jwe: String,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// What a box shall be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Configuration {
    /// Of `cfg`, as `cfg/1.4`.
    pub schema: String,
    /// Grows with each document.
    pub rev: u64,
    /// Of `cfg` and `secrets`, hexadecimal.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// Who wrote it.
    pub issued_by: String,
    /// Past it the box runs on and says that it is old.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<Timestamp>,
    /// When it takes effect.
    pub apply: Apply,
    /// The settings: room, jitsi, av, net, standby, log, trust.
    pub cfg: Map<String, Value>,
    /// By name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, Secret>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConfigurationStatus {
    /// It is in effect.
    Applied,
    /// It waits for its time.
    Pending,
    /// Nothing of it was taken.
    Rejected,
    /// The broker was not reached with it; the settings before are back.
    RolledBack,
}

/// A field that was not taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigurationError {
    /// JSON pointer into `cfg`.
    pub path: String,
    /// In one word.
    pub code: Code,
    /// In a sentence.
    pub msg: String,
    /// What would be taken, where that is a list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<Value>,
}

/// What a box made of its configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigurationReport {
    /// Of the document that this is about.
    pub rev: u64,
    /// What became of it.
    pub status: ConfigurationStatus,
    /// In effect.
    pub applied_rev: u64,
    /// Why it was rejected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ConfigurationError>,
    /// JSON pointers to what somebody changed in the room.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<String>,
}
