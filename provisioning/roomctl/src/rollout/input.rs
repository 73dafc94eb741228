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
    /// A connection to the broker begins: nothing is decided before [`Input::AllHeard`].
    Listening,
    /// All that the broker keeps was fed.
    AllHeard,
    /// This revision of `update/desired` is on the broker, with a signature that holds.
    Desired {
        /// Of which box.
        device: DeviceId,
        /// The revision.
        rev: u64,
    },
    /// A document has reached the broker.
    Delivered {
        /// Of which box.
        device: DeviceId,
        /// Its revision.
        rev: u64,
    },
    /// The broker does not take a document.
    Undelivered {
        /// Of which box.
        device: DeviceId,
        /// Its revision.
        rev: u64,
        /// Why not.
        said: String,
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

impl Input {
    /// Which box it is about.
    #[must_use]
    pub const fn device(&self) -> Option<&DeviceId> {
        match self {
            Self::Presence { device, .. }
            | Self::Running { device, .. }
            | Self::Report { device, .. }
            | Self::Desired { device, .. }
            | Self::Delivered { device, .. }
            | Self::Undelivered { device, .. }
            | Self::Trouble { device, .. } => Some(device),
            Self::Listening | Self::AllHeard | Self::Tick | Self::Pause | Self::Resume | Self::Abort => None,
        }
    }
}
