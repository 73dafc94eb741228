//! The devices of this machine, as udev and sysfs tell.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::Discovery;
use crate::entry::{self, Entry, USB_SPEED};
use crate::inventory::{Inventory, Problem};

/// The devices of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hardware;

/// Attributes read from sysfs; all others stay unread, since reading some of them wakes hardware.
const ATTRIBUTES: [&str; 7] = ["index", "name", "id", "pcm_class", "status", "connector_id", "modes"];

impl Discovery for Hardware {
    fn inventory(&self) -> Inventory {
        let mut inventory = Inventory {
            desktop_session: desktop_session(),
            ..Inventory::default()
        };
        let video = list("video4linux", &mut inventory.problems);
        let sound = list("sound", &mut inventory.problems);
        let drm = list("drm", &mut inventory.problems);
        inventory.cameras = video.iter().filter_map(entry::camera).collect();
        inventory.codecs = video.iter().filter_map(entry::codec).collect();
        inventory.microphones = sound.iter().filter_map(entry::microphone).collect();
        for microphone in &mut inventory.microphones {
            microphone.channels = offered(&microphone.device);
        }
        inventory.speakers = sound.iter().filter_map(entry::speaker).collect();
        inventory.displays = drm.iter().filter_map(entry::display).collect();

        let videos = video
            .iter()
            .filter(|entry| entry::camera(entry).is_some() || entry::codec(entry).is_some());
        let sounds = sound
            .iter()
            .filter(|entry| entry::microphone(entry).is_some() || entry::speaker(entry).is_some());
        let cards = drm.iter().filter(|entry| is_card(&entry.sysname));
        let nodes = videos
            .map(|entry| (entry, "video"))
            .chain(sounds.map(|entry| (entry, "audio")));
        for (entry, group) in nodes.chain(cards.map(|entry| (entry, "video"))) {
            inventory
                .problems
                .extend(entry.node.as_deref().and_then(|node| access_problem(node, group)));
        }
        inventory
    }
}

/// A graphics card itself, not one of its connectors.
fn is_card(sysname: &str) -> bool {
    sysname
        .strip_prefix("card")
        .is_some_and(|number| number.parse::<u32>().is_ok())
}

fn desktop_session() -> bool {
    ["WAYLAND_DISPLAY", "DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Every device of a subsystem, by name.
fn list(subsystem: &str, problems: &mut Vec<Problem>) -> Vec<Entry> {
    match enumerate(subsystem) {
        Ok(mut entries) => {
            entries.sort_by_key(|entry| natural(&entry.sysname));
            entries
        }
        Err(error) => {
            tracing::warn!(subsystem, %error, "devices not listed");
            problems.push(Problem::Unlisted {
                subsystem: subsystem.into(),
                detail: error.to_string(),
            });
            Vec::new()
        }
    }
}

fn enumerate(subsystem: &str) -> std::io::Result<Vec<Entry>> {
    let mut enumerator = udev::Enumerator::new()?;
    enumerator.match_subsystem(subsystem)?;
    Ok(enumerator.scan_devices()?.map(|device| describe(&device)).collect())
}

fn describe(device: &udev::Device) -> Entry {
    let text = |value: &std::ffi::OsStr| value.to_string_lossy().into_owned();
    let attribute = |name: &&str| Some(((*name).to_owned(), text(device.attribute_value(name)?)));
    let sysname = text(device.sysname());
    let card = sysname.starts_with("pcm").then(|| device.parent()).flatten();
    let mut attributes: BTreeMap<String, String> = ATTRIBUTES.iter().filter_map(attribute).collect();
    let cable = device.parent_with_subsystem_devtype("usb", "usb_device").ok().flatten();
    let speed = cable.as_ref().and_then(|cable| cable.attribute_value("speed"));
    attributes.extend(speed.map(|speed| (USB_SPEED.to_owned(), text(speed))));
    Entry {
        node: device.devnode().map(Path::to_path_buf),
        properties: device
            .properties()
            .map(|item| (text(item.name()), text(item.value())))
            .collect(),
        attributes,
        parent: card.map(|card| Box::new(describe(&card))),
        sysname,
    }
}

/// How many channels a card offers, as USB cards say it in `/proc/asound`.
fn offered(device: &str) -> Vec<u8> {
    let numbers = device
        .strip_prefix("plughw:CARD=")
        .and_then(|rest| rest.split_once(",DEV="));
    let Some((card, device)) = numbers else {
        return Vec::new();
    };
    let stream = std::fs::read_to_string(format!("/proc/asound/{card}/stream{device}"));
    capture_channels(&stream.unwrap_or_default())
}

fn capture_channels(stream: &str) -> Vec<u8> {
    let capture = stream.lines().skip_while(|line| line.trim() != "Capture:");
    let numbers = capture.filter_map(|line| line.trim().strip_prefix("Channels: ")?.parse().ok());
    numbers.collect::<BTreeSet<u8>>().into_iter().collect()
}

/// Names with numbers in the order people expect: `video2` before `video10`.
fn natural(name: &str) -> (String, u64, String) {
    let start = name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len());
    let (word, rest) = name.split_at(start);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, tail) = rest.split_at(end);
    (word.to_owned(), number.parse().unwrap_or(0), tail.to_owned())
}

/// Asks the kernel whether the node may be opened, without opening it (`access(2)`).
fn access_problem(node: &Path, group: &str) -> Option<Problem> {
    use rustix::fs::{Access, access};
    use rustix::io::Errno;
    match access(node, Access::READ_OK | Access::WRITE_OK) {
        Ok(()) => None,
        Err(Errno::NOENT) => Some(Problem::Hidden { node: node.into() }),
        Err(Errno::ACCESS | Errno::PERM) => Some(Problem::Forbidden {
            node: node.into(),
            group: group.into(),
        }),
        Err(error) => {
            tracing::debug!(node = %node.display(), %error, "access not known");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_with_or_without_devices_gives_an_inventory_and_never_an_error() {
        let inventory = Hardware.inventory();
        let listed = |subsystem: &str| std::fs::read_dir(format!("/sys/class/{subsystem}")).is_ok();
        if !listed("video4linux") {
            assert!(inventory.cameras.is_empty());
        }
        if !listed("sound") {
            assert!(inventory.microphones.is_empty() && inventory.speakers.is_empty());
        }
        let unlisted = inventory
            .problems
            .iter()
            .any(|problem| matches!(problem, Problem::Unlisted { .. }));
        assert!(!unlisted, "{:?}", inventory.problems);
    }

    #[test]
    fn a_usb_card_says_how_many_channels_it_can_record() {
        let stream = "Room Speakerphone at usb-0000:00:14.0-1, high speed : USB Audio\n\nPlayback:\n  Status: Stop\n  Interface 1\n    \
                      Channels: 2\n\nCapture:\n  Status: Stop\n  Interface 2\n    Altset 1\n    Channels: 8\n    Channel map: FL FR\n  \
                      Interface 2\n    Altset 2\n    Channels: 2\n    Altset 3\n    Channels: 8\n";
        assert_eq!(capture_channels(stream), [2, 8]);
        assert!(capture_channels("Playback:\n    Channels: 2\n").is_empty());
        assert!(offered("plughw:CARD=nobody,DEV=0").is_empty());
    }

    #[test]
    fn a_node_that_is_not_there_is_named_with_the_next_step() {
        let problem = access_problem(Path::new("/dev/no-such-camera"), "video").unwrap();
        let text = problem.to_string();
        assert!(
            text.contains("/dev/no-such-camera") && text.contains("PrivateDevices="),
            "{text}"
        );
    }

    #[test]
    fn a_node_that_may_not_be_opened_is_named_with_the_next_step() {
        use std::os::unix::fs::PermissionsExt;
        if rustix::process::geteuid().is_root() {
            // For root every file may be opened; the words are checked all the same.
            let problem = Problem::Forbidden {
                node: "/dev/video0".into(),
                group: "video".into(),
            };
            assert!(problem.to_string().contains("group `video`"));
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let node = directory.path().join("video0");
        std::fs::write(&node, "").unwrap();
        std::fs::set_permissions(&node, std::fs::Permissions::from_mode(0o000)).unwrap();
        let problem = access_problem(&node, "video").unwrap();
        assert!(matches!(problem, Problem::Forbidden { .. }) && problem.to_string().contains("group `video`"));
    }

    #[test]
    fn names_are_in_the_order_people_expect() {
        let mut names = ["video10", "video2", "card0-HDMI-A-1", "card0"];
        names.sort_by_key(|name| natural(name));
        assert_eq!(names, ["card0", "card0-HDMI-A-1", "video2", "video10"]);
    }
}
