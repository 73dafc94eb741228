//! The lobby: an ordinary chat room in which the box waits to be let in (`specs/jitsi-client.md §3`). The main room
//! lets in by an invitation, the lobby refuses by a kick, and its end says whether the door is open now.

use std::time::{Duration, Instant};

use minidom::Element;
use room::conference::{ConferenceEvent, WaitReason};
use room::outcome::Outcome;

use super::context::{Context, due};
use super::meeting::{Meeting, Phase};
use crate::muc::{JoinError, MucPresence, UnavailableCause};
use crate::xml::element;
use crate::{jid, ns};

/// For the lobby to let us in or refuse.
const ENTERING: Duration = Duration::from_secs(20);
/// Before the main room is tried again where the lobby did not take us.
const AGAIN: Duration = Duration::from_millis(500);
/// How long somebody who was in the meeting may stand in the lobby; the room's own limit is shorter.
const RETURNING: Duration = Duration::from_secs(24 * 3600);
/// Tries of the lobby that may fail in a row.
const TRIES: u32 = 3;

/// Our place in a lobby.
#[derive(Debug)]
pub(super) struct Lobby {
    /// Bare JID; the node may have the tenant in brackets.
    room: String,
    /// Another one than in the main room: who is let in is somebody else than who asked.
    nick: String,
    /// Until when the lobby has to answer our join; none: it has.
    deadline: Option<Instant>,
}

impl Lobby {
    fn seat(&self) -> String {
        format!("{}/{}", self.room, self.nick)
    }

    /// The presence that leaves it.
    pub fn leave(&self) -> Element {
        let presence = element("presence", ns::CLIENT).attr("to", self.seat().as_str());
        presence.attr("type", "unavailable").build()
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

/// A bare JID with a node, as a lobby has it.
fn is_room(jid: &str) -> bool {
    let node = jid::node(jid).is_some_and(|node| !node.is_empty());
    node && jid::resource(jid).is_none() && !jid::domain(jid).is_empty() && !jid.contains(['/', ' '])
}

impl Meeting {
    /// The room sends us to its lobby.
    pub fn knock(&mut self, room: Option<String>, for_host: bool, cx: &mut Context) {
        let Some(room) = room.filter(|room| is_room(room) && !room.eq_ignore_ascii_case(self.membership.room())) else {
            return self.depart(Outcome::MembersOnly, cx);
        };
        let reason = if for_host { WaitReason::Host } else { WaitReason::Lobby };
        tracing::info!(?reason, "waiting in the lobby");
        self.phase = Phase::InLobby;
        self.entry.waiting = Some(reason);
        if let Some(rejoin) = &mut self.rejoin {
            rejoin.limit = cx.after(RETURNING);
        }
        cx.event(ConferenceEvent::Waiting(reason));
        if self.lobby.as_ref().is_some_and(|lobby| lobby.room == room) {
            return;
        }
        self.leave_lobby();
        self.enter_lobby(room, cx);
    }

    fn enter_lobby(&mut self, room: String, cx: &mut Context) {
        let own = self.membership.me().0;
        let mut nick = cx.hex(8);
        while nick == own {
            nick = cx.hex(8);
        }
        let lobby = Lobby {
            room,
            nick,
            deadline: Some(cx.after(ENTERING)),
        };
        let join = element("presence", ns::CLIENT)
            .attr("to", lobby.seat().as_str())
            .child(element("x", ns::MUC))
            .child(element("nick", ns::NICK).text(self.request.name.as_str()));
        self.lobby = Some(lobby);
        self.send(&join.build());
    }

    /// We are in the main room, or on the way out, and in the lobby no more.
    pub fn leave_lobby(&mut self) {
        if let Some(lobby) = self.lobby.take() {
            self.send(&lobby.leave());
        }
    }

    /// A presence of the lobby; false: it is another room's.
    pub fn lobby_presence(&mut self, presence: &Element, cx: &mut Context) -> bool {
        let from = presence.attr("from").unwrap_or_default();
        let Some(lobby) = self.lobby.as_mut().filter(|lobby| lobby.room == jid::bare(from)) else {
            return false;
        };
        match MucPresence::parse(presence, &lobby.seat()) {
            MucPresence::Available { own: true, .. } => {
                lobby.deadline = None;
                self.entry.lobby = 0;
            }
            MucPresence::Unavailable { own: true, cause, .. } => {
                self.lobby = None;
                self.out_of_lobby(&cause, cx);
            }
            // Once we are in, an error is about something else.
            MucPresence::Error(error) if lobby.deadline.is_some() => {
                let room = lobby.room.clone();
                self.lobby = None;
                self.lobby_refused(room, &error, cx);
            }
            _ => {}
        }
        true
    }

    fn out_of_lobby(&mut self, cause: &UnavailableCause, cx: &mut Context) {
        if self.departure_confirmed(cx) || !matches!(self.phase, Phase::InLobby) {
            return; // let in before, or leaving
        }
        match cause {
            UnavailableCause::Kicked { .. } | UnavailableCause::Removed => self.depart(Outcome::LobbyDenied, cx),
            UnavailableCause::Banned => self.depart(Outcome::Banned, cx),
            // With another room in it the lobby was switched off; without, the meeting itself is over.
            UnavailableCause::Destroyed { alternate: Some(_), .. } => self.ask_focus(cx),
            UnavailableCause::Destroyed { alternate: None, .. } => self.depart(Outcome::MeetingEnded, cx),
            UnavailableCause::Left | UnavailableCause::ServiceEnded | UnavailableCause::NickChanged => {
                self.lobby_failed(cx);
            }
        }
    }

    fn lobby_refused(&mut self, room: String, error: &JoinError, cx: &mut Context) {
        if !matches!(self.phase, Phase::InLobby) {
            return;
        }
        tracing::info!(?error, "the lobby did not take us");
        match error {
            JoinError::Banned => self.depart(Outcome::Banned, cx),
            JoinError::NickConflict if self.entry.lobby < TRIES => {
                self.entry.lobby += 1;
                self.enter_lobby(room, cx);
            }
            _ => self.lobby_failed(cx),
        }
    }

    /// The lobby is gone or does not answer; the main room knows how things are now.
    fn lobby_failed(&mut self, cx: &mut Context) {
        self.entry.lobby += 1;
        if self.entry.lobby >= TRIES && self.rejoin.is_none() {
            return self.depart(Outcome::EntryRefused, cx);
        }
        self.phase = Phase::AskingAgain {
            at: cx.now + cx.jitter(AGAIN),
        };
    }

    /// The main room invites us in.
    pub fn admitted(&mut self, password: Option<String>, cx: &mut Context) {
        if !matches!(self.phase, Phase::InLobby) {
            return;
        }
        tracing::info!("let in from the lobby");
        if password.is_some() {
            self.request.password = password;
        }
        self.extend_rejoin(cx);
        self.ask_focus(cx);
    }

    pub fn tick_lobby(&mut self, cx: &mut Context) {
        let silent = self
            .lobby
            .as_mut()
            .is_some_and(|lobby| due(&mut lobby.deadline, cx.now));
        if silent && matches!(self.phase, Phase::InLobby) {
            self.leave_lobby();
            self.lobby_failed(cx);
        }
    }
}
