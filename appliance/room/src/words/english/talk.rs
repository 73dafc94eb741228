//! English: hands, messages, rooms of a meeting.

use crate::words::{Mark, Words};

pub(in crate::words) fn hand_of(name: &str) -> String {
    format!("{name} (hand raised)")
}

pub(in crate::words) fn encrypted(name: &str) -> String {
    format!("{name} (encrypted, cannot be shown)")
}

pub(in crate::words) fn written_by(name: &str, text: &str, private: bool) -> String {
    if private {
        format!("{name}, to this room alone: {text}")
    } else {
        format!("{name}: {text}")
    }
}

pub(in crate::words) const fn mark(mark: Mark) -> &'static str {
    match mark {
        Mark::Recorded => "This meeting is recorded",
        Mark::Broadcast => "This meeting is broadcast",
        Mark::Transcribed => "What is said is written down",
        Mark::HandRaised => "Your hand is raised",
    }
}

pub(in crate::words) fn side_room(name: &str) -> String {
    format!("Side room: {name}")
}

pub(in crate::words) const fn moving() -> Words {
    Words::new(
        "On the way to another room",
        "A moderator sends you there; wait a moment.",
    )
}
