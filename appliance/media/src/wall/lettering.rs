//! Text as pictures, by GStreamer's `textoverlay` (Pango: every script, right to left too). A text is drawn once and
//! kept, so that it costs nothing while it stands there.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use std::collections::HashMap;

use super::canvas::{Colour, Patch};
use crate::elements::{BuildError, chain, make};

/// Drawn texts kept; a wall has about two dozen at a time.
const KEPT: usize = 64;
/// Most characters drawn of a text.
const MAX_CHARACTERS: usize = 160;
/// The first text of a process loads fonts.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(5);

/// How a text looks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Style {
    /// Size of the patch, even.
    pub width: usize,
    /// Size of the patch, even.
    pub height: usize,
    /// Height of the letters in points of Pango.
    pub points: usize,
    /// Behind the letters.
    pub colour: Colour,
    /// In the middle; else at the left.
    pub centred: bool,
}

/// Draws texts.
#[derive(Debug)]
pub struct Lettering {
    pipeline: gst::Pipeline,
    source: AppSrc,
    overlay: gst::Element,
    sink: AppSink,
    kept: HashMap<(String, Style), Patch>,
    serial: u64,
}

impl Lettering {
    /// Builds the little pipeline.
    ///
    /// # Errors
    /// [`BuildError::MissingElement`] for `textoverlay`.
    pub fn new() -> Result<Self, BuildError> {
        let pipeline = gst::Pipeline::new();
        let source = AppSrc::builder().format(gst::Format::Time).max_buffers(1).build();
        let overlay = make("textoverlay")?;
        overlay.set_property_from_str("valignment", "center");
        overlay.set_property_from_str("line-alignment", "left");
        overlay.set_property_from_str("wrap-mode", "none");
        overlay.set_property("draw-shadow", false);
        overlay.set_property("draw-outline", false);
        overlay.set_property("auto-resize", false);
        overlay.set_property("xpad", 10_i32);
        overlay.set_property("ypad", 0_i32);
        let sink = AppSink::builder().sync(false).max_buffers(1).build();
        chain(&pipeline, &[source.upcast_ref(), &overlay, sink.upcast_ref()])?;
        pipeline.set_state(gst::State::Playing)?;
        Ok(Self {
            pipeline,
            source,
            overlay,
            sink,
            kept: HashMap::new(),
            serial: 0,
        })
    }

    /// The text in this style. When drawing fails, the patch is empty and tried again next time.
    pub fn draw(&mut self, text: &str, style: &Style) -> Patch {
        let text = shortened(text);
        let key = (text, style.clone());
        if let Some(patch) = self.kept.get(&key) {
            return patch.clone();
        }
        let empty = Patch::filled(style.width, style.height, style.colour);
        if key.0.is_empty() {
            return empty;
        }
        match self.render(&key.0, style, &empty) {
            Ok(patch) => {
                if self.kept.len() >= KEPT {
                    self.kept.clear();
                }
                self.kept.insert(key, patch.clone());
                patch
            }
            Err(error) => {
                tracing::warn!(%error, "a text cannot be drawn");
                empty
            }
        }
    }

    fn render(&mut self, text: &str, style: &Style, empty: &Patch) -> Result<Patch, BuildError> {
        self.overlay.set_property("text", escaped(text));
        self.overlay.set_property("font-desc", format!("Sans {}", style.points));
        self.overlay
            .set_property_from_str("halignment", if style.centred { "center" } else { "left" });
        let number = |number: usize| i32::try_from(number).unwrap_or(0);
        let caps = gst::Caps::builder("video/x-raw")
            .field("format", "I420")
            .field("width", number(style.width))
            .field("height", number(style.height))
            .field("framerate", gst::Fraction::new(0, 1))
            .build();
        let info = gstreamer_video::VideoInfo::from_caps(&caps)?;
        let mut buffer = gst::Buffer::with_size(info.size())?;
        {
            let changed = buffer.make_mut();
            changed.set_pts(gst::ClockTime::from_seconds(self.serial));
            changed.set_duration(gst::ClockTime::from_seconds(1));
        }
        self.serial += 1;
        copy_in(&mut buffer, &info, empty);
        let sample = gst::Sample::builder().buffer(&buffer).caps(&caps).build();
        drop(buffer);
        self.source
            .push_sample(&sample)
            .map_err(|error| BuildError::GStreamer(error.to_string()))?;
        let drawn = self
            .sink
            .try_pull_sample(PATIENCE)
            .ok_or_else(|| BuildError::GStreamer("textoverlay gives nothing".into()))?;
        let buffer = drawn
            .buffer()
            .ok_or_else(|| BuildError::GStreamer("textoverlay gives no picture".into()))?;
        Ok(copy_out(buffer, &info, empty))
    }
}

impl Drop for Lettering {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Bytes and strides of GStreamer's planes differ from ours: rows are padded to four bytes.
fn copy_in(buffer: &mut gst::Buffer, info: &gstreamer_video::VideoInfo, patch: &Patch) {
    let Ok(mut map) = buffer.make_mut().map_writable() else {
        return;
    };
    each_row(info, patch, |theirs, ours| {
        if let (Some(to), Some(from)) = (map.as_mut_slice().get_mut(theirs), patch.bytes.get(ours)) {
            to.copy_from_slice(from);
        }
    });
}

fn copy_out(buffer: &gst::BufferRef, info: &gstreamer_video::VideoInfo, like: &Patch) -> Patch {
    let mut patch = like.clone();
    if let Ok(map) = buffer.map_readable() {
        each_row(info, like, |theirs, ours| {
            if let (Some(from), Some(to)) = (map.as_slice().get(theirs), patch.bytes.get_mut(ours)) {
                to.copy_from_slice(from);
            }
        });
    }
    patch
}

fn each_row(
    info: &gstreamer_video::VideoInfo,
    patch: &Patch,
    mut each: impl FnMut(std::ops::Range<usize>, std::ops::Range<usize>),
) {
    let mut ours = 0;
    for (plane, (offset, stride)) in info.offset().iter().zip(info.stride()).enumerate() {
        let shift = usize::from(plane > 0);
        let (width, stride) = (patch.width >> shift, usize::try_from(*stride).unwrap_or(0));
        for row in 0..patch.height >> shift {
            let theirs = offset + row * stride;
            each(theirs..theirs + width, ours..ours + width);
            ours += width;
        }
    }
}

fn shortened(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(MAX_CHARACTERS)
        .collect();
    if text.chars().nth(MAX_CHARACTERS).is_some() {
        line.push('…');
    }
    line
}

/// `textoverlay` reads Pango markup; a name is no markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wall::canvas::NAME;

    fn style() -> Style {
        Style {
            width: 256,
            height: 24,
            points: 12,
            colour: NAME,
            centred: false,
        }
    }

    fn ink(patch: &Patch) -> usize {
        patch.bytes[..patch.width * patch.height]
            .iter()
            .filter(|luma| **luma > 150)
            .count()
    }

    #[test]
    fn names_are_letters_and_never_markup() {
        gst::init().unwrap();
        let mut lettering = Lettering::new().unwrap();
        let plain = lettering.draw("Zoé", &style());
        assert!(ink(&plain) > 30, "letters are there");
        let marked = lettering.draw("<span size='60000'>Zoé</span>", &style());
        assert_ne!(plain, marked);
        assert!(ink(&lettering.draw("A&B </nonsense>", &style())) > 60);
        assert_eq!(ink(&lettering.draw("", &style())), 0);
    }

    #[test]
    fn patches_of_widths_that_gstreamer_pads_keep_their_colour() {
        gst::init().unwrap();
        let mut lettering = Lettering::new().unwrap();
        let odd = Style {
            width: 202,
            height: 26,
            ..style()
        };
        let patch = lettering.draw("i", &odd);
        let chroma = &patch.bytes[202 * 26..];
        assert!(
            chroma[..chroma.len() / 2]
                .iter()
                .filter(|value| **value == NAME.1)
                .count()
                > chroma.len() / 2 * 8 / 10
        );
    }

    #[test]
    fn a_name_without_end_has_an_end() {
        assert_eq!(shortened(&"x".repeat(1000)).chars().count(), MAX_CHARACTERS + 1);
        assert_eq!(shortened("two\nlines"), "two lines");
    }
}
