//! The keys of a box whose TPM holds them.

use std::path::Path;
use std::sync::Arc;

use fleet::trust::{KeyError, KeyFiles, KeyStore, KeyUse, PrivateKey};
use openssl::pkey::PKey;

use crate::device::Tpm;
use crate::error::TpmError;
use crate::file::{Wrapped, is_in_tpm};
use crate::key::TpmKey;

/// Keys in a TPM. In the folder lies what only that TPM makes keys of.
#[derive(Debug)]
pub struct TpmKeys {
    files: KeyFiles,
    tpm: Arc<Tpm>,
}

impl TpmKeys {
    /// In a folder, which is made.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(folder: &Path, tpm: Tpm) -> Result<Self, KeyError> {
        Ok(Self {
            files: KeyFiles::new(folder)?,
            tpm: Arc::new(tpm),
        })
    }

    fn key(&self, of: KeyUse, wrapped: Wrapped) -> Result<Arc<dyn PrivateKey>, KeyError> {
        Ok(Arc::new(TpmKey::new(
            self.tpm.clone(),
            wrapped,
            of,
            self.files.path(of),
        )?))
    }
}

impl KeyStore for TpmKeys {
    fn create(&mut self, of: KeyUse) -> Result<Arc<dyn PrivateKey>, KeyError> {
        let wrapped = self.tpm.create()?;
        let pem = wrapped.to_pem().ok_or(TpmError::Strange)?;
        let key = self.key(of, wrapped)?;
        self.files.write(of, pem.as_bytes())?;
        Ok(key)
    }

    /// The maker may have delivered the box with a key of its own making. Every other key is in the TPM or is not taken.
    fn open(&self, of: KeyUse) -> Result<Option<Arc<dyn PrivateKey>>, KeyError> {
        let Some(pem) = self.files.read(of)? else {
            return Ok(None);
        };
        match (is_in_tpm(&pem), of) {
            (true, _) => {
                let wrapped = Wrapped::from_pem(&pem).ok_or_else(|| TpmError::Damaged(self.files.path(of)))?;
                self.key(of, wrapped).map(Some)
            }
            (false, KeyUse::Maker) => Ok(Some(Arc::new(PKey::private_key_from_pem(&pem)?))),
            (false, KeyUse::Device | KeyUse::Next) => Err(TpmError::Elsewhere(self.files.path(of)).into()),
        }
    }

    fn promote(&mut self) -> Result<(), KeyError> {
        self.files.promote()
    }

    fn remove(&mut self, of: KeyUse) -> Result<(), KeyError> {
        self.files.remove(of)
    }
}
