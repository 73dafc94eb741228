//! A release on trial: confirmed when it has proved itself, else back to the slot before.

use super::judgement::Cause;
use super::kept::Stage;
use super::proof::Verdict;
use super::{Then, Updater};
use crate::contract::Phase;

impl Updater {
    pub(super) fn prove(&mut self) -> Option<u64> {
        let (Some(proof), Some(kept)) = (&mut self.proof, &self.kept) else {
            return None;
        };
        let now_ms = self.now.up_ms;
        let outputs = proof.advance(self.room, &kept.update.url, &self.pace, now_ms);
        let deadline_ms = proof.next_deadline(self.room, &self.pace, now_ms);
        let verdict = proof.verdict(&self.pace, now_ms);
        self.outputs.extend(outputs);
        match verdict {
            None => deadline_ms,
            Some(Verdict::Good) => {
                let stage = Stage::Over {
                    phase: Phase::Confirmed,
                    cause: None,
                    last: true,
                };
                self.keep(stage, Then::Verdict);
                None
            }
            Some(Verdict::Bad(cause)) => match self.room_is_free() {
                Ok(()) => {
                    self.roll_back(cause);
                    None
                }
                Err(quiet_ms) => quiet_ms.into_iter().chain(deadline_ms).min(),
            },
        }
    }

    /// It goes back, and that counts.
    pub(super) fn roll_back(&mut self, cause: Cause) {
        self.count_failure();
        self.keep(Stage::RollingBack { cause, tries: 1 }, Then::RollBack);
    }
}
