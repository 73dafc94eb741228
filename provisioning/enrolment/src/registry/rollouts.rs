//! Rollouts: a row each. Who changes it says which revision was read, and is refused when somebody else was faster. One
//! conducts, as long as the lease is renewed.

mod forgotten;
mod record;

use fleet::contract::Tenant;
use jiff::Timestamp;

use super::sql::{Sql, SqlError, Value};
use super::{Registry, RegistryError, persistently};
pub(super) use forgotten::forget_boxes;
use record::HEAD;
pub use record::{RolloutError, RolloutHead, RolloutRecord, Seat, Wish};

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
        let head = &rollout.head;
        let seat = head.seat.as_ref();
        let other = self.transaction(|sql| {
            let open = read(sql, "WHERE tenant = $1 AND over = 0", &[head.tenant.as_str().into()])?;
            if let Some(other) = open.into_iter().find(&overlaps) {
                return Ok(Ok(Some(other.head.id)));
            }
            sql.execute(
                "INSERT INTO rollouts (id, tenant, document, revision, over, wish, wish_by, started_by, holder,
                    holder_name, lease_until) VALUES ($1, $2, $3, 1, 0, $4, $5, $6, $7, $8, $9)",
                &[
                    head.id.as_str().into(),
                    head.tenant.as_str().into(),
                    rollout.document.as_str().into(),
                    head.wish.as_str().into(),
                    head.wish_by.as_str().into(),
                    head.started_by.as_str().into(),
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

    /// The same without its boxes.
    ///
    /// # Errors
    /// [`RolloutError::Unknown`].
    pub fn rollout_head(&mut self, id: &str) -> Result<RolloutHead, RolloutError> {
        let found = heads(&mut *self.sql, "WHERE id = $1", &[id.into()]).map_err(RegistryError::from)?;
        found.into_iter().next().ok_or_else(|| RolloutError::Unknown(id.into()))
    }

    /// All rollouts of an organisation, the oldest first.
    ///
    /// # Errors
    /// What the database says.
    pub fn rollouts(&mut self, tenant: &Tenant) -> Result<Vec<RolloutHead>, RolloutError> {
        let which = "WHERE tenant = $1 ORDER BY id";
        let all = heads(&mut *self.sql, which, &[tenant.as_str().into()]);
        Ok(all.map_err(RegistryError::from)?)
    }

    /// Its conductor says how far it is. The new revision.
    ///
    /// # Errors
    /// [`RolloutError::Changed`]: it is not the one that was read, or the seat is somebody else's.
    pub fn save_rollout(&mut self, read: &RolloutRecord, holder: &str) -> Result<i64, RolloutError> {
        let values = [
            read.document.as_str().into(),
            i64::from(read.head.over).into(),
            read.head.id.as_str().into(),
            read.head.revision.into(),
            holder.into(),
        ];
        self.change(
            &read.head.id,
            "UPDATE rollouts SET document = $1, over = $2, revision = revision + 1
             WHERE id = $3 AND revision = $4 AND holder = $5",
            &values,
        )?;
        Ok(read.head.revision + 1)
    }

    /// Somebody wants something. The new revision.
    ///
    /// # Errors
    /// [`RolloutError::Changed`]; [`RolloutError::Ending`]: who wants it to end is not talked over.
    pub fn wish_rollout(&mut self, read: &RolloutHead, wish: Wish, by: &str) -> Result<i64, RolloutError> {
        if read.wish == Wish::Abort && wish != Wish::Abort {
            return Err(RolloutError::Ending {
                id: read.id.clone(),
                by: read.wish_by.clone(),
            });
        }
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
        let there = self.rollout_head(id)?.seat;
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

    /// A registry that is busy is none that somebody has changed.
    fn change(&mut self, id: &str, change: &str, values: &[Value]) -> Result<(), RolloutError> {
        let sql = &mut *self.sql;
        match persistently(|| sql.execute(change, values)) {
            Ok(1) => Ok(()),
            Ok(_) => Err(RolloutError::Changed(id.into())),
            Err(error) => Err(RegistryError::from(error).into()),
        }
    }
}

fn read(sql: &mut dyn Sql, which: &str, values: &[Value]) -> Result<Vec<RolloutRecord>, SqlError> {
    let rows = sql.query(&format!("SELECT {HEAD}, document FROM rollouts {which}"), values)?;
    Ok(rows.iter().filter_map(|row| RolloutRecord::of(row)).collect())
}

fn heads(sql: &mut dyn Sql, which: &str, values: &[Value]) -> Result<Vec<RolloutHead>, SqlError> {
    let rows = sql.query(&format!("SELECT {HEAD} FROM rollouts {which}"), values)?;
    Ok(rows.iter().filter_map(|row| RolloutHead::of(row)).collect())
}
