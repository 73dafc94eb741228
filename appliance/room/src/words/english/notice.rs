//! English notices.

use super::{device_fault, outcome};
use crate::conference::Device;
use crate::outcome::Outcome;
use crate::snapshot::Notice;
use crate::words::Words;

pub(in crate::words) const fn notice(notice: &Notice) -> Words {
    match notice {
        Notice::MutedByModerator(Device::Microphone) => Words::new(
            "Microphone switched off by a moderator",
            "Switch it on in the room when you want to speak.",
        ),
        Notice::MutedByModerator(Device::Camera) => Words::new(
            "Camera switched off by a moderator",
            "Switch it on in the room when you want to be seen.",
        ),
        Notice::Moderated(Device::Microphone) => Words::new(
            "Microphones are moderated",
            "Yours is off; raise your hand when you want to speak.",
        ),
        Notice::Moderated(Device::Camera) => Words::new(
            "Cameras are moderated",
            "Yours is off; raise your hand when you want to be seen.",
        ),
        Notice::AskFirst(Device::Microphone) => Words::new(
            "A moderator decides who speaks",
            "Raise your hand; you can switch the microphone on as soon as it is allowed.",
        ),
        Notice::AskFirst(Device::Camera) => Words::new(
            "A moderator decides who is seen",
            "Raise your hand; you can switch the camera on as soon as it is allowed.",
        ),
        Notice::Allowed(Device::Microphone) => Words::new(
            "You may speak now",
            "A moderator allows it; switch the microphone on in the room if you like.",
        ),
        Notice::Allowed(Device::Camera) => Words::new(
            "You may be seen now",
            "A moderator allows it; switch the camera on in the room if you like.",
        ),
        Notice::ModerationOver(Device::Microphone) => Words::new(
            "Everybody may speak again",
            "Switch the microphone on in the room when you want to speak.",
        ),
        Notice::ModerationOver(Device::Camera) => Words::new(
            "Everybody may be seen again",
            "Switch the camera on in the room when you want to be seen.",
        ),
        Notice::MutedFromOutside(Device::Microphone) => Words::new(
            "Microphone switched off remotely",
            "Switch it on in the room when you want to speak.",
        ),
        Notice::MutedFromOutside(Device::Camera) => Words::new(
            "Camera switched off remotely",
            "Switch it on in the room when you want to be seen.",
        ),
        Notice::OnlyInRoom(Device::Microphone) => Words::new(
            "Your microphone is asked for",
            "Only you can switch it on, here in the room.",
        ),
        Notice::OnlyInRoom(Device::Camera) => Words::new(
            "Your camera is asked for",
            "Only you can switch it on, here in the room.",
        ),
        Notice::DevicesOffAfterRejoin => Words::new(
            "Microphone and camera off",
            "The meeting was joined again; switch them on in the room.",
        ),
        Notice::NoDevice(Device::Microphone) => Words::new("No microphone", "Plug in a microphone or call support."),
        Notice::NoDevice(Device::Camera) => Words::new("No camera", "Plug in a camera or call support."),
        Notice::NoMeeting => Words::new("No meeting", "Join a meeting first."),
        Notice::Occupied => Words::new(
            "Already in a meeting",
            "Leave this meeting before you join another one.",
        ),
        Notice::MediaRestarting => Words::new(
            "Picture and sound interrupted",
            "They come back by themselves in a few seconds.",
        ),
        Notice::MediaWorkerFailed => outcome(Outcome::MediaWorkerFailed),
        Notice::DeviceFailed(device, fault) => device_fault(*device, fault),
        Notice::PlaybackFailed(_) => Words::new(
            "Loudspeaker or screen out of order",
            "Check that they are plugged in and switched on, then call support.",
        ),
        Notice::MediaStalled => Words::new(
            "Nothing arrives from the meeting",
            "The device restores picture and sound by itself; wait a moment.",
        ),
        Notice::Alone => Words::new("You are alone", "The others will appear here as soon as they arrive."),
    }
}
