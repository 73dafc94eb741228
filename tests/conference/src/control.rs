//! What a test does to the conference and to the guest in it.

use std::time::Duration;

use tokio::sync::oneshot;

use crate::Conference;
use crate::bridge::BridgeCommand;
use crate::bridge::link::{Direction, Fault};
use crate::focus::sources::Media;
use crate::focus::{Command, ConferenceReply, Crowd, Impostor, JoinRefusal, LobbyOrder, Moderation, Recording};

impl Conference {
    /// A moderator mutes the guest, as the focus passes it on.
    pub fn mute(&self, media: Media) {
        self.to_guest(|nick| Command::Mute { nick, media });
    }

    /// Somebody who may not mutes the guest: it must not obey.
    pub fn mute_by_impostor(&self, media: Media, impostor: Impostor) {
        self.to_guest(|nick| Command::MuteByImpostor { nick, media, impostor });
    }

    /// A moderator decides who may unmute.
    pub fn moderate(&self, media: Media, what: Moderation) {
        self.to_guest(|nick| Command::Moderate { nick, media, what });
    }

    /// Somebody who is no component says that unmuting is moderated: it must change nothing.
    pub fn moderate_by_impostor(&self, media: Media) {
        self.to_guest(|nick| Command::ModerateByImpostor { nick, media });
    }

    /// The moderators send the guest to a breakout room of this name, or (none) back to the main room `main`.
    pub fn send_to_room(&self, main: &str, side: Option<&str>) {
        let main = self.room_jid(main);
        let side = side.map(str::to_owned);
        self.to_guest(|nick| Command::SendToRoom { nick, main, side });
    }

    /// The focus tells that the meeting is recorded, or not any more.
    pub fn record(&self, room: &str, recording: Recording, on: bool) {
        let room = self.room_jid(room);
        self.ask(Command::Record { room, recording, on });
    }

    /// A peer writes to everybody, or to the guest alone.
    pub fn chat(&self, text: &str, private: bool) {
        let text = text.to_owned();
        self.to_guest(|nick| Command::Chat { nick, private, text });
    }

    /// A peer stops sending (its presence stays).
    pub fn mute_peer(&self, nick: &str, media: Media, muted: bool) {
        self.bridge.send(BridgeCommand::PeerMuted {
            nick: nick.into(),
            media,
            muted,
        });
    }

    /// Puts the guest out of the room.
    pub fn kick(&self, reason: &str) {
        let reason = reason.to_owned();
        self.to_guest(|nick| Command::Kick { nick, reason });
    }

    /// Ends the meeting for all.
    pub fn destroy(&self, reason: &str) {
        self.ask(Command::Destroy { reason: reason.into() });
    }

    /// Sets or clears the password of a room.
    pub fn set_password(&self, room: &str, password: Option<&str>) {
        self.ask(Command::SetPassword {
            room: self.room_jid(room),
            password: password.map(str::to_owned),
        });
    }

    /// Switches the lobby of a room on or off, lets in or turns away who waits there.
    pub fn lobby(&self, room: &str, order: LobbyOrder) {
        let room = self.room_jid(room);
        self.ask(Command::Lobby { room, order });
    }

    /// Refuses the next join of somebody who is no peer.
    pub fn refuse_next_join(&self, room: &str, refusal: JoinRefusal) {
        let room = self.room_jid(room);
        self.ask(Command::RefuseJoin { room, refusal });
    }

    /// Answers the next conference request so; several are answered in their order.
    pub fn answer_next_request(&self, reply: ConferenceReply) {
        self.ask(Command::Reply(reply));
    }

    /// Keep-alive requests by HTTP that were answered so far.
    pub fn keep_alives(&self) -> usize {
        self.front.keep_alives()
    }

    /// From now on another shard answers by HTTP.
    pub fn move_to_shard(&self, name: &str) {
        self.front.set_shard(name);
    }

    /// Moves the guest's session: "moving", then a new session-initiate.
    pub fn move_session(&self) {
        self.to_guest(|nick| Command::Move { nick });
    }

    /// Ends the guest's session as idle; the next arrival (or [`Conference::add_peer`]) brings a new one.
    pub fn expire(&self) {
        self.to_guest(|nick| Command::ExpireSession { nick });
    }

    /// Sends Jingle with an unknown sid and with an unknown action; the client answers with the right errors.
    pub fn probe_errors(&self) {
        self.to_guest(|nick| Command::ProbeErrors { nick });
    }

    /// The focus leaves all rooms and the peers with it; a new conference request brings them back.
    pub fn focus_leaves(&self) {
        self.ask(Command::LeaveRooms);
    }

    /// A peer invites the guest past the focus; it must be declined.
    pub fn invite_directly(&self) {
        self.to_guest(|nick| Command::InviteDirectly { nick });
    }

    /// Makes an endpoint the dominant speaker.
    pub fn set_dominant_speaker(&self, nick: &str) {
        self.bridge.send(BridgeCommand::Dominant { endpoint: nick.into() });
    }

    /// SenderSourceConstraints for all video sources of the guest: short side, 0 nothing, -1 no limit.
    pub fn sender_source_constraints(&self, max_height: i32) {
        self.to_bridge(|endpoint| BridgeCommand::SenderConstraints {
            endpoint,
            source: None,
            max_height,
        });
    }

    /// PLI (or FIR) for a layer of the guest's first video source, 0 is the lowest.
    pub fn request_key_frame(&self, layer: usize, fir: bool) {
        self.to_bridge(|endpoint| BridgeCommand::KeyFrame { endpoint, layer, fir });
    }

    /// Loses and delays datagrams of one direction from now on.
    pub fn fault(&self, direction: Direction, fault: Fault) {
        self.bridge.send(BridgeCommand::Fault { direction, fault });
    }

    /// Loses this fraction of the datagrams of one direction.
    pub fn drop_fraction(&self, direction: Direction, loss: f64) {
        self.fault(
            direction,
            Fault {
                loss,
                ..Fault::default()
            },
        );
    }

    /// The bridge neither hears nor answers the guest any more, or does again.
    pub fn silence(&self, on: bool) {
        self.to_bridge(|endpoint| BridgeCommand::Silence { endpoint, on });
    }

    /// Exchanges the SSRCs of two received sources in mid call (SSRC rewriting).
    pub fn remap_source(&self, source: Option<&str>) {
        let source = source.map(str::to_owned);
        self.to_bridge(|endpoint| BridgeCommand::Remap { endpoint, source });
    }

    /// A peer asks the guest for an e2e-ping-response.
    pub fn end_to_end_ping(&self) {
        self.to_bridge(|endpoint| BridgeCommand::EndToEndPing { endpoint });
    }

    /// Sends a text on the guest's bridge channel as it is.
    pub fn say(&self, text: &str) {
        let text = text.to_owned();
        self.to_bridge(|endpoint| BridgeCommand::Say { endpoint, text });
    }

    /// Cuts the XMPP WebSocket of every client without a word, and refuses new ones for `hold`.
    pub fn cut_websocket(&self, hold: Duration) {
        self.front.cut(hold);
    }

    /// Nothing crosses the front for `hold`, in neither direction; sockets stay open, as when the network is away.
    pub fn freeze_signalling(&self, hold: Duration) {
        self.front.freeze(hold);
    }

    /// The test has taken the clients' network away, or has given it back and they have returned: meanwhile silence breaks
    /// no rule.
    pub fn clients_away(&self, away: bool) {
        self.front.set_client_away(away);
    }

    /// Kills the server, and starts it again after `away`: it knows no stream, room or occupant any more. The room of the
    /// options and its peers are there again soon after.
    pub fn restart_server(&self, away: Duration) {
        let _ = self.restart.send(away);
    }

    /// The next `<resume/>` is refused.
    pub fn refuse_next_resume(&self) {
        self.front.refuse_next_resume();
    }

    /// A new peer in `room`; its nick once it is in.
    pub async fn add_peer(&self, room: &str, name: Option<&str>) -> Option<String> {
        let (reply, nick) = oneshot::channel();
        let command = Command::AddPeer {
            room: self.room_jid(room),
            name: name.map(str::to_owned),
            reply: Some(reply),
        };
        self.ask(command);
        tokio::time::timeout(Duration::from_secs(15), nick).await.ok()?.ok()
    }

    /// Somebody of this name comes to `room` and waits in its lobby; a peer like the others once let in.
    pub fn knock(&self, room: &str, name: &str) {
        self.ask(Command::Knock {
            room: self.room_jid(room),
            name: name.into(),
        });
    }

    /// So many occupants without media; so many times a second one leaves and another comes. They leave when the returned
    /// value is dropped.
    pub async fn crowd(&self, room: &str, count: usize, churn_per_second: u32) -> Option<Crowd> {
        let (reply, crowd) = oneshot::channel();
        self.ask(Command::Crowd {
            room: self.room_jid(room),
            count,
            churn_per_second,
            reply,
        });
        tokio::time::timeout(Duration::from_secs(15), crowd).await.ok()?.ok()
    }

    /// A peer leaves.
    pub fn remove_peer(&self, nick: &str) {
        self.ask(Command::RemovePeer { nick: nick.into() });
    }

    fn ask(&self, command: Command) {
        let _ = self.focus.send(command);
    }

    fn to_guest(&self, command: impl FnOnce(String) -> Command) {
        if let Some(guest) = self.guest() {
            self.ask(command(guest.nick));
        }
    }

    fn to_bridge(&self, command: impl FnOnce(String) -> BridgeCommand) {
        if let Some(guest) = self.guest() {
            self.bridge.send(command(guest.nick));
        }
    }
}
