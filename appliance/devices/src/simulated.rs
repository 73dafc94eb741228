//! Machines whose devices are given, for tests and demonstrations.

use std::path::{Path, PathBuf};

use crate::Discovery;
use crate::inventory::{Camera, Display, Inventory, Microphone, Speaker};

/// A machine whose devices are given.
#[derive(Debug, Clone, Default)]
pub struct Simulated {
    inventory: Inventory,
}

impl Simulated {
    /// A machine with exactly these devices.
    #[must_use]
    pub fn new(inventory: Inventory) -> Self {
        Self { inventory }
    }

    /// A usual meeting room: a wide camera with a poor microphone of its own, a speakerphone, the board's own sound, a
    /// screen on the first of two sockets.
    #[must_use]
    pub fn meeting_room() -> Self {
        let camera_usb = Some("2e7e:0600".to_owned());
        let phone_usb = Some("0b0e:0412".to_owned());
        let microphone = |id: &str, name: &str, card: &str, usb: &Option<String>| Microphone {
            id: id.into(),
            name: name.into(),
            device: format!("plughw:CARD={card},DEV=0"),
            usb: usb.clone(),
            channels: Vec::new(),
        };
        let speaker = |id: &str, name: &str, device: &str, usb: &Option<String>| Speaker {
            id: id.into(),
            name: name.into(),
            device: device.into(),
            usb: usb.clone(),
        };
        let display = |name: &str, connected: bool, connector: i32| Display {
            id: format!("card0-{name}"),
            name: name.into(),
            connected,
            connector: Some(connector),
            mode: connected.then(|| "1920x1080".to_owned()),
        };
        Self::new(Inventory {
            cameras: vec![Camera {
                id: "2e7e:0600:A1B2C3".into(),
                name: "Wide Room Camera 120".into(),
                path: "/dev/v4l/by-id/usb-Wide_Room_Camera_120_A1B2C3-video-index0".into(),
                node: "/dev/video0".into(),
                usb: camera_usb.clone(),
                serial: Some("A1B2C3".into()),
                speed: Some(5_000),
            }],
            codecs: Vec::new(),
            microphones: vec![
                microphone("pci-0000:00:1f.3/0", "Board Audio", "PCH", &None),
                microphone("2e7e:0600:A1B2C3/0", "Wide Room Camera 120", "Camera", &camera_usb),
                microphone("0b0e:0412:501A/0", "Round Table Speakerphone", "USB", &phone_usb),
            ],
            speakers: vec![
                speaker("pci-0000:00:1f.3/0", "Board Audio", "plughw:CARD=PCH,DEV=0", &None),
                speaker(
                    "pci-0000:00:1f.3/3",
                    "Board Audio HDMI 0",
                    "plughw:CARD=PCH,DEV=3",
                    &None,
                ),
                speaker(
                    "0b0e:0412:501A/0",
                    "Round Table Speakerphone",
                    "plughw:CARD=USB,DEV=0",
                    &phone_usb,
                ),
            ],
            displays: vec![display("HDMI-A-1", false, 77), display("HDMI-A-2", true, 84)],
            desktop_session: false,
            simulated: false,
            problems: Vec::new(),
        })
    }
}

/// Largest description of a plug that is read.
const MOST_BYTES: u64 = 64 * 1024;

/// A machine whose plugs are the files of a folder: each is an [`Inventory`] as JSON, and what it describes is plugged in
/// while the file is there. A device that is open holds its file open.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// The machine of this folder.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// The files that are there, in order.
    #[must_use]
    pub fn plugs(&self) -> Vec<PathBuf> {
        let listed = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut plugs: Vec<PathBuf> = listed.map(|entry| entry.path()).collect();
        plugs.sort();
        plugs
    }
}

impl Discovery for Folder {
    fn inventory(&self) -> Inventory {
        let mut all = Inventory {
            simulated: true,
            ..Inventory::default()
        };
        for plug in self.plugs() {
            let small = std::fs::metadata(&plug).is_ok_and(|about| about.len() <= MOST_BYTES);
            let text = std::fs::read_to_string(&plug).unwrap_or_default();
            let Some(mut found) = small.then(|| serde_json::from_str::<Inventory>(&text).ok()).flatten() else {
                // Half written, or gone by now.
                continue;
            };
            for camera in &mut found.cameras {
                camera.path = plug.clone();
            }
            for microphone in &mut found.microphones {
                microphone.device = plug.to_string_lossy().into_owned();
            }
            all.cameras.append(&mut found.cameras);
            all.codecs.append(&mut found.codecs);
            all.microphones.append(&mut found.microphones);
            all.speakers.append(&mut found.speakers);
            all.displays.append(&mut found.displays);
        }
        all
    }
}

impl Discovery for Simulated {
    fn inventory(&self) -> Inventory {
        self.inventory.clone()
    }
}
