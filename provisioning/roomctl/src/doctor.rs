//! Why is this room not well? Everything that speaks against it, the worst first.

use fleet::contract::{ConfigurationStatus, DeviceId, OfflineReason, Phase, Presence};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::view::Seen;
use crate::words::Words;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// The room cannot be used, or not be reached.
    Bad,
    /// Somebody should look.
    Doubtful,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad.
    pub weight: Weight,
    /// What, in a sentence.
    pub what: String,
    /// What to do, in a sentence.
    pub advice: String,
}

/// A certificate that ends sooner is worth a word: renewal begins at two thirds of a year.
const SOON: SignedDuration = SignedDuration::from_hours(24 * 60);

/// What speaks against a room.
#[must_use]
pub fn examine(device: &DeviceId, seen: &Seen, now: Timestamp, words: &Words) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |weight, (what, advice): (String, String)| findings.push(Finding { weight, what, advice });
    match &seen.presence {
        None => find(Weight::Bad, words.never_seen(device)),
        Some(Presence::Offline(offline)) => match offline.reason {
            OfflineReason::Lost => find(Weight::Bad, words.lost()),
            OfflineReason::Standby => find(Weight::Doubtful, words.asleep()),
            OfflineReason::Reboot | OfflineReason::Update => find(Weight::Doubtful, words.restarts()),
        },
        Some(Presence::Online(_)) => {}
    }
    if let Some(meta) = &seen.meta {
        let left = meta.body.certificate_expires.duration_since(now);
        if left.is_negative() {
            find(Weight::Bad, words.certificate_over());
        } else if left < SOON {
            find(Weight::Doubtful, words.certificate_ends(left.as_hours() / 24));
        }
    }
    match (&seen.desired, &seen.reported) {
        (None, _) => find(Weight::Doubtful, words.no_configuration()),
        (Some(desired), None) => find(Weight::Bad, words.configuration_unanswered(desired.body.rev)),
        (Some(desired), Some(report)) => match report.body.status {
            ConfigurationStatus::Rejected => {
                let why: Vec<String> = report
                    .body
                    .errors
                    .iter()
                    .map(|error| format!("{} {}", error.path, error.msg))
                    .collect();
                find(
                    Weight::Bad,
                    words.configuration_rejected(report.body.rev, &why.join("; ")),
                );
            }
            ConfigurationStatus::RolledBack => find(Weight::Bad, words.configuration_rolled_back(report.body.rev)),
            ConfigurationStatus::Pending => find(Weight::Doubtful, words.configuration_pending(report.body.rev)),
            ConfigurationStatus::Applied if report.body.rev < desired.body.rev => {
                find(Weight::Bad, words.configuration_unanswered(desired.body.rev));
            }
            ConfigurationStatus::Applied if !report.body.drift.is_empty() => {
                find(Weight::Doubtful, words.drift(&report.body.drift.join(", ")));
            }
            ConfigurationStatus::Applied => {}
        },
    }
    let end = seen.desired.as_ref().and_then(|desired| desired.body.exp);
    if end.is_some_and(|end| end <= now) {
        find(Weight::Doubtful, words.configuration_over());
    }
    if let Some(update) = &seen.update
        && matches!(update.body.phase, Phase::Failed | Phase::RolledBack | Phase::Refused)
    {
        let why = update.body.msg.clone().unwrap_or_default();
        find(
            Weight::Doubtful,
            words.update_failed(&crate::view::word(&update.body.phase), &why),
        );
    }
    // Whatever the box itself says is wrong, as it says it.
    if let Some(health) = seen.states.get("health") {
        let problems = health.body.state.get("problems").and_then(Value::as_array);
        for problem in problems.into_iter().flatten() {
            let text = problem.as_str().map_or_else(|| problem.to_string(), ToOwned::to_owned);
            find(Weight::Bad, words.says_itself(&text));
        }
    }
    findings.sort_by_key(|finding| finding.weight);
    findings
}
