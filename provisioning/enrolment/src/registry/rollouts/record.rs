//! A rollout in its row, and why it is not changed.

use fleet::contract::Tenant;
use jiff::Timestamp;

use crate::registry::RegistryError;
use crate::registry::sql::Value;

/// Columns of a [`RolloutHead`].
pub const HEAD: &str = "id, tenant, revision, over, wish, wish_by, started_by, holder, holder_name, lease_until";

/// What somebody wants a rollout to do; its conductor obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To go on.
    Run,
    /// To wait.
    Pause,
    /// To end.
    Abort,
}

impl Wish {
    /// As it stands in the row.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Wish::Run => "run",
            Wish::Pause => "pause",
            Wish::Abort => "abort",
        }
    }

    /// As it stands in the row; what is no wish is none to go on.
    pub(super) fn of(text: &str) -> Self {
        match text {
            "run" => Wish::Run,
            "pause" => Wish::Pause,
            _ => Wish::Abort,
        }
    }
}

/// A rollout, but for its boxes: of many thousands there is much to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutHead {
    /// Which.
    pub id: String,
    /// Whose boxes.
    pub tenant: Tenant,
    /// Grows with each change.
    pub revision: i64,
    /// Nothing more happens.
    pub over: bool,
    /// What is wanted.
    pub wish: Wish,
    /// By whom; empty: forgotten.
    pub wish_by: String,
    /// Who began it; empty: forgotten.
    pub started_by: String,
    /// Who conducts.
    pub seat: Option<Seat>,
}

/// A rollout as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutRecord {
    /// What it is.
    pub head: RolloutHead,
    /// Everything else: JSON, without names of people.
    pub document: String,
}

/// The seat of a conductor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Which program: unique.
    pub holder: String,
    /// Whose; empty: forgotten.
    pub name: String,
    /// It is free again then.
    pub until: Timestamp,
}

/// Why a rollout is not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RolloutError {
    /// Another one has some of the same boxes.
    #[error("rollout {id} has some of these boxes, and is not over")]
    Overlaps {
        /// Which.
        id: String,
    },
    /// Somebody else changed it meanwhile.
    #[error("somebody else has changed rollout {0} meanwhile")]
    Changed(String),
    /// Somebody wants it to end: nothing else can be wanted any more.
    #[error("{by} wants rollout {id} to end")]
    Ending {
        /// Which.
        id: String,
        /// Who; empty: forgotten.
        by: String,
    },
    /// Somebody else conducts it.
    #[error("rollout {id} is conducted by {name} until {until} at least")]
    Held {
        /// Which.
        id: String,
        /// Who.
        name: String,
        /// End of the lease.
        until: Timestamp,
    },
    /// There is none of that name.
    #[error("no rollout is called {0}")]
    Unknown(String),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl RolloutHead {
    /// Of the columns [`HEAD`].
    pub(super) fn of(row: &[Value]) -> Option<Self> {
        let [
            id,
            tenant,
            revision,
            over,
            wish,
            wish_by,
            started_by,
            holder,
            name,
            until,
        ] = row
        else {
            return None;
        };
        let seat = || {
            Some(Seat {
                holder: holder.text().filter(|holder| !holder.is_empty())?.into(),
                name: name.text()?.into(),
                until: Timestamp::from_second(until.integer()?).ok()?,
            })
        };
        Some(Self {
            seat: seat(),
            id: id.text()?.into(),
            tenant: tenant.text()?.try_into().ok()?,
            revision: revision.integer()?,
            over: over.integer()? != 0,
            wish: Wish::of(wish.text()?),
            wish_by: wish_by.text()?.into(),
            started_by: started_by.text()?.into(),
        })
    }
}

impl RolloutRecord {
    /// Of the columns [`HEAD`] and the document.
    pub(super) fn of(row: &[Value]) -> Option<Self> {
        let (document, head) = row.split_last()?;
        Some(Self {
            head: RolloutHead::of(head)?,
            document: document.text()?.into(),
        })
    }
}
