//! The behaviour of a room: a pure state machine. Meeting, mute, consent, why a meeting ended.
//!
//! The one rule: [`Room::handle`] takes an input and the time and gives effects; it does no I/O, reads no clock, draws
//! no chance and knows conferences, never Jitsi. Nothing else in the box decides.
//!
//! | file | what stands in it |
//! |---|---|
//! | [`conference`] | the words between the room and a participant of any conference service |
//! | [`outcome`] | how a meeting ended: names, exit codes |
//! | [`input`], [`effect`] | what goes in, what comes out |
//! | [`snapshot`] | the state as panel, fleet and terminal see it |
//! | [`remote`] | what can be asked from outside the room |
//! | [`state`] | the states and the table of transitions, and the picture drawn from it |
//! | [`machine`] | [`Room`] itself |
//! | [`words`] | everything people read, French and English |

pub mod conference;
pub mod effect;
pub mod input;
pub mod machine;
pub mod options;
pub mod outcome;
pub mod remote;
pub mod snapshot;
pub mod state;
pub mod words;

pub use effect::{Effect, Milestone, SelfTestEnd};
pub use input::{JoinCommand, Origin, RoomCommand, RoomInput, WorkerInput};
pub use machine::Room;
pub use options::{ChatPolicy, Equipment, RECONNECTING, RoomOptions, Timing};
pub use outcome::Outcome;
pub use remote::{Bulletin, RemoteAct, RemoteCommand, Settings, StickRefusal};
pub use snapshot::{Countdown, DeviceStatus, Notice, OffReason, People, Person, RoomState, WaitingFor};
pub use state::{State, Transition, Trigger};
pub use words::Language;
