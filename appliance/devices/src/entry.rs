//! One device as udev and sysfs describe it, and the pure functions from there to the inventory.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::inventory::{Camera, Codec, Display, Microphone, Speaker};

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

/// End of the name of a node of which one platform device has several (`vivid-000-vid-cap`), which all have its one path.
/// Without this end it is what the driver calls the bus in `VIDIOC_QUERYCAP`, for which the node would have to be opened.
const INSTANCE_END: &str = "-vid-cap";

/// Name under which an entry has the attribute `speed` of the USB device that it belongs to.
pub(crate) const USB_SPEED: &str = "usb speed";

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

    /// Which of the cameras of one platform device it is.
    fn instance(&self) -> Option<&str> {
        let name = self.attribute("name").filter(|_| self.usb().is_none());
        name?.strip_suffix(INSTANCE_END)
    }

    /// A node for pictures, not for radio or sub-devices.
    fn is_video(&self) -> bool {
        let number = self.sysname.strip_prefix("video");
        number.is_some_and(|number| number.parse::<u32>().is_ok())
    }

    /// The identity of a node of which its device may have several.
    fn node_identity(&self) -> String {
        let id = self.identity();
        match self.attribute("index") {
            Some("0") | None => id,
            Some(index) => format!("{id}#{index}"),
        }
    }

    /// See [`Camera::id`].
    fn identity(&self) -> String {
        if let Some(instance) = self.instance() {
            return format!("platform:{instance}");
        }
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
    let node = entry.node.clone().filter(|_| entry.is_video())?;
    let captures = match entry.property("ID_V4L_CAPABILITIES") {
        // A memory-to-memory codec has both.
        Some(capabilities) => capabilities.contains(":capture:") && !capabilities.contains(":video_output:"),
        // Without udev's own probe (containers) only the first node of a device can be one.
        None => entry.attribute("index").is_none_or(|index| index == "0"),
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
        .filter(|_| entry.instance().is_none())
        .find(|link| link.contains(if serial.is_some() { "/by-id/" } else { "/by-path/" }));
    let name = entry
        .property("ID_V4L_PRODUCT")
        .or(entry.attribute("name"))
        .or(entry.property("ID_MODEL"));
    Some(Camera {
        id: entry.node_identity(),
        name: clean(name.unwrap_or(&entry.sysname)),
        path: good.map_or_else(|| node.clone(), PathBuf::from),
        node,
        usb: entry.usb(),
        serial,
        speed: entry.attribute(USB_SPEED).and_then(|speed| speed.parse().ok()),
    })
}

/// The codec behind a `video4linux` entry, if it is one. To udev's probe a memory-to-memory node neither captures nor puts out; the second
/// node of a USB camera looks so too.
#[must_use]
pub fn codec(entry: &Entry) -> Option<Codec> {
    let node = entry.node.clone().filter(|_| entry.is_video())?;
    let capabilities = entry.property("ID_V4L_CAPABILITIES")?;
    let through = capabilities == ":" || capabilities.contains(":capture:") && capabilities.contains(":video_output:");
    (through && entry.usb().is_none()).then(|| Codec {
        id: entry.node_identity(),
        name: clean(entry.attribute("name").unwrap_or(&entry.sysname)),
        node,
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
    // `plughw` so that the worker gets its rate from any card.
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
            channels: Vec::new(),
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
mod tests;
