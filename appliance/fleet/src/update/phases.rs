//! Which phase follows which. The picture in `ARCHITECTURE.md` is drawn from this table, and tests hold the machine to it.

use crate::contract::Phase;

/// With which phases a box can answer a new document, and why.
pub const BEGINNINGS: &[(Phase, &str)] = &[
    (Phase::Idle, "it runs already"),
    (Phase::Refused, "not for this box"),
    (Phase::Waiting, "another release"),
    (Phase::RebootPending, "the same bundle, installed"),
];

/// Every change of phase under one document, and why.
pub const ARROWS: &[(Phase, Phase, &str)] = &[
    (Phase::Waiting, Phase::Downloading, "its time"),
    (Phase::Downloading, Phase::Waiting, "its time is over, restart"),
    (Phase::Downloading, Phase::Verifying, "all of it is here"),
    (
        Phase::Downloading,
        Phase::Failed,
        "4xx, size, hash, space, a day without a byte",
    ),
    (Phase::Verifying, Phase::Waiting, "its time is over, restart"),
    (Phase::Verifying, Phase::Installing, "it is the one"),
    (Phase::Verifying, Phase::Failed, "it is not"),
    (Phase::Verifying, Phase::Refused, "another kind of box, downgrade"),
    (Phase::Installing, Phase::Waiting, "restart"),
    (Phase::Installing, Phase::Failed, "RAUC says no"),
    (Phase::Installing, Phase::RebootPending, "it is in the other slot"),
    (Phase::Installing, Phase::Trial, "restart into the other slot"),
    (
        Phase::RebootPending,
        Phase::Trial,
        "its time, and nobody needs the room",
    ),
    (Phase::Trial, Phase::Confirmed, "contact, self-test, 10 minutes up"),
    (Phase::Trial, Phase::RolledBack, "the slot before runs again"),
    (Phase::Trial, Phase::Failed, "there is no way back"),
    (Phase::Confirmed, Phase::RolledBack, "the slot before runs again"),
    (Phase::Failed, Phase::Waiting, "once more"),
    (Phase::RolledBack, Phase::Waiting, "once more"),
    (Phase::RolledBack, Phase::Trial, "the bad slot runs again"),
];

/// [`BEGINNINGS`] and [`ARROWS`] as a Mermaid state diagram.
#[must_use]
pub fn mermaid() -> String {
    let mut text = String::from("stateDiagram-v2\n");
    for (to, why) in BEGINNINGS {
        text.push_str(&format!("    [*] --> {to:?}: {why}\n"));
    }
    for (from, to, why) in ARROWS {
        text.push_str(&format!("    {from:?} --> {to:?}: {why}\n"));
    }
    text
}
