//! The records of a session on disk: they survive a power cut, and the store opens every time.

#[cfg(test)]
mod power_cut;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use redb::{Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, StorageError, TableDefinition};

use crate::agent::Keeper;
use crate::session::Record;

/// All records, by key.
const RECORDS: TableDefinition<&str, &[u8]> = TableDefinition::new("records");
/// Memory for pages, bytes: the records are read once.
const CACHE: usize = 1 << 20;

type Open = Box<dyn Fn() -> Result<Database, DatabaseError> + Send>;

/// The records on disk.
pub struct Store {
    open: Open,
    /// None after a failure: opened again for the next write.
    database: Option<Database>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Opens the store in this file, or makes it, and reads what is in there. A file that is damaged beyond a power cut is
    /// put aside as `.damaged`: the box forgets, but it starts.
    ///
    /// # Errors
    /// The file cannot be made, read or written, or another process has it.
    pub fn open(path: &Path) -> io::Result<(Self, BTreeMap<String, Vec<u8>>)> {
        let opened = Self::try_open(path);
        let damaged = matches!(&opened, Err(error) if error.kind() == io::ErrorKind::InvalidData);
        if !damaged {
            return opened;
        }
        let aside = with_extension(path, "damaged");
        tracing::error!(path = %aside.display(), "the store of the fleet is damaged; it is put aside");
        std::fs::rename(path, &aside)?;
        Self::try_open(path)
    }

    fn try_open(path: &Path) -> io::Result<(Self, BTreeMap<String, Vec<u8>>)> {
        if !path.exists() {
            make(path)?;
        }
        let path = path.to_owned();
        Self::through(Box::new(move || builder().open(&path)))
    }

    fn through(open: Open) -> io::Result<(Self, BTreeMap<String, Vec<u8>>)> {
        let database = open().map_err(said)?;
        let records = records(&database).map_err(said)?;
        let database = Some(database);
        Ok((Self { open, database }, records))
    }

    fn try_write(&mut self, records: &[Record]) -> Result<(), redb::Error> {
        let database = match &self.database {
            Some(database) => database,
            None => self.database.insert((self.open)()?),
        };
        let mut transaction = database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        {
            let mut table = transaction.open_table(RECORDS)?;
            for Record { key, value } in records {
                match value {
                    Some(value) => table.insert(key.as_str(), value.as_slice())?,
                    None => table.remove(key.as_str())?,
                };
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

impl Keeper for Store {
    fn write(&mut self, records: &[Record]) -> io::Result<()> {
        self.try_write(records).map_err(|error| {
            self.database = None;
            said(error)
        })
    }
}

fn builder() -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE);
    builder
}

/// Makes an empty store: whole and under its name, or not at all.
fn make(path: &Path) -> io::Result<()> {
    let unfinished = with_extension(path, "unfinished");
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let database = builder().create(&unfinished).map_err(said)?;
    database.close().map_err(said)?;
    File::open(&unfinished)?.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn with_extension(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

fn records(database: &Database) -> Result<BTreeMap<String, Vec<u8>>, redb::Error> {
    let table = match database.begin_read()?.open_table(RECORDS) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    let mut records = BTreeMap::new();
    for record in table.iter()? {
        let (key, value) = record?;
        records.insert(key.value().to_owned(), value.value().to_owned());
    }
    Ok(records)
}

/// What the database says, as everybody else says it. [`io::ErrorKind::InvalidData`]: the file is damaged.
fn said(error: impl Into<redb::Error>) -> io::Error {
    match error.into() {
        redb::Error::Io(error) => error,
        redb::Error::Corrupted(what) => io::Error::new(io::ErrorKind::InvalidData, what),
        other => io::Error::other(other),
    }
}

/// Of the store as a whole.
const _: fn(StorageError) -> redb::Error = redb::Error::from;

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, value: &str) -> Record {
        Record {
            key: key.into(),
            value: Some(value.into()),
        }
    }

    fn remove(key: &str) -> Record {
        Record {
            key: key.into(),
            value: None,
        }
    }

    #[test]
    fn what_was_written_is_there_after_a_restart_and_what_was_removed_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.redb");
        let (mut store, records) = Store::open(&path).unwrap();
        assert!(records.is_empty());
        store
            .write(&[put("sid", "1"), put("event/1", "a"), put("sid", "2")])
            .unwrap();
        store
            .write(&[remove("event/1"), put("event/2", "b"), remove("never")])
            .unwrap();
        drop(store);
        let (_, records) = Store::open(&path).unwrap();
        let expected = [("event/2", "b"), ("sid", "2")];
        assert_eq!(records, expected.map(|(key, value)| (key.into(), value.into())).into());
    }

    #[test]
    fn a_store_belongs_to_one_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.redb");
        let (_store, _) = Store::open(&path).unwrap();
        assert!(Store::open(&path).is_err());
        assert!(path.exists(), "it is not taken for damaged");
    }

    #[test]
    fn a_file_that_is_no_store_is_put_aside_and_the_box_starts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.redb");
        for garbage in [
            vec![7; 40_000],
            Vec::from(*b"x"),
            b"redb\x1A\x0A\xA9\x0D\x0A".repeat(2_000),
        ] {
            std::fs::write(&path, &garbage).unwrap();
            let (mut store, records) = Store::open(&path).unwrap();
            assert!(records.is_empty());
            store.write(&[put("sid", "1")]).unwrap();
            assert_eq!(std::fs::read(with_extension(&path, "damaged")).unwrap(), garbage);
        }
    }

    #[test]
    fn a_store_whose_making_was_cut_off_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.redb");
        std::fs::write(with_extension(&path, "unfinished"), [0; 5_000]).unwrap();
        let (_, records) = Store::open(&path).unwrap();
        assert!(records.is_empty() && !with_extension(&path, "unfinished").exists());
    }

    #[test]
    fn records_of_16_mib_that_come_and_go_do_not_let_the_file_grow_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.redb");
        let (mut store, _) = Store::open(&path).unwrap();
        let value = "x".repeat(8_000);
        // A full ring, twice over, forty to a batch.
        for batch in 0..100_usize {
            let numbers = batch * 40..batch * 40 + 40;
            let records: Vec<Record> = numbers
                .flat_map(|n| {
                    let old = n.checked_sub(2_000).map(|old| remove(&format!("event/{old:020}")));
                    old.into_iter().chain([put(&format!("event/{n:020}"), &value)])
                })
                .collect();
            store.write(&records).unwrap();
        }
        let mib = std::fs::metadata(&path).unwrap().len() >> 20;
        assert!(mib <= 40, "{mib} MiB for 16 MiB of records");
    }
}
