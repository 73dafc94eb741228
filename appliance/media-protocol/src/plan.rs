//! The wanted state of the media worker, sent as a whole. Absent means off: an empty plan is a dark, silent box.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use crate::session::SessionPlan;

/// Everything the worker shall do, complete at each sending.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaPlan {
    /// Grows by one with each change, from 1.
    pub revision: u64,
    /// The camera to hold open, or none: then no camera device is open.
    pub camera: Option<CameraPlan>,
    /// The microphone to hold open, or none: then no capture device is open.
    pub microphone: Option<MicrophonePlan>,
    /// Where received sound goes.
    pub loudspeaker: Option<LoudspeakerPlan>,
    /// What the wall shows, or none: the display is left alone.
    pub wall: Option<WallPlan>,
    /// The WebRTC session, or none. A new [`crate::SessionId`] means: drop the old transport, build a new one.
    pub session: Option<SessionPlan>,
}

/// Why a capture device may be open (invariant 1 of the map). The worker believes it, and sends nothing of a device whose
/// purpose is not [`CapturePurpose::Meeting`], whatever the session's plan says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CapturePurpose {
    /// A meeting is joined with this device unmuted.
    Meeting,
    /// Somebody in the room asked to see or hear themselves. Never sent anywhere.
    Preview,
    /// A self-test of a few lit and announced seconds.
    SelfTest,
}

/// The camera to open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CameraPlan {
    /// Which one.
    pub device: CameraDevice,
    /// Why it may be open.
    pub purpose: CapturePurpose,
    /// What the others in the meeting read while the camera is wanted and gives no picture, in the room's language.
    pub stand_in: String,
}

/// Where pictures come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum CameraDevice {
    /// A V4L2 capture node, for example `/dev/video0`.
    V4l2 {
        /// The device node.
        path: PathBuf,
    },
    /// A recorded film, repeated without end (any container GStreamer's `decodebin` opens).
    File {
        /// The film.
        path: PathBuf,
    },
    /// A generated scene, 1280x720 at 30 fps: moving picture, a frame counter, and a white flash once a second on the
    /// full second of `CLOCK_MONOTONIC`, together with the beep of [`MicrophoneDevice::Simulated`].
    Simulated {
        /// It is plugged in while this file is there, and holds it open; none: always.
        plug: Option<PathBuf>,
    },
    /// One of those that are plugged in, now or later.
    Attached {
        /// The first that some camera fulfils decides; where none does, the worker does.
        wishes: Vec<DeviceWish>,
    },
}

/// Which device is wanted of those that are plugged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", content = "is", rename_all = "camelCase")]
pub enum DeviceWish {
    /// This very one, by its id (`vendor:product:serial`, as `roomd check` shows it).
    Id(String),
    /// One of this USB vendor (`046d`), or this USB vendor and product (`046d:0825`).
    Vendor(String),
    /// One with these letters in its name, large or small.
    Name(String),
}

/// The microphone to open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MicrophonePlan {
    /// Which one.
    pub device: MicrophoneDevice,
    /// Why it may be open.
    pub purpose: CapturePurpose,
    /// The channels of an array that make the sound, from 1; none: all. Their mean is sent.
    pub channels: Vec<u8>,
}

/// Where sound comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum MicrophoneDevice {
    /// An ALSA capture device, for example `hw:1,0`.
    Alsa {
        /// The ALSA name.
        device: String,
    },
    /// A recording, repeated without end.
    File {
        /// The recording.
        path: PathBuf,
    },
    /// A quiet 440 Hz tone without end, and a 100 ms beep of 1 kHz on each full second of `CLOCK_MONOTONIC`.
    Simulated {
        /// As [`CameraDevice::Simulated`].
        plug: Option<PathBuf>,
    },
    /// As [`CameraDevice::Attached`].
    Attached {
        /// As [`CameraDevice::Attached`].
        wishes: Vec<DeviceWish>,
    },
}

/// Where received sound goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoudspeakerPlan {
    /// Which one.
    pub device: LoudspeakerDevice,
    /// 0.0 (silent) to 1.0 (full), linear.
    pub volume: f64,
    /// The microphone that is wished for, muted or not: of several loudspeakers the one in its housing is preferred.
    pub beside: Vec<DeviceWish>,
}

/// A playback device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum LoudspeakerDevice {
    /// An ALSA playback device, for example `default`.
    Alsa {
        /// The ALSA name.
        device: String,
    },
    /// The mixed sound is written to a WAV file, or only measured.
    Simulated {
        /// Where to write, if anywhere.
        record: Option<PathBuf>,
    },
    /// As [`CameraDevice::Attached`].
    Attached {
        /// As [`CameraDevice::Attached`].
        wishes: Vec<DeviceWish>,
    },
}

/// What the wall shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WallPlan {
    /// The screen.
    pub display: DisplayDevice,
    /// The people, the one on stage first. The worker arranges them: the first large, the others small.
    pub tiles: Vec<Tile>,
    /// The box's own state, always visible.
    pub own: OwnState,
    /// One line of text over everything (connecting, password needed, the meeting has ended ...), already in the
    /// room's language.
    pub banner: Option<String>,
    /// Shown as a QR code above that line; none: there is none.
    pub code: Option<String>,
}

/// One person (or shared screen) on the wall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tile {
    /// Stable within a meeting; for a person the participant id.
    pub id: String,
    /// What is written under the picture.
    pub name: String,
    /// Name of the video source shown ([`crate::RemoteStream::source`]); none: the name alone is shown.
    pub source: Option<String>,
    /// A mark says the microphone is off.
    pub audio_muted: bool,
}

/// The box's own state as written on the wall, in words, already in the room's language.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnState {
    /// The name under which the box is in the meeting.
    pub name: String,
    /// For example "Micro coupé". Empty while idle.
    pub microphone: String,
    /// For example "Caméra allumée". Empty while idle.
    pub camera: String,
    /// What lasts and must be known, for example "La réunion est enregistrée".
    pub marks: Vec<String>,
}

/// Where the wall picture goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum DisplayDevice {
    /// A window where a desktop runs, else the first screen that is connected, whenever that is.
    Attached,
    /// The kernel's display (`kmssink`).
    Kms {
        /// Connector id, or the first connected one.
        connector: Option<i32>,
    },
    /// A window on the running desktop (`autovideosink`), for developers.
    Window,
    /// No screen: the picture is made all the same, and written as a JPEG file several times a second if a path is
    /// given (replaced by rename, so that a reader never sees half of one).
    Simulated {
        /// Where to write.
        snapshot: Option<PathBuf>,
    },
}
