//! Rollouts: a row each. Who changes it says which revision was read, and is refused when somebody else was faster. One
//! conducts, as long as the lease is renewed.

use fleet::contract::{DeviceId, Tenant};
use jiff::Timestamp;

use super::sql::{Sql, SqlError, Value};
use super::{Registry, RegistryError};

const SELECT: &str =
    "SELECT id, tenant, document, revision, over, wish, wish_by, started_by, holder, holder_name, lease_until
    FROM rollouts";

/// What somebody wants a rollout to do; its conductor obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To go on.
    Run,
    /// To wait.
    Pause,
    /// To end.
    Abort,
}

impl Wish {
    const fn as_str(self) -> &'static str {
        match self {
            Wish::Run => "run",
            Wish::Pause => "pause",
            Wish::Abort => "abort",
        }
    }

    fn of(text: &str) -> Self {
        match text {
            "run" => Wish::Run,
            "pause" => Wish::Pause,
            _ => Wish::Abort,
        }
    }
}

/// A rollout as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutRecord {
    /// Which.
    pub id: String,
    /// Whose boxes.
    pub tenant: Tenant,
    /// Everything else: JSON, without names of people.
    pub document: String,
    /// Grows with each change.
    pub revision: i64,
    /// Nothing more happens.
    pub over: bool,
    /// What is wanted.
    pub wish: Wish,
    /// By whom; empty: forgotten.
    pub wish_by: String,
    /// Who began it; empty: forgotten.
    pub started_by: String,
    /// Who conducts.
    pub seat: Option<Seat>,
}

/// The seat of a conductor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Which program: unique.
    pub holder: String,
    /// Whose; empty: forgotten.
    pub name: String,
    /// It is free again then.
    pub until: Timestamp,
}

/// Why a rollout is not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RolloutError {
    /// Another one has some of the same boxes.
    #[error("rollout {id} has some of these boxes, and is not over")]
    Overlaps {
        /// Which.
        id: String,
    },
    /// Somebody else changed it meanwhile.
    #[error("somebody else has changed rollout {0} meanwhile")]
    Changed(String),
    /// Somebody else conducts it.
    #[error("rollout {id} is conducted by {name} until {until} at least")]
    Held {
        /// Which.
        id: String,
        /// Who.
        name: String,
        /// End of the lease.
        until: Timestamp,
    },
    /// There is none of that name.
    #[error("no rollout is called {0}")]
    Unknown(String),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl RolloutRecord {
    fn of(row: &[Value]) -> Option<Self> {
        let [
            id,
            tenant,
            document,
            revision,
            over,
            wish,
            wish_by,
            started_by,
            holder,
            name,
            until,
        ] = row
        else {
            return None;
        };
        let seat = || {
            Some(Seat {
                holder: holder.text().filter(|holder| !holder.is_empty())?.into(),
                name: name.text()?.into(),
                until: Timestamp::from_second(until.integer()?).ok()?,
            })
        };
        Some(Self {
            seat: seat(),
            id: id.text()?.into(),
            tenant: tenant.text()?.try_into().ok()?,
            document: document.text()?.into(),
            revision: revision.integer()?,
            over: over.integer()? != 0,
            wish: Wish::of(wish.text()?),
            wish_by: wish_by.text()?.into(),
            started_by: started_by.text()?.into(),
        })
    }
}

impl Registry {
    /// A rollout begins, with a seat for its conductor. `overlaps`: whether that other one, which is not over, has some of its
    /// boxes.
    ///
    /// # Errors
    /// [`RolloutError::Overlaps`].
    pub fn begin_rollout(
        &mut self,
        rollout: &RolloutRecord,
        overlaps: impl Fn(&RolloutRecord) -> bool,
    ) -> Result<(), RolloutError> {
        let seat = rollout.seat.as_ref();
        let other = self.transaction(|sql| {
            let open = read(sql, "WHERE tenant = $1 AND over = 0", &[rollout.tenant.as_str().into()])?;
            if let Some(other) = open.into_iter().find(&overlaps) {
                return Ok(Ok(Some(other.id)));
            }
            sql.execute(
                "INSERT INTO rollouts (id, tenant, document, revision, over, wish, wish_by, started_by, holder,
                    holder_name, lease_until) VALUES ($1, $2, $3, 1, 0, $4, $5, $6, $7, $8, $9)",
                &[
                    rollout.id.as_str().into(),
                    rollout.tenant.as_str().into(),
                    rollout.document.as_str().into(),
                    rollout.wish.as_str().into(),
                    rollout.wish_by.as_str().into(),
                    rollout.started_by.as_str().into(),
                    seat.map_or("", |seat| &seat.holder).into(),
                    seat.map_or("", |seat| &seat.name).into(),
                    seat.map_or(0, |seat| seat.until.as_second()).into(),
                ],
            )?;
            Ok(Ok(None))
        })?;
        other.map_or(Ok(()), |id| Err(RolloutError::Overlaps { id }))
    }

    /// A rollout.
    ///
    /// # Errors
    /// [`RolloutError::Unknown`].
    pub fn rollout(&mut self, id: &str) -> Result<RolloutRecord, RolloutError> {
        let found = read(&mut *self.sql, "WHERE id = $1", &[id.into()]).map_err(RegistryError::from)?;
        found.into_iter().next().ok_or_else(|| RolloutError::Unknown(id.into()))
    }

    /// What is wanted of it now, and by whom.
    ///
    /// # Errors
    /// [`RolloutError::Unknown`].
    pub fn rollout_wish(&mut self, id: &str) -> Result<(Wish, String), RolloutError> {
        let rows = self
            .sql
            .query("SELECT wish, wish_by FROM rollouts WHERE id = $1", &[id.into()]);
        let rows = rows.map_err(RegistryError::from)?;
        let wanted = rows
            .first()
            .and_then(|row| Some((Wish::of(row.first()?.text()?), row.get(1)?.text()?.to_owned())));
        wanted.ok_or_else(|| RolloutError::Unknown(id.into()))
    }

    /// All rollouts of an organisation, the oldest first.
    ///
    /// # Errors
    /// What the database says.
    pub fn rollouts(&mut self, tenant: &Tenant) -> Result<Vec<RolloutRecord>, RolloutError> {
        let all = read(
            &mut *self.sql,
            "WHERE tenant = $1 ORDER BY id",
            &[tenant.as_str().into()],
        );
        Ok(all.map_err(RegistryError::from)?)
    }

    /// Its conductor says how far it is. The new revision.
    ///
    /// # Errors
    /// [`RolloutError::Changed`]: it is not the one that was read, or the seat is somebody else's.
    pub fn save_rollout(&mut self, read: &RolloutRecord, holder: &str) -> Result<i64, RolloutError> {
        let values = [
            read.document.as_str().into(),
            i64::from(read.over).into(),
            read.id.as_str().into(),
            read.revision.into(),
            holder.into(),
        ];
        self.change(
            &read.id,
            "UPDATE rollouts SET document = $1, over = $2, revision = revision + 1
             WHERE id = $3 AND revision = $4 AND holder = $5",
            &values,
        )?;
        Ok(read.revision + 1)
    }

    /// Somebody wants something. The new revision.
    ///
    /// # Errors
    /// [`RolloutError::Changed`].
    pub fn wish_rollout(&mut self, read: &RolloutRecord, wish: Wish, by: &str) -> Result<i64, RolloutError> {
        let values = [
            wish.as_str().into(),
            by.into(),
            read.id.as_str().into(),
            read.revision.into(),
        ];
        self.change(
            &read.id,
            "UPDATE rollouts SET wish = $1, wish_by = $2, revision = revision + 1 WHERE id = $3 AND revision = $4",
            &values,
        )?;
        Ok(read.revision + 1)
    }

    /// Keeps the conductor's seat. A lease that has run out is no matter, as long as nobody else sat there: whoever did may have
    /// changed everything.
    ///
    /// # Errors
    /// [`RolloutError::Changed`]: it is not one's own any more.
    pub fn keep_seat(&mut self, id: &str, seat: &Seat) -> Result<(), RolloutError> {
        let values = [seat.until.as_second().into(), id.into(), seat.holder.as_str().into()];
        self.change(
            id,
            "UPDATE rollouts SET lease_until = $1 WHERE id = $2 AND holder = $3",
            &values,
        )
    }

    /// Takes the conductor's seat: when it is free, when its lease has run out, when it is one's own.
    ///
    /// # Errors
    /// [`RolloutError::Held`], [`RolloutError::Unknown`].
    pub fn take_seat(&mut self, id: &str, seat: &Seat, now: Timestamp) -> Result<(), RolloutError> {
        let changed = self.sql.execute(
            "UPDATE rollouts SET holder = $1, holder_name = $2, lease_until = $3
             WHERE id = $4 AND (holder = $5 OR holder = '' OR lease_until < $6)",
            &[
                seat.holder.as_str().into(),
                seat.name.as_str().into(),
                seat.until.as_second().into(),
                id.into(),
                seat.holder.as_str().into(),
                now.as_second().into(),
            ],
        );
        if changed.map_err(RegistryError::from)? == 1 {
            return Ok(());
        }
        let there = self.rollout(id)?.seat;
        Err(RolloutError::Held {
            id: id.into(),
            name: there.as_ref().map(|seat| seat.name.clone()).unwrap_or_default(),
            until: there.map_or(now, |seat| seat.until),
        })
    }

    /// Leaves it to whoever comes next.
    ///
    /// # Errors
    /// What the database says.
    pub fn leave_seat(&mut self, id: &str, holder: &str) -> Result<(), RolloutError> {
        let left = self.sql.execute(
            "UPDATE rollouts SET holder = '', holder_name = '', lease_until = 0 WHERE id = $1 AND holder = $2",
            &[id.into(), holder.into()],
        );
        left.map_err(RegistryError::from)?;
        Ok(())
    }

    fn change(&mut self, id: &str, sql: &str, values: &[Value]) -> Result<(), RolloutError> {
        match self.sql.execute(sql, values) {
            Ok(1) => Ok(()),
            Ok(_) | Err(SqlError::Again) => Err(RolloutError::Changed(id.into())),
            Err(error) => Err(RegistryError::from(error).into()),
        }
    }
}

fn read(sql: &mut dyn Sql, which: &str, values: &[Value]) -> Result<Vec<RolloutRecord>, SqlError> {
    let rows = sql.query(&format!("{SELECT} {which}"), values)?;
    Ok(rows.iter().filter_map(|row| RolloutRecord::of(row)).collect())
}

/// Nothing of these boxes stays in any rollout. A conductor notices, because the revision is another.
pub(super) fn forget_boxes(sql: &mut dyn Sql, gone: &[DeviceId]) -> Result<(), SqlError> {
    let failed = |error: serde_json::Error| SqlError::Failed(error.to_string());
    for record in read(sql, "", &[])? {
        let mut document: serde_json::Value = serde_json::from_str(&record.document).map_err(failed)?;
        if !gone.iter().any(|device| record.document.contains(device.as_str())) {
            continue;
        }
        strip(&mut document, gone);
        sql.execute(
            "UPDATE rollouts SET document = $1, revision = revision + 1 WHERE id = $2",
            &[document.to_string().as_str().into(), record.id.as_str().into()],
        )?;
    }
    Ok(())
}

/// Out of lists go names of boxes, and everything whose `device` is one.
fn strip(value: &mut serde_json::Value, gone: &[DeviceId]) {
    use serde_json::Value::{Array, Object, String};
    let is_gone = |value: &serde_json::Value| match value {
        String(text) => gone.iter().any(|device| device.as_str() == text),
        Object(fields) => fields
            .get("device")
            .is_some_and(|name| gone.iter().any(|device| *name == device.as_str())),
        _ => false,
    };
    match value {
        Array(items) => {
            items.retain(|item| !is_gone(item));
            items.iter_mut().for_each(|item| strip(item, gone));
        }
        Object(fields) => fields.values_mut().for_each(|field| strip(field, gone)),
        _ => {}
    }
}
