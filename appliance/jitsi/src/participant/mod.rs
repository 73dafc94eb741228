//! The pure core of one participant.

mod input;

pub use input::{ConnectionId, HttpResponse, Input, NetworkError, Output, SocketEvent};

use std::time::Instant;

use crate::options::Options;

/// One participant of one deployment at a time.
#[derive(Debug)]
pub struct Participant {
    options: Options,
}

impl Participant {
    /// A participant that is in no meeting.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    /// Takes an input at a time and gives what is to be done, in order.
    pub fn handle(&mut self, _input: Input, _now: Instant) -> Vec<Output> {
        let _ = &self.options;
        Vec::new()
    }

    /// When [`Input::Tick`] is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        None
    }

    /// True while no meeting is joined, being joined or being left.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        true
    }
}
