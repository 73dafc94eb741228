//! Whether camera, microphone and encoder work: pictures are counted, one key frame is made, a level is measured. Nothing
//! leaves the worker.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks, AppSrc};
use media_protocol::SelfTestReport;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::capture::{Tap, picture_source};
use crate::elements::{BuildError, chain};
use crate::mailbox::{Mailbox, PipelineId};
use crate::pipeline::Pipeline;
use crate::session::encoder;

/// A test ends with what it has seen then.
const LONGEST: Duration = Duration::from_secs(5);

/// Rate of the encoder that is tested, bit/s.
const BITRATE: u32 = 1_500_000;

/// A test that runs, or has ended.
#[derive(Debug)]
pub struct SelfTest {
    camera: Option<CameraTest>,
    microphone: Option<Tap>,
    loudest: f64,
    begun: Instant,
    told: bool,
}

impl SelfTest {
    /// Begins; the devices may still be on their way. What is none is not tested.
    pub fn begin(camera: Option<&Tap>, microphone: Option<&Tap>, mailbox: &Mailbox) -> Self {
        let camera = camera.and_then(|tap| {
            CameraTest::build(tap, mailbox)
                .inspect_err(|error| tracing::error!(%error, "the encoder cannot be tested"))
                .ok()
        });
        Self {
            camera,
            microphone: microphone.cloned(),
            loudest: -127.0,
            begun: Instant::now(),
            told: false,
        }
    }

    /// Call it several times a second. What it has seen, once.
    pub fn tick(&mut self, now: Instant) -> Option<SelfTestReport> {
        if let Some(microphone) = self.microphone.as_ref().filter(|tap| tap.is_flowing()) {
            self.loudest = self.loudest.max(microphone.level());
        }
        let report = SelfTestReport {
            frames: self
                .camera
                .as_ref()
                .map(|test| test.seen.frames.load(Ordering::Relaxed)),
            key_frame: self.camera.as_ref().and_then(|test| test.seen.key_frame()),
            level: self.microphone.as_ref().map(|_| self.loudest),
        };
        let camera = report
            .frames
            .is_none_or(|frames| frames >= SelfTestReport::ENOUGH_FRAMES)
            && (report.key_frame.is_some() || self.camera.is_none());
        let all = camera && report.level.is_none_or(|level| level > SelfTestReport::NOT_SILENT);
        let over = now.saturating_duration_since(self.begun) >= LONGEST;
        ((all || over) && !std::mem::replace(&mut self.told, all || over)).then_some(report)
    }
}

impl SelfTest {
    /// A message of its bus.
    pub fn on_bus(&self, message: &gst::Message) {
        if let Some(camera) = &self.camera {
            camera.pipeline.on_bus(message);
        }
        if let gst::MessageView::Error(error) = message.view() {
            tracing::warn!(error = %error.error(), debug = ?error.debug(), "the encoder fails the self-test");
        }
    }
}

/// What came by.
#[derive(Debug, Default)]
struct Seen {
    frames: AtomicU64,
    key_frame_height: AtomicU32,
}

impl Seen {
    fn key_frame(&self) -> Option<u32> {
        Some(self.key_frame_height.load(Ordering::Relaxed)).filter(|height| *height > 0)
    }
}

/// Camera to encoder, to nowhere.
#[derive(Debug)]
struct CameraTest {
    tap: Tap,
    source: AppSrc,
    pipeline: Pipeline,
    seen: Arc<Seen>,
}

impl CameraTest {
    fn build(tap: &Tap, mailbox: &Mailbox) -> Result<Self, BuildError> {
        let pipeline = Pipeline::live(PipelineId::SelfTest, mailbox)?;
        let source = picture_source();
        let encoder = encoder(BITRATE)?;
        let seen = Arc::new(Seen::default());
        let counted = seen.clone();
        if let Some(pad) = source.static_pad("src") {
            pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
                counted.frames.fetch_add(1, Ordering::Relaxed);
                gst::PadProbeReturn::Ok
            });
        }
        let encoded = seen.clone();
        let sink = AppSink::builder().sync(false).max_buffers(4).drop(true).build();
        sink.set_callbacks(
            AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    let key = sample.buffer().is_some_and(|buffer| {
                        buffer.size() > 0 && !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT)
                    });
                    let height = sample
                        .caps()
                        .and_then(|caps| caps.structure(0)?.get::<i32>("height").ok());
                    if let Some(height) = height.filter(|_| key) {
                        let height = u32::try_from(height).unwrap_or(0);
                        encoded.key_frame_height.store(height, Ordering::Relaxed);
                    }
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
        chain(pipeline.bin(), &[source.upcast_ref(), &encoder, sink.upcast_ref()])?;
        pipeline.play()?;
        tap.connect(&source);
        Ok(Self {
            tap: tap.clone(),
            source,
            pipeline,
            seen,
        })
    }
}

impl Drop for CameraTest {
    fn drop(&mut self) {
        self.tap.disconnect(&self.source);
    }
}
