//! What goes into a session.

use std::time::Duration;

use serde_json::{Map, Value};

use super::settings::{Receipt, Token};
use crate::contract::{
    AnswerStatus, Code, ConfigurationError, EventClass, Id, Metadata, OfflineReason, State, Telemetry, TelemetryStream,
    UpdateReport,
};

/// What happened outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The link: the CONNACK of the last [`super::Output::Connect`] is here.
    Connected {
        /// The broker still knows the session of before.
        session_present: bool,
    },
    /// The link: that attempt came to nothing.
    ConnectFailed {
        /// The broker says that it is busy (reasons 0x88, 0x89, 0x97, 0x9F).
        busy: bool,
    },
    /// The link: the connection is over, on purpose or not. All tokens of publications and all receipts of it are void; the
    /// link forgets what was on its way, for the session publishes again what still counts.
    Disconnected,
    /// The link: the SUBACK is here.
    Subscribed {
        /// All filters were granted.
        granted: bool,
    },
    /// The link: a message. Its PUBACK goes out with [`super::Output::Acknowledge`], not before.
    Received(Received),
    /// The link: the PUBACK of a publication.
    Acknowledged {
        /// Of [`super::Publication`].
        token: Token,
    },
    /// The store: these records are on disk and survive a power cut.
    Written {
        /// Of [`super::Output::Write`].
        token: Token,
    },
    /// The store: none of these records could be written. The session tries again.
    WriteFailed {
        /// Of [`super::Output::Write`].
        token: Token,
    },
    /// The box: a part of its state, as it is now. The last of each part counts.
    State(State),
    /// The box: what it is, as far as that changed since [`super::Settings::metadata`].
    Metadata(Metadata),
    /// The box: something happened.
    Event {
        /// Which class.
        class: EventClass,
        /// In one word.
        event: String,
        /// The circumstances; without names of people.
        detail: Map<String, Value>,
    },
    /// The box: measurements.
    Telemetry {
        /// Which stream.
        stream: TelemetryStream,
        /// The measurements.
        telemetry: Telemetry,
    },
    /// The box: how far an execution is, or how it ended. The first final word counts.
    Answer {
        /// Of the command.
        id: Id,
        /// What to say.
        reply: Reply,
    },
    /// The box: what became of [`super::Output::Apply`]. No errors: it is in effect.
    Configured {
        /// Of the configuration.
        rev: u64,
        /// Why nothing of it was taken.
        errors: Vec<ConfigurationError>,
    },
    /// The box: JSON pointers to all settings that somebody changed in the room.
    Drift(Vec<String>),
    /// The update: how far it is.
    UpdateReport(UpdateReport),
    /// The box: a meeting goes on. None does at birth.
    Meeting(bool),
    /// The box: it has another certificate. The next connection, which begins at once, is made with it.
    Anew,
    /// [`super::Session::next_deadline`] has come, or the clock was set.
    Tick,
    /// The box: it is about to stop. Ends with [`super::Output::Stopped`], after five seconds at the latest.
    Stop(OfflineReason),
}

/// A message from the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// For its PUBACK.
    pub receipt: Receipt,
    /// Where it stood.
    pub topic: String,
    /// As it came.
    pub payload: Vec<u8>,
    /// It was kept by the broker, and did not just happen.
    pub retain: bool,
    /// What is left of its message expiry.
    pub expiry: Option<Duration>,
    /// Correlation data.
    pub correlation: Option<Vec<u8>>,
    /// Response topic.
    pub response_topic: Option<String>,
}

/// What the box says to a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// [`AnswerStatus::Done`], [`AnswerStatus::Failed`] and [`AnswerStatus::Rejected`] are final.
    pub status: AnswerStatus,
    /// In one word.
    pub code: Code,
    /// In a sentence.
    pub msg: String,
    /// JSON pointer to the parameter that is wrong.
    pub path: Option<String>,
    /// Worth trying again then.
    pub retry_after_ms: u64,
    /// Percent.
    pub progress: Option<u8>,
    /// What was asked for.
    pub result: Map<String, Value>,
}

impl Reply {
    /// It goes on.
    #[must_use]
    pub fn running(progress: Option<u8>, msg: impl Into<String>) -> Self {
        Self {
            progress,
            ..Self::new(AnswerStatus::Running, Code::Ok, msg)
        }
    }

    /// It is done.
    #[must_use]
    pub fn done(result: Map<String, Value>) -> Self {
        Self {
            result,
            ..Self::new(AnswerStatus::Done, Code::Ok, "")
        }
    }

    /// It was tried.
    #[must_use]
    pub fn failed(code: Code, msg: impl Into<String>) -> Self {
        Self::new(AnswerStatus::Failed, code, msg)
    }

    /// It was not tried.
    #[must_use]
    pub fn rejected(code: Code, msg: impl Into<String>) -> Self {
        Self::new(AnswerStatus::Rejected, code, msg)
    }

    /// With a pointer to the parameter that is wrong.
    #[must_use]
    pub fn at(self, path: impl Into<String>) -> Self {
        Self {
            path: Some(path.into()),
            ..self
        }
    }

    fn new(status: AnswerStatus, code: Code, msg: impl Into<String>) -> Self {
        Self {
            status,
            code,
            msg: msg.into(),
            path: None,
            retry_after_ms: 0,
            progress: None,
            result: Map::new(),
        }
    }
}
