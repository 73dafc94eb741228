//! The seat of a conductor. A task of its own keeps it, whatever else takes its time; who is about to publish asks whether it
//! is still there.

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use enrolment::registry::{RolloutError, Seat};
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;
use ulid::Ulid;

use super::ConductError;
use crate::rollout::archive::Archive;

/// A seat is free again so long after its holder was heard of.
const LEASE: SignedDuration = SignedDuration::from_secs(30);
/// How often the lease is renewed.
const RENEW: Duration = Duration::from_secs(5);
/// Somebody who takes the seat at the end of the lease finds nobody else publishing: so long before it we stop. It is more than
/// a broker takes for a document, and than clocks of two administrators differ.
const MARGIN: SignedDuration = SignedDuration::from_secs(10);

/// A seat for this program.
#[must_use]
pub fn seat(name: &str) -> Seat {
    Seat {
        holder: Ulid::generate().to_string(),
        name: name.to_owned(),
        until: lease(),
    }
}

fn lease() -> Timestamp {
    Timestamp::now().checked_add(LEASE).unwrap_or(Timestamp::MAX)
}

/// Whether it is ours.
#[derive(Debug, Clone, Copy)]
enum Lease {
    Until(Timestamp),
    Lost,
}

/// Who renews it.
struct Keeper {
    archive: Archive,
    id: String,
    seat: Seat,
    lease: Mutex<Lease>,
}

impl Keeper {
    fn lease(&self) -> Lease {
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, lease: Lease) {
        *self.lease.lock().unwrap_or_else(PoisonError::into_inner) = lease;
    }

    async fn renew(&self) -> Result<(), ConductError> {
        let until = lease();
        let (id, seat) = (
            self.id.clone(),
            Seat {
                until,
                ..self.seat.clone()
            },
        );
        match self.archive.with(move |registry| registry.keep_seat(&id, &seat)).await {
            Ok(()) => {
                self.note(Lease::Until(until));
                Ok(())
            }
            Err(RolloutError::Changed(id)) => {
                self.note(Lease::Lost);
                Err(ConductError::Lost(id))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The seat, as long as this value lives.
pub struct Chair {
    keeper: Arc<Keeper>,
    ticker: JoinHandle<()>,
}

impl Chair {
    /// Takes it.
    ///
    /// # Errors
    /// [`RolloutError::Held`]: somebody else has it.
    pub async fn take(archive: Archive, id: &str, seat: Seat) -> Result<Self, ConductError> {
        let until = lease();
        let seat = Seat { until, ..seat };
        let (name, wanted) = (id.to_owned(), seat.clone());
        let taken = archive.with(move |registry| registry.take_seat(&name, &wanted, Timestamp::now()));
        taken.await?;
        let keeper = Arc::new(Keeper {
            archive,
            id: id.to_owned(),
            seat,
            lease: Mutex::new(Lease::Until(until)),
        });
        let ours = keeper.clone();
        let ticker = tokio::spawn(async move {
            loop {
                tokio::time::sleep(RENEW).await;
                match ours.renew().await {
                    Ok(()) => {}
                    Err(ConductError::Lost(_)) => return,
                    Err(error) => tracing::warn!(id = ours.id, %error, "the seat is not renewed"),
                }
            }
        });
        Ok(Self { keeper, ticker })
    }

    /// Where it stands.
    pub fn archive(&self) -> &Archive {
        &self.keeper.archive
    }

    /// Who sits there.
    pub fn holder(&self) -> &str {
        &self.keeper.seat.holder
    }

    /// It is ours for as long as a document takes to the broker.
    ///
    /// # Errors
    /// [`ConductError::Lost`]; the registry, which cannot be asked, after it has been away for most of the lease.
    pub async fn check(&self) -> Result<(), ConductError> {
        match self.keeper.lease() {
            Lease::Until(until) if Timestamp::now() + MARGIN < until => Ok(()),
            Lease::Until(_) => self.keeper.renew().await,
            Lease::Lost => Err(ConductError::Lost(self.keeper.id.clone())),
        }
    }

    /// Renews it now.
    ///
    /// # Errors
    /// As [`Chair::check`].
    pub async fn renew(&self) -> Result<(), ConductError> {
        self.keeper.renew().await
    }

    /// Leaves it to whoever comes next.
    ///
    /// # Errors
    /// The registry.
    pub async fn leave(&self) -> Result<(), ConductError> {
        self.ticker.abort();
        let (id, holder) = (self.keeper.id.clone(), self.keeper.seat.holder.clone());
        let left = self
            .keeper
            .archive
            .with(move |registry| registry.leave_seat(&id, &holder));
        Ok(left.await?)
    }
}

impl Drop for Chair {
    fn drop(&mut self) {
        self.ticker.abort();
    }
}
