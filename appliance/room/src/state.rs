//! The states of a room and the table of its transitions, which the machine obeys and the picture is drawn from.

use serde::Serialize;

/// Where a room is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// No meeting. How the last one ended is remembered.
    Idle,
    /// On the way into a meeting.
    Joining,
    /// Not in yet: the room is not open, the service is not ready, or a password is needed.
    Waiting,
    /// In a meeting. Here, and while reconnecting as long as the old media flow, a capture device may be open.
    InMeeting,
    /// In a meeting whose signalling is lost; media may still run.
    Reconnecting,
    /// On the way out: media stops first, then the participant leaves.
    Leaving,
}

/// Why a state changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// Somebody wants to join.
    Join,
    /// The room is not open yet or the service is not ready.
    MustWait,
    /// The room has a password, and somebody can be asked for it.
    PasswordWanted,
    /// Somebody typed the password.
    PasswordGiven,
    /// The way in is free.
    WayIn,
    /// The box is in the room.
    Joined,
    /// The signalling connection is lost.
    ConnectionLost,
    /// The signalling connection is back.
    ConnectionBack,
    /// Somebody wants to leave.
    Leave,
    /// It cannot go on: a password that nobody can give, no media worker, put out of the room.
    GiveUp,
    /// It took too long.
    TimeOut,
    /// The conference says that it is over.
    Ended,
}

impl Trigger {
    /// The word in the picture.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Trigger::Join => "join",
            Trigger::MustWait => "must wait",
            Trigger::PasswordWanted => "password wanted",
            Trigger::PasswordGiven => "password given",
            Trigger::WayIn => "way in",
            Trigger::Joined => "joined",
            Trigger::ConnectionLost => "connection lost",
            Trigger::ConnectionBack => "connection back",
            Trigger::Leave => "leave",
            Trigger::GiveUp => "give up",
            Trigger::TimeOut => "time out",
            Trigger::Ended => "ended",
        }
    }
}

/// A change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Transition {
    /// From where.
    pub from: State,
    /// Why.
    pub trigger: Trigger,
    /// Where to.
    pub to: State,
}

/// Every transition there is. A state and a trigger that do not stand here together change nothing.
pub const TRANSITIONS: &[(State, Trigger, State)] = &[
    (State::Idle, Trigger::Join, State::Joining),
    (State::Joining, Trigger::MustWait, State::Waiting),
    (State::Joining, Trigger::PasswordWanted, State::Waiting),
    (State::Joining, Trigger::Joined, State::InMeeting),
    (State::Joining, Trigger::Leave, State::Leaving),
    (State::Joining, Trigger::GiveUp, State::Leaving),
    (State::Joining, Trigger::TimeOut, State::Leaving),
    (State::Joining, Trigger::Ended, State::Idle),
    (State::Waiting, Trigger::WayIn, State::Joining),
    (State::Waiting, Trigger::PasswordGiven, State::Joining),
    (State::Waiting, Trigger::Joined, State::InMeeting),
    (State::Waiting, Trigger::Leave, State::Leaving),
    (State::Waiting, Trigger::GiveUp, State::Leaving),
    (State::Waiting, Trigger::TimeOut, State::Leaving),
    (State::Waiting, Trigger::Ended, State::Idle),
    (State::InMeeting, Trigger::ConnectionLost, State::Reconnecting),
    (State::InMeeting, Trigger::Leave, State::Leaving),
    (State::InMeeting, Trigger::GiveUp, State::Leaving),
    (State::InMeeting, Trigger::Ended, State::Idle),
    (State::Reconnecting, Trigger::ConnectionBack, State::InMeeting),
    (State::Reconnecting, Trigger::MustWait, State::Waiting),
    (State::Reconnecting, Trigger::PasswordWanted, State::Waiting),
    (State::Reconnecting, Trigger::Leave, State::Leaving),
    (State::Reconnecting, Trigger::GiveUp, State::Leaving),
    (State::Reconnecting, Trigger::TimeOut, State::Leaving),
    (State::Reconnecting, Trigger::Ended, State::Idle),
    (State::Leaving, Trigger::Ended, State::Idle),
    (State::Leaving, Trigger::TimeOut, State::Idle),
];

/// The transition that a trigger causes in a state, if any.
#[must_use]
pub fn transition(from: State, trigger: Trigger) -> Option<Transition> {
    let row = TRANSITIONS.iter().find(|row| row.0 == from && row.1 == trigger)?;
    Some(Transition {
        from,
        trigger,
        to: row.2,
    })
}

/// [`TRANSITIONS`] as a Mermaid state diagram: one arrow per pair of states, with all its triggers.
#[must_use]
pub fn mermaid() -> String {
    let mut arrows: Vec<(State, State, Vec<&str>)> = Vec::new();
    for &(from, trigger, to) in TRANSITIONS {
        match arrows.iter_mut().find(|arrow| arrow.0 == from && arrow.1 == to) {
            Some(arrow) => arrow.2.push(trigger.label()),
            None => arrows.push((from, to, vec![trigger.label()])),
        }
    }
    let mut text = String::from("stateDiagram-v2\n    [*] --> Idle\n");
    for (from, to, labels) in arrows {
        text.push_str(&format!("    {from:?} --> {to:?}: {}\n", labels.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_and_a_trigger_lead_to_one_place_only() {
        for (index, row) in TRANSITIONS.iter().enumerate() {
            let same = TRANSITIONS
                .iter()
                .position(|other| (other.0, other.1) == (row.0, row.1));
            assert_eq!(same, Some(index), "{row:?} stands twice");
        }
    }

    #[test]
    fn every_state_can_be_left_towards_idle_by_one_word_of_the_conference() {
        for row in TRANSITIONS.iter().filter(|row| row.0 != State::Idle) {
            assert_eq!(transition(row.0, Trigger::Ended).map(|t| t.to), Some(State::Idle));
        }
    }
}
