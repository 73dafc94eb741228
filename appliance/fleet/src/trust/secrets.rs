//! The key of a box to which secrets are sealed. It does nothing else and nothing else can do it: the key of its certificate may
//! lie in a chip that only signs. That it is the box's own, the box says with that other key.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private, Public};

use super::anchors::{Anchors, common_name, subject};
use super::authority::new_key;
use super::identities::Usable;
use super::key_files::write_private;
use super::keys::KeyError;
use crate::contract::{
    Channel, DeviceId, Jwk, SealError, Secret, SignatureError, Signer, Tenant, UncheckedDocument, parse,
};

/// Longest such statement, bytes inside its signature.
const MOST: usize = 1_024;

/// The key.
pub struct SecretsKey(PKey<Private>);

impl SecretsKey {
    /// Name of its file.
    pub const FILE: &str = "secrets.key";

    /// The one of this folder; born there when there is none.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn of_folder(folder: &Path) -> Result<Self, KeyError> {
        let path = folder.join(Self::FILE);
        let failed = |error| KeyError::Io {
            path: path.clone(),
            error,
        };
        match fs::metadata(&path) {
            Ok(metadata) if metadata.permissions().mode() & 0o077 != 0 => Err(KeyError::Open(path)),
            Ok(_) => Ok(Self(PKey::private_key_from_pem(&fs::read(&path).map_err(failed)?)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = new_key()?;
                write_private(&path, &key.private_key_to_pem_pkcs8()?).map_err(failed)?;
                Ok(Self(key))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Where it is in a folder.
    #[must_use]
    pub fn path(folder: &Path) -> PathBuf {
        folder.join(Self::FILE)
    }

    /// That this is the key of the box, signed by the key of its certificate: for `secrets_key` in `meta`.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn statement(&self, usable: &Usable) -> Result<String, SignatureError> {
        let issued = &usable.identity.issued;
        let jwk = Jwk::of(&self.0).map_err(|error| SignatureError::Library(error.to_string()))?;
        let jwk = serde_json::to_vec(&jwk).map_err(|error| SignatureError::Malformed(error.to_string()))?;
        let signer = Signer::new(usable.key.clone(), &usable.chain)?;
        signer.sign(&Channel::Meta.topic(&issued.tenant, &issued.device), &jwk)
    }

    /// What was sealed for it.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn open(&self, secret: &Secret) -> Result<String, SealError> {
        secret.open(&self.0)
    }
}

impl Anchors {
    /// The key to which the secrets of a box are sealed, when the box itself says so: with whoever certifies boxes as roots.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn check_secrets_key(
        &self,
        tenant: &Tenant,
        device: &DeviceId,
        statement: &str,
        now: Option<Timestamp>,
    ) -> Result<PKey<Public>, SignatureError> {
        let document = UncheckedDocument::read(statement.as_bytes(), MOST)?;
        let own = document.signer()?.to_owned();
        self.path(&own, &document.chain[1..], None, now)?;
        let audience = document.audience.clone();
        let payload = document.payload()?;
        if audience != Channel::Meta.topic(tenant, device) {
            return Err(SignatureError::Elsewhere);
        }
        if common_name(&own) != device.as_str() || subject(&own, Nid::ORGANIZATIONNAME) != tenant.as_str() {
            return Err(SignatureError::OutOfScope);
        }
        let jwk: Jwk = parse(&payload, MOST).map_err(|refusal| SignatureError::Malformed(refusal.to_string()))?;
        jwk.key().map_err(|error| SignatureError::Malformed(error.to_string()))
    }
}
