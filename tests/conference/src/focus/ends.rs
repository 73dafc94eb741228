//! How Jingle sessions end, move and restart (`specs/jitsi-client.md §4`, ends and moves).

use std::time::{Duration, Instant};

use minidom::Element;

use super::invite::terminate;
use super::{Asked, Check, Expectation, Focus};
use crate::bridge::BridgeCommand;
use crate::clock::monotonic_ns;
use crate::verdict::rule;
use crate::xml::escape;
use crate::xmpp::ns;

/// Between the end of a session and the next invitation, as seen at jicofo.
const REINVITE: Duration = Duration::from_millis(150);
/// Restarts keep this distance ...
const RESTART_DISTANCE: Duration = Duration::from_secs(5);
/// ... and there are at most so many in a minute.
const RESTARTS_PER_MINUTE: usize = 5;

impl Focus {
    pub(super) async fn terminated(&mut self, stanza: &Element, jingle: &Element, room: &str, nick: &str, sid: &str) {
        let bridge = jingle.get_child("bridge-session", ns::FOCUS);
        let restart = bridge.is_some_and(|b| b.attr("restart") == Some("true"));
        if !restart {
            self.result(stanza);
            return self.end_session(room, nick, sid);
        }
        let member = self.rooms.get(room).and_then(|r| r.members.get(nick));
        let session = member.and_then(|m| m.session.as_ref());
        if session.is_none_or(|s| s.sid != sid) {
            // It was ended on this side already: the demand crossed our word, as seen at jicofo.
            return self.error(stanza, "modify", "bad-request", "");
        }
        if !self.names_current_bridge(bridge, room, nick) {
            return self.error(stanza, "cancel", "item-not-found", "");
        }
        if self.too_many_restarts(room, nick) {
            self.error(stanza, "wait", "resource-constraint", "");
            return self.end_session(room, nick, sid);
        }
        self.result(stanza);
        self.end_session(room, nick, sid);
        self.forget_session(room, nick);
        // The same bridge gives a new transport: its session keeps the id.
        let same = bridge.and_then(|b| b.attr("id")).unwrap_or_default().to_owned();
        tokio::time::sleep(REINVITE).await;
        self.invite_to(room, nick, same).await;
    }

    pub(super) async fn session_info(&mut self, stanza: &Element, jingle: &Element, room: &str, nick: &str) {
        let bridge = jingle.get_child("bridge-session", ns::FOCUS);
        if bridge.is_some_and(|b| b.attr("ice-restart") == Some("true")) {
            return self.error(stanza, "cancel", "feature-not-implemented", "");
        }
        let failed = jingle
            .get_child("ice-state", ns::FOCUS)
            .is_some_and(|s| s.text().trim() == "failed");
        if failed && self.names_current_bridge(bridge, room, nick) && !self.too_many_restarts(room, nick) {
            self.result(stanza);
            return self.move_session(room, nick).await;
        }
        self.result(stanza);
    }

    fn names_current_bridge(&self, bridge: Option<&Element>, room: &str, nick: &str) -> bool {
        let current = self
            .rooms
            .get(room)
            .and_then(|r| r.members.get(nick))
            .and_then(|m| m.session.as_ref());
        let named = bridge.and_then(|b| b.attr("id"));
        let right = current.is_some_and(|s| Some(s.bridge.as_str()) == named);
        if !right {
            self.around.verdict.broken(
                rule::RESTART_LIMIT,
                format!("bridge session {named:?} is not the current one"),
            );
        }
        right
    }

    fn too_many_restarts(&mut self, room: &str, nick: &str) -> bool {
        let Some(member) = self.rooms.get_mut(room).and_then(|r| r.members.get_mut(nick)) else {
            return true;
        };
        let now = Instant::now();
        member
            .restarts
            .retain(|at| now.duration_since(*at) < Duration::from_secs(60));
        let soon = member
            .restarts
            .last()
            .is_some_and(|at| now.duration_since(*at) < RESTART_DISTANCE);
        if soon || member.restarts.len() >= RESTARTS_PER_MINUTE {
            let count = member.restarts.len();
            self.around.verdict.broken(
                rule::RESTART_LIMIT,
                format!("{count} restarts in the last minute, too soon: {soon}"),
            );
            return true;
        }
        member.restarts.push(now);
        false
    }

    /// Ends the session; the member stays in the room.
    pub(super) fn end_session(&mut self, room: &str, nick: &str, sid: &str) {
        self.around.bridge.send(BridgeCommand::Expire { endpoint: nick.into() });
        if let Some(session) = self
            .rooms
            .get_mut(room)
            .and_then(|r| r.members.get_mut(nick))
            .and_then(|m| m.session.as_mut())
            .filter(|s| s.sid == sid)
        {
            session.ended = true;
        }
    }

    pub(super) fn forget_session(&mut self, room: &str, nick: &str) {
        if let Some(member) = self.rooms.get_mut(room).and_then(|r| r.members.get_mut(nick)) {
            member.session = None;
        }
    }

    /// The server is gone: all rooms are, everybody in them, and their places on the bridge.
    pub(super) fn forget_everybody(&mut self) {
        for (_, room) in std::mem::take(&mut self.rooms) {
            for (nick, member) in room.members {
                self.around
                    .participants
                    .update(&nick, |p| p.gone_ns = Some(monotonic_ns()));
                if member.peer {
                    self.around.registry.remove(&nick);
                    self.around.bridge.send(BridgeCommand::PeerLeft { nick });
                } else {
                    // Not as one who has left: what it still sends is no rudeness.
                    self.around.bridge.send(BridgeCommand::Expire { endpoint: nick });
                }
            }
        }
        self.lobbies.clear();
        self.around.participants.set_waiting(Vec::new());
        self.pending.clear();
        self.checks.clear();
    }

    /// Sends a session-terminate, if there is a session.
    pub(super) fn terminate(&mut self, room: &str, nick: &str, reason: &str, text: &str) {
        let sid = self
            .rooms
            .get(room)
            .and_then(|r| r.members.get(nick))
            .and_then(|m| m.session.as_ref())
            .filter(|s| !s.ended)
            .map(|s| s.sid.clone());
        let Some(sid) = sid else { return };
        let (id, from) = (self.new_id(), self.jid());
        self.occupant
            .send(terminate((&from, &escape(room), nick), (&id, &sid), reason, text));
        self.remember(id, room, nick, Asked::Other);
        self.end_session(room, nick, &sid);
        self.forget_session(room, nick);
    }

    /// As jicofo moves participants between bridges: terminate "moving", then a new session-initiate.
    pub(super) async fn move_session(&mut self, room: &str, nick: &str) {
        self.terminate(room, nick, "success", "moving");
        tokio::time::sleep(REINVITE).await;
        self.invite(room, nick).await;
        let sid = self
            .rooms
            .get(room)
            .and_then(|r| r.members.get(nick))
            .and_then(|m| m.session.as_ref())
            .map(|s| s.sid.clone());
        if let Some(sid) = sid {
            let within = self.around.verdict.within(Duration::from_secs(3));
            self.expect(room, nick, within, Expectation::Accepted { sid });
        }
    }

    pub(super) fn expect(&mut self, room: &str, nick: &str, after: Duration, what: Expectation) {
        self.checks.push(Check {
            at: Instant::now() + after,
            room: room.into(),
            nick: nick.into(),
            what,
        });
    }
}
