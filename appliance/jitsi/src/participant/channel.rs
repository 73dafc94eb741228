//! The bridge channel: SCTP through the media worker first, a WebSocket second (`specs/jitsi-client.md §6`).

use std::time::{Duration, Instant};

use media_protocol::{MediaKind, SessionId};
use room::conference::{ConferenceEvent, ParticipantId, ReceiveWish};

use super::context::{Context, PerSecond, backoff, due, earliest};
use super::meeting::Meeting;
use super::{ConnectionId, Output, SocketEvent};
use crate::bridge::{Incoming, MaxHeight, Outgoing, ReceiverConstraints, SourceVideoType};
use crate::muc::camera_source_name;

/// First and longest wait before a lost WebSocket is opened again.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// For the room to open its camera after joining.
const CAMERA_OPENING: Duration = Duration::from_secs(5);
/// Pings of others that are answered within a second.
const PINGS: u32 = 10;
/// Most sources asked for by name; a wall has no more tiles.
const MAX_SOURCES: usize = 20;
/// Pictures wanted before the room has said which.
const DEFAULT_LAST_N: u32 = 4;
/// Height wanted before the room has said which.
const DEFAULT_HEIGHT: u32 = 360;

/// The way to the bridge.
#[derive(Debug, Default)]
pub(super) struct Channel {
    open: bool,
    /// When the bridge is told that our camera is off after all.
    confess: Option<Instant>,
    web_socket: Option<WebSocket>,
    pings: PerSecond,
}

#[derive(Debug)]
struct WebSocket {
    url: String,
    socket: Option<ConnectionId>,
    retry: Option<Instant>,
    attempts: u32,
}

impl Channel {
    /// Something can be said to the bridge.
    pub fn is_open(&self) -> bool {
        self.open
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        earliest([
            self.confess,
            self.web_socket.as_ref().and_then(|web_socket| web_socket.retry),
        ])
    }
}

impl Meeting {
    /// Chooses the way to the bridge for a session that is being answered.
    pub fn open_channel(&mut self, cx: &mut Context) {
        let Some(session) = &self.session else { return };
        let prefer_sctp = self.deployment.as_ref().is_none_or(|deployment| deployment.prefer_sctp);
        let sctp = session.offer.data.is_some();
        let url = session
            .offer
            .web_sockets
            .iter()
            .find(|url| !self.url.secure || url.starts_with("wss:"));
        let web_socket = url.filter(|_| !(sctp && prefer_sctp)).cloned();
        match web_socket {
            Some(url) => {
                self.channel.web_socket = Some(WebSocket {
                    url,
                    socket: None,
                    retry: None,
                    attempts: 0,
                });
                self.open_web_socket(cx);
            }
            None if !sctp => tracing::warn!("no bridge channel is offered; no picture will come"),
            None => {}
        }
    }

    fn open_web_socket(&mut self, cx: &mut Context) {
        if let Some(web_socket) = &mut self.channel.web_socket {
            let id = cx.connection();
            web_socket.socket = Some(id);
            cx.output(Output::OpenSocket {
                id,
                url: web_socket.url.clone(),
                protocol: None,
            });
        }
    }

    /// The session ends, and the channel with it.
    pub fn close_channel(&mut self, cx: &mut Context) {
        let channel = std::mem::take(&mut self.channel);
        if let Some(id) = channel.web_socket.and_then(|web_socket| web_socket.socket) {
            cx.output(Output::CloseSocket { id });
        }
    }

    /// The worker says that its data channel opened or closed.
    pub fn channel_changed(&mut self, open: bool, cx: &mut Context) {
        if self.channel.web_socket.is_some() {
            return;
        }
        self.channel.open = open;
        if open {
            self.greet_bridge(cx);
        }
    }

    /// Something about the WebSocket to the bridge.
    pub fn channel_socket(&mut self, id: ConnectionId, event: SocketEvent, cx: &mut Context) {
        let Some(web_socket) = self
            .channel
            .web_socket
            .as_mut()
            .filter(|web_socket| web_socket.socket == Some(id))
        else {
            return;
        };
        match event {
            SocketEvent::Opened => {
                web_socket.attempts = 0;
                self.channel.open = true;
                self.greet_bridge(cx);
            }
            SocketEvent::Text(text) => self.bridge_message(&text, cx),
            SocketEvent::Closed { .. } | SocketEvent::Failed(_) => {
                self.channel.open = false;
                web_socket.socket = None;
                web_socket.retry = Some(cx.after(backoff(RETRY.0, web_socket.attempts, RETRY.1)));
                web_socket.attempts += 1;
            }
        }
    }

    pub fn tick_channel(&mut self, cx: &mut Context) {
        if due(&mut self.channel.confess, cx.now) {
            self.tell_video_type(cx);
        }
        if let Some(web_socket) = &mut self.channel.web_socket
            && due(&mut web_socket.retry, cx.now)
        {
            self.open_web_socket(cx);
        }
    }

    /// What is said on each opening: the bridge sends nothing, and no picture, before it.
    fn greet_bridge(&mut self, cx: &mut Context) {
        self.quality.begin(cx.now);
        self.say(&Outgoing::ClientHello {}, cx);
        self.tell_constraints(cx);
        // A camera that was off comes into the bridge's calculation up to 5 s after it is on. At the beginning ours is
        // only being opened: it is called a camera until it has had the time to be one.
        let opening = self
            .joined_at
            .map(|joined| joined + CAMERA_OPENING)
            .filter(|until| *until > cx.now);
        if let (true, Some(until)) = (self.muted.video, opening) {
            self.channel.confess = Some(until);
            self.say_video_type(SourceVideoType::Camera, cx);
        } else {
            self.tell_video_type(cx);
        }
    }

    /// Says something on the open channel.
    pub fn say(&mut self, message: &Outgoing, cx: &mut Context) {
        let Some(session) = self.session.as_ref().filter(|_| self.channel.open) else {
            return;
        };
        let text = message.to_text();
        match self.channel.web_socket.as_ref().map(|web_socket| web_socket.socket) {
            None => cx.event(ConferenceEvent::BridgeMessage(session.id, text)),
            Some(Some(id)) => cx.output(Output::SendText { id, text }),
            Some(None) => {}
        }
    }

    /// Whether our camera sends.
    pub fn tell_video_type(&mut self, cx: &mut Context) {
        let video_type = if self.muted.video {
            SourceVideoType::None
        } else {
            SourceVideoType::Camera
        };
        self.channel.confess = None;
        self.say_video_type(video_type, cx);
    }

    fn say_video_type(&mut self, video_type: SourceVideoType, cx: &mut Context) {
        if !self.sources.video {
            return;
        }
        let source_name = camera_source_name(&self.membership.me().0);
        self.say(
            &Outgoing::SourceVideoType {
                source_name,
                video_type,
            },
            cx,
        );
    }

    /// The room says which pictures it wants.
    pub fn receive(&mut self, wish: ReceiveWish, cx: &mut Context) {
        if self.wish.as_ref() != Some(&wish) {
            self.wish = Some(wish);
            self.tell_constraints(cx);
        }
    }

    fn tell_constraints(&mut self, cx: &mut Context) {
        let message = constraints(self.wish.as_ref());
        self.say(&message, cx);
    }

    /// A message of the bridge, on whichever way. Refused ones change nothing.
    pub fn bridge_message(&mut self, text: &str, cx: &mut Context) {
        let incoming = match Incoming::parse(text) {
            Ok(incoming) => incoming,
            Err(error) => return tracing::debug!(%error, "a message of the bridge was passed over"),
        };
        match incoming {
            Incoming::SenderSourceConstraints { source, max_height } => {
                let mine = source == camera_source_name(&self.membership.me().0);
                if mine && self.session.as_mut().is_some_and(|session| session.limit(max_height)) {
                    self.tell_session(cx);
                }
            }
            Incoming::DominantSpeaker { endpoint, silence } => {
                let me = self.membership.me();
                let speaker = Some(ParticipantId(endpoint)).filter(|speaker| !silence && *speaker != me);
                cx.event(ConferenceEvent::DominantSpeaker(speaker));
            }
            Incoming::VideoSourcesMap(sources) => {
                if let Some(session) = &mut self.session {
                    session.table.map(MediaKind::Video, &sources);
                }
                self.tell_session(cx);
            }
            Incoming::AudioSourcesMap(sources) => {
                if let Some(session) = &mut self.session {
                    session.table.map(MediaKind::Audio, &sources);
                }
                self.tell_session(cx);
            }
            Incoming::EndpointStats {
                from,
                quality: Some(quality),
            } => {
                self.membership.set_quality(&from, quality);
                self.tell_participants(cx);
            }
            Incoming::EndpointMessage { from, payload } => self.endpoint_message(&from, &payload, cx),
            _ => {}
        }
    }

    /// Other participants measure the way to us.
    fn endpoint_message(&mut self, from: &str, payload: &serde_json::Value, cx: &mut Context) {
        if payload.get("type").and_then(serde_json::Value::as_str) != Some("e2e-ping-request") {
            return;
        }
        let id = payload
            .get("id")
            .filter(|id| id.is_number() || id.as_str().is_some_and(|id| id.len() <= 64));
        if let Some(id) = id
            && self.channel.pings.count(cx.now, PINGS)
        {
            self.say(&Outgoing::ping_response(from, id), cx);
        }
    }

    /// A fact from the media worker.
    pub fn media(&mut self, id: SessionId, event: media_protocol::SessionEvent, cx: &mut Context) {
        use media_protocol::{BridgeChannelState, SessionEvent};
        if self.session.as_ref().is_none_or(|session| session.id != id) {
            return;
        }
        match event {
            SessionEvent::LocalDescription(description) => self.answer_offer(&description, cx),
            SessionEvent::Connected { .. } => {
                if let Some(session) = &mut self.session {
                    session.connect();
                }
                self.restarts.connected();
            }
            SessionEvent::BridgeChannel(state) => self.channel_changed(state == BridgeChannelState::Open, cx),
            SessionEvent::BridgeMessage { text } => {
                if self.channel.web_socket.is_none() {
                    self.bridge_message(&text, cx);
                }
            }
            SessionEvent::Stalled { silent_ms } if silent_ms > super::negotiation::STALLED_MS => {
                self.doubt_signalling(cx);
                if !self.suspended() && !self.media_may_come_back(cx) {
                    tracing::warn!(silent_ms, "nothing arrives from the bridge");
                    self.demand_session(cx);
                }
            }
            SessionEvent::Failed { reason } => {
                tracing::warn!(reason, "the session has failed");
                self.demand_session(cx);
            }
            SessionEvent::Stalled { .. } => self.doubt_signalling(cx),
            SessionEvent::FirstPacketSent { .. } | SessionEvent::Recovered => {}
        }
    }

    /// Nothing comes from the bridge: perhaps the whole network is away.
    fn doubt_signalling(&mut self, cx: &Context) {
        if let Some(stream) = self
            .signalling
            .as_mut()
            .and_then(|signalling| signalling.stream.as_mut())
        {
            stream.doubt(cx.now);
        }
    }
}

/// The wish in the bridge's terms. Default constraints always stand in it: without them the bridge means 180.
fn constraints(wish: Option<&ReceiveWish>) -> Outgoing {
    let constraints = match wish {
        Some(wish) => {
            let mut wish = wish.clone();
            wish.others.truncate(MAX_SOURCES);
            ReceiverConstraints::from(&wish)
        }
        None => ReceiverConstraints {
            last_n: DEFAULT_LAST_N,
            selected_sources: Vec::new(),
            on_stage_sources: Vec::new(),
            default_constraints: MaxHeight {
                max_height: DEFAULT_HEIGHT,
            },
            constraints: Default::default(),
        },
    };
    Outgoing::ReceiverVideoConstraints(constraints)
}
