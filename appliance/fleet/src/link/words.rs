//! What is said to a connection and heard from it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustls::ClientConfig;

use super::endpoint::Endpoint;

/// A broker and how it is spoken to.
#[derive(Clone)]
pub struct Target {
    /// Where.
    pub endpoint: Endpoint,
    /// From [`super::context`].
    pub tls: Arc<ClientConfig>,
    /// How long and how much.
    pub limits: Limits,
}

/// How long anything may take, and how much may come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Of a whole connection attempt: name, TCP, TLS; and once more for CONNACK.
    pub connect: Duration,
    /// MQTT keep alive, at least 5 s.
    pub keep_alive: Duration,
    /// Beyond a keep alive, with nothing heard: the connection is dead.
    pub grace: Duration,
    /// For one write into the connection, and for TCP to have it acknowledged.
    pub write: Duration,
    /// For the acknowledgement of a publication.
    pub acknowledgement: Duration,
    /// Largest packet, bytes, towards us.
    pub maximum_packet: u32,
    /// Publications without acknowledgement, both ways.
    pub receive_maximum: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            keep_alive: Duration::from_secs(60),
            grace: Duration::from_secs(20),
            write: Duration::from_secs(20),
            acknowledgement: Duration::from_secs(60),
            maximum_packet: 131_072,
            receive_maximum: 16,
        }
    }
}

/// What a CONNECT says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// MQTT client id.
    pub client_id: String,
    /// What the broker says when we are lost.
    pub will: Option<Will>,
    /// What the broker remembers.
    pub session: Session,
}

/// Whether the broker remembers subscriptions and undelivered messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    /// From before, and this long after the connection: Clean Start 0.
    Kept(Duration),
    /// Nothing: Clean Start 1.
    Fresh,
}

/// What the broker says when a connection ends without a goodbye.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Bytes,
    /// The broker keeps it.
    pub retain: bool,
    /// It waits so long for us to come back.
    pub delay: Duration,
}

/// Names a publication until it is acknowledged. The caller counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

/// A message to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Comes back in [`News::Acknowledged`], or in [`News::Unheard`].
    pub token: Token,
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Bytes,
    /// QoS 1; otherwise 0, and it may be lost.
    pub acknowledged: bool,
    /// The broker keeps it.
    pub retain: bool,
    /// MQTT message expiry.
    pub expiry: Option<Duration>,
    /// Where an answer goes.
    pub response_topic: Option<String>,
    /// What an answer carries.
    pub correlation: Option<Bytes>,
}

impl Publication {
    /// A plain message with QoS 1.
    #[must_use]
    pub fn new(token: Token, topic: impl Into<String>, payload: impl Into<Bytes>) -> Self {
        Self {
            token,
            topic: topic.into(),
            payload: payload.into(),
            acknowledged: true,
            retain: false,
            expiry: None,
            response_topic: None,
            correlation: None,
        }
    }
}

/// Filters to hear, all with QoS 1 and with the retain flag as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription(pub Vec<String>);

/// The broker sends no more than [`Limits::receive_maximum`] messages for which no receipt has come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt(pub(super) u16);

/// A message from the broker.
#[derive(Debug, PartialEq, Eq)]
pub struct Received {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Bytes,
    /// It was published to be kept.
    pub retain: bool,
    /// It may have come before.
    pub duplicate: bool,
    /// What is left of its message expiry.
    pub expiry: Option<Duration>,
    /// Where an answer goes.
    pub response_topic: Option<String>,
    /// What an answer carries.
    pub correlation: Option<Bytes>,
    /// Of a message with QoS 1: to be given back once it is safe. Without it the broker sends it again in a later connection.
    pub receipt: Option<Receipt>,
}

/// Why a publication got no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The broker takes no packet of this size; it was not sent.
    TooLarge,
    /// The broker does not allow it, or says that it cannot (the reason code of its PUBACK).
    ByBroker(u8),
}

/// What happens on a connection.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// It stands. Comes once, first.
    Connected {
        /// The broker remembers us.
        session_present: bool,
    },
    /// The answer to a [`Subscription`].
    Subscribed {
        /// Filters that the broker does not allow.
        refused: Vec<String>,
    },
    /// A message.
    Received(Received),
    /// A publication has reached the broker; with QoS 0: it was written.
    Acknowledged(Token),
    /// A publication has reached the broker, which says that nobody subscribes to its topic (MQTT 5 §3.4.2.1, 0x10). Not
    /// every broker says so.
    Unheard(Token),
    /// A publication is not taken and will not be.
    Refused(Token, Refused),
    /// It is over. Comes once, last.
    Disconnected(super::Reason),
}
