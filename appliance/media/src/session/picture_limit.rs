//! The largest picture that is decoded. A key frame's header alone decides how much memory a decoder takes (16383 x 16383
//! in VP8: 400 MB a picture), and any participant may write it; so pictures that are too large fall before the decoder.

use gstreamer as gst;
use gstreamer::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Most pixels of a picture: 1920 x 1200 and a little more.
const MAX_PIXELS: u32 = 2_500_000;
/// Longest side of a picture.
const MAX_SIDE: u32 = 4096;

/// Whether a picture of this size is decoded.
fn fits(width: u32, height: u32) -> bool {
    width <= MAX_SIDE && height <= MAX_SIDE && width * height <= MAX_PIXELS
}

/// What a VP8 frame says of itself (RFC 6386 §9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vp8Frame {
    Key {
        width: u32,
        height: u32,
    },
    Delta,
    /// A key frame without a whole header.
    Broken,
}

fn vp8_frame(start: &[u8]) -> Vp8Frame {
    match *start {
        [] => Vp8Frame::Broken,
        [tag, ..] if tag & 1 == 1 => Vp8Frame::Delta,
        [
            _,
            _,
            _,
            0x9d,
            0x01,
            0x2a,
            width_low,
            width_high,
            height_low,
            height_high,
            ..,
        ] => Vp8Frame::Key {
            // The upper two bits ask for scaling.
            width: u32::from(u16::from_le_bytes([width_low, width_high]) & 0x3fff),
            height: u32::from(u16::from_le_bytes([height_low, height_high]) & 0x3fff),
        },
        _ => Vp8Frame::Broken,
    }
}

/// Lets fall what is too large, and what follows it: nothing can be decoded before the next key frame.
#[derive(Debug, Default)]
struct Limit {
    falling: AtomicBool,
}

impl Limit {
    /// Whether a VP8 frame passes.
    fn passes_vp8(&self, start: &[u8]) -> bool {
        match vp8_frame(start) {
            Vp8Frame::Delta => !self.falling.load(Ordering::Relaxed),
            Vp8Frame::Key { width, height } => self.note(width, height),
            Vp8Frame::Broken => {
                self.falling.store(true, Ordering::Relaxed);
                false
            }
        }
    }

    /// The pictures have this size from now on. Whether they pass.
    fn note(&self, width: u32, height: u32) -> bool {
        let fits = fits(width, height);
        let was_falling = self.falling.swap(!fits, Ordering::Relaxed);
        if !fits && !was_falling {
            tracing::warn!(width, height, "pictures too large to be decoded");
        }
        fits
    }
}

/// Limits the VP8 frames that leave this pad, that of a depayloader.
pub fn guard_vp8(depayloader_source: &gst::Pad) {
    let limit = Limit::default();
    depayloader_source.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let start = |buffer: &gst::Buffer| {
            let mut start = [0; 10];
            let taken = buffer.copy_to_slice(0, &mut start).err().unwrap_or(start.len());
            limit.passes_vp8(start.get(..taken).unwrap_or_default())
        };
        match info.buffer().is_none_or(start) {
            true => gst::PadProbeReturn::Ok,
            false => gst::PadProbeReturn::Drop,
        }
    });
}

/// Limits the pictures that leave this pad, whose caps tell their size: that of a parser.
pub fn guard_parsed(parser_source: &gst::Pad) {
    let limit = Arc::new(Limit::default());
    let noted = limit.clone();
    parser_source.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if let Some(gst::EventView::Caps(caps)) = info.event().map(|event| event.view()) {
            let side = |name| {
                let side = caps.caps().structure(0)?.get::<i32>(name).ok()?;
                u32::try_from(side).ok()
            };
            // A size that is not told yet passes: h264parse tells it before the first picture.
            limit_by(&noted, side("width"), side("height"));
        }
        gst::PadProbeReturn::Ok
    });
    parser_source.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        match limit.falling.load(Ordering::Relaxed) {
            false => gst::PadProbeReturn::Ok,
            true => gst::PadProbeReturn::Drop,
        }
    });
}

fn limit_by(limit: &Limit, width: Option<u32>, height: Option<u32>) {
    if let (Some(width), Some(height)) = (width, height) {
        limit.note(width, height);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(width: u16, height: u16) -> Vec<u8> {
        let mut bytes = vec![0x10, 0, 0, 0x9d, 0x01, 0x2a];
        bytes.extend(width.to_le_bytes());
        bytes.extend(height.to_le_bytes());
        bytes
    }

    #[test]
    fn sizes_are_read_from_key_frames_alone_and_without_the_scaling_bits() {
        let size = |width, height| Vp8Frame::Key { width, height };
        assert_eq!(vp8_frame(&key(1280, 720)), size(1280, 720));
        assert_eq!(vp8_frame(&key(0xffff, 0x4000 | 90)), size(16383, 90));
        assert_eq!(vp8_frame(&[0x11, 0, 0, 0x9d, 0x01, 0x2a, 0, 5, 0, 3]), Vp8Frame::Delta);
        assert_eq!(vp8_frame(&key(1280, 720)[..9]), Vp8Frame::Broken);
        assert_eq!(vp8_frame(&[]), Vp8Frame::Broken);
        assert_eq!(vp8_frame(&[0; 10]), Vp8Frame::Broken, "no start code");
    }

    #[test]
    fn too_large_a_picture_falls_with_all_that_follows_until_one_fits() {
        let limit = Limit::default();
        let delta = [0x11; 20];
        let passed = [
            key(1920, 1200),
            delta.to_vec(),
            key(16383, 16383),
            delta.to_vec(),
            key(4097, 16),
            delta.to_vec(),
            key(320, 180),
            delta.to_vec(),
        ]
        .map(|frame| limit.passes_vp8(&frame));
        assert_eq!(passed, [true, true, false, false, false, false, true, true]);
    }

    /// Pictures of these sizes through an encoder, a guarded pad and back; the heights that were decoded.
    fn decoded(encode: &str, guarded: &str, guard: fn(&gst::Pad), width: u32, height: u32) -> usize {
        gst::init().unwrap();
        let description = format!(
            "videotestsrc num-buffers=3 ! video/x-raw,format=I420,width={width},height={height} ! {encode} ! \
             fakesink name=end sync=false"
        );
        let pipeline = gst::parse::launch(&description)
            .unwrap()
            .downcast::<gst::Pipeline>()
            .unwrap();
        guard(&pipeline.by_name(guarded).unwrap().static_pad("src").unwrap());
        let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = count.clone();
        let end = pipeline.by_name("end").unwrap().static_pad("sink").unwrap();
        end.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            counted.fetch_add(1, Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
        pipeline.set_state(gst::State::Playing).unwrap();
        let kinds = [gst::MessageType::Eos, gst::MessageType::Error];
        let bus = pipeline.bus().unwrap();
        let last = bus
            .timed_pop_filtered(gst::ClockTime::from_seconds(30), &kinds)
            .unwrap();
        pipeline.set_state(gst::State::Null).unwrap();
        assert_eq!(last.type_(), gst::MessageType::Eos, "{last:?}");
        count.load(Ordering::Relaxed)
    }

    #[test]
    fn a_decoder_sees_no_vp8_picture_that_is_too_large() {
        let way = "vp8enc deadline=1 cpu-used=16 ! rtpvp8pay ! rtpvp8depay name=guarded ! vp8dec";
        assert_eq!(decoded(way, "guarded", guard_vp8, 320, 180), 3);
        assert_eq!(decoded(way, "guarded", guard_vp8, 4112, 64), 0);
    }

    #[test]
    fn a_decoder_sees_no_h264_picture_that_is_too_large() {
        let way = "x264enc tune=zerolatency speed-preset=ultrafast ! rtph264pay ! rtph264depay ! \
                   h264parse name=guarded ! avdec_h264";
        assert_eq!(decoded(way, "guarded", guard_parsed, 320, 180), 3);
        assert_eq!(decoded(way, "guarded", guard_parsed, 4112, 64), 0);
    }
}
