//! The certificates of a box with their keys: the one that it uses, and the next one until that has proved itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use openssl::x509::X509;

use super::anchors::Anchors;
use super::enrolling::EnrolmentError;
use super::identity::BoxIdentity;
use super::keys::{KeyError, KeyStore, KeyUse};
use super::private_key::{PrivateKey, certifies};

/// What went wrong with what a box keeps.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A certificate.
    #[error(transparent)]
    Certificate(#[from] EnrolmentError),
    /// A file.
    #[error("{path}: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// An identity that can be used.
pub struct Usable {
    /// Who the box is.
    pub identity: BoxIdentity,
    /// Its certificate first, then those above it.
    pub chain: Vec<X509>,
    /// The key.
    pub key: Arc<dyn PrivateKey>,
}

/// What a box keeps of its enrolments. The order of writing is such that a power cut at any moment leaves one that works.
pub struct Identities {
    folder: PathBuf,
    keys: Box<dyn KeyStore>,
}

impl Identities {
    /// In a folder, with keys kept elsewhere.
    #[must_use]
    pub fn new(folder: &Path, keys: Box<dyn KeyStore>) -> Self {
        Self {
            folder: folder.to_owned(),
            keys,
        }
    }

    /// Where the keys are.
    pub fn keys(&mut self) -> &mut dyn KeyStore {
        &mut *self.keys
    }

    fn path(&self, of: KeyUse) -> PathBuf {
        self.folder.join(match of {
            KeyUse::Maker => "maker.json",
            KeyUse::Device => "identity.json",
            KeyUse::Next => "identity-next.json",
        })
    }

    /// The one in use; none: the box was never enrolled.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn current(&mut self) -> Result<Option<Usable>, IdentityError> {
        let Some((identity, chain)) = self.load(KeyUse::Device)? else {
            return Ok(None);
        };
        let fits = |key: &Arc<dyn PrivateKey>| certifies(&chain[0], key).unwrap_or(false);
        if let Some(key) = self.keys.open(KeyUse::Device)?.filter(fits) {
            return Ok(Some(Usable { identity, chain, key }));
        }
        // The power went between the certificate and its key.
        match self.keys.open(KeyUse::Next)?.filter(fits) {
            Some(key) => {
                self.keys.promote()?;
                Ok(Some(Usable { identity, chain, key }))
            }
            None => Ok(None),
        }
    }

    /// The one that has yet to prove itself.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn upcoming(&mut self) -> Result<Option<Usable>, IdentityError> {
        let Some((identity, chain)) = self.load(KeyUse::Next)? else {
            return Ok(None);
        };
        let fits = |key: &Arc<dyn PrivateKey>| certifies(&chain[0], key).unwrap_or(false);
        let key = self.keys.open(KeyUse::Next)?.filter(fits);
        Ok(key.map(|key| Usable { identity, chain, key }))
    }

    fn load(&self, of: KeyUse) -> Result<Option<(BoxIdentity, Vec<X509>)>, IdentityError> {
        let path = self.path(of);
        let Some(identity) = BoxIdentity::load(&path).map_err(|error| IdentityError::Io { path, error })? else {
            return Ok(None);
        };
        let chain = identity.issued.certificates()?;
        Ok(Some((identity, chain)))
    }

    /// Keeps what the box got for its next key. The first one is in use at once; a later one after [`Identities::settle`].
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn adopt(&mut self, identity: &BoxIdentity) -> Result<(), IdentityError> {
        let first = self.current()?.is_none();
        self.save(if first { KeyUse::Device } else { KeyUse::Next }, identity)?;
        if first {
            self.keys.promote()?;
        }
        Ok(())
    }

    /// The broker has taken the next one: it is the one in use.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn settle(&mut self) -> Result<(), IdentityError> {
        let (from, to) = (self.path(KeyUse::Next), self.path(KeyUse::Device));
        fs::rename(&from, &to).map_err(|error| IdentityError::Io { path: from, error })?;
        Ok(self.keys.promote()?)
    }

    /// Nobody has taken the next one: it is as if it had never been issued. Its key waits for another certificate.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn discard_next(&mut self) -> Result<(), IdentityError> {
        self.remove(KeyUse::Next)
    }

    fn remove(&self, of: KeyUse) -> Result<(), IdentityError> {
        let path = self.path(of);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(IdentityError::Io { path, error }),
            _ => Ok(()),
        }
    }

    /// Keeps whom the box trusts from now on.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn believe(&mut self, anchors: &Anchors) -> Result<(), IdentityError> {
        match self.load(KeyUse::Device)? {
            Some((identity, _)) => self.save(KeyUse::Device, &identity.believing(anchors)?),
            None => Ok(()),
        }
    }

    fn save(&self, of: KeyUse, identity: &BoxIdentity) -> Result<(), IdentityError> {
        let path = self.path(of);
        identity.save(&path).map_err(|error| IdentityError::Io { path, error })
    }

    /// Destroys everything but the maker's key: the box is as it was delivered.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn forget(&mut self) -> Result<(), IdentityError> {
        for of in [KeyUse::Next, KeyUse::Device] {
            self.keys.remove(of)?;
            self.remove(of)?;
        }
        Ok(())
    }
}
