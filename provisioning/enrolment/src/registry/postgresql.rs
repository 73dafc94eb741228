//! PostgreSQL, by URL.

use openssl::ssl::{SslConnector, SslMethod};
use postgres::error::SqlState;
use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Row};
use postgres_openssl::MakeTlsConnector;

use super::sql::{Sql, SqlError, Value};

/// A connection.
pub struct Postgresql(Client);

impl Postgresql {
    /// Connects. `sslmode` in the URL says whether in TLS; the certificate is checked against the system's authorities.
    ///
    /// # Errors
    /// What the server says.
    pub fn connect(url: &str) -> Result<Self, SqlError> {
        let tls =
            SslConnector::builder(SslMethod::tls_client()).map_err(|error| SqlError::Failed(error.to_string()))?;
        let client = Client::connect(url, MakeTlsConnector::new(tls.build())).map_err(|error| failed(&error))?;
        Ok(Self(client))
    }
}

fn failed(error: &postgres::Error) -> SqlError {
    let again = [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::UNIQUE_VIOLATION,
    ];
    match error.code() {
        Some(code) if again.contains(code) => SqlError::Again,
        // The plain text of the error alone names no reason.
        _ => SqlError::Failed(
            error
                .as_db_error()
                .map_or_else(|| error.to_string(), ToString::to_string),
        ),
    }
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Text(text) => text.to_sql(ty, out),
            Value::Integer(number) => number.to_sql(ty, out),
            Value::Null => Ok(IsNull::Yes),
        }
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::TEXT | Type::INT8)
    }

    to_sql_checked!();
}

fn values(row: &Row) -> Result<Vec<Value>, SqlError> {
    let one = |index: usize, ty: &Type| match *ty {
        Type::INT8 => row
            .try_get::<_, Option<i64>>(index)
            .map(|number| number.map_or(Value::Null, Value::Integer)),
        _ => row
            .try_get::<_, Option<String>>(index)
            .map(|text| text.map_or(Value::Null, Value::Text)),
    };
    let columns = row.columns().iter().enumerate();
    columns
        .map(|(index, column)| one(index, column.type_()).map_err(|error| failed(&error)))
        .collect()
}

impl Sql for Postgresql {
    fn begin(&mut self) -> Result<(), SqlError> {
        let begun = self.0.batch_execute("BEGIN ISOLATION LEVEL SERIALIZABLE");
        begun.map_err(|error| failed(&error))
    }

    fn commit(&mut self) -> Result<(), SqlError> {
        self.0.batch_execute("COMMIT").map_err(|error| failed(&error))
    }

    fn rollback(&mut self) {
        let _ = self.0.batch_execute("ROLLBACK");
    }

    fn execute(&mut self, sql: &str, values: &[Value]) -> Result<u64, SqlError> {
        let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
        self.0.execute(sql, &values).map_err(|error| failed(&error))
    }

    fn query(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, SqlError> {
        let parameters: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|value| value as _).collect();
        let rows = self.0.query(sql, &parameters).map_err(|error| failed(&error))?;
        rows.iter().map(values).collect()
    }

    fn scrub(&mut self) -> Result<(), SqlError> {
        // One at a time: several in one batch would be a transaction, in which this cannot be done.
        for table in ["boxes", "replacements", "rollouts"] {
            let scrubbed = self.0.batch_execute(&format!("VACUUM FULL {table}"));
            scrubbed.map_err(|error| failed(&error))?;
        }
        Ok(())
    }
}
