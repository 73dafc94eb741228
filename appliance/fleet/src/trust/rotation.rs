//! One root follows another. A box that was off meanwhile knows the old one alone; so signers and brokers under the new root
//! show, as long as such a box may come back, the new root as the old one signed it (RFC 4210 §4.4), and the `trust` document
//! carries the same proof.

use jiff::Timestamp;
use openssl::x509::{X509, X509KeyUsage, X509Ref};

use super::anchors::{AnchorError, Anchors};
use super::documents::grants;
use crate::contract::{Grant, Tenant, TrustDocument, TrustDocumentError};

/// Why a `trust` document is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] TrustDocumentError),
    /// Its roots are none, or too many.
    #[error(transparent)]
    Anchors(#[from] AnchorError),
    /// No root that is trusted has signed this one.
    #[error("/roots/{0}: no trusted root has signed it")]
    Stranger(usize),
}

impl RotationError {
    /// JSON pointer into the document.
    #[must_use]
    pub fn pointer(&self) -> String {
        match self {
            RotationError::Unreadable(error) => error.pointer.clone(),
            RotationError::Anchors(_) => "/roots".into(),
            RotationError::Stranger(index) => format!("/roots/{index}"),
        }
    }
}

impl Anchors {
    /// What a box of this tenant trusts after the document.
    ///
    /// Only what was given everything can be made a root: else whoever signs one thing, or issues certificates of boxes, would
    /// make themselves one.
    ///
    /// # Errors
    /// [`RotationError`]; nothing has changed then.
    pub fn follow(
        &self,
        document: &TrustDocument,
        tenant: &Tenant,
        now: Option<Timestamp>,
    ) -> Result<Anchors, RotationError> {
        let (roots, crossed) = document.certificates()?;
        for (index, root) in roots.iter().enumerate() {
            if !self.knows(root)
                && !crossed
                    .iter()
                    .any(|proof| self.proves(proof, root, &crossed, tenant, now))
            {
                return Err(RotationError::Stranger(index));
            }
        }
        Ok(Anchors::new(roots)?)
    }

    fn knows(&self, root: &X509Ref) -> bool {
        let der = root.to_der().ok();
        self.roots().iter().any(|known| known.to_der().ok() == der)
    }

    /// True when this certificate says, under a trusted root, that the key of the new one is a root's.
    fn proves(
        &self,
        proof: &X509Ref,
        root: &X509Ref,
        crossed: &[X509],
        tenant: &Tenant,
        now: Option<Timestamp>,
    ) -> bool {
        let same_key = match (proof.public_key(), root.public_key()) {
            (Ok(proof), Ok(root)) => proof.public_eq(&root),
            _ => false,
        };
        let same_name = proof
            .subject_name()
            .try_cmp(root.subject_name())
            .is_ok_and(std::cmp::Ordering::is_eq);
        let everything = |certificate: &X509Ref| {
            let issues = certificate
                .key_usage()
                .is_some_and(|usage| usage.contains(X509KeyUsage::KEY_CERT_SIGN));
            issues
                && certificate.pathlen().is_none()
                && grants(certificate).contains(&Grant::everything(tenant.clone()))
        };
        let path = || self.path(proof, crossed, None, now);
        same_key
            && same_name
            && path().is_ok_and(|path| {
                path.split_last()
                    .is_some_and(|(_, below)| below.iter().all(|one| everything(one)))
            })
    }
}
