//! Values for one box alone: named by YAML, read from files or the environment, sealed to the key that the box showed.
//!
//! What is on the broker cannot be opened here. A mark in each sealed secret says whether it is still the one that is wanted: a
//! message authentication code with a key that administrators share and nobody else has, so that it says nothing else.

use std::collections::BTreeMap;
use std::fmt;

use fleet::contract::{DeviceId, Metadata, SealError, Secret, SecretName, SignatureError, Tenant};
use fleet::trust::Anchors;
use jiff::Timestamp;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Public};
use openssl::sign::Signer;
use serde_json::Value;

use crate::apply::Difference;

/// A value that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub(crate) String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

/// The values of a room, by name.
pub type Wanted = BTreeMap<SecretName, Hidden>;

/// The key of marks.
pub struct Marks([u8; 32]);

impl Marks {
    /// A new one.
    ///
    /// # Errors
    /// The cryptographic library cannot.
    pub fn new() -> Result<Self, ErrorStack> {
        let mut key = [0; 32];
        openssl::rand::rand_bytes(&mut key)?;
        Ok(Self(key))
    }

    /// As it was written.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.trim();
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut key = [0; 32];
        for (index, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16).ok()?;
        }
        Some(Self(key))
    }

    /// To be kept, in hexadecimal.
    #[must_use]
    pub fn to_text(&self) -> String {
        hexadecimal(&self.0) + "\n"
    }

    fn of(&self, device: &DeviceId, name: SecretName, value: &Hidden) -> Result<String, ErrorStack> {
        let key = PKey::hmac(&self.0)?;
        let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
        for part in [device.as_str(), name.as_str(), &value.0] {
            signer.update(part.as_bytes())?;
            signer.update(&[0])?;
        }
        Ok(hexadecimal(&signer.sign_to_vec()?))
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// With what an office seals.
pub struct Sealing {
    /// Whoever certifies boxes.
    pub certifiers: Anchors,
    /// Of the fleet.
    pub marks: Marks,
}

/// The secrets of a box, as they shall be published.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sealed {
    /// By name: what is the same stays as it was sealed.
    pub secrets: BTreeMap<String, Secret>,
    /// What changes, never what it is.
    pub differences: Vec<Difference>,
    /// The box has not shown its key: it gets these another time.
    pub waiting: Vec<SecretName>,
}

/// Why a box gets no secrets.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// What it, or somebody else, shows as its key is not.
    #[error("what stands on the broker as the key of {0} is not the box's own: {1}")]
    Stranger(DeviceId, SignatureError),
    /// Above the limit of the contract, or the cryptographic library cannot.
    #[error("{0}: {1}: {2}")]
    Seal(DeviceId, &'static str, SealError),
}

impl Sealing {
    /// Seals what is wanted for a box. `there`: what the broker has for it.
    ///
    /// # Errors
    /// [`SecretsError`].
    pub fn seal(
        &self,
        (tenant, device): (&Tenant, &DeviceId),
        wanted: &Wanted,
        meta: Option<&Metadata>,
        there: &BTreeMap<String, Secret>,
        now: Timestamp,
    ) -> Result<Sealed, SecretsError> {
        let mut sealed = Sealed::default();
        let gone = there
            .keys()
            .filter(|name| !wanted.keys().any(|kept| kept.as_str() == *name));
        sealed
            .differences
            .extend(gone.map(|name| difference(name, true, false)));
        if wanted.is_empty() {
            return Ok(sealed);
        }
        let statement = meta.and_then(|meta| meta.secrets_key.as_deref());
        let key = statement.map(|text| self.certifiers.check_secrets_key(tenant, device, text, Some(now)));
        let key = match key {
            Some(Ok(key)) => Some(key),
            // It is asked for another certificate before anything else.
            Some(Err(SignatureError::OutOfTime(_))) | None => None,
            Some(Err(error)) => return Err(SecretsError::Stranger(device.clone(), error)),
        };
        for (name, value) in wanted {
            let word = name.as_str();
            let failed = |error| SecretsError::Seal(device.clone(), word, error);
            let mark = self.marks.of(device, *name, value);
            let mark = mark.map_err(|error| failed(error.into()))?;
            let before = there.get(word);
            let same = before.is_some_and(|secret| is_the_same(secret, &mark, key.as_ref()));
            let next = match (&key, before) {
                (_, Some(before)) if same => before.clone(),
                (Some(key), _) => Secret::seal(&value.0, key, &mark).map_err(failed)?,
                (None, _) => {
                    sealed.waiting.push(*name);
                    if before.is_some() {
                        sealed.differences.push(difference(word, true, false));
                    }
                    continue;
                }
            };
            if !same {
                sealed.differences.push(difference(word, before.is_some(), true));
            }
            sealed.secrets.insert(word.to_owned(), next);
        }
        Ok(sealed)
    }
}

/// For the key that the box has now, where that is known.
fn is_the_same(secret: &Secret, mark: &str, key: Option<&PKey<Public>>) -> bool {
    let Ok(label) = secret.label() else { return false };
    let for_this_key = match key {
        Some(key) => fleet::contract::key_id(key).is_ok_and(|id| id == label.kid),
        None => true,
    };
    label.mark == mark && for_this_key
}

/// That it changes, and not what it is.
fn difference(name: &str, before: bool, after: bool) -> Difference {
    let side = |there: bool, word: &str| there.then(|| Value::from(word));
    Difference {
        path: format!("/secrets/{name}"),
        before: side(before, "(sealed)"),
        after: side(after, if before { "(sealed anew)" } else { "(sealed)" }),
    }
}

#[cfg(test)]
#[path = "secrets_tests.rs"]
mod tests;
