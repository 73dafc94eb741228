//! Whose a box is, where it stands, and who stood there before.

mod postgresql;
mod record;
mod rollouts;
mod sql;
mod sqlite;

use std::ops::RangeInclusive;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use fleet::contract::{Room, Serial, Site, Tenant};
use jiff::Timestamp;
use rand::RngExt;

pub use record::{BoxRecord, BoxState, Replacement, Stranger};
pub use rollouts::{RolloutError, RolloutHead, RolloutRecord, Seat, Wish};
use sql::{Sql, SqlError, Value};

/// How long a transaction that others get in the way of is tried again.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause before it is tried again is left to chance: who stepped on each other's feet once would do so again otherwise.
const PAUSE_MS: RangeInclusive<u64> = 1..=40;

/// Both databases take it; `BIGINT` are seconds since 1970.
const TABLES: [&str; 5] = [
    "CREATE TABLE IF NOT EXISTS boxes (serial TEXT PRIMARY KEY, tenant TEXT NOT NULL, site TEXT NOT NULL, room TEXT,
        state TEXT NOT NULL, claimed_by TEXT NOT NULL, claimed_at BIGINT NOT NULL,
        model TEXT, key_id TEXT, enrolled_at BIGINT, expires BIGINT)",
    // One room, one box.
    "CREATE UNIQUE INDEX IF NOT EXISTS boxes_room ON boxes (tenant, site, room)
        WHERE room IS NOT NULL AND state IN ('claimed', 'enrolled')",
    "CREATE TABLE IF NOT EXISTS replacements (tenant TEXT NOT NULL, site TEXT NOT NULL, room TEXT NOT NULL,
        old TEXT NOT NULL, new TEXT NOT NULL, by_whom TEXT NOT NULL, at BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS strangers (serial TEXT PRIMARY KEY, model TEXT NOT NULL, seen_at BIGINT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS rollouts (id TEXT PRIMARY KEY, tenant TEXT NOT NULL, document TEXT NOT NULL,
        revision BIGINT NOT NULL, over BIGINT NOT NULL, wish TEXT NOT NULL, wish_by TEXT NOT NULL, started_by TEXT NOT NULL,
        holder TEXT NOT NULL, holder_name TEXT NOT NULL, lease_until BIGINT NOT NULL)",
];

/// Why the registry does not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The box belongs elsewhere.
    #[error("{serial} belongs to {place}; to move it, say so")]
    Taken {
        /// Which box.
        serial: Serial,
        /// Tenant, site and room.
        place: String,
    },
    /// Another box stands there.
    #[error("{room} has a box, {occupant}; to replace it, say so")]
    Occupied {
        /// Which room.
        room: Room,
        /// Its box.
        occupant: Serial,
    },
    /// Somebody shut the box out; who wants it back says so first.
    #[error("{0} is blocked")]
    Blocked(Serial),
    /// Nobody knows it.
    #[error("{0} is not claimed")]
    Unknown(Serial),
    /// The database does not.
    #[error("the registry: {0}")]
    Database(String),
}

impl From<SqlError> for RegistryError {
    fn from(error: SqlError) -> Self {
        RegistryError::Database(error.to_string())
    }
}

/// A box that somebody says is theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Which.
    pub serial: Serial,
    /// Whose.
    pub tenant: Tenant,
    /// Where.
    pub site: Site,
    /// In which room; none: a spare.
    pub room: Option<Room>,
}

/// What a claim changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The box was nobody's.
    New,
    /// It stood like that already.
    Unchanged,
    /// It was elsewhere.
    Moved,
    /// It took the place of this one.
    Replaced(Serial),
}

/// What a box got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// Of its key, hexadecimal SHA-256.
    pub key_id: String,
    /// End of its certificate.
    pub expires: Timestamp,
    /// Model, as its maker calls it.
    pub model: String,
}

/// The registry.
pub struct Registry {
    sql: Box<dyn Sql>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Registry")
    }
}

impl Registry {
    /// `postgresql://USER@HOST/DATABASE` and `postgres://…` for PostgreSQL; anything else is the path of a file.
    ///
    /// # Errors
    /// What the database says.
    pub fn open(url: &str) -> Result<Self, RegistryError> {
        let mut sql: Box<dyn Sql> = if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Box::new(postgresql::Postgresql::connect(url)?)
        } else {
            Box::new(sqlite::Sqlite::open(Path::new(url))?)
        };
        // Two that open an empty database at once may get in each other's way.
        persistently(|| TABLES.iter().try_for_each(|table| sql.execute(table, &[]).map(|_| ())))?;
        Ok(Self { sql })
    }

    /// All of it or nothing, as if nobody else were there.
    fn transaction<T>(
        &mut self,
        mut work: impl FnMut(&mut dyn Sql) -> Result<Result<T, RegistryError>, SqlError>,
    ) -> Result<T, RegistryError> {
        let sql = &mut *self.sql;
        persistently(|| {
            let begun = sql.begin().and_then(|()| work(&mut *sql));
            let done = begun.and_then(|result| {
                if result.is_ok() {
                    sql.commit()?;
                } else {
                    sql.rollback();
                }
                Ok(result)
            });
            done.inspect_err(|_| sql.rollback())
        })?
    }

    /// Somebody says that a box is theirs. `force`: also when it stands elsewhere, or another stands there.
    ///
    /// # Errors
    /// [`RegistryError`]; nothing has changed then.
    pub fn claim(&mut self, claim: &Claim, by: &str, force: bool, now: Timestamp) -> Result<Claimed, RegistryError> {
        self.transaction(|sql| claim_one(sql, claim, by, force, now))
    }

    /// The same for many: all of them or none.
    ///
    /// # Errors
    /// The first that does not work, and its place in the list.
    pub fn claim_all(
        &mut self,
        claims: &[Claim],
        by: &str,
        force: bool,
        now: Timestamp,
    ) -> Result<Vec<Claimed>, (usize, RegistryError)> {
        let mut failed = 0;
        let all = self.transaction(|sql| {
            let mut all = Vec::with_capacity(claims.len());
            for (index, claim) in claims.iter().enumerate() {
                failed = index;
                match claim_one(sql, claim, by, force, now)? {
                    Ok(claimed) => all.push(claimed),
                    Err(error) => return Ok(Err(error)),
                }
            }
            Ok(Ok(all))
        });
        all.map_err(|error| (failed, error))
    }

    /// A box.
    ///
    /// # Errors
    /// What the database says.
    pub fn find(&mut self, serial: &Serial) -> Result<Option<BoxRecord>, RegistryError> {
        Ok(find(&mut *self.sql, serial)?)
    }

    /// All boxes, by site and room.
    ///
    /// # Errors
    /// What the database says.
    pub fn boxes(&mut self) -> Result<Vec<BoxRecord>, RegistryError> {
        let rows = self
            .sql
            .query(&format!("{} ORDER BY tenant, site, room, serial", record::SELECT), &[])?;
        Ok(rows.iter().filter_map(|row| BoxRecord::of(row)).collect())
    }

    /// Who took whose place, the latest first.
    ///
    /// # Errors
    /// What the database says.
    pub fn replacements(&mut self) -> Result<Vec<Replacement>, RegistryError> {
        let rows = self.sql.query(
            "SELECT tenant, site, room, old, new, by_whom, at FROM replacements ORDER BY at DESC",
            &[],
        )?;
        Ok(rows.iter().filter_map(|row| Replacement::of(row)).collect())
    }

    /// Boxes that asked and that nobody has claimed, the latest first.
    ///
    /// # Errors
    /// What the database says.
    pub fn strangers(&mut self) -> Result<Vec<Stranger>, RegistryError> {
        let rows = self.sql.query(
            "SELECT serial, model, seen_at FROM strangers ORDER BY seen_at DESC",
            &[],
        )?;
        Ok(rows.iter().filter_map(|row| Stranger::of(row)).collect())
    }

    /// A box that nobody has claimed has asked.
    ///
    /// # Errors
    /// What the database says.
    pub fn seen(&mut self, serial: &Serial, model: &str, now: Timestamp) -> Result<(), RegistryError> {
        self.sql.execute(
            "INSERT INTO strangers (serial, model, seen_at) VALUES ($1, $2, $3)
             ON CONFLICT (serial) DO UPDATE SET model = excluded.model, seen_at = excluded.seen_at",
            &[serial.as_str().into(), model.into(), now.as_second().into()],
        )?;
        Ok(())
    }

    /// A box gets a certificate, unless its place was given away meanwhile.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`], [`RegistryError::Blocked`].
    pub fn enrolled(&mut self, serial: &Serial, enrolled: &Enrolled, now: Timestamp) -> Result<(), RegistryError> {
        let changed = self.sql.execute(
            "UPDATE boxes SET state = 'enrolled', key_id = $1, expires = $2, model = $3, enrolled_at = $4
             WHERE serial = $5 AND state IN ('claimed', 'enrolled')",
            &[
                enrolled.key_id.as_str().into(),
                enrolled.expires.as_second().into(),
                enrolled.model.as_str().into(),
                now.as_second().into(),
                serial.as_str().into(),
            ],
        )?;
        if changed == 1 {
            Ok(())
        } else {
            Err(RegistryError::Unknown(serial.clone()))
        }
    }

    /// Shuts a box out; it gets no certificate any more.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`].
    pub fn block(&mut self, serial: &Serial) -> Result<(), RegistryError> {
        let changed = self.sql.execute(
            "UPDATE boxes SET state = 'blocked' WHERE serial = $1",
            &[serial.as_str().into()],
        )?;
        if changed == 1 {
            Ok(())
        } else {
            Err(RegistryError::Unknown(serial.clone()))
        }
    }

    /// Forgets a room: its boxes are nobody's any more, and nothing says that they stood there. Which boxes.
    ///
    /// # Errors
    /// What the database says.
    pub fn forget_room(&mut self, tenant: &Tenant, site: &Site, room: &Room) -> Result<Vec<Serial>, RegistryError> {
        let place: [Value; 3] = [tenant.as_str().into(), site.as_str().into(), room.as_str().into()];
        let boxes = self.transaction(|sql| {
            let here = "tenant = $1 AND site = $2 AND room = $3";
            let rows = sql.query(
                &format!("SELECT serial FROM boxes WHERE {here} ORDER BY serial"),
                &place,
            )?;
            sql.execute(&format!("DELETE FROM boxes WHERE {here}"), &place)?;
            sql.execute(&format!("DELETE FROM replacements WHERE {here}"), &place)?;
            let serials = rows.iter().filter_map(|row| row.first()?.text()?.try_into().ok());
            let serials: Vec<Serial> = serials.collect();
            let devices: Vec<_> = serials.iter().map(Serial::device).collect();
            rollouts::forget_boxes(sql, &devices)?;
            Ok(Ok(serials))
        })?;
        self.sql.scrub()?;
        Ok(boxes)
    }

    /// Forgets who claimed and replaced boxes, and who began, stopped and conducted rollouts. In how many entries.
    ///
    /// # Errors
    /// What the database says.
    pub fn forget_person(&mut self, name: &str) -> Result<u64, RegistryError> {
        let changed = self.transaction(|sql| {
            let claims = sql.execute("UPDATE boxes SET claimed_by = '' WHERE claimed_by = $1", &[name.into()])?;
            let replaced = sql.execute(
                "UPDATE replacements SET by_whom = '' WHERE by_whom = $1",
                &[name.into()],
            )?;
            let mut rollouts = 0;
            for column in ["wish_by", "started_by", "holder_name"] {
                let forget = format!("UPDATE rollouts SET {column} = '' WHERE {column} = $1");
                rollouts += sql.execute(&forget, &[name.into()])?;
            }
            Ok(Ok(claims + replaced + rollouts))
        })?;
        self.sql.scrub()?;
        Ok(changed)
    }
}

fn find(sql: &mut dyn Sql, serial: &Serial) -> Result<Option<BoxRecord>, SqlError> {
    let rows = sql.query(
        &format!("{} WHERE serial = $1", record::SELECT),
        &[serial.as_str().into()],
    )?;
    Ok(rows.first().and_then(|row| BoxRecord::of(row)))
}

fn claim_one(
    sql: &mut dyn Sql,
    claim: &Claim,
    by: &str,
    force: bool,
    now: Timestamp,
) -> Result<Result<Claimed, RegistryError>, SqlError> {
    let known = find(sql, &claim.serial)?;
    if let Some(known) = &known {
        let lives = matches!(known.state, BoxState::Claimed | BoxState::Enrolled);
        if lives && known.stands(claim) {
            return Ok(Ok(Claimed::Unchanged));
        }
        if known.state == BoxState::Blocked && !force {
            return Ok(Err(RegistryError::Blocked(claim.serial.clone())));
        }
        // A spare may go into a room, and one that was replaced may be used again, without more words.
        let is_free = !lives || known.room.is_none() && known.tenant == claim.tenant;
        if !is_free && !force {
            return Ok(Err(RegistryError::Taken {
                serial: claim.serial.clone(),
                place: known.place(),
            }));
        }
    }
    let occupant = match &claim.room {
        Some(room) => occupant(sql, claim, room)?,
        None => None,
    };
    if let (Some(occupant), Some(room)) = (&occupant, &claim.room) {
        if !force {
            return Ok(Err(RegistryError::Occupied {
                room: room.clone(),
                occupant: occupant.clone(),
            }));
        }
        sql.execute(
            "UPDATE boxes SET state = 'replaced' WHERE serial = $1",
            &[occupant.as_str().into()],
        )?;
        sql.execute(
            "INSERT INTO replacements (tenant, site, room, old, new, by_whom, at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[
                claim.tenant.as_str().into(),
                claim.site.as_str().into(),
                room.as_str().into(),
                occupant.as_str().into(),
                claim.serial.as_str().into(),
                by.into(),
                now.as_second().into(),
            ],
        )?;
    }
    sql.execute(
        "INSERT INTO boxes (serial, tenant, site, room, state, claimed_by, claimed_at)
         VALUES ($1, $2, $3, $4, 'claimed', $5, $6)
         ON CONFLICT (serial) DO UPDATE SET tenant = excluded.tenant, site = excluded.site, room = excluded.room,
            state = excluded.state, claimed_by = excluded.claimed_by, claimed_at = excluded.claimed_at",
        &[
            claim.serial.as_str().into(),
            claim.tenant.as_str().into(),
            claim.site.as_str().into(),
            claim.room.as_ref().map(Room::as_str).into(),
            by.into(),
            now.as_second().into(),
        ],
    )?;
    sql.execute(
        "DELETE FROM strangers WHERE serial = $1",
        &[claim.serial.as_str().into()],
    )?;
    Ok(Ok(match (occupant, known) {
        (Some(occupant), _) => Claimed::Replaced(occupant),
        (None, Some(_)) => Claimed::Moved,
        (None, None) => Claimed::New,
    }))
}

/// The other box of that room.
fn occupant(sql: &mut dyn Sql, claim: &Claim, room: &Room) -> Result<Option<Serial>, SqlError> {
    let rows = sql.query(
        "SELECT serial FROM boxes WHERE tenant = $1 AND site = $2 AND room = $3 AND serial <> $4
         AND state IN ('claimed', 'enrolled')",
        &[
            claim.tenant.as_str().into(),
            claim.site.as_str().into(),
            room.as_str().into(),
            claim.serial.as_str().into(),
        ],
    )?;
    Ok(rows.first().and_then(|row| row.first()?.text()?.try_into().ok()))
}

/// Tries again while others get in the way, but not for ever.
fn persistently<T>(mut attempt: impl FnMut() -> Result<T, SqlError>) -> Result<T, SqlError> {
    let begun = Instant::now();
    loop {
        match attempt() {
            Err(SqlError::Again) if begun.elapsed() < PATIENCE => {
                sleep(Duration::from_millis(rand::rng().random_range(PAUSE_MS)));
            }
            result => return result,
        }
    }
}
