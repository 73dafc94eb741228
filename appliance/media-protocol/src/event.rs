//! What the worker reports: facts, never wishes. The state shown to people follows these, not the plan.

use serde::{Deserialize, Serialize};

use crate::session::SessionId;

/// From the worker to `roomd`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum FromWorker {
    /// First message after [`crate::ToWorker::Hello`].
    Hello(WorkerHello),
    /// The answer to [`crate::ToWorker::Ping`], given by the thread that owns the media.
    Pong,
    /// The plan of this revision is in force as far as it can be; what could not be done follows as faults.
    Applied {
        /// Of the plan.
        revision: u64,
    },
    /// Which capture devices are really open. Sent at each change, and as soon as the last descriptor is closed.
    Capture(CaptureState),
    /// What is wrong with devices that are open all the same. Sent at each change. The plan's sentence is sent in the place
    /// of a camera that is [`DeviceFault::Shut`].
    Impaired {
        /// The camera.
        camera: Option<DeviceFault>,
        /// The microphone.
        microphone: Option<DeviceFault>,
    },
    /// What is plugged in: soon after the start, and at each change.
    Attached(AttachedDevices),
    /// Codecs of pictures that the box has both ways, the one first that it makes with the least work: soon after the start, and
    /// when encoders in hardware have passed their trials.
    VideoCodecs {
        /// At least one.
        codecs: Vec<crate::VideoCodec>,
    },
    /// An encoder did not do its work in a meeting, and others see a picture again by now.
    EncoderGivenUp(EncoderGivenUp),
    /// Something about a session.
    Session {
        /// Which session; stale ones are ignored.
        session: SessionId,
        /// What happened.
        event: SessionEvent,
    },
    /// What the wall really shows. Sent at each change.
    Wall(WallState),
    /// The answer to [`crate::ToWorker::CopyWall`].
    WallCopy {
        /// A JPEG in base64; none: the wall is dark, or the picture is too large.
        jpeg: Option<String>,
    },
    /// Counters, every two seconds while a session exists.
    Statistics(Statistics),
    /// How a self-test ended: once for each that a plan began ([`crate::CapturePurpose::SelfTest`]), after five seconds at the
    /// latest. Its devices stay open until a plan says otherwise.
    SelfTest(SelfTestReport),
    /// The loudspeaker or the display failed; the meeting goes on.
    PlaybackFault {
        /// The device as named in the plan.
        device: String,
        /// What is wrong.
        fault: DeviceFault,
    },
    /// A [`FromWorker::PlaybackFault`] of this device holds no longer: the device plays, or the plan wants another or none.
    PlaybackRecovered {
        /// The device as named in the fault.
        device: String,
    },
}

/// An encoder that was given up in a meeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EncoderGivenUp {
    /// Its name and its way in, for example `vah264lpenc (va)`.
    pub encoder: String,
    /// What it did not do.
    pub failure: EncoderFailure,
    /// What makes pictures now, perhaps a new instance of the same; none: nothing could be built.
    pub successor: Option<String>,
}

/// What an encoder did not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EncoderFailure {
    /// It says so itself.
    Error,
    /// Nothing comes out.
    Silent,
    /// It does not hear that a key frame is wanted.
    Deaf,
    /// It makes more than twice of what it may.
    Overshoots,
    /// It does not keep up.
    Full,
    /// What it makes does not show what was filmed.
    Unfaithful,
    /// The worker died while it was in use.
    Fatal,
}

/// What a self-test has seen.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SelfTestReport {
    /// Pictures of the camera; none: it was not tested.
    pub frames: Option<u64>,
    /// Height of the picture in the first key frame that left the encoder, lines; none: no key frame came.
    pub key_frame: Option<u32>,
    /// Loudest level of the microphone, dBov (-127: digital silence); none: it was not tested.
    pub level: Option<f64>,
}

impl SelfTestReport {
    /// So many pictures are enough: half a second.
    pub const ENOUGH_FRAMES: u64 = 15;
    /// Louder than this, dBov, is louder than the quietest that 16 bits can say: the microphone is not digitally silent.
    pub const NOT_SILENT: f64 = -100.0;
}

/// Who the worker is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerHello {
    /// [`crate::VERSION`] of the worker.
    pub version: u32,
    /// Process id.
    pub pid: u32,
    /// GStreamer's version, for example `1.22.0`.
    pub gstreamer: String,
}

/// Which capture devices are open now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaptureState {
    /// The camera.
    pub camera: DeviceState,
    /// The microphone.
    pub microphone: DeviceState,
    /// `CLOCK_MONOTONIC` in ns at the change.
    pub at_ns: u64,
}

/// The names of what is plugged in and can be used now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachedDevices {
    /// Cameras.
    pub cameras: Vec<String>,
    /// Microphones.
    pub microphones: Vec<String>,
    /// Loudspeakers.
    pub loudspeakers: Vec<String>,
    /// Displays on which [`crate::DisplayDevice::Attached`] can be shown.
    pub displays: Vec<String>,
}

/// State of a device as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum DeviceState {
    /// No descriptor is open.
    Closed,
    /// The worker holds it open; its first frame may still be on the way. One that delivers nothing for four seconds is
    /// [`DeviceState::Failed`] with [`DeviceFault::Silent`].
    Open,
    /// Wanted and not to be had; tried again every two seconds.
    Failed {
        /// Why.
        fault: DeviceFault,
    },
}

/// Why a device does not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "camelCase")]
pub enum DeviceFault {
    /// No such device or file: it is not plugged in.
    NotFound,
    /// It is not there, and broke off three times within five minutes; used again when it has stayed for two seconds.
    Unstable,
    /// It works, and somebody has shut it on itself: the shutter of a camera, the switch of a microphone. Only said of a
    /// device that is open.
    Shut,
    /// The microphone works and has not all of the channels that the plan names. Only said of one that is open.
    TooFewChannels {
        /// So many it has.
        found: u32,
    },
    /// Another program holds it.
    Busy,
    /// The process may not open it.
    Forbidden,
    /// It opened and delivers nothing.
    Silent,
    /// A GStreamer element is missing.
    MissingElement {
        /// Its factory name.
        element: String,
    },
    /// Anything else, in GStreamer's words.
    Other {
        /// For the log and the report.
        detail: String,
    },
}

/// Something about a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum SessionEvent {
    /// Our half of ICE and DTLS, ready to be signalled.
    LocalDescription(LocalDescription),
    /// ICE and DTLS are up.
    Connected {
        /// `CLOCK_MONOTONIC` in ns.
        at_ns: u64,
    },
    /// The bridge channel over SCTP changed.
    BridgeChannel(BridgeChannelState),
    /// A text frame arrived on the bridge channel.
    BridgeMessage {
        /// The JSON document, at most [`crate::frame::MAX_MESSAGE_BYTES`].
        text: String,
    },
    /// The first packet of a kind left the box (after each start of sending).
    FirstPacketSent {
        /// `audio` or `video`.
        kind: crate::MediaKind,
        /// `CLOCK_MONOTONIC` in ns.
        at_ns: u64,
    },
    /// The media watchdog: connected once, and nothing has arrived from the bridge for so long (webrtcbin never
    /// notices a vanished peer, `specs/media-engine.md §8`).
    Stalled {
        /// ms since the last RTP or RTCP packet.
        silent_ms: u64,
    },
    /// Packets arrive again after [`SessionEvent::Stalled`].
    Recovered,
    /// The session cannot work any more; a new one is needed.
    Failed {
        /// In the library's words.
        reason: String,
    },
}

/// State of the SCTP data channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BridgeChannelState {
    /// Text can be sent.
    Open,
    /// It is gone.
    Closed,
}

/// Our half of ICE and DTLS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LocalDescription {
    /// ICE user fragment.
    pub ufrag: String,
    /// ICE password.
    pub pwd: String,
    /// SHA-256 over the DER of the session's own ECDSA certificate, `active` or `passive`.
    pub fingerprint: crate::Fingerprint,
}

/// What the wall really shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WallState {
    /// Names of the video sources whose pictures are on the wall now.
    pub sources: Vec<String>,
    /// Source and `CLOCK_MONOTONIC` ns of the first frame of a source that was composed, once per source and session.
    pub first_frames: Vec<(String, u64)>,
}

/// Counters over the last interval.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statistics {
    /// The layers we send.
    pub layers: Vec<LayerStatistics>,
    /// What arrives.
    pub received: Vec<ReceivedStatistics>,
    /// Packets we sent again on request, since the session began.
    pub retransmitted: u64,
    /// Microphone level, dBov, -127 (silence) to 0.
    pub microphone_level: f64,
    /// How often sound of the microphone was lost since the worker started, because it was not read in time.
    pub microphone_overruns: u64,
    /// How often a loudspeaker had nothing to play since the worker started, because it was not given it in time.
    pub loudspeaker_underruns: u64,
}

/// One layer we send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerStatistics {
    /// Our SSRC.
    pub ssrc: u32,
    /// Picture height.
    pub height: u32,
    /// Frames a second.
    pub fps: f64,
    /// bit/s.
    pub bitrate: u64,
    /// Key frames since the session began.
    pub key_frames: u64,
}

/// One stream that arrives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceivedStatistics {
    /// Its SSRC.
    pub ssrc: u32,
    /// Decoded frames a second (video).
    pub fps: f64,
    /// Decoded height (video), 0 for audio.
    pub height: u32,
    /// Packets lost since the session began.
    pub lost: i64,
    /// Packets that arrived since the session began.
    pub packets: u64,
}
