//! Our camera as simulcast: one source, one encoder and payloader per layer with the SSRC of the plan, one funnel into
//! the one video section (`specs/media-engine.md §2`).

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks, AppSrc};
use gstreamer_video::UpstreamForceKeyUnitEvent;
use media_protocol::{EncoderGivenUp, LayerPlan, LayerStatistics, MediaKind, PayloadType, SessionPlan, VideoCodec};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Surroundings;
use super::gate::{FirstPacket, Gate};
use super::key_frames::{self, KeyFrames};
use super::payload::{add_extension, section_caps};
use super::temporal_layers;
use super::transport::Transport;
use crate::capture::{COLORIMETRY, FRAME_RATE, Tap, picture_source};
use crate::elements::{BuildError, chain, filter, make};
use crate::encoding::Encoders;
use crate::encoding::instance::Format;
use crate::encoding::live::{Live, Place};
use crate::sdp::TRANSPORT_CC;

/// Most layers of one camera.
const MAX_LAYERS: usize = 6;

/// The sending half of the video section.
#[derive(Debug)]
pub struct VideoSender {
    source: AppSrc,
    layers: Vec<Layer>,
    tap: Tap,
    first_packet: FirstPacket,
    counted: HashMap<u32, (u64, u64)>,
}

#[derive(Debug)]
struct Layer {
    plan: LayerPlan,
    coder: Coder,
    payloader_sink: gst::Pad,
    gate: Arc<Gate>,
}

/// What makes coded pictures of pictures.
#[derive(Debug)]
enum Coder {
    /// An element of the session.
    Within(gst::Element),
    /// A pipeline beside it.
    Beside(Box<Live>),
}

impl VideoSender {
    /// Builds the layers into the transport's pipeline. Nothing flows before [`VideoSender::apply`].
    ///
    /// # Errors
    /// Missing elements, or an offer without the codec.
    pub fn build(
        plan: &SessionPlan,
        transport: &Transport,
        keys: &KeyFrames,
        around: &Surroundings,
    ) -> Result<Self, BuildError> {
        let offer = &plan.offer.video;
        let name = codec_name(offer.codec);
        let payload = offer
            .payload_types
            .iter()
            .find(|payload| payload.encoding_name.eq_ignore_ascii_case(name));
        let payload = payload.ok_or_else(|| BuildError::GStreamer(format!("the offer has no {name}")))?;
        let bin = transport.pipeline().bin();
        let source = picture_source();
        let (tee, funnel) = (make("tee")?, make("rtpfunnel")?);
        tee.set_property("allow-not-linked", true);
        chain(bin, &[source.upcast_ref(), &tee])?;
        let caps = section_caps("video", payload, &[(offer.transport_cc_extension, TRANSPORT_CC)]);
        let caps_filter = filter(&caps)?;
        chain(bin, &[&funnel, &caps_filter])?;
        let first_packet = FirstPacket::new(plan.id, MediaKind::Video, &around.mailbox);
        let primary_ssrc = plan.layers.first().map_or(0, |layer| layer.ssrc);
        let mut layers = Vec::new();
        let mut plans: Vec<&LayerPlan> = plan.layers.iter().take(MAX_LAYERS).collect();
        // Hardware may not have an encoder for each: the largest picture is where it saves most.
        plans.sort_by_key(|layer| std::cmp::Reverse(layer.height));
        for layer in plans {
            let layer = Layer::build(bin, layer, offer.codec, payload, offer.transport_cc_extension, around)?;
            layer.gate.guard_encoded(&layer.payloader_sink);
            keys.serve(primary_ssrc, layer.plan.ssrc, &layer.payloader_sink);
            layers.push(layer);
        }
        layers.sort_by_key(|layer| plan.layers.iter().position(|wanted| wanted.ssrc == layer.plan.ssrc));
        let sender = Self {
            source,
            layers,
            tap: around.camera.clone(),
            first_packet,
            counted: HashMap::new(),
        };
        sender.join(bin, &tee, &funnel)?;
        transport.feed(1, &caps_filter, &caps, payload.rtx.is_some())?;
        Ok(sender)
    }

    /// Links each layer between tee and funnel.
    fn join(&self, bin: &gst::Pipeline, tee: &gst::Element, funnel: &gst::Element) -> Result<(), BuildError> {
        for layer in &self.layers {
            let queue = make("queue")?;
            queue.set_property_from_str("leaky", "downstream");
            queue.set_property("max-size-buffers", 2_u32);
            queue.set_property("max-size-bytes", 0_u32);
            queue.set_property("max-size-time", 0_u64);
            queue.set_property("silent", true);
            let (scale, caps) = (make("videoscale")?, filter(&layer_caps(layer.plan.height))?);
            let payloader = layer.payloader_sink.parent_element();
            let payloader =
                payloader.ok_or_else(|| BuildError::GStreamer("a payloader pad without payloader".into()))?;
            bin.add_many([&queue, &scale, &caps])?;
            match &layer.coder {
                Coder::Within(encoder) => {
                    gst::Element::link_many([tee, &queue, &scale, &caps, encoder, &payloader, funnel])?;
                }
                Coder::Beside(live) => {
                    let entrance = entrance(live.place()).upcast::<gst::Element>();
                    let output = live.place().output.upcast_ref::<gst::Element>();
                    bin.add_many([&entrance, output])?;
                    gst::Element::link_many([tee, &queue, &scale, &caps, &entrance])?;
                    gst::Element::link_many([output, &payloader, funnel])?;
                }
            }
            if let Some(pad) = queue.static_pad("sink") {
                layer.gate.guard_raw(&pad);
            }
            if let Some(pad) = payloader.static_pad("src") {
                self.first_packet.watch(&pad);
            }
        }
        Ok(())
    }

    /// Sends the enabled layers when `may_send`, and nothing else; each (re)started layer begins with a key frame.
    pub fn apply(&mut self, plan: &SessionPlan, may_send: bool) {
        let sending = may_send && plan.send_video;
        let was_sending = self.is_sending();
        let mut restarted = Vec::new();
        for layer in &mut self.layers {
            let Some(wanted) = plan.layers.iter().find(|wanted| wanted.ssrc == layer.plan.ssrc) else {
                layer.gate.set(false);
                continue;
            };
            if wanted.bitrate != layer.plan.bitrate {
                match &mut layer.coder {
                    Coder::Within(encoder) => set_bitrate(encoder, wanted.bitrate),
                    Coder::Beside(live) => live.set_bitrate(wanted.bitrate),
                }
            }
            layer.plan = LayerPlan {
                height: layer.plan.height,
                ..wanted.clone()
            };
            if layer.gate.set(sending && wanted.enabled) {
                restarted.push(layer.payloader_sink.clone());
            }
        }
        if self.is_sending() {
            if !was_sending {
                self.first_packet.arm();
            }
            self.tap.connect(&self.source);
        } else {
            self.tap.disconnect(&self.source);
        }
        for pad in restarted {
            key_frames::ask(&pad);
        }
    }

    /// Looks after the encoders; call it ten times a second. Those that were given up.
    pub fn tick(&mut self, now: Instant) -> Vec<EncoderGivenUp> {
        let tick = |layer: &mut Layer| match &mut layer.coder {
            Coder::Beside(live) => live.tick(now),
            Coder::Within(_) => None,
        };
        self.layers.iter_mut().filter_map(tick).collect()
    }

    /// These encoders of H.264 are there from now on.
    pub fn set_encoders(&mut self, encoders: &Encoders) {
        for layer in &mut self.layers {
            if let Coder::Beside(live) = &mut layer.coder {
                live.set_encoders(encoders, Instant::now());
            }
        }
    }

    /// Whether a layer is being sent and the device really gives something.
    #[must_use]
    pub fn flows(&self) -> bool {
        self.is_sending() && self.tap.is_flowing()
    }

    /// Whether a layer is being sent.
    #[must_use]
    pub fn is_sending(&self) -> bool {
        self.layers.iter().any(|layer| layer.gate.is_open())
    }

    /// Counters since the last call, `over` being the time between.
    pub fn statistics(&mut self, over: Duration) -> Vec<LayerStatistics> {
        let seconds = over.as_secs_f64().max(0.001);
        let mut statistics = Vec::new();
        for layer in &self.layers {
            let frames = layer.gate.frames.load(Ordering::Relaxed);
            let bytes = layer.gate.bytes.load(Ordering::Relaxed);
            let before = self
                .counted
                .insert(layer.plan.ssrc, (frames, bytes))
                .unwrap_or_default();
            statistics.push(LayerStatistics {
                ssrc: layer.plan.ssrc,
                height: layer.plan.height,
                fps: (frames - before.0) as f64 / seconds,
                bitrate: ((bytes - before.1) as f64 * 8.0 / seconds) as u64,
                key_frames: layer.gate.key_frames.load(Ordering::Relaxed),
            });
        }
        statistics
    }
}

impl Drop for VideoSender {
    fn drop(&mut self) {
        self.tap.disconnect(&self.source);
    }
}

impl Layer {
    fn build(
        bin: &gst::Pipeline,
        plan: &LayerPlan,
        codec: VideoCodec,
        payload: &PayloadType,
        transport_cc: Option<u8>,
        around: &Surroundings,
    ) -> Result<Self, BuildError> {
        let (coder, payloader) = match codec {
            VideoCodec::Vp8 => {
                let encoder = encoder(plan.bitrate)?;
                bin.add(&encoder)?;
                let payloader = make("rtpvp8pay")?;
                payloader.set_property_from_str("picture-id-mode", "15-bit");
                (Coder::Within(encoder), payloader)
            }
            VideoCodec::H264 => {
                let (width, height) = size(plan.height);
                let format = Format {
                    width,
                    height,
                    pace: u32::try_from(FRAME_RATE).unwrap_or(30),
                };
                let live = Live::new(&around.encoders, format, plan.bitrate);
                let payloader = make("rtph264pay")?;
                payloader.set_property_from_str("aggregate-mode", "zero-latency");
                payloader.set_property("config-interval", -1_i32);
                (Coder::Beside(Box::new(live)), payloader)
            }
        };
        payloader.set_property("pt", u32::from(payload.number));
        payloader.set_property("ssrc", plan.ssrc);
        payloader.set_property("mtu", 1200_u32);
        // An extension in the caps behind the funnel is negotiated and never written (specs/media-engine.md §3.4).
        add_extension(&payloader, transport_cc, TRANSPORT_CC)?;
        bin.add(&payloader)?;
        let sink = payloader.static_pad("sink");
        let payloader_sink = sink.ok_or_else(|| BuildError::GStreamer("a payloader without a sink".into()))?;
        Ok(Self {
            plan: plan.clone(),
            coder,
            payloader_sink,
            gate: Arc::default(),
        })
    }
}

fn codec_name(codec: VideoCodec) -> &'static str {
    match codec {
        VideoCodec::Vp8 => "VP8",
        VideoCodec::H264 => "H264",
    }
}

/// Width and height of a layer, both even.
fn size(height: u32) -> (u32, u32) {
    ((height * 16 / 9) & !1, height & !1)
}

fn layer_caps(height: u32) -> gst::Caps {
    let (width, height) = size(height);
    gst::Caps::builder("video/x-raw")
        .field("width", i32::try_from(width).unwrap_or(320))
        .field("height", i32::try_from(height).unwrap_or(180))
        .field("colorimetry", COLORIMETRY)
        .build()
}

/// Where the session's pictures go to an encoder beside it. It never waits for that.
fn entrance(place: &Place) -> AppSink {
    let sink = AppSink::builder()
        .sync(false)
        .async_(false)
        .max_buffers(2)
        .drop(true)
        .build();
    let given = place.clone();
    sink.set_callbacks(
        AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                given.push(&sink.pull_sample().map_err(|_| gst::FlowError::Eos)?);
                Ok(gst::FlowSuccess::Ok)
            })
            .build(),
    );
    // Who wants a key frame asks upstream of the payloader, and what is there is not the encoder.
    let ask_key = place.asking();
    if let Some(pad) = place.output.static_pad("src") {
        pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| match info.event() {
            Some(event) if UpstreamForceKeyUnitEvent::parse(event).is_ok() => {
                ask_key();
                gst::PadProbeReturn::Handled
            }
            _ => gst::PadProbeReturn::Ok,
        });
    }
    sink
}

/// The VP8 encoder of a layer, at this rate, bit/s.
///
/// # Errors
/// It is not there.
pub fn encoder(bitrate: u32) -> Result<gst::Element, BuildError> {
    let encoder = make("vp8enc")?;
    encoder.set_property("deadline", 1_i64);
    encoder.set_property("cpu-used", 16_i32);
    encoder.set_property("threads", 1_i32);
    encoder.set_property("lag-in-frames", 0_i32);
    encoder.set_property("keyframe-max-dist", 9000_i32);
    encoder.set_property("min-quantizer", 2_i32);
    encoder.set_property("max-quantizer", 56_i32);
    encoder.set_property("static-threshold", 1_i32);
    encoder.set_property("buffer-size", 1000_i32);
    encoder.set_property("buffer-initial-size", 500_i32);
    encoder.set_property("buffer-optimal-size", 600_i32);
    encoder.set_property("undershoot", 95_i32);
    encoder.set_property_from_str("end-usage", "cbr");
    encoder.set_property_from_str("error-resilient", "default");
    temporal_layers::enable(&encoder);
    set_bitrate(&encoder, bitrate);
    Ok(encoder)
}

fn set_bitrate(encoder: &gst::Element, bitrate: u32) {
    encoder.set_property("target-bitrate", i32::try_from(bitrate).unwrap_or(i32::MAX));
    temporal_layers::set_bitrate(encoder, bitrate);
}
