//! What webrtcbin 1.22 needs from outside to serve several SSRCs in one media section (`specs/media-engine.md §3`).
//! Elements are looked up by factory name, and what is not found is left alone: a later GStreamer may not need it.

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer_rtp::RTPBuffer;
use media_protocol::LayerPlan;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::ended::take_away_ended_streams;
use super::key_frames::KeyFrames;
use crate::clock::now_ns;
use crate::elements::BuildError;

/// Jitterbuffers remembered by SSRC; a bridge that rewrites SSRCs has at most a hundred.
const MAX_JITTERBUFFERS: usize = 256;

/// SSRCs served at a time, sound and pictures together; packets of more fall at the entrance, because each costs a
/// jitterbuffer and two threads. A bridge that rewrites SSRCs uses at most a hundred.
const MAX_STREAMS: u32 = 160;

/// Inner elements of webrtcbin that are looked at later.
#[derive(Debug, Clone, Default)]
pub struct Watched(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    decryptor: glib::WeakRef<gst::Element>,
    retransmitter: glib::WeakRef<gst::Element>,
    jitterbuffers: HashMap<u32, glib::WeakRef<gst::Element>>,
}

impl Watched {
    fn with<T>(&self, look: impl FnOnce(&mut Inner) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Certificate of the other side of DTLS, once there is one.
    #[must_use]
    pub fn peer_pem(&self) -> Option<String> {
        let decryptor = self.with(|inner| inner.decryptor.upgrade())?;
        decryptor.property::<Option<String>>("peer-pem")
    }

    /// Packets sent again.
    #[must_use]
    pub fn retransmitted(&self) -> u64 {
        let retransmitter = self.with(|inner| inner.retransmitter.upgrade());
        retransmitter.map_or(0, |element| u64::from(element.property::<u32>("num-rtx-packets")))
    }

    fn jitterbuffer(&self, ssrc: u32) -> Option<gst::Element> {
        self.with(|inner| inner.jitterbuffers.get(&ssrc).and_then(glib::WeakRef::upgrade))
    }

    /// Packets of an SSRC that never arrived.
    #[must_use]
    pub fn lost(&self, ssrc: u32) -> i64 {
        let lost = self.counter(ssrc, "num-lost");
        i64::try_from(lost).unwrap_or(i64::MAX)
    }

    /// Packets of an SSRC that arrived since the session began.
    pub fn arrived(&self, ssrc: u32) -> u64 {
        self.counter(ssrc, "num-pushed")
    }

    fn counter(&self, ssrc: u32, name: &str) -> u64 {
        let statistics = self
            .jitterbuffer(ssrc)
            .map(|element| element.property::<gst::Structure>("stats"));
        statistics
            .and_then(|statistics| statistics.get::<u64>(name).ok())
            .unwrap_or(0)
    }

    /// Whether lost packets of an SSRC are asked for again.
    pub fn set_retransmission(&self, ssrc: u32, wanted: bool) {
        if let Some(jitterbuffer) = self.jitterbuffer(ssrc) {
            jitterbuffer.set_property("do-retransmission", wanted);
        }
    }
}

/// What the RTP session takes for its bandwidth, bit/s. RTCP gets a twentieth of it (RFC 3550 §6.2); with the default a key
/// frame request waits for more than a second for its turn.
const SESSION_BANDWIDTH: f64 = 1_000_000.0;

/// Applies all of them to a new webrtcbin.
///
/// # Errors
/// When webrtcbin has no `rtpbin` inside, so that it is not the webrtcbin we know.
pub fn apply(
    webrtcbin: &gst::Element,
    pem: String,
    layers: &[LayerPlan],
    keys: &KeyFrames,
    last_packet: &Arc<AtomicU64>,
) -> Result<Watched, BuildError> {
    let watched = Watched::default();
    let bin = webrtcbin.downcast_ref::<gst::Bin>();
    let rtpbin = bin.and_then(|bin| bin.by_name("rtpbin"));
    let (Some(bin), Some(rtpbin)) = (bin, rtpbin) else {
        return Err(BuildError::GStreamer("this webrtcbin has no rtpbin inside".into()));
    };
    // Else every SSRC that ever arrived keeps its jitterbuffer and threads (§3.5).
    take_away_ended_streams(&rtpbin);
    rtpbin.set_property("max-streams", MAX_STREAMS);
    ask_again_for_lost_packets(&rtpbin, &watched);
    route_key_frame_requests(&rtpbin, keys);
    let map = retransmission_map(layers);
    let (seen, last_packet, for_all) = (watched.clone(), last_packet.clone(), keys.clone());
    bin.connect_deep_element_added(move |_, _, element| {
        let factory = element.factory().map(|factory| factory.name());
        match factory.as_deref() {
            Some("dtlssrtpdec") => {
                element.set_property("pem", &pem);
                seen.with(|inner| inner.decryptor = element.downgrade());
            }
            Some("rtprtxsend") => {
                use_our_retransmission_ssrcs(element, &map);
                seen.with(|inner| inner.retransmitter = element.downgrade());
            }
            Some("rtpsession") => {
                element.set_property("bandwidth", SESSION_BANDWIDTH);
                hear_every_key_frame_request(element, &for_all);
            }
            Some("nicesrc") => note_arrivals(element, &last_packet),
            _ => {}
        }
    });
    Ok(watched)
}

/// Without `a=ssrc` lines webrtcbin takes every stream for one of the first section and asks for nothing again. Switched
/// off for sound when its pad appears.
fn ask_again_for_lost_packets(rtpbin: &gst::Element, watched: &Watched) {
    let watched = watched.clone();
    rtpbin.connect("new-jitterbuffer", false, move |values| {
        let jitterbuffer = values.get(1).and_then(|value| value.get::<gst::Element>().ok())?;
        let ssrc = values.get(3).and_then(|value| value.get::<u32>().ok())?;
        jitterbuffer.set_property("do-retransmission", true);
        // Else it asks for packets that were never sent whenever a stream pauses, counts the next one as lost, and drops
        // it when it comes: after an unmute that is the beginning of the key frame.
        jitterbuffer.set_property("rtx-next-seqnum", false);
        // By itself it waits for half of the time between two packets, then once more for all of it: too long to be of use.
        jitterbuffer.set_property("rtx-delay", 10_i32);
        jitterbuffer.set_property("rtx-min-retry-timeout", 20_i32);
        watched.with(|inner| {
            inner.jitterbuffers.retain(|_, element| element.upgrade().is_some());
            if inner.jitterbuffers.len() < MAX_JITTERBUFFERS {
                inner.jitterbuffers.insert(ssrc, jitterbuffer.downgrade());
            }
        });
        None
    });
}

/// webrtcbin's funnel routes by the SSRC in its caps and swallows requests for ours (§3.1): take them before it.
fn route_key_frame_requests(rtpbin: &gst::Element, keys: &KeyFrames) {
    let keys = keys.clone();
    rtpbin.connect_pad_added(move |_, pad| {
        if !pad.name().starts_with("send_rtp_sink_") {
            return;
        }
        let keys = keys.clone();
        pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
            let Some(event) = info.event() else {
                return gst::PadProbeReturn::Ok;
            };
            let request = event
                .structure()
                .filter(|structure| structure.name() == "GstForceKeyUnit");
            match request.and_then(|structure| structure.get::<u32>("ssrc").ok()) {
                Some(ssrc) if keys.request(ssrc, now_ns()) => gst::PadProbeReturn::Handled,
                _ => gst::PadProbeReturn::Ok,
            }
        });
    });
}

/// Payload-specific feedback (RFC 4585 §6.1), and its formats PLI (RFC 4585 §6.3.1) and FIR (RFC 5104 §4.3.1).
const PAYLOAD_SPECIFIC: u32 = 206;
const PICTURE_LOSS_INDICATION: u32 = 1;
const FULL_INTRA_REQUEST: u32 = 4;

/// The RTP session passes over a request that comes within two round trips of the last one of the same sender, whichever
/// layer that was for: take each from the RTCP packet itself. Those that are passed on come twice, which is one.
fn hear_every_key_frame_request(rtpsession: &gst::Element, keys: &KeyFrames) {
    let keys = keys.clone();
    let session = rtpsession.property::<glib::Object>("internal-session");
    session.connect("on-feedback-rtcp", false, move |values| {
        let number = |at: usize| values.get(at).and_then(|value| value.get::<u32>().ok());
        if number(1)? != PAYLOAD_SPECIFIC {
            return None;
        }
        match number(2)? {
            PICTURE_LOSS_INDICATION => {
                keys.request(number(4)?, now_ns());
            }
            FULL_INTRA_REQUEST => {
                let control = values.get(5)?.get::<gst::Buffer>().ok()?;
                let control = control.map_readable().ok()?;
                // SSRC, sequence number, three reserved bytes.
                for entry in control.chunks_exact(8).take(MAX_FIR_ENTRIES) {
                    let ssrc = entry.first_chunk().copied().map(u32::from_be_bytes)?;
                    keys.request(ssrc, now_ns());
                }
            }
            _ => {}
        }
        None
    });
}

/// Layers that one FIR may name; there are three.
const MAX_FIR_ENTRIES: usize = 16;

fn retransmission_map(layers: &[LayerPlan]) -> gst::Structure {
    let mut map = gst::Structure::new_empty("application/x-rtp-ssrc-map");
    for layer in layers {
        map.set(layer.ssrc.to_string(), layer.rtx_ssrc);
    }
    map
}

/// webrtcbin overwrites the map while it negotiates and afterwards, and the element takes what stands there at the first
/// packet of a layer (§3.2): put ours there with each packet until every layer has been seen.
fn use_our_retransmission_ssrcs(element: &gst::Element, map: &gst::Structure) {
    let Some(sink) = element.static_pad("sink") else { return };
    let (weak, map) = (element.downgrade(), map.clone());
    let unseen: HashSet<String> = map.fields().map(ToString::to_string).collect();
    let unseen = Mutex::new(unseen);
    let data = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
    sink.add_probe(data, move |_, info| {
        if let Some(element) = weak.upgrade() {
            element.set_property("ssrc-map", &map);
        }
        let buffer = info
            .buffer()
            .map(AsRef::as_ref)
            .or_else(|| info.buffer_list().and_then(|list| list.get(0)));
        let packet = buffer.and_then(|buffer| RTPBuffer::from_buffer_readable(buffer).ok());
        let mut unseen = unseen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(packet) = packet {
            unseen.remove(&packet.ssrc().to_string());
        }
        if unseen.is_empty() {
            gst::PadProbeReturn::Remove
        } else {
            gst::PadProbeReturn::Ok
        }
    });
}

fn note_arrivals(nicesrc: &gst::Element, last_packet: &Arc<AtomicU64>) {
    let Some(pad) = nicesrc.static_pad("src") else { return };
    let last_packet = last_packet.clone();
    let data = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
    pad.add_probe(data, move |_, _| {
        last_packet.store(now_ns(), Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::rtpbin_tests::{feed, packet};

    #[test]
    fn a_flood_of_ssrcs_costs_no_more_than_the_limit_and_stops_nothing() {
        gst::init().unwrap();
        let webrtcbin = gst::Bin::new();
        let rtpbin = gst::ElementFactory::make("rtpbin").name("rtpbin").build().unwrap();
        webrtcbin.add(&rtpbin).unwrap();
        let keys = KeyFrames::default();
        apply(webrtcbin.upcast_ref(), String::new(), &[], &keys, &Arc::default()).unwrap();
        let counted = Arc::new(AtomicU64::new(0));
        let count = counted.clone();
        rtpbin.connect("new-jitterbuffer", false, move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            None
        });
        let source = feed(&rtpbin, || {
            rtpbin.set_state(gst::State::Paused).unwrap();
        });
        for ssrc in 1..=MAX_STREAMS + 40 {
            // An SSRC is believed after a few packets in sequence (RFC 3550 §A.1).
            for sequence in 1..4 {
                let pushed = source.push(packet(ssrc, sequence));
                assert_eq!(pushed, Ok(gst::FlowSuccess::Ok), "SSRC {ssrc}");
            }
        }
        assert_eq!(counted.load(Ordering::Relaxed), u64::from(MAX_STREAMS));
        rtpbin.set_state(gst::State::Null).unwrap();
    }
}
