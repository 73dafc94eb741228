//! Forwarding: the peers' looped media and what other clients send, to each receiver as it is allocated.

use std::time::Instant;

use rand::RngExt;
use serde_json::{Value, json};
use str0m::media::Mid;
use str0m::rtp::RtpPacket;

use super::allocate::{Offered, allocate};
use super::channel::write;
use super::core::Core;
use super::endpoint::{Happened, OPUS, VP8};
use crate::focus::sources::Media;
use crate::peers::encode::HEIGHTS;
use crate::peers::payload;
use crate::peers::track::Due;

/// Heights that JVB assumes of a SIM group.
const ASSUMED: [u32; 3] = [180, 360, 720];

/// RTP ticks since `epoch`.
fn ticks(epoch: Instant, now: Instant, rate: u64) -> u32 {
    (now.duration_since(epoch).as_nanos() as u64 * rate / 1_000_000_000) as u32
}

impl Core {
    /// Sends what the peers' loops have due.
    pub(super) fn media(&mut self, now: Instant) {
        for index in 0..self.peers.len() {
            while let Some(due) = self.peers[index].track.as_mut().and_then(|t| t.next(now)) {
                match due {
                    Due::Picture(number) if !self.peers[index].video_muted => self.picture(now, index, number),
                    Due::Sound(number) if !self.peers[index].audio_muted => self.sound(now, index, number),
                    _ => {}
                }
            }
        }
    }

    fn picture(&mut self, now: Instant, index: usize, number: usize) {
        let peer = &self.peers[index];
        let (name, room) = (peer.info.video(), peer.room.clone());
        let Some(track) = &peer.track else { return };
        let epoch = self.epoch;
        let mut all = Vec::new();
        for endpoint in self
            .endpoints
            .values_mut()
            .filter(|e| e.room == room && e.connected.is_some() && !e.failed)
        {
            let Some(layer) = endpoint.allocation.get(&name).copied() else {
                continue;
            };
            let Some(slot) = endpoint.video.iter_mut().find(|s| s.source == name) else {
                continue;
            };
            let frame = track.picture(layer, number);
            if slot.layer != layer {
                slot.layer = layer;
                slot.needs_key = true;
            }
            if slot.needs_key && !payload::is_key(frame) {
                continue;
            }
            slot.needs_key = false;
            slot.offset = None;
            slot.picture = (slot.picture + 1) & 0x7fff;
            slot.tl0 = slot.tl0.wrapping_add(1);
            let timestamp = slot.base.wrapping_add(ticks(epoch, now, 90_000));
            let ssrc = slot.ssrc;
            let payloads = payload::vp8(frame, slot.picture, slot.tl0);
            let first = slot.sequence;
            slot.sequence += payloads.len() as u64;
            let last = payloads.len() - 1;
            let mut happened = Vec::new();
            for (i, payload) in payloads.into_iter().enumerate() {
                let place = (first + i as u64, timestamp);
                endpoint.write(
                    now,
                    (ssrc, VP8),
                    place,
                    i == last,
                    None,
                    payload,
                    &mut self.out,
                    &mut happened,
                );
            }
            all.push((endpoint.id.clone(), happened));
        }
        for (id, happened) in all {
            self.happened(now, &id, happened);
        }
    }

    fn sound(&mut self, now: Instant, index: usize, number: usize) {
        let peer = &self.peers[index];
        let (name, owner, room) = (peer.info.audio(), peer.info.nick.clone(), peer.room.clone());
        let own = peer
            .info
            .sources
            .sources
            .iter()
            .find(|s| s.media == Media::Audio)
            .map(|s| s.ssrc);
        let Some(frame) = peer.track.as_ref().map(|t| t.sound(number).to_vec()) else {
            return;
        };
        let epoch = self.epoch;
        let mut all = Vec::new();
        for endpoint in self
            .endpoints
            .values_mut()
            .filter(|e| e.room == room && e.connected.is_some() && !e.failed)
        {
            let at = match endpoint.audio.iter().position(|s| s.source == name) {
                Some(at) => at,
                None => {
                    let ssrc = if endpoint.rewriting { None } else { own };
                    endpoint.add_audio(ssrc.unwrap_or_else(|| rand::rng().random_range(1..u32::MAX)), &name)
                }
            };
            let slot = &mut endpoint.audio[at];
            slot.sequence += 1;
            let place = (slot.sequence, slot.base.wrapping_add(ticks(epoch, now, 48_000)));
            let ssrc = slot.ssrc;
            let mut happened = Vec::new();
            endpoint.write(
                now,
                (ssrc, OPUS),
                place,
                false,
                Some(-30),
                frame.clone(),
                &mut self.out,
                &mut happened,
            );
            // JVB announces an audio source with its first packet: media may come before the map.
            if endpoint.rewriting && !endpoint.audio[at].told && endpoint.has_channel() {
                endpoint.audio[at].told = true;
                let map = write::audio_sources_map(&[json!({"source": name, "owner": owner, "ssrc": ssrc})]);
                endpoint.tell(now, &map, &mut self.out, &mut happened);
            }
            all.push((endpoint.id.clone(), happened));
        }
        for (id, happened) in all {
            self.happened(now, &id, happened);
        }
    }

    /// What could be forwarded to `receiver`, most recent speakers first.
    fn offered(&self, receiver: &str, room: &str) -> Vec<Offered> {
        let mut offered: Vec<(usize, Offered)> = Vec::new();
        let rank = |nick: &str| self.speakers.iter().position(|s| s == nick).unwrap_or(usize::MAX);
        for peer in self
            .peers
            .iter()
            .filter(|p| p.room == room && !p.video_muted && p.track.is_some())
        {
            let heights = HEIGHTS.map(u32::from).to_vec();
            offered.push((
                rank(&peer.info.nick),
                Offered {
                    name: peer.info.video(),
                    heights,
                },
            ));
        }
        for other in self
            .endpoints
            .values()
            .filter(|e| e.room == room && e.id != receiver && e.connected.is_some())
        {
            for name in other.sources.names(Media::Video) {
                if other.video_types.get(&name).is_some_and(|t| t == "none") {
                    continue;
                }
                let layers = other.sources.layers_of(&name).len().clamp(1, 3);
                let heights = if layers == 1 {
                    vec![720]
                } else {
                    ASSUMED[..layers].to_vec()
                };
                offered.push((rank(&other.id), Offered { name, heights }));
            }
        }
        offered.sort_by_key(|(rank, _)| *rank);
        offered.into_iter().map(|(_, o)| o).collect()
    }

    /// Allocates anew for everybody.
    pub(super) fn reallocate_all(&mut self, now: Instant) {
        let ids: Vec<String> = self.endpoints.keys().cloned().collect();
        for id in ids {
            self.reallocate(now, &id);
        }
    }

    /// Allocates anew for one receiver and tells it what changed.
    pub(super) fn reallocate(&mut self, now: Instant, id: &str) {
        let Some(endpoint) = self.endpoints.get(id).filter(|e| e.connected.is_some() && !e.failed) else {
            return;
        };
        let offered = self.offered(id, &endpoint.room);
        let allocation = allocate(endpoint.constraints.as_ref(), &offered);
        let mut wanted = Vec::new();
        let mut mapped = Vec::new();
        for (name, layer) in &allocation {
            let static_ssrcs = self.static_ssrcs(name);
            let Some(endpoint) = self.endpoints.get_mut(id) else {
                return;
            };
            if let Some(slot) = endpoint.video.iter_mut().find(|s| s.source == *name) {
                if slot.layer != *layer || !endpoint.allocation.contains_key(name) {
                    slot.layer = *layer;
                    slot.needs_key = true;
                    slot.offset = None;
                    wanted.push((name.clone(), *layer));
                }
                continue;
            }
            let free = endpoint
                .video
                .iter()
                .position(|s| endpoint.rewriting && !allocation.contains_key(&s.source));
            match free {
                Some(at) => {
                    let slot = &mut endpoint.video[at];
                    slot.source.clone_from(name);
                    slot.layer = *layer;
                    slot.needs_key = true;
                    slot.offset = None;
                }
                None => {
                    let mut rng = rand::rng();
                    let mut fresh = || rng.random_range(1..u32::MAX);
                    let (ssrc, rtx) = if endpoint.rewriting {
                        (fresh(), fresh())
                    } else {
                        static_ssrcs.unwrap_or((fresh(), fresh()))
                    };
                    endpoint.add_video(ssrc, rtx, name, *layer);
                }
            }
            mapped.push(name.clone());
            wanted.push((name.clone(), *layer));
        }
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        endpoint.allocation = allocation;
        if endpoint.rewriting && !mapped.is_empty() {
            self.tell_video_map(now, id, &mapped);
        }
        self.tell_forwarded(now, id, false);
        for (source, layer) in wanted {
            self.ask_source(now, &source, layer);
        }
    }

    pub(super) fn tell_forwarded(&mut self, now: Instant, id: &str, always: bool) {
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        if !endpoint.has_channel() {
            return;
        }
        let names: Vec<String> = endpoint.allocation.keys().cloned().collect();
        if always || endpoint.forwarded.as_ref() != Some(&names) {
            let text = write::forwarded_sources(&names);
            endpoint.forwarded = Some(names);
            self.tell(now, id, &text);
        }
    }

    pub(super) fn tell_video_map(&mut self, now: Instant, id: &str, names: &[String]) {
        let Some(endpoint) = self.endpoints.get(id) else { return };
        let mapped: Vec<Value> = endpoint
            .video
            .iter()
            .filter(|s| names.contains(&s.source))
            .map(|s| {
                let owner = s.source.split('-').next().unwrap_or_default();
                json!({"source": s.source, "owner": owner, "ssrc": s.ssrc, "rtx": s.rtx, "videoType": "CAMERA"})
            })
            .collect();
        if !mapped.is_empty() {
            self.tell(now, id, &write::video_sources_map(&mapped));
        }
    }

    /// The SSRC and RTX of a source where nothing is rewritten: its first layer.
    fn static_ssrcs(&self, name: &str) -> Option<(u32, u32)> {
        let sources = self
            .peers
            .iter()
            .map(|p| &p.info.sources)
            .chain(self.endpoints.values().map(|e| &e.sources))
            .find(|s| s.names(Media::Video).iter().any(|n| n == name))?;
        let first = *sources.layers_of(name).first()?;
        Some((first, sources.rtx_of(first)?))
    }

    /// Asks whoever sends `source` for a key frame.
    fn ask_source(&mut self, now: Instant, source: &str, layer: usize) {
        if let Some(peer) = self.peers.iter_mut().find(|p| p.info.video() == source) {
            if let Some(track) = &mut peer.track {
                track.want_key();
            }
            return;
        }
        let sender = self
            .endpoints
            .values()
            .find(|e| e.sources.names(Media::Video).iter().any(|n| n == source))
            .map(|e| (e.id.clone(), e.sources.layers_of(source)));
        if let Some((id, layers)) = sender
            && let Some(ssrc) = layers.get(layer.min(layers.len().saturating_sub(1)))
        {
            self.ask_ssrc(now, &id, *ssrc, false);
        }
    }

    /// PLI or FIR.
    pub(super) fn ask_ssrc(&mut self, now: Instant, id: &str, ssrc: u32, fir: bool) {
        let mut happened = Vec::new();
        if let Some(endpoint) = self.endpoints.get_mut(id) {
            endpoint.ask_key_frame(now, ssrc, fir, &mut self.out, &mut happened);
        }
        let perfect = self.from_client.is_perfect() && self.to_client.is_perfect();
        if let Some(far) = self.far.get_mut(id) {
            far.asked(now, ssrc, perfect);
        }
        self.happened(now, id, happened);
    }

    pub(super) fn ask_layer(&mut self, now: Instant, id: &str, layer: usize, fir: bool) {
        let ssrc = self.endpoints.get(id).and_then(|e| {
            let name = e.sources.names(Media::Video).into_iter().next()?;
            e.sources.layers_of(&name).get(layer).copied()
        });
        if let Some(ssrc) = ssrc {
            self.ask_ssrc(now, id, ssrc, fir);
        }
    }

    /// A receiver wants a key frame of an outgoing SSRC.
    pub(super) fn key_frame_wanted(&mut self, now: Instant, id: &str, mid: Mid) {
        let slot = self
            .endpoints
            .get(id)
            .and_then(|e| e.video.iter().find(|s| s.mid == mid));
        if let Some((source, layer)) = slot.map(|s| (s.source.clone(), s.layer)) {
            self.ask_source(now, &source, layer);
        }
    }

    /// A packet of a client: to the far side, and on to the other clients.
    pub(super) fn packet(&mut self, now: Instant, id: &str, packet: &RtpPacket) {
        let ssrc = *packet.header.ssrc;
        let wanted = match self.far.get_mut(id) {
            Some(far) => far.packet(now, packet),
            None => None,
        };
        if let Some(ssrc) = wanted {
            self.ask_ssrc(now, id, ssrc, false);
        }
        let Some(sender) = self.endpoints.get(id) else { return };
        let Some(source) = sender.sources.sources.iter().find(|s| s.ssrc == ssrc) else {
            return;
        };
        if sender.force_muted.contains_key(&source.media) {
            return;
        }
        let (name, media, room) = (source.name.clone(), source.media, sender.room.clone());
        let layer = sender
            .sources
            .layers_of(&name)
            .iter()
            .position(|s| *s == ssrc)
            .unwrap_or(0);
        let receivers: Vec<String> = self
            .endpoints
            .values()
            .filter(|e| e.id != id && e.room == room && e.connected.is_some() && !e.failed)
            .map(|e| e.id.clone())
            .collect();
        for receiver in receivers {
            match media {
                Media::Audio => self.forward_audio(now, id, &receiver, &name, packet),
                Media::Video => self.forward_video(now, &receiver, &name, layer, packet),
            }
        }
    }

    fn forward_audio(&mut self, now: Instant, owner: &str, receiver: &str, name: &str, packet: &RtpPacket) {
        let Some(endpoint) = self.endpoints.get_mut(receiver) else {
            return;
        };
        let at = match endpoint.audio.iter().position(|s| s.source == name) {
            Some(at) => at,
            None => {
                let own = *packet.header.ssrc;
                let ssrc = if endpoint.rewriting {
                    rand::rng().random_range(1..u32::MAX)
                } else {
                    own
                };
                let at = endpoint.add_audio(ssrc, name);
                endpoint.audio[at].base = 0;
                at
            }
        };
        let slot = &mut endpoint.audio[at];
        slot.sequence += 1;
        let (ssrc, sequence) = (slot.ssrc, slot.sequence);
        let place = (sequence, packet.header.timestamp);
        let level = packet.header.ext_vals.audio_level;
        let mut happened = Vec::new();
        let body = packet.payload.to_vec();
        endpoint.write(
            now,
            (ssrc, OPUS),
            place,
            packet.header.marker,
            level,
            body,
            &mut self.out,
            &mut happened,
        );
        if endpoint.rewriting && !endpoint.audio[at].told && endpoint.has_channel() {
            endpoint.audio[at].told = true;
            let map = write::audio_sources_map(&[json!({"source": name, "owner": owner, "ssrc": ssrc})]);
            endpoint.tell(now, &map, &mut self.out, &mut happened);
        }
        self.happened(now, receiver, happened);
    }

    fn forward_video(&mut self, now: Instant, receiver: &str, name: &str, layer: usize, packet: &RtpPacket) {
        let epoch = self.epoch;
        let Some(endpoint) = self.endpoints.get_mut(receiver) else {
            return;
        };
        if *packet.header.payload_type != VP8 || endpoint.allocation.get(name) != Some(&layer) {
            return;
        }
        let Some(slot) = endpoint.video.iter_mut().find(|s| s.source == name) else {
            return;
        };
        let starts_key = crate::far_side::vp8::starts_key_frame(&packet.payload);
        if slot.needs_key && !starts_key {
            return;
        }
        if slot.needs_key || slot.offset.is_none() {
            let timestamp = slot.base.wrapping_add(ticks(epoch, now, 90_000));
            let ahead = slot.sequence as i64 + 1 - *packet.seq_no as i64;
            slot.offset = Some((timestamp.wrapping_sub(packet.header.timestamp), ahead));
            slot.needs_key = false;
        }
        let Some((time, ahead)) = slot.offset else { return };
        let sequence = (*packet.seq_no as i64 + ahead).max(1) as u64;
        slot.sequence = slot.sequence.max(sequence);
        let place = (sequence, packet.header.timestamp.wrapping_add(time));
        let ssrc = slot.ssrc;
        let mut happened = Vec::new();
        let body = packet.payload.to_vec();
        endpoint.write(
            now,
            (ssrc, VP8),
            place,
            packet.header.marker,
            None,
            body,
            &mut self.out,
            &mut happened,
        );
        self.happened(now, receiver, happened);
    }

    /// A peer is gone: its sources end, its slots become free.
    pub(super) fn peer_left(&mut self, now: Instant, nick: &str) {
        let Some(at) = self.peers.iter().position(|p| p.info.nick == nick) else {
            return;
        };
        let peer = self.peers.remove(at);
        self.speakers.retain(|s| s != nick);
        for endpoint in self.endpoints.values_mut() {
            endpoint.forget_source(&peer.info.video());
            endpoint.forget_source(&peer.info.audio());
        }
        self.reallocate_all(now);
    }

    /// Exchanges the SSRCs of two forwarded sources in mid call.
    pub(super) fn remap(&mut self, now: Instant, id: &str, source: Option<&str>) {
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        let active: Vec<usize> = (0..endpoint.video.len())
            .filter(|i| endpoint.allocation.contains_key(&endpoint.video[*i].source))
            .collect();
        let first = match source {
            Some(name) => active.iter().copied().find(|i| endpoint.video[*i].source == name),
            None => active.first().copied(),
        };
        let Some(first) = first else { return };
        let Some(second) = active.into_iter().find(|i| *i != first) else {
            return;
        };
        let (a, b) = (
            endpoint.video[first].source.clone(),
            endpoint.video[second].source.clone(),
        );
        for (at, name) in [(first, &b), (second, &a)] {
            let layer = endpoint.allocation.get(name).copied().unwrap_or(0);
            let slot = &mut endpoint.video[at];
            slot.source.clone_from(name);
            slot.layer = layer;
            slot.needs_key = true;
            slot.offset = None;
        }
        self.tell_video_map(now, id, &[a.clone(), b.clone()]);
        for name in [a, b] {
            self.ask_source(now, &name, 0);
        }
    }

    /// Somebody speaks.
    pub(super) fn dominant(&mut self, now: Instant, endpoint: &str) {
        self.speakers.retain(|s| s != endpoint);
        self.speakers.insert(0, endpoint.to_owned());
        let ids: Vec<String> = self.endpoints.keys().cloned().collect();
        for id in ids {
            self.tell_dominant(now, &id);
        }
        self.reallocate_all(now);
    }

    pub(super) fn tell_dominant(&mut self, now: Instant, id: &str) {
        if let Some((speaker, rest)) = self.speakers.split_first() {
            let previous: Vec<String> = rest.iter().take(3).cloned().collect();
            let text = write::dominant_speaker(speaker, &previous);
            self.tell(now, id, &text);
        }
    }

    /// SenderSourceConstraints.
    pub(super) fn constrain_sender(&mut self, now: Instant, id: &str, source: Option<&str>, max_height: i32) {
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        let names = match source {
            Some(name) => vec![name.to_owned()],
            None => endpoint.sources.names(Media::Video),
        };
        for name in names {
            if let Some(endpoint) = self.endpoints.get_mut(id) {
                endpoint.wanted.insert(name.clone(), (max_height, now));
            }
            self.tell(now, id, &write::sender_source_constraints(&name, max_height));
        }
    }

    /// A text on the channel of `id`.
    pub(super) fn tell(&mut self, now: Instant, id: &str, text: &str) {
        let mut happened: Vec<Happened> = Vec::new();
        if let Some(endpoint) = self.endpoints.get_mut(id) {
            endpoint.tell(now, text, &mut self.out, &mut happened);
        }
        self.happened(now, id, happened);
    }
}
