//! English notices.

use super::{device_fault, outcome};
use crate::conference::Device;
use crate::outcome::Outcome;
use crate::remote::RemoteAct;
use crate::snapshot::{Countdown, Notice};
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
        Notice::JoinedFromOutside => Words::new(
            "Meeting joined remotely",
            "Microphone and camera are off; only you can switch them on, here in the room.",
        ),
        Notice::FromOutside(RemoteAct::ScreenCapture) => Words::new(
            "This screen has been copied",
            "Support has asked for a picture of what is shown here; the room is neither seen nor heard.",
        ),
        Notice::FromOutside(RemoteAct::Restart) => Words::new(
            "The device restarts",
            "Support has asked for it; the device is back in about a minute.",
        ),
        Notice::FromOutside(RemoteAct::FactoryReset) => Words::new(
            "The device forgets its settings",
            "Support has asked for it; the device starts again as new.",
        ),
        Notice::FromOutside(RemoteAct::Update) => Words::new(
            "The device restarts",
            "It has been updated and is back in about a minute.",
        ),
        Notice::SelfTest => Words::new(
            "The device tests itself",
            "Camera and microphone are on for a few seconds; nothing leaves the room.",
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
        Notice::LeavingAlone(Countdown::Minute) => Words::new(
            "You are alone",
            "The device leaves within a minute; touch the microphone or the camera to stay.",
        ),
        Notice::LeavingAlone(Countdown::HalfMinute) => Words::new(
            "You are alone",
            "The device leaves within thirty seconds; touch the microphone or the camera to stay.",
        ),
        Notice::LeavingAlone(Countdown::TenSeconds) => Words::new(
            "You are alone",
            "The device leaves within ten seconds; touch the microphone or the camera to stay.",
        ),
        Notice::NotModerator => Words::new(
            "Only a moderator can do that",
            "Ask a moderator of the meeting to do it.",
        ),
        Notice::Moderator => Words::new(
            "You are the moderator",
            "You can set a password and let in who waits; somebody else takes over when you leave.",
        ),
        Notice::Knocking => Words::new(
            "Somebody waits to be let in",
            "Let them in or turn them away; they wait until you do.",
        ),
        Notice::PasswordSet(true) => Words::new(
            "The meeting has a password",
            "Whoever joins from now on needs it; tell it to those you expect.",
        ),
        Notice::PasswordSet(false) => Words::new(
            "The meeting has no password any more",
            "Whoever has the address can join.",
        ),
        Notice::PasswordRefused => Words::new(
            "Password not changed",
            "The service has refused; try again or ask another moderator.",
        ),
        Notice::MovedToRoom { side: true } => Words::new(
            "You are in a side room",
            "A moderator has sent you here; switch microphone and camera on in the room.",
        ),
        Notice::MovedToRoom { side: false } => Words::new(
            "You are back in the main room",
            "Switch microphone and camera on in the room.",
        ),
        Notice::Alone => Words::new("You are alone", "The others will appear here as soon as they arrive."),
    }
}
