//! Stanzas that reach the focus in its rooms: presences, answers, Jingle, mute requests.

use std::time::{Duration, Instant};

use minidom::Element;

use super::caps::{self, Features};
use super::crowd;
use super::room::{self, Member};
use super::sources::Media;
use super::{Asked, Caps, Expectation, Focus};
use crate::bridge::BridgeCommand;
use crate::clock::monotonic_ns;
use crate::legacy;
use crate::verdict::rule;
use crate::xml::{self, escape};
use crate::xmpp::{bare, ns, resource};

/// Clients whose features are remembered.
const MAX_KNOWN_CAPS: usize = 64;

impl Focus {
    pub(super) async fn stanza(&mut self, stanza: &Element) {
        let from = stanza.attr("from").unwrap_or_default();
        let (room, nick) = (bare(from).to_owned(), resource(from).to_owned());
        match (stanza.name(), stanza.attr("type")) {
            ("presence", kind) => self.presence(stanza, kind, &room, &nick).await,
            ("iq", Some("set" | "get")) => self.iq_request(stanza, &room, &nick).await,
            ("iq", Some(kind)) => self.iq_answer(stanza, kind == "error").await,
            _ => {}
        }
    }

    async fn presence(&mut self, stanza: &Element, kind: Option<&str>, room: &str, nick: &str) {
        if !self.rooms.contains_key(room) {
            return self.lobby_presence(stanza, kind, room, nick);
        }
        if nick == "focus" {
            match kind {
                None => self.configure(room),
                Some("error") => tracing::error!(room, stanza = xml::write(stanza), "focus cannot enter"),
                _ => drop(self.rooms.remove(room)),
            }
            return;
        }
        match kind {
            None => self.available(stanza, room, nick).await,
            Some("unavailable") => self.gone(room, nick, put_out(stanza)).await,
            _ => {}
        }
    }

    async fn available(&mut self, stanza: &Element, room: &str, nick: &str) {
        let (audio_muted, video_muted) = room::muted(stanza);
        let name = stanza
            .get_child("nick", "http://jabber.org/protocol/nick")
            .map(Element::text)
            .unwrap_or_default();
        let jid = stanza
            .get_child("x", ns::MUC_USER)
            .and_then(|x| x.get_child("item", ns::MUC_USER))
            .and_then(|i| i.attr("jid"))
            .unwrap_or_default()
            .to_owned();
        if crowd::is_of_the_crowd(&jid) {
            return;
        }
        let peer = self.around.registry.get(nick);
        let Some(entry) = self.rooms.get_mut(room) else { return };
        let verdict = &self.around.verdict;
        self.around.participants.update(nick, |p| {
            p.name.clone_from(&name);
            p.audio_muted = audio_muted;
            p.video_muted = video_muted;
        });
        if let Some(member) = entry.members.get_mut(nick) {
            member.audio_muted = audio_muted;
            member.video_muted = video_muted;
            return;
        }
        if entry.kicked.contains(&bare(&jid).to_owned()) {
            verdict.broken(
                rule::KICKED_STAYS_OUT,
                format!("{nick} is back in the room it was kicked out of"),
            );
        }
        entry.members.insert(
            nick.into(),
            Member {
                jid: jid.clone(),
                peer: peer.is_some(),
                legacy: legacy::shown_by(stanza),
                features: peer.as_ref().map(|_| Features::default()),
                session: None,
                audio_muted,
                video_muted,
                restarts: Vec::new(),
            },
        );
        self.around
            .participants
            .joined(nick, room, &name, peer.is_some(), monotonic_ns());
        self.around.participants.update(nick, |p| {
            p.audio_muted = audio_muted;
            p.video_muted = video_muted;
        });
        self.expect_to_leave_the_lobby(room, nick, &jid);
        let Some(entry) = self.rooms.get_mut(room) else { return };
        let first = entry.moderator.is_none();
        if first {
            entry.moderator = Some(nick.into());
        }
        if first {
            self.promote(room, &jid);
        }
        if let Some(peer) = peer {
            self.around.bridge.send(BridgeCommand::PeerJoined {
                room: room.into(),
                peer: peer.clone(),
            });
            self.tell_others(room, nick, "source-add", &peer.sources);
            self.invite_who_waits(room).await;
        } else {
            let caps = room::caps_node(stanza);
            let node = caps
                .as_ref()
                .map(|(n, v)| format!(" node='{}#{}'", escape(n), escape(v)))
                .unwrap_or_default();
            if caps.is_none() {
                self.around.verdict.broken(rule::CAPS, "presence without caps");
            }
            if let Some(features) = caps.as_ref().and_then(|caps| self.known_caps.get(caps)).cloned() {
                if let Some(member) = self.rooms.get_mut(room).and_then(|r| r.members.get_mut(nick)) {
                    member.features = Some(features);
                }
                return self.invite_who_waits(room).await;
            }
            let (id, from) = (self.new_id(), self.jid());
            self.occupant.send(format!(
                "<iq from='{from}' to='{room}/{nick}' type='get' id='{id}'><query xmlns='{}'{node}/></iq>",
                ns::DISCO_INFO,
                room = escape(room),
                nick = escape(nick),
            ));
            self.remember(id, room, nick, Asked::Disco { caps });
        }
    }

    async fn gone(&mut self, room: &str, nick: &str, put_out: bool) {
        self.around
            .participants
            .update(nick, |p| p.gone_ns = Some(monotonic_ns()));
        let Some(entry) = self.rooms.get_mut(room) else { return };
        let Some(member) = entry.members.remove(nick) else {
            return;
        };
        entry.peers.remove(nick);
        self.pending.retain(|_, p| p.room != room || p.nick != nick);
        self.checks.retain(|c| c.room != room || c.nick != nick);
        if member.peer {
            self.around.registry.remove(nick);
            self.around.bridge.send(BridgeCommand::PeerLeft { nick: nick.into() });
        } else {
            let endpoint = nick.into();
            self.around.bridge.send(BridgeCommand::Left { endpoint, put_out });
        }
        let Some(entry) = self.rooms.get_mut(room) else { return };
        if entry.moderator.as_deref() == Some(nick) {
            let successor = entry.members.iter().next().map(|(n, m)| (n.clone(), m.jid.clone()));
            entry.moderator = successor.as_ref().map(|(n, _)| n.clone());
            if let Some((_, jid)) = successor {
                self.promote(room, &jid);
            }
        }
    }

    fn promote(&mut self, room: &str, jid: &str) {
        self.make_owner(room, jid);
        self.open_the_lobby_to_the_moderator(room);
    }

    /// Of a room or a lobby.
    pub(super) fn make_owner(&mut self, room: &str, jid: &str) {
        let (id, from) = (self.new_id(), self.jid());
        self.occupant.send(format!(
            "<iq from='{from}' to='{room}' type='set' id='{id}'><query xmlns='{}'><item affiliation='owner' jid='{}'/></query></iq>",
            ns::MUC_ADMIN,
            escape(bare(jid)),
            room = escape(room),
        ));
        self.remember(id, room, "", Asked::Other);
    }

    async fn iq_answer(&mut self, stanza: &Element, error: bool) {
        let Some(pending) = stanza.attr("id").and_then(|id| self.pending.remove(id)) else {
            return;
        };
        let (room, nick) = (pending.room, pending.nick);
        match pending.what {
            Asked::Configure => {
                if error {
                    tracing::error!(room, stanza = xml::write(stanza), "room is not configured");
                }
                self.room_ready(&room);
            }
            Asked::Disco { caps } => self.disco_answer(stanza, error, &room, &nick, caps).await,
            Asked::Initiate { sid } => {
                let took = pending.sent.elapsed();
                if error {
                    let text = xml::write(stanza);
                    self.around
                        .verdict
                        .broken(rule::SESSION_ACCEPT, format!("session-initiate refused: {text}"));
                    self.end_session(&room, &nick, &sid);
                } else if took > self.around.verdict.within(Duration::from_secs(1)) {
                    self.around
                        .verdict
                        .broken(rule::IQ_ONCE, format!("session-initiate answered after {took:?}"));
                }
            }
            Asked::Error { condition } => {
                if !error || !xml::write(stanza).contains(condition) {
                    let text = xml::write(stanza);
                    self.around
                        .verdict
                        .broken(rule::IQ_ONCE, format!("expected {condition}, got {text}"));
                }
            }
            Asked::Other => {}
        }
    }

    async fn disco_answer(&mut self, stanza: &Element, error: bool, room: &str, nick: &str, caps: Option<Caps>) {
        let query = stanza.get_child("query", ns::DISCO_INFO).filter(|_| !error);
        let legacy = self
            .rooms
            .get(room)
            .and_then(|r| r.members.get(nick))
            .is_some_and(|m| m.legacy);
        let verdict = &self.around.verdict;
        let announced = caps.as_ref().map(|(_, ver)| ver.clone());
        let mut proven = None;
        if let Some(query) = query {
            let hash = caps::hash(query);
            proven = caps.filter(|(_, ver)| *ver == hash);
            let ver = announced.as_deref();
            if ver.is_some_and(|v| v != hash) {
                verdict.broken(
                    rule::CAPS,
                    format!("presence says {ver:?}, the answer hashes to {hash}"),
                );
            }
            let has = caps::features(query);
            let later = |feature: &str| legacy && legacy::LATER_FEATURES.contains(&feature);
            let missing: Vec<&&str> = caps::NEEDED
                .iter()
                .filter(|f| !later(f) && !has.iter().any(|h| h == **f))
                .collect();
            if !missing.is_empty() {
                verdict.broken(rule::FEATURES, format!("missing {missing:?}"));
            }
        } else {
            verdict.broken(rule::FEATURES, "disco#info is not answered");
        }
        let features = Features {
            legacy,
            ..query.map(Features::read).unwrap_or_default()
        };
        // Whose answer fits its hash is not asked again, as XEP-0115 §1.2 means it and jicofo does it.
        if let Some(caps) = proven.filter(|_| self.known_caps.len() < MAX_KNOWN_CAPS) {
            self.known_caps.insert(caps, features.clone());
        }
        if let Some(member) = self.rooms.get_mut(room).and_then(|r| r.members.get_mut(nick)) {
            member.features = Some(features);
        }
        self.invite_who_waits(room).await;
    }

    pub(super) async fn tick(&mut self, now: Instant) {
        let late: Vec<String> = self
            .pending
            .iter()
            .filter(|(_, p)| now.duration_since(p.sent) > Duration::from_secs(15))
            .map(|(id, _)| id.clone())
            .collect();
        for id in late {
            let Some(pending) = self.pending.remove(&id) else {
                continue;
            };
            match pending.what {
                Asked::Disco { .. } => {
                    self.around
                        .verdict
                        .broken(rule::FEATURES, "disco#info is not answered within 15 s");
                    if let Some(m) = self
                        .rooms
                        .get_mut(&pending.room)
                        .and_then(|r| r.members.get_mut(&pending.nick))
                    {
                        m.features = Some(Features::default());
                    }
                    self.invite_who_waits(&pending.room).await;
                }
                Asked::Initiate { .. } | Asked::Error { .. } => {
                    self.around
                        .verdict
                        .broken(rule::IQ_ONCE, "an IQ of the focus is not answered within 15 s");
                }
                Asked::Configure | Asked::Other => {}
            }
        }
        let due: Vec<super::Check> = self.checks.extract_if(.., |c| c.at <= now).collect();
        for check in due {
            self.check(check);
        }
    }

    fn check(&self, check: super::Check) {
        if let Expectation::InRoom { user, target } = &check.what {
            let here = self.rooms.get(target).is_some_and(|room| {
                let mut members = room.members.values();
                members.any(|member| bare(&member.jid) == user)
            });
            if !here {
                let rule = rule::BREAKOUT;
                self.around
                    .verdict
                    .broken(rule, "the client is not in the room it was sent to");
            }
            return;
        }
        let Some(member) = self.rooms.get(&check.room).and_then(|r| r.members.get(&check.nick)) else {
            return;
        };
        let verdict = &self.around.verdict;
        let muted = |media| {
            if media == Media::Audio {
                member.audio_muted
            } else {
                member.video_muted
            }
        };
        match check.what {
            Expectation::Muted { media } if !muted(media) => {
                verdict.broken(
                    rule::MUTE_OBEYED,
                    format!("{} is not shown as muted in the presence", media.word()),
                );
            }
            Expectation::NotSwitchedOn { media, muted: true } if !muted(media) => {
                verdict.broken(
                    rule::MODERATION,
                    format!("{} went on because it was allowed to", media.word()),
                );
            }
            Expectation::StillAsBefore { media, muted: before } if muted(media) != before => {
                verdict.broken(rule::MUTE_IMPOSTOR, format!("{} was muted by a stranger", media.word()));
            }
            Expectation::LeftLobby { jid } if self.in_a_lobby(&jid) => {
                verdict.broken(rule::LOBBY, "whoever was let in still stands in the lobby 3 s later");
            }
            Expectation::Accepted { sid } => {
                let accepted = member.session.as_ref().is_some_and(|s| s.sid == sid && s.accepted);
                if !accepted {
                    verdict.broken(rule::MOVE, "the new session is not accepted within 3 s");
                }
            }
            Expectation::Declined { sid, declined } => {
                let all = declined.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if !all.contains(&sid) {
                    verdict.broken(
                        rule::P2P_DECLINED,
                        "a peer's session-initiate is not declined within 3 s",
                    );
                }
                if member.session.as_ref().is_none_or(|s| s.ended) {
                    verdict.broken(rule::P2P_DECLINED, "the session with the focus is gone");
                }
            }
            _ => {}
        }
    }
}

/// Whoever was removed, or whose room is no more, hears of it by this very presence (XEP-0045 §8.2, §10.9).
fn put_out(stanza: &Element) -> bool {
    let Some(about) = stanza.get_child("x", ns::MUC_USER) else {
        return false;
    };
    let removed = |child: &Element| child.name() == "status" && child.attr("code") == Some("307");
    about
        .children()
        .any(|child| removed(child) || child.name() == "destroy")
}
