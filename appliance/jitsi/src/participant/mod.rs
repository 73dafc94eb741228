//! The pure core of one participant.
//!
//! [`Participant`] is the door; a `Meeting` exists from a join to its end. Its parts, in the order a meeting
//! meets them: `entry` (to the bound stream; `acquaintance`: quicker where we were before), `request` (the focus), `admission` (the room's door), `lobby` (before it),
//! `answers` and `stanzas` (what arrives), `membership` (who is here), `components` and `moderation` (what those in
//! charge say), `negotiation` (sessions with the focus), `session` and `channel` (one session and its
//! bridge channel), `conversation`, `marks`, `quality` (what else is said), `side_rooms` and `hall` (other rooms of the
//! meeting: breakouts, and the lobby as a moderator sees it), `resumption` (a lost socket), `recovery` (what broke),
//! `departure`.

mod acquaintance;
mod admission;
mod answers;
mod channel;
mod components;
mod conference_http;
mod context;
mod conversation;
mod departure;
mod entry;
mod hall;
mod input;
mod keep_alive;
mod lobby;
mod marks;
mod meeting;
mod membership;
mod moderation;
mod negotiation;
mod own_sources;
mod quality;
mod recovery;
mod request;
mod resumption;
mod session;
mod side_rooms;
mod stanzas;

pub use acquaintance::Acquaintance;
pub use input::{ConnectionId, HttpBody, HttpRequest, HttpResponse, Input, NetworkError, Output, SocketEvent};

use std::time::Instant;

use rand::rngs::StdRng;
use room::conference::{ConferenceCommand, ConferenceEvent};

use crate::options::Options;
use context::Context;
use meeting::Meeting;

/// One participant; it serves one meeting after the other.
pub struct Participant {
    context: Context,
    meeting: Option<Box<Meeting>>,
}

impl std::fmt::Debug for Participant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Participant")
            .field("idle", &self.is_idle())
            .finish_non_exhaustive()
    }
}

impl Participant {
    /// A participant that is in no meeting. All chance it will ever need comes from `chance`.
    #[must_use]
    pub fn new(options: Options, chance: StdRng, now: Instant) -> Self {
        Self {
            context: Context::new(options, chance, now),
            meeting: None,
        }
    }

    /// Tells what the world's time is now, as time since 1970: tokens run out by it.
    #[must_use]
    pub fn with_wall_clock(mut self, since_1970: std::time::Duration) -> Self {
        self.context.wall_clock = Some((self.context.now, since_1970));
        self
    }

    /// Tells what the service of the meeting before was like.
    #[must_use]
    pub fn with_acquaintance(mut self, acquaintance: Option<Acquaintance>) -> Self {
        self.context.acquaintance = acquaintance;
        self
    }

    /// Takes an input at a time and gives what is to be done, in order. Time never runs backwards.
    pub fn handle(&mut self, input: Input, now: Instant) -> Vec<Output> {
        self.context.now = now;
        match (&mut self.meeting, input) {
            (None, Input::Command(ConferenceCommand::Join(request))) => {
                match Meeting::begin(*request, &mut self.context) {
                    Ok(meeting) => self.meeting = Some(Box::new(meeting)),
                    Err(outcome) => self.context.event(ConferenceEvent::Ended(outcome)),
                }
            }
            (Some(meeting), input) => meeting.handle(input, &mut self.context),
            (None, _) => {}
        }
        if let Some(meeting) = &mut self.meeting
            && let Some(outcome) = meeting.ended()
        {
            meeting.close_sockets(&mut self.context);
            let ghosts = meeting.membership.left_behind(!meeting.gone);
            self.context.leave_behind(meeting.membership.room(), ghosts);
            self.context.event(ConferenceEvent::Ended(outcome));
            self.meeting = None;
        }
        std::mem::take(&mut self.context.outputs)
    }

    /// When [`Input::Tick`] is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.meeting.as_ref().and_then(|meeting| meeting.next_deadline())
    }

    /// True while no meeting is joined, being joined or being left.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.meeting.is_none()
    }
}
