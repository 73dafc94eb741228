//! What goes into a room: commands of people, events of the conference, facts of the media worker, time.

use media_protocol::FromWorker;

use crate::conference::{ConferenceEvent, Muted, ParticipantId};
use crate::options::Equipment;
use crate::remote::RemoteCommand;

/// One input of [`crate::Room::handle`].
#[derive(Debug, Clone, PartialEq)]
pub enum RoomInput {
    /// Somebody wants something.
    Command(RoomCommand),
    /// The conference says something. Events of a participant that was abandoned must not be passed in.
    Conference(ConferenceEvent),
    /// The media worker says something, or something happened to it.
    Worker(WorkerInput),
    /// Other devices shall be used from now on (something was plugged in or pulled out).
    Equipment(Box<Equipment>),
    /// [`crate::Room::next_deadline`] has come. Early or late ones do no harm.
    Timer,
}

/// What somebody wants.
#[derive(Clone, PartialEq)]
pub enum RoomCommand {
    /// Join a conference. Refused with a notice unless the room is idle.
    Join(Box<JoinCommand>),
    /// Leave, whatever is going on.
    Leave,
    /// The password of the room; only heard while the room waits for it.
    Password(String),
    /// Switch the microphone. From outside: off only (invariant 2).
    SetMicrophone {
        /// On or off.
        on: bool,
        /// Where the wish comes from.
        origin: Origin,
    },
    /// Switch the camera. From outside: off only (invariant 2).
    SetCamera {
        /// On or off.
        on: bool,
        /// Where the wish comes from.
        origin: Origin,
    },
    /// Raise or lower the hand. Only people in the room can; it is down whenever a meeting is entered.
    RaiseHand(bool),
    /// Appear under another name, in this meeting.
    SetName(String),
    /// Write to everybody in the meeting, or to one.
    Say {
        /// To whom; none: to everybody.
        to: Option<ParticipantId>,
        /// What.
        text: String,
    },
    /// As a moderator: set or (none) remove the password of the meeting.
    SetPassword(Option<String>),
    /// As a moderator: let somebody in who waits, or turn them away.
    Admit {
        /// Who waits.
        who: ParticipantId,
        /// In, or away.
        admitted: bool,
    },
    /// Stay in the meeting although nobody else is there; the time until the box leaves begins anew.
    Stay,
    /// Volume of the loudspeaker, 0.0 to 1.0, linear; other values are brought into the range, NaN is ignored.
    SetVolume(f64),
    /// What only somebody outside the room can want.
    Remote(RemoteCommand),
}

/// Where a wish comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A person in the room: panel, remote control, the terminal of `roomd join`.
    InRoom,
    /// From outside the room: MQTT, calendar, a person elsewhere.
    Remote,
}

/// Which conference, as whom, and with which devices on.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinCommand {
    /// The room's address as typed, scanned or received.
    pub url: String,
    /// Name under which the box appears.
    pub name: String,
    /// Password of the room, if known.
    pub password: Option<String>,
    /// Token (JWT) for the deployment, if given beside the URL.
    pub token: Option<String>,
    /// Devices that shall stay off. From [`Origin::Remote`] both stay off, whatever is said here.
    pub muted: Muted,
    /// Where the wish comes from.
    pub origin: Origin,
}

/// About the media worker.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkerInput {
    /// A new worker runs and both sides have said hello. It gets the whole plan. No plan is sent before.
    Started,
    /// A message of the running worker (not of an earlier epoch).
    Message(FromWorker),
    /// The worker ended or does not answer any more and was killed: every device of it is closed. A new one is being
    /// started.
    Gone,
    /// No worker can be started. Until [`WorkerInput::Started`] no meeting is possible.
    Failed,
}

impl std::fmt::Debug for JoinCommand {
    /// Without the secrets, the name, and the URL, which may carry a token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinCommand")
            .field("muted", &self.muted)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for RoomCommand {
    /// Without passwords, names and texts.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RoomCommand::Join(join) => f.debug_tuple("Join").field(join).finish(),
            RoomCommand::Leave => f.write_str("Leave"),
            RoomCommand::Password(_) => f.write_str("Password(..)"),
            RoomCommand::SetMicrophone { on, origin } => write!(f, "SetMicrophone({on}, {origin:?})"),
            RoomCommand::SetCamera { on, origin } => write!(f, "SetCamera({on}, {origin:?})"),
            RoomCommand::RaiseHand(up) => write!(f, "RaiseHand({up})"),
            RoomCommand::SetName(_) => f.write_str("SetName(..)"),
            RoomCommand::Say { .. } => f.write_str("Say { .. }"),
            RoomCommand::SetPassword(_) => f.write_str("SetPassword(..)"),
            RoomCommand::Admit { admitted, .. } => write!(f, "Admit {{ admitted: {admitted} }}"),
            RoomCommand::Stay => f.write_str("Stay"),
            RoomCommand::SetVolume(volume) => write!(f, "SetVolume({volume})"),
            RoomCommand::Remote(command) => f.debug_tuple("Remote").field(command).finish(),
        }
    }
}
