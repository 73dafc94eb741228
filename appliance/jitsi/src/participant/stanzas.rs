//! What arrives: each stanza goes to whom it concerns, each IQ request is answered exactly once.

use minidom::Element;
use room::conference::{ConferenceEvent, Device, Muted};

use super::context::Context;
use super::meeting::Meeting;
use crate::discovery::{Component, pushed};
use crate::jingle::JingleIq;
use crate::muc::{JsonMessage, MuteRequest, RoomMessage, room_message};
use crate::stanza::{iq_result_with, service_unavailable};
use crate::xml::element;

const VERSION: &str = "jabber:iq:version";

impl Meeting {
    /// A stanza has arrived on the bound stream.
    pub fn stanza(&mut self, stanza: &Element, cx: &mut Context) {
        match (stanza.name(), stanza.attr("type")) {
            ("iq", Some("get" | "set")) => self.request(stanza, cx),
            ("iq", Some("result" | "error")) => {
                if let Some((purpose, _)) = stanza.attr("id").and_then(|id| self.pending.remove(id)) {
                    self.answered(purpose, Some(stanza), cx);
                }
            }
            ("presence", _) => self.presence(stanza, cx),
            ("message", _) => self.message(stanza, cx),
            _ => {}
        }
    }

    /// An IQ request: every path sends exactly one answer.
    fn request(&mut self, iq: &Element, cx: &mut Context) {
        if let Some(answer) = self.membership.own().and_then(|own| own.features.answer(iq)) {
            return self.send(&answer);
        }
        if let Some(request) = MuteRequest::parse(iq) {
            return self.mute_request(iq, &request, cx);
        }
        if let Some(jingle) = JingleIq::parse(iq) {
            return self.jingle(iq, &jingle, cx);
        }
        if iq.attr("type") == Some("get") && iq.has_child("query", VERSION) {
            let version = element("query", VERSION)
                .child(element("name", VERSION).text("Hemicycle"))
                .child(element("version", VERSION).text(env!("CARGO_PKG_VERSION")));
            return self.send(&iq_result_with(iq, version));
        }
        self.send(&service_unavailable(iq));
    }

    /// A message: of the server, of the room, of a component.
    pub fn message(&mut self, message: &Element, cx: &mut Context) {
        let Some(deployment) = &self.deployment else { return };
        let from = message.attr("from").unwrap_or_default();
        let domains = [Some(&deployment.domain), deployment.anonymous_domain.as_ref()];
        let from_server = domains.into_iter().flatten().find(|domain| *domain == from);
        if let Some(domain) = from_server
            && let Some(pushed) = pushed(message, domain)
        {
            self.add_relays(pushed.ice_servers);
            if let Some(info) = &pushed.info {
                self.announce(Some(info), cx);
            }
            return;
        }
        match room_message(message, self.membership.room()) {
            // Who speaks for a component is known only when the server has named its components.
            RoomMessage::Json { from, .. } if !from.contains('@') && self.announced.hold(message) => {}
            RoomMessage::Json { from, message } => self.json_message(&from, &message, cx),
            RoomMessage::Admitted { password } => self.admitted(password, cx),
            RoomMessage::ConfigurationChanged => self.ask_room(cx),
            RoomMessage::Other => self.chat(message, cx),
        }
    }

    /// Only the component itself is heard, never an occupant and never another component.
    fn json_message(&mut self, from: &str, message: &JsonMessage, cx: &mut Context) {
        let components = self.components();
        match message {
            JsonMessage::RoomMetadata(metadata) if components.is_component(Component::RoomMetadata, from) => {
                if let Some(servers) = metadata.ice_servers.clone() {
                    self.add_relays(servers);
                }
                if let Some(transcribed) = metadata.transcribed {
                    self.marks.transcribed = transcribed;
                    self.tell_recording(cx);
                }
                if let Some(start_muted) = metadata.start_muted {
                    self.start_muted(start_muted, cx);
                }
            }
            JsonMessage::AvModeration(moderation) if components.is_component(Component::AvModeration, from) => {
                self.moderated(moderation, cx);
            }
            JsonMessage::BreakoutRooms(rooms) if components.is_component(Component::BreakoutRooms, from) => {
                self.breakout_rooms(rooms, cx);
            }
            JsonMessage::RoomMetadata(_)
            | JsonMessage::AvModeration(_)
            | JsonMessage::BreakoutRooms(_)
            | JsonMessage::Other(_) => {}
        }
    }

    /// The meeting wants newcomers to begin with devices off. It says so in two places, in either order; it counts at our
    /// beginning, once for each device.
    pub fn start_muted(&mut self, muted: Muted, cx: &mut Context) {
        if self.had_session {
            return;
        }
        let (audio, video) = (
            muted.audio && !self.start_muted.audio,
            muted.video && !self.start_muted.video,
        );
        self.start_muted.audio |= muted.audio;
        self.start_muted.video |= muted.video;
        for (off, device) in [(audio, Device::Microphone), (video, Device::Camera)] {
            if off {
                cx.event(ConferenceEvent::MutedByModerator { device, actor: None });
            }
        }
    }
}
