//! Which devices to take when nobody chose. The same inventory always gives the same choice.

use std::cmp::Reverse;

use media_protocol::{CameraDevice, DeviceWish, DisplayDevice, LoudspeakerDevice, MicrophoneDevice};

use crate::inventory::{Camera, Inventory, Microphone, Speaker};

/// Fields of view by USB vendor and product: diagonal, degrees, as the makers' data sheets have them. Vendors leave the places for it in
/// their descriptors empty (`specs/camera.md §2.1`), and pictures of which sizes a camera makes it tells only when it is opened.
const FIELDS_OF_VIEW: [(&str, u16); 6] = [
    ("046d:082d", 78),  // Logitech C920
    ("046d:0843", 90),  // Logitech C930e
    ("046d:085c", 78),  // Logitech C922
    ("046d:085e", 90),  // Logitech Brio
    ("046d:0866", 120), // Logitech MeetUp
    ("046d:0881", 90),  // Logitech Rally
];
/// So much of a room is wide.
const WIDE: u16 = 90;
/// Words in the name of a camera that was made for rooms.
const WIDE_WORDS: [&str; 5] = ["wide", "120", "110", "room", "conference"];
/// Words in the name of a microphone or loudspeaker that was made for rooms.
const ROOM_WORDS: [&str; 6] = ["array", "speakerphone", "conference", "speak", "table", "room"];

impl Inventory {
    /// The camera to take: the first wish that some camera fulfils, then one that shows most of a room (known by its product, or by its
    /// name), then a USB one before any other. Of a device with several capture nodes the first.
    #[must_use]
    pub fn camera(&self, wishes: &[DeviceWish]) -> Option<&Camera> {
        self.cameras.iter().min_by_key(|camera| {
            let degrees = field_of_view(camera);
            let is_wide = degrees.map_or_else(|| has_word(&camera.name, &WIDE_WORDS), |degrees| degrees >= WIDE);
            (
                wished(wishes, &camera.id, camera.usb.as_deref(), &camera.name),
                camera.id.contains('#'),
                !is_wide,
                Reverse(degrees),
                camera.usb.is_none(),
                &camera.id,
            )
        })
    }

    /// The microphone to take: as wished, then one made for rooms, then another USB one, then the camera's own, then the
    /// board's, where often nothing is plugged in.
    #[must_use]
    pub fn microphone(&self, wishes: &[DeviceWish]) -> Option<&Microphone> {
        let rank = |microphone: &Microphone| match &microphone.usb {
            Some(usb) if self.is_camera(usb) => 2,
            _ if has_word(&microphone.name, &ROOM_WORDS) => 0,
            Some(_) => 1,
            None => 3,
        };
        self.microphones.iter().min_by_key(|microphone| {
            (
                wished(wishes, &microphone.id, microphone.usb.as_deref(), &microphone.name),
                rank(microphone),
                &microphone.id,
            )
        })
    }

    /// The loudspeaker to take: as wished, then the one in the housing of the microphone that is wished for (its echo is known), then
    /// another USB one, then the screen's, then the board's.
    #[must_use]
    pub fn loudspeaker(&self, wishes: &[DeviceWish], microphone: &[DeviceWish]) -> Option<&Speaker> {
        let beside = self.microphone(microphone).and_then(|chosen| chosen.usb.as_ref());
        let rank = |speaker: &Speaker| match &speaker.usb {
            Some(usb) if beside == Some(usb) => 0,
            Some(usb) if !self.is_camera(usb) => 1,
            None if speaker.name.to_lowercase().contains("hdmi") => 2,
            _ => 3,
        };
        self.speakers.iter().min_by_key(|speaker| {
            (
                wished(wishes, &speaker.id, speaker.usb.as_deref(), &speaker.name),
                rank(speaker),
                &speaker.id,
            )
        })
    }

    /// How a camera of this inventory is opened.
    #[must_use]
    pub fn open_camera(&self, camera: &Camera) -> CameraDevice {
        let path = camera.path.clone();
        match self.simulated {
            true => CameraDevice::Simulated { plug: Some(path) },
            false => CameraDevice::V4l2 { path },
        }
    }

    /// How a microphone of this inventory is opened.
    #[must_use]
    pub fn open_microphone(&self, microphone: &Microphone) -> MicrophoneDevice {
        let device = microphone.device.clone();
        match self.simulated {
            true => MicrophoneDevice::Simulated {
                plug: Some(device.into()),
            },
            false => MicrophoneDevice::Alsa { device },
        }
    }

    /// How a loudspeaker of this inventory is opened.
    #[must_use]
    pub fn open_loudspeaker(&self, speaker: &Speaker) -> LoudspeakerDevice {
        match self.simulated {
            true => LoudspeakerDevice::Simulated { record: None },
            false => LoudspeakerDevice::Alsa {
                device: speaker.device.clone(),
            },
        }
    }

    /// The display to take: a window where a desktop runs (it holds the screen), else the first connected screen.
    #[must_use]
    pub fn default_display(&self) -> Option<DisplayDevice> {
        if self.desktop_session {
            return Some(DisplayDevice::Window);
        }
        let screen = self.displays.iter().find(|display| display.connected)?;
        Some(DisplayDevice::Kms {
            connector: screen.connector,
        })
    }

    fn is_camera(&self, usb: &str) -> bool {
        self.cameras.iter().any(|camera| camera.usb.as_deref() == Some(usb))
    }
}

fn field_of_view(camera: &Camera) -> Option<u16> {
    let usb = camera.usb.as_deref()?;
    let known = FIELDS_OF_VIEW.iter().find(|(product, _)| *product == usb);
    known.map(|(_, degrees)| *degrees)
}

/// Which of the wishes a device fulfils; none: their number.
fn wished(wishes: &[DeviceWish], id: &str, usb: Option<&str>, name: &str) -> usize {
    let fulfils = |wish: &DeviceWish| match wish {
        // The number of a device within its card or of a node within its camera need not be named.
        DeviceWish::Id(wanted) => id == wanted || id.split(['#', '/']).next() == Some(wanted),
        DeviceWish::Vendor(wanted) => {
            let wanted = wanted.to_lowercase();
            usb.is_some_and(|usb| usb == wanted || usb.split(':').next() == Some(&wanted))
        }
        DeviceWish::Name(wanted) => name.to_lowercase().contains(&wanted.to_lowercase()),
    };
    wishes.iter().position(fulfils).unwrap_or(wishes.len())
}

fn has_word(name: &str, words: &[&str]) -> bool {
    let name = name.to_lowercase();
    words.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests;
