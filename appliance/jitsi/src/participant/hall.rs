//! The lobby as a moderator sees it: who waits there, and who is let in (`specs/jitsi-client.md §3`); and the room's
//! password, which a moderator can set.

use minidom::Element;
use room::conference::{ConferenceEvent, Knocker, ParticipantId};

use super::answers::ANSWER;
use super::context::Context;
use super::meeting::{Meeting, Purpose};
use crate::discovery::{Component, ServerInfo, disco_info_query};
use crate::muc::{MucPresence, Occupant, Role, admit, password_form, turn_away};
use crate::xml::element;
use crate::{jid, ns};

/// People who wait that are kept.
const MAX_WAITING: usize = 50;
/// Longest password that is set, in characters.
const MAX_PASSWORD: usize = 128;

/// Our place in the lobby as a moderator.
#[derive(Debug)]
pub(super) struct Hall {
    room: String,
    nick: String,
    waiting: Vec<Occupant>,
}

impl Hall {
    fn knockers(&self) -> Vec<Knocker> {
        let knocker = |occupant: &Occupant| Knocker {
            id: ParticipantId(occupant.id.clone()),
            name: occupant.name.clone(),
        };
        self.waiting.iter().map(knocker).collect()
    }

    fn seat(&self) -> String {
        format!("{}/{}", self.room, self.nick)
    }
}

impl Meeting {
    /// Asks the room for its settings: whether it has a lobby.
    pub fn ask_room(&mut self, cx: &mut Context) {
        if !self.joined() || !self.moderation.is_moderator() {
            return self.leave_hall(cx);
        }
        let id = cx.iq_id();
        let query = disco_info_query(self.membership.room(), &id);
        self.send(&query);
        self.expect(id, Purpose::Room, ANSWER, cx);
    }

    /// The room has told its settings: a moderator waits at the lobby's other door, as long as there is one.
    pub fn room_info(&mut self, answer: Option<&Element>, cx: &mut Context) {
        let Some(info) = answer.and_then(ServerInfo::parse_iq) else {
            return;
        };
        let lobby = info
            .fields
            .get("muc#roominfo_lobbyroom")
            .filter(|_| info.members_only());
        let components = self.components();
        let here = components.address(Component::Lobby);
        let lobby = lobby.filter(|lobby| here == Some(jid::domain(lobby)) && jid::resource(lobby).is_none());
        match lobby {
            Some(lobby) if self.joined() && self.moderation.is_moderator() => self.enter_hall(lobby, cx),
            _ => self.leave_hall(cx),
        }
    }

    fn enter_hall(&mut self, room: &str, cx: &mut Context) {
        if self.hall.as_ref().is_some_and(|hall| hall.room == room) {
            return;
        }
        self.leave_hall(cx);
        let hall = Hall {
            room: room.to_owned(),
            nick: cx.hex(8),
            waiting: Vec::new(),
        };
        let join = element("presence", ns::CLIENT)
            .attr("to", hall.seat())
            .child(element("x", ns::MUC));
        self.hall = Some(hall);
        self.send(&join.build());
    }

    /// We are no moderator any more, or on the way out.
    pub fn leave_hall(&mut self, cx: &mut Context) {
        if let Some(hall) = self.hall.take() {
            let leave = element("presence", ns::CLIENT)
                .attr("to", hall.seat())
                .attr("type", "unavailable");
            self.send(&leave.build());
            if !hall.waiting.is_empty() {
                cx.event(ConferenceEvent::Knocking(Vec::new()));
            }
        }
    }

    /// A presence of the lobby whose door we keep; false: it is another room's.
    pub fn hall_presence(&mut self, presence: &Element, cx: &mut Context) -> bool {
        let from = presence.attr("from").unwrap_or_default();
        let Some(hall) = self.hall.as_mut().filter(|hall| hall.room == jid::bare(from)) else {
            return false;
        };
        let before = hall.knockers();
        let mut gone = false;
        match MucPresence::parse(presence, &hall.seat()) {
            MucPresence::Available { own: true, .. } | MucPresence::Ignored => {}
            MucPresence::Available { occupant, .. } => {
                let waits = occupant.role != Role::Moderator;
                hall.waiting.retain(|known| known.id != occupant.id);
                if waits && hall.waiting.len() < MAX_WAITING {
                    hall.waiting.push(*occupant);
                }
            }
            MucPresence::Unavailable { own: true, .. } | MucPresence::Error(_) => {
                hall.waiting.clear();
                gone = true;
            }
            MucPresence::Unavailable { id, .. } => hall.waiting.retain(|known| known.id != id),
        }
        let now = hall.knockers();
        if gone {
            self.hall = None;
        }
        if now != before {
            cx.event(ConferenceEvent::Knocking(now));
        }
        true
    }

    /// Lets somebody in who waits, or turns them away.
    pub fn admit(&mut self, who: &ParticipantId, admitted: bool, cx: &mut Context) {
        let Some(hall) = &self.hall else { return };
        let Some(occupant) = hall.waiting.iter().find(|waiting| waiting.id == who.0) else {
            return;
        };
        let id = cx.iq_id();
        if !admitted {
            let request = turn_away(&hall.room, &id, &occupant.id);
            self.send(&request);
            self.expect(id, Purpose::Nothing, ANSWER, cx);
        } else if let Some(real) = &occupant.jid {
            let invitation = admit(self.membership.room(), &id, real);
            self.send(&invitation);
        } else {
            tracing::warn!("somebody who waits has no address to be let in by");
        }
    }

    /// Sets the room's password, or removes it.
    pub fn set_room_password(&mut self, password: Option<&str>, cx: &mut Context) {
        let password: Option<String> = password
            .map(|password| password.chars().take(MAX_PASSWORD).collect())
            .filter(|password: &String| !password.is_empty());
        if !self.joined() || !self.moderation.is_moderator() {
            return cx.event(ConferenceEvent::PasswordSet { protected: None });
        }
        let id = cx.iq_id();
        let form = password_form(self.membership.room(), &id, password.as_deref());
        self.send(&form);
        let protected = password.is_some();
        // Whoever must come back needs it too.
        self.request.password = password.or(self.request.password.take());
        self.expect(id, Purpose::Password { protected }, ANSWER, cx);
    }
}
