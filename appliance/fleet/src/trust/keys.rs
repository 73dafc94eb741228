//! Where the keys of a box are born and stay.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};

use super::authority::new_key;

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
}

/// Keeps the keys of a box. What it gives out is a handle: the key itself may never leave it.
pub trait KeyStore: Send {
    /// Makes a key, in place of the one before.
    ///
    /// # Errors
    /// [`KeyError`].
    fn create(&mut self, of: KeyUse) -> Result<PKey<Private>, KeyError>;

    /// The key, if there is one.
    ///
    /// # Errors
    /// [`KeyError`].
    fn open(&self, of: KeyUse) -> Result<Option<PKey<Private>>, KeyError>;

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

/// Keys as files that only their owner can read.
#[derive(Debug)]
pub struct SoftwareKeys {
    folder: PathBuf,
}

impl SoftwareKeys {
    /// In a folder, which is made.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(folder: &Path) -> Result<Self, KeyError> {
        use std::os::unix::fs::DirBuilderExt;
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(folder).map_err(|error| io_error(folder, error))?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    fn path(&self, of: KeyUse) -> PathBuf {
        self.folder.join(match of {
            KeyUse::Maker => "maker.key",
            KeyUse::Device => "device.key",
            KeyUse::Next => "next.key",
        })
    }

    /// Keeps a key that the maker has made.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn install(&mut self, of: KeyUse, key: &PKey<Private>) -> Result<(), KeyError> {
        let path = self.path(of);
        write_private(&path, &key.private_key_to_pem_pkcs8()?).map_err(|error| io_error(&path, error))
    }

    fn sync(&self) -> Result<(), KeyError> {
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| io_error(&self.folder, error))
    }
}

impl KeyStore for SoftwareKeys {
    fn create(&mut self, of: KeyUse) -> Result<PKey<Private>, KeyError> {
        let key = new_key()?;
        self.install(of, &key)?;
        Ok(key)
    }

    fn open(&self, of: KeyUse) -> Result<Option<PKey<Private>>, KeyError> {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path(of);
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error(&path, error)),
        };
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(KeyError::Open(path));
        }
        let pem = fs::read(&path).map_err(|error| io_error(&path, error))?;
        Ok(Some(PKey::private_key_from_pem(&pem)?))
    }

    fn promote(&mut self) -> Result<(), KeyError> {
        let (from, to) = (self.path(KeyUse::Next), self.path(KeyUse::Device));
        fs::rename(&from, to).map_err(|error| io_error(&from, error))?;
        self.sync()
    }

    fn remove(&mut self, of: KeyUse) -> Result<(), KeyError> {
        let path = self.path(of);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(&path, error)),
            _ => self.sync(),
        }
    }
}

fn io_error(path: &Path, error: io::Error) -> KeyError {
    KeyError::Io {
        path: path.to_owned(),
        error,
    }
}

/// Writes a file that only its owner can read, all of it or nothing, also when the power fails.
///
/// # Errors
/// What the system says.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_born_in_a_file_that_nobody_else_can_read_and_one_that_others_can_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let mut keys = SoftwareKeys::new(&folder.path().join("keys")).unwrap();
        assert!(keys.open(KeyUse::Device).unwrap().is_none());
        let key = keys.create(KeyUse::Device).unwrap();
        let path = keys.path(KeyUse::Device);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(keys.open(KeyUse::Device).unwrap().unwrap().public_eq(&key));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(keys.open(KeyUse::Device), Err(KeyError::Open(_))));
        keys.remove(KeyUse::Device).unwrap();
        keys.remove(KeyUse::Device).unwrap();
        assert!(keys.open(KeyUse::Device).unwrap().is_none());
    }

    #[test]
    fn the_next_key_takes_the_place_of_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let mut keys = SoftwareKeys::new(folder.path()).unwrap();
        let old = keys.create(KeyUse::Device).unwrap();
        let next = keys.create(KeyUse::Next).unwrap();
        assert!(
            keys.open(KeyUse::Device).unwrap().unwrap().public_eq(&old),
            "until then"
        );
        keys.promote().unwrap();
        assert!(keys.open(KeyUse::Device).unwrap().unwrap().public_eq(&next));
        assert!(keys.open(KeyUse::Next).unwrap().is_none());
    }
}
