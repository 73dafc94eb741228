//! Cameras and microphones: real ones (`hardware.rs`, `array.rs`), recordings (`recording.rs`) and simulated ones. All give the same
//! pictures and sound, stamped with the common time, into a [`Tap`].

mod array;
mod device;
mod hardware;
mod plug;
mod recording;
mod simulated_camera;
mod simulated_microphone;
mod stand_in;
mod tap;

pub use device::{Capture, Wanted};
pub use hardware::with_common_time;
pub use tap::Tap;

use gstreamer as gst;
use gstreamer_app::{AppLeakyType, AppSrc};

/// Width of what a camera gives, in pixels.
pub const WIDTH: usize = 1280;
/// Height of what a camera gives, in pixels.
pub const HEIGHT: usize = 720;
/// Frames a second of a camera.
pub const FRAME_RATE: u64 = 30;
/// Colours of every picture up to the encoders. Written out, for GStreamer takes another one for small pictures and would
/// convert between them, which costs ten times as much as scaling.
pub const COLORIMETRY: &str = "bt709";
/// Samples a second of a microphone.
pub const SAMPLE_RATE: u64 = 48_000;

/// What every camera gives.
#[must_use]
pub fn picture_caps() -> gst::Caps {
    gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", 1280)
        .field("height", 720)
        .field("framerate", gst::Fraction::new(30, 1))
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .field("colorimetry", COLORIMETRY)
        .build()
}

/// Where a camera's pictures go into a pipeline. One that is slow loses pictures, and never delays the camera.
#[must_use]
pub fn picture_source() -> AppSrc {
    AppSrc::builder()
        .caps(&picture_caps())
        .format(gst::Format::Time)
        .is_live(true)
        .max_buffers(2)
        .leaky_type(AppLeakyType::Downstream)
        .build()
}

/// What every microphone gives.
#[must_use]
pub fn sound_caps() -> gst::Caps {
    gst::Caps::builder("audio/x-raw")
        .field("format", "S16LE")
        .field("layout", "interleaved")
        .field("rate", 48_000)
        .field("channels", 1)
        .build()
}
