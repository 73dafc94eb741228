//! What the registry knows.

use fleet::contract::{Room, Serial, Site, Tenant};
use jiff::Timestamp;
use serde::Serialize;

use super::Claim;
use super::sql::Value;

/// Of [`BoxRecord`].
pub const SELECT: &str = "SELECT serial, tenant, site, room, state, claimed_by, claimed_at, model, key_id, enrolled_at, \
                          expires FROM boxes";

/// What is with a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BoxState {
    /// Somebody's, and it has not asked yet.
    Claimed,
    /// It has a certificate.
    Enrolled,
    /// Another has taken its place.
    Replaced,
    /// Shut out.
    Blocked,
}

/// A box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BoxRecord {
    /// Which.
    pub serial: Serial,
    /// Whose.
    pub tenant: Tenant,
    /// Where.
    pub site: Site,
    /// In which room; none: a spare.
    pub room: Option<Room>,
    /// What is with it.
    pub state: BoxState,
    /// Who claimed it; empty: forgotten.
    pub claimed_by: String,
    /// When.
    pub claimed_at: Timestamp,
    /// Model, as its maker calls it.
    pub model: Option<String>,
    /// Of its key.
    pub key_id: Option<String>,
    /// When it got its last certificate.
    pub enrolled_at: Option<Timestamp>,
    /// End of that.
    pub expires: Option<Timestamp>,
}

impl BoxRecord {
    pub(super) fn of(row: &[Value]) -> Option<Self> {
        let [
            serial,
            tenant,
            site,
            room,
            state,
            claimed_by,
            claimed_at,
            model,
            key_id,
            enrolled_at,
            expires,
        ] = row
        else {
            return None;
        };
        Some(Self {
            serial: serial.text()?.try_into().ok()?,
            tenant: tenant.text()?.try_into().ok()?,
            site: site.text()?.try_into().ok()?,
            room: room.text().and_then(|room| room.try_into().ok()),
            state: match state.text()? {
                "claimed" => BoxState::Claimed,
                "enrolled" => BoxState::Enrolled,
                "replaced" => BoxState::Replaced,
                _ => BoxState::Blocked,
            },
            claimed_by: claimed_by.text()?.into(),
            claimed_at: time(claimed_at)?,
            model: model.text().map(str::to_owned),
            key_id: key_id.text().map(str::to_owned),
            enrolled_at: time(enrolled_at),
            expires: time(expires),
        })
    }

    pub(super) fn stands(&self, claim: &Claim) -> bool {
        self.tenant == claim.tenant && self.site == claim.site && self.room == claim.room
    }

    /// Tenant, site and room.
    #[must_use]
    pub fn place(&self) -> String {
        let room = self.room.as_ref().map_or("a spare", Room::as_str);
        format!("{}/{}/{room}", self.tenant, self.site)
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    Timestamp::from_second(value.integer()?).ok()
}

/// A box that took the place of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replacement {
    /// Whose.
    pub tenant: Tenant,
    /// Where.
    pub site: Site,
    /// In which room.
    pub room: Room,
    /// The box that went.
    pub old: Serial,
    /// The box that came.
    pub new: Serial,
    /// Who said so; empty: forgotten.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl Replacement {
    pub(super) fn of(row: &[Value]) -> Option<Self> {
        let [tenant, site, room, old, new, by, at] = row else {
            return None;
        };
        Some(Self {
            tenant: tenant.text()?.try_into().ok()?,
            site: site.text()?.try_into().ok()?,
            room: room.text()?.try_into().ok()?,
            old: old.text()?.try_into().ok()?,
            new: new.text()?.try_into().ok()?,
            by: by.text()?.into(),
            at: time(at)?,
        })
    }
}

/// A box that asked and that nobody has claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stranger {
    /// Which.
    pub serial: Serial,
    /// Model, as its maker calls it.
    pub model: String,
    /// When it asked last.
    pub seen_at: Timestamp,
}

impl Stranger {
    pub(super) fn of(row: &[Value]) -> Option<Self> {
        let [serial, model, seen_at] = row else { return None };
        Some(Self {
            serial: serial.text()?.try_into().ok()?,
            model: model.text()?.into(),
            seen_at: time(seen_at)?,
        })
    }
}
