//! What a start makes of what is on disk. Which release runs says how a trial ended.

use super::judgement::Cause;
use super::kept::{Kept, Stage};
use super::proof::Proof;
use super::{Output, Then, Updater};
use crate::contract::{Code, Phase};

/// A release on trial may start the box so often before it has proved itself: it may fall over, and so may the power.
const STARTS: u32 = 3;
/// So often the slot before is asked for.
const TRIES: u32 = 3;

impl Updater {
    /// Takes up what was on disk. What is not installed waits for the document to come again: it may be withdrawn by now.
    pub(super) fn recover(&mut self, stored: &[u8]) {
        let mut kept: Kept = match serde_json::from_slice(stored) {
            Ok(kept) => kept,
            Err(error) => {
                tracing::warn!(%error, "what is known of the update cannot be read from disk");
                return;
            }
        };
        let runs = kept.update.release == self.facts.release;
        let moved = kept.running != self.facts.release;
        let stage = std::mem::replace(&mut kept.stage, Stage::Open);
        if moved && is_void(&stage, runs) {
            self.failed_before = Some((kept.update.rev, kept.failures));
            self.outputs.push_back(Output::Discard);
            return;
        }
        self.kept = Some(kept);
        match stage {
            Stage::Trial { jitsi_before, starts } if runs => self.try_on(jitsi_before, starts + 1),
            // It was started without the word of the box.
            Stage::Installing | Stage::Installed if runs => self.try_on(true, 1),
            Stage::Trial { .. } => {
                self.fell_back("the slot before runs again: the other one did not start, or stopped")
            }
            Stage::RollingBack { cause, tries } if runs => self.go_back(cause, tries + 1),
            Stage::RollingBack { cause, .. } => self.over(Phase::RolledBack, cause, false),
            Stage::Over {
                phase: Phase::Confirmed,
                ..
            } if !runs => {
                self.fell_back("it was confirmed, and the slot before runs again");
            }
            Stage::Over {
                phase: Phase::RolledBack,
                cause,
                ..
            } if runs => {
                let cause = cause.unwrap_or_else(|| Cause::new(Code::Internal, "it was rolled back"));
                self.go_back(cause, 1);
            }
            Stage::Over { .. } | Stage::Withdrawn => self.settled(stage),
            Stage::Open | Stage::Installing | Stage::Installed => self.restore(stage),
        }
    }

    fn restore(&mut self, stage: Stage) {
        if let Some(kept) = &mut self.kept {
            kept.stage = stage;
        }
    }

    /// Nothing is under way; what follows a verdict follows again, for nobody knows whether it did.
    fn settled(&mut self, stage: Stage) {
        self.restore(stage);
        if self.kept.as_ref().is_some_and(Kept::is_confirmed) {
            self.outputs.push_back(Output::MarkGood);
        }
        self.outputs.push_back(Output::Discard);
    }

    fn try_on(&mut self, jitsi_before: bool, starts: u32) {
        if starts > STARTS {
            let msg = format!("it started {starts} times and never stayed up");
            return self.roll_back(Cause::new(Code::Interrupted, msg));
        }
        self.proof = Some(Proof::new(jitsi_before, self.now.up_ms));
        self.keep(Stage::Trial { jitsi_before, starts }, Then::Prove);
    }

    fn fell_back(&mut self, msg: &str) {
        self.count_failure();
        self.over(Phase::RolledBack, Cause::new(Code::Interrupted, msg), false);
    }

    fn go_back(&mut self, cause: Cause, tries: u32) {
        if tries > TRIES {
            let msg = format!("the slot before does not start; {}", cause.msg);
            return self.over(Phase::Failed, Cause::new(cause.code, msg), true);
        }
        self.keep(Stage::RollingBack { cause, tries }, Then::RollBack);
    }
}

/// Somebody else installed what runs now: what is on disk, but for the failures, was about another box, so to speak, and the
/// document is judged anew.
fn is_void(stage: &Stage, runs: bool) -> bool {
    match stage {
        Stage::Trial { .. } | Stage::RollingBack { .. } => false,
        Stage::Over { phase, .. } => match phase {
            Phase::Failed => runs,
            phase => *phase == Phase::Refused,
        },
        Stage::Installing | Stage::Installed => !runs,
        Stage::Open | Stage::Withdrawn => true,
    }
}
