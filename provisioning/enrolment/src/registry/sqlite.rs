//! SQLite: a file.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql, params_from_iter};

use super::sql::{Sql, SqlError, Value};

/// How long one writer waits for another.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection.
pub struct Sqlite(Connection);

impl Sqlite {
    /// Opens the file; it is made.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn open(path: &Path) -> Result<Self, SqlError> {
        let connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        // What is deleted is overwritten; what is acknowledged survives a power cut.
        connection
            .execute_batch("PRAGMA journal_mode = DELETE; PRAGMA secure_delete = ON; PRAGMA synchronous = FULL;")
            .map_err(failed)?;
        Ok(Self(connection))
    }
}

fn failed(error: rusqlite::Error) -> SqlError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => SqlError::Again,
        _ => SqlError::Failed(error.to_string()),
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Value::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Value::Integer(number) => (*number).into(),
            Value::Null => ToSqlOutput::Borrowed(ValueRef::Null),
        })
    }
}

/// Parameters by number are `?1` here.
fn numbered(sql: &str) -> String {
    sql.replace('$', "?")
}

impl Sql for Sqlite {
    fn begin(&mut self) -> Result<(), SqlError> {
        self.0.execute_batch("BEGIN IMMEDIATE").map_err(failed)
    }

    fn commit(&mut self) -> Result<(), SqlError> {
        self.0.execute_batch("COMMIT").map_err(failed)
    }

    fn rollback(&mut self) {
        let _ = self.0.execute_batch("ROLLBACK");
    }

    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, SqlError> {
        let changed = self
            .0
            .execute(&numbered(sql), params_from_iter(values))
            .map_err(failed)?;
        Ok(changed as u64)
    }

    fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Vec<Value>>, SqlError> {
        let mut statement = self.0.prepare(&numbered(sql)).map_err(failed)?;
        let columns = statement.column_count();
        let rows = statement.query_map(params_from_iter(values), |row| {
            (0..columns)
                .map(|column| {
                    Ok(match row.get_ref(column)? {
                        ValueRef::Integer(number) => Value::Integer(number),
                        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                        _ => Value::Null,
                    })
                })
                .collect()
        });
        rows.map_err(failed)?.collect::<Result<_, _>>().map_err(failed)
    }

    fn scrub(&mut self) -> Result<(), SqlError> {
        self.0.execute_batch("VACUUM").map_err(failed)
    }
}
