//! English.

mod notice;
mod talk;

pub(super) use notice::notice;
pub(super) use talk::{encrypted, hand_of, mark, moving, side_room, written_by};

use media_protocol::DeviceFault;

use super::{DeviceWord, Words};
use crate::conference::{Device, JoinStep, WaitReason};
use crate::outcome::Outcome;
use crate::remote::StickRefusal;
use crate::snapshot::WaitingFor;

pub(super) const fn outcome(outcome: Outcome) -> Words {
    match outcome {
        Outcome::Left => Words::new(
            "Meeting left",
            "Nobody sees or hears you any more; you can join another meeting.",
        ),
        Outcome::MeetingEnded => Words::new(
            "Meeting ended",
            "A moderator has ended it for everybody; there is nothing to do.",
        ),
        Outcome::NobodyLeft => Words::new(
            "Nobody left in the meeting",
            "You were alone and the device has left; join again when the others are there.",
        ),
        Outcome::Kicked => Words::new(
            "Removed from the meeting",
            "A moderator has removed this room; talk to them before you join again.",
        ),
        Outcome::Banned => Words::new(
            "Banned from the meeting",
            "A moderator has banned this room; talk to the organiser.",
        ),
        Outcome::WrongUrl => Words::new(
            "Wrong address",
            "This is not the address of a meeting; check it on the invitation and type it again.",
        ),
        Outcome::HostUnreachable => Words::new(
            "Service not reached",
            "Nothing answers at this address; check the address and the network cable, then call support.",
        ),
        Outcome::CertificateRefused => Words::new(
            "Service not recognised",
            "The identity of the service cannot be verified; do not insist and tell support.",
        ),
        Outcome::NotAConference => Words::new(
            "No meeting at this address",
            "A site answers, but it is no meeting service known here; check the address on the invitation.",
        ),
        Outcome::ConnectionRefused => Words::new(
            "Connection refused",
            "The service has refused the connection; try again in a few minutes, then call support.",
        ),
        Outcome::ProxyUnreachable => Words::new(
            "Proxy not reached",
            "The proxy of this network does not answer; check the network cable, then tell support.",
        ),
        Outcome::ProxyCredentials => Words::new(
            "Proxy wants a login",
            "The proxy of this network asks for a user name and a password; tell support.",
        ),
        Outcome::ProxyRefused => Words::new(
            "Blocked by the network",
            "The proxy of this network does not let the room through to this service; check the address, then tell support.",
        ),
        Outcome::TokenRefused => Words::new(
            "Link refused",
            "The service does not accept this access link; ask the organiser for a new one.",
        ),
        Outcome::TokenExpired => Words::new(
            "Link too old",
            "This access link is no longer valid; ask the organiser for a new one.",
        ),
        Outcome::TokenForAnotherRoom => Words::new(
            "Link of another meeting",
            "This access link opens another meeting; ask the organiser for the link of this one.",
        ),
        Outcome::AccountRefused => Words::new(
            "Account refused",
            "The service refuses the user name or password of this room; tell whoever looks after the room.",
        ),
        Outcome::LoginRequired => Words::new(
            "Account required",
            "Guests are not admitted; ask the organiser for an access link.",
        ),
        Outcome::CreationRestricted => Words::new(
            "Meeting not started",
            "The service does not open this meeting for guests; ask the organiser to start it, then try again.",
        ),
        Outcome::ReservationRefused => Words::new(
            "No reservation",
            "The service has no reservation for this meeting now; check its time with the organiser.",
        ),
        Outcome::NotOpened => Words::new(
            "Meeting not opened",
            "Nobody has opened the meeting in time; tell the organiser, then try again.",
        ),
        Outcome::PasswordRequired => Words::new(
            "Password required",
            "This meeting is protected; ask the organiser for the password, then try again.",
        ),
        Outcome::PasswordWrong => Words::new(
            "Wrong password",
            "The password was refused; check it with the organiser, then try again.",
        ),
        Outcome::MembersOnly => Words::new(
            "Members only",
            "This meeting admits only those on its list; ask the organiser to add this room.",
        ),
        Outcome::DisplayNameRequired => Words::new(
            "Name required",
            "This meeting asks for a name; give this room a name, then try again.",
        ),
        Outcome::RoomFull => Words::new(
            "Meeting full",
            "There is no place left; try again when somebody has gone or tell the organiser.",
        ),
        Outcome::EntryRefused => Words::new(
            "Entry refused",
            "The service has not let this room in; tell the organiser, then support.",
        ),
        Outcome::LobbyDenied => Words::new(
            "Not let in",
            "A moderator has declined to let this room in; talk to them before you try again.",
        ),
        Outcome::NotAdmitted => Words::new(
            "Nobody has let you in",
            "No moderator has answered in time; tell the organiser that you are waiting, then try again.",
        ),
        Outcome::VisitorOnly => Words::new(
            "Spectators only",
            "The meeting admits only spectators now, neither seen nor heard; ask the organiser for a seat.",
        ),
        Outcome::ConnectionLost => Words::new(
            "Connection lost",
            "The connection could not be restored; check the network cable, then join again.",
        ),
        Outcome::MediaBlocked => Words::new(
            "Picture and sound blocked",
            "The network lets neither picture nor sound through; call support, ports are probably closed.",
        ),
        Outcome::ServiceGone => Words::new(
            "Service interrupted",
            "The meeting service does not answer any more; try again in a few minutes.",
        ),
        Outcome::ProtocolError => Words::new(
            "Service not understood",
            "The service has answered in an unexpected way; try again, then report it to support.",
        ),
        Outcome::MediaWorkerFailed => Words::new(
            "Device failure",
            "Camera and sound of this device do not start; switch it off and on again, then call support.",
        ),
    }
}

pub(super) const fn join_step(step: JoinStep) -> Words {
    match step {
        JoinStep::Configuration => Words::new(
            "Looking for the service",
            "The device reads the settings of the service.",
        ),
        JoinStep::Connecting => Words::new("Connecting to the service", "The device calls the service."),
        JoinStep::Authenticating => Words::new("Introducing itself", "The device makes itself known to the service."),
        JoinStep::Requesting => Words::new("Asking for the meeting", "The service prepares the meeting."),
        JoinStep::Entering => Words::new("Entering the meeting", "The meeting opens in a moment."),
    }
}

pub(super) const fn joining() -> Words {
    Words::new("Calling", "The meeting opens in a moment.")
}

pub(super) const fn waiting(waiting: WaitingFor) -> Words {
    match waiting {
        WaitingFor::Service(WaitReason::NotOpenYet) => Words::new(
            "Meeting not open yet",
            "You will be let in as soon as somebody opens it; there is nothing to do.",
        ),
        WaitingFor::Service(WaitReason::ServiceBusy) => Words::new(
            "Service busy",
            "The service is not ready; the device tries again by itself.",
        ),
        WaitingFor::Service(WaitReason::Lobby) => Words::new(
            "Waiting to be admitted",
            "The moderators have been told that this room waits; one of them will let you in.",
        ),
        WaitingFor::Service(WaitReason::Host) => Words::new(
            "Waiting for the host",
            "You will be let in when the host of the meeting arrives; there is nothing to do.",
        ),
        WaitingFor::Password { wrong: false } => Words::new("Password required", "Type the password of the meeting."),
        WaitingFor::Password { wrong: true } => Words::new("Wrong password", "Check the password and type it again."),
    }
}

pub(super) const fn reconnecting() -> Words {
    Words::new(
        "Connection interrupted",
        "The device tries to come back for a quarter of an hour; to stop trying, leave the meeting.",
    )
}

pub(super) const fn leaving() -> Words {
    Words::new("End of the meeting", "Camera and microphone are being switched off.")
}

pub(super) const fn device_fault(device: Device, fault: &DeviceFault) -> Words {
    match (device, fault) {
        (Device::Microphone, DeviceFault::NotFound) => Words::new(
            "Microphone not found",
            "Check that the microphone is plugged in; it comes back by itself.",
        ),
        (Device::Camera, DeviceFault::NotFound) => Words::new(
            "Camera not found",
            "Check that the camera is plugged in; it comes back by itself.",
        ),
        (Device::Microphone, DeviceFault::Unstable) => Words::new(
            "Unstable microphone",
            "The microphone breaks off again and again; change its cable or socket.",
        ),
        (Device::Camera, DeviceFault::Unstable) => Words::new(
            "Unstable camera",
            "The camera breaks off again and again; change its cable or socket.",
        ),
        (Device::Microphone, DeviceFault::Shut) => Words::new(
            "Microphone off at its button",
            "Switch the microphone on by its own button.",
        ),
        (Device::Camera, DeviceFault::Shut) => {
            Words::new("Shutter closed", "Open the shutter before the lens of the camera.")
        }
        (_, DeviceFault::TooFewChannels { .. }) => Words::new(
            "Another microphone",
            "It has fewer channels than were set up, and works with those it has; plug in the one of this room.",
        ),
        (Device::Microphone, DeviceFault::Busy) => Words::new(
            "Microphone in use",
            "Another program holds the microphone; restart the device if it lasts.",
        ),
        (Device::Camera, DeviceFault::Busy) => Words::new(
            "Camera in use",
            "Another program holds the camera; restart the device if it lasts.",
        ),
        (Device::Microphone, DeviceFault::Forbidden) => Words::new(
            "Microphone not allowed",
            "The device may not open the microphone; call support.",
        ),
        (Device::Camera, DeviceFault::Forbidden) => Words::new(
            "Camera not allowed",
            "The device may not open the camera; call support.",
        ),
        (Device::Microphone, DeviceFault::Silent) => Words::new(
            "Silent microphone",
            "The microphone gives no sound; unplug it and plug it in again.",
        ),
        (Device::Camera, DeviceFault::Silent) => Words::new(
            "No picture from the camera",
            "The camera gives no picture; unplug it and plug it in again.",
        ),
        (Device::Microphone, DeviceFault::MissingElement { .. }) => Words::new(
            "Software incomplete",
            "A part for the microphone is missing; call support.",
        ),
        (Device::Camera, DeviceFault::MissingElement { .. }) => {
            Words::new("Software incomplete", "A part for the camera is missing; call support.")
        }
        (Device::Microphone, DeviceFault::Other { .. }) => Words::new(
            "Microphone out of order",
            "Unplug the microphone and plug it in again, then call support.",
        ),
        (Device::Camera, DeviceFault::Other { .. }) => Words::new(
            "Camera out of order",
            "Unplug the camera and plug it in again, then call support.",
        ),
    }
}

pub(super) const fn no_picture(fault: Option<&DeviceFault>) -> &'static str {
    match fault {
        None => "No picture from the camera",
        Some(DeviceFault::NotFound) => "The camera is unplugged",
        Some(DeviceFault::Shut) => "The shutter of the camera is closed",
        Some(DeviceFault::Unstable) => "The camera's connection is unstable",
        Some(_) => "The camera is out of order",
    }
}

pub(super) const fn device_state(device: Device, word: DeviceWord) -> &'static str {
    match (device, word) {
        (Device::Microphone, DeviceWord::On) => "Microphone on",
        (Device::Microphone, DeviceWord::Off) => "Microphone off",
        (Device::Microphone, DeviceWord::OffByModerator) => "Microphone switched off by a moderator",
        (Device::Microphone, DeviceWord::OffFromOutside) => "Microphone switched off remotely",
        (Device::Microphone, DeviceWord::Starting) => "Microphone starting",
        (Device::Microphone, DeviceWord::Faulty) => "Microphone out of order",
        (Device::Microphone, DeviceWord::Unplugged) => "Microphone unplugged",
        (Device::Microphone, DeviceWord::Shut) => "Microphone off at its button",
        (Device::Camera, DeviceWord::Shut) => "Camera shutter closed",
        (Device::Microphone, DeviceWord::Absent) => "No microphone",
        (Device::Camera, DeviceWord::On) => "Camera on",
        (Device::Camera, DeviceWord::Off) => "Camera off",
        (Device::Camera, DeviceWord::OffByModerator) => "Camera switched off by a moderator",
        (Device::Camera, DeviceWord::OffFromOutside) => "Camera switched off remotely",
        (Device::Camera, DeviceWord::Starting) => "Camera starting",
        (Device::Camera, DeviceWord::Faulty) => "Camera out of order",
        (Device::Camera, DeviceWord::Unplugged) => "Camera unplugged",
        (Device::Camera, DeviceWord::Absent) => "No camera",
    }
}

pub(super) fn unclaimed(serial: &str) -> String {
    format!("New device. Tell support its serial number: {serial}.")
}

pub(super) fn unwanted(serial: &str) -> String {
    format!("Device not accepted. Call support with its serial number: {serial}.")
}

pub(super) fn undelivered() -> String {
    "New device without an owner. Plug in the USB stick that was prepared for it, or call support.".into()
}

pub(super) fn stick_refused(reason: StickRefusal) -> String {
    match reason {
        StickRefusal::Empty => "Nothing on the USB stick is for a device. Ask whoever prepared it.",
        StickRefusal::Used => "The USB stick has been used already. Ask for another one.",
        StickRefusal::Unusable => "What is on the USB stick cannot be used. Ask for another one.",
        StickRefusal::InFleet => "This device is in service already. Take the USB stick out.",
        StickRefusal::NotKept => "The device could not keep what is on the USB stick. Call support.",
    }
    .into()
}

pub(super) const fn located() -> Words {
    Words::new(
        "This is the device",
        "Support is looking for it; there is nothing to do.",
    )
}

pub(super) const fn unnamed() -> &'static str {
    "No name"
}

pub(super) fn screen_of(name: &str) -> String {
    format!("Shared screen: {name}")
}

pub(super) fn service_says(text: &str) -> String {
    format!("The service says: {text}")
}

pub(super) fn in_meeting(participants: usize) -> String {
    match participants {
        0 | 1 => "In the meeting, alone for now.".into(),
        2 => "In the meeting with one other person.".into(),
        _ => format!("In the meeting with {} others.", participants - 1),
    }
}

pub(super) const fn typed_commands() -> &'static str {
    "Type: mute, unmute, camera on, camera off, hand, hand down, say ..., leave (or Ctrl-C to leave)."
}

pub(super) const fn type_password() -> &'static str {
    "Type the meeting’s password, then Enter."
}
