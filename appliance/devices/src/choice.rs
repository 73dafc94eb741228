//! Which devices to take when nobody chose. The same inventory always gives the same choice.

use media_protocol::{CameraDevice, DisplayDevice, LoudspeakerDevice, MicrophoneDevice};

use crate::inventory::{Inventory, Microphone, Speaker};

/// Words in the name of a camera that was made for rooms.
const WIDE_WORDS: [&str; 5] = ["wide", "120", "110", "room", "conference"];
/// Words in the name of a microphone or loudspeaker that was made for rooms.
const ROOM_WORDS: [&str; 6] = ["array", "speakerphone", "conference", "speak", "table", "room"];

impl Inventory {
    /// The camera to take: one made for rooms before a USB one before any other.
    #[must_use]
    pub fn default_camera(&self) -> Option<CameraDevice> {
        let best = self
            .cameras
            .iter()
            .min_by_key(|camera| (!has_word(&camera.name, &WIDE_WORDS), camera.usb.is_none()))?;
        Some(CameraDevice::V4l2 {
            path: best.path.clone(),
        })
    }

    /// The microphone to take: one made for rooms, then another USB one, then the camera's own, then the board's, where
    /// often nothing is plugged in.
    #[must_use]
    pub fn default_microphone(&self) -> Option<MicrophoneDevice> {
        let rank = |microphone: &&Microphone| match &microphone.usb {
            Some(usb) if self.is_camera(usb) => 2,
            _ if has_word(&microphone.name, &ROOM_WORDS) => 0,
            Some(_) => 1,
            None => 3,
        };
        let best = self.microphones.iter().min_by_key(rank)?;
        Some(MicrophoneDevice::Alsa {
            device: best.device.clone(),
        })
    }

    /// The loudspeaker to take: the one in the microphone's own housing (its echo is known), then another USB one, then
    /// the screen's, then the board's.
    #[must_use]
    pub fn default_loudspeaker(&self) -> Option<LoudspeakerDevice> {
        let beside = self.default_microphone().and_then(|chosen| {
            let same = |m: &&Microphone| {
                MicrophoneDevice::Alsa {
                    device: m.device.clone(),
                } == chosen
            };
            self.microphones
                .iter()
                .find(same)
                .and_then(|microphone| microphone.usb.clone())
        });
        let rank = |speaker: &&Speaker| match &speaker.usb {
            Some(usb) if beside.as_ref() == Some(usb) => 0,
            Some(usb) if !self.is_camera(usb) => 1,
            None if speaker.name.to_lowercase().contains("hdmi") => 2,
            _ => 3,
        };
        let best = self.speakers.iter().min_by_key(rank)?;
        Some(LoudspeakerDevice::Alsa {
            device: best.device.clone(),
        })
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

fn has_word(name: &str, words: &[&str]) -> bool {
    let name = name.to_lowercase();
    words.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Discovery, Simulated};

    fn alsa(card: &str) -> String {
        format!("plughw:CARD={card},DEV=0")
    }

    #[test]
    fn a_meeting_room_takes_its_room_camera_its_speakerphone_both_ways_and_the_connected_screen() {
        let room = Simulated::meeting_room().inventory();
        let camera = room.default_camera().unwrap();
        assert!(matches!(camera, CameraDevice::V4l2 { path } if path.starts_with("/dev/v4l/by-id")));
        assert_eq!(
            room.default_microphone(),
            Some(MicrophoneDevice::Alsa { device: alsa("USB") })
        );
        assert_eq!(
            room.default_loudspeaker(),
            Some(LoudspeakerDevice::Alsa { device: alsa("USB") })
        );
        assert_eq!(room.default_display(), Some(DisplayDevice::Kms { connector: Some(84) }));
    }

    #[test]
    fn without_the_speakerphone_the_cameras_microphone_and_the_screens_sound_are_taken() {
        let mut room = Simulated::meeting_room().inventory();
        room.microphones.retain(|microphone| microphone.device != alsa("USB"));
        room.speakers.retain(|speaker| speaker.device != alsa("USB"));
        assert_eq!(
            room.default_microphone(),
            Some(MicrophoneDevice::Alsa { device: alsa("Camera") })
        );
        let hdmi = LoudspeakerDevice::Alsa {
            device: "plughw:CARD=PCH,DEV=3".into(),
        };
        assert_eq!(room.default_loudspeaker(), Some(hdmi));
    }

    #[test]
    fn a_developers_desktop_gets_a_window() {
        let mut room = Simulated::meeting_room().inventory();
        room.desktop_session = true;
        assert_eq!(room.default_display(), Some(DisplayDevice::Window));
    }

    #[test]
    fn an_empty_machine_gives_no_device_and_no_error() {
        let nothing = Simulated::default().inventory();
        assert_eq!(nothing.default_camera(), None);
        assert_eq!(nothing.default_microphone(), None);
        assert_eq!(nothing.default_loudspeaker(), None);
        assert_eq!(nothing.default_display(), None);
    }

    #[test]
    fn an_inventory_survives_json() {
        let room = Simulated::meeting_room().inventory();
        let text = serde_json::to_string(&room).unwrap();
        assert_eq!(serde_json::from_str::<Inventory>(&text).unwrap(), room);
    }
}
