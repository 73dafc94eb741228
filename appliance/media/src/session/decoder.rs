//! The branch behind one received pad: depayloader, decoder, and where the result goes.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};
use media_protocol::MediaKind;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::picture_limit;
use crate::capture::{Tap, with_common_time};
use crate::elements::{BuildError, chain, h264_decoder, make};
use crate::pipeline::Pipeline;
use crate::wall::Board;

/// Elements of one branch, the sink last.
#[derive(Debug)]
pub struct Decoder {
    elements: Vec<gst::Element>,
    label: Arc<Mutex<String>>,
    counted: Arc<Counted>,
    frames_before: u64,
    sound: Option<Tap>,
}

#[derive(Debug, Default)]
struct Counted {
    frames: AtomicU64,
    height: AtomicU32,
}

impl Decoder {
    /// Builds the branch into the pipeline and links it behind `pad`.
    ///
    /// # Errors
    /// An encoding that the box does not decode, or a missing element.
    pub fn build(
        kind: MediaKind,
        encoding: &str,
        source: &str,
        board: &Board,
        pipeline: &Pipeline,
        pad: &gst::Pad,
    ) -> Result<Self, BuildError> {
        let label = Arc::new(Mutex::new(source.to_owned()));
        let counted = Arc::new(Counted::default());
        let sound = (kind == MediaKind::Audio).then(Tap::default);
        let mut elements = depayload_and_decode(encoding)?;
        let sink = match &sound {
            Some(tap) => sound_sink(tap),
            None => picture_sink(board, &label, &counted),
        };
        elements.push(sink.upcast());
        let decoder = Self {
            elements,
            label,
            counted,
            frames_before: 0,
            sound,
        };
        match decoder.link(pipeline, pad) {
            Ok(()) => Ok(decoder),
            Err(error) => {
                decoder.remove(pipeline);
                Err(error)
            }
        }
    }

    fn link(&self, pipeline: &Pipeline, pad: &gst::Pad) -> Result<(), BuildError> {
        chain(pipeline.bin(), &self.elements.iter().collect::<Vec<_>>())?;
        for element in self.elements.iter().rev() {
            element.sync_state_with_parent()?;
        }
        let sink = self.elements.first().and_then(|first| first.static_pad("sink"));
        pad.link(&sink.ok_or_else(|| BuildError::GStreamer("a depayloader without a sink".into()))?)?;
        Ok(())
    }

    /// The stream belongs to this source from now on.
    pub fn relabel(&self, source: &str) {
        let mut label = self.label.lock().unwrap_or_else(PoisonError::into_inner);
        if *label != source {
            source.clone_into(&mut label);
        }
    }

    /// The decoded sound, if this is sound.
    #[must_use]
    pub fn sound(&self) -> Option<&Tap> {
        self.sound.as_ref()
    }

    /// Frames a second since the last call, and the height.
    pub fn statistics(&mut self, over: Duration) -> (f64, u32) {
        let frames = self.counted.frames.load(Ordering::Relaxed);
        let fps = (frames - self.frames_before) as f64 / over.as_secs_f64().max(0.001);
        self.frames_before = frames;
        (fps, self.counted.height.load(Ordering::Relaxed))
    }

    /// Stops the branch and takes it out. No data may be on the way into it.
    pub fn remove(self, pipeline: &Pipeline) {
        // The sink first: it may be waiting for the clock.
        for element in self.elements.iter().rev() {
            let _ = element.set_state(gst::State::Null);
            let _ = pipeline.bin().remove(element);
        }
    }
}

fn depayload_and_decode(encoding: &str) -> Result<Vec<gst::Element>, BuildError> {
    match encoding {
        "VP8" => {
            let (depayload, decode) = (make("rtpvp8depay")?, make("vp8dec")?);
            depayload.set_property("request-keyframe", true);
            depayload.set_property("wait-for-keyframe", true);
            decode.set_property("threads", 1_u32);
            if let Some(pad) = depayload.static_pad("src") {
                picture_limit::guard_vp8(&pad);
            }
            Ok(vec![depayload, decode])
        }
        "H264" => {
            let decode = h264_decoder().unwrap_or("avdec_h264");
            let (depayload, parse, decode) = (make("rtph264depay")?, make("h264parse")?, make(decode)?);
            depayload.set_property("request-keyframe", true);
            depayload.set_property("wait-for-keyframe", true);
            if decode.has_property("max-threads") {
                decode.set_property("max-threads", 1_i32);
            }
            if let Some(pad) = parse.static_pad("src") {
                picture_limit::guard_parsed(&pad);
            }
            Ok(vec![depayload, parse, decode, make("videoconvert")?])
        }
        "OPUS" => {
            let (depayload, decode) = (make("rtpopusdepay")?, make("opusdec")?);
            decode.set_property("plc", true);
            decode.set_property("use-inband-fec", true);
            Ok(vec![depayload, decode])
        }
        other => Err(BuildError::GStreamer(format!("the box does not decode {other}"))),
    }
}

/// Pictures wait for their time (so that lips stay with the sound) and go to the board under the label of the moment.
fn picture_sink(board: &Board, label: &Arc<Mutex<String>>, counted: &Arc<Counted>) -> AppSink {
    let (board, label, counted) = (board.clone(), label.clone(), counted.clone());
    let callbacks = AppSinkCallbacks::builder().new_sample(move |sink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        counted.frames.fetch_add(1, Ordering::Relaxed);
        let height = sample
            .caps()
            .and_then(|caps| caps.structure(0)?.get::<i32>("height").ok());
        counted.height.store(
            height.and_then(|height| u32::try_from(height).ok()).unwrap_or(0),
            Ordering::Relaxed,
        );
        board.put(&label.lock().unwrap_or_else(PoisonError::into_inner), sample);
        Ok(gst::FlowSuccess::Ok)
    });
    let caps = gst::Caps::builder("video/x-raw").field("format", "I420").build();
    AppSink::builder()
        .caps(&caps)
        .sync(true)
        .max_buffers(1)
        .drop(true)
        .callbacks(callbacks.build())
        .build()
}

/// Sound goes to the mixer at once; the mixer waits.
fn sound_sink(tap: &Tap) -> AppSink {
    let tap = tap.clone();
    let callbacks = AppSinkCallbacks::builder().new_sample(move |sink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        if let Some(buffer) = with_common_time(&sample, sink.base_time()) {
            tap.push(buffer);
        }
        Ok(gst::FlowSuccess::Ok)
    });
    let caps = gst::Caps::builder("audio/x-raw")
        .field("format", "S16LE")
        .field("rate", 48_000)
        .field("channels", 2)
        .build();
    AppSink::builder()
        .caps(&caps)
        .sync(false)
        .max_buffers(4)
        .drop(true)
        .callbacks(callbacks.build())
        .build()
}
