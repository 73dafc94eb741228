//! What stands beside the settings in a configuration: secrets, and its end.

use std::collections::BTreeMap;

use fleet::contract::{Configuration, DeviceId, Secret, Tenant};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Change, Difference, Proposal};
use crate::plan::Plan;
use crate::secrets::{Sealing, SecretsError};

/// Beside the settings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Beside {
    /// By name, sealed.
    pub secrets: BTreeMap<String, Secret>,
    /// Past it the box runs on and says that it is old.
    pub exp: Option<Timestamp>,
}

impl Beside {
    /// Of what was published.
    #[must_use]
    pub fn of(configuration: &Configuration) -> Self {
        Self {
            secrets: configuration.secrets.clone(),
            exp: configuration.exp,
        }
    }
}

impl Proposal {
    /// Seals what the plan wants each box to be told alone, and takes away what it does not want any more.
    ///
    /// # Errors
    /// [`SecretsError`].
    pub fn seal(
        &mut self,
        sealing: &Sealing,
        tenant: &Tenant,
        plan: &Plan,
        now: Timestamp,
    ) -> Result<(), SecretsError> {
        for (device, room) in &plan.rooms {
            let beside = self.beside.entry(device.clone()).or_default();
            let meta = self.metas.get(device);
            let sealed = sealing.seal((tenant, device), &room.secrets, meta, &beside.secrets, now)?;
            beside.secrets = sealed.secrets;
            if !sealed.waiting.is_empty() {
                self.waiting.insert(device.clone(), sealed.waiting);
            }
            self.also(device, sealed.differences);
        }
        Ok(())
    }

    /// Gives what is published its end. What has more than half of its life before it stays as it is.
    pub fn expire(&mut self, plan: &Plan, now: Timestamp) {
        let life = plan.expires.and_then(|life| SignedDuration::try_from(life).ok());
        let after = |life: SignedDuration| now.checked_add(life).ok();
        let (half, end) = (life.and_then(|life| after(life / 2)), life.and_then(after));
        for device in plan.rooms.keys() {
            let beside = self.beside.entry(device.clone()).or_default();
            let kept = match beside.exp {
                None => end.is_none(),
                // Not longer than what is wanted now, either.
                Some(there) => half.is_some_and(|half| there > half) && end.is_some_and(|end| there <= end),
            };
            if kept {
                continue;
            }
            let moment = |at: Option<Timestamp>| at.map(|at| Value::from(at.to_string()));
            let difference = Difference {
                path: "/exp".into(),
                before: moment(beside.exp),
                after: moment(end),
            };
            beside.exp = end;
            self.also(device, vec![difference]);
        }
    }

    /// This changes as well.
    fn also(&mut self, device: &DeviceId, differences: Vec<Difference>) {
        let Some((change, rev)) = self.changes.get_mut(device).filter(|_| !differences.is_empty()) else {
            return;
        };
        match change {
            Change::Changed(others) => others.extend(differences),
            Change::Same => (*change, *rev) = (Change::Changed(differences), *rev + 1),
            // It is written anew as a whole.
            Change::New | Change::Forged => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// What becomes on New Year of a configuration with this end, and of its revision, when it shall live so many days.
    fn expired(exp: Option<&str>, days: Option<u64>) -> (Option<Timestamp>, Change, u64) {
        let device: DeviceId = "lyon-412".try_into().unwrap();
        let room = crate::plan::Room {
            name: "Lyon 4.12".into(),
            site: "lyon".try_into().unwrap(),
            cfg: serde_json::Map::new(),
            secrets: BTreeMap::new(),
        };
        let plan = Plan {
            rooms: [(device.clone(), room)].into(),
            expires: days.map(|days| Duration::from_secs(days * 86_400)),
        };
        let beside = Beside {
            exp: exp.map(at),
            ..Beside::default()
        };
        let mut proposal = Proposal {
            changes: [(device.clone(), (Change::Same, 7))].into(),
            beside: [(device.clone(), beside)].into(),
            metas: BTreeMap::new(),
            waiting: BTreeMap::new(),
        };
        proposal.expire(&plan, at("2027-01-01T00:00:00Z"));
        let (change, rev) = proposal.changes.remove(&device).unwrap();
        (proposal.beside[&device].exp, change, rev)
    }

    #[test]
    fn an_end_is_moved_when_half_of_the_life_is_over_and_not_before() {
        let end = Some(at("2027-01-31T00:00:00Z"));
        assert_eq!(expired(None, None), (None, Change::Same, 7));
        for kept in ["2027-01-17T00:00:00Z", "2027-01-31T00:00:00Z"] {
            assert_eq!(expired(Some(kept), Some(30)), (Some(at(kept)), Change::Same, 7));
        }
        for moved in [
            None,
            Some("2026-12-01T00:00:00Z"),
            Some("2027-01-15T00:00:00Z"),
            // Somebody wanted a longer life before.
            Some("2028-01-01T00:00:00Z"),
        ] {
            let (now, change, rev) = expired(moved, Some(30));
            assert_eq!((now, rev), (end, 8), "{moved:?}");
            assert!(matches!(change, Change::Changed(differences) if differences[0].path == "/exp"));
        }
        let (gone, _, rev) = expired(Some("2027-01-31T00:00:00Z"), None);
        assert_eq!((gone, rev), (None, 8));
    }
}
