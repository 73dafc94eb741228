//! What is kept of the meeting: recorded, broadcast, written down (`specs/jitsi-client.md §7`).

use std::collections::{BTreeMap, BTreeSet};

use minidom::Element;
use room::conference::{ConferenceEvent, Recording};

use super::context::Context;
use super::meeting::Meeting;
use crate::muc::{RecordingStatus, transcription};

/// Recordings that are known at once.
const MAX_RECORDINGS: usize = 16;
/// Transcribers that are known at once.
const MAX_TRANSCRIBERS: usize = 16;

/// Who keeps what.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Running recordings; true: broadcast.
    running: BTreeMap<String, bool>,
    transcribers: BTreeSet<String>,
    /// The room's metadata says that what is said is written down.
    pub transcribed: bool,
    told: Recording,
}

impl Marks {
    fn recording(&self) -> Recording {
        Recording {
            recorded: self.running.values().any(|broadcast| !broadcast),
            broadcast: self.running.values().any(|broadcast| *broadcast),
            transcribed: self.transcribed || !self.transcribers.is_empty(),
        }
    }

    /// The room is entered: it knows of nothing yet.
    pub fn enter(&mut self) {
        self.told = Recording::default();
    }

    /// Somebody has left.
    pub fn forget(&mut self, id: &str) {
        self.transcribers.remove(id);
    }
}

impl Meeting {
    /// The focus's presence tells of recordings.
    pub fn recording_status(&mut self, presence: &Element, cx: &mut Context) {
        let Some(status) = RecordingStatus::parse(presence) else {
            return;
        };
        let running = &mut self.marks.running;
        if !status.on {
            running.remove(&status.session);
        } else if running.len() < MAX_RECORDINGS {
            running.insert(status.session, status.broadcast);
        }
        self.tell_recording(cx);
    }

    /// An occupant may be one that writes down what is said.
    pub fn transcription_status(&mut self, id: &str, presence: &Element, cx: &mut Context) {
        match transcription(presence) {
            Some(true) if self.marks.transcribers.len() < MAX_TRANSCRIBERS => {
                self.marks.transcribers.insert(id.to_owned());
            }
            _ => self.marks.forget(id),
        }
        self.tell_recording(cx);
    }

    /// Tells the room what is kept, if that has changed.
    pub fn tell_recording(&mut self, cx: &mut Context) {
        let recording = self.marks.recording();
        if self.joined() && std::mem::replace(&mut self.marks.told, recording) != recording {
            cx.event(ConferenceEvent::Recording(recording));
        }
    }
}
