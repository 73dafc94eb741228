//! `update/desired` and `update/reported`: the release to reach, and how far the box is.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::code::Code;

/// Hours of the day in the room's own time, as `["22:00", "05:00"]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Window(#[schemars(inner(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")))] pub [String; 2]);

/// A release to reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Update {
    /// Grows with each document.
    pub rev: u64,
    /// Its version. The one that runs: nothing is to be done, and what waits or downloads stops.
    pub release: String,
    /// Where the bundle is.
    #[schemars(url)]
    pub url: String,
    /// Bytes of it.
    pub size: u64,
    /// Of it, hexadecimal.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: String,
    /// Of RAUC's manifest.
    pub manifest_hash: String,
    /// Older releases go another way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_from: Option<String>,
    /// Never below what the box has seen.
    pub security_version: u32,
    /// Not before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Only then, until the deadline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Then in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Of the rollout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wave: Option<String>,
    /// Even in a meeting.
    #[serde(default)]
    pub allow_in_call: bool,
}

/// How far an update is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing to do.
    Idle,
    /// For its window.
    Waiting,
    /// The bundle comes.
    Downloading,
    /// Its hash and signature are checked.
    Verifying,
    /// RAUC writes the other slot.
    Installing,
    /// The room must be idle.
    RebootPending,
    /// The other slot runs and has to prove itself.
    Trial,
    /// It has.
    Confirmed,
    /// It did not come as far as a reboot.
    Failed,
    /// The slot before runs again.
    RolledBack,
    /// It is not for this box.
    Refused,
}

/// What a box says of its update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateReport {
    /// Of the document that this is about.
    pub rev: u64,
    /// How far.
    pub phase: Phase,
    /// Release that runs.
    pub running: String,
    /// Slot that runs, as RAUC calls it.
    pub slot: String,
    /// Of the phase, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100))]
    pub progress: Option<u8>,
    /// Why it went no further.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// In a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msg: Option<String>,
}
