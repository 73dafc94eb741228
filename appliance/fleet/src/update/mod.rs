//! The update of a box, as a pure core (`specs/fleet-mqtt.md §1`, 6/7): it does no I/O, reads no clock and draws chance only
//! from the generator given at birth.

mod input;
mod output;

pub use input::{BundleFacts, Check, CheckName, Contact, DownloadFault, Facts, Input, Room};
pub use output::Output;

use std::collections::VecDeque;

use rand::rngs::StdRng;

use crate::session::Now;

/// An update on its way.
#[derive(Debug)]
pub struct Updater {
    outputs: VecDeque<Output>,
}

impl Updater {
    /// A box that starts, with what the last [`Output::Write`] held. `chance` has to differ at each start.
    #[must_use]
    pub fn new(_facts: Facts, _stored: Option<&[u8]>, _chance: StdRng, _now: Now) -> Self {
        Self {
            outputs: VecDeque::new(),
        }
    }

    /// Something happened.
    pub fn handle(&mut self, _input: Input, _now: &Now) {}

    /// What shall happen next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Tick`] is due at the latest, as [`Now::up_ms`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        None
    }
}
