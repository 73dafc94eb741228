//! The release to reach, as the fleet last said it. What becomes of it is up to the update.

use serde::{Deserialize, Serialize};

use super::context::{Context, encoded};
use super::output::{Output, Record};
use super::revision::{Judgement, Revision, judge};
use super::writer::Then;
use crate::contract::{Code, Update, fingerprint};

/// Key of the last document.
pub const KEY: &str = "release";

/// As it stands on disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    revision: Revision,
    update: Update,
}

/// The release to reach.
#[derive(Debug, Default)]
pub struct Release {
    kept: Option<Kept>,
}

impl Release {
    /// What was on disk at the start: the update goes on with it.
    pub fn recover(&mut self, value: &[u8], cx: &mut Context) {
        match serde_json::from_slice::<Kept>(value) {
            Ok(kept) => {
                self.kept = Some(kept);
                self.written(cx);
            }
            Err(error) => tracing::warn!(%error, "the release to reach cannot be read from disk"),
        }
    }

    /// A document whose signature holds. True when it is the known one: its report goes out again.
    ///
    /// # Errors
    /// [`Code::StaleRev`], [`Code::RevConflict`].
    pub fn received(&mut self, update: Update, cx: &mut Context) -> Result<bool, Code> {
        let fingerprint = fingerprint(&update);
        let last = self.kept.as_ref().map(|kept| &kept.revision);
        match judge(last, update.rev, &fingerprint) {
            Judgement::Refused(code) => Err(code),
            Judgement::Known => Ok(true),
            Judgement::New => {
                let rev = update.rev;
                let revision = Revision { rev, fingerprint };
                let kept = Kept { revision, update };
                cx.writer.write([Record::put(KEY, encoded(&kept))], Then::Update);
                self.kept = Some(kept);
                Ok(false)
            }
        }
    }

    /// It is on disk: now it counts.
    pub fn written(&mut self, cx: &mut Context) {
        if let Some(kept) = &self.kept {
            cx.output(Output::Update(Box::new(kept.update.clone())));
        }
    }
}
