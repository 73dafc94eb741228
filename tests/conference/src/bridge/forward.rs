//! Forwarding: the peers' looped media and what other clients send, to each receiver as it is allocated.

use std::time::Instant;

use rand::RngExt;
use serde_json::json;
use str0m::rtp::RtpPacket;

use super::channel::write;
use super::core::Core;
use super::endpoint::{OPUS, VP8};
use crate::far_side::assemble::Codec;
use crate::focus::sources::Media;
use crate::peers::payload;
use crate::peers::track::Due;

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
        if media == Media::Video && self.endpoints.get_mut(id).is_some_and(|e| e.flows(ssrc, now)) {
            self.reallocate_all(now);
        }
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
        let payload_type = *packet.header.payload_type;
        let Some(codec) = Codec::of(payload_type) else { return };
        if endpoint.allocation.get(name) != Some(&layer) {
            return;
        }
        let Some(slot) = endpoint.video.iter_mut().find(|s| s.source == name) else {
            return;
        };
        let starts_key = codec.starts_key_frame(&packet.payload);
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
            (ssrc, payload_type),
            place,
            packet.header.marker,
            None,
            body,
            &mut self.out,
            &mut happened,
        );
        self.happened(now, receiver, happened);
    }
}
