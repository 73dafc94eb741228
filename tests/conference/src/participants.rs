//! Who was in the conference, with stamps; the peers too. Kept after they left.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::focus::sources::Media;

/// One participant. Stamps are nanoseconds of CLOCK_MONOTONIC.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Participant {
    /// Endpoint id.
    pub nick: String,
    /// `room@muc`.
    pub room: String,
    /// Display name.
    pub name: String,
    /// One of our own.
    pub peer: bool,
    /// The MUC showed the presence.
    pub joined_ns: u64,
    /// session-initiate was sent (the last one).
    pub initiate_ns: Option<u64>,
    /// session-accept was valid (the last one).
    pub accepted_ns: Option<u64>,
    /// ICE and DTLS were done (the last time).
    pub connected_ns: Option<u64>,
    /// The bridge channel opened (the last time).
    pub channel_ns: Option<u64>,
    /// The MUC showed it gone.
    pub gone_ns: Option<u64>,
    /// The WebSocket was closed.
    pub socket_closed_ns: Option<u64>,
    /// session-initiates so far.
    pub sessions: u32,
    /// What the focus was told to be sent: `audio`, `video`.
    pub sources: Vec<Media>,
    /// As shown in the presence.
    pub audio_muted: bool,
    /// As shown in the presence.
    pub video_muted: bool,
}

/// Somebody in a lobby.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Nick in the lobby.
    pub nick: String,
    /// `room@muc` that they wait for.
    pub room: String,
}

/// The list, shared by all parts.
#[derive(Clone, Default)]
pub struct Participants(Arc<Mutex<Vec<Participant>>>, Arc<Mutex<Vec<Waiting>>>);

impl Participants {
    /// Somebody came in.
    pub fn joined(&self, nick: &str, room: &str, name: &str, peer: bool, now: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Participant {
            nick: nick.into(),
            room: room.into(),
            name: name.into(),
            peer,
            joined_ns: now,
            ..Participant::default()
        });
    }

    /// Who stands in lobbies now.
    pub fn set_waiting(&self, waiting: Vec<Waiting>) {
        *self.1.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
    }

    /// Who stands in lobbies.
    pub fn waiting(&self) -> Vec<Waiting> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the newest entry of `nick`.
    pub fn update(&self, nick: &str, change: impl FnOnce(&mut Participant)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(participant) = all.iter_mut().rev().find(|p| p.nick == nick) {
            change(participant);
        }
    }

    /// Everybody, in the order of joining.
    pub fn all(&self) -> Vec<Participant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The participant under test: the newest that is no peer.
    pub fn newest_guest(&self) -> Option<Participant> {
        self.all().into_iter().rev().find(|p| !p.peer)
    }

    /// Who is in now, by nick.
    pub fn present(&self) -> BTreeMap<String, Participant> {
        self.all()
            .into_iter()
            .filter(|p| p.gone_ns.is_none())
            .map(|p| (p.nick.clone(), p))
            .collect()
    }
}
