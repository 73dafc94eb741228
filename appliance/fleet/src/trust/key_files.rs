//! The files of a key store, one for each key. Only the owner can read them, and a power cut leaves all of one or nothing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::keys::{KeyError, KeyUse};

/// Longest file that is read, bytes.
const MOST: u64 = 64 * 1024;

/// A folder with keys, or with what only a TPM makes keys of.
#[derive(Debug)]
pub struct KeyFiles {
    folder: PathBuf,
}

impl KeyFiles {
    /// In a folder, which is made.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(folder: &Path) -> Result<Self, KeyError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(folder).map_err(|error| KeyError::io(folder, error))?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Where a key lies.
    #[must_use]
    pub fn path(&self, of: KeyUse) -> PathBuf {
        self.folder.join(match of {
            KeyUse::Maker => "maker.key",
            KeyUse::Device => "device.key",
            KeyUse::Next => "next.key",
        })
    }

    /// What lies there, if anything does.
    ///
    /// # Errors
    /// [`KeyError::Open`]: others can read it.
    pub fn read(&self, of: KeyUse) -> Result<Option<Vec<u8>>, KeyError> {
        let path = self.path(of);
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(KeyError::io(&path, error)),
        };
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(KeyError::Open(path));
        }
        if metadata.len() > MOST {
            return Err(KeyError::io(&path, io::ErrorKind::InvalidData.into()));
        }
        fs::read(&path).map(Some).map_err(|error| KeyError::io(&path, error))
    }

    /// Puts it there, in place of what was.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, of: KeyUse, content: &[u8]) -> Result<(), KeyError> {
        let path = self.path(of);
        write_private(&path, content).map_err(|error| KeyError::io(&path, error))
    }

    /// [`KeyUse::Next`] becomes [`KeyUse::Device`].
    ///
    /// # Errors
    /// What the system says.
    pub fn promote(&self) -> Result<(), KeyError> {
        let (from, to) = (self.path(KeyUse::Next), self.path(KeyUse::Device));
        fs::rename(&from, to).map_err(|error| KeyError::io(&from, error))?;
        self.sync()
    }

    /// Takes it away, if it is there.
    ///
    /// # Errors
    /// What the system says.
    pub fn remove(&self, of: KeyUse) -> Result<(), KeyError> {
        let path = self.path(of);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(KeyError::io(&path, error)),
            _ => self.sync(),
        }
    }

    fn sync(&self) -> Result<(), KeyError> {
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| KeyError::io(&self.folder, error))
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
