//! What a room is given at birth.

use std::time::Duration;

use media_protocol::{CameraDevice, DisplayDevice, LoudspeakerDevice, MicrophoneDevice};

use serde::Deserialize;

use crate::words::Language;

/// How long a meeting whose connection is lost is tried to be joined again, by the room and the participant alike. A
/// switch or router that starts again, or a provider that fails for ten minutes, brings nobody out of the meeting; who
/// does not want to wait leaves. Longer than a quarter of an hour, and the meeting goes on without the room or elsewhere.
pub const RECONNECTING: Duration = Duration::from_secs(15 * 60);

/// What a room is given at birth.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomOptions {
    /// Language of everything on the wall.
    pub language: Language,
    /// The devices to use.
    pub equipment: Equipment,
    /// Loudspeaker volume to begin with, 0.0 to 1.0.
    pub volume: f64,
    /// Somebody can type a password: wait for it. False: a wanted or wrong password ends the try at once.
    pub ask_password: bool,
    /// People (and screens) on the wall at most, the one on stage included.
    pub tiles: usize,
    /// Which messages are shown on the wall.
    pub chat: ChatPolicy,
    /// How long things may take.
    pub timing: Timing,
}

/// Which messages are shown on the wall, where everybody in the room reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChatPolicy {
    /// None.
    Nothing,
    /// Those written to everybody.
    #[default]
    Public,
    /// Also those written to this room alone.
    All,
}

impl Default for RoomOptions {
    fn default() -> Self {
        Self {
            language: Language::default(),
            equipment: Equipment::default(),
            volume: 1.0,
            ask_password: false,
            tiles: 6,
            chat: ChatPolicy::default(),
            timing: Timing::default(),
        }
    }
}

/// The devices to use; none: the box has no such device, or shall not use it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Equipment {
    /// The camera.
    pub camera: Option<CameraDevice>,
    /// The microphone.
    pub microphone: Option<MicrophoneDevice>,
    /// Those of its channels that make the sound, from 1; none: all.
    pub microphone_channels: Vec<u8>,
    /// The loudspeaker.
    pub loudspeaker: Option<LoudspeakerDevice>,
    /// The screen.
    pub display: Option<DisplayDevice>,
}

/// How long things may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// Between two signs of progress while joining; then [`crate::Outcome::ServiceGone`].
    pub joining: Duration,
    /// For the room to be opened or the service to be ready, over the whole try; then [`crate::Outcome::NotOpened`] or
    /// [`crate::Outcome::ServiceGone`].
    pub waiting: Duration,
    /// In the lobby: for a moderator to let the box in, or for the host to come; then [`crate::Outcome::NotAdmitted`] or
    /// [`crate::Outcome::NotOpened`].
    pub lobby: Duration,
    /// For a password to be typed; then [`crate::Outcome::PasswordRequired`] or [`crate::Outcome::PasswordWrong`].
    pub password: Duration,
    /// For a lost connection to come back ([`RECONNECTING`]); then [`crate::Outcome::ConnectionLost`].
    pub reconnecting: Duration,
    /// While the connection is lost, for media that have fallen silent to flow again; then the devices close, and the
    /// room comes back dark. As long as the servers of Jitsi keep a lost stream: who comes back later is entered anew.
    pub carried: Duration,
    /// For media to stop before the participant is told to leave all the same.
    pub media_stop: Duration,
    /// For leaving as a whole; then the participant is abandoned.
    pub leaving: Duration,
    /// For a capture device to close after the plan says so; then the worker is killed.
    pub capture_close: Duration,
    /// How long somebody must be the dominant speaker to take the stage.
    pub speaker_hold: Duration,
    /// How long a passing notice is shown.
    pub notice: Duration,
    /// How long the outcome of a meeting is on the wall.
    pub farewell: Duration,
    /// How long a message is shown.
    pub chat: Duration,
    /// How long the box stays after everybody else has left; then [`crate::Outcome::NobodyLeft`].
    pub alone: Duration,
    /// How long the box stays where nobody else has come yet; then the same.
    pub expecting: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            joining: Duration::from_secs(60),
            waiting: Duration::from_secs(600),
            lobby: Duration::from_secs(1800),
            password: Duration::from_secs(120),
            reconnecting: RECONNECTING,
            carried: Duration::from_secs(60),
            media_stop: Duration::from_millis(400),
            leaving: Duration::from_secs(2),
            capture_close: Duration::from_secs(1),
            speaker_hold: Duration::from_secs(1),
            notice: Duration::from_secs(10),
            farewell: Duration::from_secs(60),
            chat: Duration::from_secs(12),
            alone: Duration::from_secs(300),
            expecting: Duration::from_secs(3600),
        }
    }
}
