//! Who gets which source on which SSRC, and how clients are told.

use std::time::Instant;

use rand::RngExt;
use serde_json::{Value, json};

use super::allocate::{Offered, allocate};
use super::channel::write;
use super::core::Core;
use crate::focus::sources::Media;
use crate::peers::encode::HEIGHTS;

impl Core {
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
                let heights = other.heights_of(&name);
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
                    wanted.push(name.clone());
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
            wanted.push(name.clone());
        }
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        if endpoint.allocation != allocation {
            tracing::debug!(endpoint = id, ?allocation, "bridge allocates");
        }
        endpoint.allocation = allocation;
        if endpoint.rewriting && !mapped.is_empty() {
            self.tell_video_map(now, id, &mapped);
        }
        self.tell_forwarded(now, id, false);
        for source in wanted {
            self.ask_source(now, &source);
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
    pub(super) fn static_ssrcs(&self, name: &str) -> Option<(u32, u32)> {
        let sources = self
            .peers
            .iter()
            .map(|p| &p.info.sources)
            .chain(self.endpoints.values().map(|e| &e.sources))
            .find(|s| s.names(Media::Video).iter().any(|n| n == name))?;
        let first = *sources.layers_of(name).first()?;
        Some((first, sources.rtx_of(first)?))
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
            self.ask_source(now, &name);
        }
    }
}
