//! What somebody outside the room can ask of it, besides joining, leaving and switching off. Nothing here opens a device,
//! and nothing counts as a sign that people are in the room.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::options::ChatPolicy;
use crate::words::Language;

/// Most characters of a bulletin that are shown.
pub const MAX_BULLETIN: usize = 500;
/// Longest time that the box shows itself for.
pub const MAX_LOCATE: Duration = Duration::from_secs(600);
/// Longest self-test.
pub const MAX_SELF_TEST: Duration = Duration::from_secs(10);

/// What somebody outside wants.
#[derive(Debug, Clone, PartialEq)]
pub enum RemoteCommand {
    /// Show these bulletins from now on, and no others. Emergencies are over everything, the first one first.
    ShowBulletins(Vec<Bulletin>),
    /// Say on the wall that this is the box that is looked for; at most [`MAX_LOCATE`].
    Locate(Duration),
    /// Say on the wall what is done from outside.
    Announce(RemoteAct),
    /// Volume of the loudspeaker, 0.0 to 1.0, linear; other values are brought into the range, NaN is ignored.
    SetVolume(f64),
    /// Look whether camera, microphone and encoder work: short, announced on the wall, only while the room is idle. Ends with
    /// [`crate::Milestone::SelfTested`].
    SelfTest,
    /// Live by these settings from now on.
    Settings(Settings),
}

/// A message of those who run the boxes.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bulletin {
    /// In the language of the room. Of more than [`MAX_BULLETIN`] characters the first are shown.
    pub text: String,
    /// Over everything, in a meeting too; else only while nothing else is to be said.
    pub emergency: bool,
    /// Shown as a QR code while the room is idle and nothing else is to be said.
    #[serde(skip)]
    pub code: Option<String>,
}

/// Why a stick that was plugged into a box without an owner makes no box of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StickRefusal {
    /// Nothing on it is for a box.
    Empty,
    /// Its keys are in other boxes.
    Used,
    /// A file on it says something else than it should.
    Unusable,
    /// The box is in a fleet already.
    InFleet,
    /// The box could not write it down.
    NotKept,
}

impl StickRefusal {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Empty, Self::Used, Self::Unusable, Self::InFleet, Self::NotKept];
}

impl std::fmt::Debug for Bulletin {
    /// Without the text.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bulletin")
            .field("emergency", &self.emergency)
            .finish_non_exhaustive()
    }
}

/// Something done from outside that people in the room must know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemoteAct {
    /// A copy of what the wall shows was asked for.
    ScreenCapture,
    /// The box restarts.
    Restart,
    /// The box forgets its settings.
    FactoryReset,
    /// The box restarts into another release.
    Update,
}

impl RemoteAct {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ScreenCapture, Self::Restart, Self::FactoryReset, Self::Update];
}

/// What may be changed while the room lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Language of everything on the wall.
    pub language: Language,
    /// Which messages are shown on the wall.
    pub chat: ChatPolicy,
    /// How long the box stays after everybody else has left.
    pub alone: Duration,
}
