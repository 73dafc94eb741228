//! One root follows another: which boxes believe the next one, and what they are told.

use std::collections::BTreeMap;
use std::time::Duration;

use fleet::contract::{ApplyWhen, ConfigurationStatus, DeviceId, TrustDocument};
use fleet::trust::Anchors;
use jiff::{SignedDuration, Timestamp};
use openssl::x509::X509;
use serde::{Deserialize, Serialize};

use crate::apply::{self, ApplyError, Outcome};
use crate::author::{Author, AuthorError};
use crate::console::Console;
use crate::plan::Plan;
use crate::view::Seen;

/// How far a box is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stand {
    /// It believes the next root.
    Follows,
    /// It has been told, and has not said that it does.
    Told,
    /// It has not been told.
    Untold,
}

/// A box in a rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Which.
    #[serde(rename = "box")]
    pub device: DeviceId,
    /// Its room.
    pub room: String,
    /// How far.
    pub stand: Stand,
    /// Whether it is there.
    pub online: bool,
    /// When it was heard for the last time; none: never.
    pub last_word: Option<Timestamp>,
}

/// How far all boxes are on their way to a root.
///
/// # Errors
/// The root cannot be written.
pub fn standings(all: &BTreeMap<DeviceId, Seen>, next: &X509) -> Result<Vec<Standing>, openssl::error::ErrorStack> {
    let next = TrustDocument::new(std::slice::from_ref(next), &[])?;
    let standing = |(device, seen): (&DeviceId, &Seen)| Standing {
        device: device.clone(),
        room: seen.room().to_owned(),
        stand: stand(seen, &next),
        online: seen.is_online(),
        last_word: seen.last_word(),
    };
    Ok(all.iter().map(standing).collect())
}

fn stand(seen: &Seen, next: &TrustDocument) -> Stand {
    let told = seen.desired.as_ref().map(|message| &message.body).filter(|desired| {
        let trust = desired
            .cfg
            .get("trust")
            .and_then(|trust| TrustDocument::deserialize(trust).ok());
        trust.is_some_and(|trust| next.roots.iter().all(|root| trust.roots.contains(root)))
    });
    let Some(desired) = told else { return Stand::Untold };
    let followed = seen.reported.as_ref().is_some_and(|report| {
        report.body.applied_rev >= desired.rev && report.body.status == ConfigurationStatus::Applied
    });
    if followed { Stand::Follows } else { Stand::Told }
}

/// Boxes that do not follow and were heard in the last so long a time: they must be waited for.
#[must_use]
pub fn waited_for(standings: &[Standing], within: Duration, now: Timestamp) -> Vec<&Standing> {
    let within = SignedDuration::try_from(within).unwrap_or(SignedDuration::MAX);
    let recent = |standing: &&Standing| {
        let silent = standing.last_word.map(|word| now.duration_since(word));
        standing.online || silent.is_some_and(|silent| silent <= within)
    };
    let lagging = standings.iter().filter(|standing| standing.stand != Stand::Follows);
    lagging.filter(recent).collect()
}

/// Tells every box that has a configuration whom to trust: the rest of it stays as it is.
///
/// # Errors
/// [`ApplyError`]; what was published before stays, and it can be done again.
pub async fn tell(
    console: &mut Console,
    author: &mut Author,
    anchors: &Anchors,
    trust: &TrustDocument,
) -> Result<Outcome, ApplyError> {
    let trust = serde_json::to_value(trust).map_err(AuthorError::from)?;
    let mut plan = Plan::default();
    for kept in apply::kept(console, anchors).await? {
        if kept.signer.is_some() {
            let mut room = kept.room;
            room.cfg.insert("trust".into(), trust.clone());
            plan.rooms.insert(kept.device, room);
        }
    }
    let proposal = apply::compare(console, anchors, &plan).await?;
    apply::publish(console, author, anchors, &plan, &proposal, ApplyWhen::Idle).await
}

#[cfg(test)]
mod tests {
    use fleet::contract::{Configuration, ConfigurationReport, Message};
    use fleet::trust::{Authority, Validity};
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2027-01-01T12:00:00Z".parse().unwrap()
    }

    fn root(name: &str) -> X509 {
        let tenant = "etat".try_into().unwrap();
        let root = Authority::root(name, &tenant, Validity::days(now(), 300)).unwrap();
        root.certificate().to_owned()
    }

    fn message<T>(body: T, days_ago: i64) -> Message<T> {
        let mut message = Author::new("a", None).stamp(body);
        message.envelope.ts = now() - SignedDuration::from_hours(24 * days_ago);
        message
    }

    /// A box whose configuration of revision 7 names these roots, and that has applied this revision so many days ago.
    fn seen(roots: &[X509], applied_rev: u64, days_ago: i64) -> Seen {
        let trust = TrustDocument::new(roots, &[]).unwrap();
        let desired: Configuration = serde_json::from_value(json!({
            "schema": "cfg/1.0", "rev": 7, "sha256": "", "issued_by": "a", "apply": {"when": "idle"},
            "cfg": {"trust": trust, "room": {"name": "Lyon 4.12"}},
        }))
        .unwrap();
        let reported = ConfigurationReport {
            rev: applied_rev,
            status: ConfigurationStatus::Applied,
            applied_rev,
            errors: Vec::new(),
            drift: Vec::new(),
        };
        Seen {
            desired: Some(message(desired, 0)),
            reported: Some(message(reported, days_ago)),
            ..Seen::default()
        }
    }

    #[test]
    fn a_box_follows_when_it_has_applied_what_names_the_next_root() {
        let (old, next) = (root("old"), root("next"));
        let both = [old.clone(), next.clone()];
        let all: BTreeMap<DeviceId, Seen> = [
            ("box-follows", seen(&both, 7, 1)),
            ("box-is-late", seen(&both, 6, 89)),
            ("box-is-gone", seen(&both, 6, 91)),
            ("box-untold", seen(&[old], 7, 1)),
            ("box-without", Seen::default()),
        ]
        .into_iter()
        .map(|(name, seen)| (name.try_into().unwrap(), seen))
        .collect();
        let standings = standings(&all, &next).unwrap();
        let stands: BTreeMap<&str, Stand> = standings.iter().map(|one| (one.device.as_str(), one.stand)).collect();
        assert_eq!(
            stands,
            BTreeMap::from([
                ("box-follows", Stand::Follows),
                ("box-is-gone", Stand::Told),
                ("box-is-late", Stand::Told),
                ("box-untold", Stand::Untold),
                ("box-without", Stand::Untold),
            ])
        );
        let days = |days: u64| Duration::from_secs(days * 86_400);
        let waited: Vec<&str> = waited_for(&standings, days(90), now())
            .iter()
            .map(|one| one.device.as_str())
            .collect();
        assert_eq!(
            waited,
            ["box-is-late", "box-untold"],
            "one that was never there strands nobody"
        );
        assert_eq!(waited_for(&standings, days(100), now()).len(), 3);
    }
}
