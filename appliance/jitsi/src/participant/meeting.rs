//! One meeting, from the wish to join to its end.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use room::conference::{ConferenceCommand, ConferenceEvent, Device, JoinRequest, Muted, ReceiveWish, Sources};
use room::outcome::Outcome;

use super::channel::Channel;
use super::components::Announced;
use super::context::{Context, PerSecond, earliest};
use super::departure::Departure;
use super::entry::Entry;
use super::hall::Hall;
use super::keep_alive::KeepAlive;
use super::lobby::Lobby;
use super::marks::Marks;
use super::membership::Membership;
use super::moderation::Moderation;
use super::quality::Quality;
use super::recovery::{Rejoin, Restarts};
use super::resumption::Resumption;
use super::session::Session;
use super::side_rooms::SideRooms;
use super::{ConnectionId, HttpResponse, Input, NetworkError, Output, SocketEvent};
use crate::config_js::Deployment;
use crate::left_behind::LeftBehind;
use crate::stream::Stream;
use crate::url::RoomUrl;
use media_protocol::IceServer;

/// IQs of ours that may be unanswered at once.
const MAX_PENDING: usize = 64;

/// How far the meeting is.
#[derive(Debug)]
pub(super) enum Phase {
    /// The configuration is being fetched.
    Configuring { request: ConnectionId, deadline: Instant },
    /// The socket is being opened and the stream negotiated.
    Connecting { deadline: Instant },
    /// The focus is asked.
    Requesting,
    /// The focus is asked again at this time.
    AskingAgain { at: Instant },
    /// The join presence is sent.
    Entering { deadline: Instant },
    /// The room waits for a person to type.
    AwaitingPassword,
    /// In the lobby, or on the way into it.
    InLobby,
    /// In the room.
    Joined,
    /// The connection is opened anew at this time.
    Reopening { at: Instant },
    /// On the way out.
    Leaving(Departure),
}

/// What a pending IQ of ours was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// The server's components.
    Features,
    /// TURN servers; `older` version of the protocol.
    Relays { older: bool },
    /// The conference request.
    Conference,
    /// Our session-accept.
    Accept,
    /// Our source-add or source-remove.
    Sources,
    /// Our demand for a new session.
    Restart,
    /// Our wish that the focus lifts its mute of a device.
    Unmute(Device),
    /// Our wish to set (or remove) the room's password.
    Password { protected: bool },
    /// The room's own features.
    Room,
    /// Nothing depends on the answer.
    Nothing,
}

/// The signalling connection.
#[derive(Debug)]
pub(super) struct Signalling {
    pub socket: ConnectionId,
    /// It is open, but nothing may be said yet.
    pub opened: bool,
    /// None until the socket has opened.
    pub stream: Option<Stream>,
    /// A resource is bound.
    pub bound: bool,
}

/// All that is known in one meeting.
pub(super) struct Meeting {
    pub request: JoinRequest,
    pub url: RoomUrl,
    pub deployment: Option<Deployment>,
    pub muted: Muted,
    pub sources: Sources,
    pub phase: Phase,
    pub signalling: Option<Signalling>,
    pub pending: BTreeMap<String, (Purpose, Instant)>,
    pub ice_servers: Vec<IceServer>,
    pub entry: Entry,
    pub announced: Announced,
    pub moderation: Moderation,
    pub side_rooms: SideRooms,
    pub hall: Option<Hall>,
    pub marks: Marks,
    pub messages: PerSecond,
    pub quality: Quality,
    pub membership: Membership,
    pub lobby: Option<Lobby>,
    /// The conference request that is asked by HTTP, and until when.
    pub conference_http: Option<(ConnectionId, Instant)>,
    pub keep_alive: KeepAlive,
    pub session: Option<Session>,
    pub channel: Channel,
    pub wish: Option<ReceiveWish>,
    pub restarts: Restarts,
    /// When the server will not take the token any more.
    pub token_expires: Option<Instant>,
    /// The signalling goes by BOSH.
    pub bosh: bool,
    /// Address of the signalling with the room, without token.
    pub service: String,
    /// What a restarted process would find.
    pub remembered: Option<Box<LeftBehind>>,
    /// Nobody sees us: not yet, or not any more.
    pub gone: bool,
    pub rejoin: Option<Rejoin>,
    /// The stream waits for a socket.
    pub resumption: Option<Resumption>,
    /// Until then silent media are no reason for a new session.
    pub media_grace: Option<Instant>,
    pub outcome: Option<Outcome>,
    /// Devices the meeting has wanted off at our beginning; each is heeded once, before and with the first session.
    pub start_muted: Muted,
    pub had_session: bool,
    /// When we came in; none after coming back.
    pub joined_at: Option<Instant>,
    pub past_sessions: VecDeque<String>,
}

impl Meeting {
    /// The token, whether it came beside the address or in it.
    pub fn token(&self) -> Option<&str> {
        self.request.token.as_deref().or(self.url.token.as_deref())
    }

    /// True when there is a token and its time is over. A token that was too old when we joined says only that our clock
    /// is wrong.
    pub fn token_expired(&self, cx: &Context) -> bool {
        self.token_expires.is_some_and(|at| at <= cx.now)
    }

    /// True once we are in the room and not on the way out.
    pub fn joined(&self) -> bool {
        matches!(self.phase, Phase::Joined)
    }

    /// How it ended, when everything is done.
    pub fn ended(&self) -> Option<Outcome> {
        self.outcome
    }

    /// Ends it at once; [`Meeting::depart`] is the polite way.
    pub fn end(&mut self, outcome: Outcome) {
        self.outcome.get_or_insert(outcome);
    }

    pub fn handle(&mut self, input: Input, cx: &mut Context) {
        match input {
            Input::Command(command) => self.command(command, cx),
            Input::Http { id, result } => self.http_answer(id, result, cx),
            Input::Socket { id, event } => self.socket(id, event, cx),
            Input::Tick => self.tick(cx),
        }
        self.flush(cx);
    }

    fn command(&mut self, command: ConferenceCommand, cx: &mut Context) {
        if matches!(self.phase, Phase::Leaving(_)) {
            return;
        }
        match command {
            ConferenceCommand::Join(_) => tracing::warn!("a join while another meeting goes on is passed over"),
            ConferenceCommand::Password(password) => self.password(password, cx),
            ConferenceCommand::SetMuted(muted) => self.set_muted(muted, cx),
            ConferenceCommand::SetSources(sources) => self.set_sources(sources, cx),
            ConferenceCommand::Receive(wish) => self.receive(wish, cx),
            ConferenceCommand::RaiseHand(up) => self.raise_hand(up, cx),
            ConferenceCommand::SetName(name) => self.set_name(&name),
            ConferenceCommand::Say { to, text } => self.say_in_room(to.as_ref(), &text, cx),
            ConferenceCommand::SetPassword(password) => self.set_room_password(password.as_deref(), cx),
            ConferenceCommand::Admit { who, admitted } => self.admit(&who, admitted, cx),
            ConferenceCommand::Statistics(statistics) => self.statistics(statistics),
            ConferenceCommand::Media(session, event) => self.media(session, event, cx),
            ConferenceCommand::MediaLost => self.media_lost(cx),
            ConferenceCommand::Leave => self.depart(Outcome::Left, cx),
        }
    }

    fn http_answer(&mut self, id: ConnectionId, result: Result<HttpResponse, NetworkError>, cx: &mut Context) {
        if self.conference_http.as_ref().is_some_and(|(request, _)| *request == id) {
            self.conference_http_reply(result, cx);
        } else if self.keep_alive.asked(id) {
            self.shard_answer(result, cx);
        } else {
            self.configuration(id, result, cx);
        }
    }

    fn socket(&mut self, id: ConnectionId, event: SocketEvent, cx: &mut Context) {
        if self
            .signalling
            .as_ref()
            .is_some_and(|signalling| signalling.socket == id)
        {
            self.signalling_event(event, cx);
        } else {
            self.channel_socket(id, event, cx);
        }
    }

    fn tick(&mut self, cx: &mut Context) {
        self.tick_entry(cx);
        self.tick_lobby(cx);
        self.tick_conference_http(cx);
        self.tick_keep_alive(cx);
        self.tick_stream(cx);
        self.tick_resumption(cx);
        self.tick_pending(cx);
        self.tick_session(cx);
        self.tick_channel(cx);
        self.tick_quality(cx);
        self.tick_recovery(cx);
        self.tick_departure(cx);
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        let phase = match &self.phase {
            Phase::Configuring { deadline, .. } | Phase::Connecting { deadline } | Phase::Entering { deadline } => {
                Some(*deadline)
            }
            Phase::AskingAgain { at } | Phase::Reopening { at } => Some(*at),
            Phase::Leaving(departure) => Some(departure.deadline),
            Phase::Requesting | Phase::AwaitingPassword | Phase::InLobby | Phase::Joined => None,
        };
        let stream = self
            .signalling
            .as_ref()
            .and_then(|signalling| signalling.stream.as_ref());
        earliest([
            phase,
            stream.and_then(Stream::next_deadline),
            self.lobby.as_ref().and_then(Lobby::next_deadline),
            self.conference_http.map(|(_, deadline)| deadline),
            self.keep_alive.next_deadline(),
            self.next_resumption(),
            self.next_answer(),
            self.session.as_ref().and_then(Session::next_deadline),
            self.channel.next_deadline(),
            self.quality.next_deadline(),
            self.restarts.next_deadline().filter(|_| !self.suspended()),
            self.rejoin.as_ref().map(|rejoin| rejoin.limit),
        ])
    }

    /// Sends what the stream has to say.
    pub fn flush(&mut self, cx: &mut Context) {
        if let Some(Signalling {
            socket,
            stream: Some(stream),
            ..
        }) = &mut self.signalling
        {
            for text in stream.take_frames() {
                cx.output(Output::SendText { id: *socket, text });
            }
        }
    }

    /// Sends a stanza, if a stream is bound.
    pub fn send(&mut self, stanza: &minidom::Element) {
        if let Some(Signalling {
            stream: Some(stream), ..
        }) = &mut self.signalling
        {
            stream.send(stanza);
        } else if !self.send_later(stanza) {
            tracing::debug!(name = stanza.name(), "not connected: a stanza is not sent");
        }
    }

    /// Remembers what an IQ was for until it is answered or `within` is over.
    pub fn expect(&mut self, id: String, purpose: Purpose, within: std::time::Duration, cx: &Context) {
        if self.pending.len() < MAX_PENDING {
            self.pending.insert(id, (purpose, cx.after(within)));
        }
    }

    /// Tells the room that there is no session any more, once.
    pub fn drop_session(&mut self, cx: &mut Context) {
        self.close_channel(cx);
        if let Some(session) = self.session.take() {
            if self.past_sessions.len() == 8 {
                self.past_sessions.pop_front();
            }
            self.past_sessions.push_back(session.sid().to_owned());
            cx.event(ConferenceEvent::Session(None));
        }
    }

    /// Closes whatever is still open, without ceremony.
    pub fn close_sockets(&mut self, cx: &mut Context) {
        self.drop_session(cx);
        self.flush(cx);
        self.forget_left_behind(cx);
        if let Some(signalling) = self.signalling.take() {
            cx.output(Output::CloseSocket { id: signalling.socket });
        }
    }
}
