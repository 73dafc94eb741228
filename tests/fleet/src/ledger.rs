//! What simulated boxes have promised and done: what must be true in the end is read from here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fleet::agent::Keeper;
use fleet::contract::{DeviceId, Event, Id, Message};
use fleet::session::Record;
use serde::Deserialize;

/// Shared by all boxes of a fleet.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Events that a box had on disk: it has to deliver them.
    pub accepted: HashSet<Id>,
    /// How often each command was executed.
    pub executed: HashMap<Id, u32>,
    /// Revisions that the boxes have taken, by box.
    pub applied: BTreeMap<DeviceId, u64>,
    /// Words of `Output::Security`.
    pub security: BTreeMap<String, u64>,
    /// Notices that are on walls now.
    pub notices: BTreeSet<(DeviceId, u64)>,
    /// Release of a box that has started with another than it was delivered with.
    pub running: BTreeMap<DeviceId, String>,
    /// Downloads do not end while this is so.
    pub downloads_wait: bool,
    /// Boxes whose slots cannot be written.
    pub broken: BTreeSet<DeviceId>,
    /// Boxes that get to nobody outside under another release than the one that they were delivered with.
    pub unfit: BTreeSet<DeviceId>,
}

/// The same for all.
pub type Shared = Arc<Mutex<Ledger>>;

/// Reads or writes it.
pub fn locked(shared: &Shared) -> MutexGuard<'_, Ledger> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The records of a box, in memory; they survive [`crate::rooms::Room::kill`].
pub type Disk = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// Keeps the records of a box and notes which events are on its disk.
pub struct MemoryKeeper {
    /// The disk.
    pub disk: Disk,
    /// Where events are noted.
    pub ledger: Shared,
    /// The box has been killed: what it was still writing does not reach the disk. Set while the disk is locked.
    pub killed: Arc<AtomicBool>,
}

/// As the session writes it.
#[derive(Deserialize)]
struct EventOnDisk {
    message: String,
}

impl Keeper for MemoryKeeper {
    fn write(&mut self, records: &[Record]) -> io::Result<()> {
        let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        if self.killed.load(Ordering::Acquire) {
            return Err(io::Error::other("the box is dead"));
        }
        for record in records {
            let Some(value) = &record.value else {
                disk.remove(&record.key);
                continue;
            };
            disk.insert(record.key.clone(), value.clone());
            if record.key.starts_with("event/") {
                let event = serde_json::from_slice::<EventOnDisk>(value).map_err(io::Error::other)?;
                let message =
                    Message::<Event>::parse(event.message.as_bytes(), value.len()).map_err(io::Error::other)?;
                locked(&self.ledger).accepted.insert(message.envelope.id);
            }
        }
        Ok(())
    }
}
