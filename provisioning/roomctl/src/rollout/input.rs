//! What goes into a rollout.

use fleet::contract::{DeviceId, UpdateReport};
use jiff::Timestamp;

use super::member::Trouble;

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A box came or went.
    Presence {
        /// Which.
        device: DeviceId,
        /// It is there.
        online: bool,
        /// It went to sleep, and said so.
        clean: bool,
    },
    /// A box says what it runs.
    Running {
        /// Which.
        device: DeviceId,
        /// The release.
        release: String,
    },
    /// A box says how far its update is.
    Report {
        /// Which.
        device: DeviceId,
        /// What it says.
        report: UpdateReport,
    },
    /// This revision of `update/desired` is on the broker.
    Desired {
        /// Of which box.
        device: DeviceId,
        /// The revision.
        rev: u64,
    },
    /// A box says that something is wrong.
    Trouble {
        /// Which.
        device: DeviceId,
        /// What.
        trouble: Trouble,
        /// When that was; boxes say it late when they were away.
        at: Timestamp,
    },
    /// [`super::Engine::next_deadline`] has come.
    Tick,
    /// Somebody wants it to wait.
    Pause,
    /// Somebody wants it to go on. What had stopped it has been looked at.
    Resume,
    /// Somebody wants it to end.
    Abort,
}
