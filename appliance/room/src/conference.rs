//! What a room knows of a conference service: the words that pass between the room and a participant of any service.
//!
//! `jitsi` implements them today; another service implements the same words.

use media_protocol::{LocalDescription, SessionEvent, SessionId, SessionPlan, Statistics};
use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;

/// Identifies a participant within one meeting (in Jitsi the endpoint id).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ParticipantId(pub String);

/// One of the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Who.
    pub id: ParticipantId,
    /// The name they chose, cleaned of control characters, at most 100 characters.
    pub name: Option<String>,
    /// Their microphone is off.
    pub audio_muted: bool,
    /// Their camera is off.
    pub video_muted: bool,
    /// Name of their camera source, if they have one that is on.
    pub camera: Option<String>,
    /// Name of their shared screen, if any.
    pub desktop: Option<String>,
    /// When they raised their hand, in the service's own time; none: it is down.
    pub raised_hand: Option<u64>,
    /// Their picture and sound are end-to-end encrypted, and the box has no key.
    pub encrypted: bool,
    /// They may mute, admit and remove others.
    pub moderator: bool,
    /// How good they say their connection is, 0 (worst) to 100.
    pub quality: Option<u8>,
}

/// Something written in the meeting.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct ChatMessage {
    /// Who wrote it.
    pub from: ParticipantId,
    /// Their name, if known.
    pub name: Option<String>,
    /// Written to the box alone.
    pub private: bool,
    /// It answers another message.
    pub reply: bool,
    /// What was written, cleaned of control characters, at most 1,000 characters.
    pub text: String,
}

impl std::fmt::Debug for ChatMessage {
    /// Without name and text.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatMessage")
            .field("private", &self.private)
            .finish_non_exhaustive()
    }
}

/// Somebody who waits to be let in.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Knocker {
    /// Who, in the waiting room.
    pub id: ParticipantId,
    /// The name they chose.
    pub name: Option<String>,
}

impl std::fmt::Debug for Knocker {
    /// Without the name.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Knocker").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is kept of the meeting, or carried out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// Picture and sound are recorded.
    pub recorded: bool,
    /// Picture and sound are broadcast.
    pub broadcast: bool,
    /// What is said is written down.
    pub transcribed: bool,
}

/// Which of the box's two capture devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Device {
    /// The microphone.
    Microphone,
    /// The camera.
    Camera,
}

/// Whether the conference lets a device be switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Permission {
    /// As people like.
    #[default]
    Open,
    /// Only after a moderator has allowed it. Whoever is on is switched off.
    Locked,
    /// A moderator has allowed it, or asks for it.
    Granted,
}

/// What is needed to join.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinRequest {
    /// The room's address as typed, scanned or received.
    pub url: String,
    /// Name under which the box appears.
    pub name: String,
    /// Password of the room, if one was given.
    pub password: Option<String>,
    /// A token (JWT) for the deployment, if one was given beside the URL.
    pub token: Option<String>,
    /// The mute state to announce from the first presence on.
    pub muted: Muted,
    /// The sources to announce.
    pub sources: Sources,
}

impl std::fmt::Debug for JoinRequest {
    /// Without the secrets, and without the URL, which may carry a token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JoinRequest")
            .field("muted", &self.muted)
            .finish_non_exhaustive()
    }
}

/// Mute state of the box as the conference shall show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Muted {
    /// The microphone is off.
    pub audio: bool,
    /// The camera is off.
    pub video: bool,
}

impl Muted {
    /// Both devices are off.
    pub const BOTH: Self = Self {
        audio: true,
        video: true,
    };
}

/// Which sources the box has. One whose device is not there is not announced, so that the others do not wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sources {
    /// There is a microphone.
    pub audio: bool,
    /// There is a camera.
    pub video: bool,
}

impl Sources {
    /// Microphone and camera.
    pub const BOTH: Self = Self {
        audio: true,
        video: true,
    };
    /// Neither.
    pub const NONE: Self = Self {
        audio: false,
        video: false,
    };

    /// Those of these that are not among `others`.
    #[must_use]
    pub fn without(self, others: Self) -> Self {
        Self {
            audio: self.audio && !others.audio,
            video: self.video && !others.video,
        }
    }
}

/// From the room to the participant.
#[derive(Clone, PartialEq)]
pub enum ConferenceCommand {
    /// Join. Only while no conference is joined or being joined.
    Join(Box<JoinRequest>),
    /// The answer to [`ConferenceEvent::PasswordRequired`].
    Password(String),
    /// Publish the mute state. The room has already stopped or not yet started the device.
    SetMuted(Muted),
    /// A device was plugged in or pulled out: its source is announced or withdrawn.
    SetSources(Sources),
    /// Which pictures are wanted.
    Receive(ReceiveWish),
    /// Raise or lower the hand.
    RaiseHand(bool),
    /// Appear under another name.
    SetName(String),
    /// Write to everybody, or to one.
    Say {
        /// To whom; none: to everybody.
        to: Option<ParticipantId>,
        /// What; longer than 1,000 characters is cut.
        text: String,
    },
    /// Moderator only: set or (none) remove the password of the room. Answered by [`ConferenceEvent::PasswordSet`].
    SetPassword(Option<String>),
    /// Moderator only: let somebody in who waits, or turn them away.
    Admit {
        /// Who waits.
        who: ParticipantId,
        /// In, or away.
        admitted: bool,
    },
    /// The media worker's counters, for those who want to know the quality of the box's connection.
    Statistics(Box<Statistics>),
    /// A fact from the media worker about a session of this conference.
    Media(SessionId, SessionEvent),
    /// The media worker is gone, and with it every transport; ask the conference for a new session.
    MediaLost,
    /// Leave so that nobody sees or hears the box any more. Answered by [`ConferenceEvent::Ended`].
    Leave,
}

impl std::fmt::Debug for ConferenceCommand {
    /// Without passwords, and without the ICE password in a media fact.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ConferenceCommand::Join(request) => f.debug_tuple("Join").field(request).finish(),
            ConferenceCommand::Password(_) => f.write_str("Password(..)"),
            ConferenceCommand::SetMuted(muted) => f.debug_tuple("SetMuted").field(muted).finish(),
            ConferenceCommand::SetSources(sources) => f.debug_tuple("SetSources").field(sources).finish(),
            ConferenceCommand::Receive(wish) => f.debug_tuple("Receive").field(wish).finish(),
            ConferenceCommand::RaiseHand(up) => f.debug_tuple("RaiseHand").field(up).finish(),
            ConferenceCommand::SetName(_) => f.write_str("SetName(..)"),
            ConferenceCommand::Say { .. } => f.write_str("Say { .. }"),
            ConferenceCommand::SetPassword(_) => f.write_str("SetPassword(..)"),
            ConferenceCommand::Admit { admitted, .. } => write!(f, "Admit {{ admitted: {admitted} }}"),
            ConferenceCommand::Statistics(_) => f.write_str("Statistics(..)"),
            ConferenceCommand::Media(session, _) => f.debug_tuple("Media").field(session).finish_non_exhaustive(),
            ConferenceCommand::MediaLost => f.write_str("MediaLost"),
            ConferenceCommand::Leave => f.write_str("Leave"),
        }
    }
}

/// Which pictures are wanted, in the participant's terms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReceiveWish {
    /// Source shown large and its wanted height in pixels.
    pub stage: Option<(String, u32)>,
    /// Sources shown small and their wanted height in pixels, most wanted first.
    pub others: Vec<(String, u32)>,
}

/// From the participant to the room.
#[derive(Debug, Clone, PartialEq)]
pub enum ConferenceEvent {
    /// How far joining has come, for the terminal and the wall.
    Progress(JoinStep),
    /// The room has a password: none was given, or (`wrong`) it was refused.
    PasswordRequired {
        /// True when a password was tried.
        wrong: bool,
    },
    /// Not in yet, and trying again by itself.
    Waiting(WaitReason),
    /// The service's own words about a refusal that follows, cleaned of control characters, at most 300 characters.
    Explained(String),
    /// The box is in the room and visible to others. After [`ConferenceEvent::Reconnecting`]: it was left and is entered
    /// anew, with both devices announced as off.
    Joined {
        /// The box's own id.
        me: ParticipantId,
    },
    /// All the others, at each change.
    Participants(Vec<Participant>),
    /// Somebody else speaks, or nobody.
    DominantSpeaker(Option<ParticipantId>),
    /// The session wanted of the media worker, whole, at each change; none: no session exists.
    /// `send_audio` and `send_video` in it say what the conference allows; the room narrows them by mute state.
    Session(Option<Box<SessionPlan>>),
    /// A text frame for the bridge channel of the session (for the media worker).
    BridgeMessage(SessionId, String),
    /// A moderator switched a device off; the room must stop it and publish so.
    MutedByModerator {
        /// Which.
        device: Device,
        /// Who did it, if known.
        actor: Option<ParticipantId>,
    },
    /// Whether a device may be switched on has changed, or ([`Permission::Granted`] said again) somebody asks for it. It
    /// never switches one on.
    Permission {
        /// Which.
        device: Device,
        /// What holds from now on.
        permission: Permission,
        /// Whose decision, if known.
        actor: Option<ParticipantId>,
    },
    /// Somebody has written something.
    Message(ChatMessage),
    /// What is kept of the meeting, at each change.
    Recording(Recording),
    /// The box has become a moderator, or is none any more.
    Moderator(bool),
    /// Everybody who waits to be let in, at each change. Only moderators are told.
    Knocking(Vec<Knocker>),
    /// The answer to [`ConferenceCommand::SetPassword`].
    PasswordSet {
        /// The room has a password now; none: the service has refused.
        protected: Option<bool>,
    },
    /// The moderators send the box to another room of the same meeting; [`ConferenceEvent::Reconnecting`],
    /// [`ConferenceEvent::Joined`] and [`ConferenceEvent::InRoom`] follow.
    Moving,
    /// Which room of the meeting the box is in: the name of a side room, or the main room.
    InRoom(Option<String>),
    /// The connection to the service was lost; it is being rebuilt. Media may still run.
    Reconnecting,
    /// The connection is back without having left the room.
    Reconnected,
    /// The participant has begun to leave by itself, for this reason; nothing but [`ConferenceEvent::Ended`] follows that
    /// matters. From now on nobody receives the box.
    Ending(Outcome),
    /// It is over. Nothing follows but a new [`ConferenceCommand::Join`].
    Ended(Outcome),
}

/// Steps of joining, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum JoinStep {
    /// Reading the deployment's configuration.
    Configuration,
    /// Opening the signalling connection.
    Connecting,
    /// Authenticating.
    Authenticating,
    /// Asking for the conference.
    Requesting,
    /// Entering the room.
    Entering,
}

/// Why the box is not in yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WaitReason {
    /// Nobody has opened the room yet, or guests may not open it.
    NotOpenYet,
    /// The service says it is not ready.
    ServiceBusy,
    /// In the lobby: a moderator must let the box in.
    Lobby,
    /// In the lobby until the host of the meeting comes.
    Host,
}

/// What the session answer needs of the worker; re-exported for participants.
pub type Answer = LocalDescription;
