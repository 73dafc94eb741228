//! What both databases are asked.

/// A value in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// TEXT.
    Text(String),
    /// BIGINT.
    Integer(i64),
    /// Nothing.
    Null,
}

impl Value {
    /// The text, or nothing.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, or nothing.
    pub const fn integer(&self) -> Option<i64> {
        match self {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Integer(number)
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Value::Null, Value::from)
    }
}

/// What a database says when it does not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// Somebody else was faster: the transaction may be tried again.
    #[error("somebody else writes at the same time")]
    Again,
    /// It cannot.
    #[error("{0}")]
    Failed(String),
}

/// A connection to a database. Values are TEXT and BIGINT alone; parameters are `$1`, `$2`, in order.
pub trait Sql: Send {
    /// Begins a transaction that sees and changes the whole as if it were alone.
    fn begin(&mut self) -> Result<(), SqlError>;
    /// Ends it, with what it did.
    fn commit(&mut self) -> Result<(), SqlError>;
    /// Ends it as if it had not been.
    fn rollback(&mut self);
    /// Changes rows; how many.
    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, SqlError>;
    /// Reads rows.
    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Vec<Value>>, SqlError>;
    /// What was deleted is gone from the files, too, as far as the database can see to it.
    fn scrub(&mut self) -> Result<(), SqlError>;
}
