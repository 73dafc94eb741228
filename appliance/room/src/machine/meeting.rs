//! What the room knows of one meeting (or one try to get into it). Dropped as a whole at its end.

use std::collections::BTreeSet;
use std::time::Instant;

use media_protocol::{SessionId, SessionPlan};

use super::stage::Stage;
use super::talk::Talk;
use crate::conference::{JoinStep, Muted, ReceiveWish, Sources};
use crate::outcome::Outcome;
use crate::snapshot::WaitingFor;

#[derive(Debug)]
pub(super) struct Meeting {
    /// The box's name in it.
    pub name: String,
    pub step: Option<JoinStep>,
    /// Last sign of progress while joining.
    pub progress_at: Instant,
    pub waiting_for: Option<WaitingFor>,
    /// First time that the service made the box wait, in this try.
    pub waiting_since: Option<Instant>,
    /// When the lobby was first entered, in this try.
    pub lobby_since: Option<Instant>,
    /// When the password was last asked for.
    pub password_asked: Instant,
    pub wrong_passwords: u32,
    pub reconnecting_since: Instant,
    /// The session whose media flowed when the connection was lost.
    pub carried: Option<SessionId>,
    pub session: Option<Box<SessionPlan>>,
    /// The session that died with the worker; a late word of the conference about it counts for nothing.
    pub lost_session: Option<SessionId>,
    pub media_connected: bool,
    /// Media have been silent since.
    pub stalled: Option<Instant>,
    pub stage: Stage,
    /// What the conference was last told.
    pub announced: Muted,
    /// What the conference was last told.
    pub sources: Sources,
    pub wish: ReceiveWish,
    /// It was joined from outside the room, and nobody in it has been told yet.
    pub from_outside: bool,
    /// Sources whose first picture in this session was told.
    pub first_frames: BTreeSet<String>,
    pub talk: Talk,
    pub departure: Option<Departure>,
}

/// Being on the way out.
#[derive(Debug)]
pub(super) struct Departure {
    pub since: Instant,
    /// Why, whatever the conference says at the end.
    pub outcome: Outcome,
    /// Some media ran: wait until the worker says that it has stopped.
    pub media_to_stop: bool,
    /// Revision of the emptied plan, once sent.
    pub revision: Option<u64>,
    /// The participant was told to leave.
    pub sent: bool,
}

impl Meeting {
    pub fn new(name: String, sources: Sources, now: Instant) -> Self {
        Self {
            name,
            step: None,
            progress_at: now,
            waiting_for: None,
            waiting_since: None,
            lobby_since: None,
            password_asked: now,
            wrong_passwords: 0,
            reconnecting_since: now,
            carried: None,
            session: None,
            lost_session: None,
            media_connected: false,
            stalled: None,
            stage: Stage::default(),
            announced: Muted::BOTH,
            sources,
            wish: ReceiveWish::default(),
            first_frames: BTreeSet::new(),
            talk: Talk::new(now),
            from_outside: false,
            departure: None,
        }
    }

    /// The id of the session in the plan.
    pub fn session_id(&self) -> Option<SessionId> {
        self.session.as_ref().map(|session| session.id)
    }

    /// The media of before the loss of the connection still flow.
    pub fn carries_media(&self) -> bool {
        self.media_connected && self.carried.is_some() && self.carried == self.session_id()
    }

    /// Takes the session as the conference describes it. True when it is a new one.
    pub fn set_session(&mut self, session: Option<Box<SessionPlan>>) -> bool {
        let id = session.as_ref().map(|session| session.id);
        if id.is_some() && id == self.lost_session {
            return false;
        }
        let new = id != self.session_id();
        if new {
            // Whoever saw nothing of the others for a while still sees nothing: the notice stays until media flow again.
            self.media_connected = false;
            self.first_frames.clear();
        }
        self.session = session;
        new && id.is_some()
    }

    /// The worker died, or the meeting was lost: no session lives, and nothing is seen of the others. The dead
    /// session's id, if there was one.
    pub fn forget_media(&mut self) -> Option<SessionId> {
        let dead = self.session_id();
        if dead.is_some() {
            self.lost_session = dead;
        }
        self.set_session(None);
        dead
    }
}
