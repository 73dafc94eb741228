//! What goes into the core and what comes out of it.

use room::conference::{ConferenceCommand, ConferenceEvent};

use super::Acquaintance;
use crate::left_behind::LeftBehind;

/// Names one HTTP request or one WebSocket of the driver; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// Into the core.
#[derive(Debug, Clone)]
pub enum Input {
    /// From the room.
    Command(ConferenceCommand),
    /// The answer to [`Output::Http`].
    Http {
        /// Of the request.
        id: ConnectionId,
        /// What came.
        result: Result<HttpResponse, NetworkError>,
    },
    /// Something about a WebSocket.
    Socket {
        /// Which.
        id: ConnectionId,
        /// What happened.
        event: SocketEvent,
    },
    /// The time of [`super::Participant::next_deadline`] has come.
    Tick,
}

/// Out of the core, to be done in order.
#[derive(Clone, PartialEq)]
pub enum Output {
    /// One HTTP exchange; answered by [`Input::Http`].
    Http {
        /// Comes back in the answer.
        id: ConnectionId,
        /// What to ask for.
        request: HttpRequest,
    },
    /// Open a WebSocket.
    OpenSocket {
        /// Comes back with each event.
        id: ConnectionId,
        /// Where. May carry a token: never to be logged.
        url: String,
        /// Sub-protocol to demand.
        protocol: Option<&'static str>,
    },
    /// Begin a BOSH session, which then is like a WebSocket that has opened.
    OpenBosh {
        /// Comes back with each event.
        id: ConnectionId,
        /// Where. May carry a token: never to be logged.
        url: String,
    },
    /// Send a text frame.
    SendText {
        /// On which WebSocket.
        id: ConnectionId,
        /// The frame.
        text: String,
    },
    /// Send what is queued, then close. Answered by [`SocketEvent::Closed`].
    CloseSocket {
        /// Which.
        id: ConnectionId,
    },
    /// Keep what a restarted process must know to leave in the place of this one, in the place of what was kept before;
    /// none: nothing is to be left any more.
    Remember(Option<Box<LeftBehind>>),
    /// What the service was like, for the participant of the next meeting; none: it was not as it was thought to be.
    Acquainted(Option<Box<Acquaintance>>),
    /// For the room.
    Event(ConferenceEvent),
}

impl std::fmt::Debug for Output {
    /// Without addresses and texts: they carry tokens, passwords and names.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http { id, .. } => f.debug_struct("Http").field("id", id).finish_non_exhaustive(),
            Self::OpenSocket { id, protocol, .. } => f
                .debug_struct("OpenSocket")
                .field("id", id)
                .field("protocol", protocol)
                .finish_non_exhaustive(),
            Self::OpenBosh { id, .. } => f.debug_struct("OpenBosh").field("id", id).finish_non_exhaustive(),
            Self::SendText { id, .. } => f.debug_struct("SendText").field("id", id).finish_non_exhaustive(),
            Self::CloseSocket { id } => f.debug_struct("CloseSocket").field("id", id).finish(),
            Self::Remember(left_behind) => f.debug_tuple("Remember").field(left_behind).finish(),
            Self::Acquainted(service) => f.debug_tuple("Acquainted").field(service).finish(),
            Self::Event(event) => f.debug_tuple("Event").field(event).finish(),
        }
    }
}

/// What is asked for by HTTP.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// Where. May carry a token: never to be logged.
    pub url: String,
    /// For `Authorization: Bearer`. Never to be logged.
    pub bearer: Option<String>,
    /// What to POST; none: GET.
    pub body: Option<HttpBody>,
}

impl HttpRequest {
    /// Fetches a document.
    #[must_use]
    pub fn get(url: String) -> Self {
        Self {
            url,
            bearer: None,
            body: None,
        }
    }
}

impl std::fmt::Debug for HttpRequest {
    /// Without address, token and body.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let method = if self.body.is_some() { "POST" } else { "GET" };
        f.debug_struct("HttpRequest")
            .field("method", &method)
            .finish_non_exhaustive()
    }
}

/// What is posted.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpBody {
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The text. May carry names: never to be logged.
    pub text: String,
}

/// What was answered by HTTP.
#[derive(Clone)]
pub struct HttpResponse {
    /// HTTP status code.
    pub status: u16,
    /// Header `x-jitsi-shard`: which shard has answered.
    pub shard: Option<String>,
    /// The body as text, at most [`crate::config_js::MAX_BYTES`].
    pub body: String,
}

impl std::fmt::Debug for HttpResponse {
    /// Without the body.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("shard", &self.shard)
            .finish_non_exhaustive()
    }
}

/// Something about a WebSocket.
#[derive(Debug, Clone)]
pub enum SocketEvent {
    /// The upgrade succeeded.
    Opened,
    /// A text frame.
    Text(String),
    /// It is closed, by whichever side. Nothing follows.
    Closed {
        /// WebSocket close code, if the other side gave one.
        code: Option<u16>,
    },
    /// It could not be opened, or broke. Nothing follows.
    Failed(NetworkError),
}

/// Why the network did not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// No such name, no route, nothing listens, no answer in time.
    #[error("the host cannot be reached: {0}")]
    Unreachable(String),
    /// The certificate is not trusted.
    #[error("the certificate is not trusted: {0}")]
    Certificate(String),
    /// The proxy itself cannot be reached.
    #[error("the proxy cannot be reached: {0}")]
    ProxyUnreachable(String),
    /// The proxy wants a user name and a password, or others.
    #[error("the proxy wants credentials")]
    ProxyCredentials,
    /// The proxy does not let the box through to the host.
    #[error("the proxy refuses: {0}")]
    ProxyRefused(String),
    /// The upgrade to a WebSocket was answered by an HTTP status.
    #[error("the upgrade was answered by HTTP status {0}")]
    Status(u16),
    /// A document or a frame above the limit.
    #[error("a document or frame is too large")]
    TooLarge,
    /// The other side speaks something else.
    #[error("protocol error: {0}")]
    Protocol(String),
    /// The connection broke after it was opened.
    #[error("the connection broke: {0}")]
    Broken(String),
}
