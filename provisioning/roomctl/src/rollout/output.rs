//! What comes out of a rollout.

use fleet::contract::{DeviceId, Update};
use jiff::Timestamp;
use serde::Serialize;

use super::member::Harm;
use super::verdict::Reason;

/// What shall happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Publish for this box, until [`super::Input::Delivered`]; after [`super::Input::AllHeard`] what is missing comes again.
    Publish {
        /// Which.
        device: DeviceId,
        /// The release to reach, or the one that runs: for nothing to be done.
        update: Box<Update>,
    },
    /// Say it.
    Say(Note),
}

/// What is worth a line.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Note {
    /// A wave begins.
    Wave {
        /// Which, from 1.
        wave: usize,
        /// How many boxes have begun when it is over.
        target: usize,
    },
    /// A wave is over; the next one begins then.
    Soaking {
        /// Which, from 1.
        wave: usize,
        /// When.
        until: Timestamp,
    },
    /// A box has been told.
    Started {
        /// Which.
        #[serde(rename = "box")]
        device: DeviceId,
    },
    /// A box runs the release.
    Updated {
        /// Which.
        #[serde(rename = "box")]
        device: DeviceId,
    },
    /// A box was harmed.
    Harmed {
        /// Which.
        #[serde(rename = "box")]
        device: DeviceId,
        /// How.
        harm: Harm,
        /// In its own words.
        said: String,
    },
    /// The release is not for a box.
    Refused {
        /// Which.
        #[serde(rename = "box")]
        device: DeviceId,
        /// In its own words.
        said: String,
    },
    /// The broker does not take what takes the release back.
    Undelivered {
        /// Of which box.
        #[serde(rename = "box")]
        device: DeviceId,
        /// Why not.
        said: String,
    },
    /// It stops by itself.
    Stopped {
        /// Why.
        reason: Reason,
        /// How many had begun.
        started: usize,
        /// From how many it was taken back.
        withdrawn: usize,
    },
    /// It waits.
    Paused,
    /// It goes on.
    Resumed,
    /// It is ended.
    Aborted {
        /// From how many it was taken back.
        withdrawn: usize,
    },
    /// It is done.
    Done {
        /// They run it.
        updated: usize,
        /// They were harmed.
        harmed: usize,
        /// They take it when they come back.
        absent: usize,
        /// Nobody has ever heard of them: they are left out.
        unheard: usize,
    },
}

impl Note {
    /// These are no boxes of the fleet any more. False when nothing is left to be said.
    pub fn forget(&mut self, gone: impl Fn(&DeviceId) -> bool) -> bool {
        match self {
            Note::Started { device }
            | Note::Updated { device }
            | Note::Harmed { device, .. }
            | Note::Refused { device, .. }
            | Note::Undelivered { device, .. } => !gone(device),
            Note::Stopped { reason, .. } => {
                reason.forget(gone);
                true
            }
            Note::Wave { .. }
            | Note::Soaking { .. }
            | Note::Paused
            | Note::Resumed
            | Note::Aborted { .. }
            | Note::Done { .. } => true,
        }
    }
}
