//! What of an update survives a power cut.

use serde::{Deserialize, Serialize};

use super::judgement::Cause;
use crate::contract::{Phase, Update};

/// A release is tried so often under one document.
pub const ATTEMPTS: u32 = 2;

/// As it stands on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The document that all of it is about.
    pub update: Update,
    /// How far.
    pub stage: Stage,
    /// Attempts that came to nothing.
    pub failures: u32,
    /// The release that ran when this was written.
    pub running: String,
}

/// How far, as far as a start has to know it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It is the release that runs: nothing is to be done.
    Withdrawn,
    /// Nothing is installed: after a start it begins again, with what is there of the bundle.
    Open,
    /// RAUC writes the other slot.
    Installing,
    /// The other slot waits.
    Installed,
    /// The other slot is to be the one that starts, and has to prove itself.
    Trial {
        /// The conference server could be reached before.
        jitsi_before: bool,
        /// Starts of the box in it.
        starts: u32,
    },
    /// It has not; the slot before is to be the one that starts.
    RollingBack {
        /// Why.
        cause: Cause,
        /// So often it was tried.
        tries: u32,
    },
    /// There is a verdict.
    Over {
        /// [`Phase::Confirmed`], [`Phase::Failed`], [`Phase::RolledBack`] or [`Phase::Refused`].
        phase: Phase,
        /// Why it is not confirmed.
        cause: Option<Cause>,
        /// Another attempt would end in the same way.
        last: bool,
    },
}

impl Kept {
    /// A document, before anything else came of it.
    pub fn new(update: Update, running: &str, failures: u32) -> Self {
        Self {
            update,
            stage: Stage::Open,
            failures,
            running: running.to_owned(),
        }
    }

    /// Another attempt follows under the same document.
    pub fn has_another_attempt(&self) -> bool {
        let failed = |phase: &Phase| matches!(phase, Phase::Failed | Phase::RolledBack);
        let again = matches!(&self.stage, Stage::Over { phase, last: false, .. } if failed(phase));
        again && self.failures < ATTEMPTS
    }

    /// The release has proved itself.
    pub fn is_confirmed(&self) -> bool {
        matches!(
            &self.stage,
            Stage::Over {
                phase: Phase::Confirmed,
                ..
            }
        )
    }

    /// Something of the bundle may be on disk, or in the other slot.
    pub fn is_under_way(&self) -> bool {
        matches!(self.stage, Stage::Open | Stage::Installing | Stage::Installed)
    }

    /// The same bundle under another revision.
    pub fn is_bundle_of(&self, update: &Update) -> bool {
        self.update.release == update.release && self.has_bytes_of(update)
    }

    /// It proved itself, and the other document names another release with its very bundle.
    pub fn is_misnamed_by(&self, update: &Update) -> bool {
        self.is_confirmed() && self.update.release != update.release && self.has_bytes_of(update)
    }

    fn has_bytes_of(&self, update: &Update) -> bool {
        let of = |update: &Update| (update.size, update.sha256.clone(), update.manifest_hash.clone());
        of(&self.update) == of(update)
    }
}

/// What a box knows of its update before it can go on with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Revision of the document that it is about.
    pub rev: u64,
    /// The release that runs has yet to prove itself.
    pub on_trial: bool,
}

impl Memory {
    /// Of what the last [`super::Output::Write`] held; none: it cannot be read.
    #[must_use]
    pub fn read(stored: &[u8], running: &str) -> Option<Self> {
        let kept: Kept = serde_json::from_slice(stored).ok()?;
        Some(Self {
            rev: kept.update.rev,
            on_trial: matches!(kept.stage, Stage::Trial { .. }) && kept.update.release == running,
        })
    }
}
