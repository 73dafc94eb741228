//! What arrives from one endpoint, packet by packet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use str0m::rtp::RtpPacket;

use super::assemble::Codec;
use super::decode::{Heard, PictureDecoder, Seen, SharedHeard, SharedSeen, SoundDecoder};
use super::layer::{KEY_FRAME, Layer};
use super::lip_sync::SenderClock;
use super::report::{FarSideReport, KeyFrameRequest};
use super::{FarSides, Record, assemble, locked, vp8};
use crate::bridge::rtp::ClearHeader;
use crate::clock::monotonic_ns;
use crate::focus::sources::{Media, Sources};
use crate::options::Options;
use crate::verdict::{Verdict, rule};

/// What arrives from one endpoint.
pub struct FarSide {
    endpoint: String,
    sides: FarSides,
    verdict: Verdict,
    decode: bool,
    judge_key_frames: bool,
    layers: Vec<Layer>,
    by_ssrc: HashMap<u32, usize>,
    rtx: HashMap<u32, usize>,
    pictures: Option<PictureDecoder>,
    sound: Option<(u32, SoundDecoder)>,
    seen: SharedSeen,
    heard: SharedHeard,
    /// Layer that is decoded.
    current: Option<usize>,
    last_ask: Option<Instant>,
    order_checked: bool,
    /// What changes with every packet is written to the report every 50 ms.
    report: FarSideReport,
}

/// Between two requests for key frames: JVB keeps 200 ms.
const ASK_DISTANCE: Duration = Duration::from_millis(300);
/// Key frames of other layers within this time of a request are answers to it.
const TOGETHER: Duration = Duration::from_secs(1);

impl FarSide {
    /// For a new endpoint.
    pub fn new(endpoint: &str, options: &Options, sides: FarSides, verdict: Verdict) -> Self {
        let seen: SharedSeen = Arc::new(Mutex::new(Seen::default()));
        let heard: SharedHeard = Arc::new(Mutex::new(Heard::new(options.expected_tone_hz)));
        let report = FarSideReport {
            endpoint: endpoint.into(),
            ..FarSideReport::default()
        };
        {
            let mut all = locked(&sides.0);
            let order = all.values().map(|r| r.order).max().unwrap_or(0) + 1;
            // A hundred meetings do not keep a hundred pictures; who is still there shows a new one soon.
            for record in all.values() {
                locked(&record.seen).last = None;
            }
            let record = Record {
                report: report.clone(),
                seen: seen.clone(),
                heard: heard.clone(),
                order,
            };
            all.insert(endpoint.into(), record);
        }
        Self {
            endpoint: endpoint.into(),
            sides,
            verdict,
            decode: options.decode,
            judge_key_frames: options.judge_key_frames,
            layers: Vec::new(),
            by_ssrc: HashMap::new(),
            rtx: HashMap::new(),
            pictures: None,
            sound: None,
            seen,
            heard,
            current: None,
            last_ask: None,
            order_checked: false,
            report,
        }
    }

    /// A session begins, or its sources changed. Layers that stay keep their state.
    pub fn begin(&mut self, now: Instant, sources: &Sources) {
        let mut layers = Vec::new();
        for name in sources.names(Media::Video) {
            for (index, ssrc) in sources.layers_of(&name).into_iter().enumerate() {
                let old = self
                    .layers
                    .iter()
                    .position(|l| l.ssrc == ssrc)
                    .map(|at| self.layers.remove(at));
                layers.push(old.unwrap_or_else(|| Layer::new(&name, index, ssrc, now)));
            }
        }
        let fresh = layers.iter().all(|l| l.frames == 0);
        self.layers = layers;
        self.by_ssrc = self.layers.iter().enumerate().map(|(i, l)| (l.ssrc, i)).collect();
        self.rtx = self
            .layers
            .iter()
            .enumerate()
            .filter_map(|(i, l)| sources.rtx_of(l.ssrc).map(|r| (r, i)))
            .collect();
        if fresh {
            self.current = None;
            self.report.first_rtp_ns = None;
            let (mut seen, mut heard) = (locked(&self.seen), locked(&self.heard));
            (seen.begun, seen.first_ns) = (false, None);
            (heard.begun, heard.first_ns) = (false, None);
        }
    }

    /// The endpoint is gone.
    pub fn end(&mut self) {
        self.publish();
        self.pictures = None;
        self.sound = None;
    }

    /// The link lost a packet of this SSRC on purpose.
    pub fn dropped(&mut self, ssrc: u32) {
        if let Some(at) = self.by_ssrc.get(&ssrc) {
            self.layers[*at].lost_by_link += 1;
        }
    }

    /// The clear part of a packet, of a datagram of so many bytes.
    pub fn clear(&mut self, header: &ClearHeader, bytes: usize) {
        let now = monotonic_ns();
        self.report.last_rtp_ns = Some(now);
        if self.report.first_rtp_ns.is_none() {
            self.report.first_rtp_ns = Some(now);
            locked(&self.seen).begun = true;
            locked(&self.heard).begun = true;
        }
        let tcc = header.extensions.contains(&5);
        if let Some(at) = self.rtx.get(&header.ssrc) {
            self.layers[*at].rtx_packets += 1;
            self.layers[*at].bytes += bytes as u64;
            self.report.last_video_ns = Some(now);
        } else if let Some(at) = self.by_ssrc.get(&header.ssrc) {
            let layer = &mut self.layers[*at];
            layer.packets += 1;
            layer.bytes += bytes as u64;
            layer.packets_with_tcc += u64::from(tcc);
            layer.last_rtp_ns = Some(now);
            self.report.last_video_ns = Some(now);
        } else {
            self.report.audio_packets += 1;
            self.report.audio_packets_with_level += u64::from(header.extensions.contains(&1));
            self.report.audio_packets_with_transport_cc += u64::from(tcc);
            self.report.last_audio_ns = Some(now);
            locked(&self.heard).packet(now);
        }
    }

    /// A key frame was asked for. `strict`: the network is no excuse.
    pub fn asked(&mut self, now: Instant, ssrc: u32, strict: bool) {
        let Some(at) = self.by_ssrc.get(&ssrc).copied() else {
            return;
        };
        self.layers[at].asked(now, strict);
        if self.report.key_frame_requests.len() < 500 {
            let request = KeyFrameRequest {
                layer: self.layers[at].index,
                latency_ms: None,
                others: Vec::new(),
            };
            let index = self.report.key_frame_requests.len();
            self.layers[at].requests.push((index, now));
            self.layers[at].last_request = Some(index);
            self.report.key_frame_requests.push(request);
        }
    }

    /// A decrypted packet. Gives the SSRC to ask for a key frame.
    pub fn packet(&mut self, now: Instant, packet: &RtpPacket) -> Option<u32> {
        let ssrc = *packet.header.ssrc;
        let clock = |rate| {
            packet
                .last_sender_info
                .map(|info| SenderClock::new(info.ntp_time, info.rtp_time.numer() as u32, rate))
        };
        let Some(at) = self.by_ssrc.get(&ssrc).copied() else {
            self.audio(packet, clock(48_000));
            return None;
        };
        let codec = Codec::of(*packet.header.payload_type)?;
        if packet.payload.is_empty() {
            return None;
        }
        let clock = clock(90_000);
        // The bridge takes a packet without a temporal layer index for an unknown codec (seen on jitsi-videobridge).
        let routable =
            |d: vp8::Descriptor| d.picture_id.is_some() && d.temporal_layer.is_some() && d.tl0_pic_idx.is_some();
        if codec == Codec::Vp8 && !vp8::Descriptor::read(&packet.payload).is_some_and(routable) {
            self.verdict.broken(
                rule::PICTURE_ID,
                format!("packet {} of {ssrc}", packet.header.sequence_number),
            );
        }
        if codec.starts_key_frame(&packet.payload) {
            self.key_frame_began(now, at);
        }
        let layer = &mut self.layers[at];
        let frames = layer.assembler.push(
            now,
            *packet.seq_no,
            packet.header.timestamp,
            packet.header.marker,
            (codec, &packet.payload),
        );
        self.frames(now, at, frames, clock);
        self.ask(now, at)
    }

    fn key_frame_began(&mut self, now: Instant, at: usize) {
        let index = self.layers[at].index;
        let answered = self.layers[at].key_frame_began(now);
        for (request, latency_ms) in &answered {
            self.report.key_frame_requests[*request].latency_ms = Some(*latency_ms);
        }
        if !answered.is_empty() {
            return;
        }
        // Nobody asked this layer: it stands with whatever layer was asked a moment ago.
        for other in (0..self.layers.len()).filter(|other| *other != at) {
            let asked = &self.layers[other];
            let just_now = asked.asked_at.is_some_and(|when| now.duration_since(when) < TOGETHER);
            if just_now
                && let Some(request) = asked.last_request
                && !self.report.key_frame_requests[request].others.contains(&index)
            {
                self.report.key_frame_requests[request].others.push(index);
            }
        }
    }

    fn frames(&mut self, now: Instant, at: usize, frames: Vec<assemble::Frame>, clock: Option<SenderClock>) {
        for frame in frames {
            self.layers[at].codec = Some(frame.codec);
            self.layers[at].frame(now, frame.key);
            if frame.key.is_some() {
                self.check_order();
                let stale = self
                    .current
                    .is_none_or(|c| c >= self.layers.len() || self.layers[c].is_stale(now));
                if stale
                    || self
                        .current
                        .is_some_and(|c| at > c && self.layers[c].source == self.layers[at].source)
                {
                    self.current = Some(at);
                }
            }
            if self.current != Some(at) || !self.decode {
                continue;
            }
            if self
                .pictures
                .as_ref()
                .is_none_or(|decoder| decoder.codec != frame.codec)
            {
                self.pictures = None;
                match PictureDecoder::new(frame.codec, self.seen.clone()) {
                    Ok(decoder) => self.pictures = Some(decoder),
                    Err(error) => {
                        tracing::error!(%error, "far side cannot decode pictures");
                        self.decode = false;
                        return;
                    }
                }
            }
            if let Some(decoder) = &mut self.pictures {
                decoder.push(frame.data, clock.map(|c| c.ms(frame.timestamp)));
            }
        }
    }

    fn audio(&mut self, packet: &RtpPacket, clock: Option<SenderClock>) {
        self.report.audio_level = packet.header.ext_vals.audio_level.or(self.report.audio_level);
        if clock.is_some() {
            locked(&self.heard).clock = clock;
        }
        if !self.decode || packet.payload.is_empty() {
            return;
        }
        let ssrc = *packet.header.ssrc;
        if self.sound.as_ref().is_none_or(|(of, _)| *of != ssrc) {
            match SoundDecoder::new(self.heard.clone(), packet.header.timestamp) {
                Ok(decoder) => self.sound = Some((ssrc, decoder)),
                Err(error) => return tracing::error!(%error, "far side cannot decode sound"),
            }
        }
        if let Some((_, decoder)) = &mut self.sound {
            decoder.push(packet.header.timestamp, &packet.payload);
        }
    }

    /// Asks as a receiver does: when pictures are missing, and when a better layer is there.
    fn ask(&mut self, now: Instant, at: usize) -> Option<u32> {
        if self
            .last_ask
            .is_some_and(|last| now.duration_since(last) < ASK_DISTANCE)
        {
            return None;
        }
        let wanted = match self.current {
            Some(current) if current == at => self.layers[at].assembler.needs_key,
            Some(current) => {
                current < self.layers.len()
                    && self.layers[current].source == self.layers[at].source
                    && (at > current || self.layers[current].is_stale(now))
            }
            None => self.layers.get(at + 1).is_none_or(|next| next.is_stale(now)),
        };
        if !wanted {
            return None;
        }
        self.last_ask = Some(now);
        Some(self.layers[at].ssrc)
    }

    fn check_order(&mut self) {
        if self.order_checked {
            return;
        }
        let known: Vec<&Layer> = self.layers.iter().filter(|l| l.height > 0).collect();
        let wrong = |pair: &[&Layer]| pair[0].source == pair[1].source && pair[0].height >= pair[1].height;
        if known.windows(2).any(wrong) {
            self.order_checked = true;
            let heights: Vec<(usize, u32)> = known.iter().map(|l| (l.index, l.height)).collect();
            self.verdict
                .broken(rule::LAYER_ORDER, format!("(layer, height): {heights:?}"));
        }
    }

    /// SSRCs whose key frame was asked for and did not come.
    pub fn repeated_requests(&mut self, now: Instant) -> Vec<u32> {
        let repeating = self
            .layers
            .iter_mut()
            .filter_map(|layer| layer.repeats(now).then_some(layer.ssrc));
        repeating.collect()
    }

    /// Every 50 ms. Gives the SSRCs to ask for key frames.
    pub fn tick(&mut self, now: Instant) -> Vec<u32> {
        let mut asks = Vec::new();
        let limit = self.verdict.within(KEY_FRAME);
        for at in 0..self.layers.len() {
            let frames = self.layers[at].assembler.take(now);
            self.frames(now, at, frames, None);
            if self.layers[at].assembler.needs_key && self.current == Some(at) {
                asks.extend(self.ask(now, at));
            }
            if let Some(late) = self.layers[at].unanswered(now, limit)
                && self.judge_key_frames
            {
                let ssrc = self.layers[at].ssrc;
                self.verdict
                    .broken(rule::KEY_FRAME, format!("no key frame on {ssrc} after {late:?}"));
            }
            let layer = &mut self.layers[at];
            if layer.lost_by_link >= 40 && layer.rtx_packets == 0 && !layer.rtx_checked {
                layer.rtx_checked = true;
                let lost = layer.lost_by_link;
                self.verdict.broken(
                    rule::RTX,
                    format!("{lost} packets of {} lost, none repaired", layer.ssrc),
                );
            }
        }
        self.publish();
        asks
    }

    fn publish(&mut self) {
        self.report.layers = self.layers.iter().map(Layer::report).collect();
        let report = self.report.clone();
        self.sides.change(&self.endpoint, |shown| *shown = report);
    }
}
