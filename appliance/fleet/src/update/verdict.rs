//! The end of an attempt, and the next: a release that came to nothing twice waits for another document.

use rand::RngExt;

use super::download::Patience;
use super::judgement::Cause;
use super::kept::{Kept, Stage};
use super::pace::ms;
use super::{Doing, Output, Then, Updater};
use crate::contract::{Code, Phase};

impl Updater {
    pub(super) fn over(&mut self, phase: Phase, cause: Cause, last: bool) {
        let cause = Some(cause);
        self.keep(Stage::Over { phase, cause, last }, Then::Verdict);
    }

    /// It did not come as far as a reboot. `last`: it never will under this document.
    pub(super) fn fail(&mut self, code: Code, msg: impl Into<String>, last: bool) {
        self.count_failure();
        self.over(Phase::Failed, Cause::new(code, msg), last);
    }

    pub(super) fn count_failure(&mut self) {
        if let Some(kept) = &mut self.kept {
            kept.failures += 1;
        }
    }

    /// The verdict is on disk: it is said, the bundle is forgotten, and something else may begin.
    pub(super) fn verdict_written(&mut self) {
        self.doing = Doing::Rest;
        if let Some(kept) = &self.kept
            && kept.is_confirmed()
        {
            // From now on nothing below it.
            let version = kept.update.security_version;
            self.facts.security_version = self.facts.security_version.max(version);
            self.outputs.push_back(Output::MarkGood);
        }
        self.outputs.push_back(Output::Discard);
        self.say();
        if let Some(next) = self.next.take() {
            self.replace(next);
        } else if self.heard && self.kept.as_ref().is_some_and(Kept::has_another_attempt) {
            self.pause_from_now();
        }
    }

    pub(super) fn pause_from_now(&mut self) {
        let again_ms = ms(self.pace.again);
        let wait_ms = again_ms.saturating_add(self.chance.random_range(0..=again_ms));
        self.doing = Doing::Pausing {
            until_ms: self.now.up_ms.saturating_add(wait_ms),
        };
    }

    pub(super) fn pause(&mut self, until_ms: u64) -> Option<u64> {
        if until_ms > self.now.up_ms {
            return Some(until_ms);
        }
        self.patience = Patience::default();
        self.keep(Stage::Open, Then::Wait);
        None
    }
}
