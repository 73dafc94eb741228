//! The behaviour of a room: a pure state machine. Meeting, mute, consent, why a meeting ended.
//!
//! The one rule: [`Room::handle`](machine::Room::handle) takes an input and the time and gives effects; it does no
//! I/O, reads no clock and knows conferences, never Jitsi. Nothing else in the box decides.

pub mod conference;
pub mod outcome;
