//! What is said on the bridge channel.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::channel::{self, ClientMessage, write};
use super::core::Core;
use crate::clock::monotonic_ns;
use crate::focus::sources::Media;
use crate::legacy;
use crate::verdict::rule;

impl Core {
    /// A channel opened, for the first time or again: JVB repeats what it said.
    pub(super) fn channel_open(&mut self, now: Instant, id: &str) {
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        endpoint.opened = Some(now);
        endpoint.opening_checked = false;
        endpoint.video_types.clear();
        let (websocket, legacy) = (endpoint.websocket.is_some(), endpoint.legacy);
        self.around
            .participants
            .update(id, |p| p.channel_ns = Some(monotonic_ns()));
        if websocket {
            // Only SCTP waits for ClientHello.
            self.tell(now, id, &write::server_hello());
        }
        // Nobody wants the sender's pictures yet; what they want comes with the next tick.
        if !legacy {
            self.constrain_sender(now, id, None, 0);
        }
        self.tell_forwarded(now, id, true);
        self.tell_dominant(now, id);
        let Some(endpoint) = self.endpoints.get_mut(id) else {
            return;
        };
        let names: Vec<String> = endpoint.video.iter().map(|s| s.source.clone()).collect();
        if endpoint.rewriting {
            let mut heard: Vec<Value> = Vec::new();
            for slot in &mut endpoint.audio {
                slot.told = true;
                let owner = slot.source.split('-').next().unwrap_or_default();
                heard.push(json!({"source": slot.source, "owner": owner, "ssrc": slot.ssrc}));
            }
            self.tell_video_map(now, id, &names);
            if !heard.is_empty() {
                self.tell(now, id, &write::audio_sources_map(&heard));
            }
        }
        if let Some(endpoint) = self.endpoints.get_mut(id) {
            endpoint.demand_due = Some(now);
        }
        self.tell(now, id, &write::connection_stats(2_500_000));
    }

    /// A text from the client.
    pub(super) fn message(&mut self, now: Instant, id: &str, text: &str) {
        tracing::trace!(endpoint = id, text, "client says");
        let legacy = self.endpoints.get(id).is_some_and(|e| e.legacy);
        let text = &match legacy {
            true => legacy::from_client(text),
            false => text.to_owned(),
        };
        let message = match channel::read(text) {
            Ok(message) => message,
            Err(reason) => {
                let shown: String = text.chars().take(200).collect();
                self.around
                    .verdict
                    .broken(rule::CHANNEL_STRICT, format!("{reason}: {shown}"));
                return;
            }
        };
        match message {
            ClientMessage::Hello => self.tell(now, id, &write::server_hello()),
            ClientMessage::ReceiverVideoConstraints {
                last_n,
                on_stage,
                selected,
                default,
                by_source,
            } => {
                let Some(endpoint) = self.endpoints.get_mut(id) else {
                    return;
                };
                let constraints = endpoint.constraints.get_or_insert_default();
                if let Some(last_n) = last_n {
                    constraints.last_n = last_n;
                }
                if let Some(on_stage) = on_stage {
                    constraints.on_stage = on_stage;
                }
                if let Some(selected) = selected {
                    constraints.selected = selected;
                }
                if let Some(default) = default {
                    constraints.default = default;
                }
                if let Some(by_source) = by_source {
                    constraints.by_source = by_source;
                }
                self.reallocate(now, id);
            }
            ClientMessage::SourceVideoType { source, video_type } => {
                let after = Duration::from_millis(self.around.options.demand_after_unmute_ms);
                let Some(endpoint) = self.endpoints.get_mut(id) else {
                    return;
                };
                if !endpoint.sources.names(Media::Video).contains(&source) {
                    // As JVB does with a source that it has not been told of.
                    return;
                }
                let none = video_type == "none";
                let before = endpoint.video_types.insert(source.clone(), video_type);
                if none && !legacy {
                    // As seen at JVB: a source that shows nothing is wanted by nobody.
                    self.constrain_sender(now, id, Some(&source), 0);
                } else if before.is_some_and(|b| b == "none") {
                    endpoint.demand_due = Some(now + after);
                }
                self.reallocate_all(now);
            }
            ClientMessage::AudioSubscription => {}
            ClientMessage::EndpointMessage { to, payload } => self.relay(now, id, &to, &payload),
            ClientMessage::EndpointStats(mut fields) => {
                let room = self.endpoints.get(id).map(|e| e.room.clone()).unwrap_or_default();
                let mut stats = serde_json::Map::new();
                stats.insert("colibriClass".into(), "EndpointStats".into());
                stats.insert("from".into(), id.into());
                stats.append(&mut fields);
                let text = Value::Object(stats).to_string();
                for other in self.others(id, &room) {
                    self.tell(now, &other, &text);
                }
            }
        }
    }

    fn others(&self, id: &str, room: &str) -> Vec<String> {
        self.endpoints
            .values()
            .filter(|e| e.id != id && e.room == room)
            .map(|e| e.id.clone())
            .collect()
    }

    fn relay(&mut self, now: Instant, from: &str, to: &str, payload: &Value) {
        if payload.get("type").and_then(Value::as_str) == Some("e2e-ping-response") {
            let id = payload.get("id").map(Value::to_string).unwrap_or_default();
            self.pings.retain(|(endpoint, ping, _)| endpoint != from || *ping != id);
        }
        let room = self.endpoints.get(from).map(|e| e.room.clone()).unwrap_or_default();
        let text = write::endpoint_message(from, to, payload);
        for other in self.others(from, &room) {
            if to.is_empty() || to == other {
                self.tell(now, &other, &text);
            }
        }
    }

    /// A peer wants to know how far away the client is.
    pub(super) fn ping(&mut self, now: Instant, id: &str) {
        let Some(peer) = self.peers.first().map(|p| p.info.nick.clone()) else {
            return;
        };
        let number = self.pings.len() as u64 + 1;
        let payload = json!({"type": "e2e-ping-request", "id": number});
        self.pings.push((id.into(), number.to_string(), now));
        self.tell(now, id, &write::endpoint_message(&peer, id, &payload));
    }
}
