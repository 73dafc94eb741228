//! The state of the room as panel, fleet and terminal see it. Devices are shown as they are, not as wished.

use media_protocol::DeviceFault;
use serde::Serialize;

use crate::conference::{Device, JoinStep, WaitReason};
use crate::outcome::Outcome;
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
    /// What people should know now; the most important one. The sentence stands in [`crate::words`].
    pub notice: Option<Notice>,
}

/// A capture device as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceStatus {
    /// The box has such a device.
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
}
