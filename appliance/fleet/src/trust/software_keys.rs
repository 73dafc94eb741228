//! Keys as files: whoever copies the file has the key.

use std::path::Path;
use std::sync::Arc;

use openssl::pkey::{PKey, Private};

use super::authority::new_key;
use super::key_files::KeyFiles;
use super::keys::{KeyError, KeyStore, KeyUse};
use super::private_key::PrivateKey;

/// How a file with a key in a TPM begins (`draft-bottomley-tpm2-keys`).
const IN_TPM: &[u8] = b"-----BEGIN TSS2 PRIVATE KEY-----";

/// Keys as files that only their owner can read.
#[derive(Debug)]
pub struct SoftwareKeys {
    files: KeyFiles,
}

impl SoftwareKeys {
    /// In a folder, which is made.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(folder: &Path) -> Result<Self, KeyError> {
        Ok(Self {
            files: KeyFiles::new(folder)?,
        })
    }

    /// Keeps a key that the maker has made.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn install(&mut self, of: KeyUse, key: &PKey<Private>) -> Result<(), KeyError> {
        self.files.write(of, &key.private_key_to_pem_pkcs8()?)
    }
}

impl KeyStore for SoftwareKeys {
    fn create(&mut self, of: KeyUse) -> Result<Arc<dyn PrivateKey>, KeyError> {
        let key = new_key()?;
        self.install(of, &key)?;
        Ok(Arc::new(key))
    }

    fn open(&self, of: KeyUse) -> Result<Option<Arc<dyn PrivateKey>>, KeyError> {
        let Some(pem) = self.files.read(of)? else {
            return Ok(None);
        };
        if pem.starts_with(IN_TPM) {
            return Err(KeyError::InTpm(self.files.path(of)));
        }
        Ok(Some(Arc::new(PKey::private_key_from_pem(&pem)?)))
    }

    fn promote(&mut self) -> Result<(), KeyError> {
        self.files.promote()
    }

    fn remove(&mut self, of: KeyUse) -> Result<(), KeyError> {
        self.files.remove(of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_a_tpm_is_not_taken_for_one_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let keys = SoftwareKeys::new(folder.path()).unwrap();
        keys.files
            .write(KeyUse::Device, &[IN_TPM, b"\nMA==\n"].concat())
            .unwrap();
        let error = keys.open(KeyUse::Device).unwrap_err();
        assert!(matches!(error, KeyError::InTpm(_)), "{error}");
        assert!(error.to_string().contains("key = \"tpm\""), "{error}");
    }
}
