//! Signed documents: a compact JWS (RFC 7515) around the exact bytes. ES256 and nothing else; the header carries the signer's
//! certificates and the topic that the document was made for, so that it is worth nothing on another one.
//!
//! Here is the form and the arithmetic. Whether a signer is trusted, and for what, is up to [`crate::trust`].

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, PKey, PKeyRef};
use openssl::sha::sha256;
use openssl::x509::{X509, X509Ref};
use serde::{Deserialize, Serialize};

use super::code::Code;
use super::json;
use crate::trust::{KeyError, PrivateKey};

/// Certificates in a header: the signer and those between it and a root.
pub const MAX_CHAIN: usize = 4;
/// Longest header, bytes after decoding.
const MAX_HEADER: usize = 8 * 1024;
/// Half of a signature, bytes.
const HALF: usize = 32;
/// `alg`.
const ALGORITHM: &str = "ES256";
/// `typ`: no JWS that was made for anything else is taken for one of ours.
const TYPE: &str = "hemicycle+jws";

/// Why a signed document is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Above the limit of its topic, or with a header above ours.
    #[error("too large")]
    TooLarge,
    /// No JWS of ours.
    #[error("no signed document: {0}")]
    Malformed(String),
    /// A certificate's time is over or has not come.
    #[error("the signer's certificate is out of its time: {0}")]
    OutOfTime(String),
    /// No trusted root is behind the certificate.
    #[error("the signer is not trusted: {0}")]
    Untrusted(String),
    /// The signature is not the signer's, or not of these bytes.
    #[error("the signature is wrong")]
    Wrong,
    /// It was made for another topic.
    #[error("it is for another topic")]
    Elsewhere,
    /// The signer may not ask for this here.
    #[error("the signer may not do this here")]
    OutOfScope,
    /// The cryptographic library could not.
    #[error("cryptography: {0}")]
    Library(String),
    /// Our own key could not.
    #[error("{0}")]
    Key(String),
}

impl SignatureError {
    /// In the contract's word.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            SignatureError::TooLarge => Code::TooLarge,
            SignatureError::Elsewhere | SignatureError::OutOfScope => Code::NotAuthorised,
            SignatureError::OutOfTime(_) => Code::Expired,
            SignatureError::Library(_) | SignatureError::Key(_) => Code::Internal,
            SignatureError::Malformed(_) | SignatureError::Untrusted(_) | SignatureError::Wrong => Code::BadSignature,
        }
    }
}

impl From<ErrorStack> for SignatureError {
    fn from(error: ErrorStack) -> Self {
        SignatureError::Library(error.to_string())
    }
}

impl From<KeyError> for SignatureError {
    fn from(error: KeyError) -> Self {
        SignatureError::Key(error.to_string())
    }
}

fn malformed(cause: &str) -> SignatureError {
    SignatureError::Malformed(cause.to_owned())
}

/// Longest signed document, bytes, around one of at most `max_bytes`.
#[must_use]
pub const fn max_signed_bytes(max_bytes: usize) -> usize {
    base64_bytes(MAX_HEADER) + base64_bytes(max_bytes) + base64_bytes(2 * HALF) + 2
}

const fn base64_bytes(bytes: usize) -> usize {
    bytes.saturating_mul(4).div_ceil(3)
}

#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    typ: String,
    /// Of the signer's public key, hexadecimal SHA-256: what an administrator compares.
    kid: String,
    /// Topic.
    aud: String,
    x5c: Vec<String>,
}

/// Hexadecimal SHA-256 of a public key as it stands in certificates (SubjectPublicKeyInfo, RFC 5280 §4.1.2.7).
///
/// # Errors
/// The cryptographic library cannot.
pub fn key_id<T: HasPublic>(key: &PKeyRef<T>) -> Result<String, ErrorStack> {
    let hash = sha256(&key.public_key_to_der()?);
    Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// True for the kind of key that signs: P-256 (RFC 7518 §3.4).
#[must_use]
pub fn is_p256<T: HasPublic>(key: &PKeyRef<T>) -> bool {
    key.ec_key()
        .is_ok_and(|key| key.group().curve_name() == Some(Nid::X9_62_PRIME256V1))
}

/// Whoever signs.
pub struct Signer {
    key: Arc<dyn PrivateKey>,
    key_id: String,
    chain: Vec<String>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// With a P-256 key, and the chain from its certificate up to, but without, the root.
    ///
    /// # Errors
    /// The key is of another kind, is not that of the first certificate, or the chain is longer than [`MAX_CHAIN`].
    pub fn new(key: Arc<dyn PrivateKey>, chain: &[X509]) -> Result<Self, SignatureError> {
        let leaf = chain.first().ok_or_else(|| malformed("there is no certificate"))?;
        let public = key.public()?;
        if !leaf.public_key()?.public_eq(&public) {
            return Err(malformed("the key is not that of the certificate"));
        }
        if !is_p256(&public) {
            return Err(malformed("the key is not of P-256"));
        }
        if chain.len() > MAX_CHAIN {
            return Err(malformed("the chain is too long"));
        }
        let chain = chain
            .iter()
            .map(|certificate| Ok(STANDARD.encode(certificate.to_der()?)))
            .collect::<Result<_, ErrorStack>>()?;
        Ok(Self {
            key_id: key_id(&public)?,
            key,
            chain,
        })
    }

    /// Signs these bytes for this topic.
    ///
    /// # Errors
    /// The header gets too long, or the key cannot.
    pub fn sign(&self, topic: &str, payload: &[u8]) -> Result<String, SignatureError> {
        let header = Header {
            alg: ALGORITHM.into(),
            typ: TYPE.into(),
            kid: self.key_id.clone(),
            aud: topic.into(),
            x5c: self.chain.clone(),
        };
        let header = serde_json::to_vec(&header).map_err(|error| SignatureError::Malformed(error.to_string()))?;
        if header.len() > MAX_HEADER {
            return Err(SignatureError::TooLarge);
        }
        let mut text = URL_SAFE_NO_PAD.encode(header);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut text);
        let signature = EcdsaSig::from_der(&self.key.sign(text.as_bytes())?)?;
        let half = |number: &openssl::bn::BigNumRef| number.to_vec_padded(HALF as i32);
        let signature = [half(signature.r())?, half(signature.s())?].concat();
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut text);
        Ok(text)
    }
}

/// A signed document as it came; whether it counts is up to [`crate::trust`].
pub struct UncheckedDocument {
    /// Topic that it was made for, as it says.
    pub(crate) audience: String,
    /// Signer first.
    pub(crate) chain: Vec<X509>,
    signed: [u8; HALF],
    signature: EcdsaSig,
    payload: Vec<u8>,
}

impl fmt::Debug for UncheckedDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UncheckedDocument")
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

impl UncheckedDocument {
    /// Reads a document of at most `max_bytes` inside its signature.
    ///
    /// # Errors
    /// [`SignatureError::TooLarge`], [`SignatureError::Malformed`].
    pub fn read(text: &[u8], max_bytes: usize) -> Result<Self, SignatureError> {
        if text.len() > max_signed_bytes(max_bytes) {
            return Err(SignatureError::TooLarge);
        }
        let text = std::str::from_utf8(text).map_err(|_| malformed("it is no text"))?;
        let (signing_input, signature) = text.rsplit_once('.').ok_or_else(|| malformed("it has no parts"))?;
        let (header, payload) = signing_input
            .split_once('.')
            .ok_or_else(|| malformed("it has two parts"))?;
        let decoded = |part: &str| {
            URL_SAFE_NO_PAD
                .decode(part)
                .map_err(|_| malformed("a part is not base64url"))
        };
        let header = read_header(&decoded(header)?)?;
        let payload = decoded(payload)?;
        if payload.len() > max_bytes {
            return Err(SignatureError::TooLarge);
        }
        let signature = decoded(signature)?;
        if signature.len() != 2 * HALF {
            return Err(malformed("the signature has not its length"));
        }
        let (r, s) = signature.split_at(HALF);
        let chain = header
            .x5c
            .iter()
            .map(|text| certificate(text))
            .collect::<Result<Vec<_>, _>>()?;
        let document = Self {
            audience: header.aud,
            chain,
            signed: sha256(signing_input.as_bytes()),
            signature: EcdsaSig::from_private_components(BigNum::from_slice(r)?, BigNum::from_slice(s)?)?,
            payload,
        };
        if key_id(&*document.key()?)? != header.kid {
            return Err(malformed("`kid` is not the signer's"));
        }
        Ok(document)
    }

    /// The document, whoever has signed it. Nothing in it counts before it was checked.
    #[must_use]
    pub fn unchecked(&self) -> &[u8] {
        &self.payload
    }

    /// Of whoever claims to have signed.
    pub(crate) fn signer(&self) -> Result<&X509Ref, SignatureError> {
        let first = self.chain.first().map(|certificate| &**certificate);
        first.ok_or_else(|| malformed("there is no certificate"))
    }

    fn key(&self) -> Result<PKey<openssl::pkey::Public>, SignatureError> {
        self.signer()?
            .public_key()
            .map_err(|_| malformed("the key of the certificate is none"))
    }

    /// The exact bytes that were signed, when the key of the first certificate has signed them.
    pub(crate) fn payload(self) -> Result<Vec<u8>, SignatureError> {
        let key = self.key()?;
        if !is_p256(&key) {
            return Err(malformed("the key is not of P-256"));
        }
        match self.signature.verify(&self.signed, &*key.ec_key()?) {
            Ok(true) => Ok(self.payload),
            Ok(false) | Err(_) => Err(SignatureError::Wrong),
        }
    }
}

fn read_header(header: &[u8]) -> Result<Header, SignatureError> {
    let refused = |refusal: json::Refusal| match refusal.code {
        Code::TooLarge => SignatureError::TooLarge,
        _ => SignatureError::Malformed(refusal.to_string()),
    };
    let value = json::value(header, MAX_HEADER).map_err(refused)?;
    // No extension is known here (RFC 7515 §4.1.11).
    if value.get("crit").is_some() {
        return Err(malformed("it wants an extension"));
    }
    let header: Header = json::typed(&value).map_err(refused)?;
    if header.alg != ALGORITHM || header.typ != TYPE {
        return Err(malformed("it is of another algorithm or type"));
    }
    if header.x5c.is_empty() || header.x5c.len() > MAX_CHAIN {
        return Err(malformed("it has no certificates, or too many"));
    }
    Ok(header)
}

fn certificate(text: &str) -> Result<X509, SignatureError> {
    let der = STANDARD
        .decode(text)
        .map_err(|_| malformed("a certificate is not base64"))?;
    X509::from_der(&der).map_err(|_| malformed("a certificate is none"))
}
