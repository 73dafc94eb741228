//! A trial: a scene, filmed in real time, through an encoder by one way in for each layer of a meeting at once; what came of it, and what
//! that decodes to. It may bring its process down: it has one of its own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::access_unit::AccessUnit;
use super::catalogue::{Model, Path, model};
use super::instance::{Format, H264, Instance, byte_stream, exit};
use super::judgement::{Coded, KEY_ASKED, PICTURES, RATE_HALVED, Seen};
use super::scene::{Scene, psnr};
use crate::elements::{BuildError, chain, h264_decoder, make};

/// What is still on its way after the last picture comes within this.
const LAST: Duration = Duration::from_secs(1);
/// What came is decoded in this time.
const DECODED: Duration = Duration::from_secs(8);

/// What is tried.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Job {
    /// Name of the model.
    pub encoder: String,
    /// Name of the way in.
    pub path: String,
    /// Pictures a second.
    pub pace: u32,
    /// One instance each, all at once, the largest first.
    pub layers: Vec<Layer>,
}

/// Pictures of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Layer {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// bit/s, at the beginning.
    pub bitrate: u32,
}

const fn layer(width: u32, height: u32, bitrate: u32) -> Layer {
    Layer { width, height, bitrate }
}

/// What a meeting wants of an encoder, all at once.
pub const LAYERS: [Layer; 3] = [
    layer(1_280, 720, 1_500_000),
    layer(640, 360, 500_000),
    layer(320, 180, 200_000),
];

/// Tries it, in about two seconds, in this process. What was seen of each layer.
#[must_use]
pub fn run(job: &Job) -> Vec<Seen> {
    attempt(job).unwrap_or_else(|error| job.layers.iter().map(|layer| failure(layer, &error)).collect())
}

fn failure(layer: &Layer, error: &BuildError) -> Seen {
    Seen {
        height: layer.height,
        error: Some(error.to_string()),
        ..Seen::default()
    }
}

/// What came out of the encoder: when its picture was shown (running time), when it came, its bytes.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) at: gst::ClockTime,
    pub(super) came: Instant,
    pub(super) bytes: Vec<u8>,
}

impl Unit {
    /// Which picture it is of, where one follows the other after `frame`.
    fn picture(&self, frame: gst::ClockTime) -> u32 {
        u32::try_from((self.at + frame / 2).nseconds() / frame.nseconds()).unwrap_or(u32::MAX)
    }
}

fn attempt(job: &Job) -> Result<Vec<Seen>, BuildError> {
    let unknown = || BuildError::GStreamer(format!("no encoder {} by {}", job.encoder, job.path));
    let even = |size: u32| (16..=4_096).contains(&size) && size.is_multiple_of(2);
    let can_be_tried = |layer: &Layer| even(layer.width) && even(layer.height);
    if job.layers.len() > LAYERS.len() || !job.layers.iter().all(can_be_tried) || !(1..=120).contains(&job.pace) {
        return Err(BuildError::GStreamer("the sizes or the pace cannot be tried".into()));
    }
    let model = model(&job.encoder).ok_or_else(unknown)?;
    let path = model
        .paths
        .iter()
        .find(|path| path.name == job.path)
        .ok_or_else(unknown)?;
    let mut takes: Vec<Result<Take, BuildError>> = job
        .layers
        .iter()
        .map(|layer| Take::build(model, path, layer, job.pace))
        .collect();
    let before = processor();
    let shown = film(&mut takes, job.pace);
    // An encoder that holds something back gives it now; one that does not end is judged by what it gave.
    for take in takes.iter().flatten() {
        let _ = take.source.end_of_stream();
    }
    let ended: Vec<Result<Take, BuildError>> = takes
        .into_iter()
        .map(|take| take.and_then(|take| end_of(&take.pipeline.0, LAST).map(|()| take)))
        .collect();
    let processor_us = (processor().saturating_sub(before) / PICTURES).as_micros();
    let processor_us = u64::try_from(processor_us).unwrap_or(u64::MAX);
    let seen = |(layer, take): (&Layer, Result<Take, BuildError>)| {
        let seen = take.and_then(|take| take.seen(layer, &shown));
        Seen {
            processor_us,
            ..seen.unwrap_or_else(|error| failure(layer, &error))
        }
    };
    Ok(job.layers.iter().zip(ended).map(seen).collect())
}

/// Gives each of them the pictures, each at its time; when each was given. One that fails gets no more.
fn film(takes: &mut [Result<Take, BuildError>], pace: u32) -> Vec<Instant> {
    let (begun, frame) = (Instant::now(), frame(pace));
    let mut shown = Vec::new();
    for number in 0..PICTURES {
        let due = begun + Duration::from(frame * u64::from(number));
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        shown.push(Instant::now());
        for place in &mut *takes {
            if let Ok(take) = place
                && let Err(error) = take.picture(number)
            {
                *place = Err(error);
            }
        }
    }
    shown
}

/// An instance that is filmed through.
struct Take {
    format: Format,
    bitrate: u32,
    scene: Vec<Vec<u8>>,
    instance: Instance,
    units: Arc<Mutex<Vec<Unit>>>,
    source: AppSrc,
    pipeline: Ended,
}

impl Take {
    fn build(model: &'static Model, path: &Path, layer: &Layer, pace: u32) -> Result<Self, BuildError> {
        let format = Format {
            width: layer.width,
            height: layer.height,
            pace,
        };
        let scene = Scene::new(layer.width, layer.height);
        let scene = (0..PICTURES).map(|number| scene.picture(number)).collect();
        let instance = Instance::build(model, path, format, layer.bitrate, &[])?;
        let units = Arc::<Mutex<Vec<Unit>>>::default();
        let (source, sink) = (source(&raw_caps(format)), collecting(&units));
        let pipeline = Ended(gst::Pipeline::new());
        chain(
            &pipeline.0,
            &[source.upcast_ref(), instance.bin.upcast_ref(), sink.upcast_ref()],
        )?;
        pipeline.0.set_state(gst::State::Playing)?;
        Ok(Self {
            format,
            bitrate: layer.bitrate,
            scene,
            instance,
            units,
            source,
            pipeline,
        })
    }

    fn picture(&self, number: u32) -> Result<(), BuildError> {
        if number == KEY_ASKED {
            self.instance.ask_key();
        }
        if number == RATE_HALVED {
            self.instance.set_bitrate(self.bitrate / 2);
        }
        let Some(picture) = self.scene.get(number as usize) else {
            return Ok(());
        };
        let buffer = buffer(picture.clone(), frame(self.format.pace), u64::from(number));
        let pushed = self.source.push_buffer(buffer);
        failed(&self.pipeline.0)?;
        pushed.map_err(|error| BuildError::GStreamer(error.to_string()))?;
        Ok(())
    }

    fn seen(self, layer: &Layer, shown: &[Instant]) -> Result<Seen, BuildError> {
        let units = std::mem::take(&mut *self.units.lock().unwrap_or_else(PoisonError::into_inner));
        let made = self.instance.bin.static_pad("src").and_then(|pad| pad.current_caps());
        let codec = made.and_then(|caps| Some(caps.structure(0)?.name().to_string()));
        let faithful = match codec.as_deref() {
            Some(H264) => decoded(&units, self.format, &self.scene)?,
            _ => vec![None; units.len()],
        };
        let pace = self.format.pace;
        let coded = units.iter().zip(faithful).map(|(unit, psnr)| {
            let read = AccessUnit::read(&unit.bytes);
            let picture = unit.picture(frame(pace));
            let shown = shown.get(picture as usize).copied().unwrap_or(unit.came);
            Coded {
                picture,
                late: unit.came.saturating_duration_since(shown).as_secs_f64() * f64::from(pace),
                bytes: unit.bytes.len() as u64,
                idr: read.idr,
                parameter_sets: read.sequence.is_some() && read.picture_parameters,
                profile: read.sequence.map(|profile| (profile.idc, profile.constraint_set1)),
                bidirectional: read.bidirectional,
                psnr,
            }
        });
        Ok(Seen {
            height: layer.height,
            codec,
            coded: coded.collect(),
            pace,
            bitrate: layer.bitrate,
            ..Seen::default()
        })
    }
}

/// PSNR of each unit's picture, in the order of the units; none: it cannot be decoded.
fn decoded(units: &[Unit], format: Format, scene: &[Vec<u8>]) -> Result<Vec<Option<f64>>, BuildError> {
    let pictures = decode(units, format)?;
    let frame = frame(format.pace);
    let like = |unit: &Unit| {
        let picture = pictures.iter().find(|picture| picture.at == unit.at)?;
        let filmed = scene.get(unit.picture(frame) as usize)?;
        Some(psnr(filmed, &picture.bytes, format.width, format.height))
    };
    Ok(units.iter().map(like).collect())
}

/// What they decode to, in I420, as far as they do.
///
/// # Errors
/// There is no decoder.
pub(super) fn decode(units: &[Unit], format: Format) -> Result<Vec<Unit>, BuildError> {
    let decoder = make(h264_decoder().unwrap_or("avdec_h264"))?;
    let pictures = Arc::<Mutex<Vec<Unit>>>::default();
    let (source, sink, convert) = (source(&byte_stream()), collecting(&pictures), make("videoconvert")?);
    sink.set_caps(Some(&planes(format).build()));
    let pipeline = Ended(gst::Pipeline::new());
    chain(
        &pipeline.0,
        &[source.upcast_ref(), &decoder, &convert, sink.upcast_ref()],
    )?;
    pipeline.0.set_state(gst::State::Playing)?;
    for unit in units {
        let mut buffer = gst::Buffer::from_slice(unit.bytes.clone());
        buffer.make_mut().set_pts(unit.at);
        source
            .push_buffer(buffer)
            .map_err(|error| BuildError::GStreamer(error.to_string()))?;
    }
    let _ = source.end_of_stream();
    // A stream that cannot be decoded is what is looked for here, and no error of the trial.
    let _told = end_of(&pipeline.0, DECODED);
    let mut pictures = pictures.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *pictures))
}

/// Ends a pipeline when dropped.
struct Ended(gst::Pipeline);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.set_state(gst::State::Null);
    }
}

fn source(caps: &gst::Caps) -> AppSrc {
    AppSrc::builder()
        .caps(caps)
        .format(gst::Format::Time)
        .is_live(true)
        .max_buffers(u64::from(PICTURES))
        .build()
}

/// Keeps what arrives.
fn collecting(units: &Arc<Mutex<Vec<Unit>>>) -> AppSink {
    let units = units.clone();
    exit(move |buffer, at| {
        let map = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
        let unit = Unit {
            at: at.unwrap_or_default(),
            came: Instant::now(),
            bytes: map.as_slice().to_vec(),
        };
        units.lock().unwrap_or_else(PoisonError::into_inner).push(unit);
        Ok(())
    })
}

pub(super) fn raw_caps(format: Format) -> gst::Caps {
    planes(format)
        .field("framerate", gst::Fraction::new(size(format.pace), 1))
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .field("interlace-mode", "progressive")
        .build()
}

/// I420 of this size.
pub(super) fn planes(format: Format) -> gst::caps::Builder<gst::caps::NoFeature> {
    gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .field("width", size(format.width))
        .field("height", size(format.height))
}

fn size(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn buffer(bytes: Vec<u8>, frame: gst::ClockTime, number: u64) -> gst::Buffer {
    let mut buffer = gst::Buffer::from_slice(bytes);
    let changed = buffer.make_mut();
    changed.set_pts(frame * number);
    changed.set_duration(frame);
    buffer
}

fn frame(pace: u32) -> gst::ClockTime {
    gst::ClockTime::SECOND / u64::from(pace.max(1))
}

/// What an element has complained of by now.
fn failed(pipeline: &gst::Pipeline) -> Result<(), BuildError> {
    let message = pipeline
        .bus()
        .and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
    message.as_ref().map_or(Ok(()), complaint)
}

/// Waits for the end of the stream, or for a complaint.
fn end_of(pipeline: &gst::Pipeline, limit: Duration) -> Result<(), BuildError> {
    let kinds = [gst::MessageType::Error, gst::MessageType::Eos];
    let limit = gst::ClockTime::try_from(limit).unwrap_or(gst::ClockTime::SECOND);
    let message = pipeline.bus().and_then(|bus| bus.timed_pop_filtered(limit, &kinds));
    message.as_ref().map_or(Ok(()), complaint)
}

fn complaint(message: &gst::Message) -> Result<(), BuildError> {
    match message.view() {
        gst::MessageView::Error(error) => {
            let element = error.src().map(|source| source.name().to_string()).unwrap_or_default();
            Err(BuildError::GStreamer(format!("{element}: {}", error.error())))
        }
        _ => Ok(()),
    }
}

/// Time of the processor that this process has used.
fn processor() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::judgement::{Flaw, Refusal, Verdict, judge};

    fn verdict(encoder: &str, path: &str) -> Verdict {
        gst::init().unwrap();
        let mut seen = run(&Job {
            encoder: encoder.into(),
            path: path.into(),
            pace: 30,
            layers: vec![layer(640, 360, 1_000_000)],
        });
        // A busy machine makes everything late.
        let coded = seen.iter_mut().flat_map(|seen| &mut seen.coded);
        coded.for_each(|coded| coded.late = coded.late.min(7.0));
        judge(&seen)
    }

    fn flaws(encoder: &str) -> Vec<Flaw> {
        match verdict(encoder, "planar") {
            Verdict::Passed { flaws, .. } => flaws,
            refused => panic!("{encoder}: {refused:?}"),
        }
    }

    fn refusal(encoder: &str, path: &str) -> Refusal {
        match verdict(encoder, path) {
            Verdict::Refused { refusal } => refusal,
            passed => panic!("{encoder}: {passed:?}"),
        }
    }

    #[test]
    fn the_encoders_of_the_processor_pass() {
        for encoder in ["x264enc", "openh264enc"] {
            assert!(!flaws(encoder).contains(&Flaw::NoKeyOnRequest), "{encoder}");
        }
        assert!(!flaws("x264enc").contains(&Flaw::RateOfBeginning));
    }

    #[test]
    fn each_quirk_is_seen() {
        assert!(flaws("simulated-deaf").contains(&Flaw::NoKeyOnRequest));
        let sluggish = flaws("simulated-sluggish");
        assert!(
            sluggish.contains(&Flaw::RateOfBeginning) && sluggish.contains(&Flaw::Late),
            "{sluggish:?}"
        );
        assert!(
            !flaws("simulated-wants-level").contains(&Flaw::NoKeyOnRequest),
            "it is told one"
        );
        assert!(matches!(refusal("simulated-constant-quality", "planar"), Refusal::Rate { percent } if percent > 130));
        assert!(matches!(
            refusal("simulated-broken-path", "broken"),
            Refusal::Fails { .. }
        ));
        assert!(
            !flaws("simulated-broken-path").contains(&Flaw::NoKeyOnRequest),
            "its other way works"
        );
        assert_eq!(refusal("simulated-garbage", "planar"), Refusal::Unfaithful);
        assert_eq!(refusal("simulated-silent", "planar"), Refusal::Loses { coded: 0 });
        assert_eq!(refusal("simulated-looks-ahead", "planar"), Refusal::LooksAhead);
        assert_eq!(
            refusal("simulated-high-profile", "planar"),
            Refusal::Profile { idc: 100 }
        );
    }

    #[test]
    fn each_layer_is_tried_and_one_that_fails_takes_nothing_from_the_others() {
        gst::init().unwrap();
        let run = |layers: &[Layer]| {
            run(&Job {
                encoder: "simulated-one-at-a-time".into(),
                path: "planar".into(),
                pace: 30,
                layers: layers.to_vec(),
            })
        };
        let seen = run(&[layer(320, 180, 200_000), layer(160, 90, 100_000)]);
        assert!(seen[0].error.is_none() && seen[0].coded.len() > 40, "{:?}", seen[0]);
        let said = seen[1].error.clone().unwrap_or_default();
        assert!(said.contains("no instance is free"), "{said}");
        let verdict = judge(&seen[..1]);
        assert!(
            matches!(&verdict, Verdict::Passed { heights, .. } if heights == &[180]),
            "{verdict:?}"
        );
        let said: Vec<_> = run(&[layer(320, 180, 200_000); 4])
            .into_iter()
            .map(|seen| seen.error)
            .collect();
        assert_eq!(said.len(), 4);
        assert!(said.iter().all(Option::is_some), "more than a meeting has: {said:?}");
    }

    #[test]
    fn what_is_not_there_is_an_error_in_words() {
        let said = |encoder: &str, path: &str| match refusal(encoder, path) {
            Refusal::Fails { detail } => detail,
            refusal => panic!("{refusal:?}"),
        };
        assert!(said("noenc", "planar").contains("noenc"));
        assert!(said("x264enc", "va").contains("va"));
        if gst::ElementFactory::find("mpph264enc").is_none() {
            assert!(said("mpph264enc", "system").contains("mpph264enc"));
        }
    }
}
