//! One Jitsi participant: URL -> XMPP -> focus -> Jingle -> bridge channel.
//!
//! The one rule: [`participant::Participant::handle`] takes an input and the time and gives outputs; it does no I/O,
//! reads no clock and draws chance only from the generator it got at birth. The driver behind [`spawn`] owns the sockets.

pub mod bosh;
pub mod bridge;
pub mod conference_request;
pub mod config_js;
pub mod discovery;
mod driver;
pub mod jid;
pub mod jingle;
pub mod left_behind;
pub mod muc;
pub mod ns;
pub mod options;
pub mod participant;
pub mod stanza;
pub mod stream;
pub mod token;
pub mod url;
pub mod xml;

pub use driver::{Handle, Starter, leave_left_behind, spawn};
pub use options::{Layer, Options, ServiceAccount};
