//! When a rollout stops by itself, and why.
//!
//! Four rules, each plain enough to be checked with a table:
//!
//! 1. the contract's: harmed boxes >= max(3, 2 % of those that have begun); three are enough before ten have, too;
//! 2. after ten, as long as so few boxes have begun that fewer harmed ones say enough: a release that harms one box in 200 would harm so many of them
//!    with a chance below 5 % (binomial). Without it the third of 3 % bad boxes is met after 89, 3 % of 3,000: too late;
//! 3. one model is harmed more than the others (Fisher's exact test, one-sided; 1 % shared by all models);
//! 4. more updated boxes crash, or lose calls, than boxes that have not been told yet: of all models together, and within each
//!    (Fisher's exact test again, 0.1 % shared by all these comparisons). What a box did before its update says nothing here.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use fleet::contract::DeviceId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::member::{Member, Stage, Trouble};
use super::policy::Rule;
use super::statistics::{Group, at_least, fisher};

/// Trouble counts so long, on both sides.
pub const WATCH: SignedDuration = SignedDuration::from_hours(24);
/// One box is no pattern.
const PATTERN: u64 = 2;

/// Why a rollout has stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Reason {
    /// So many harmed boxes are too many.
    Harmed {
        /// Which.
        boxes: Vec<DeviceId>,
        /// How many had begun.
        started: u64,
    },
    /// One model is harmed.
    Model {
        /// Which.
        model: String,
        /// Which boxes of it.
        boxes: Vec<DeviceId>,
        /// How many of it had begun.
        started: u64,
    },
    /// Updated boxes have trouble that the others have not.
    Trouble {
        /// What.
        trouble: Trouble,
        /// Of this model; none: of all.
        #[serde(skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// Which boxes.
        boxes: Vec<DeviceId>,
        /// How many are updated.
        updated: u64,
        /// How many of the others have it.
        others_affected: u64,
        /// How many others there are.
        others: u64,
    },
}

impl Reason {
    /// Which boxes.
    #[must_use]
    pub fn boxes(&self) -> &[DeviceId] {
        match self {
            Reason::Harmed { boxes, .. } | Reason::Model { boxes, .. } | Reason::Trouble { boxes, .. } => boxes,
        }
    }

    /// These are no boxes of the fleet any more.
    pub fn forget(&mut self, gone: impl Fn(&DeviceId) -> bool) {
        match self {
            Reason::Harmed { boxes, .. } | Reason::Model { boxes, .. } | Reason::Trouble { boxes, .. } => {
                boxes.retain(|device| !gone(device));
            }
        }
    }
}

/// What one look at all boxes shows.
#[must_use]
pub fn judge(rule: &Rule, members: &[Member], now: Timestamp) -> Option<Reason> {
    harmed(rule, members)
        .or_else(|| of_a_model(rule, members))
        .or_else(|| troubled(rule, members, now))
}

fn counts(member: &Member) -> bool {
    member.has_begun() && !member.accepted
}

fn is_harmed(member: &Member) -> bool {
    matches!(member.stage, Stage::Harmed { .. })
}

fn names<'a>(members: impl Iterator<Item = &'a Member>) -> Vec<DeviceId> {
    members.map(|member| member.device.clone()).collect()
}

fn harmed(rule: &Rule, members: &[Member]) -> Option<Reason> {
    let begun = || members.iter().filter(|member| counts(member));
    let started = begun().count() as u64;
    let harmed = begun().filter(|member| is_harmed(member)).count() as u64;
    // Beyond the contract's number the contract's share decides.
    let too_many = harmed >= rule.harmed.max((started * rule.percent).div_ceil(100));
    let few = harmed > 0 && harmed < rule.harmed && started >= rule.after;
    let too_soon = few && at_least(harmed, started, rule.tolerated) < rule.level;
    (too_many || too_soon).then(|| Reason::Harmed {
        boxes: names(begun().filter(|member| is_harmed(member))),
        started,
    })
}

/// Of each model: harmed or affected, and all.
type Models<'a> = BTreeMap<&'a str, Group>;

fn of_a_model(rule: &Rule, members: &[Member]) -> Option<Reason> {
    let mut models = Models::new();
    let mut all: Group = (0, 0);
    for member in members.iter().filter(|member| counts(member)) {
        let hit = u64::from(is_harmed(member));
        for group in [models.entry(&member.model).or_default(), &mut all] {
            group.0 += hit;
            group.1 += 1;
        }
    }
    let level = rule.model / models.len().max(1) as f64;
    let (model, group) = models.into_iter().find(|(_, group)| {
        let others = (all.0 - group.0, all.1 - group.1);
        group.0 >= PATTERN && fisher(*group, others) < level
    })?;
    let of_it = |member: &&Member| counts(member) && is_harmed(member) && member.model == model;
    Some(Reason::Model {
        model: model.to_owned(),
        boxes: names(members.iter().filter(of_it)),
        started: group.1,
    })
}

/// Updated, and had this trouble since.
fn affected(member: &Member, which: Trouble, now: Timestamp) -> bool {
    let Stage::Updated { at } = member.stage else {
        return false;
    };
    member
        .trouble(which)
        .is_some_and(|last| last >= at && last >= now - WATCH)
}

fn troubled(rule: &Rule, members: &[Member], now: Timestamp) -> Option<Reason> {
    let updated = |member: &&Member| matches!(member.stage, Stage::Updated { .. }) && !member.accepted;
    let mut models: Vec<Option<&str>> = members
        .iter()
        .filter(updated)
        .map(|member| Some(member.model.as_str()))
        .collect();
    models.sort_unstable();
    models.dedup();
    models.insert(0, None);
    let level = rule.trouble / (models.len() * Trouble::ALL.len()) as f64;
    for which in Trouble::ALL {
        // Nothing to compare is the ordinary case.
        let hit = members
            .iter()
            .filter(updated)
            .filter(|member| affected(member, which, now));
        if (hit.count() as u64) < PATTERN {
            continue;
        }
        for model in &models {
            let here = |member: &&Member| model.is_none_or(|model| member.model == model);
            let ours = || members.iter().filter(here).filter(updated);
            let others = || members.iter().filter(here).filter(|member| member.is_untouched());
            let of_ours: Vec<&Member> = ours().filter(|member| affected(member, which, now)).collect();
            let recent = |member: &&Member| member.trouble(which).is_some_and(|last| last >= now - WATCH);
            let (of_others, all_others) = (others().filter(recent).count() as u64, others().count() as u64);
            let all_ours = ours().count() as u64;
            let hit = of_ours.len() as u64;
            if hit >= PATTERN && fisher((hit, all_ours), (of_others, all_others)) < level {
                return Some(Reason::Trouble {
                    trouble: which,
                    model: model.map(ToOwned::to_owned),
                    boxes: names(of_ours.into_iter()),
                    updated: all_ours,
                    others_affected: of_others,
                    others: all_others,
                });
            }
        }
    }
    None
}
