//! What comes out of a session.

use std::time::Duration;

use super::settings::{Receipt, Token};
use crate::contract::{Code, Command, CommandName, Configuration, Id, Notice, Order, Update};

/// What shall happen outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// The link: connect; MQTT 5, Clean Start 0. Answered by [`super::Input::Connected`] or
    /// [`super::Input::ConnectFailed`], in bounded time.
    Connect(Connect),
    /// The link: subscribe at QoS 1, the broker sends what it has retained. Answered by [`super::Input::Subscribed`].
    Subscribe(Vec<String>),
    /// The link: publish, in this order.
    Publish(Publication),
    /// The link: the PUBACK of a message may go out. In the order of the messages.
    Acknowledge(Receipt),
    /// The link: DISCONNECT without will. Answered by [`super::Input::Disconnected`].
    Disconnect,
    /// The store: all of it or nothing, in this order. One at a time; answered by [`super::Input::Written`] or
    /// [`super::Input::WriteFailed`].
    Write {
        /// For the answer.
        token: Token,
        /// The later one of a key counts.
        records: Vec<Record>,
    },
    /// The box: execute, once. Answered by [`super::Input::Answer`].
    Execute(Execution),
    /// The box: validate all of it, then apply it or nothing. Answered by [`super::Input::Configured`].
    Apply {
        /// What the box shall be.
        configuration: Box<Configuration>,
        /// Its network settings have to prove themselves: what they replace must stay at hand for [`Output::Restore`].
        trial: bool,
    },
    /// The box: the trial of a configuration is lost; be again what this says, and without one as the box was delivered.
    Restore(Option<Box<Configuration>>),
    /// The update: the release to reach. Comes again at each start.
    Update(Box<Update>),
    /// The wall: show, in place of what this scope showed.
    ShowNotice(Scope, Box<Notice>),
    /// The wall: nothing more from this scope.
    ClearNotice(Scope),
    /// The audit of the box: something was refused; as often as `evt/security`, once a minute at most.
    Security {
        /// In one word, as in the event.
        event: String,
        /// Why.
        code: Code,
        /// How many were refused since the last one.
        count: u64,
    },
    /// Everything is said; nothing comes any more.
    Stopped,
}

/// To whom a notice speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// To this box: its room, its site.
    Own,
    /// To everybody of the tenant.
    All,
}

/// What a CONNECT says beyond the constants here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// Client id.
    pub client: String,
    /// The will, QoS 1 and retained.
    pub will: Will,
}

impl Connect {
    /// PINGREQ after so much silence.
    pub const KEEP_ALIVE: Duration = Duration::from_secs(60);
    /// The broker keeps the session so long.
    pub const SESSION_EXPIRY: Duration = Duration::from_secs(3_600);
    /// Messages of QoS 1 that may be on their way to the box.
    pub const RECEIVE_MAXIMUM: u16 = 16;
    /// Bytes of a packet, both ways.
    pub const MAXIMUM_PACKET: u32 = 131_072;
}

/// What the broker says when the box does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// `online`.
    pub topic: String,
    /// An [`crate::contract::Offline`].
    pub payload: Vec<u8>,
}

impl Will {
    /// It waits so long for the box to return.
    pub const DELAY: Duration = Duration::from_secs(30);
}

/// A PUBLISH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// At QoS 1, for [`super::Input::Acknowledged`]; none: QoS 0.
    pub token: Option<Token>,
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Vec<u8>,
    /// The broker keeps it.
    pub retain: bool,
    /// Message expiry.
    pub expiry: Option<Duration>,
    /// Correlation data.
    pub correlation: Option<Vec<u8>>,
}

/// A record of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Which; up to 64 bytes.
    pub key: String,
    /// None removes it.
    pub value: Option<Vec<u8>>,
}

impl Record {
    pub(super) fn put(key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self {
            key: key.into(),
            value: Some(value.into()),
        }
    }

    pub(super) fn remove(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: None,
        }
    }
}

/// A command to execute.
#[derive(Clone, PartialEq)]
pub struct Execution {
    /// For the answer.
    pub id: Id,
    /// Which.
    pub name: CommandName,
    /// With its parameters.
    pub order: Order,
    /// As it came.
    pub command: Command,
    /// Who signed it. Always there when the command is dangerous.
    pub signer: Option<String>,
    /// [`CommandName::dangerous`]: it is shown on the wall.
    pub dangerous: bool,
}

impl std::fmt::Debug for Execution {
    /// Without parameters, which may hold a room or a token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name.as_str(), self.id)
    }
}
