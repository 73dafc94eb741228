//! The components of the deployment: learnt from the server's disco#info, asked for or pushed, and needed to know whose
//! word counts (`specs/jitsi-client.md §1`). What a component says before it is known waits until it is.

use minidom::Element;

use super::context::Context;
use super::meeting::Meeting;
use crate::discovery::{Components, ServerInfo};

/// Messages that wait at most until the components are known.
const HELD: usize = 32;

/// The components, and what waits for them.
#[derive(Debug, Default)]
pub(super) struct Announced {
    /// None until the server has said which there are.
    known: Option<Components>,
    held: Vec<Element>,
}

impl Announced {
    /// Keeps a message until the components are known; true if it has to wait.
    pub fn hold(&mut self, message: &Element) -> bool {
        if self.known.is_some() {
            return false;
        }
        if self.held.len() < HELD {
            self.held.push(message.clone());
        }
        true
    }
}

impl Meeting {
    /// The components of the deployment; none while the server has not said which there are.
    pub fn components(&self) -> Components {
        self.announced.known.clone().unwrap_or_default()
    }

    /// The server has said what it has, or (none) will not. Held messages are heard now, in their order.
    pub fn announce(&mut self, info: Option<&ServerInfo>, cx: &mut Context) {
        match info {
            Some(info) => {
                tracing::debug!(shard = info.shard, release = info.release, "components are known");
                self.announced.known = Some(Components::of(info));
            }
            None => drop(self.announced.known.get_or_insert_default()),
        }
        for message in std::mem::take(&mut self.announced.held) {
            self.message(&message, cx);
        }
    }
}
