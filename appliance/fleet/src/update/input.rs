//! What goes into an update.

use jiff::tz::TimeZone;

use crate::contract::Update;

/// What the box is, as it started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Release that runs.
    pub release: String,
    /// Slot that runs, as RAUC calls it.
    pub slot: String,
    /// The counter in fuses or TPM: no release below it may run.
    pub security_version: u32,
    /// Of the room: windows are read by the clock on its wall.
    pub time_zone: TimeZone,
}

/// What happened outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The fleet: the release to reach. Its signature holds, its revision only grows, it is on disk; it comes again at each
    /// start, and nothing but a trial goes on before it has.
    Desired(Box<Update>),
    /// The store: the oldest [`super::Output::Write`] without this word is on disk and survives a power cut.
    Written,
    /// The room. Until the first word it counts as in use.
    Room(Room),
    /// The room has moved: its time zone.
    TimeZone(TimeZone),
    /// The download: so many bytes of the bundle are there, those of earlier attempts included.
    Received {
        /// Of [`Update::size`].
        bytes: u64,
    },
    /// The download: the bundle is there, its size and hash are those of the document.
    Downloaded,
    /// The download: it ended before. What is on disk stays there for the next attempt.
    DownloadFailed(DownloadFault),
    /// Answers [`super::Output::Verify`]; or why the signature of the bundle does not hold.
    Verified(Result<BundleFacts, String>),
    /// RAUC: how far it is.
    Installing {
        /// Of the installation.
        percent: u8,
    },
    /// Answers [`super::Output::Install`]; or what RAUC says (`LastError`).
    Installed(Result<(), String>),
    /// Answers [`super::Output::SelfTest`]. What does not stand in it has not been passed.
    SelfTest(Vec<Check>),
    /// Somebody of the fleet has answered since the box started.
    Contact(Contact),
    /// [`super::Updater::next_deadline`] has come, or the clock was set.
    Tick,
}

/// What goes on in the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Room {
    /// A meeting, or somebody on the way into one, or a preview.
    InUse,
    /// Nobody needs it.
    Idle,
}

/// Why a download ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DownloadFault {
    /// The server says no, and will say it again: a status 3xx or 4xx (but 408 and 429, which pass).
    Final {
        /// Of HTTP.
        status: u16,
    },
    /// The line, a time-out, a status 5xx: worth another attempt.
    Passing {
        /// Not before, says the server (`Retry-After`); 0: it says nothing.
        retry_after_ms: u64,
    },
    /// More or fewer bytes than [`Update::size`].
    WrongSize,
    /// Not [`Update::sha256`].
    WrongHash,
    /// The disk is full.
    NoSpace,
}

/// What a bundle says of itself, under a signature that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleFacts {
    /// Its version.
    pub release: String,
    /// Of RAUC's manifest.
    pub manifest_hash: String,
    /// Of the release in it.
    pub security_version: u32,
    /// It was made for this kind of box (`compatible` of RAUC).
    pub compatible: bool,
}

/// A part of the self-test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Which.
    pub name: CheckName,
    /// It works.
    pub passed: bool,
    /// What was seen: figures, or why not. No name of a person.
    pub detail: String,
}

/// The parts of the self-test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CheckName {
    /// Frames come from the camera.
    Camera,
    /// The microphone has a level.
    Microphone,
    /// A key frame comes out of the encoder.
    Encoder,
    /// The conference server can be reached. Opens no device.
    Jitsi,
}

impl CheckName {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Camera, Self::Microphone, Self::Encoder, Self::Jitsi];

    /// In one word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Microphone => "microphone",
            Self::Encoder => "encoder",
            Self::Jitsi => "jitsi",
        }
    }
}

/// Who of the fleet has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Contact {
    /// The broker: CONNACK, with the certificate of the box.
    Broker,
    /// The server that the bundle came from, over TLS, whatever it said.
    UpdateServer,
}
