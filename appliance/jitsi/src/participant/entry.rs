//! The way in, up to the bound stream: address, configuration, connection (`specs/jitsi-client.md §1`).

use std::time::Duration;

use room::conference::{ConferenceEvent, JoinRequest, JoinStep, Muted, ReceiveWish, WaitReason};
use room::outcome::Outcome;

use super::answers::ANSWER;
use super::context::Context;
use super::meeting::{Meeting, Phase, Purpose, Signalling};
use super::recovery::Loss;
use super::{ConnectionId, HttpRequest, HttpResponse, NetworkError, Output, SocketEvent};
use crate::config_js::Deployment;
use crate::discovery::{OwnFeatures, disco_info_query, services_query};
use crate::muc::{OwnPresence, nick};
use crate::stream::{Account, StreamEvent};
use crate::url::{RoomUrl, encode};
use crate::xml::element;
use crate::{jid, ns};

/// For the configuration file; the driver's own limit is shorter.
const CONFIGURATION: Duration = Duration::from_secs(15);
/// From the start of the connection to the bound stream; driver and stream have shorter limits of their own.
const CONNECTING: Duration = Duration::from_secs(30);

/// What the way in remembers.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// Given by the focus, sent with later requests.
    pub session_id: Option<String>,
    /// Requests answered by "not ready", in a row.
    pub not_ready: u32,
    /// Requests without a usable answer, in a row.
    pub unanswered: u32,
    /// Session ids refused, in a row.
    pub session_invalid: u32,
    /// Joins refused because the room was not created, in a row.
    pub creation: u32,
    /// Joins refused because of our nick, in a row.
    pub nick: u32,
    /// Tries of the lobby that failed, in a row.
    pub lobby: u32,
    /// Joins without any answer, in a row.
    pub silent: u32,
    /// Connections lost before we were in, in a row.
    pub lost: u32,
    /// What the room was last told to wait for.
    pub waiting: Option<WaitReason>,
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
        cx.output(Output::Http {
            id,
            request: HttpRequest::get(url.config_url()),
        });
        let token = request.token.as_deref().or(url.token.as_deref());
        let token_expires = token
            .and_then(crate::token::expires)
            .and_then(|expires| cx.moment(expires));
        let mut meeting = Self {
            token_expires,
            bosh: false,
            service: String::new(),
            remembered: None,
            gone: true,
            muted: request.muted,
            sources: request.sources,
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
            announced: Default::default(),
            moderation: Default::default(),
            side_rooms: Default::default(),
            hall: None,
            marks: Default::default(),
            messages: Default::default(),
            quality: Default::default(),
            membership: Default::default(),
            lobby: None,
            conference_http: None,
            keep_alive: Default::default(),
            session: None,
            channel: Default::default(),
            wish: None::<ReceiveWish>,
            restarts: Default::default(),
            rejoin: None,
            resumption: None,
            media_grace: None,
            outcome: None,
            start_muted: Muted {
                audio: false,
                video: false,
            },
            had_session: false,
            joined_at: None,
            past_sessions: Default::default(),
        };
        meeting.open_ahead(cx);
        Ok(meeting)
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
                return self.end(match error {
                    NetworkError::ProxyUnreachable(_) => Outcome::ProxyUnreachable,
                    NetworkError::ProxyCredentials => Outcome::ProxyCredentials,
                    NetworkError::ProxyRefused(_) => Outcome::ProxyRefused,
                    _ => Outcome::NotAConference,
                });
            }
        };
        let deployment = Deployment::read(&source, &self.url);
        if self.take_ahead(&deployment, cx) {
            return;
        }
        self.bosh = deployment.prefer_bosh;
        self.deployment = Some(deployment);
        self.connect(cx);
    }

    /// Opens the signalling connection.
    pub fn connect(&mut self, cx: &mut Context) {
        self.pending.clear();
        self.connecting(cx);
        self.open_socket(None, cx);
    }

    /// The socket is being opened, or is open already.
    pub fn connecting(&mut self, cx: &mut Context) {
        self.phase = Phase::Connecting {
            deadline: cx.after(CONNECTING),
        };
        self.progress(JoinStep::Connecting, cx);
    }

    /// Opens the socket, for a new stream or for one that shall go on.
    pub fn open_socket(&mut self, previous: Option<&str>, cx: &mut Context) {
        let Some(deployment) = &self.deployment else { return };
        let address = if self.bosh {
            &deployment.bosh
        } else {
            &deployment.websocket
        };
        let separator = if address.contains('?') { '&' } else { '?' };
        let mut url = format!("{address}{separator}room={}", encode(&self.url.room));
        self.service.clone_from(&url);
        if let Some(token) = self.token() {
            url.push_str("&token=");
            url.push_str(&encode(token));
        }
        if let Some(id) = previous {
            url.push_str("&previd=");
            url.push_str(&encode(id));
        }
        let socket = cx.connection();
        self.signalling = Some(Signalling {
            socket,
            opened: false,
            stream: None,
            bound: false,
        });
        cx.output(if self.bosh {
            Output::OpenBosh { id: socket, url }
        } else {
            Output::OpenSocket {
                id: socket,
                url,
                protocol: Some("xmpp"),
            }
        });
    }

    pub fn progress(&self, step: JoinStep, cx: &mut Context) {
        if self.rejoin.is_none() {
            cx.event(ConferenceEvent::Progress(step));
        }
    }

    /// Something about the signalling socket.
    pub fn signalling_event(&mut self, event: SocketEvent, cx: &mut Context) {
        match event {
            event if matches!(self.phase, Phase::Configuring { .. }) => self.opened_ahead(&event),
            // It opened while it was being closed.
            SocketEvent::Opened if self.closing_socket() => {}
            SocketEvent::Opened => self.begin_stream(cx),
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
                let stream = self.signalling.take().and_then(|signalling| signalling.stream);
                self.lost(Loss::Closed, stream, cx);
            }
            SocketEvent::Failed(error) => {
                let stream = self.signalling.take().and_then(|signalling| signalling.stream);
                self.lost(Loss::Network(error), stream, cx);
            }
        }
    }

    /// With whose account we log in here; none: with a token or as a guest.
    pub fn account(&self, cx: &Context) -> Option<Account> {
        let account = cx.options.account.as_ref().filter(|_| self.token().is_none());
        account.and_then(|account| account.on(&self.url.host)).cloned()
    }

    /// The socket is open: the stream begins on it.
    pub fn begin_stream(&mut self, cx: &mut Context) {
        let has_token = self.token().is_some();
        let Some(deployment) = &self.deployment else { return };
        let account = self.account(cx);
        // Guests have a domain of their own in some deployments; accounts and tokens are of the main one.
        let guests = deployment
            .anonymous_domain
            .as_ref()
            .filter(|_| !has_token && account.is_none());
        let domain = guests.unwrap_or(&deployment.domain).clone();
        let begun = |signalling: &Signalling| signalling.stream.is_some();
        if self.signalling.as_ref().is_none_or(begun) {
            return;
        }
        let quick = self.known_as_guest(cx) && self.resumption.is_none();
        let stream = self.stream_on(domain, has_token, cx).with_account(account);
        let stream = if quick {
            stream.quick()
        } else {
            stream.over_bosh(self.bosh)
        };
        if let Some(signalling) = &mut self.signalling {
            signalling.stream = Some(stream);
        }
    }

    /// What the stream says.
    pub fn stream_events(&mut self, events: Vec<StreamEvent>, cx: &mut Context) {
        for event in events {
            match event {
                StreamEvent::Authenticating => self.progress(JoinStep::Authenticating, cx),
                StreamEvent::Binding => self.binding(cx),
                StreamEvent::Bound { jid } => self.bound(&jid, cx),
                StreamEvent::Resumed => self.resumed(cx),
                StreamEvent::Resumable | StreamEvent::Acknowledging => self.remember(cx),
                StreamEvent::Stanza(stanza) => self.stanza(&stanza, cx),
                StreamEvent::Ended(_) if matches!(self.phase, Phase::Leaving(_)) => self.close_socket(cx),
                StreamEvent::Ended(end) => {
                    self.flush(cx);
                    let stream = self.abandon_socket(cx);
                    self.lost(Loss::Stream(end), stream, cx);
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
        let room = self.room_to_enter(deployment);
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
            sources: self.sources,
            muted: self.muted,
            raised_hand: None,
        };
        let domain = jid::domain(own_jid).to_owned();
        let main_domain = deployment.domain.clone();
        // A rejoin has come this far: the old transport ends before the room sees us again.
        self.drop_session(cx);
        self.membership.haunted_by(cx.ghosts_in(&room));
        self.membership.enter(room, presence);
        self.announced = Default::default();
        self.lobby = None;
        self.keep_alive.begin(cx.now);
        self.send(&element("presence", ns::CLIENT).build());
        let id = cx.iq_id();
        self.send(&disco_info_query(&main_domain, &id));
        self.expect(id, Purpose::Features, ANSWER, cx);
        let id = cx.iq_id();
        self.send(&services_query(&domain, &id, false));
        self.expect(id, Purpose::Relays { older: false }, ANSWER, cx);
        self.remember_service(cx);
        self.asked_or_ask_focus(cx);
    }

    /// Address of the room: the one of the URL, or the breakout room that we were sent to.
    pub fn room_to_enter(&self, deployment: &Deployment) -> String {
        self.side_rooms.room(&format!("{}@{}", self.url.room, deployment.muc))
    }

    pub fn tick_entry(&mut self, cx: &mut Context) {
        match self.phase {
            Phase::Configuring { deadline, .. } if deadline <= cx.now => self.end(Outcome::HostUnreachable),
            Phase::Connecting { deadline } if deadline <= cx.now => {
                let stream = self.abandon_socket(cx);
                let late = NetworkError::Unreachable("no answer in time".into());
                self.lost(Loss::Network(late), stream, cx);
            }
            Phase::AskingAgain { at } if at <= cx.now => self.ask_focus(cx),
            Phase::Entering { deadline } if deadline <= cx.now => self.room_is_silent(cx),
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
}
