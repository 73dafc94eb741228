//! What comes out of a room.

use media_protocol::{MediaKind, MediaPlan, SelfTestReport, SessionId, Statistics};

use crate::conference::{ConferenceCommand, Device, JoinStep, WaitReason};
use crate::outcome::Outcome;
use crate::snapshot::RoomState;
use crate::state::Transition;

/// One effect. [`crate::Room::handle`] gives them in the order in which they must be carried out.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// For the log: the state changed.
    Moved(Transition),
    /// For the report: something happened that is worth a time stamp.
    Milestone(Milestone),
    /// Send the plan to the worker. Whole, and only when something in it changed (or the worker is new).
    Media(Box<MediaPlan>),
    /// Send a text frame over the bridge channel of the worker's session.
    BridgeMessage(SessionId, String),
    /// Tell the conference. `Join` means: make a participant first.
    Conference(ConferenceCommand),
    /// The participant did not leave in time: close its socket, drop it, pass none of its events on.
    Abandon,
    /// A capture device did not close in time: kill the worker (SIGKILL), report [`crate::WorkerInput::Gone`], start
    /// another.
    RestartWorker,
    /// Tell panel, fleet and terminal. Only when something in it changed.
    State(Box<RoomState>),
}

/// Something worth a time stamp. `at_ns` is `CLOCK_MONOTONIC` in ns, taken by the worker at the event itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Milestone {
    /// A step of joining began.
    Step(JoinStep),
    /// Joining waits.
    Waiting(WaitReason),
    /// The service's own words about a refusal; for people in the room, not for logs.
    Explained(String),
    /// The box is in the room.
    Joined,
    /// The conference described a new media session.
    SessionOffered(SessionId),
    /// ICE and DTLS are up.
    MediaConnected {
        /// Which session.
        session: SessionId,
        /// When.
        at_ns: u64,
    },
    /// The first packet of a kind left the box.
    FirstPacketSent {
        /// Audio or video.
        kind: MediaKind,
        /// When.
        at_ns: u64,
    },
    /// The first picture of a source is on the wall; once per source and session.
    FirstFrame {
        /// The source.
        source: String,
        /// When.
        at_ns: u64,
    },
    /// A capture device opened.
    CaptureOpened {
        /// Which.
        device: Device,
        /// When.
        at_ns: u64,
    },
    /// A capture device closed. `at_ns` is none when the worker died and the kernel closed it.
    CaptureClosed {
        /// Which.
        device: Device,
        /// When.
        at_ns: Option<u64>,
    },
    /// The participant is told to leave: all media has stopped, or was given up waiting for.
    LeaveSent,
    /// The try or the meeting is over.
    Ended(Outcome),
    /// A self-test has ended.
    SelfTested(SelfTestEnd),
    /// The worker's counters, passed through.
    Statistics(Box<Statistics>),
}

/// How a self-test ended.
#[derive(Debug, Clone, PartialEq)]
pub enum SelfTestEnd {
    /// With what was seen.
    Seen(SelfTestReport),
    /// It saw nothing: the room was in use, the worker gone, or the wall had something more urgent to say.
    Hindered,
    /// Somebody switched a device off.
    Stopped,
}
