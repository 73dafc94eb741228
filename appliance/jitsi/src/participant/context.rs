//! What all parts of the core share while one input is handled.

use std::time::{Duration, Instant};

use media_protocol::SessionId;
use rand::RngExt;
use rand::rngs::StdRng;
use room::conference::ConferenceEvent;

use super::acquaintance::Acquaintance;
use super::{ConnectionId, Output};
use crate::options::Options;

/// How long a room may still show who was lost: as long as Prosody does not notice (14 minutes) and keeps the stream.
const HAUNTS: Duration = Duration::from_secs(16 * 60);
/// Ghosts of earlier meetings that are remembered.
const MAX_GHOSTS: usize = 16;

/// An id of ours of an earlier meeting in a room.
struct Ghost {
    room: String,
    id: String,
    until: Instant,
}

/// Counters, chance and the outputs of the input being handled.
pub(super) struct Context {
    pub options: Options,
    pub chance: StdRng,
    pub now: Instant,
    pub outputs: Vec<Output>,
    /// The moment of `now` in the world's time, at birth: a moment, and the time since 1970.
    pub wall_clock: Option<(Instant, Duration)>,
    ghosts: Vec<Ghost>,
    /// The service of the last meeting.
    pub acquaintance: Option<Acquaintance>,
    connections: u64,
    next_session: SessionId,
    iqs: u64,
    birth: Instant,
}

impl Context {
    pub fn new(mut options: Options, mut chance: StdRng, now: Instant) -> Self {
        if options.machine_uid.is_empty() {
            options.machine_uid = format!("{:032x}", chance.random::<u128>());
        }
        Self {
            next_session: options.first_session,
            options,
            chance,
            now,
            outputs: Vec::new(),
            wall_clock: None,
            ghosts: Vec::new(),
            acquaintance: None,
            connections: 0,
            iqs: 0,
            birth: now,
        }
    }

    /// When a moment of the world's time comes; none: no clock was given, or it was before.
    pub fn moment(&self, since_1970: Duration) -> Option<Instant> {
        let (at, then) = self.wall_clock?;
        since_1970.checked_sub(then).and_then(|later| at.checked_add(later))
    }

    pub fn connection(&mut self) -> ConnectionId {
        self.connections += 1;
        ConnectionId(self.connections)
    }

    pub fn session(&mut self) -> SessionId {
        let next = SessionId(self.next_session.0.saturating_add(1));
        std::mem::replace(&mut self.next_session, next)
    }

    /// An IQ id that nobody can guess, so that nobody else can answer.
    pub fn iq_id(&mut self) -> String {
        self.iqs += 1;
        format!("q{}-{:016x}", self.iqs, self.chance.random::<u64>())
    }

    pub fn hex(&mut self, digits: usize) -> String {
        (0..digits)
            .map(|_| char::from_digit(self.chance.random_range(0..16), 16).unwrap_or('0'))
            .collect()
    }

    /// The time of day in ms since 1970, as others write it into stanzas.
    pub fn epoch_ms(&self) -> u64 {
        let lived = self.now.duration_since(self.birth).as_millis();
        self.options
            .epoch_ms
            .saturating_add(u64::try_from(lived).unwrap_or(u64::MAX))
            .max(1)
    }

    pub fn event(&mut self, event: ConferenceEvent) {
        self.outputs.push(Output::Event(event));
    }

    pub fn output(&mut self, output: Output) {
        self.outputs.push(output);
    }

    /// The service is known as this from now on, to later participants too.
    pub fn acquaint(&mut self, acquaintance: Option<Acquaintance>) {
        if self.acquaintance != acquaintance {
            self.acquaintance.clone_from(&acquaintance);
            self.output(Output::Acquainted(acquaintance.map(Box::new)));
        }
    }

    /// A duration between half and one and a half of the given.
    pub fn jitter(&mut self, around: Duration) -> Duration {
        around.mul_f64(self.chance.random_range(0.5..1.5))
    }

    /// A duration up to the given: many who have lost the same thing do not come back at the same moment.
    pub fn full_jitter(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.chance.random_range(0.0..1.0))
    }

    /// Keeps what a meeting that is over leaves behind in its room.
    pub fn leave_behind(&mut self, room: &str, ids: Vec<String>) {
        let until = self.after(HAUNTS);
        self.ghosts.extend(ids.into_iter().map(|id| Ghost {
            room: room.to_owned(),
            id,
            until,
        }));
        self.ghosts.drain(..self.ghosts.len().saturating_sub(MAX_GHOSTS));
    }

    /// Takes our ghosts in this room.
    pub fn ghosts_in(&mut self, room: &str) -> Vec<String> {
        let now = self.now;
        self.ghosts.retain(|ghost| ghost.until > now);
        let here = self.ghosts.extract_if(.., |ghost| ghost.room == room);
        here.map(|ghost| ghost.id).collect()
    }

    /// An instant so far from now.
    pub fn after(&self, duration: Duration) -> Instant {
        self.now + duration
    }
}

/// Counts what may come so and so often within a second.
#[derive(Debug, Default)]
pub(super) struct PerSecond {
    since: Option<Instant>,
    counted: u32,
}

impl PerSecond {
    /// Counts one more; false if it is above the limit.
    pub fn count(&mut self, now: Instant, limit: u32) -> bool {
        let same_second = |since: Instant| now.duration_since(since) < Duration::from_secs(1);
        if !self.since.is_some_and(same_second) {
            *self = Self {
                since: Some(now),
                counted: 0,
            };
        }
        self.counted = self.counted.saturating_add(1);
        self.counted <= limit
    }
}

/// Takes a deadline that has come.
pub(super) fn due(deadline: &mut Option<Instant>, now: Instant) -> bool {
    let due = deadline.is_some_and(|at| at <= now);
    if due {
        *deadline = None;
    }
    due
}

/// The earliest.
pub(super) fn earliest(deadlines: impl IntoIterator<Item = Option<Instant>>) -> Option<Instant> {
    deadlines.into_iter().flatten().min()
}

/// Doubling waits: `first`, twice that, and so on up to `limit`.
pub(super) fn backoff(first: Duration, attempt: u32, limit: Duration) -> Duration {
    first
        .saturating_mul(1_u32.checked_shl(attempt.min(16)).unwrap_or(u32::MAX))
        .min(limit)
}
