//! Encoders in hardware that work in a meeting, written down: one that brings the worker down is found there by the next worker, which
//! leaves it alone. Without that it would bring each of them down, for the rest of the meeting.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::ladder::Step;
use super::trials::boot;

/// They are in this file of the folder.
const FILE: &str = "encoders-in-use.json";
/// Largest file.
const MOST: u64 = 16 * 1024;

/// Where it is written down.
#[derive(Debug, Clone, Default)]
pub struct InUse(Arc<Mutex<Used>>);

#[derive(Debug, Default)]
struct Used {
    file: Option<PathBuf>,
    /// How many instances of each.
    instances: BTreeMap<String, u32>,
}

/// What the file says.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Note {
    /// A machine whose power was cut in a meeting says nothing of the encoder.
    boot: String,
    /// Who has written it.
    pid: u32,
    encoders: Vec<String>,
}

impl Note {
    /// Whoever has written it is gone, and not with the whole machine.
    fn is_of_a_dead_worker(&self) -> bool {
        self.boot == boot() && !Path::new("/proc").join(self.pid.to_string()).exists()
    }
}

/// An instance that is in use until this is dropped.
#[derive(Debug)]
pub struct Mark {
    used: InUse,
    encoder: String,
}

impl InUse {
    /// In this folder; none: nowhere. With it the encoders that were in use when the worker before this one died.
    #[must_use]
    pub fn open(folder: Option<&Path>) -> (Self, Vec<String>) {
        let file = folder.map(|folder| folder.join(FILE));
        let note = file.as_deref().and_then(read).filter(Note::is_of_a_dead_worker);
        let used = Used {
            file,
            ..Used::default()
        };
        used.write();
        (Self(Arc::new(Mutex::new(used))), note.unwrap_or_default().encoders)
    }

    /// Writes down an instance, if the work is not done in the processor.
    #[must_use]
    pub fn mark(&self, step: &Step) -> Option<Mark> {
        step.hardware.then(|| {
            let encoder = step.to_string();
            self.change(|used| *used.instances.entry(encoder.clone()).or_default() += 1);
            let used = self.clone();
            Mark { used, encoder }
        })
    }

    fn change(&self, change: impl FnOnce(&mut Used)) {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = used.instances.len();
        change(&mut used);
        if used.instances.len() != before {
            used.write();
        }
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.used.change(|used| {
            if let Some(instances) = used.instances.get_mut(&self.encoder) {
                *instances -= 1;
            }
            used.instances.retain(|_, instances| *instances > 0);
        });
    }
}

impl Used {
    fn write(&self) {
        let Some(file) = &self.file else { return };
        let written = if self.instances.is_empty() {
            match std::fs::remove_file(file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        } else {
            let encoders = self.instances.keys().cloned().collect();
            let note = Note {
                boot: boot(),
                pid: std::process::id(),
                encoders,
            };
            serde_json::to_vec(&note)
                .map_err(Into::into)
                .and_then(|bytes| std::fs::write(file, bytes))
        };
        if let Err(error) = written {
            tracing::warn!(%error, "which encoders are in use is not written down");
        }
    }
}

fn read(file: &Path) -> Option<Note> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(file).ok()?;
    file.take(MOST).read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(encoder: &str, hardware: bool) -> Step {
        Step {
            encoder: encoder.into(),
            path: "va".into(),
            hardware,
            flaws: Vec::new(),
            heights: Vec::new(),
        }
    }

    #[test]
    fn what_was_in_use_when_the_worker_died_is_found_once_by_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let open = || InUse::open(Some(folder.path()));
        let (used, before) = open();
        assert_eq!(before, [""; 0]);
        let marks = [
            used.mark(&step("a", true)),
            used.mark(&step("a", true)),
            used.mark(&step("b", true)),
        ];
        assert!(used.mark(&step("x264enc", false)).is_none());
        assert_eq!(open().1, [""; 0], "it lives, and is another box on this machine");
        drop(used.mark(&step("c", true)));
        // It dies here: nobody drops the marks.
        let file = folder.path().join(FILE);
        let mut note = read(&file).unwrap();
        note.pid = 0;
        std::fs::write(&file, serde_json::to_vec(&note).unwrap()).unwrap();
        let (_next, found) = open();
        assert_eq!(found, ["a (va)", "b (va)"]);
        assert_eq!(open().1, [""; 0], "it is not held against them for ever");
        drop(marks);
    }

    #[test]
    fn what_has_ended_in_order_is_not_written_down_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let (used, _) = InUse::open(Some(folder.path()));
        let (first, second) = (used.mark(&step("a", true)), used.mark(&step("a", true)));
        drop(first);
        let note = read(&folder.path().join(FILE)).unwrap();
        assert_eq!(note.encoders, ["a (va)"], "one of two");
        drop(second);
        assert!(!folder.path().join(FILE).exists());
    }

    #[test]
    fn another_start_of_the_machine_and_nonsense_say_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for text in [r#"{"boot":"another","pid":0,"encoders":["a (va)"]}"#, "{", ""] {
            std::fs::write(folder.path().join(FILE), text).unwrap();
            assert_eq!(InUse::open(Some(folder.path())).1, [""; 0], "{text}");
        }
        let (nowhere, before) = InUse::open(None);
        assert!(before.is_empty() && nowhere.mark(&step("a", true)).is_some());
    }
}
