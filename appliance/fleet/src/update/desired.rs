//! A document comes: new, known, or the end of what another one began.

use super::download::Patience;
use super::judgement::{Cause, Judgement, of_document};
use super::kept::{ATTEMPTS, Kept, Stage};
use super::{Doing, Output, Then, Updater, WAITING};
use crate::contract::{Code, Phase, Update};

impl Updater {
    /// A newer one takes the place of the one before, unless that is being installed or on trial: it waits for the end of that.
    pub(super) fn desired(&mut self, update: Update) {
        self.heard = true;
        let known = self.kept.as_ref().map(|kept| kept.update.rev);
        match known {
            Some(rev) if update.rev < rev => tracing::warn!(rev = update.rev, known = rev, "an older release to reach"),
            Some(rev) if update.rev == rev => {
                if self.doing == Doing::Rest {
                    self.resume();
                }
            }
            _ if self.cannot_stop() => {
                if self.next.as_ref().is_none_or(|next| next.rev < update.rev) {
                    self.next = Some(update);
                }
            }
            _ => self.replace(update),
        }
    }

    /// RAUC writes, a release is on trial, or the box is about to go down.
    fn cannot_stop(&self) -> bool {
        match self.doing {
            Doing::Installing { .. } | Doing::Trial | Doing::Leaving { .. } => true,
            Doing::Writing(then) => matches!(then, Then::Prove | Then::RollBack | Then::Verdict),
            _ => false,
        }
    }

    /// The known document, for the first time since the start.
    fn resume(&mut self) {
        let Some(kept) = &self.kept else { return };
        match kept.stage {
            Stage::Open | Stage::Installing => self.doing = WAITING,
            Stage::Installed => self.doing = Doing::RebootPending { asking_ms: None },
            _ if kept.has_another_attempt() => self.pause_from_now(),
            _ => {}
        }
    }

    /// Another document: what was under way for the one before really stops.
    pub(super) fn replace(&mut self, update: Update) {
        if matches!(self.doing, Doing::Downloading { pause_ms: None, .. }) {
            self.outputs.push_back(Output::StopDownload);
        }
        self.patience = Patience::default();
        let same = self.kept.as_ref().filter(|kept| kept.is_bundle_of(&update));
        let installed = same.is_some_and(|kept| kept.stage == Stage::Installed);
        let useless = same.is_none() && self.kept.as_ref().is_some_and(Kept::is_under_way);
        let judgement = match &self.kept {
            // Whoever withdrew it did not know yet that it runs; there is no other in that bundle.
            Some(kept) if kept.is_misnamed_by(&update) && kept.update.release == self.facts.release => {
                let msg = format!("/release: the bundle is that of {}, which runs", self.facts.release);
                Judgement::Refused(Cause::new(Code::InvalidParams, msg))
            }
            _ => of_document(&update, &self.facts),
        };
        let before = self.failed_before.take().filter(|(rev, _)| *rev == update.rev);
        let failures = before.map_or(0, |(_, failures)| failures);
        self.kept = Some(Kept::new(update, &self.facts.release, failures));
        match judgement {
            Judgement::Wanted if failures >= ATTEMPTS => {
                let cause = Cause::new(Code::Precondition, "it came to nothing twice under this revision");
                self.over(Phase::Failed, cause, true);
            }
            Judgement::Wanted if installed => self.keep(Stage::Installed, Then::AskRoom),
            Judgement::Wanted => {
                if useless {
                    self.outputs.push_back(Output::Discard);
                }
                self.keep(Stage::Open, Then::Wait);
            }
            // Both forget the bundle once that is on disk.
            Judgement::Runs => self.keep(Stage::Withdrawn, Then::Verdict),
            Judgement::Refused(cause) => self.over(Phase::Refused, cause, true),
        }
    }
}
