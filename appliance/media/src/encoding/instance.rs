//! One encoder, built as its model and its path say: pictures of the processor's memory in, H.264 as a byte stream out, or what a call
//! cannot use.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::glib::subclass::SignalId;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};
use gstreamer_video::UpstreamForceKeyUnitEvent;

use super::catalogue::{Key, Model, Path, Rate};
use super::judgement::Flaw;
use super::level::level;
use super::simulated::{self, Quirk};
use crate::elements::{BuildError, filter, make};

/// What is to be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Pictures a second.
    pub pace: u32,
}

/// GStreamer's word for H.264.
pub const H264: &str = "video/x-h264";

/// What an instance makes.
pub(super) fn byte_stream() -> gst::Caps {
    gst::Caps::builder(H264)
        .field("stream-format", "byte-stream")
        .field("alignment", "au")
        .build()
}

/// Pictures between two key frames of an encoder that makes one when asked.
const SELDOM: u32 = 9_000;

/// What elements call the pictures between two key frames.
const KEY_FRAMES: [&str; 4] = ["key-int-max", "gop-size", "gop", "idrinterval"];

/// An encoder as a bin with the pads `sink` and `src`.
#[derive(Debug, Clone)]
pub struct Instance {
    /// The bin.
    pub bin: gst::Bin,
    element: gst::Element,
    model: &'static Model,
    /// Pictures from one key frame to the next.
    key_every: u32,
    /// bit/s.
    bitrate: Arc<AtomicU32>,
}

impl Instance {
    /// Builds it. It makes key frames when asked; with `flaws` as its trial has shown also by itself.
    ///
    /// # Errors
    /// An element is missing, or the parts do not fit.
    pub fn build(
        model: &'static Model,
        path: &Path,
        format: Format,
        bitrate: u32,
        flaws: &[Flaw],
    ) -> Result<Self, BuildError> {
        let bin = gst::Bin::new();
        let mut parts: Vec<gst::Element> = path.before.iter().map(|name| make(name)).collect::<Result<_, _>>()?;
        parts.push(filter(&caps(path.caps)?)?);
        let element = make(model.factory)?;
        for (name, value) in model.settings.iter().chain(path.settings) {
            set(&element, name, value);
        }
        let key_every = match flaws.contains(&Flaw::NoKeyOnRequest) {
            true => 2 * format.pace,
            false => SELDOM,
        };
        if key_every != SELDOM {
            let pictures = key_every.to_string();
            KEY_FRAMES.iter().for_each(|name| set(&element, name, &pictures));
        }
        parts.push(element.clone());
        if let Some(profile) = model.profile {
            let mut coded = gst::Caps::builder(H264).field("profile", profile);
            if let Some(level) = level(format.width, format.height, format.pace, bitrate).filter(|_| model.names_level)
            {
                coded = coded.field("level", level);
            }
            let parse = make("h264parse")?;
            // Encoders that bring their parameter sets once are no help to who comes later (Q6).
            parse.set_property("config-interval", -1_i32);
            parts.extend([filter(&coded.build())?, parse, filter(&byte_stream())?]);
        }
        bin.add_many(&parts)?;
        gst::Element::link_many(&parts)?;
        for (end, name) in [(parts.first(), "sink"), (parts.last(), "src")] {
            let pad = end.and_then(|element| element.static_pad(name));
            let pad = pad.ok_or_else(|| BuildError::GStreamer(format!("{} has no pad {name}", model.factory)))?;
            bin.add_pad(&gst::GhostPad::builder_with_target(&pad)?.name(name).build())?;
        }
        let instance = Self {
            bin,
            element,
            model,
            key_every,
            bitrate: Arc::default(),
        };
        instance.say_bitrate(bitrate);
        if let Some(quirk) = model.quirk {
            simulated::spoil(&instance.element, quirk)?;
        }
        Ok(instance)
    }

    /// Sets its rate, bit/s, at any time.
    pub fn set_bitrate(&self, bitrate: u32) {
        let quirk = self.model.quirk;
        if quirk == Some(Quirk::BeginsAnew) {
            self.ask_key();
        }
        if quirk.is_none_or(simulated::hears_rate) {
            self.say_bitrate(bitrate);
        }
    }

    fn say_bitrate(&self, bitrate: u32) {
        self.bitrate.store(bitrate, Ordering::Relaxed);
        let kilobits = (bitrate / 1_000).max(1);
        match self.model.rate {
            Rate::Bits(name) => set(&self.element, name, &bitrate.to_string()),
            Rate::Kilobits(name) => set(&self.element, name, &kilobits.to_string()),
            Rate::KilobitsAndBuffer(name) => {
                // A little more than the half second that is the least.
                set(&self.element, "cpb-size", &(kilobits * 11 / 20).to_string());
                set(&self.element, name, &kilobits.to_string());
            }
            Rate::Control => {
                set(&self.element, "bitrate", &bitrate.to_string());
                set(&self.element, "extra-controls", &self.controls(""));
            }
        }
    }

    /// What a driver of V4L2 is told, and this with it.
    fn controls(&self, more: &str) -> String {
        let (bitrate, key_every) = (self.bitrate.load(Ordering::Relaxed), self.key_every);
        format!("controls,video_bitrate={bitrate},repeat_sequence_header=1,video_gop_size={key_every}{more}")
    }

    /// Asks for a key frame. It comes with one of the next pictures.
    pub fn ask_key(&self) {
        if let Some(pad) = self.bin.static_pad("src") {
            pad.send_event(UpstreamForceKeyUnitEvent::builder().all_headers(true).build());
        }
        match self.model.key {
            Key::Event => {}
            // GStreamer 1.22 tells drivers nothing of the event (Q4).
            Key::Control => set(&self.element, "extra-controls", &self.controls(",force_key_frame=1")),
            Key::Signal(name) if SignalId::lookup(name, self.element.type_()).is_some() => {
                self.element.emit_by_name::<()>(name, &[]);
            }
            Key::Signal(_) => {}
        }
    }

    /// The element itself.
    #[must_use]
    pub fn element(&self) -> &gst::Element {
        &self.element
    }
}

/// Where what comes out goes: `take` is given each buffer and when it is to be shown (running time), whichever number an encoder has
/// begun to count with.
pub(super) fn exit(
    take: impl Fn(&gst::BufferRef, Option<gst::ClockTime>) -> Result<(), gst::FlowError> + Send + Sync + 'static,
) -> AppSink {
    let sink = AppSink::builder().sync(false).async_(false).build();
    let callbacks = AppSinkCallbacks::builder().new_sample(move |sink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        if let (Some(buffer), Some(segment)) = (sample.buffer(), sample.segment()) {
            let segment = segment.downcast_ref::<gst::ClockTime>();
            let at = segment.and_then(|segment| segment.to_running_time(buffer.pts()?));
            take(buffer, at)?;
        }
        Ok(gst::FlowSuccess::Ok)
    });
    sink.set_callbacks(callbacks.build());
    sink
}

fn caps(text: &str) -> Result<gst::Caps, BuildError> {
    Ok(text.parse::<gst::Caps>()?)
}

/// Sets a property as GStreamer writes it. Elements of another age have other properties and other values: what this one does not
/// know is left as it is, and the trial shows what that comes to.
fn set(element: &gst::Element, name: &str, text: &str) {
    let Some(property) = element.find_property(name) else {
        return;
    };
    match glib::Value::deserialize_with_pspec(text, &property) {
        Ok(value) => element.set_property_from_value(name, &value),
        Err(error) => tracing::debug!(element = %element.name(), name, text, %error, "a property is not known"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::catalogue::model;

    const FORMAT: Format = Format {
        width: 320,
        height: 180,
        pace: 30,
    };

    #[test]
    fn a_known_property_is_set_and_an_unknown_one_left_alone() {
        gst::init().unwrap();
        let element = make("x264enc").unwrap();
        set(&element, "key-int-max", "1234");
        set(&element, "tune", "zerolatency");
        set(&element, "speed-preset", "as fast as light");
        set(&element, "no-such-property", "1");
        assert_eq!(element.property::<u32>("key-int-max"), 1_234);
    }

    #[test]
    fn a_rate_is_said_in_the_units_of_the_encoder() {
        gst::init().unwrap();
        for (factory, name, expected) in [("x264enc", "bitrate", 1_500), ("openh264enc", "bitrate", 1_500_000)] {
            let model = model(factory).unwrap();
            let instance = Instance::build(model, &model.paths[0], FORMAT, 600_000, &[]).unwrap();
            instance.set_bitrate(1_500_000);
            assert_eq!(instance.element().property::<u32>(name), expected, "{factory}");
        }
    }
}
