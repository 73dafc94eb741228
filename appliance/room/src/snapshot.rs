//! The state of the room as panel, fleet and terminal see it. Devices are shown as they are, not as wished.

use media_protocol::DeviceFault;
use serde::Serialize;

use crate::conference::{ChatMessage, Device, JoinStep, Knocker, ParticipantId, Recording, WaitReason};
use crate::outcome::Outcome;
use crate::remote::{Bulletin, RemoteAct};
use crate::state::State;

/// The state of the room. Holds no participant's name, no address and no secret.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomState {
    /// Where the room is.
    pub state: State,
    /// The last step of joining, while joining or waiting.
    pub step: Option<JoinStep>,
    /// What is waited for, while waiting.
    pub waiting_for: Option<WaitingFor>,
    /// How the previous meeting (or try) ended; none before the first and from the next join on.
    pub outcome: Option<Outcome>,
    /// The camera.
    pub camera: DeviceStatus,
    /// The microphone.
    pub microphone: DeviceStatus,
    /// What is wrong with the loudspeaker or the screen.
    pub playback: Option<DeviceFault>,
    /// People in the meeting, the box included; 0 outside a meeting.
    pub participants: usize,
    /// Sources whose pictures are on the wall.
    pub pictures: usize,
    /// Media flows between box and conference (ICE and DTLS are up, and packets arrive).
    pub media_connected: bool,
    /// The media worker runs.
    pub worker_running: bool,
    /// Volume of the loudspeaker, 0.0 to 1.0.
    pub volume: f64,
    /// Our hand is raised.
    pub hand_raised: bool,
    /// Others whose hand is raised.
    pub hands: usize,
    /// The box may mute, admit and set a password.
    pub moderator: bool,
    /// How many wait to be let in.
    pub knocking: usize,
    /// The box has set a password (or has removed it); none: it has not touched it.
    pub protected: Option<bool>,
    /// What is kept of the meeting.
    pub recording: Recording,
    /// The box is in a side room of the meeting.
    pub side_room: bool,
    /// Messages of those who run the boxes.
    pub bulletins: Vec<Bulletin>,
    /// The box shows which one it is.
    pub located: bool,
    /// What people should know now; the most important one. The sentence stands in [`crate::words`].
    pub notice: Option<Notice>,
}

/// Who is in the meeting and who waits to be let in, with names: for the panel in the room, never for logs or the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct People {
    /// The others.
    pub participants: Vec<Person>,
    /// Who waits.
    pub knocking: Vec<Knocker>,
    /// The newest messages that the room shows, oldest first.
    pub messages: Vec<ChatMessage>,
}

/// One of the others.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// Who.
    pub id: ParticipantId,
    /// The name they chose.
    pub name: Option<String>,
    /// Their hand is raised.
    pub hand_raised: bool,
    /// They may mute, admit and remove others.
    pub moderator: bool,
    /// Their picture and sound cannot be shown.
    pub encrypted: bool,
    /// How good they say their connection is, 0 (worst) to 100.
    pub quality: Option<u8>,
}

impl std::fmt::Debug for Person {
    /// Without the name.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Person").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A capture device as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceStatus {
    /// The box has such a device, and it is plugged in.
    pub present: bool,
    /// It is really open: somebody may see or hear the room. From the worker, never from a wish.
    pub open: bool,
    /// The room wants it on.
    pub wanted: bool,
    /// Why the room does not want it on.
    pub off_because: Option<OffReason>,
    /// A moderator must allow it before it can be switched on.
    pub locked: bool,
    /// It is wanted and does not work.
    pub fault: Option<DeviceFault>,
}

/// Why a device is not wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OffReason {
    /// No meeting.
    NoMeeting,
    /// The meeting was joined with it off, or it was switched off in the room.
    InRoom,
    /// It was switched off from outside, or the meeting was joined from outside.
    Outside,
    /// A moderator switched it off.
    Moderator,
    /// The meeting was entered anew after it had been lost.
    Rejoined,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum WaitingFor {
    /// The room or the service.
    Service(WaitReason),
    /// A password.
    Password {
        /// The last one was wrong.
        wrong: bool,
    },
}

/// What people should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Notice {
    /// A moderator switched a device off.
    MutedByModerator(Device),
    /// Moderators decide from now on who may switch such a device on; ours is off.
    Moderated(Device),
    /// Somebody in the room wants a device on that a moderator must allow first.
    AskFirst(Device),
    /// A moderator allows a device to be switched on, or asks for it.
    Allowed(Device),
    /// Everybody may switch such a device on again.
    ModerationOver(Device),
    /// Somebody outside the room switched a device off.
    MutedFromOutside(Device),
    /// Somebody outside the room asked for a device to be on, which only the room can do.
    OnlyInRoom(Device),
    /// The meeting was joined from outside the room; microphone and camera are off.
    JoinedFromOutside,
    /// Something else is done from outside.
    FromOutside(RemoteAct),
    /// The box looks whether its devices work; they are open for a few seconds.
    SelfTest,
    /// The meeting was entered anew; microphone and camera are off.
    DevicesOffAfterRejoin,
    /// There is no such device to switch on.
    NoDevice(Device),
    /// A device can be switched on in a meeting only.
    NoMeeting,
    /// Another meeting is going on; leave it first.
    Occupied,
    /// The media worker is being started again; pictures and sound come back by themselves.
    MediaRestarting,
    /// No media worker can be started.
    MediaWorkerFailed,
    /// A device is wanted and does not work.
    DeviceFailed(Device, DeviceFault),
    /// The loudspeaker or the screen does not work.
    PlaybackFailed(DeviceFault),
    /// Nothing arrives from the conference.
    MediaStalled,
    /// Nobody else is in the meeting.
    Alone,
    /// Nobody else is in the meeting, and the box will leave.
    LeavingAlone(Countdown),
    /// A command that only makes sense for a moderator.
    NotModerator,
    /// The box has become the moderator: it can set a password.
    Moderator,
    /// Somebody waits to be let in.
    Knocking,
    /// The meeting has a password now, or (false) has none any more.
    PasswordSet(bool),
    /// The service has not changed the password.
    PasswordRefused,
    /// The box was sent to a side room, or (false) back to the main room.
    MovedToRoom {
        /// Not the main room.
        side: bool,
    },
}

/// How soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Countdown {
    /// Within a minute.
    Minute,
    /// Within half a minute.
    HalfMinute,
    /// Within ten seconds.
    TenSeconds,
}

impl Countdown {
    /// Every step, the last one first.
    pub const ALL: [Self; 3] = [Self::TenSeconds, Self::HalfMinute, Self::Minute];

    /// How much time is left when it is first said.
    #[must_use]
    pub const fn left(self) -> std::time::Duration {
        std::time::Duration::from_secs(match self {
            Self::Minute => 60,
            Self::HalfMinute => 30,
            Self::TenSeconds => 10,
        })
    }
}
