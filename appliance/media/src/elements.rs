//! The GStreamer elements the worker uses, and the Debian package that has each: a missing element is told by the name
//! of the package that cures it.

use gstreamer as gst;
use gstreamer::prelude::*;
use serde::Serialize;

use crate::encoding::trials;
use crate::sdp::SdpError;

/// Why a part of the media engine cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// GStreamer does not know the element.
    #[error("the GStreamer element {element} is missing; install {package}")]
    MissingElement {
        /// Its factory name.
        element: String,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// GStreamer refuses, in its own words.
    #[error("{0}")]
    GStreamer(String),
    /// The other side's offer cannot be used.
    #[error(transparent)]
    Sdp(#[from] SdpError),
    /// No certificate could be made.
    #[error("no DTLS certificate: {0}")]
    Certificate(#[from] openssl::error::ErrorStack),
    /// The system refuses a thread.
    #[error("no thread: {0}")]
    Thread(#[from] std::io::Error),
}

impl From<gst::glib::BoolError> for BuildError {
    fn from(error: gst::glib::BoolError) -> Self {
        Self::GStreamer(error.message.into_owned())
    }
}

impl From<gst::StateChangeError> for BuildError {
    fn from(error: gst::StateChangeError) -> Self {
        Self::GStreamer(error.to_string())
    }
}

impl From<gst::PadLinkError> for BuildError {
    fn from(error: gst::PadLinkError) -> Self {
        Self::GStreamer(error.to_string())
    }
}

/// Debian packages, by element.
const PACKAGES: &[(&str, &[&str])] = &[
    (
        "gstreamer1.0-plugins-base",
        &[
            "appsink",
            "appsrc",
            "audioconvert",
            "audiomixer",
            "audioresample",
            "decodebin",
            "opusdec",
            "opusenc",
            "tee",
            "videoconvert",
            "videorate",
            "videoscale",
        ],
    ),
    (
        "libgstreamer1.0-0",
        &["capsfilter", "fakesink", "filesink", "filesrc", "queue"],
    ),
    ("gstreamer1.0-x", &["textoverlay"]),
    ("gstreamer1.0-alsa", &["alsasink", "alsasrc"]),
    ("gstreamer1.0-nice", &["nicesink", "nicesrc"]),
    (
        "gstreamer1.0-plugins-good",
        &[
            "autovideosink",
            "jpegdec",
            "jpegenc",
            "level",
            "rtpbin",
            "rtpfunnel",
            "rtph264depay",
            "rtph264pay",
            "rtphdrextclientaudiolevel",
            "rtphdrexttwcc",
            "rtpopusdepay",
            "rtpopuspay",
            "rtpvp8depay",
            "rtpvp8pay",
            "v4l2src",
            "vp8dec",
            "vp8enc",
            "wavenc",
        ],
    ),
    (
        "gstreamer1.0-plugins-bad",
        &[
            "dtlssrtpdec",
            "h264parse",
            "kmssink",
            "openh264dec",
            "openh264enc",
            "sctpenc",
            "srtpenc",
            "webrtcbin",
        ],
    ),
    ("gstreamer1.0-plugins-ugly", &["x264enc"]),
    ("gstreamer1.0-libav", &["avdec_h264"]),
];

/// Elements without which a box can still hold a meeting.
const OPTIONAL: &[&str] = &[
    "autovideosink",
    "avdec_h264",
    "h264parse",
    "kmssink",
    "openh264dec",
    "openh264enc",
    "rtph264depay",
    "rtph264pay",
    "x264enc",
];

fn package_of(element: &str) -> &'static str {
    let holds = |(_, elements): &&(&str, &[&str])| elements.contains(&element);
    PACKAGES
        .iter()
        .find(holds)
        .map_or("gstreamer1.0-plugins-*", |(package, _)| package)
}

/// Makes an element.
///
/// # Errors
/// [`BuildError::MissingElement`] with the package that has it.
pub fn make(element: &str) -> Result<gst::Element, BuildError> {
    let missing = |_| BuildError::MissingElement {
        element: element.to_owned(),
        package: package_of(element),
    };
    gst::ElementFactory::make(element).build().map_err(missing)
}

/// Makes a `capsfilter` for these caps.
///
/// # Errors
/// [`BuildError::MissingElement`].
pub fn filter(caps: &gst::Caps) -> Result<gst::Element, BuildError> {
    let filter = make("capsfilter")?;
    filter.set_property("caps", caps);
    Ok(filter)
}

/// Adds elements to a bin and links them in a row.
///
/// # Errors
/// [`BuildError::GStreamer`] names the pair that does not fit.
pub fn chain(bin: &impl IsA<gst::Bin>, elements: &[&gst::Element]) -> Result<(), BuildError> {
    bin.add_many(elements)?;
    gst::Element::link_many(elements)?;
    Ok(())
}

/// What `roomd check` tells about GStreamer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// GStreamer's version, for example `1.22.0`.
    pub gstreamer: String,
    /// Every element the worker may use.
    pub elements: Vec<ElementReport>,
    /// Video encoders of the processor.
    pub software_encoders: Vec<String>,
}

/// One element.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ElementReport {
    /// Factory name.
    pub element: String,
    /// Whether GStreamer has it.
    pub present: bool,
    /// Whether no meeting can be held without it.
    pub required: bool,
    /// The Debian package that has it.
    pub package: String,
}

/// Looks for every element, after `gst::init`.
#[must_use]
pub fn check() -> CheckReport {
    let report = |package: &str, element: &str| ElementReport {
        element: element.to_owned(),
        present: has(element),
        required: !OPTIONAL.contains(&element),
        package: package.to_owned(),
    };
    let elements = PACKAGES
        .iter()
        .flat_map(|(package, names)| names.iter().map(|name| report(package, name)));
    let vp8 = has("vp8enc").then(|| "vp8enc".to_owned());
    let h264 = trials::software().into_iter().map(|step| step.encoder);
    CheckReport {
        gstreamer: version(),
        elements: elements.collect(),
        software_encoders: vp8.into_iter().chain(h264).collect(),
    }
}

/// The decoder of H.264 to use, if there is one: FFmpeg's before Cisco's.
#[must_use]
pub fn h264_decoder() -> Option<&'static str> {
    ["avdec_h264", "openh264dec"].into_iter().find(|element| has(element))
}

/// Whether pictures of others in H.264 can be shown.
#[must_use]
pub fn decodes_h264() -> bool {
    h264_decoder().is_some() && ["h264parse", "rtph264depay"].into_iter().all(has)
}

/// Whether GStreamer has an element.
#[must_use]
pub fn has(element: &str) -> bool {
    gst::ElementFactory::find(element).is_some()
}

/// GStreamer's version, for example `1.22.0`.
#[must_use]
pub fn version() -> String {
    let (major, minor, micro, _) = gst::version();
    format!("{major}.{minor}.{micro}")
}
