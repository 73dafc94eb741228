//! Encodes the peers' pictures and tones once, with GStreamer, into the cache.

use std::path::Path;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::file;
use crate::error::{Error, Result};

/// Frames per second of the pictures.
pub const FPS: u32 = 25;
/// Length of the loop.
const SECONDS: u32 = 8;
/// Heights of the two layers.
pub const HEIGHTS: [u16; 2] = [180, 360];
/// Background colours, ARGB: what tells the peers apart on a wall.
pub const COLOURS: [u32; 6] = [
    0xffc0_2828,
    0xff20_9038,
    0xff28_48c0,
    0xffd0_8010,
    0xff80_30a0,
    0xff10_9090,
];
/// Tones in Hz, each a whole number of periods per second so that the loop has no click.
pub const TONES: [u32; 6] = [440, 550, 660, 770, 880, 330];

/// The media of one peer.
pub struct Encoded {
    /// VP8 frames per layer, lowest first; both have the same length.
    pub video: [Vec<Vec<u8>>; 2],
    /// Opus frames of 20 ms.
    pub audio: Vec<Vec<u8>>,
}

/// Loads the media of peer `index`, encoding what is not in the cache yet.
pub fn load(cache: &Path, index: usize) -> Result<Encoded> {
    let which = index % COLOURS.len();
    let low = video(cache, which, HEIGHTS[0])?;
    let high = video(cache, which, HEIGHTS[1])?;
    let length = low.len().min(high.len());
    let cut = |mut frames: Vec<Vec<u8>>| {
        frames.truncate(length);
        frames
    };
    Ok(Encoded {
        video: [cut(low), cut(high)],
        audio: audio(cache, TONES[which])?,
    })
}

fn video(cache: &Path, which: usize, height: u16) -> Result<Vec<Vec<u8>>> {
    let path = cache.join(format!("peer-1-{which}-{height}.ivf"));
    if let Ok(frames) = file::read_ivf(&path) {
        return Ok(frames);
    }
    let width = height / 9 * 16;
    let motion = ["wavy", "sweep", "hsweep"][which % 3];
    let colour = COLOURS[which];
    let bitrate = if height < 200 { 120_000 } else { 350_000 };
    let frames = run(&format!(
        "videotestsrc pattern=ball motion={motion} animation-mode=frames num-buffers={} background-color={colour} foreground-color=0xffffffff \
         ! video/x-raw,format=I420,width={width},height={height},framerate={FPS}/1 \
         ! vp8enc deadline=1 cpu-used=8 threads=1 target-bitrate={bitrate} keyframe-max-dist={FPS} error-resilient=default \
         ! appsink name=out sync=false",
        FPS * SECONDS
    ))?;
    file::write_ivf(&path, (width, height), FPS, &frames)?;
    Ok(frames)
}

fn audio(cache: &Path, tone: u32) -> Result<Vec<Vec<u8>>> {
    let path = cache.join(format!("peer-1-tone-{tone}.opus-frames"));
    if let Ok(frames) = file::read_frames(&path) {
        return Ok(frames);
    }
    let frames = run(&format!(
        "audiotestsrc wave=sine freq={tone} volume=0.15 samplesperbuffer=960 num-buffers=150 \
         ! audio/x-raw,format=S16LE,rate=48000,channels=2 ! opusenc bitrate=32000 frame-size=20 ! appsink name=out sync=false"
    ))?;
    // The first second holds the encoder's run-up; the loop is the second one.
    let frames: Vec<Vec<u8>> = frames.into_iter().skip(50).take(50).collect();
    file::write_frames(&path, &frames)?;
    Ok(frames)
}

fn run(description: &str) -> Result<Vec<Vec<u8>>> {
    let media = |what: &str| Error::Media(what.to_owned());
    gst::init().map_err(|e| Error::Media(e.to_string()))?;
    let pipeline = gst::parse::launch(description).map_err(|e| Error::Media(e.to_string()))?;
    let pipeline = pipeline
        .downcast::<gst::Pipeline>()
        .map_err(|_| media("not a pipeline"))?;
    let sink = pipeline
        .by_name("out")
        .and_then(|e| e.downcast::<gst_app::AppSink>().ok())
        .ok_or(media("no appsink"))?;
    pipeline
        .set_state(gst::State::Playing)
        .map_err(|e| Error::Media(e.to_string()))?;
    let mut frames = Vec::new();
    while let Ok(sample) = sink.pull_sample() {
        let buffer = sample.buffer().ok_or(media("sample without buffer"))?;
        let map = buffer.map_readable().map_err(|e| Error::Media(e.to_string()))?;
        frames.push(map.as_slice().to_vec());
    }
    let error = pipeline
        .bus()
        .and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
    let _ = pipeline.set_state(gst::State::Null);
    if let Some(gst::MessageView::Error(error)) = error.as_ref().map(|m| m.view()) {
        return Err(Error::Media(error.error().to_string()));
    }
    if frames.is_empty() {
        return Err(media(
            "encoder gave nothing; install gstreamer1.0-plugins-good and -base",
        ));
    }
    Ok(frames)
}
