//! From a payload to a document whose signature holds.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::settings::{Now, Verifier};
use crate::contract::{Code, Message, Refusal, Verb, max_signed_bytes, parse};

/// Why there is none.
pub enum Unsigned {
    /// Nobody who may has signed it: nothing in it counts.
    Forged(Code),
    /// Somebody has, but it cannot be read. Its revision, where that can.
    Unreadable(Refusal, Option<u64>),
}

#[derive(serde::Deserialize)]
struct Rev {
    rev: u64,
}

impl Unsigned {
    /// In one word.
    pub fn code(self) -> Code {
        match self {
            Unsigned::Forged(code) => code,
            Unsigned::Unreadable(refusal, _) => refusal.code,
        }
    }
}

/// Checks first, then reads.
///
/// # Errors
/// [`Unsigned`].
pub fn read<T: DeserializeOwned>(
    verifier: &Arc<dyn Verifier>,
    payload: &[u8],
    verb: Verb,
    now: &Now,
) -> Result<Message<T>, Unsigned> {
    let max_bytes = verb.max_bytes();
    if payload.len() > max_signed_bytes(max_bytes) {
        return Err(Unsigned::Forged(Code::TooLarge));
    }
    let document = verifier.document(payload).ok_or(Unsigned::Forged(Code::BadSignature))?;
    let signer = verifier.verify(payload, verb, now).map_err(Unsigned::Forged)?;
    tracing::debug!(?verb, signer, "a signed document");
    Message::parse(&document, max_bytes).map_err(|refusal| {
        let rev = parse::<Rev>(&document, max_bytes).ok().map(|document| document.rev);
        Unsigned::Unreadable(refusal, rev)
    })
}
