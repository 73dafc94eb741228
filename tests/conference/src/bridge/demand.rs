//! What is asked of senders: key frames and heights; and who speaks.

use std::time::Instant;

use str0m::media::Mid;

use super::channel::write;
use super::core::Core;
use super::endpoint::Happened;
use crate::focus::sources::Media;

impl Core {
    /// Asks whoever sends `source` for a key frame: on its first layer, whichever layer is waited for, as
    /// jitsi-videobridge does.
    pub(super) fn ask_source(&mut self, now: Instant, source: &str) {
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
            && let Some(ssrc) = layers.first()
        {
            self.ask_ssrc(now, &id, *ssrc, false);
        }
    }

    /// PLI or FIR.
    pub(super) fn ask_ssrc(&mut self, now: Instant, id: &str, ssrc: u32, fir: bool) {
        tracing::debug!(endpoint = id, ssrc, fir, "bridge asks for a key frame");
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

    /// The same request again.
    pub(super) fn repeat_request(&mut self, now: Instant, id: &str, ssrc: u32) {
        let mut happened = Vec::new();
        if let Some(endpoint) = self.endpoints.get_mut(id) {
            endpoint.ask_key_frame(now, ssrc, false, &mut self.out, &mut happened);
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
        if let Some(source) = slot.map(|s| s.source.clone()) {
            self.ask_source(now, &source);
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
