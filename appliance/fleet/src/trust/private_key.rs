//! A private key, wherever it is: what a box and those who manage it do with one.

use std::fmt;
use std::sync::Arc;

use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private, Public};
use openssl::sign::Signer;
use openssl::x509::X509Ref;

use super::keys::KeyError;

/// A private key that may never be seen, only used. Certificate requests, signed documents and TLS need no more of it.
pub trait PrivateKey: fmt::Debug + Send + Sync {
    /// Its public half.
    ///
    /// # Errors
    /// [`KeyError`].
    fn public(&self) -> Result<PKey<Public>, KeyError>;

    /// A signature of these bytes by ECDSA with SHA-256: `ECDSA-Sig-Value`, DER (RFC 3279 §2.2.3). May block for as long as a TPM
    /// takes, up to a second.
    ///
    /// # Errors
    /// [`KeyError`].
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError>;
}

impl PrivateKey for PKey<Private> {
    fn public(&self) -> Result<PKey<Public>, KeyError> {
        Ok(PKey::public_key_from_der(&self.public_key_to_der()?)?)
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        Ok(Signer::new(MessageDigest::sha256(), self)?.sign_oneshot_to_vec(message)?)
    }
}

impl PrivateKey for Arc<dyn PrivateKey> {
    fn public(&self) -> Result<PKey<Public>, KeyError> {
        (**self).public()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        (**self).sign(message)
    }
}

/// Whether a certificate is for this key.
///
/// # Errors
/// [`KeyError`].
pub fn certifies(certificate: &X509Ref, key: &dyn PrivateKey) -> Result<bool, KeyError> {
    Ok(certificate.public_key()?.public_eq(&*key.public()?))
}
