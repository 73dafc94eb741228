//! What a restarted process must know to leave in the place of this one: one small file for each running participant.
//!
//! The file is locked while its writer lives; whoever can lock it knows that the writer is gone.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::left_behind::LeftBehind;

/// Largest file that is read.
const MAX_BYTES: u64 = 64 * 1024;
/// Most files that are looked at.
const MAX_FILES: usize = 64;
/// A server keeps no stream as long as this; what is older is thrown away unread.
const OLD: Duration = Duration::from_secs(600);
const PREFIX: &str = "stream-";
const SUFFIX: &str = ".json";

/// The file of one participant, if there is a folder for it.
#[derive(Debug)]
pub(super) struct Memory {
    folder: Option<PathBuf>,
    file: Option<(PathBuf, File)>,
}

impl Memory {
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, file: None }
    }

    /// Writes, or (none) removes the file. A failure costs a ghost of a minute after a crash, nothing else.
    pub(super) fn keep(&mut self, left_behind: Option<&LeftBehind>) {
        let done = match left_behind {
            Some(left_behind) => self.write(left_behind),
            None => self.remove(),
        };
        if let Err(error) = done {
            tracing::warn!(%error, "what a restart must know cannot be kept");
            self.folder = None;
        }
    }

    fn write(&mut self, left_behind: &LeftBehind) -> std::io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let (_, file) = match &mut self.file {
            Some(file) => file,
            none => none.insert(create(folder)?),
        };
        let mut text = serde_json::to_string(left_behind)?;
        text.push('\n');
        // One call: a reader takes the first line, whatever a longer text before has left behind it.
        file.write_all_at(text.as_bytes(), 0)?;
        file.set_len(text.len() as u64)
    }

    fn remove(&mut self) -> std::io::Result<()> {
        self.file.take().map_or(Ok(()), |(path, _)| std::fs::remove_file(path))
    }
}

/// A new file of this process, readable by nobody else.
fn create(folder: &Path) -> std::io::Result<(PathBuf, File)> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let path = folder.join(format!("{PREFIX}{:016x}{SUFFIX}", rand::random::<u64>()));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)?;
    file.try_lock().map_err(|error| match error {
        TryLockError::Error(error) => error,
        TryLockError::WouldBlock => std::io::ErrorKind::WouldBlock.into(),
    })?;
    Ok((path, file))
}

/// A file whose writer is gone. The lock is held as long as this lives.
#[derive(Debug)]
pub(super) struct Found {
    path: PathBuf,
    _lock: File,
    pub left_behind: LeftBehind,
}

impl Found {
    /// Nothing is left to do for it.
    pub(super) fn remove(self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "a file of an earlier process cannot be removed");
        }
    }
}

/// What earlier processes have left in the folder. Files that are no use are removed.
pub(super) fn find(folder: &Path) -> Vec<Found> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let ours = paths.filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(PREFIX) && name.ends_with(SUFFIX)
    });
    ours.take(MAX_FILES).filter_map(take).collect()
}

fn take(path: PathBuf) -> Option<Found> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(&path)
        .ok()?;
    file.try_lock().ok()?;
    match read(&file) {
        Some(left_behind) => Some(Found {
            path,
            _lock: file,
            left_behind,
        }),
        None => {
            tracing::info!("an old or damaged file of an earlier process is removed");
            let _gone_already = std::fs::remove_file(path);
            None
        }
    }
}

fn read(file: &File) -> Option<LeftBehind> {
    let age = file.metadata().ok()?.modified().ok()?.elapsed().unwrap_or_default();
    if age > OLD {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    serde_json::from_slice(line).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn left_behind(occupant: &str) -> LeftBehind {
        LeftBehind {
            service: "wss://meet.example/xmpp-websocket?room=standup".into(),
            domain: "meet.example".into(),
            occupant: occupant.into(),
            previous: "old1".into(),
            arrived: 3,
            token: None,
        }
    }

    #[test]
    fn a_file_is_found_when_its_writer_is_gone_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("deep/in");
        let mut memory = Memory::new(Some(folder.clone()));
        memory.keep(Some(&left_behind("a-rather-long-name@muc/x")));
        memory.keep(Some(&left_behind("room@muc/x")));
        assert!(find(&folder).is_empty(), "its writer lives");
        let path = memory.file.as_ref().unwrap().0.clone();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&folder)), (0o600, 0o700));
        // As after kill -9: the file stays, the lock goes.
        memory.file = None;
        let found = find(&folder);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].left_behind, left_behind("room@muc/x"));
        assert!(find(&folder).is_empty(), "somebody cares for it already");
        found.into_iter().for_each(Found::remove);
        assert!(!path.exists());
    }

    #[test]
    fn a_clean_end_leaves_nothing_and_damaged_files_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut memory = Memory::new(Some(folder.path().to_owned()));
        memory.keep(Some(&left_behind("room@muc/x")));
        memory.keep(None);
        memory.keep(None);
        for (number, text) in ["", "{", "\n{}", "{\"service\":1}\n", "\u{0}\u{0}"].iter().enumerate() {
            std::fs::write(folder.path().join(format!("stream-{number}.json")), text).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("stream-link.json")).unwrap();
        assert!(find(folder.path()).is_empty());
        let rest: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(rest.len(), 1, "a link is not followed and not touched");
    }
}
