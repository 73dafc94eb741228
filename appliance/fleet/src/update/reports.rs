//! What is said of an update: each change at once, and progress now and then.

use super::judgement::Cause;
use super::kept::Stage;
use super::{Doing, Output, Shut, Updater};
use crate::contract::{Code, Phase, UpdateReport};

/// Between two reports that differ in nothing but progress.
const PROGRESS_MS: u64 = 10_000;

/// What was said last, and when.
#[derive(Debug, Default)]
pub struct Reports {
    last: Option<(UpdateReport, u64)>,
}

impl Reports {
    /// True when it is worth saying now.
    pub fn is_news(&mut self, report: &UpdateReport, now_ms: u64) -> bool {
        let news = self.last.as_ref().is_none_or(|(last, said_ms)| {
            let without_progress = UpdateReport {
                progress: last.progress,
                ..report.clone()
            };
            let only_progress = without_progress == *last;
            let waited = now_ms.saturating_sub(*said_ms) >= PROGRESS_MS;
            !only_progress || (waited && report.progress != last.progress)
        });
        if news {
            self.last = Some((report.clone(), now_ms));
        }
        news
    }
}

impl Updater {
    pub(super) fn say(&mut self) {
        if let Some(report) = self.report()
            && self.reports.is_news(&report, self.now.up_ms)
        {
            tracing::info!(rev = report.rev, phase = ?report.phase, progress = report.progress, code = ?report.code, "update");
            self.outputs.push_back(Output::Report(report));
        }
    }

    /// None while the disk has the word: what is not on disk is not said.
    fn report(&self) -> Option<UpdateReport> {
        let stage = self.kept.as_ref().map(|kept| &kept.stage);
        let (phase, progress, cause) = match &self.doing {
            Doing::Writing(_) => return None,
            Doing::Rest | Doing::Pausing { .. } => match stage {
                None | Some(Stage::Withdrawn) => (Phase::Idle, None, None),
                Some(Stage::Open | Stage::Installing) => (Phase::Waiting, None, None),
                Some(Stage::Installed) => (Phase::RebootPending, None, None),
                Some(Stage::Trial { .. } | Stage::RollingBack { .. }) => (Phase::Trial, None, None),
                Some(Stage::Over { phase, cause, .. }) => (*phase, None, cause.clone()),
            },
            Doing::Waiting { shut, .. } => {
                let unset = *shut == Shut::Clock;
                let cause = unset.then(|| Cause::new(Code::Precondition, "the clock of this box is not set"));
                (Phase::Waiting, None, cause)
            }
            Doing::Downloading { bytes, .. } => (Phase::Downloading, Some(self.percent(*bytes)), None),
            Doing::Verifying => (Phase::Verifying, None, None),
            Doing::Installing { percent } => (Phase::Installing, Some(*percent), None),
            Doing::RebootPending { .. } => (Phase::RebootPending, None, None),
            Doing::Trial => (Phase::Trial, None, None),
            Doing::Leaving { .. } => match stage {
                Some(Stage::RollingBack { cause, .. }) => (Phase::Trial, None, Some(cause.clone())),
                _ => (Phase::Trial, None, None),
            },
        };
        let (code, msg) = cause.map(|cause| (cause.code, cause.msg)).unzip();
        Some(UpdateReport {
            rev: self.kept.as_ref().map_or(0, |kept| kept.update.rev),
            phase,
            running: self.facts.release.clone(),
            slot: self.facts.slot.clone(),
            progress,
            code,
            msg,
        })
    }
}
