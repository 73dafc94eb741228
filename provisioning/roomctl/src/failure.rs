//! How it can end, and with which number.

use roomctl::apply::ApplyError;
use roomctl::author::AuthorError;
use roomctl::console::ConsoleError;
use roomctl::office::OfficeError;
use roomctl::order::OrderError;

/// Not well.
#[derive(Debug)]
pub enum Failure {
    /// A box refuses or fails; it has been said.
    Refused,
    /// What was typed or written is wrong.
    Wrong(String),
    /// The broker.
    Broker(String),
    /// Somebody else was faster; it has been said.
    Conflict,
    /// A box says nothing.
    Silent(String),
    /// Somebody pressed Ctrl-C before the end; it has been said.
    Left,
}

impl Failure {
    /// The exit code.
    pub const fn code(&self) -> u8 {
        match self {
            Failure::Refused => 1,
            Failure::Wrong(_) => 2,
            Failure::Broker(_) => 3,
            Failure::Conflict => 4,
            Failure::Silent(_) => 5,
            Failure::Left => 130,
        }
    }

    /// What is still to be said.
    pub fn sentence(&self) -> Option<&str> {
        match self {
            Failure::Refused | Failure::Conflict | Failure::Left => None,
            Failure::Wrong(text) | Failure::Broker(text) | Failure::Silent(text) => Some(text),
        }
    }
}

impl From<OfficeError> for Failure {
    fn from(error: OfficeError) -> Self {
        Failure::Wrong(error.to_string())
    }
}

impl From<ConsoleError> for Failure {
    fn from(error: ConsoleError) -> Self {
        Failure::Broker(error.to_string())
    }
}

impl From<AuthorError> for Failure {
    fn from(error: AuthorError) -> Self {
        Failure::Wrong(error.to_string())
    }
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Console(error) => error.into(),
            ApplyError::Author(error) => error.into(),
            error @ ApplyError::TooLarge(..) => Failure::Wrong(error.to_string()),
        }
    }
}

impl From<OrderError> for Failure {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Console(error) => error.into(),
            OrderError::Author(error) => error.into(),
            error @ OrderError::NoAnswer(_) => Failure::Silent(error.to_string()),
        }
    }
}
