//! How a box gets into a fleet: `cr/v1/enrol/{serial}/req` and `/res`, on a listener of their own. Both are signed: the request
//! by the key that the maker gave the box, the answer by somebody who was granted `enrol`; so a broker can hold boxes up, but
//! neither take one nor give one away.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::channel::TopicError;
use super::envelope::Id;
use super::names::{DeviceId, NameError, Site, Tenant};
use super::trust::TrustDocument;

/// Begins the topics.
const ROOT: &str = "cr/v1/enrol";

/// Serial number of a box, as its maker printed it: letters, digits and hyphens; letters are capitals.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Serial(#[schemars(regex(pattern = "^[A-Z0-9-]{4,32}$"))] String);

impl Serial {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The box of this serial number in every fleet.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        DeviceId::of_serial(&self.0)
    }
}

impl TryFrom<&str> for Serial {
    type Error = NameError;

    fn try_from(text: &str) -> Result<Self, NameError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if (4..=32).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_ascii_uppercase()))
        } else {
            Err(NameError::new("a serial number", 4, 32))
        }
    }
}

impl TryFrom<String> for Serial {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.as_str().try_into()
    }
}

impl From<Serial> for String {
    fn from(serial: Serial) -> Self {
        serial.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which of the two topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnrolmentTopic {
    /// The box asks.
    Request,
    /// The service answers.
    Answer,
}

impl EnrolmentTopic {
    /// Largest document inside the signature, bytes.
    pub const MAX_BYTES: usize = 16 * 1024;

    /// Of a box.
    #[must_use]
    pub fn of(self, serial: &Serial) -> String {
        format!("{ROOT}/{serial}/{}", self.word())
    }

    /// Of all boxes, as a filter.
    #[must_use]
    pub fn filter(self) -> String {
        format!("{ROOT}/+/{}", self.word())
    }

    const fn word(self) -> &'static str {
        match self {
            EnrolmentTopic::Request => "req",
            EnrolmentTopic::Answer => "res",
        }
    }

    /// Reads a topic.
    ///
    /// # Errors
    /// [`TopicError`].
    pub fn parse(topic: &str) -> Result<(Serial, Self), TopicError> {
        let rest = topic.strip_prefix(ROOT).and_then(|rest| rest.strip_prefix('/'));
        let (serial, word) = rest.and_then(|rest| rest.split_once('/')).ok_or(TopicError)?;
        let read = Serial::try_from(serial).map_err(|_| TopicError)?;
        let topic = match word {
            "req" => EnrolmentTopic::Request,
            "res" => EnrolmentTopic::Answer,
            _ => return Err(TopicError),
        };
        if read.as_str() == serial {
            Ok((read, topic))
        } else {
            Err(TopicError)
        }
    }
}

/// A box asks for a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EnrolmentRequest {
    /// Chosen anew by the box; the answer repeats it.
    #[schemars(length(min = 16, max = 64))]
    pub nonce: String,
    /// PKCS #10 (RFC 2986) of the key that shall be certified, DER in base64. Only the key of it counts.
    pub csr: String,
    /// Model, as its maker calls it.
    #[schemars(length(max = 64))]
    pub model: String,
    /// Release that runs.
    #[schemars(length(max = 64))]
    pub fw: String,
}

/// What the service says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EnrolmentAnswer {
    /// Id of the request.
    pub re: Id,
    /// Of the request.
    pub nonce: String,
    /// The decision.
    #[serde(flatten)]
    pub decision: Decision,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Decision {
    /// Nobody has claimed the serial number yet.
    Pending {
        /// The box may ask again then.
        retry_after_s: u32,
    },
    /// The box belongs to somebody.
    Issued(Box<Issued>),
    /// It does not, and asking again soon is no use.
    Denied {
        /// Why.
        reason: DenialReason,
    },
}

/// Why a box is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DenialReason {
    /// Another box has taken its place.
    Replaced,
    /// Its owner has shut it out.
    Blocked,
    /// The request is not what it should be.
    BadRequest,
}

/// What a box gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Issued {
    /// Its organisation.
    pub tenant: Tenant,
    /// Where it stands.
    pub site: Site,
    /// Its name.
    pub device: DeviceId,
    /// Its certificate and those between it and the authority, each DER in base64.
    #[schemars(length(min = 1, max = 4))]
    pub chain: Vec<String>,
    /// End of that certificate.
    pub expires: Timestamp,
    /// Brokers as `HOST:PORT`, the first that answers counts.
    #[schemars(length(min = 1, max = 8))]
    pub endpoints: Vec<String>,
    /// Whom it shall trust.
    pub trust: TrustDocument,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_is_the_same_however_it_is_typed() {
        let serial = Serial::try_from("hc24-000123").unwrap();
        assert_eq!(serial.as_str(), "HC24-000123");
        assert_eq!(serial.device().as_str(), "box-hc24-000123");
        for bad in ["", "abc", "with space", "a/b/c", "++++", "é1234", &"X".repeat(33)] {
            assert!(Serial::try_from(bad).is_err(), "{bad}");
        }
        for length in [4, 32] {
            let serial = Serial::try_from("X".repeat(length).as_str()).unwrap();
            assert!(DeviceId::try_from(serial.device().as_str()).is_ok(), "{length}");
        }
    }

    #[test]
    fn topics_are_read_as_they_are_written() {
        let serial = Serial::try_from("HC24-000123").unwrap();
        for topic in [EnrolmentTopic::Request, EnrolmentTopic::Answer] {
            assert_eq!(EnrolmentTopic::parse(&topic.of(&serial)), Ok((serial.clone(), topic)));
        }
        for bad in [
            "cr/v1/enrol/hc24-000123/req",
            "cr/v1/enrol/HC24-000123",
            "cr/v1/enrol/HC24-000123/req/x",
            "cr/v1/enrol//req",
            "cr/v1/enrol/+/req",
            "cr/v1/etat/HC24-000123/req",
        ] {
            assert_eq!(EnrolmentTopic::parse(bad), Err(TopicError), "{bad}");
        }
    }
}
