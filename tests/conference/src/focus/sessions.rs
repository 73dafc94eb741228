//! Jingle sessions: who is invited, what is accepted, how sessions end, move and restart (`specs/jitsi-client.md §4`).

use std::collections::BTreeMap;

use minidom::Element;
use tokio::sync::oneshot;

use super::invite::{Invitation, Shape, source_change};
use super::room::Session;
use super::sources::{Media, Sources};
use super::{Asked, Focus, answer, random_hex, random_uuid, validate};
use crate::bridge::BridgeCommand;
use crate::clock::monotonic_ns;
use crate::verdict::rule;
use crate::xml::escape;
use crate::xmpp::{ns, resource};

impl Focus {
    pub(super) async fn iq_request(&mut self, stanza: &Element, room: &str, nick: &str) {
        if let Some(jingle) = stanza.get_child("jingle", ns::JINGLE) {
            return self.jingle(stanza, jingle, room, nick).await;
        }
        for (media, space) in [(Media::Audio, ns::MUTE_AUDIO), (Media::Video, ns::MUTE_VIDEO)] {
            if let Some(mute) = stanza.get_child("mute", space) {
                return self.mute_request(stanza, mute, media, room, nick);
            }
        }
        if stanza.has_child("ping", ns::PING) {
            return self.result(stanza);
        }
        if stanza.has_child("query", ns::DISCO_INFO) {
            let body = format!(
                "<query xmlns='{}'><identity category='component' type='generic' name='focus'/></query>",
                ns::DISCO_INFO
            );
            return self.answer(stanza, &body);
        }
        self.error(stanza, "cancel", "feature-not-implemented", "");
    }

    fn mute_request(&mut self, stanza: &Element, mute: &Element, media: Media, room: &str, nick: &str) {
        let Some(entry) = self.rooms.get(room) else {
            return self.error(stanza, "cancel", "item-not-found", "");
        };
        let target = resource(mute.attr("jid").unwrap_or_default()).to_owned();
        let own = target.is_empty() || target == nick;
        let mutes = mute.text().trim() == "true";
        // Everybody may lift the mute that the focus has laid on them, as moderation allows; nobody may unmute others.
        if own && !mutes {
            if self.lift_mute(room, nick, media) {
                return self.result(stanza);
            }
            return self.error(stanza, "cancel", "not-allowed", "");
        }
        if !own && (!mutes || entry.moderator.as_deref() != Some(nick)) {
            return self.error(stanza, "cancel", "not-allowed", "");
        }
        self.result(stanza);
        if own {
            self.around.bridge.send(BridgeCommand::ForceMute {
                endpoint: nick.into(),
                media,
                on: mutes,
            });
        } else {
            self.mute(room, &target, media, nick);
        }
    }

    /// Invites everybody who can be invited now: at two members and more.
    pub(super) async fn invite_who_waits(&mut self, room: &str) {
        let Some(entry) = self.rooms.get(room) else { return };
        if entry.members.len() < self.around.options.min_participants {
            return;
        }
        let waiting: Vec<String> = entry
            .members
            .iter()
            .filter(|(_, m)| !m.peer && m.features.is_some() && m.session.is_none())
            .map(|(nick, _)| nick.clone())
            .collect();
        for nick in waiting {
            self.invite(room, &nick).await;
        }
    }

    /// Sends a session-initiate with a new bridge session.
    pub(super) async fn invite(&mut self, room: &str, nick: &str) {
        let bridge = random_uuid();
        self.invite_to(room, nick, bridge).await;
    }

    pub(super) async fn invite_to(&mut self, room: &str, nick: &str, bridge: String) {
        let Some(features) = self
            .rooms
            .get(room)
            .and_then(|r| r.members.get(nick))
            .and_then(|m| m.features.clone())
        else {
            return;
        };
        let options = &self.around.options;
        let rewriting = options.ssrc_rewriting && features.ssrc_rewriting;
        let (reply, transport) = oneshot::channel();
        self.around.bridge.send(BridgeCommand::Allocate {
            endpoint: nick.into(),
            room: room.into(),
            rewriting,
            features: features.clone(),
            reply,
        });
        let transport = match transport.await {
            Ok(transport) => transport,
            Err(_) => return tracing::error!(nick, "the bridge gives no transport"),
        };
        let options = &self.around.options;
        let sid = random_hex(13);
        let shape = Shape {
            json_sources: options.json_sources,
            data: options.data_channel,
            web_socket: options.colibri_websocket.then(|| {
                format!(
                    "ws://{}/colibri-ws/default-id/{bridge}/{nick}?pwd={}",
                    self.around.front, transport.pwd
                )
            }),
            weird: options.weird_offer,
            region: options.region.clone(),
            start_audio_muted: options.start_audio_muted,
            start_video_muted: options.start_video_muted,
        };
        let Some(entry) = self.rooms.get(room) else { return };
        let sources = entry.sources_for(nick, rewriting, &self.around.registry);
        let id = self.new_id();
        let stanza = Invitation {
            room,
            nick,
            sid: &sid,
            bridge_session: &bridge,
            id: &id,
            transport: &transport,
            features: &features,
            sources: &sources,
            shape: &shape,
        }
        .stanza(&self.jid());
        let json = shape.json_sources && features.json_sources;
        self.occupant.send(stanza);
        self.around.participants.update(nick, |p| {
            p.initiate_ns = Some(monotonic_ns());
            p.sessions += 1;
        });
        self.remember(id, room, nick, Asked::Initiate { sid: sid.clone() });
        if let Some(member) = self.rooms.get_mut(room).and_then(|r| r.members.get_mut(nick)) {
            let sources = Sources::default();
            member.session = Some(Session {
                sid,
                bridge,
                accepted: false,
                ended: false,
                sources,
                json,
                rewriting,
            });
        }
    }

    pub(super) async fn jingle(&mut self, stanza: &Element, jingle: &Element, room: &str, nick: &str) {
        let sid = jingle.attr("sid").unwrap_or_default().to_owned();
        let action = jingle.attr("action").unwrap_or_default();
        let session = self
            .rooms
            .get(room)
            .and_then(|r| r.members.get(nick))
            .and_then(|m| m.session.as_ref());
        let Some(session) = session.filter(|s| s.sid == sid) else {
            return self.error(stanza, "cancel", "bad-request", "");
        };
        if session.ended {
            return self.error(stanza, "cancel", "gone", "");
        }
        match action {
            "session-accept" | "transport-accept" => self.accept(stanza, jingle, room, nick, &sid).await,
            "source-add" | "source-remove" => self.sources_changed(stanza, jingle, room, nick, action),
            "session-terminate" => self.terminated(stanza, jingle, room, nick, &sid).await,
            "session-info" => self.session_info(stanza, jingle, room, nick).await,
            "transport-info" | "transport-reject" => self.result(stanza),
            // Seen at jicofo: what it does not know it does not answer.
            _ => tracing::debug!(action, "Jingle action without answer"),
        }
    }

    pub(super) async fn accept(&mut self, stanza: &Element, jingle: &Element, room: &str, nick: &str, sid: &str) {
        let verdict = self.around.verdict.clone();
        // Browsers say `room/focus` and their own full JID; the occupant JIDs are as good.
        let own = self
            .rooms
            .get(room)
            .and_then(|r| r.members.get(nick))
            .map(|m| m.jid.clone())
            .unwrap_or_default();
        let initiators = [format!("{room}/focus"), self.jid()];
        let responders = [format!("{room}/{nick}"), own];
        let said = (
            jingle.attr("initiator").unwrap_or_default(),
            jingle.attr("responder").unwrap_or_default(),
        );
        if !initiators.iter().any(|i| i == said.0) || !responders.iter().any(|r| r == said.1) {
            verdict.broken(rule::SESSION_ACCEPT, format!("initiator and responder are {said:?}"));
        }
        let others = self
            .rooms
            .get(room)
            .map(|r| r.sources_of_others(nick, &self.around.registry))
            .unwrap_or_default();
        let checked = answer::read(jingle, nick, &verdict)
            .and_then(|a| validate::validate(&a.sources, &Sources::default(), &others).map(|()| a));
        let answer = match checked {
            Ok(answer) => answer,
            Err(reason) => {
                verdict.broken(rule::SESSION_ACCEPT, reason.clone());
                self.error(stanza, "modify", "bad-request", &reason);
                return self.end_session(room, nick, sid);
            }
        };
        self.result(stanza);
        self.around.participants.update(nick, |p| {
            p.accepted_ns = Some(monotonic_ns());
            p.sources = answer.sources.kinds();
        });
        if let Some(session) = self
            .rooms
            .get_mut(room)
            .and_then(|r| r.members.get_mut(nick))
            .and_then(|m| m.session.as_mut())
        {
            session.accepted = true;
            session.sources = answer.sources.clone();
        }
        self.around.bridge.send(BridgeCommand::Accept {
            endpoint: nick.into(),
            transport: answer.transport,
            sources: answer.sources.clone(),
        });
        self.tell_others(room, nick, "source-add", &answer.sources);
    }

    fn sources_changed(&mut self, stanza: &Element, jingle: &Element, room: &str, nick: &str, action: &str) {
        let verdict = self.around.verdict.clone();
        let others = self
            .rooms
            .get(room)
            .map(|r| r.sources_of_others(nick, &self.around.registry))
            .unwrap_or_default();
        let Some(session) = self
            .rooms
            .get_mut(room)
            .and_then(|r| r.members.get_mut(nick))
            .and_then(|m| m.session.as_mut())
        else {
            return;
        };
        let outcome = Sources::from_jingle(jingle, nick).and_then(|changed| {
            let after = if action == "source-add" {
                validate::validate(&changed, &session.sources, &others)?;
                let mut after = session.sources.clone();
                after.extend(changed.clone());
                after
            } else {
                validate::remove(&session.sources, &changed)?
            };
            Ok((changed, after))
        });
        match outcome {
            Ok((changed, after)) => {
                session.sources = after.clone();
                self.around.participants.update(nick, |p| p.sources = after.kinds());
                self.result(stanza);
                self.around.bridge.send(BridgeCommand::Sources {
                    endpoint: nick.into(),
                    sources: after,
                });
                self.tell_others(room, nick, action, &changed);
            }
            Err(reason) => {
                verdict.broken(rule::SESSION_ACCEPT, format!("{action}: {reason}"));
                self.error(stanza, "modify", "bad-request", &reason);
            }
        }
    }

    /// Tells all invited clients without SSRC rewriting what changed at `owner`.
    pub(super) fn tell_others(&mut self, room: &str, owner: &str, action: &str, sources: &Sources) {
        let Some(entry) = self.rooms.get(room) else { return };
        let changed = BTreeMap::from([(owner.to_owned(), sources.without_simulcast())]);
        let told: Vec<(String, String, bool)> = entry
            .members
            .iter()
            .filter(|(nick, m)| *nick != owner && !m.peer)
            .filter_map(|(nick, m)| m.session.as_ref().map(|s| (nick, s)))
            .filter(|(_, s)| !s.ended && !s.rewriting)
            .map(|(nick, s)| (nick.clone(), s.sid.clone(), s.json))
            .collect();
        for (nick, sid, json) in told {
            let (id, from) = (self.new_id(), self.jid());
            let stanza = source_change(action, (&from, &escape(room), &nick), (&id, &sid), &changed, json);
            self.occupant.send(stanza);
            self.remember(id, room, &nick, Asked::Other);
        }
    }

    pub(super) fn result(&self, stanza: &Element) {
        self.answer(stanza, "");
    }

    pub(super) fn answer(&self, stanza: &Element, body: &str) {
        self.reply_iq(stanza, "result", body);
    }

    pub(super) fn error(&self, stanza: &Element, kind: &str, condition: &str, text: &str) {
        let text = if text.is_empty() {
            String::new()
        } else {
            format!("<text xmlns='{}'>{}</text>", ns::STANZAS, escape(text))
        };
        let body = format!(
            "<error type='{kind}'><{condition} xmlns='{}'/>{text}</error>",
            ns::STANZAS
        );
        self.reply_iq(stanza, "error", &body);
    }

    fn reply_iq(&self, stanza: &Element, kind: &str, body: &str) {
        let attribute = |name: &str| escape(stanza.attr(name).unwrap_or_default());
        self.occupant.send(format!(
            "<iq type='{kind}' id='{}' from='{}' to='{}'>{body}</iq>",
            attribute("id"),
            attribute("to"),
            attribute("from"),
        ));
    }

    /// The room of an occupant, by its nick.
    pub(super) fn room_of(&self, nick: &str) -> Option<String> {
        self.rooms
            .iter()
            .find(|(_, r)| r.members.contains_key(nick))
            .map(|(jid, _)| jid.clone())
    }
}
