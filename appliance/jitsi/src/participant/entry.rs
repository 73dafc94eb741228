//! The way in: address, configuration, connection, conference request, room (`specs/jitsi-client.md §1`–`§3`).

use std::time::Duration;

use minidom::Element;
use room::conference::{ConferenceEvent, JoinRequest, JoinStep, ReceiveWish, WaitReason};
use room::outcome::Outcome;

use super::context::{Context, backoff};
use super::meeting::{Meeting, Phase, Purpose, Signalling};
use super::recovery::Loss;
use super::{ConnectionId, HttpResponse, NetworkError, Output, SocketEvent};
use crate::conference_request::{ConferenceRequest, Ready, Reply};
use crate::config_js::Deployment;
use crate::discovery::{OwnFeatures, disco_info_query, services_query};
use crate::muc::{JoinError, OwnPresence, nick};
use crate::stanza::StanzaError;
use crate::stream::{Stream, StreamEvent};
use crate::url::{RoomUrl, encode};
use crate::xml::element;
use crate::{jid, ns};

/// For the configuration file; the driver's own limit is shorter.
const CONFIGURATION: Duration = Duration::from_secs(15);
/// From the start of the connection to the bound stream; driver and stream have shorter limits of their own.
const CONNECTING: Duration = Duration::from_secs(30);
/// For the answer to an IQ.
const ANSWER: Duration = Duration::from_secs(15);
/// For the room to let us in or refuse: the server parks us until the focus is in.
const ENTERING: Duration = Duration::from_secs(20);
/// Between two requests while the room is not open.
const NOT_OPEN: Duration = Duration::from_secs(5);
/// First and longest wait while the focus is not ready.
const NOT_READY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(120));
/// Before the room is tried again that the focus had not opened yet.
const CREATION: Duration = Duration::from_millis(500);
/// Tries of each kind that may fail in a row.
const TRIES: u32 = 3;
/// Requests in a row that the focus may leave without a usable answer.
const REQUESTS: u32 = 5;

/// What the way in remembers.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// Given by the focus, sent with later requests.
    pub session_id: Option<String>,
    /// Requests answered by "not ready", in a row.
    not_ready: u32,
    /// Requests without a usable answer, in a row.
    unanswered: u32,
    /// Session ids refused, in a row.
    session_invalid: u32,
    /// Joins refused because the room was not created, in a row.
    creation: u32,
    /// Joins refused because of our nick, in a row.
    nick: u32,
    /// Joins without any answer, in a row.
    silent: u32,
    /// Connections lost before we were in, in a row.
    pub lost: u32,
    /// What the room was last told to wait for.
    waiting: Option<WaitReason>,
}

impl Meeting {
    /// Starts to join.
    pub fn begin(request: JoinRequest, cx: &mut Context) -> Result<Self, Outcome> {
        let url = RoomUrl::parse(&request.url).map_err(|reason| {
            tracing::info!(%reason, "not the address of a room");
            Outcome::WrongUrl
        })?;
        cx.event(ConferenceEvent::Progress(JoinStep::Configuration));
        let id = cx.connection();
        cx.output(Output::HttpGet {
            id,
            url: url.config_url(),
        });
        Ok(Self {
            muted: request.muted,
            request,
            url,
            deployment: None,
            phase: Phase::Configuring {
                request: id,
                deadline: cx.after(CONFIGURATION),
            },
            signalling: None,
            pending: Default::default(),
            ice_servers: Vec::new(),
            entry: Entry::default(),
            membership: Default::default(),
            session: None,
            channel: Default::default(),
            wish: None::<ReceiveWish>,
            restarts: Default::default(),
            rejoin: None,
            outcome: None,
            started: false,
            past_sessions: Default::default(),
        })
    }

    /// The configuration has come, or not.
    pub fn configuration(&mut self, id: ConnectionId, result: Result<HttpResponse, NetworkError>, cx: &mut Context) {
        if !matches!(self.phase, Phase::Configuring { request, .. } if request == id) {
            return;
        }
        let source = match result {
            Ok(response) if response.status == 200 => response.body,
            Ok(response) => {
                tracing::info!(status = response.status, "no configuration; the usual names are tried");
                String::new()
            }
            Err(NetworkError::Unreachable(cause)) => {
                tracing::info!(cause, "the host cannot be reached");
                return self.end(Outcome::HostUnreachable);
            }
            Err(NetworkError::Certificate(cause)) => {
                tracing::info!(cause, "the certificate is not trusted");
                return self.end(Outcome::CertificateRefused);
            }
            Err(error) => {
                tracing::info!(%error, "no configuration");
                return self.end(Outcome::NotAConference);
            }
        };
        self.deployment = Some(Deployment::read(&source, &self.url));
        self.connect(cx);
    }

    /// Opens the signalling connection.
    pub fn connect(&mut self, cx: &mut Context) {
        let Some(deployment) = &self.deployment else { return };
        let separator = if deployment.websocket.contains('?') { '&' } else { '?' };
        let mut url = format!("{}{separator}room={}", deployment.websocket, encode(&self.url.room));
        if let Some(token) = self.token() {
            url.push_str("&token=");
            url.push_str(&encode(token));
        }
        let socket = cx.connection();
        self.signalling = Some(Signalling {
            socket,
            stream: None,
            bound: false,
        });
        self.pending.clear();
        self.phase = Phase::Connecting {
            deadline: cx.after(CONNECTING),
        };
        self.progress(JoinStep::Connecting, cx);
        cx.output(Output::OpenSocket {
            id: socket,
            url,
            protocol: Some("xmpp"),
        });
    }

    fn progress(&self, step: JoinStep, cx: &mut Context) {
        if self.rejoin.is_none() {
            cx.event(ConferenceEvent::Progress(step));
        }
    }

    /// Something about the signalling socket.
    pub fn signalling_event(&mut self, event: SocketEvent, cx: &mut Context) {
        match event {
            SocketEvent::Opened => {
                let has_token = self.token().is_some();
                let Some(deployment) = &self.deployment else { return };
                // Guests have a domain of their own in some deployments; a token is for the main one.
                let guests = deployment.anonymous_domain.as_ref().filter(|_| !has_token);
                let domain = guests.unwrap_or(&deployment.domain).clone();
                if let Some(signalling) = &mut self.signalling
                    && signalling.stream.is_none()
                {
                    signalling.stream = Some(Stream::open(domain, has_token, cx.now));
                }
            }
            SocketEvent::Text(text) => {
                let Some(Signalling {
                    stream: Some(stream), ..
                }) = &mut self.signalling
                else {
                    return;
                };
                let events = stream.receive(&text, cx.now);
                self.stream_events(events, cx);
            }
            SocketEvent::Closed { .. } => {
                self.signalling = None;
                self.lost(Loss::Closed, cx);
            }
            SocketEvent::Failed(error) => {
                self.signalling = None;
                self.lost(Loss::Network(error), cx);
            }
        }
    }

    /// What the stream says.
    pub fn stream_events(&mut self, events: Vec<StreamEvent>, cx: &mut Context) {
        for event in events {
            match event {
                StreamEvent::Authenticating => self.progress(JoinStep::Authenticating, cx),
                StreamEvent::Bound { jid } => self.bound(&jid, cx),
                StreamEvent::Stanza(stanza) => self.stanza(&stanza, cx),
                StreamEvent::Ended(_) if matches!(self.phase, Phase::Leaving(_)) => self.close_socket(cx),
                StreamEvent::Ended(end) => {
                    self.flush(cx);
                    if let Some(signalling) = self.signalling.take() {
                        cx.output(Output::CloseSocket { id: signalling.socket });
                    }
                    self.lost(Loss::Stream(end), cx);
                }
            }
            if self.outcome.is_some() {
                return;
            }
        }
    }

    /// A resource is bound: presence to the server, questions whose answers may come later, and the focus.
    fn bound(&mut self, own_jid: &str, cx: &mut Context) {
        let Some(deployment) = &self.deployment else { return };
        if let Some(signalling) = &mut self.signalling {
            signalling.bound = true;
        }
        let room = format!("{}@{}", self.url.room, deployment.muc);
        let nick = nick(own_jid, &mut cx.chance);
        let presence = OwnPresence {
            occupant: format!("{room}/{nick}"),
            name: self.request.name.clone(),
            stats_id: format!("hemicycle-{}", cx.hex(3)),
            region: cx.options.region.clone(),
            codecs: cx.options.video_codecs.clone(),
            features: OwnFeatures {
                ssrc_rewriting: cx.options.ssrc_rewriting,
                ..OwnFeatures::default()
            },
            muted: self.muted,
            raised_hand: None,
        };
        let domain = jid::domain(own_jid).to_owned();
        let main_domain = deployment.domain.clone();
        // A rejoin has come this far: the old transport ends before the room sees us again.
        self.drop_session(cx);
        self.membership.enter(room, presence);
        self.send(&element("presence", ns::CLIENT).build());
        let id = cx.iq_id();
        self.send(&disco_info_query(&main_domain, &id));
        self.expect(id, Purpose::Features, ANSWER, cx);
        let id = cx.iq_id();
        self.send(&services_query(&domain, &id, false));
        self.expect(id, Purpose::Relays { older: false }, ANSWER, cx);
        self.ask_focus(cx);
    }

    /// The conference request; before every join.
    pub fn ask_focus(&mut self, cx: &mut Context) {
        let Some(deployment) = &self.deployment else { return };
        let request = ConferenceRequest {
            focus: deployment.focus.clone(),
            room: self.membership.room().to_owned(),
            machine_uid: cx.options.machine_uid.clone(),
            session_id: self.entry.session_id.clone(),
            token: self.token().map(str::to_owned),
        };
        let id = cx.iq_id();
        self.pending.retain(|_, (purpose, _)| *purpose != Purpose::Conference);
        self.phase = Phase::Requesting;
        self.progress(JoinStep::Requesting, cx);
        self.send(&request.to_iq(&id));
        self.expect(id, Purpose::Conference, ANSWER, cx);
    }

    /// The focus has answered, or (none) not in time.
    pub fn conference_reply(&mut self, reply: Option<&Element>, cx: &mut Context) {
        if !matches!(self.phase, Phase::Requesting) {
            return;
        }
        let reply = reply.map_or_else(|| Reply::Refused(StanzaError::default()), Reply::parse);
        if !matches!(reply, Reply::Refused(_)) {
            self.entry.unanswered = 0;
            self.entry.lost = 0;
        }
        match reply {
            Reply::Ready(ready) => self.enter(ready, cx),
            Reply::NotReady { session_id } => {
                if session_id.is_some() {
                    self.entry.session_id = session_id;
                }
                let wait = backoff(NOT_READY.0, self.entry.not_ready, NOT_READY.1);
                self.entry.not_ready += 1;
                self.wait(WaitReason::ServiceBusy, wait, cx);
            }
            Reply::NotAuthorized | Reply::NotLive => self.wait(WaitReason::NotOpenYet, NOT_OPEN, cx),
            Reply::SessionInvalid => {
                self.entry.session_id = None;
                self.entry.session_invalid += 1;
                if self.entry.session_invalid <= TRIES {
                    self.ask_focus(cx);
                } else {
                    self.wait(WaitReason::ServiceBusy, NOT_OPEN, cx);
                }
            }
            Reply::ReservationError { code, .. } => {
                tracing::info!(code, "the reservation system refused the room");
                self.depart(Outcome::EntryRefused, cx);
            }
            Reply::VisitorNode { .. } => {
                tracing::info!("the focus has only a visitor's seat, which was not asked for");
                self.depart(Outcome::RoomFull, cx);
            }
            Reply::Refused(error) => {
                tracing::info!(
                    condition = error.condition,
                    "the focus gives no answer to the conference request"
                );
                self.entry.unanswered += 1;
                if self.entry.unanswered > REQUESTS && self.rejoin.is_none() {
                    self.depart(Outcome::ServiceGone, cx);
                } else {
                    let wait = backoff(NOT_READY.0, self.entry.unanswered - 1, NOT_READY.1);
                    self.wait(WaitReason::ServiceBusy, wait, cx);
                }
            }
        }
    }

    fn wait(&mut self, reason: WaitReason, wait: Duration, cx: &mut Context) {
        self.phase = Phase::AskingAgain { at: cx.after(wait) };
        if self.entry.waiting != Some(reason) && self.rejoin.is_none() {
            self.entry.waiting = Some(reason);
            cx.event(ConferenceEvent::Waiting(reason));
        }
    }

    /// The conference exists: into the room.
    fn enter(&mut self, ready: Ready, cx: &mut Context) {
        self.entry.not_ready = 0;
        self.entry.session_invalid = 0;
        self.entry.waiting = None;
        if ready.session_id.is_some() {
            self.entry.session_id = ready.session_id;
        }
        let fallback = self
            .deployment
            .as_ref()
            .and_then(|deployment| deployment.focus_user.clone());
        self.membership.trust(ready.focus_jid.or(fallback));
        self.phase = Phase::Entering {
            deadline: cx.after(ENTERING),
        };
        self.progress(JoinStep::Entering, cx);
        if let Some(presence) = self.membership.own_mut() {
            presence.muted = self.muted;
        }
        let password = self.request.password.clone();
        if let Some(join) = self.membership.own().map(|own| own.join(password.as_deref())) {
            self.send(&join);
        }
    }

    /// The room has not let us in.
    pub fn join_refused(&mut self, error: JoinError, cx: &mut Context) {
        if !matches!(self.phase, Phase::Entering { .. }) {
            return;
        }
        tracing::info!(reason = reason_of(&error), "the room did not let us in");
        self.phase = Phase::Requesting;
        match error {
            JoinError::PasswordRequired => {
                let wrong = self.request.password.take().is_some();
                self.phase = Phase::AwaitingPassword;
                cx.event(ConferenceEvent::PasswordRequired { wrong });
            }
            // `item-not-found`: the room exists and its owner, the focus, has not opened it yet (XEP-0045 §10.1.1).
            JoinError::RoomCreationRestricted if self.entry.creation < TRIES => self.try_again(cx),
            JoinError::Other(error) if error.condition == "item-not-found" && self.entry.creation < TRIES => {
                self.try_again(cx);
            }
            JoinError::NickConflict if self.entry.nick < TRIES => {
                self.entry.nick += 1;
                let nick = cx.hex(8);
                self.membership.rename(&nick);
                self.ask_focus(cx);
            }
            JoinError::Lobby { .. } => self.depart(Outcome::LobbyRequired, cx),
            JoinError::DisplayNameRequired => self.depart(Outcome::DisplayNameRequired, cx),
            JoinError::RoomFull => self.depart(Outcome::RoomFull, cx),
            JoinError::AuthenticationRequired => self.depart(Outcome::LoginRequired, cx),
            JoinError::NotAllowed { text } => {
                let outcome = match text.as_deref().map(str::to_lowercase) {
                    Some(text) if text.contains("token") && text.contains("mismatch") => Outcome::TokenForAnotherRoom,
                    Some(text) if text.contains("token") => Outcome::TokenRefused,
                    _ => Outcome::EntryRefused,
                };
                self.depart(outcome, cx);
            }
            JoinError::RoomCreationRestricted
            | JoinError::NickConflict
            | JoinError::VisitorPolicy(_)
            | JoinError::Banned
            | JoinError::Other(_) => self.depart(Outcome::EntryRefused, cx),
        }
    }

    fn try_again(&mut self, cx: &mut Context) {
        self.entry.creation += 1;
        self.phase = Phase::AskingAgain {
            at: cx.now + cx.jitter(CREATION),
        };
    }

    /// A person has typed the password.
    pub fn password(&mut self, password: String, cx: &mut Context) {
        if matches!(self.phase, Phase::AwaitingPassword) {
            self.request.password = Some(password);
            self.ask_focus(cx);
        }
    }

    /// We are in.
    pub fn entered(&mut self, cx: &mut Context) {
        self.phase = Phase::Joined;
        self.entry = Entry {
            session_id: self.entry.session_id.take(),
            ..Entry::default()
        };
        self.rejoin = None;
        self.wish = None;
        cx.event(ConferenceEvent::Joined {
            me: self.membership.me(),
        });
        self.tell_participants(cx);
        self.await_session(cx);
    }

    pub fn tick_entry(&mut self, cx: &mut Context) {
        match self.phase {
            Phase::Configuring { deadline, .. } if deadline <= cx.now => self.end(Outcome::HostUnreachable),
            Phase::Connecting { deadline } if deadline <= cx.now => {
                if let Some(signalling) = self.signalling.take() {
                    cx.output(Output::CloseSocket { id: signalling.socket });
                }
                self.lost(Loss::Network(NetworkError::Unreachable("no answer in time".into())), cx);
            }
            Phase::AskingAgain { at } if at <= cx.now => self.ask_focus(cx),
            Phase::Entering { deadline } if deadline <= cx.now => {
                self.entry.silent += 1;
                if self.entry.silent < TRIES || self.rejoin.is_some() {
                    self.ask_focus(cx);
                } else {
                    self.depart(Outcome::ServiceGone, cx);
                }
            }
            Phase::Reopening { at } if at <= cx.now => self.connect(cx),
            _ => {}
        }
    }

    pub fn tick_stream(&mut self, cx: &mut Context) {
        if let Some(Signalling {
            stream: Some(stream), ..
        }) = &mut self.signalling
        {
            let events = stream.tick(cx.now);
            self.stream_events(events, cx);
        }
    }

    pub fn tick_pending(&mut self, cx: &mut Context) {
        let late: Vec<String> = self
            .pending
            .iter()
            .filter(|(_, (_, deadline))| *deadline <= cx.now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in late {
            if let Some((purpose, _)) = self.pending.remove(&id) {
                self.answered(purpose, None, cx);
            }
        }
    }

    /// One of our IQs was answered, or (none) not in time.
    pub fn answered(&mut self, purpose: Purpose, answer: Option<&Element>, cx: &mut Context) {
        let refused = answer.is_none_or(|answer| answer.attr("type") != Some("result"));
        match purpose {
            Purpose::Features => {}
            Purpose::Relays { older } => self.relays(answer, older, cx),
            Purpose::Conference => self.conference_reply(answer, cx),
            Purpose::Accept if refused => self.accept_refused(answer, cx),
            Purpose::Restart if refused => self.restart_refused(answer, cx),
            Purpose::Accept | Purpose::Restart => {}
        }
    }

    fn relays(&mut self, answer: Option<&Element>, older: bool, cx: &mut Context) {
        let services = answer.and_then(|iq| iq.children().find(|child| child.name() == "services"));
        match services {
            Some(services) => self.add_relays(crate::discovery::ice_servers(services)),
            None if !older && answer.is_some() => {
                let Some(domain) = answer.and_then(|answer| answer.attr("from")).map(str::to_owned) else {
                    return;
                };
                let id = cx.iq_id();
                self.send(&services_query(&domain, &id, true));
                self.expect(id, Purpose::Relays { older: true }, ANSWER, cx);
            }
            None => {}
        }
    }

    /// Keeps the relays a bridge is reached through: TCP only, as lib-jitsi-meet does; UDP reaches the bridge itself.
    pub fn add_relays(&mut self, servers: Vec<media_protocol::IceServer>) {
        for server in servers {
            let relay = server.uri.starts_with("turn") && server.uri.ends_with("?transport=tcp");
            if relay && self.ice_servers.len() < 8 && !self.ice_servers.iter().any(|known| known.uri == server.uri) {
                self.ice_servers.push(server);
            }
        }
    }
}

fn reason_of(error: &JoinError) -> &'static str {
    match error {
        JoinError::PasswordRequired => "password",
        JoinError::Lobby { .. } => "lobby",
        JoinError::DisplayNameRequired => "display name",
        JoinError::RoomFull => "full",
        JoinError::RoomCreationRestricted => "not created",
        JoinError::AuthenticationRequired => "login",
        JoinError::VisitorPolicy(_) => "visitor policy",
        JoinError::NotAllowed { .. } => "not allowed",
        JoinError::NickConflict => "nick",
        JoinError::Banned => "banned",
        JoinError::Other(_) => "other",
    }
}
