//! What the focus and tests ask of the bridge.

use std::time::Instant;

use super::core::{Core, HEARS, ON_THE_WAY, PeerState};
use super::endpoint::Endpoint;
use super::link::Direction;
use super::{BridgeCommand, load_media};
use crate::far_side::FarSide;
use crate::focus::sources::Media;
use crate::legacy;
use crate::peers::track::Track;
use crate::verdict::rule;

impl Core {
    pub(super) fn command(&mut self, now: Instant, command: BridgeCommand) {
        match command {
            BridgeCommand::Allocate {
                endpoint,
                room,
                rewriting,
                features,
                reply,
            } => {
                self.forget(&endpoint);
                match Endpoint::new(&endpoint, &room, rewriting, features.tcc, self.local, now) {
                    Ok(mut new) => {
                        new.legacy = features.legacy;
                        let _ = reply.send(new.transport());
                        self.endpoints.insert(endpoint, new);
                    }
                    Err(error) => tracing::error!(%error, endpoint, "no transport"),
                }
            }
            BridgeCommand::Accept {
                endpoint,
                transport,
                sources,
            } => {
                let legacy = self.endpoints.get(&endpoint).is_some_and(|e| e.legacy);
                let far = self.far.entry(endpoint.clone()).or_insert_with(|| {
                    let options = match legacy {
                        true => &legacy::options(&self.around.options),
                        false => &self.around.options,
                    };
                    FarSide::new(
                        &endpoint,
                        options,
                        self.around.far_sides.clone(),
                        self.around.verdict.clone(),
                    )
                });
                far.begin(now, &sources);
                if let Some(entry) = self.endpoints.get_mut(&endpoint)
                    && let Err(error) = entry.accept(now, &transport, sources)
                {
                    self.around.verdict.broken(rule::FINGERPRINT, error.to_string());
                }
                self.reallocate_all(now);
            }
            BridgeCommand::Sources { endpoint, sources } => {
                if let Some(far) = self.far.get_mut(&endpoint) {
                    far.begin(now, &sources);
                }
                if let Some(entry) = self.endpoints.get_mut(&endpoint) {
                    let before = entry.sources.names(Media::Video);
                    entry.set_sources(now, sources);
                    let names = entry.sources.names(Media::Video);
                    entry.video_types.retain(|name, _| names.contains(name));
                    if names.iter().any(|name| !before.contains(name)) {
                        entry.demand_due = Some(now);
                    }
                }
                self.reallocate_all(now);
            }
            BridgeCommand::Expire { endpoint } => {
                self.given_up(now, &endpoint);
                self.forget(&endpoint);
                self.reallocate_all(now);
            }
            BridgeCommand::Left { endpoint, put_out } => {
                if let Some(remote) = self.endpoints.get(&endpoint).and_then(|e| e.remote) {
                    let may = if put_out {
                        self.around.verdict.within(HEARS)
                    } else {
                        ON_THE_WAY
                    };
                    self.departed.push((remote, endpoint.clone(), now + may));
                }
                if let Some(mut far) = self.far.remove(&endpoint) {
                    far.end();
                }
                self.forget(&endpoint);
                self.speakers.retain(|s| *s != endpoint);
                self.reallocate_all(now);
            }
            BridgeCommand::PeerJoined { room, peer } => {
                self.speakers.push(peer.nick.clone());
                let index = peer.index;
                self.peers.push(PeerState {
                    info: peer,
                    room,
                    track: None,
                    video_muted: false,
                    audio_muted: false,
                });
                match self.media.get(&index).cloned() {
                    Some(media) => self.command(now, BridgeCommand::MediaReady { index, media }),
                    None => load_media(self.around.options.media_cache.clone(), index, self.commands.clone()),
                }
            }
            BridgeCommand::MediaReady { index, media } => {
                self.media.insert(index, media.clone());
                for peer in self
                    .peers
                    .iter_mut()
                    .filter(|p| p.info.index == index && p.track.is_none())
                {
                    peer.track = Some(Track::new(media.clone(), now, index));
                }
                self.reallocate_all(now);
            }
            BridgeCommand::PeerLeft { nick } => self.peer_left(now, &nick),
            BridgeCommand::PeerMuted { nick, media, muted } => {
                for peer in self.peers.iter_mut().filter(|p| p.info.nick == nick) {
                    match media {
                        crate::focus::sources::Media::Audio => peer.audio_muted = muted,
                        crate::focus::sources::Media::Video => peer.video_muted = muted,
                    }
                }
                self.reallocate_all(now);
            }
            BridgeCommand::ForceMute { endpoint, media, on } => {
                if let Some(entry) = self.endpoints.get_mut(&endpoint) {
                    if on {
                        entry.force_muted.insert(media, now);
                    } else {
                        entry.force_muted.remove(&media);
                    }
                }
            }
            BridgeCommand::Dominant { endpoint } => self.dominant(now, &endpoint),
            BridgeCommand::SenderConstraints {
                endpoint,
                source,
                max_height,
            } => {
                self.constrain_sender(now, &endpoint, source.as_deref(), max_height);
            }
            BridgeCommand::KeyFrame { endpoint, layer, fir } => self.ask_layer(now, &endpoint, layer, fir),
            BridgeCommand::Fault { direction, fault } => match direction {
                Direction::ToClient => self.to_client.set(fault),
                Direction::FromClient => self.from_client.set(fault),
            },
            BridgeCommand::Remap { endpoint, source } => self.remap(now, &endpoint, source.as_deref()),
            BridgeCommand::Silence { endpoint, on } => {
                if on {
                    self.silent.insert(endpoint);
                } else {
                    self.silent.remove(&endpoint);
                }
            }
            BridgeCommand::WebSocketOpened {
                endpoint,
                pwd,
                send,
                reply,
            } => {
                let mut right = false;
                if let Some(entry) = self.endpoints.get_mut(&endpoint) {
                    right = entry.transport().pwd == pwd;
                    if right {
                        entry.websocket = Some(send);
                    }
                }
                let _ = reply.send(right);
                if right {
                    self.channel_open(now, &endpoint);
                }
            }
            BridgeCommand::WebSocketText { endpoint, text } => self.message(now, &endpoint, &text),
            BridgeCommand::WebSocketClosed { endpoint } => {
                if let Some(entry) = self.endpoints.get_mut(&endpoint) {
                    entry.websocket = None;
                    entry.opened = None;
                }
            }
            BridgeCommand::EndToEndPing { endpoint } => self.ping(now, &endpoint),
            BridgeCommand::Say { endpoint, text } => self.tell(now, &endpoint, &text),
            BridgeCommand::Stop => {}
        }
        self.flush(now);
    }

    pub(super) fn forget(&mut self, endpoint: &str) {
        self.endpoints.remove(endpoint);
        self.silent.remove(endpoint);
    }
}
