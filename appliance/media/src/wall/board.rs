//! Where decoders leave their latest picture and the wall finds it.

use gstreamer as gst;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::now_ns;

/// A decoded picture of a source.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Buffer and caps.
    pub sample: gst::Sample,
    /// `CLOCK_MONOTONIC` ns when it was due.
    pub at_ns: u64,
    /// Tells one picture from the next.
    pub serial: u64,
}

/// The latest picture of each source. One picture a source, no queue: a slow wall never delays a decoder.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<HashMap<String, Picture>>>);

impl Board {
    /// A decoder has a new picture of `source`.
    pub fn put(&self, source: &str, sample: gst::Sample) {
        let mut pictures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let serial = pictures.get(source).map_or(0, |picture| picture.serial) + 1;
        let picture = Picture {
            sample,
            at_ns: now_ns(),
            serial,
        };
        // The key is only made when the source is new.
        if let Some(place) = pictures.get_mut(source) {
            *place = picture;
        } else {
            pictures.insert(source.to_owned(), picture);
        }
    }

    /// The latest picture of `source`.
    #[must_use]
    pub fn get(&self, source: &str) -> Option<Picture> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(source)
            .cloned()
    }

    /// Forgets every source but these.
    pub fn keep(&self, sources: &HashSet<String>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|source, _| sources.contains(source));
    }
}
