//! Everything that people read: one file per language, the same functions in each.
//!
//! Every function is a `match` without a wildcard, so that a new outcome without words does not compile.

mod english;
mod french;

use media_protocol::DeviceFault;
use serde::{Deserialize, Serialize};

use crate::conference::{Device, JoinStep, WaitReason};
use crate::outcome::Outcome;
use crate::remote::StickRefusal;
use crate::snapshot::{Notice, WaitingFor};

/// A language of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// French, the default.
    #[default]
    French,
    /// English.
    English,
}

impl Language {
    /// Every language there is.
    pub const ALL: [Language; 2] = [Language::French, Language::English];
}

impl std::str::FromStr for Language {
    type Err = UnknownLanguage;

    /// Reads `fr`, `en`, `french`, `english`, and locale names such as `fr_FR.UTF-8`.
    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        let word = text
            .split(['_', '-', '.'])
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        match word.as_str() {
            "fr" | "french" => Ok(Language::French),
            "en" | "english" => Ok(Language::English),
            _ => Err(UnknownLanguage),
        }
    }
}

/// Not a language of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownLanguage;

impl std::fmt::Display for UnknownLanguage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a language of this box: write `fr` or `en`")
    }
}

impl std::error::Error for UnknownLanguage {}

/// What is said about one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Words {
    /// A few words, without a full stop.
    pub title: &'static str,
    /// A sentence that says what to do or what happens next.
    pub sentence: &'static str,
}

impl Words {
    pub(crate) const fn new(title: &'static str, sentence: &'static str) -> Self {
        Self { title, sentence }
    }

    /// Both in one line, as on the wall and the terminal.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{}. {}", self.title, self.sentence)
    }
}

/// What is said of a capture device in a few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceWord {
    /// Really open.
    On,
    /// Closed.
    Off,
    /// Closed by a moderator.
    OffByModerator,
    /// Closed from outside the room.
    OffFromOutside,
    /// Wanted, and on the way.
    Starting,
    /// Wanted, and does not work.
    Faulty,
    /// Wanted, and not plugged in.
    Unplugged,
    /// Really open, and shut by somebody on the device itself.
    Shut,
    /// There is none.
    Absent,
}

impl DeviceWord {
    /// Every word there is.
    pub const ALL: [DeviceWord; 9] = [
        DeviceWord::On,
        DeviceWord::Off,
        DeviceWord::OffByModerator,
        DeviceWord::OffFromOutside,
        DeviceWord::Starting,
        DeviceWord::Faulty,
        DeviceWord::Unplugged,
        DeviceWord::Shut,
        DeviceWord::Absent,
    ];
}

/// A lasting mark beside the box's own state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// The meeting is recorded.
    Recorded,
    /// The meeting is broadcast.
    Broadcast,
    /// What is said is written down.
    Transcribed,
    /// Our hand is raised.
    HandRaised,
}

impl Mark {
    /// Every mark there is.
    pub const ALL: [Mark; 4] = [Mark::Recorded, Mark::Broadcast, Mark::Transcribed, Mark::HandRaised];
}

/// A function of the catalogue in the language asked for.
macro_rules! in_language {
    ($(#[$doc:meta])* $name:ident($($argument:ident: $kind:ty),*) -> $result:ty) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(language: Language $(, $argument: $kind)*) -> $result {
            match language {
                Language::French => french::$name($($argument),*),
                Language::English => english::$name($($argument),*),
            }
        }
    };
}

in_language! {
    /// How a meeting or a try to join ended.
    outcome(outcome: Outcome) -> Words
}
in_language! {
    /// A step of joining.
    join_step(step: JoinStep) -> Words
}
in_language! {
    /// On the way into a meeting, no step known.
    joining() -> Words
}
in_language! {
    /// What is waited for.
    waiting(waiting: WaitingFor) -> Words
}
in_language! {
    /// Signalling is lost.
    reconnecting() -> Words
}
in_language! {
    /// On the way out.
    leaving() -> Words
}
in_language! {
    /// Why a capture device does not work.
    device_fault(device: Device, fault: &DeviceFault) -> Words
}
in_language! {
    /// What the others in the meeting read in place of the camera's picture.
    no_picture(fault: Option<&DeviceFault>) -> &'static str
}
in_language! {
    /// A capture device in a few words.
    device_state(device: Device, word: DeviceWord) -> &'static str
}
in_language! {
    /// What people should know.
    notice(notice: &Notice) -> Words
}
in_language! {
    /// The box belongs to no fleet yet; `serial` as it stands on it.
    unclaimed(serial: &str) -> String
}
in_language! {
    /// The fleet does not want the box.
    unwanted(serial: &str) -> String
}
in_language! {
    /// Nobody has said whose box this is.
    undelivered() -> String
}
in_language! {
    /// A stick that should have said it does not.
    stick_refused(reason: StickRefusal) -> String
}
in_language! {
    /// The box that is looked for.
    located() -> Words
}
in_language! {
    /// In place of a name that somebody did not give.
    unnamed() -> &'static str
}
in_language! {
    /// Under a shared screen.
    screen_of(name: &str) -> String
}

in_language! {
    /// The service's own words about a refusal.
    service_says(text: &str) -> String
}
in_language! {
    /// Under somebody whose hand is raised.
    hand_of(name: &str) -> String
}
in_language! {
    /// Under somebody whose picture and sound are end-to-end encrypted.
    encrypted(name: &str) -> String
}
in_language! {
    /// A message of somebody, to everybody or to this room alone.
    written_by(name: &str, text: &str, private: bool) -> String
}
in_language! {
    /// A lasting mark.
    mark(mark: Mark) -> &'static str
}
in_language! {
    /// The box is in a side room.
    side_room(name: &str) -> String
}
in_language! {
    /// On the way to another room of the same meeting.
    moving() -> Words
}

in_language! {
    /// The box is in; `participants` counts everybody, the box included.
    in_meeting(participants: usize) -> String
}
in_language! {
    /// What can be typed at a terminal while a meeting runs.
    typed_commands() -> &'static str
}
in_language! {
    /// What to type when a password is wanted.
    type_password() -> &'static str
}
/// Why the room is not entered yet.
#[must_use]
pub fn wait_reason(language: Language, reason: WaitReason) -> Words {
    waiting(language, WaitingFor::Service(reason))
}

#[cfg(test)]
mod tests;
