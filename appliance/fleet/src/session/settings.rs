//! What a session is born with.

use std::time::Duration;

use jiff::Timestamp;
use rand::RngExt;
use rand::rngs::StdRng;
use ulid::Ulid;

use crate::contract::{Clock, Code, DeviceId, Envelope, Id, Metadata, OnlineReason, Tenant, VERSION, Verb};

/// What time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since this start of the box; never goes back, and counts while the machine sleeps.
    pub up_ms: u64,
    /// The time of day, where there is a clock.
    pub wall: Option<Timestamp>,
    /// What that is worth.
    pub clock: Clock,
}

impl Now {
    /// The time of day; none while the clock is not to be trusted.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        self.wall.filter(|_| self.clock == Clock::Sync)
    }

    /// Of a message that is made now, the `seq`th of its kind in this `boot`.
    pub fn envelope(&self, chance: &mut StdRng, boot: &str, seq: u64) -> Envelope {
        let ts = self.wall.unwrap_or(Timestamp::UNIX_EPOCH);
        let born_ms = u64::try_from(ts.as_millisecond()).unwrap_or(0);
        Envelope {
            v: VERSION,
            id: Id(Ulid::from_parts(born_ms, chance.random::<u128>())),
            ts,
            clk: self.wall.map_or(Clock::None, |_| self.clock),
            boot: boot.to_owned(),
            up_ms: self.up_ms,
            seq,
        }
    }
}

/// Ties an answer to its question: a publication to its PUBACK, records to the word of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

/// Ties a PUBACK to the message that it is for. The link chooses it; within a connection it is unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Receipt(pub u64);

/// Who the box is.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Its organisation.
    pub tenant: Tenant,
    /// Its name.
    pub device: DeviceId,
    /// Changes at each start; 8 to 36 characters.
    pub boot: String,
    /// Why it starts: [`OnlineReason::Boot`] or [`OnlineReason::Update`].
    pub reason: OnlineReason,
    /// What it is. Commands that do not stand in it are refused.
    pub metadata: Metadata,
    /// Over how long connections are spread, as long as the fleet has said nothing.
    pub spread: Duration,
}

impl Settings {
    /// [`Settings::spread`], where nobody has measured.
    pub const SPREAD: Duration = Duration::from_secs(30);
}

/// Knows whose word counts. A signed document is a JWS (RFC 7515) around its exact bytes.
pub trait Verifier: Send + Sync {
    /// The document in a signed payload, whoever signed it; none: the payload is no signed document.
    fn document(&self, payload: &[u8]) -> Option<Vec<u8>>;

    /// Who signed that document, if that signature holds and its scope (tenant, site, verb) includes this box. Certificates
    /// of signers are judged by `now`, as far as its clock can be trusted.
    ///
    /// # Errors
    /// [`Code::BadSignature`]; [`Code::NotAuthorised`]: outside its scope.
    fn verify(&self, payload: &[u8], verb: Verb, now: &Now) -> Result<String, Code>;
}
