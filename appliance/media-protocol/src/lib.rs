//! The messages between the two processes of the box: `roomd` (keys, no device) and `roomd-media` (devices, no key).
//!
//! The one rule: `roomd` sends the *wanted state* as a whole ([`MediaPlan`], revision n) and the worker reports facts
//! ([`FromWorker`]). A restarted worker needs one plan and nothing else. This crate links no GStreamer and does no I/O
//! but the framing of [`frame`].

pub mod event;
pub mod frame;
pub mod network;
pub mod plan;
pub mod session;

pub use event::{
    AttachedDevices, BridgeChannelState, CaptureState, DeviceFault, DeviceState, EncoderFailure, EncoderGivenUp,
    FromWorker, LayerStatistics, LocalDescription, ReceivedStatistics, SelfTestReport, SessionEvent, Statistics,
    WallState, WorkerHello,
};
pub use network::{NetworkSettings, Proxy};
pub use plan::{
    CameraDevice, CameraPlan, CapturePurpose, DeviceWish, DisplayDevice, LoudspeakerDevice, LoudspeakerPlan, MediaPlan,
    MicrophoneDevice, MicrophonePlan, OwnState, Tile, WallPlan,
};
pub use session::{
    AudioOffer, Candidate, Fingerprint, IceServer, LayerPlan, MediaKind, PayloadType, RemoteStream, RemoteTransport,
    SessionId, SessionOffer, SessionPlan, VideoCodec, VideoOffer, VideoType,
};

use serde::{Deserialize, Serialize};

/// Version of this contract. Both sides say it first; a worker of another version is refused.
pub const VERSION: u32 = 8;

/// From `roomd` to the worker. Each message travels in an [`Envelope`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum ToWorker {
    /// First message. Names the contract version and the epoch that all later messages of both sides carry.
    Hello {
        /// [`VERSION`] of the sender.
        version: u32,
    },
    /// The whole wanted state. A plan with a revision not above the last one is ignored.
    Plan(Box<MediaPlan>),
    /// A text frame for the bridge channel of `session` (SCTP data channel), at most [`frame::MAX_MESSAGE_BYTES`].
    BridgeMessage {
        /// The session whose data channel carries it; other sessions: dropped.
        session: SessionId,
        /// The JSON document.
        text: String,
    },
    /// A copy of what the wall shows is wanted; the answer is [`FromWorker::WallCopy`].
    CopyWall,
    /// A sign of life is wanted; the owner thread answers [`FromWorker::Pong`], so that a hung worker is noticed.
    Ping,
    /// Close every device and end. End of file means the same, with 300 ms at most.
    Shutdown,
}

/// What every message travels in: the epoch is the worker's incarnation, given by `roomd`; a message of another epoch
/// is dropped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope<T> {
    /// Incarnation of the worker, counted by `roomd` from 1.
    pub epoch: u64,
    /// The message.
    pub message: T,
}
