//! What tests ask of the focus.

use std::time::Duration;

use tokio::sync::oneshot;

use super::door::{JoinRefusal, LobbyOrder};
use super::request::ConferenceReply;
use super::sources::Media;
use super::{Asked, Crowd, Expectation, Focus, Moderation, Recording};
use crate::bridge::BridgeCommand;
use crate::error::Result;
use crate::peers::{Peer, PeerPlace};
use crate::xml::escape;
use crate::xmpp::ns;

/// Who mutes although it may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Impostor {
    /// Another participant sends what only the focus may send.
    Peer,
    /// The focus sends `false`.
    FocusUnmutes,
}

/// What can be asked.
pub enum Command {
    /// A moderator mutes.
    Mute {
        /// Who.
        nick: String,
        /// What.
        media: Media,
    },
    /// Somebody who may not mutes.
    MuteByImpostor {
        /// Who is to be muted.
        nick: String,
        /// What.
        media: Media,
        /// How.
        impostor: Impostor,
    },
    /// AV moderation.
    Moderate {
        /// Whom it concerns.
        nick: String,
        /// What.
        media: Media,
        /// How.
        what: Moderation,
    },
    /// AV moderation by somebody who may not.
    ModerateByImpostor {
        /// Whom it concerns.
        nick: String,
        /// What.
        media: Media,
    },
    /// Sends to a breakout room, or back.
    SendToRoom {
        /// Whom.
        nick: String,
        /// The main room.
        main: String,
        /// Name of the breakout room; none: the main room.
        side: Option<String>,
    },
    /// The meeting is recorded, or not any more.
    Record {
        /// Which room.
        room: String,
        /// How.
        recording: Recording,
        /// It begins.
        on: bool,
    },
    /// Somebody writes to everybody, or to the client alone.
    Chat {
        /// To whom.
        nick: String,
        /// To the client alone.
        private: bool,
        /// What.
        text: String,
    },
    /// Puts out of the room.
    Kick {
        /// Who.
        nick: String,
        /// In words.
        reason: String,
    },
    /// Ends the room for all.
    Destroy {
        /// In words, "The meeting has been terminated" from `end_conference`.
        reason: String,
    },
    /// Sets or clears the password of the room.
    SetPassword {
        /// Which room.
        room: String,
        /// None clears.
        password: Option<String>,
    },
    /// Moves the lobby of a room.
    Lobby {
        /// Which room.
        room: String,
        /// How.
        order: LobbyOrder,
    },
    /// Refuses the next join of somebody who is no peer.
    RefuseJoin {
        /// Which room.
        room: String,
        /// How.
        refusal: JoinRefusal,
    },
    /// Answers the next conference request so.
    Reply(ConferenceReply),
    /// A conference request by HTTP.
    HttpRequest {
        /// The body.
        body: String,
        /// Of the header `Authorization`.
        bearer: Option<String>,
        /// Status and body of the answer.
        reply: oneshot::Sender<(u16, String)>,
    },
    /// Moves the session to another transport.
    Move {
        /// Whose.
        nick: String,
    },
    /// Ends the session as idle.
    ExpireSession {
        /// Whose.
        nick: String,
    },
    /// A Jingle IQ with an unknown sid and one with an unknown action.
    ProbeErrors {
        /// Whom to probe.
        nick: String,
    },
    /// The focus leaves all rooms, as when it dies.
    LeaveRooms,
    /// A peer invites past the focus.
    InviteDirectly {
        /// Whom.
        nick: String,
    },
    /// A new peer.
    AddPeer {
        /// Where.
        room: String,
        /// Name, else the next of the list.
        name: Option<String>,
        /// Its nick.
        reply: Option<oneshot::Sender<String>>,
    },
    /// A new peer that has to knock at the lobby.
    Knock {
        /// Where.
        room: String,
        /// Name.
        name: String,
    },
    /// A peer that has connected, from its own task.
    PeerReady {
        /// Where.
        room: String,
        /// The peer.
        peer: Box<Peer>,
        /// Its nick.
        reply: Option<oneshot::Sender<String>>,
    },
    /// Many occupants without media, coming and going.
    Crowd {
        /// Where.
        room: String,
        /// How many at a time.
        count: usize,
        /// How many come, and how many go, in a second.
        churn_per_second: u32,
        /// What holds them there.
        reply: oneshot::Sender<Crowd>,
    },
    /// A peer leaves.
    RemovePeer {
        /// Which.
        nick: String,
    },
    /// The server has died, and everybody with it.
    ServerGone,
    /// It runs again.
    ServerBack,
    /// The end.
    Stop,
}

impl Focus {
    pub(super) async fn command(&mut self, command: Command) {
        match command {
            Command::Mute { nick, media } => {
                if let Some(room) = self.room_of(&nick) {
                    let actor = self
                        .rooms
                        .get(&room)
                        .and_then(|r| r.moderator.clone())
                        .unwrap_or_default();
                    self.mute(&room, &nick, media, &actor);
                }
            }
            Command::MuteByImpostor { nick, media, impostor } => self.mute_by_impostor(&nick, media, impostor),
            Command::Moderate { nick, media, what } => self.moderate(&nick, media, what),
            Command::ModerateByImpostor { nick, media } => self.moderate_as_impostor(&nick, media),
            Command::SendToRoom { nick, main, side } => self.send_to_room(&nick, &main, side.as_deref()),
            Command::Record { room, recording, on } => self.record(&room, recording, on),
            Command::Chat { nick, private, text } => {
                let room = self.room_of(&nick).unwrap_or_default();
                if let Some(peer) = self.rooms.get(&room).and_then(|entry| entry.peers.values().next()) {
                    peer.chat(&room, Some(nick.as_str()).filter(|_| private), &text);
                }
            }
            Command::Kick { nick, reason } => self.kick(&nick, &reason),
            Command::Destroy { reason } => self.destroy(&reason),
            Command::SetPassword { room, password } => {
                if let Some(entry) = self.rooms.get_mut(&room) {
                    entry.password.clone_from(&password);
                    self.configure(&room);
                }
                self.around.options.password = password;
            }
            Command::Lobby { room, order } => self.lobby_order(&room, order),
            Command::RefuseJoin { room, refusal } => self.refuse_join(&room, refusal),
            Command::Reply(reply) => self.scripted.push_back(reply),
            Command::HttpRequest { body, bearer, reply } => self.http_request(&body, bearer.as_deref(), reply),
            Command::Move { nick } => {
                if let Some(room) = self.room_of(&nick) {
                    self.move_session(&room, &nick).await;
                }
            }
            Command::ExpireSession { nick } => {
                if let Some(room) = self.room_of(&nick) {
                    self.terminate(&room, &nick, "expired", "Idle session timeout");
                }
            }
            Command::ProbeErrors { nick } => self.probe_errors(&nick),
            Command::LeaveRooms => {
                let from = self.jid();
                for room in self.rooms.keys() {
                    let room = escape(room);
                    self.occupant.send(format!(
                        "<presence from='{from}' to='{room}/focus' type='unavailable'/>"
                    ));
                }
            }
            Command::InviteDirectly { nick } => {
                let sid = super::random_hex(10);
                let room = self.room_of(&nick);
                let peer = room
                    .as_ref()
                    .and_then(|r| self.rooms.get(r))
                    .and_then(|r| r.peers.values().next());
                if let (Some(room), Some(peer)) = (&room, peer) {
                    let declined = peer.invite_directly(&nick, &sid);
                    self.expect(
                        room,
                        &nick,
                        Duration::from_secs(3),
                        Expectation::Declined { sid, declined },
                    );
                }
            }
            Command::Crowd {
                room,
                count,
                churn_per_second,
                reply,
            } => drop(reply.send(self.crowd(&room, count, churn_per_second))),
            Command::AddPeer { room, name, reply } => self.add_peer(&room, name, reply),
            Command::Knock { room, name } => self.knock(&room, name),
            Command::PeerReady { room, peer, reply } => {
                let nick = peer.nick.clone();
                if let Some(entry) = self.rooms.get_mut(&room) {
                    entry.peers.insert(nick.clone(), *peer);
                }
                if let Some(reply) = reply {
                    let _ = reply.send(nick);
                }
            }
            Command::RemovePeer { nick } => {
                for room in self.rooms.values_mut() {
                    room.peers.remove(&nick);
                }
            }
            Command::ServerGone | Command::ServerBack | Command::Stop => {}
        }
    }

    /// Mutes as the focus does for a moderator; the bridge is force-muted too.
    pub(super) fn mute(&mut self, room: &str, nick: &str, media: Media, actor: &str) {
        let already = self.rooms.get(room).and_then(|r| r.members.get(nick)).is_some_and(|m| {
            if media == Media::Audio {
                m.audio_muted
            } else {
                m.video_muted
            }
        });
        self.send_mute(room, nick, media, actor, "true");
        if !already {
            let within = self.around.verdict.within(Duration::from_secs(2));
            self.expect(room, nick, within, Expectation::Muted { media });
            self.around.bridge.send(BridgeCommand::ForceMute {
                endpoint: nick.into(),
                media,
                on: true,
            });
        }
    }

    fn send_mute(&mut self, room: &str, nick: &str, media: Media, actor: &str, value: &str) {
        let space = if media == Media::Audio {
            ns::MUTE_AUDIO
        } else {
            ns::MUTE_VIDEO
        };
        let (id, from) = (self.new_id(), self.jid());
        self.occupant.send(format!(
            "<iq from='{from}' to='{room}/{nick}' type='set' id='{id}'><mute xmlns='{space}' actor='{room}/{actor}'>{value}</mute></iq>",
            room = escape(room),
        ));
        self.remember(id, room, nick, Asked::Other);
    }

    fn mute_by_impostor(&mut self, nick: &str, media: Media, impostor: Impostor) {
        let Some(room) = self.room_of(nick) else { return };
        let Some(entry) = self.rooms.get(&room) else { return };
        let Some(member) = entry.members.get(nick) else { return };
        let muted = if media == Media::Audio {
            member.audio_muted
        } else {
            member.video_muted
        };
        match impostor {
            Impostor::Peer => {
                if let Some(peer) = entry.peers.values().next() {
                    peer.mute_other(&room, nick, media);
                }
            }
            Impostor::FocusUnmutes => self.send_mute(&room, nick, media, "nobody", "false"),
        }
        self.expect(
            &room,
            nick,
            Duration::from_secs(2),
            Expectation::StillAsBefore { media, muted },
        );
    }

    fn kick(&mut self, nick: &str, reason: &str) {
        let Some(room) = self.room_of(nick) else { return };
        if let Some(entry) = self.rooms.get_mut(&room)
            && let Some(member) = entry.members.get(nick)
        {
            entry.kicked.push(crate::xmpp::bare(&member.jid).to_owned());
        }
        let (id, from) = (self.new_id(), self.jid());
        self.occupant.send(format!(
            "<iq from='{from}' to='{room}' type='set' id='{id}'><query xmlns='{}'><item nick='{nick}' role='none'><reason>{}</reason></item></query></iq>",
            ns::MUC_ADMIN,
            escape(reason),
            room = escape(&room),
        ));
        self.remember(id, &room, "", Asked::Other);
    }

    fn destroy(&mut self, reason: &str) {
        let rooms: Vec<String> = self.rooms.keys().cloned().collect();
        for room in rooms {
            let (id, from) = (self.new_id(), self.jid());
            self.occupant.send(format!(
                "<iq from='{from}' to='{}' type='set' id='{id}'><query xmlns='{}'><destroy><reason>{}</reason></destroy></query></iq>",
                escape(&room),
                ns::MUC_OWNER,
                escape(reason),
            ));
            self.remember(id, &room, "", Asked::Other);
        }
    }

    fn probe_errors(&mut self, nick: &str) {
        let Some(room) = self.room_of(nick) else { return };
        let sid = self
            .rooms
            .get(&room)
            .and_then(|r| r.members.get(nick))
            .and_then(|m| m.session.as_ref())
            .map(|s| s.sid.clone())
            .unwrap_or_default();
        for (action, sid, condition) in [
            ("source-add", "stale-sid", "item-not-found"),
            ("make-coffee", sid.as_str(), "bad-request"),
        ] {
            let (id, from) = (self.new_id(), self.jid());
            self.occupant.send(format!(
                "<iq from='{from}' to='{}/{nick}' type='set' id='{id}'><jingle xmlns='{}' action='{action}' sid='{sid}' initiator='{}/focus'/></iq>",
                escape(&room),
                ns::JINGLE,
                escape(&room),
            ));
            self.remember(id, &room, nick, Asked::Error { condition });
        }
    }

    pub(super) fn add_peer(&mut self, room: &str, name: Option<String>, reply: Option<oneshot::Sender<String>>) {
        let Some(place) = self.place_of_next_peer(room, name) else {
            return;
        };
        self.await_peer(room, Peer::join(place), reply);
    }

    /// Somebody comes who has to wait in the lobby like a stranger, and is a peer once let in.
    fn knock(&mut self, room: &str, name: String) {
        if let Some(place) = self.place_of_next_peer(room, Some(name)) {
            self.await_peer(room, Peer::knock(place), None);
        }
    }

    fn place_of_next_peer(&mut self, room: &str, name: Option<String>) -> Option<PeerPlace> {
        let entry = self.rooms.get_mut(room)?;
        let index = entry.peers_named;
        entry.peers_named += 1;
        Some(PeerPlace {
            http: self.around.http,
            hosts: self.around.hosts.clone(),
            room: room.to_owned(),
            password: entry.password.clone(),
            name: name.unwrap_or_else(|| self.around.options.peer_name(index)),
            index,
            codecs: self.around.options.peer_codecs.clone(),
            registry: self.around.registry.clone(),
        })
    }

    fn await_peer(
        &self,
        room: &str,
        peer: impl Future<Output = Result<Peer>> + Send + 'static,
        reply: Option<oneshot::Sender<String>>,
    ) {
        let commands = self.commands.clone();
        let room = room.to_owned();
        tokio::spawn(async move {
            match peer.await {
                Ok(peer) => drop(commands.send(Command::PeerReady {
                    room,
                    peer: Box::new(peer),
                    reply,
                })),
                Err(error) => tracing::warn!(%error, "peer does not come in"),
            }
        });
    }
}
