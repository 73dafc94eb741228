//! How a request can fail, in one word.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The contract's codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Done.
    Ok,
    /// No JSON, a duplicate key, too deep, or a number that no double holds.
    BadJson,
    /// A version of the contract that this reader does not know.
    BadVersion,
    /// No such command.
    UnknownCommand,
    /// A field is missing or wrong; a JSON pointer says which.
    InvalidParams,
    /// Whoever signed it may not ask for this.
    NotAuthorised,
    /// The signature is missing or wrong.
    BadSignature,
    /// Its time is over.
    Expired,
    /// The same id came with another content.
    DuplicateConflict,
    /// A revision below the one that is known.
    StaleRev,
    /// The known revision with another content.
    RevConflict,
    /// Not while a meeting goes on.
    BusyInCall,
    /// Something that must be true first is not.
    Precondition,
    /// This box has not what it takes.
    UnsupportedOnHw,
    /// Above the limit of its topic.
    TooLarge,
    /// Too many in a short time.
    RateLimited,
    /// It took too long.
    Timeout,
    /// The box restarted while it ran; nobody knows how far it came.
    Interrupted,
    /// No space left.
    StorageFull,
    /// A defect of the box.
    Internal,
}
