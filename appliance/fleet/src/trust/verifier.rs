//! [`TrustedDocuments`] as the session wants it.

use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use jiff::Timestamp;
use serde_json::Value;

use super::anchors::Anchors;
use super::documents::TrustedDocuments;
use super::rotation::RotationError;
use crate::contract::{Channel, Code, TrustDocument, UncheckedDocument, Verb, parse};
use crate::session::{Now, Verifier};

/// What a box takes signed documents by, while that changes.
#[derive(Debug)]
pub struct DocumentVerifier {
    trusted: RwLock<TrustedDocuments>,
}

impl DocumentVerifier {
    /// With what was kept.
    #[must_use]
    pub fn new(trusted: TrustedDocuments) -> Self {
        Self {
            trusted: RwLock::new(trusted),
        }
    }

    /// Trusts what came with another certificate, from now on.
    pub fn replace(&self, trusted: TrustedDocuments) {
        *self.trusted.write().unwrap_or_else(PoisonError::into_inner) = trusted;
    }

    /// The roots.
    #[must_use]
    pub fn anchors(&self) -> Anchors {
        self.trusted().anchors.clone()
    }

    /// Trusts what the `trust` document of a configuration says, from now on. The roots, to be kept.
    ///
    /// # Errors
    /// [`RotationError`]; nothing has changed then.
    pub fn follow(&self, document: &TrustDocument, now: &Now) -> Result<Anchors, RotationError> {
        let mut trusted = self.trusted.write().unwrap_or_else(PoisonError::into_inner);
        trusted.anchors = trusted.anchors.follow(document, &trusted.tenant, now.time())?;
        Ok(trusted.anchors.clone())
    }

    fn trusted(&self) -> RwLockReadGuard<'_, TrustedDocuments> {
        self.trusted.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Verifier for DocumentVerifier {
    fn document(&self, payload: &[u8]) -> Option<Vec<u8>> {
        let most = Channel::ConfigDesired.rules().max_bytes;
        let document = UncheckedDocument::read(payload, most).ok()?;
        Some(document.unchecked().to_vec())
    }

    fn verify(&self, payload: &[u8], verb: Verb, now: &Now) -> Result<String, Code> {
        let trusted = self.trusted();
        let signed = trusted.check(payload, verb, now.time()).map_err(|error| error.code())?;
        if verb == Verb::Configure {
            still_trusted(&trusted, payload, &signed.payload, now.time())?;
        }
        Ok(signed.signer)
    }
}

/// A configuration after which its own signer would be a stranger locks everybody out; it is refused. A `trust` document that
/// cannot be followed is not judged here: whoever applies the configuration says what is wrong with it.
fn still_trusted(trusted: &TrustedDocuments, text: &[u8], document: &[u8], now: Option<Timestamp>) -> Result<(), Code> {
    let most = Channel::ConfigDesired.rules().max_bytes;
    let value = parse::<Value>(document, most).map_err(|refusal| refusal.code)?;
    let wanted = value
        .pointer("/cfg/trust")
        .and_then(|trust| serde_json::from_value::<TrustDocument>(trust.clone()).ok());
    let followed = wanted.and_then(|wanted| trusted.anchors.follow(&wanted, &trusted.tenant, now).ok());
    let Some(anchors) = followed else { return Ok(()) };
    let after = TrustedDocuments {
        anchors,
        ..trusted.clone()
    };
    match after.check(text, Verb::Configure, now) {
        Ok(_) => Ok(()),
        Err(_) => Err(Code::Precondition),
    }
}
