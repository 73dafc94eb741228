//! TLS 1.3 with both certificates: ours, and one that our own authority gave to the broker.
//!
//! `rustls` speaks it, because it asks for a signature where OpenSSL asks for a key: ours may be in a TPM, and OpenSSL's
//! provider for those takes the keys that are not in one away from the rest of the process (tpm2-openssl 1.1.1 with OpenSSL
//! 3.0). Who the broker is OpenSSL decides, as for every other certificate here (`server.rs`).

use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::x509::X509;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{ClientConfig, Error, OtherError, SignatureAlgorithm, SignatureScheme};

use super::server::Believed;
use crate::contract::is_p256;
use crate::trust::{KeyError, PrivateKey, certifies};

/// The protocol's name in ALPN, so that port 443 can be shared.
const ALPN: &[u8] = b"mqtt";

/// Who we are.
#[derive(Clone)]
pub struct Identity {
    /// Our certificate first, then those between it and the authority.
    pub chain: Vec<X509>,
    /// Its key, wherever that lives.
    pub key: Arc<dyn PrivateKey>,
}

/// Whom we believe.
#[derive(Clone)]
pub struct Trust {
    /// Our own authorities and nobody else: the system's are never read.
    pub authorities: Vec<X509>,
    /// Without a clock nobody can tell whether a certificate has run out, and a box must not wait for one to get it.
    pub clock_is_set: bool,
}

/// Why nobody can connect like this.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// Another key is certified.
    #[error("the key is not that of the certificate")]
    OtherKey,
    /// A key that cannot sign by ECDSA.
    #[error("the key is not of P-256")]
    NotP256,
    /// The key cannot even say its public half.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// OpenSSL cannot.
    #[error("cryptography: {0}")]
    Library(#[from] ErrorStack),
    /// TLS cannot.
    #[error("TLS: {0}")]
    Tls(#[from] Error),
}

/// What every connection of an identity shares.
///
/// # Errors
/// Key and certificate do not belong together, or TLS cannot be set up.
pub fn context(identity: &Identity, trust: &Trust) -> Result<Arc<ClientConfig>, ContextError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let believed = Believed::new(trust, provider.signature_verification_algorithms);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(believed));
    let mut config = match identity.chain.first() {
        None => builder.with_no_client_auth(),
        Some(own) => {
            if !certifies(own, &identity.key)? {
                return Err(ContextError::OtherKey);
            }
            if !is_p256(&*identity.key.public()?) {
                return Err(ContextError::NotP256);
            }
            let chain: Result<Vec<_>, ErrorStack> = identity.chain.iter().map(|each| each.to_der()).collect();
            let chain = chain?.into_iter().map(CertificateDer::from).collect();
            let hand = Arc::new(Hand(identity.key.clone()));
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, hand))))
        }
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    // A connection that is resumed shows no certificate: each one shall.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Signs for TLS.
#[derive(Debug)]
struct Hand(Arc<dyn PrivateKey>);

impl SigningKey for Hand {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let ours = offered.contains(&self.scheme());
        ours.then(|| Box::new(Self(self.0.clone())) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for Hand {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.0
            .sign(message)
            .map_err(|error| Error::Other(OtherError(Arc::new(error))))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
    }
}
