//! The loudspeaker: everything that arrives, mixed by `audiomixer`, at the plan's volume.

use devices::mixer::{Keeper, Side};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppLeakyType, AppSrc};
use media_protocol::LoudspeakerDevice;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::capture::Tap;
use crate::clock::now_ns;
use crate::elements::{BuildError, chain, filter, make};
use crate::fault;
use crate::mailbox::{Mailbox, Message, PipelineId};
use crate::pipeline::Pipeline;
use crate::task::Task;

/// How long the mixer waits for a late stream, in ns: the jitterbuffer's time and one packet more.
const LATENCY_NS: i64 = 140_000_000;
/// Length of a block of silence in ns, and its size: 48 kHz, two channels, 16 bit.
const SILENCE_NS: u64 = 20_000_000;
const SILENCE_BYTES: usize = 960 * 2 * 2;

/// An open loudspeaker. Dropping it closes the device.
#[derive(Debug)]
pub struct Loudspeaker {
    pipeline: Pipeline,
    mixer: gst::Element,
    volume: gst::Element,
    inputs: BTreeMap<u32, Input>,
    silence: Option<Silence>,
    /// Of a card.
    _keeper: Option<Keeper>,
}

#[derive(Debug)]
struct Input {
    tap: Tap,
    source: AppSrc,
    pad: gst::Pad,
}

impl Loudspeaker {
    /// Opens the device.
    ///
    /// # Errors
    /// Missing elements; a device that refuses to start tells why on the bus.
    pub fn open(device: &LoudspeakerDevice, id: PipelineId, mailbox: &Mailbox) -> Result<Self, BuildError> {
        let pipeline = Pipeline::live(id, mailbox)?;
        let mixer = make("audiomixer")?;
        mixer.set_property("ignore-inactive-pads", true);
        // The running time is that of the machine; the mix begins with the first silence, not at the start of the machine.
        mixer.set_property_from_str("start-time-selection", "first");
        mixer.set_property("output-buffer-duration", 20_000_000_u64);
        let caps = filter(&mix_caps())?;
        let volume = make("volume")?;
        let bin = pipeline.bin();
        chain(bin, &[&mixer, &caps, &volume])?;
        let ends: Vec<gst::Element> = match device {
            LoudspeakerDevice::Alsa { device } => {
                let sink = make("alsasink")?;
                sink.set_property("device", device);
                sink.set_property("buffer-time", 80_000_i64);
                sink.set_property("latency-time", 10_000_i64);
                sink.set_property("provide-clock", false);
                vec![make("audioconvert")?, make("audioresample")?, sink]
            }
            LoudspeakerDevice::Simulated { record: Some(path) } => {
                let sink = make("filesink")?;
                sink.set_property("location", path.to_string_lossy().as_ref());
                sink.set_property("async", false);
                sink.set_property("sync", true);
                vec![make("wavenc")?, sink]
            }
            // One that is not plugged in is not opened.
            LoudspeakerDevice::Simulated { record: None } | LoudspeakerDevice::Attached { .. } => {
                let sink = make("fakesink")?;
                sink.set_property("async", false);
                sink.set_property("sync", true);
                vec![sink]
            }
        };
        let mut tail = vec![&volume];
        tail.extend(&ends);
        bin.add_many(&ends)?;
        gst::Element::link_many(tail)?;
        pipeline.play()?;
        let keeper = match device {
            LoudspeakerDevice::Alsa { device } => {
                let mailbox = mailbox.clone();
                Some(Keeper::start(device, Side::Playback, move |silence| {
                    mailbox.post(Message::Impaired(id, silence.map(fault::of_silence)));
                })?)
            }
            _ => None,
        };
        let mut loudspeaker = Self {
            pipeline,
            mixer,
            volume,
            inputs: BTreeMap::new(),
            silence: None,
            _keeper: keeper,
        };
        let (source, _) = loudspeaker.input()?;
        loudspeaker.silence = Some(Silence::start(source)?);
        Ok(loudspeaker)
    }

    /// Sets the volume, 0.0 to 1.0, linear.
    pub fn set_volume(&self, volume: f64) {
        let volume = if volume.is_finite() {
            volume.clamp(0.0, 1.0)
        } else {
            0.0
        };
        self.volume.set_property("volume", volume);
    }

    /// Mixes these sounds and no others, by SSRC.
    pub fn mix(&mut self, sounds: &BTreeMap<u32, Tap>) {
        let gone = |ssrc: &u32, input: &Input| !sounds.get(ssrc).is_some_and(|tap| tap.is_same(&input.tap));
        let leaving: Vec<u32> = self
            .inputs
            .iter()
            .filter(|(ssrc, input)| gone(ssrc, input))
            .map(|(ssrc, _)| *ssrc)
            .collect();
        for ssrc in leaving {
            self.take_out(ssrc);
        }
        for (ssrc, tap) in sounds {
            if !self.inputs.contains_key(ssrc)
                && let Err(error) = self.put_in(*ssrc, tap)
            {
                tracing::warn!(ssrc, %error, "a sound cannot be mixed");
            }
        }
    }

    fn put_in(&mut self, ssrc: u32, tap: &Tap) -> Result<(), BuildError> {
        let (source, pad) = self.input()?;
        tap.connect(&source);
        self.inputs.insert(
            ssrc,
            Input {
                tap: tap.clone(),
                source,
                pad,
            },
        );
        Ok(())
    }

    /// A new source in front of the mixer, and the mixer's pad behind it.
    fn input(&self) -> Result<(AppSrc, gst::Pad), BuildError> {
        let source = AppSrc::builder()
            .caps(&mix_caps())
            .format(gst::Format::Time)
            .is_live(true)
            .min_latency(LATENCY_NS)
            .max_buffers(50)
            .leaky_type(AppLeakyType::Downstream)
            .build();
        let no_pad = || BuildError::GStreamer("the mixer gives no pad".into());
        let pad = self.mixer.request_pad_simple("sink_%u").ok_or_else(no_pad)?;
        pad.set_property("qos-messages", false);
        self.pipeline.bin().add(&source)?;
        source.static_pad("src").ok_or_else(no_pad)?.link(&pad)?;
        source.sync_state_with_parent()?;
        Ok((source, pad))
    }

    fn take_out(&mut self, ssrc: u32) {
        let Some(input) = self.inputs.remove(&ssrc) else { return };
        input.tap.disconnect(&input.source);
        // The pad first: with a stalled device the source's thread waits in it, and stopping the source waits for that.
        self.mixer.release_request_pad(&input.pad);
        let _ = input.source.set_state(gst::State::Null);
        let _ = self.pipeline.bin().remove(&input.source);
    }

    /// Whether the device has taken something and goes on.
    #[must_use]
    pub fn is_playing(&self) -> bool {
        self.pipeline.is_playing()
    }

    /// A message of its bus.
    pub fn on_bus(&self, message: &gst::Message) {
        self.pipeline.on_bus(message);
    }
}

impl Drop for Loudspeaker {
    fn drop(&mut self) {
        self.silence = None;
        for input in self.inputs.values() {
            input.tap.disconnect(&input.source);
        }
    }
}

/// One input that is always there: the mixer's time goes on while nobody speaks, instead of being caught up with later.
#[derive(Debug)]
struct Silence {
    _task: Task,
}

impl Silence {
    fn start(source: AppSrc) -> Result<Self, BuildError> {
        let task = Task::start("silence", move |running| {
            let silence = gst::Buffer::from_slice([0; SILENCE_BYTES]);
            let mut block = now_ns() / SILENCE_NS;
            while running.goes_on() {
                let wait = ((block + 1) * SILENCE_NS).saturating_sub(now_ns());
                if wait > 0 {
                    running.wait(Duration::from_nanos(wait));
                    continue;
                }
                let mut buffer = silence.copy();
                let changed = buffer.make_mut();
                changed.set_pts(gst::ClockTime::from_nseconds(block * SILENCE_NS));
                changed.set_duration(gst::ClockTime::from_nseconds(SILENCE_NS));
                let _ = source.push_buffer(buffer);
                // After a stop of the whole process: go on with the present.
                block = (block + 1).max((now_ns() / SILENCE_NS).saturating_sub(5));
            }
        })?;
        Ok(Self { _task: task })
    }
}

fn mix_caps() -> gst::Caps {
    gst::Caps::builder("audio/x-raw")
        .field("format", "S16LE")
        .field("layout", "interleaved")
        .field("rate", 48_000)
        .field("channels", 2)
        .field("channel-mask", gst::Bitmask::new(3))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speaker_who_leaves_holds_nobody_up_though_the_device_has_stalled() {
        gst::init().unwrap();
        let (mailbox, _messages) = Mailbox::new();
        let device = LoudspeakerDevice::Simulated { record: None };
        let mut loudspeaker = Loudspeaker::open(&device, PipelineId::Loudspeaker(1), &mailbox).unwrap();
        let tap = Tap::default();
        loudspeaker.mix(&BTreeMap::from([(7, tap.clone())]));
        let stalled = loudspeaker.volume.static_pad("src").unwrap();
        let block = gst::PadProbeType::BLOCK | gst::PadProbeType::BUFFER;
        stalled.add_probe(block, |_, _| gst::PadProbeReturn::Ok).unwrap();
        let source = loudspeaker.inputs[&7].source.clone();
        // Its queue fills when the thread behind it is stuck in the mixer.
        let end = std::time::Instant::now() + Duration::from_secs(20);
        let mut at = now_ns();
        while source.current_level_buffers() < 10 {
            assert!(std::time::Instant::now() < end, "the mixer takes everything");
            let mut buffer = gst::Buffer::from_slice([0; SILENCE_BYTES]);
            let changed = buffer.make_mut();
            changed.set_pts(gst::ClockTime::from_nseconds(at));
            changed.set_duration(gst::ClockTime::from_nseconds(SILENCE_NS));
            at += SILENCE_NS;
            tap.push(buffer);
            std::thread::sleep(Duration::from_millis(5));
        }
        let (done, wait) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            loudspeaker.mix(&BTreeMap::new());
            let _ = done.send(loudspeaker.inputs.len());
        });
        assert_eq!(wait.recv_timeout(Duration::from_secs(5)), Ok(0), "it was held up");
    }
}
