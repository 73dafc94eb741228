//! Where the keys of a box are born and stay.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openssl::error::ErrorStack;

use super::private_key::PrivateKey;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyUse {
    /// The box as its maker delivered it; it never changes.
    Maker,
    /// The box in its fleet.
    Device,
    /// The box in its fleet, from the next certificate on.
    Next,
}

/// What went wrong with a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The place where keys are cannot be used.
    #[error("{path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The cryptographic library cannot.
    #[error("cryptography: {0}")]
    Library(#[from] ErrorStack),
    /// Others than the owner can read it.
    #[error("{0} can be read by others; it is not used")]
    Open(PathBuf),
    /// It is a key in a TPM, and the box is told to have its keys in files.
    #[error("{0} is a key in a TPM: write key = \"tpm\" under [fleet]")]
    InTpm(PathBuf),
    /// What holds the key says no. The text says what to do.
    #[error("{0}")]
    Holder(String),
}

impl KeyError {
    /// Of a file.
    #[must_use]
    pub fn io(path: &Path, error: io::Error) -> Self {
        KeyError::Io {
            path: path.to_owned(),
            error,
        }
    }
}

/// Keeps the keys of a box. What it gives out is a handle: the key itself may never leave it.
pub trait KeyStore: Send {
    /// Makes a key, in place of the one before.
    ///
    /// # Errors
    /// [`KeyError`].
    fn create(&mut self, of: KeyUse) -> Result<Arc<dyn PrivateKey>, KeyError>;

    /// The key, if there is one. Whether it can be used shows when it is.
    ///
    /// # Errors
    /// [`KeyError`].
    fn open(&self, of: KeyUse) -> Result<Option<Arc<dyn PrivateKey>>, KeyError>;

    /// [`KeyUse::Next`] becomes [`KeyUse::Device`].
    ///
    /// # Errors
    /// [`KeyError`].
    fn promote(&mut self) -> Result<(), KeyError>;

    /// Destroys the key.
    ///
    /// # Errors
    /// [`KeyError`].
    fn remove(&mut self, of: KeyUse) -> Result<(), KeyError>;
}
