//! Secrets in a configuration: compact JWE (RFC 7516) to a key that a box uses for nothing else. ECDH-ES over P-256
//! (RFC 7518 §4.6) with A256GCM (§5.3), and nothing else.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::{BigNum, BigNumContext, BigNumRef};
use openssl::derive::Deriver;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, PKey, PKeyRef, Private, Public};
use openssl::rand::rand_bytes;
use openssl::sha::Sha256;
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};
use serde::{Deserialize, Serialize};

use super::configuration::Secret;
use super::json;
use super::signature::{is_p256, key_id};

/// Longest secret, bytes.
pub const MAX_SECRET: usize = 4_096;
/// Longest header, bytes after decoding.
const MAX_HEADER: usize = 1_024;
/// Longest secret as it travels, bytes.
const MAX_JWE: usize = 8_192;
/// A coordinate of P-256, bytes.
const COORDINATE: usize = 32;
/// Nonce and tag of A256GCM, bytes.
const NONCE: usize = 12;
const TAG: usize = 16;
const AGREEMENT: &str = "ECDH-ES";
const ENCRYPTION: &str = "A256GCM";

/// A secret that a box knows what to do with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretName {
    /// `jitsi.token`: lets the box into the rooms of the configured service (RFC 7519).
    JitsiToken,
    /// `net.proxy_password`: of the user in `/net/proxy`.
    ProxyPassword,
}

impl SecretName {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::JitsiToken, Self::ProxyPassword];

    /// As it stands in `secrets`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JitsiToken => "jitsi.token",
            Self::ProxyPassword => "net.proxy_password",
        }
    }

    /// The secret of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }
}

/// Why a secret cannot be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Above a limit.
    #[error("too large")]
    TooLarge,
    /// No JWE of ours.
    #[error("no sealed secret: {0}")]
    Malformed(&'static str),
    /// It was sealed for another key.
    #[error("it is sealed for another key")]
    OtherKey,
    /// Somebody changed it.
    #[error("it is not what was sealed")]
    Wrong,
    /// The cryptographic library could not.
    #[error("cryptography: {0}")]
    Library(String),
}

impl From<ErrorStack> for SealError {
    fn from(error: ErrorStack) -> Self {
        SealError::Library(error.to_string())
    }
}

/// A public key of P-256 (RFC 7517, RFC 7518 §6.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    kty: String,
    crv: String,
    x: String,
    y: String,
}

/// What everybody can read of a sealed secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    alg: String,
    enc: String,
    epk: Jwk,
    /// Of the key that opens it: hexadecimal SHA-256, as in signed documents.
    pub kid: String,
    /// By which whoever sealed it knows the value again; says nothing to anybody else.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mark: String,
}

impl Jwk {
    /// Of a key.
    ///
    /// # Errors
    /// It is of another kind.
    pub fn of<T: HasPublic>(key: &PKeyRef<T>) -> Result<Self, SealError> {
        if !is_p256(key) {
            return Err(SealError::Malformed("the key is not of P-256"));
        }
        let key = key.ec_key()?;
        let (mut x, mut y, mut context) = (BigNum::new()?, BigNum::new()?, BigNumContext::new()?);
        key.public_key()
            .affine_coordinates(key.group(), &mut x, &mut y, &mut context)?;
        let written = |number: &BigNumRef| {
            let bytes = number.to_vec_padded(COORDINATE as i32)?;
            Ok::<_, ErrorStack>(URL_SAFE_NO_PAD.encode(bytes))
        };
        Ok(Self {
            kty: "EC".into(),
            crv: "P-256".into(),
            x: written(&x)?,
            y: written(&y)?,
        })
    }

    /// The key, whose point lies on its curve.
    ///
    /// # Errors
    /// [`SealError::Malformed`].
    pub fn key(&self) -> Result<PKey<Public>, SealError> {
        if self.kty != "EC" || self.crv != "P-256" {
            return Err(SealError::Malformed("the key is not of P-256"));
        }
        let read = |text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text).ok();
            bytes.filter(|bytes| bytes.len() == COORDINATE)
        };
        let (Some(x), Some(y)) = (read(&self.x), read(&self.y)) else {
            return Err(SealError::Malformed("a coordinate has not its length"));
        };
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let (x, y) = (BigNum::from_slice(&x)?, BigNum::from_slice(&y)?);
        let key = EcKey::from_public_key_affine_coordinates(&group, &x, &y);
        let key = key.map_err(|_| SealError::Malformed("the key is not on its curve"))?;
        Ok(PKey::from_ec_key(key)?)
    }
}

/// Concat KDF for one block of SHA-256 (NIST SP 800-56A, as RFC 7518 §4.6.2 uses it).
fn derived(shared: &[u8], algorithm: &str, parties: [&str; 2], bits: u32) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(&1_u32.to_be_bytes());
    hash.update(shared);
    for part in [algorithm, parties[0], parties[1]] {
        hash.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(&bits.to_be_bytes());
    hash.finish()
}

fn agreed<T: HasPublic>(own: &PKeyRef<Private>, other: &PKeyRef<T>) -> Result<[u8; 32], SealError> {
    let other = Jwk::of(other)?.key()?;
    let mut deriver = Deriver::new(own)?;
    deriver.set_peer(&other)?;
    Ok(derived(&deriver.derive_to_vec()?, ENCRYPTION, ["", ""], 256))
}

impl Secret {
    /// Seals a value so that only this key opens it. `mark`: see [`Label::mark`].
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal<T: HasPublic>(value: &str, to: &PKeyRef<T>, mark: &str) -> Result<Self, SealError> {
        if value.len() > MAX_SECRET {
            return Err(SealError::TooLarge);
        }
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let ephemeral = PKey::from_ec_key(EcKey::generate(&group)?)?;
        let label = Label {
            alg: AGREEMENT.into(),
            enc: ENCRYPTION.into(),
            epk: Jwk::of(&ephemeral)?,
            kid: key_id(to)?,
            mark: mark.into(),
        };
        let header = serde_json::to_vec(&label).map_err(|_| SealError::Malformed("the header cannot be written"))?;
        let header = URL_SAFE_NO_PAD.encode(header);
        let (mut nonce, mut tag) = ([0; NONCE], [0; TAG]);
        rand_bytes(&mut nonce)?;
        let key = agreed(&ephemeral, to)?;
        let (cipher, authenticated) = (Cipher::aes_256_gcm(), header.as_bytes());
        let sealed = encrypt_aead(cipher, &key, Some(&nonce), authenticated, value.as_bytes(), &mut tag)?;
        let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        // Direct agreement: there is no encrypted key (RFC 7518 §4.6).
        let jwe = format!("{header}..{}.{}.{}", encoded(&nonce), encoded(&sealed), encoded(&tag));
        Ok(Self { jwe })
    }

    fn parts(&self) -> Result<(&str, [Vec<u8>; 3]), SealError> {
        if self.jwe.len() > MAX_JWE {
            return Err(SealError::TooLarge);
        }
        let parts: Vec<&str> = self.jwe.split('.').collect();
        let [header, "", nonce, sealed, tag] = parts[..] else {
            return Err(SealError::Malformed("it has not five parts, the second of them empty"));
        };
        let decoded = |part: &str| {
            let decoded = URL_SAFE_NO_PAD.decode(part);
            decoded.map_err(|_| SealError::Malformed("a part is not base64url"))
        };
        Ok((header, [decoded(nonce)?, decoded(sealed)?, decoded(tag)?]))
    }

    /// What can be read of it without the key. Nobody vouches for it but the signature around the configuration.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn label(&self) -> Result<Label, SealError> {
        let (header, _) = self.parts()?;
        let header = URL_SAFE_NO_PAD.decode(header);
        let header = header.map_err(|_| SealError::Malformed("a part is not base64url"))?;
        let malformed = |_| SealError::Malformed("the header cannot be read");
        let value = json::value(&header, MAX_HEADER).map_err(malformed)?;
        // No extension is known here (RFC 7516 §4.1.13), and nothing is compressed.
        if value.get("crit").is_some() || value.get("zip").is_some() {
            return Err(SealError::Malformed("it wants an extension"));
        }
        let label: Label = json::typed(&value).map_err(malformed)?;
        if label.alg != AGREEMENT || label.enc != ENCRYPTION {
            return Err(SealError::Malformed("it is of another algorithm"));
        }
        Ok(label)
    }

    /// The value.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn open(&self, key: &PKeyRef<Private>) -> Result<String, SealError> {
        let label = self.label()?;
        if label.kid != key_id(key)? {
            return Err(SealError::OtherKey);
        }
        let (header, [nonce, sealed, tag]) = self.parts()?;
        if nonce.len() != NONCE || tag.len() != TAG || sealed.len() > MAX_SECRET {
            return Err(SealError::Malformed("a part has not its length"));
        }
        let agreed = agreed(key, &*label.epk.key()?)?;
        let cipher = Cipher::aes_256_gcm();
        let opened = decrypt_aead(cipher, &agreed, Some(&nonce), header.as_bytes(), &sealed, &tag);
        let opened = opened.map_err(|_| SealError::Wrong)?;
        String::from_utf8(opened).map_err(|_| SealError::Malformed("it is no text"))
    }
}

#[cfg(test)]
#[path = "sealed_tests.rs"]
mod tests;
