//! Whether a signed document is for this box, and from somebody who may ask for what it says.

use jiff::Timestamp;
use openssl::x509::{X509, X509Ref};

use super::anchors::{Anchors, common_name};
use crate::contract::{DeviceId, Grant, SignatureError, Site, Tenant, UncheckedDocument, Verb};

/// What a box takes signed documents by.
#[derive(Debug, Clone)]
pub struct TrustedDocuments {
    /// Roots of signers.
    pub anchors: Anchors,
    /// Whose box it is.
    pub tenant: Tenant,
    /// Which box it is.
    pub device: DeviceId,
    /// Where it stands.
    pub site: Site,
}

/// A document whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedDocument {
    /// The exact bytes that were signed.
    pub payload: Vec<u8>,
    /// Common name of the signer, for the audit.
    pub signer: String,
}

impl TrustedDocuments {
    /// Checks what was published for this verb. `now`: none while the clock is not to be trusted.
    ///
    /// Every certificate up to the root must grant the verb, so that nobody hands out more than they have.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn check(&self, text: &[u8], verb: Verb, now: Option<Timestamp>) -> Result<SignedDocument, SignatureError> {
        let document = UncheckedDocument::read(text, verb.max_bytes())?;
        let signer = document.signer()?;
        let path = self.anchors.path(signer, &document.chain[1..], None, now)?;
        let granted = |certificate: &X509| {
            let mut grants = grants(certificate).into_iter();
            grants.any(|grant| grant.allows(&self.tenant, &self.site, verb))
        };
        let in_scope = match path.split_last() {
            Some((_root, below)) => !below.is_empty() && below.iter().all(granted),
            None => false,
        };
        let here = document.audience == verb.topic(&self.tenant, &self.device);
        let signed = SignedDocument {
            signer: common_name(signer),
            payload: document.payload()?,
        };
        match (here, in_scope) {
            (true, true) => Ok(signed),
            (false, _) => Err(SignatureError::Elsewhere),
            (true, false) => Err(SignatureError::OutOfScope),
        }
    }
}

/// What a certificate grants. What this release does not understand grants nothing.
pub(super) fn grants(certificate: &X509Ref) -> Vec<Grant> {
    let names = certificate.subject_alt_names();
    let uris = names.iter().flatten();
    uris.filter_map(|name| name.uri()?.parse().ok()).collect()
}
