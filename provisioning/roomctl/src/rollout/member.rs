//! A box of a rollout.

use fleet::contract::{DeviceId, Phase};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::habit::Habit;

/// How a box was harmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Harm {
    /// It could not install the release.
    Failed,
    /// It went back to the release before.
    RolledBack,
    /// It is not there when it usually is, or has come to no end.
    Silent,
}

/// Something that a box says is wrong, and that others say as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// A process died.
    Crash,
    /// A meeting did not come to be, or was lost.
    FailedCall,
}

impl Trouble {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Crash, Self::FailedCall];
}

/// How far a box is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// It knows nothing of the release.
    Untouched,
    /// It has been told.
    Started {
        /// When.
        at: Timestamp,
        /// What it says of it.
        phase: Phase,
        /// Since when.
        since: Timestamp,
    },
    /// It runs the release and has proved itself.
    Updated {
        /// Since when.
        at: Timestamp,
    },
    /// It ran the release before.
    Already,
    /// It was harmed.
    Harmed {
        /// How.
        harm: Harm,
        /// When that was noticed.
        at: Timestamp,
        /// In its own words.
        said: String,
    },
    /// The release is not for it. That is no harm.
    Refused {
        /// In its own words.
        said: String,
    },
    /// It was told without being there, at the end: it updates when it comes back.
    Absent,
}

/// A box of a rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Which.
    pub device: DeviceId,
    /// As its maker calls it.
    pub model: String,
    /// Where it is.
    pub site: String,
    /// How far it is.
    #[serde(flatten)]
    pub stage: Stage,
    /// Highest revision of `update/desired` that was ever seen.
    #[serde(default)]
    pub rev: u64,
    /// Revision of the last document that asked for the release; 0: none did.
    #[serde(default)]
    pub told: u64,
    /// The document with the highest revision takes the release back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
    /// Release that it runs.
    #[serde(default)]
    pub running: String,
    /// It is there.
    #[serde(default)]
    pub online: bool,
    /// It said goodbye.
    #[serde(default)]
    pub clean: bool,
    /// Since when it is there or not.
    pub changed: Timestamp,
    /// Its usual hours.
    #[serde(default)]
    pub habit: Habit,
    /// Last time that it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash: Option<Timestamp>,
    /// Last time that it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_call: Option<Timestamp>,
    /// It is not asked again before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Somebody has looked at what became of it and went on: the rule counts it no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accepted: bool,
    /// Its lot: who is asked first, all else being equal.
    pub lot: u32,
}

impl Member {
    /// A box that was never told. `lot`: drawn anew for each rollout.
    #[must_use]
    pub fn new(device: DeviceId, model: String, site: String, lot: u32, now: Timestamp) -> Self {
        Self {
            device,
            model,
            site,
            stage: Stage::Untouched,
            rev: 0,
            told: 0,
            withdrawn: false,
            running: String::new(),
            online: false,
            clean: false,
            changed: now,
            habit: Habit::default(),
            crash: None,
            failed_call: None,
            not_before: None,
            accepted: false,
            lot,
        }
    }

    /// It may have been changed by the release.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        matches!(
            self.stage,
            Stage::Started { .. } | Stage::Updated { .. } | Stage::Harmed { .. }
        )
    }

    /// It is between its old and its new release.
    #[must_use]
    pub const fn is_on_its_way(&self) -> bool {
        matches!(self.stage, Stage::Started { .. })
    }

    /// It could be told.
    #[must_use]
    pub const fn is_untouched(&self) -> bool {
        matches!(self.stage, Stage::Untouched)
    }

    /// What was done to it can still be taken back.
    #[must_use]
    pub const fn can_be_withdrawn(&self) -> bool {
        matches!(
            self.stage,
            Stage::Started {
                phase: Phase::Idle
                    | Phase::Waiting
                    | Phase::Downloading
                    | Phase::Verifying
                    | Phase::Installing
                    | Phase::RebootPending,
                ..
            } | Stage::Absent
        )
    }

    /// It has not yet begun to write the release: only waiting or fetching.
    #[must_use]
    pub const fn only_waits(&self) -> bool {
        matches!(
            self.stage,
            Stage::Started {
                phase: Phase::Idle | Phase::Waiting | Phase::Downloading | Phase::Verifying,
                ..
            }
        )
    }

    /// Last time of this trouble.
    #[must_use]
    pub const fn trouble(&self, which: Trouble) -> Option<Timestamp> {
        match which {
            Trouble::Crash => self.crash,
            Trouble::FailedCall => self.failed_call,
        }
    }
}
