//! One device as udev and sysfs describe it, and the pure functions from there to the inventory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::inventory::{Camera, Display, Microphone, Speaker};

/// Serial numbers that vendors give to every piece (`specs/camera.md §2.1`), in lower case.
const DUMMY_SERIALS: [&str; 8] = [
    "0001",
    "sn0001",
    "00000000",
    "01.00.00",
    "200901010001",
    "20000000",
    "serial",
    "none",
];

/// Longest name that is taken over from a device.
const NAME_LIMIT: usize = 80;

/// One device as udev and sysfs describe it. Everything in it may be missing or nonsense: devices write it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// The kernel's name, for example `video0`, `pcmC1D0c`, `card0-HDMI-A-1`.
    pub sysname: String,
    /// The node, if there is one.
    pub node: Option<PathBuf>,
    /// udev's properties.
    pub properties: BTreeMap<String, String>,
    /// The sysfs attributes that are of interest, without the newline at their end.
    pub attributes: BTreeMap<String, String>,
    /// The sound card of a PCM.
    pub parent: Option<Box<Entry>>,
}

impl Entry {
    fn property(&self, key: &str) -> Option<&str> {
        self.properties
            .get(key)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes
            .get(key)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// USB vendor and product, `046d:0825`.
    fn usb(&self) -> Option<String> {
        let (vendor, product) = (self.property("ID_VENDOR_ID")?, self.property("ID_MODEL_ID")?);
        Some(format!("{vendor}:{product}"))
    }

    fn serial(&self) -> Option<&str> {
        let serial = self.property("ID_SERIAL_SHORT")?;
        let vendor = self.property("ID_VENDOR_ID").unwrap_or_default();
        let dummy = DUMMY_SERIALS.contains(&serial.to_lowercase().as_str())
            || serial.eq_ignore_ascii_case(vendor)
            || serial.chars().all(|c| c == '0');
        (!dummy).then_some(serial)
    }

    /// See [`Camera::id`].
    fn identity(&self) -> String {
        match (self.usb(), self.serial(), self.property("ID_PATH")) {
            (Some(usb), Some(serial), _) => format!("{usb}:{serial}"),
            (Some(usb), None, Some(path)) => format!("{usb}@{path}"),
            (None, _, Some(path)) => path.to_owned(),
            (Some(usb), None, None) => usb,
            (None, _, None) => self.sysname.clone(),
        }
    }
}

/// A name fit to be shown: no control characters, one line, not endless.
fn clean(name: &str) -> String {
    let text: String = name
        .chars()
        .map(|c| if c.is_control() || c == '_' { ' ' } else { c })
        .collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(NAME_LIMIT).collect()
}

/// The camera behind a `video4linux` entry; none for metadata, codec, radio and output nodes.
#[must_use]
pub fn camera(entry: &Entry) -> Option<Camera> {
    let node = entry.node.clone()?;
    let number = entry.sysname.strip_prefix("video")?;
    number.parse::<u32>().ok()?;
    let index = entry.attribute("index");
    let captures = match entry.property("ID_V4L_CAPABILITIES") {
        // A memory-to-memory codec has both.
        Some(capabilities) => capabilities.contains(":capture:") && !capabilities.contains(":video_output:"),
        // Without udev's own probe (containers) only the first node of a device can be one.
        None => index.is_none_or(|index| index == "0"),
    };
    if !captures {
        return None;
    }
    let by_id = entry.property("DEVLINKS").unwrap_or_default().split_whitespace();
    let mut links: Vec<&str> = by_id.filter(|link| link.starts_with("/dev/v4l/by-")).collect();
    links.sort_unstable();
    let serial = entry.serial().map(str::to_owned);
    // A link by id is only as good as the serial number in it: two cameras with the same dummy have one link.
    let good = links
        .iter()
        .find(|link| link.contains(if serial.is_some() { "/by-id/" } else { "/by-path/" }));
    let name = entry
        .property("ID_V4L_PRODUCT")
        .or(entry.attribute("name"))
        .or(entry.property("ID_MODEL"));
    let id = entry.identity();
    Some(Camera {
        id: match index {
            Some("0") | None => id,
            Some(index) => format!("{id}#{index}"),
        },
        name: clean(name.unwrap_or(&entry.sysname)),
        path: good.map_or_else(|| node.clone(), PathBuf::from),
        node,
        usb: entry.usb(),
        serial,
    })
}

/// A PCM of a sound card.
enum Pcm {
    Capture(Microphone),
    Playback(Speaker),
}

fn pcm(entry: &Entry) -> Option<Pcm> {
    let numbers = entry.sysname.strip_prefix("pcmC")?;
    let (card_number, rest) = numbers.split_once('D')?;
    let device = rest.trim_end_matches(['c', 'p']);
    if device.parse::<u32>().is_err() || entry.attribute("pcm_class") == Some("modem") {
        return None;
    }
    let card = entry.parent.as_deref().unwrap_or(entry);
    let word = card.attribute("id").unwrap_or(card_number);
    let own = entry.attribute("name").or(entry.property("ALSA_PCM_NAME"));
    let card_name = card.property("ID_MODEL_FROM_DATABASE").filter(|_| card.usb().is_none());
    let name = clean(card_name.or(card.property("ID_MODEL")).or(own).unwrap_or(word));
    // `plughw` so that the worker gets its rate and channels from any card.
    let alsa = format!("plughw:CARD={word},DEV={device}");
    let id = match card.identity() {
        identity if identity == card.sysname => format!("{word}/{device}"),
        identity => format!("{identity}/{device}"),
    };
    match rest.chars().last()? {
        'c' => Some(Pcm::Capture(Microphone {
            id,
            name,
            device: alsa,
            usb: card.usb(),
        })),
        'p' => Some(Pcm::Playback(Speaker {
            id,
            name,
            device: alsa,
            usb: card.usb(),
        })),
        _ => None,
    }
}

/// The microphone behind a `sound` entry, if it is one.
#[must_use]
pub fn microphone(entry: &Entry) -> Option<Microphone> {
    match pcm(entry)? {
        Pcm::Capture(microphone) => Some(microphone),
        Pcm::Playback(_) => None,
    }
}

/// The loudspeaker behind a `sound` entry, if it is one.
#[must_use]
pub fn speaker(entry: &Entry) -> Option<Speaker> {
    match pcm(entry)? {
        Pcm::Playback(speaker) => Some(speaker),
        Pcm::Capture(_) => None,
    }
}

/// The connector behind a `drm` entry, if it is one.
#[must_use]
pub fn display(entry: &Entry) -> Option<Display> {
    let (card, name) = entry.sysname.split_once('-')?;
    card.strip_prefix("card")?.parse::<u32>().ok()?;
    let status = entry.attribute("status")?;
    let connected = status == "connected";
    Some(Display {
        id: entry.sysname.clone(),
        name: clean(name),
        connected,
        connector: entry.attribute("connector_id").and_then(|id| id.parse().ok()),
        mode: entry
            .attribute("modes")
            .and_then(|modes| modes.lines().next())
            .map(clean)
            .filter(|_| connected),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    /// A USB webcam as Debian 12 describes its picture node.
    fn webcam() -> Entry {
        Entry {
            sysname: "video0".into(),
            node: Some("/dev/video0".into()),
            properties: map(&[
                (
                    "DEVLINKS",
                    "/dev/v4l/by-path/pci-0000:00:14.0-usb-0:2:1.0-video-index0 /dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920_8F2A11DF-video-index0",
                ),
                ("ID_V4L_CAPABILITIES", ":capture:"),
                ("ID_V4L_PRODUCT", "HD Pro Webcam C920"),
                ("ID_VENDOR_ID", "046d"),
                ("ID_MODEL_ID", "082d"),
                ("ID_SERIAL_SHORT", "8F2A11DF"),
                ("ID_PATH", "pci-0000:00:14.0-usb-0:2:1.0"),
            ]),
            attributes: map(&[("index", "0"), ("name", "HD Pro Webcam C920")]),
            parent: None,
        }
    }

    fn pcm_entry(sysname: &str, card: Entry) -> Entry {
        Entry {
            sysname: sysname.into(),
            node: Some(format!("/dev/snd/{sysname}").into()),
            parent: Some(Box::new(card)),
            ..Entry::default()
        }
    }

    fn speakerphone() -> Entry {
        Entry {
            sysname: "card1".into(),
            properties: map(&[
                ("ID_VENDOR_ID", "0b0e"),
                ("ID_MODEL_ID", "0412"),
                ("ID_MODEL", "Jabra_SPEAK_410_USB"),
                ("ID_SERIAL_SHORT", "501AA5D89CCBx010900"),
            ]),
            attributes: map(&[("id", "USB")]),
            ..Entry::default()
        }
    }

    #[test]
    fn a_webcam_is_known_by_its_serial_and_opened_by_a_link_that_survives_a_reboot() {
        let camera = camera(&webcam()).unwrap();
        assert_eq!(camera.id, "046d:082d:8F2A11DF");
        assert_eq!(
            camera.path.to_str().unwrap(),
            "/dev/v4l/by-id/usb-046d_HD_Pro_Webcam_C920_8F2A11DF-video-index0"
        );
        assert_eq!(camera.name, "HD Pro Webcam C920");
        assert_eq!(camera.usb.as_deref(), Some("046d:082d"));
    }

    #[test]
    fn two_cameras_with_the_vendors_dummy_serial_are_told_apart_by_their_sockets() {
        let mut entry = webcam();
        entry.properties.insert("ID_SERIAL_SHORT".into(), "SN0001".into());
        let camera = camera(&entry).unwrap();
        assert_eq!(camera.id, "046d:082d@pci-0000:00:14.0-usb-0:2:1.0");
        assert_eq!(camera.serial, None);
        assert!(camera.path.starts_with("/dev/v4l/by-path"), "{}", camera.path.display());
    }

    #[test]
    fn metadata_codec_and_radio_nodes_are_no_cameras() {
        for (capabilities, index) in [(":", "1"), ("", "1"), (":capture:video_output:", "0"), (":radio:", "0")] {
            let mut entry = webcam();
            entry
                .properties
                .insert("ID_V4L_CAPABILITIES".into(), capabilities.into());
            entry.attributes.insert("index".into(), index.into());
            assert_eq!(camera(&entry), None, "{capabilities}");
        }
        let radio = Entry {
            sysname: "radio0".into(),
            ..webcam()
        };
        assert_eq!(camera(&radio), None);
    }

    #[test]
    fn without_udevs_probe_the_first_node_counts_as_a_camera() {
        let mut entry = webcam();
        entry.properties.clear();
        let found = camera(&entry).unwrap();
        assert_eq!(
            (found.id.as_str(), found.path.to_str()),
            ("video0", Some("/dev/video0"))
        );
        entry.attributes.insert("index".into(), "1".into());
        assert_eq!(camera(&entry), None);
    }

    #[test]
    fn a_speakerphone_is_a_microphone_and_a_loudspeaker_named_by_the_cards_word() {
        let microphone = microphone(&pcm_entry("pcmC1D0c", speakerphone())).unwrap();
        assert_eq!(microphone.device, "plughw:CARD=USB,DEV=0");
        assert_eq!(microphone.name, "Jabra SPEAK 410 USB");
        assert_eq!(microphone.id, "0b0e:0412:501AA5D89CCBx010900/0");
        let speaker = speaker(&pcm_entry("pcmC1D3p", speakerphone())).unwrap();
        assert_eq!(speaker.device, "plughw:CARD=USB,DEV=3");
    }

    #[test]
    fn directions_controls_and_modems_are_not_mixed_up() {
        assert_eq!(microphone(&pcm_entry("pcmC1D0p", speakerphone())), None);
        assert_eq!(speaker(&pcm_entry("pcmC1D0c", speakerphone())), None);
        for sysname in ["controlC1", "card1", "timer", "pcmC1", "pcmC1Dxc", "pcmCD", "hwC0D0"] {
            let entry = pcm_entry(sysname, speakerphone());
            assert_eq!((microphone(&entry), speaker(&entry)), (None, None), "{sysname}");
        }
        let mut modem = pcm_entry("pcmC0D6c", speakerphone());
        modem.attributes.insert("pcm_class".into(), "modem".into());
        assert_eq!(microphone(&modem), None);
    }

    #[test]
    fn a_connected_screen_has_a_mode_and_an_id_and_a_free_socket_has_none() {
        let mut entry = Entry {
            sysname: "card0-HDMI-A-1".into(),
            attributes: map(&[
                ("status", "connected"),
                ("connector_id", "77"),
                ("modes", "3840x2160\n1920x1080\n"),
            ]),
            ..Entry::default()
        };
        let screen = display(&entry).unwrap();
        assert_eq!(
            (screen.name.as_str(), screen.connected, screen.connector),
            ("HDMI-A-1", true, Some(77))
        );
        assert_eq!(screen.mode.as_deref(), Some("3840x2160"));
        entry.attributes.insert("status".into(), "disconnected".into());
        assert_eq!(display(&entry).unwrap().mode, None);
        for sysname in ["card0", "renderD128", "version", "controlD64"] {
            assert_eq!(
                display(&Entry {
                    sysname: sysname.into(),
                    ..entry.clone()
                }),
                None
            );
        }
    }

    #[test]
    fn what_a_device_writes_about_itself_cannot_spoil_a_terminal() {
        let mut entry = webcam();
        entry
            .properties
            .insert("ID_V4L_PRODUCT".into(), format!("Evil\u{1b}[2J\n{}", "x".repeat(5000)));
        let name = camera(&entry).unwrap().name;
        assert!(
            name.chars().count() <= NAME_LIMIT && !name.chars().any(char::is_control),
            "{name}"
        );
    }
}
