//! Whoever writes documents: their stamp and their signature.

use std::time::Instant;

use fleet::contract::{Clock, Envelope, Id, Message, SignatureError, Signer, VERSION};
use jiff::Timestamp;
use serde::Serialize;
use ulid::Ulid;

/// An administrator at work.
pub struct Author {
    /// As it stands in `issued_by` and `actor`.
    pub name: String,
    signer: Option<Signer>,
    boot: String,
    born: Instant,
    seq: u64,
}

/// Why a document cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum AuthorError {
    /// There is no key to sign with.
    #[error("this has to be signed, and there is no key for that here")]
    NoKey,
    /// It cannot be signed.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// It cannot be written as JSON.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

impl Author {
    /// Begins to work.
    #[must_use]
    pub fn new(name: impl Into<String>, signer: Option<Signer>) -> Self {
        Self {
            name: name.into(),
            signer,
            boot: Ulid::generate().to_string(),
            born: Instant::now(),
            seq: 0,
        }
    }

    /// A document with its stamp.
    pub fn stamp<T>(&mut self, body: T) -> Message<T> {
        self.seq += 1;
        Message {
            envelope: Envelope {
                v: VERSION,
                id: Id(Ulid::generate()),
                ts: Timestamp::now(),
                clk: Clock::Sync,
                boot: self.boot.clone(),
                up_ms: u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX),
                seq: self.seq,
            },
            body,
        }
    }

    /// Signed for a topic, as it is published.
    ///
    /// # Errors
    /// [`AuthorError`].
    pub fn signed<T: Serialize>(&self, topic: &str, message: &Message<T>) -> Result<String, AuthorError> {
        let signer = self.signer.as_ref().ok_or(AuthorError::NoKey)?;
        Ok(signer.sign(topic, &serde_json::to_vec(message)?)?)
    }
}
