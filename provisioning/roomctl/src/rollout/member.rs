//! A box of a rollout.

use fleet::contract::{DeviceId, Phase, Window};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::habit::Habit;

/// By so many a revision that nobody has signed may be above all that were. A broker that lies could bring a box to the last
/// revision that there is otherwise, and it would never take another.
const LEAP: u64 = 1_000_000;

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

/// The document that a box shall find at the broker; the release and its bundle stand in the rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its revision.
    pub rev: u64,
    /// The release that it names, for nothing to be done; none: the new one, to be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stay_at: Option<String>,
    /// In which the box updates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// `w1` for the first wave; empty: of none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub wave: String,
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
    /// Highest revision of `update/desired` that was written, or seen with a signature that holds.
    #[serde(default)]
    pub rev: u64,
    /// Revision that the box named last, which nobody has signed.
    #[serde(default)]
    pub reported: u64,
    /// What it shall find at the broker; none: nothing of this rollout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// Revision of the last document that asked for the release; 0: none did.
    #[serde(default)]
    pub told: u64,
    /// The document with the highest revision takes the release back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
    /// Release that it runs; empty: it was never heard of.
    #[serde(default)]
    pub running: String,
    /// Release that it ran when it was told; on trial it runs the new one, and may go back.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub before: String,
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
            reported: 0,
            order: None,
            told: 0,
            withdrawn: false,
            running: String::new(),
            before: String::new(),
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

    /// It was neither told nor ever heard of: nobody knows what it runs, so nothing could be taken back from it.
    #[must_use]
    pub const fn is_unheard(&self) -> bool {
        self.is_untouched() && self.running.is_empty()
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

    /// Release to which it is withdrawn while nobody knows which one it runs just now.
    #[must_use]
    pub fn release_before(&self) -> &str {
        if self.before.is_empty() {
            &self.running
        } else {
            &self.before
        }
    }

    /// Revision of the next document: above all that were written, and above the one that the box names, if that can be true.
    #[must_use]
    pub fn next_rev(&self) -> u64 {
        let can_be = self.reported <= self.rev.saturating_add(LEAP);
        let believed = if can_be { self.reported } else { 0 };
        self.rev.max(believed) + 1
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
