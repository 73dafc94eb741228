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

#[cfg(test)]
mod tests {
    use super::super::member::Harm;
    use super::*;

    fn now() -> Timestamp {
        "2026-11-24T08:00:00Z".parse().unwrap()
    }

    fn member(number: usize, stage: Stage) -> Member {
        let model = ["One", "One", "Two", "Three"][number % 4];
        let device = format!("box-{number:05}").as_str().try_into().unwrap();
        Member {
            stage,
            ..Member::new(device, model.into(), "lyon".into(), 0, now())
        }
    }

    fn updated() -> Stage {
        Stage::Updated {
            at: now() - SignedDuration::from_hours(1),
        }
    }

    fn harmed() -> Stage {
        Stage::Harmed {
            harm: Harm::RolledBack,
            at: now(),
            said: String::new(),
        }
    }

    /// So many harmed, so many updated, and a hundred that were not told, each an even mix of models.
    fn fleet(harmed_ones: usize, updated_ones: usize) -> Vec<Member> {
        let stages = std::iter::repeat_n(harmed(), harmed_ones)
            .chain(std::iter::repeat_n(updated(), updated_ones))
            .chain(std::iter::repeat_n(Stage::Untouched, 100));
        stages
            .enumerate()
            .map(|(number, stage)| member(number, stage))
            .collect()
    }

    fn stops(members: &[Member]) -> bool {
        judge(&Rule::default(), members, now()).is_some()
    }

    /// The contract's rule alone.
    fn of_the_contract() -> Rule {
        Rule {
            level: 0.0,
            model: 0.0,
            trouble: 0.0,
            ..Rule::default()
        }
    }

    #[test]
    fn three_or_two_in_a_hundred_stop_it() {
        let stops = |harmed, updated| judge(&of_the_contract(), &fleet(harmed, updated), now()).is_some();
        assert!(stops(3, 0), "three of three are no chance either");
        assert!(stops(3, 147) && !stops(3, 148), "two in a hundred of 151 are four");
        assert!(!stops(2, 8));
    }

    #[test]
    fn one_of_ten_canaries_is_enough_and_two_of_seventy_but_not_one_of_eleven() {
        assert!(stops(&fleet(1, 9)) && !stops(&fleet(1, 10)));
        assert!(
            !stops(&fleet(1, 8)) && !stops(&fleet(2, 7)),
            "nothing is concluded from so few before ten"
        );
        assert!(stops(&fleet(2, 60)) && !stops(&fleet(2, 80)));
        // What the contract's share allows is not stopped by this rule.
        assert!(!stops(&fleet(10, 900)));
    }

    #[test]
    fn boxes_that_somebody_has_looked_at_count_no_more() {
        let mut members = fleet(3, 20);
        assert!(stops(&members));
        members.iter_mut().for_each(|member| member.accepted = true);
        assert!(!stops(&members));
    }

    #[test]
    fn the_reason_names_the_boxes() {
        let reason = judge(&Rule::default(), &fleet(3, 20), now()).unwrap();
        assert_eq!(reason.boxes().len(), 3);
        assert!(matches!(reason, Reason::Harmed { started: 23, .. }), "{reason:?}");
    }

    #[test]
    fn a_rare_model_that_is_always_harmed_stops_it_though_the_share_is_small() {
        let mut members = fleet(0, 300);
        for member in &mut members[..2] {
            member.model = "Rare".into();
            member.stage = harmed();
        }
        let reason = judge(&Rule::default(), &members, now()).unwrap();
        assert!(
            matches!(&reason, Reason::Model { model, started: 2, .. } if model == "Rare"),
            "{reason:?}"
        );
        // The same two, one of each of two common models.
        let mut members = fleet(0, 300);
        members[0].stage = harmed();
        members[2].stage = harmed();
        assert!(!stops(&members));
    }

    #[test]
    fn crashes_of_updated_boxes_stop_it_unless_the_others_crash_as_well() {
        let minutes = |minutes: i64| Some(now() - SignedDuration::from_mins(minutes));
        let mut members = fleet(0, 40);
        for member in &mut members[..8] {
            member.crash = minutes(10);
        }
        let reason = judge(&Rule::default(), &members, now()).unwrap();
        assert!(
            matches!(
                reason,
                Reason::Trouble {
                    trouble: Trouble::Crash,
                    model: None,
                    others_affected: 0,
                    ..
                }
            ),
            "{reason:?}"
        );
        assert_eq!(reason.boxes().len(), 8);
        // A service that fails for everybody is no harm of the release.
        for member in members.iter_mut().skip(40).step_by(10) {
            member.crash = minutes(30);
        }
        assert!(!stops(&members));
        // What was before the update is not its doing.
        let mut members = fleet(0, 40);
        for member in &mut members[..4] {
            member.failed_call = minutes(90);
        }
        assert!(!stops(&members));
    }

    #[test]
    fn calls_that_fail_on_one_model_alone_are_seen_among_many() {
        let mut members = fleet(0, 400);
        members.extend((0..600).map(|number| member(1_000 + number, Stage::Untouched)));
        // One in twenty-five fails everywhere, all the time.
        for member in members.iter_mut().step_by(25) {
            member.failed_call = Some(now() - SignedDuration::from_mins(20));
        }
        assert!(!stops(&members));
        for member in members
            .iter_mut()
            .take(400)
            .filter(|member| member.model == "Three")
            .take(25)
        {
            member.failed_call = Some(now() - SignedDuration::from_mins(20));
        }
        let reason = judge(&Rule::default(), &members, now()).unwrap();
        assert!(
            matches!(&reason, Reason::Trouble { model: Some(model), .. } if model == "Three")
                || matches!(&reason, Reason::Trouble { model: None, .. }),
            "{reason:?}"
        );
    }
}
