//! The door of the room: a lobby that moderators move, and refusals in the order of a script. `mod_door.lua` stands in
//! the room; here is who gives it orders, and who sits in the lobby.

use std::collections::BTreeMap;
use std::time::Duration;

use minidom::Element;

use super::{Asked, Expectation, Focus};
use crate::participants::Waiting;
use crate::verdict::rule;
use crate::xml::{self, escape};
use crate::xmpp::{bare, node, ns, resource};

const DOOR: &str = "urn:x-hemicycle:door";

/// What kind of lobby.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lobby {
    /// A moderator lets in.
    Moderated,
    /// It ends when the host comes.
    Host,
}

/// What is done with a lobby.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LobbyOrder {
    /// It is switched on; whoever is in stays in.
    On(Lobby),
    /// It is switched off: destroyed with the room's address in it.
    Off,
    /// The meeting is over: destroyed without.
    Over,
    /// Whoever waits is let in.
    Admit,
    /// Whoever waits is turned away.
    Deny,
}

/// A refusal of the room (`specs/jitsi-client.md §3`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinRefusal {
    /// No place is left.
    Full,
    /// The focus has not created it.
    CreationRestricted,
    /// The same in newer words.
    DoesNotExist,
    /// A name is wanted.
    DisplayNameRequired,
    /// Members only, and no lobby.
    MembersOnly,
    /// Guests must log in.
    AuthenticationRequired,
    /// Nobody but visitors is in.
    NoMainParticipants,
    /// Visitors may not become participants.
    PromotionNotAllowed,
    /// Visitors have no lobby.
    NoVisitorsLobby,
    /// Banned.
    Banned,
    /// The nick is taken.
    NickConflict,
    /// Words of the server.
    InvalidResource,
}

impl JoinRefusal {
    fn error(self) -> String {
        let (kind, condition, more) = match self {
            Self::Full => ("wait", "service-unavailable", String::new()),
            Self::CreationRestricted => ("cancel", "not-allowed", text("Room creation is restricted")),
            Self::DoesNotExist => ("cancel", "not-allowed", of("room-does-not-exist", ns::JITMEET)),
            Self::DisplayNameRequired => ("modify", "not-acceptable", of("displayname-required", ns::JITMEET)),
            Self::MembersOnly => ("auth", "registration-required", String::new()),
            Self::AuthenticationRequired => ("cancel", "not-allowed", of("authentication-required", ns::JITMEET)),
            Self::NoMainParticipants => ("cancel", "not-allowed", of("no-main-participants", ns::VISITORS)),
            Self::PromotionNotAllowed => ("cancel", "not-allowed", of("promotion-not-allowed", ns::VISITORS)),
            Self::NoVisitorsLobby => ("cancel", "not-allowed", of("no-visitors-lobby", ns::VISITORS)),
            Self::Banned => ("auth", "forbidden", String::new()),
            Self::NickConflict => ("cancel", "conflict", String::new()),
            Self::InvalidResource => ("modify", "not-allowed", text("Invalid resource")),
        };
        format!(
            "<error type='{kind}'><{condition} xmlns='{}'/>{more}</error>",
            ns::STANZAS
        )
    }
}

fn of(name: &str, namespace: &str) -> String {
    format!("<{name} xmlns='{namespace}'/>")
}

fn text(words: &str) -> String {
    format!("<text xmlns='{}'>{words}</text>", ns::STANZAS)
}

/// A lobby the focus is in, or enters.
pub struct LobbyRoom {
    /// Which room it is before.
    room: String,
    kind: Lobby,
    /// Real JIDs of those in it, by nick.
    inside: BTreeMap<String, String>,
}

impl Focus {
    /// Gives an order to the door of a room.
    fn tell_door(&mut self, room: &str, order: &str) {
        let from = self.jid();
        self.occupant.send(format!(
            "<message from='{from}' to='{}'><door xmlns='{DOOR}'>{order}</door></message>",
            escape(room)
        ));
    }

    /// The next join of somebody who is no peer is refused.
    pub(super) fn refuse_join(&mut self, room: &str, refusal: JoinRefusal) {
        self.tell_door(room, &format!("<refuse>{}</refuse>", refusal.error()));
    }

    fn lobby_of(&self, room: &str) -> String {
        format!("{}@{}", node(room), self.around.hosts.lobby())
    }

    /// Before a room is open for the first time: what the options say about its door. True: it is not ready yet.
    pub(super) fn prepare_door(&mut self, room: &str) -> bool {
        for refusal in std::mem::take(&mut self.around.options.join_refusals) {
            self.refuse_join(room, refusal);
        }
        let lobby = self.lobby_of(room);
        match self.around.options.lobby {
            Some(kind) if !self.lobbies.contains_key(&lobby) => {
                self.lobby_order(room, LobbyOrder::On(kind));
                true
            }
            _ => false,
        }
    }

    pub(super) fn lobby_order(&mut self, room: &str, order: LobbyOrder) {
        let (lobby, from) = (self.lobby_of(room), self.jid());
        let there: Vec<(String, String)> = self
            .lobbies
            .get(&lobby)
            .map(|lobby| lobby.inside.clone().into_iter().collect())
            .unwrap_or_default();
        match order {
            LobbyOrder::On(kind) => {
                let entry = LobbyRoom {
                    room: room.to_owned(),
                    kind,
                    inside: BTreeMap::new(),
                };
                self.lobbies.insert(lobby.clone(), entry);
                self.occupant.send(format!(
                    "<presence from='{from}' to='{}/focus'><x xmlns='{}'/></presence>",
                    escape(&lobby),
                    ns::MUC
                ));
            }
            LobbyOrder::Off | LobbyOrder::Over => {
                self.tell_door(room, "<lobby/>");
                let to = if order == LobbyOrder::Off {
                    format!(" jid='{}'", escape(room))
                } else {
                    String::new()
                };
                let id = self.new_id();
                self.occupant.send(format!(
                    "<iq from='{from}' to='{}' type='set' id='{id}'><query xmlns='{}'><destroy{to}><reason>Lobby room closed.\
                     </reason></destroy></query></iq>",
                    escape(&lobby),
                    ns::MUC_OWNER
                ));
                self.remember(id, room, "", Asked::Other);
            }
            LobbyOrder::Admit => {
                for (_, who) in there {
                    self.tell_door(room, &format!("<admit jid='{}'/>", escape(&who)));
                }
            }
            LobbyOrder::Deny => {
                for (nick, _) in there {
                    let id = self.new_id();
                    self.occupant.send(format!(
                        "<iq from='{from}' to='{}' type='set' id='{id}'><query xmlns='{}'><item nick='{}' role='none'>\
                         <reason>You have been kicked.</reason></item></query></iq>",
                        escape(&lobby),
                        ns::MUC_ADMIN,
                        escape(&nick)
                    ));
                    self.remember(id, room, "", Asked::Other);
                }
            }
        }
    }

    /// A presence of a lobby.
    pub(super) fn lobby_presence(&mut self, stanza: &Element, kind: Option<&str>, lobby: &str, nick: &str) {
        let Some(entry) = self.lobbies.get_mut(lobby) else {
            return;
        };
        let room = entry.room.clone();
        match (nick, kind) {
            ("focus", None) => {
                let host = entry.kind == Lobby::Host;
                self.open_the_lobby_to_the_moderator(&room);
                self.tell_door(&room, &format!("<lobby jid='{}' host='{host}'/>", escape(lobby)));
                self.room_ready(&room);
            }
            ("focus", Some(kind)) => {
                if kind == "error" {
                    tracing::error!(stanza = xml::write(stanza), "the focus cannot enter the lobby");
                }
                self.lobbies.remove(lobby);
                self.around.participants.set_waiting(Vec::new());
                return;
            }
            (_, None) => {
                let item = stanza
                    .get_child("x", ns::MUC_USER)
                    .and_then(|x| x.get_child("item", ns::MUC_USER));
                if item.and_then(|item| item.attr("affiliation")) == Some("owner") {
                    // A moderator, who looks who waits.
                    return;
                }
                let jid = item.and_then(|item| item.attr("jid")).unwrap_or_default().to_owned();
                self.check_knock(stanza, nick, &jid);
                if let Some(entry) = self.lobbies.get_mut(lobby) {
                    entry.inside.insert(nick.to_owned(), jid);
                }
            }
            (_, Some("unavailable")) => drop(entry.inside.remove(nick)),
            _ => {}
        }
        self.tell_waiting();
    }

    /// Whoever owns the room owns its lobby, so that it sees who waits and can turn them away.
    pub(super) fn open_the_lobby_to_the_moderator(&mut self, room: &str) {
        let lobby = self.lobby_of(room);
        let moderator = self.rooms.get(room).and_then(|entry| {
            let nick = entry.moderator.as_ref()?;
            entry.members.get(nick).map(|member| member.jid.clone())
        });
        if let Some(jid) = moderator.filter(|_| self.lobbies.contains_key(&lobby)) {
            self.make_owner(&lobby, &jid);
        }
    }

    fn tell_waiting(&self) {
        let waiting = self.lobbies.values().flat_map(|lobby| {
            let room = &lobby.room;
            lobby.inside.keys().map(move |nick| Waiting {
                nick: nick.clone(),
                room: room.clone(),
            })
        });
        self.around.participants.set_waiting(waiting.collect());
    }

    fn check_knock(&self, presence: &Element, nick: &str, jid: &str) {
        let verdict = &self.around.verdict;
        if node(jid).starts_with(nick) {
            verdict.broken(
                rule::LOBBY,
                format!("{nick} waits in the lobby under the nick of the room"),
            );
        }
        let name = presence
            .get_child("nick", "http://jabber.org/protocol/nick")
            .map(Element::text);
        if name.is_none_or(|name| name.trim().is_empty()) {
            verdict.broken(rule::LOBBY, "nobody can tell who waits in the lobby: no name");
        }
    }

    /// Somebody is in the room: three seconds later nobody of that name stands in the lobby any more.
    pub(super) fn expect_to_leave_the_lobby(&mut self, room: &str, nick: &str, jid: &str) {
        let waits = self.in_a_lobby(jid);
        if waits {
            let what = Expectation::LeftLobby { jid: jid.to_owned() };
            self.expect(room, nick, Duration::from_secs(3), what);
        }
    }

    /// Whether this real JID stands in a lobby.
    pub(super) fn in_a_lobby(&self, jid: &str) -> bool {
        let same = |other: &String| bare(other) == bare(jid) && resource(other) == resource(jid);
        self.lobbies.values().any(|lobby| lobby.inside.values().any(same))
    }
}
