//! Decoding what the box sent, with GStreamer: pictures with `vp8dec` or `avdec_h264`, sound with `opusdec`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::assemble::Codec;
use super::lip_sync::{FlashFinder, SenderClock};
use super::sound::Listener;
use crate::clock::monotonic_ns;
use crate::error::{Error, Result};

/// What decoding brought to light.
#[derive(Default)]
pub struct Seen {
    /// Pictures so far.
    pub frames: u64,
    /// A packet of the last session has come; what is decoded before is left over from the one before.
    pub begun: bool,
    /// When the first one of the last session was decoded.
    pub first_ns: Option<u64>,
    /// When the last one was decoded.
    pub last_ns: Option<u64>,
    /// Longest time between two pictures.
    pub longest_gap_ns: u64,
    /// Height of the last one.
    pub height: u32,
    /// Mean brightness of the last one, 0 to 255.
    pub luma: f64,
    /// Flashes.
    pub flashes: FlashFinder,
    /// The last picture.
    pub last: Option<gst::Sample>,
    /// The decoder complained.
    pub errors: u64,
    pending: VecDeque<(u64, Option<f64>)>,
}

/// Shared between streaming threads and reports.
pub type SharedSeen = Arc<Mutex<Seen>>;

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Decodes pictures.
pub struct PictureDecoder {
    /// Of frames in this.
    pub codec: Codec,
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    seen: SharedSeen,
    number: u64,
}

/// Made-up distance of decoded pictures; real time is kept beside.
const STEP_NS: u64 = 33_333_333;

impl PictureDecoder {
    /// Builds the pipeline.
    pub fn new(codec: Codec, seen: SharedSeen) -> Result<Self> {
        let decoder = match codec {
            Codec::Vp8 => "caps=video/x-vp8 ! vp8dec threads=1",
            Codec::H264 => {
                "caps=video/x-h264,stream-format=byte-stream,alignment=au ! avdec_h264 max-threads=1 ! videoconvert ! video/x-raw,format=I420"
            }
        };
        let pipeline = launch(&format!(
            "appsrc name=in is-live=false format=time max-bytes=0 {decoder} ! appsink name=pictures sync=false",
        ))?;
        let source = element::<gst_app::AppSrc>(&pipeline, "in")?;
        let pictures = element::<gst_app::AppSink>(&pipeline, "pictures")?;
        let shared = seen.clone();
        pictures.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    picture(&sample, &shared);
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
        play(&pipeline)?;
        // Times of another decoder say nothing here.
        lock(&seen).pending.clear();
        Ok(Self {
            codec,
            pipeline,
            source,
            seen,
            number: 0,
        })
    }

    /// Feeds a frame; `ms` is its time on the sender's clock, where that is known.
    pub fn push(&mut self, frame: Vec<u8>, ms: Option<f64>) {
        self.number += 1;
        let pts = self.number * STEP_NS;
        lock(&self.seen).pending.push_back((pts, ms));
        let mut buffer = gst::Buffer::from_slice(frame);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(pts));
        }
        let _ = self.source.push_buffer(buffer);
        if self
            .pipeline
            .bus()
            .and_then(|b| b.pop_filtered(&[gst::MessageType::Error]))
            .is_some()
        {
            lock(&self.seen).errors += 1;
        }
    }
}

impl Drop for PictureDecoder {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn picture(sample: &gst::Sample, seen: &Mutex<Seen>) {
    let Some(structure) = sample.caps().and_then(|c| c.structure(0)) else {
        return;
    };
    let (Ok(width), Ok(height)) = (structure.get::<i32>("width"), structure.get::<i32>("height")) else {
        return;
    };
    let Some(buffer) = sample.buffer() else { return };
    let Ok(map) = buffer.map_readable() else { return };
    // I420: lines of luma are padded to multiples of four.
    let stride = (width as usize).next_multiple_of(4);
    let (mut bright, mut sum, mut count) = (0u64, 0u64, 0u64);
    for line in (0..height as usize).step_by(4) {
        let Some(pixels) = map.as_slice().get(line * stride..line * stride + width as usize) else {
            break;
        };
        for pixel in pixels.iter().step_by(4) {
            bright += u64::from(*pixel >= 215);
            sum += u64::from(*pixel);
            count += 1;
        }
    }
    let now = monotonic_ns();
    let pts = buffer.pts().map(gst::ClockTime::nseconds).unwrap_or_default();
    let mut seen = lock(seen);
    seen.frames += 1;
    if seen.begun {
        seen.first_ns.get_or_insert(now);
    }
    if let Some(last) = seen.last_ns.replace(now) {
        seen.longest_gap_ns = seen.longest_gap_ns.max(now.saturating_sub(last));
    }
    seen.height = height as u32;
    seen.last = Some(sample.clone());
    seen.luma = sum as f64 / count.max(1) as f64;
    let mut ms = None;
    while seen.pending.front().is_some_and(|(at, _)| *at <= pts) {
        if let Some((at, time)) = seen.pending.pop_front()
            && at == pts
        {
            ms = time;
        }
    }
    if let Some(ms) = ms {
        seen.flashes.push(ms, bright as f64 / count.max(1) as f64);
    }
}

/// A picture as JPEG of 640x360.
pub fn jpeg(sample: &gst::Sample) -> Option<Vec<u8>> {
    let caps = gst::Caps::builder("image/jpeg")
        .field("width", 640)
        .field("height", 360)
        .build();
    let jpeg = gstreamer_video::convert_sample(sample, &caps, Some(gst::ClockTime::from_seconds(2))).ok()?;
    let map = jpeg.buffer()?.map_readable().ok()?;
    Some(map.as_slice().to_vec())
}

/// What was heard.
pub struct Heard {
    /// Tone and beeps.
    pub listener: Listener,
    /// From the last sender report of the audio SSRC.
    pub clock: Option<SenderClock>,
    /// As with pictures.
    pub begun: bool,
    /// When sound of the last session was first decoded.
    pub first_ns: Option<u64>,
    /// Longest time between two packets.
    pub longest_gap_ns: u64,
    /// The last packet.
    pub last_packet_ns: Option<u64>,
    /// RTP timestamp of PTS zero.
    base: u32,
}

/// Shared between streaming threads and reports.
pub type SharedHeard = Arc<Mutex<Heard>>;

impl Heard {
    /// Listens for `frequency` (Hz).
    pub fn new(frequency: f64) -> Self {
        Self {
            listener: Listener::new(frequency),
            clock: None,
            begun: false,
            first_ns: None,
            longest_gap_ns: 0,
            last_packet_ns: None,
            base: 0,
        }
    }

    /// A packet has come.
    pub fn packet(&mut self, now_ns: u64) {
        let last = self.last_packet_ns.replace(now_ns).unwrap_or(now_ns);
        self.longest_gap_ns = self.longest_gap_ns.max(now_ns.saturating_sub(last));
    }
}

/// Decodes sound.
pub struct SoundDecoder {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    base: u32,
}

impl SoundDecoder {
    /// Builds the pipeline; `timestamp` is the RTP timestamp of the first packet.
    pub fn new(heard: SharedHeard, timestamp: u32) -> Result<Self> {
        let pipeline = launch(
            "appsrc name=in is-live=false format=time max-bytes=0 \
             caps=audio/x-opus,channel-mapping-family=(int)0,channels=(int)2,rate=(int)48000 \
             ! opusdec plc=false ! audioconvert ! audio/x-raw,format=S16LE,channels=1,rate=48000 ! appsink name=sound sync=false",
        )?;
        let source = element::<gst_app::AppSrc>(&pipeline, "in")?;
        let sink = element::<gst_app::AppSink>(&pipeline, "sound")?;
        lock(&heard).base = timestamp;
        sink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    sound(&sample, &heard);
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
        play(&pipeline)?;
        Ok(Self {
            pipeline,
            source,
            base: timestamp,
        })
    }

    /// Feeds a packet.
    pub fn push(&mut self, timestamp: u32, payload: &[u8]) {
        let ticks = u64::from(timestamp.wrapping_sub(self.base));
        let mut buffer = gst::Buffer::from_slice(payload.to_vec());
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(ticks * 1_000_000 / 48));
        }
        let _ = self.source.push_buffer(buffer);
    }
}

impl Drop for SoundDecoder {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn sound(sample: &gst::Sample, heard: &Mutex<Heard>) {
    let Some(buffer) = sample.buffer() else { return };
    let Ok(map) = buffer.map_readable() else { return };
    let samples: Vec<i16> = map
        .as_slice()
        .as_chunks::<2>()
        .0
        .iter()
        .map(|bytes| i16::from_le_bytes(*bytes))
        .collect();
    let pts = buffer.pts().map(gst::ClockTime::nseconds).unwrap_or_default();
    let mut heard = lock(heard);
    if heard.begun {
        heard.first_ns.get_or_insert_with(monotonic_ns);
    }
    let timestamp = heard.base.wrapping_add(((pts * 48 + 500_000) / 1_000_000) as u32);
    heard.listener.push(timestamp, &samples);
}

fn launch(description: &str) -> Result<gst::Pipeline> {
    gst::init().map_err(|e| Error::Media(e.to_string()))?;
    let pipeline = gst::parse::launch(description).map_err(|e| Error::Media(e.to_string()))?;
    pipeline
        .downcast::<gst::Pipeline>()
        .map_err(|_| Error::Media("not a pipeline".into()))
}

fn element<T: IsA<gst::Element>>(pipeline: &gst::Pipeline, name: &str) -> Result<T> {
    pipeline
        .by_name(name)
        .and_then(|e| e.downcast::<T>().ok())
        .ok_or_else(|| Error::Media(format!("no element {name}")))
}

fn play(pipeline: &gst::Pipeline) -> Result<()> {
    pipeline
        .set_state(gst::State::Playing)
        .map(|_| ())
        .map_err(|e| Error::Media(e.to_string()))
}
