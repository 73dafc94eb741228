//! The roots that a box trusts.

use std::fmt;

use jiff::Timestamp;
use openssl::error::ErrorStack;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{X509, X509KeyUsage, X509PurposeId, X509Ref, X509StoreContext};

use crate::contract::{MAX_CHAIN, SignatureError};

/// Roots at one time: the one that goes, the one that comes, and a few that a careful organisation keeps in reserve.
pub const MAX_ROOTS: usize = 8;
/// OpenSSL's security level of certificates: keys and hashes of 112 bits and more, no SHA-1.
const LEVEL: i32 = 2;

/// `X509_V_ERR_CERT_NOT_YET_VALID` and `X509_V_ERR_CERT_HAS_EXPIRED` (openssl-verify(1)).
const NOT_YET_VALID: i32 = 9;
const HAS_EXPIRED: i32 = 10;

/// Why a set of roots is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError {
    /// None, or more than [`MAX_ROOTS`].
    #[error("{0} roots; 1 to {MAX_ROOTS} are allowed")]
    Count(usize),
    /// A certificate that is not its own issuer, or may issue nothing.
    #[error("a certificate is no root")]
    NoRoot,
    /// It cannot be read.
    #[error("a certificate cannot be read: {0}")]
    Unreadable(String),
}

impl From<ErrorStack> for AnchorError {
    fn from(error: ErrorStack) -> Self {
        AnchorError::Unreadable(error.to_string())
    }
}

/// The roots that are trusted.
#[derive(Clone)]
pub struct Anchors {
    roots: Vec<X509>,
}

impl fmt::Debug for Anchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.roots.iter().map(|root| common_name(root));
        f.debug_list().entries(names).finish()
    }
}

impl Anchors {
    /// These roots.
    ///
    /// # Errors
    /// [`AnchorError`].
    pub fn new(roots: Vec<X509>) -> Result<Self, AnchorError> {
        if roots.is_empty() || roots.len() > MAX_ROOTS {
            return Err(AnchorError::Count(roots.len()));
        }
        for root in &roots {
            let own = root.public_key().is_ok_and(|key| root.verify(&key).unwrap_or(false));
            let issues = root
                .key_usage()
                .is_some_and(|usage| usage.contains(X509KeyUsage::KEY_CERT_SIGN));
            if !own || !issues {
                return Err(AnchorError::NoRoot);
            }
        }
        Ok(Self { roots })
    }

    /// As they stand in a file, one after the other.
    ///
    /// # Errors
    /// [`AnchorError`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, AnchorError> {
        Self::new(X509::stack_from_pem(pem)?)
    }

    /// For a file.
    ///
    /// # Errors
    /// The cryptographic library cannot.
    pub fn to_pem(&self) -> Result<Vec<u8>, ErrorStack> {
        let all = self
            .roots
            .iter()
            .map(|root| root.to_pem())
            .collect::<Result<Vec<_>, _>>()?;
        Ok(all.concat())
    }

    /// The certificates.
    #[must_use]
    pub fn roots(&self) -> &[X509] {
        &self.roots
    }

    /// The way from a certificate to one of the roots, which is the last. `now` is none while the clock is not to be trusted:
    /// then times are not looked at. `purpose`: what the certificate must be allowed to be used for.
    ///
    /// # Errors
    /// [`SignatureError::Untrusted`], [`SignatureError::OutOfTime`].
    pub fn path(
        &self,
        leaf: &X509Ref,
        between: &[X509],
        purpose: Option<X509PurposeId>,
        now: Option<Timestamp>,
    ) -> Result<Vec<X509>, SignatureError> {
        let mut store = X509StoreBuilder::new()?;
        for root in &self.roots {
            store.add_cert(root.clone())?;
        }
        let mut parameters = X509VerifyParam::new()?;
        match now {
            Some(now) => parameters.set_time(now.as_second()),
            None => parameters.set_flags(X509VerifyFlags::NO_CHECK_TIME)?,
        }
        parameters.set_auth_level(LEVEL);
        parameters.set_depth(i32::try_from(MAX_CHAIN).unwrap_or(i32::MAX));
        if let Some(purpose) = purpose {
            parameters.set_purpose(purpose)?;
        }
        store.set_param(&parameters)?;
        let store = store.build();
        let mut others = Stack::new()?;
        for certificate in between {
            others.push(certificate.clone())?;
        }
        let mut context = X509StoreContext::new()?;
        let (good, why, path) = context.init(&store, leaf, &others, |context| {
            let good = context.verify_cert()?;
            let path = context.chain().into_iter().flatten().map(X509Ref::to_owned);
            Ok((good, context.error(), path.collect()))
        })?;
        match (good, why.as_raw()) {
            (true, _) => Ok(path),
            (false, HAS_EXPIRED | NOT_YET_VALID) => Err(SignatureError::OutOfTime(why.error_string().to_owned())),
            (false, _) => Err(SignatureError::Untrusted(why.error_string().to_owned())),
        }
    }
}

/// CN of a certificate's subject, or nothing.
#[must_use]
pub fn common_name(certificate: &X509Ref) -> String {
    subject(certificate, openssl::nid::Nid::COMMONNAME)
}

/// A part of a certificate's subject, or nothing.
pub(crate) fn subject(certificate: &X509Ref, part: openssl::nid::Nid) -> String {
    let entry = certificate.subject_name().entries_by_nid(part).next();
    entry
        .and_then(|entry| entry.data().to_string().ok())
        .unwrap_or_default()
}
