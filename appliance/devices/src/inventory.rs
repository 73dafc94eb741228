//! What was found.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Everything that was found, in a stable order, and what stands in the way of using it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Inventory {
    /// V4L2 capture nodes; metadata and codec nodes are not cameras.
    pub cameras: Vec<Camera>,
    /// V4L2 nodes through which pictures go: codecs and scalers.
    pub codecs: Vec<Codec>,
    /// ALSA capture devices.
    pub microphones: Vec<Microphone>,
    /// ALSA playback devices.
    pub speakers: Vec<Speaker>,
    /// DRM connectors.
    pub displays: Vec<Display>,
    /// A desktop session runs, in which a window can be opened.
    pub desktop_session: bool,
    /// The devices are those of [`crate::simulated::Folder`]: the path of each is its plug.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
    /// What stands in the way.
    pub problems: Vec<Problem>,
}

/// A camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Camera {
    /// Identity that survives another socket where the camera has a serial number of its own:
    /// `vendor:product:serial`, else `vendor:product@path` (`specs/camera.md §2.1`), else the path, else the node's name;
    /// `platform:vivid-000` where one platform device has several cameras. Another capture node than the first: `#` and
    /// its index behind it.
    pub id: String,
    /// What the camera calls itself.
    pub name: String,
    /// The path to open: `/dev/v4l/by-id/…` where udev has made one, else [`Camera::node`].
    pub path: PathBuf,
    /// The kernel's node, for example `/dev/video0`; may change at each boot.
    pub node: PathBuf,
    /// USB vendor and product, `046d:0825`.
    pub usb: Option<String>,
    /// Serial number, if it is not a known dummy.
    pub serial: Option<String>,
    /// How fast its USB cable is, Mbit/s: 480 where a camera for 5,000 has lost its fast wires.
    #[serde(default)]
    pub speed: Option<u32>,
}

/// A node of the kernel through which pictures go, to be coded, decoded or scaled; what udev tells does not say which. A board's camera
/// may have some that look the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Codec {
    /// As [`Camera::id`].
    pub id: String,
    /// What its driver calls it, for example `wave5-enc`.
    pub name: String,
    /// The kernel's node; may change at each boot.
    pub node: PathBuf,
}

/// A microphone, or any other ALSA capture device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Microphone {
    /// As [`Camera::id`], with the device number within the card.
    pub id: String,
    /// What the card calls itself.
    pub name: String,
    /// The ALSA name to open; holds the card's word, not its number, which may change at each boot.
    pub device: String,
    /// USB vendor and product.
    pub usb: Option<String>,
    /// How many channels it offers, fewest first; none: it does not say before it is opened.
    #[serde(default)]
    pub channels: Vec<u8>,
}

/// A loudspeaker, or any other ALSA playback device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Speaker {
    /// As [`Microphone::id`].
    pub id: String,
    /// What the card calls itself.
    pub name: String,
    /// The ALSA name to open.
    pub device: String,
    /// USB vendor and product.
    pub usb: Option<String>,
}

/// A connector of the graphics card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Display {
    /// For example `card0-HDMI-A-1`.
    pub id: String,
    /// For example `HDMI-A-1`.
    pub name: String,
    /// A screen is connected.
    pub connected: bool,
    /// KMS id of the connector, where the kernel tells it (`connector_id` in sysfs).
    pub connector: Option<i32>,
    /// The screen's preferred mode, for example `1920x1080`.
    pub mode: Option<String>,
}

/// Something that stands in the way. Its text says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "problem", rename_all = "camelCase")]
pub enum Problem {
    /// The process may not open the node.
    #[error("{} may not be opened by this user: add the user to the group `{group}` and log in again", .node.display())]
    Forbidden {
        /// The node.
        node: PathBuf,
        /// The group that usually owns such nodes.
        group: String,
    },
    /// The kernel knows the device, and this process does not see its node.
    #[error(
        "the kernel has {}, but the node is not there: in a container pass it in, in a service look at PrivateDevices= \
         and DeviceAllow=",
        .node.display()
    )]
    Hidden {
        /// The node.
        node: PathBuf,
    },
    /// udev did not answer.
    #[error("{subsystem} devices cannot be listed ({detail}): look whether /sys is mounted")]
    Unlisted {
        /// udev's subsystem.
        subsystem: String,
        /// The system's words.
        detail: String,
    },
}
