//! What stands in every payload.

use std::fmt;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ulid::Ulid;

use super::json::{self, Refusal};

/// Of the contract: it changes only when an old reader would be wrong.
pub const VERSION: u32 = 1;

/// A ULID: unique, and it sorts by time of birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(pub Ulid);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl JsonSchema for Id {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$",
            "description": "A ULID."
        })
    }
}

/// How far `ts` can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// Set by a time server.
    Sync,
    /// Running, but not set since the start.
    Unsync,
    /// There is none.
    None,
}

/// What every message says of itself. Order is by (`boot`, `seq`), never by `ts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Envelope {
    /// [`VERSION`].
    pub v: u32,
    /// Of this message.
    pub id: Id,
    /// When it was made.
    pub ts: Timestamp,
    /// What `ts` is worth.
    pub clk: Clock,
    /// Changes at each start of the sender; 8 to 36 characters.
    #[schemars(length(min = 8, max = 36))]
    pub boot: String,
    /// Milliseconds since that start.
    pub up_ms: u64,
    /// Counts per boot and topic family; a gap is a visible loss.
    pub seq: u64,
}

/// A document with its envelope: what is on the wire, as one flat object.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Message<T> {
    /// What it says of itself.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// What it says.
    #[serde(flatten)]
    pub body: T,
}

impl<T: DeserializeOwned> Message<T> {
    /// Reads a message of at most `max_bytes`. Unknown fields are passed over.
    ///
    /// # Errors
    /// As [`super::parse`].
    pub fn parse(bytes: &[u8], max_bytes: usize) -> Result<Self, Refusal> {
        Self::of(&json::value(bytes, max_bytes)?)
    }

    pub(super) fn of(value: &Value) -> Result<Self, Refusal> {
        Ok(Self {
            envelope: json::typed(value)?,
            body: json::typed(value)?,
        })
    }
}
