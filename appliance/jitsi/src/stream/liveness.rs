//! Whether the server still lives: XEP-0199, with the figures of `specs/jitsi-client.md §1`.

use std::time::{Duration, Instant};

/// Silence after which a ping goes out.
const IDLE: Duration = Duration::from_secs(10);
/// Time for its answer.
const ANSWER: Duration = Duration::from_secs(5);
/// Unanswered pings in a row that mean death.
const FAILURES: u32 = 2;

/// Time for the answer where media do not arrive either; one unanswered ping is enough then.
const DOUBTED_ANSWER: Duration = Duration::from_secs(3);

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing.
    None,
    /// Send a ping with this id.
    Ping(String),
    /// The server is dead.
    Dead,
}

/// Counts silence and pings.
#[derive(Debug)]
pub(super) struct Liveness {
    heard: Instant,
    ping: Option<Instant>,
    failures: u32,
    number: u64,
    doubted: Option<Instant>,
}

impl Liveness {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            heard: now,
            ping: None,
            failures: 0,
            number: 0,
            doubted: None,
        }
    }

    /// Anything arrived: it lives.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.ping = None;
        self.failures = 0;
        self.doubted = None;
    }

    /// There is a reason to ask at once. Who was heard a moment ago is not asked.
    pub(super) fn doubt(&mut self, now: Instant) {
        if self.doubted.is_none() && now.duration_since(self.heard) >= DOUBTED_ANSWER {
            self.doubted = Some(now);
            self.ping = None;
        }
    }

    /// Whether this is the id of one of our pings; their answers, results and errors alike, are of no further interest.
    pub(super) fn answered(&self, id: &str) -> bool {
        id.strip_prefix("ping-")
            .and_then(|number| number.parse::<u64>().ok())
            .is_some_and(|number| number <= self.number)
    }

    pub(super) fn next_deadline(&self) -> Instant {
        let answer = if self.doubted.is_some() { DOUBTED_ANSWER } else { ANSWER };
        match (self.ping, self.doubted) {
            (Some(sent), _) => sent + answer,
            (None, Some(at)) => at,
            (None, None) => self.heard + IDLE,
        }
    }

    pub(super) fn tick(&mut self, now: Instant) -> Action {
        if now < self.next_deadline() {
            return Action::None;
        }
        if self.ping.is_some() {
            self.failures += 1;
            if self.failures >= FAILURES || self.doubted.is_some() {
                return Action::Dead;
            }
        }
        self.number += 1;
        self.ping = Some(now);
        Action::Ping(format!("ping-{}", self.number))
    }
}
