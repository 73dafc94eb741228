//! Encoders that are known, by the element of GStreamer, and how each wants to be treated (`specs/camera.md` §1.1-§1.3). Whether one is
//! any good on this machine only its trial says.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use gstreamer::ElementFactoryType;
use gstreamer::prelude::*;

use super::simulated::{Quirk, SIMULATED};
use crate::elements;

/// A kind of encoder.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    /// What it is called.
    pub name: &'static str,
    /// Factory of its element.
    pub factory: &'static str,
    /// The work is done elsewhere than in the processor.
    pub hardware: bool,
    /// How its rate is said.
    pub rate: Rate,
    /// How a key frame is asked for.
    pub key: Key,
    /// Its caps name the level, which it does not find by itself.
    pub names_level: bool,
    /// What its caps call the profile that it shall make; none: what it makes is no H.264, and no call can use it.
    pub profile: Option<&'static str>,
    /// Properties, as GStreamer writes them. One that an element of another age does not have is left out.
    pub settings: &'static [(&'static str, &'static str)],
    /// Ways for pictures to reach it, the cheapest first.
    pub paths: &'static [Path],
    /// What is wrong with it, of one that is simulated.
    pub quirk: Option<Quirk>,
}

/// How a rate is said, at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// A property in bit/s.
    Bits(&'static str),
    /// A property in kbit/s.
    Kilobits(&'static str),
    /// A property in kbit/s, and with it the buffer of the coded pictures, `cpb-size`, in kbit: its default is two seconds, and less than
    /// half a second is not taken.
    KilobitsAndBuffer(&'static str),
    /// The driver's control `video_bitrate` in bit/s; the property `bitrate` where a later GStreamer has one.
    Control,
}

/// How a key frame is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// By GStreamer's event alone.
    Event,
    /// The driver's control `force_key_frame` too.
    Control,
    /// A signal of the element too.
    Signal(&'static str),
}

/// A way for pictures from the processor's memory into an encoder.
#[derive(Debug, PartialEq, Eq)]
pub struct Path {
    /// Its name.
    pub name: &'static str,
    /// Elements before the encoder.
    pub before: &'static [&'static str],
    /// What the encoder is given.
    pub caps: &'static str,
    /// More properties of the encoder, as [`Model::settings`].
    pub settings: &'static [(&'static str, &'static str)],
}

/// What every web client decodes.
pub(super) const CONSTRAINED: &str = "constrained-baseline";

const fn path(name: &'static str, before: &'static [&'static str], caps: &'static str) -> Path {
    Path {
        name,
        before,
        caps,
        settings: &[],
    }
}

const SYSTEM: Path = path("system", &["videoconvert"], "video/x-raw,format=NV12");
/// Encoders that take what cameras' pictures are in.
pub(super) const PLANAR: Path = path("planar", &[], "video/x-raw,format=I420");
const VA: Path = path("va", &["vapostproc"], "video/x-raw(memory:VAMemory),format=NV12");
const CUDA: Path = path(
    "cuda",
    &["cudaupload", "cudaconvert"],
    "video/x-raw(memory:CUDAMemory),format=NV12",
);
const NVMM: Path = path("nvmm", &["nvvidconv"], "video/x-raw(memory:NVMM),format=NV12");
const IMPORT: Path = Path {
    name: "dmabuf-import",
    before: &["v4l2convert"],
    caps: "video/x-raw,format=NV12",
    settings: &[("output-io-mode", "dmabuf-import")],
};

const VA_SETTINGS: &[(&str, &str)] = &[
    ("rate-control", "cbr"),
    ("b-frames", "0"),
    ("ref-frames", "1"),
    ("num-slices", "1"),
    ("target-usage", "6"),
    ("key-int-max", "1024"),
];

/// `x264enc` for a conversation.
pub(super) const X264: &[(&str, &str)] = &[
    ("tune", "zerolatency"),
    ("speed-preset", "ultrafast"),
    ("key-int-max", "9000"),
    ("threads", "1"),
];

const fn va(factory: &'static str) -> Model {
    Model {
        name: factory,
        factory,
        hardware: true,
        rate: Rate::KilobitsAndBuffer("bitrate"),
        key: Key::Event,
        names_level: false,
        profile: Some(CONSTRAINED),
        settings: VA_SETTINGS,
        paths: &[VA, SYSTEM],
        quirk: None,
    }
}

/// All of them; of one codec those that are to be had at all are tried in this order.
pub const MODELS: &[Model] = &[
    va("vah264lpenc"),
    va("vah264enc"),
    Model {
        name: "qsvh264enc",
        factory: "qsvh264enc",
        hardware: true,
        rate: Rate::Kilobits("bitrate"),
        key: Key::Event,
        names_level: false,
        profile: Some(CONSTRAINED),
        settings: &[
            ("rate-control", "cbr"),
            ("low-latency", "true"),
            ("disable-hrd-conformance", "true"),
            ("gop-size", "9000"),
            ("b-frames", "0"),
        ],
        paths: &[VA, SYSTEM],
        quirk: None,
    },
    Model {
        name: "nvh264enc",
        factory: "nvh264enc",
        hardware: true,
        rate: Rate::Kilobits("bitrate"),
        key: Key::Event,
        names_level: false,
        profile: Some(CONSTRAINED),
        settings: &[
            ("rc-mode", "cbr"),
            ("zerolatency", "true"),
            ("tune", "ultra-low-latency"),
            ("bframes", "0"),
            ("b-frames", "0"),
            ("gop-size", "9000"),
        ],
        paths: &[CUDA, SYSTEM],
        quirk: None,
    },
    Model {
        name: "mpph264enc",
        factory: "mpph264enc",
        hardware: true,
        rate: Rate::Bits("bps"),
        key: Key::Event,
        names_level: false,
        profile: Some("baseline"),
        // Its constant rate overshoots while the quantizer may not rise (Q8).
        settings: &[
            ("rc-mode", "cbr"),
            ("profile", "baseline"),
            ("gop", "9000"),
            ("qp-max", "48"),
            ("max-pending", "1"),
            ("max-reenc", "0"),
        ],
        paths: &[SYSTEM],
        quirk: None,
    },
    Model {
        name: "v4l2h264enc",
        factory: "v4l2h264enc",
        hardware: true,
        rate: Rate::Control,
        key: Key::Control,
        names_level: true,
        profile: Some(CONSTRAINED),
        settings: &[],
        paths: &[IMPORT, SYSTEM],
        quirk: None,
    },
    // The kernel's own codec, which is there for tests.
    Model {
        name: "v4l2fwhtenc",
        factory: "v4l2fwhtenc",
        hardware: true,
        rate: Rate::Control,
        key: Key::Control,
        names_level: false,
        profile: None,
        settings: &[],
        paths: &[SYSTEM],
        quirk: None,
    },
    Model {
        name: "nvv4l2h264enc",
        factory: "nvv4l2h264enc",
        hardware: true,
        rate: Rate::Bits("bitrate"),
        key: Key::Signal("force-IDR"),
        names_level: false,
        profile: Some(CONSTRAINED),
        settings: &[
            ("control-rate", "constant_bitrate"),
            ("preset-level", "UltraFastPreset"),
            ("maxperf-enable", "true"),
            ("num-B-Frames", "0"),
            ("poc-type", "2"),
            ("insert-sps-pps", "true"),
            ("insert-vui", "true"),
            ("idrinterval", "9000"),
        ],
        paths: &[NVMM],
        quirk: None,
    },
    Model {
        name: "x264enc",
        factory: "x264enc",
        hardware: false,
        rate: Rate::Kilobits("bitrate"),
        key: Key::Event,
        names_level: false,
        profile: Some(CONSTRAINED),
        settings: X264,
        paths: &[PLANAR],
        quirk: None,
    },
    Model {
        name: "openh264enc",
        factory: "openh264enc",
        hardware: false,
        rate: Rate::Bits("bitrate"),
        key: Key::Event,
        names_level: false,
        profile: Some(CONSTRAINED),
        settings: &[
            ("complexity", "low"),
            ("rate-control", "bitrate"),
            ("gop-size", "9000"),
            ("scene-change-detection", "false"),
            ("background-detection", "false"),
            ("multi-thread", "1"),
        ],
        paths: &[PLANAR],
        quirk: None,
    },
];

/// How GStreamer names the encoder of another device than the first of its kind, around the name of the device; and whose treatment
/// it gets.
const OF_OTHER_DEVICES: &[(&str, &str, &str)] = &[
    ("varender", "h264lpenc", "vah264lpenc"),
    ("varender", "h264enc", "vah264enc"),
    ("qsvh264device", "enc", "qsvh264enc"),
    ("nvh264device", "enc", "nvh264enc"),
    ("v4l2video", "h264enc", "v4l2h264enc"),
];

/// The model of that name, of a simulated one as well, or of another device that GStreamer knows.
#[must_use]
pub fn model(name: &str) -> Option<&'static Model> {
    let known = |name: &str| MODELS.iter().chain(SIMULATED).find(|model| model.name == name);
    known(name).or_else(|| of_another_device(name, known(first_of_its_kind(name)?)?))
}

/// Encoders in GStreamer's registry that are no first ones of their kind.
pub(super) fn of_other_devices() -> Vec<&'static Model> {
    let encoders = ElementFactoryType::ENCODER | ElementFactoryType::MEDIA_VIDEO;
    let names = gstreamer::ElementFactory::factories_with_type(encoders, gstreamer::Rank::NONE);
    names
        .iter()
        .filter(|factory| first_of_its_kind(&factory.name()).is_some())
        .filter_map(|factory| model(&factory.name()))
        .collect()
}

fn first_of_its_kind(name: &str) -> Option<&'static str> {
    let is = |(before, after, _): &&(&str, &str, &str)| {
        let device = name.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        device.is_some_and(|device| !device.is_empty())
    };
    OF_OTHER_DEVICES.iter().find(is).map(|(_, _, first)| *first)
}

/// Models live as long as the process: there is one for each such name in the registry and no other.
fn of_another_device(name: &str, like: &Model) -> Option<&'static Model> {
    static MADE: Mutex<BTreeMap<String, &'static Model>> = Mutex::new(BTreeMap::new());
    if !elements::has(name) {
        return None;
    }
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    let make = || {
        let name: &'static str = Box::leak(name.into());
        let factory = name;
        &*Box::leak(Box::new(Model { name, factory, ..*like }))
    };
    Some(made.entry(name.to_owned()).or_insert_with(make))
}

/// Boards on which asking an encoder is known to hang the machine (`specs/camera.md` Q10): words of the device tree's `compatible`, and
/// the element.
pub const NEVER_TRIED: &[(&str, &str)] = &[
    ("nvidia,p3767-0003", "nvv4l2h264enc"),
    ("nvidia,p3767-0004", "nvv4l2h264enc"),
    ("nvidia,p3767-0005", "nvv4l2h264enc"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_is_there_once_with_a_way_in_and_hardware_comes_first() {
        let names: BTreeSet<&str> = MODELS.iter().map(|model| model.name).collect();
        assert_eq!(names.len(), MODELS.len());
        assert!(MODELS.iter().all(|model| !model.paths.is_empty()));
        assert!(MODELS.is_sorted_by_key(|model| !model.hardware));
        assert!(NEVER_TRIED.iter().all(|(_, factory)| model(factory).is_some()));
        assert!(model("av1enc").is_none(), "it has brought whole processes down (Q11)");
    }

    #[test]
    fn another_device_of_a_known_kind_is_treated_like_the_first() {
        for (name, first) in [
            ("varenderD129h264lpenc", Some("vah264lpenc")),
            ("varenderD129h264enc", Some("vah264enc")),
            ("qsvh264device1enc", Some("qsvh264enc")),
            ("nvh264device1enc", Some("nvh264enc")),
            ("v4l2video12h264enc", Some("v4l2h264enc")),
            ("varenderD129h265enc", None),
            ("v4l2videoh264enc", None),
            ("vah264enc", None),
            ("x264enc", None),
        ] {
            assert_eq!(first_of_its_kind(name), first, "{name}");
        }
        gstreamer::init().unwrap();
        assert!(model("v4l2video99h264enc").is_none(), "GStreamer knows no such device");
        let like = model("v4l2h264enc").unwrap();
        let other = of_another_device("x264enc", like).unwrap();
        assert_eq!(
            (other.name, other.factory, other.rate),
            ("x264enc", "x264enc", Rate::Control)
        );
        assert!(
            std::ptr::eq(other, of_another_device("x264enc", like).unwrap()),
            "made once"
        );
    }

    #[test]
    fn none_makes_pictures_that_wait_for_later_ones_or_begins_anew_often() {
        for model in MODELS {
            for (name, value) in model.settings {
                let ahead = name.to_ascii_lowercase().replace('-', "").contains("bframes");
                assert!(!ahead || *value == "0", "{}: {name}", model.factory);
                let between_keys = ["key-int-max", "gop", "gop-size", "idrinterval"].contains(name);
                assert!(
                    !between_keys || value.parse::<u32>().unwrap() >= 1_000,
                    "{}: {name}",
                    model.factory
                );
            }
        }
    }
}
