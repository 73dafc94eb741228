//! Who is next: so that those who have begun are a small picture of all, every model and every site in its share.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::document::Rollout;
use super::habit::Hour;
use super::member::Member;

/// Of a model or a site: begun, all.
type Shares<'a> = BTreeMap<&'a str, (u32, u32)>;

/// Boxes that may begin now.
pub struct Choice<'a> {
    models: Shares<'a>,
    sites: Shares<'a>,
    open: Vec<(usize, &'a Member)>,
}

/// It is there, and the clock on its wall says that it may. `in_window`: the one that was wanted is open.
fn may_begin(rollout: &Rollout, member: &Member, here: Hour, in_window: bool, now: Timestamp) -> bool {
    let ready = member.is_untouched() && member.online && !member.running.is_empty();
    if !ready || member.not_before.is_some_and(|then| now < then) {
        return false;
    }
    match &rollout.policy.window {
        Some(wanted) if member.habit.is_never_there_in(wanted) => {
            let own = member.habit.window(wanted);
            own.is_some_and(|window| here.may_begin_in(&window))
        }
        _ => in_window,
    }
}

impl<'a> Choice<'a> {
    /// Of this rollout, at this hour in its rooms.
    #[must_use]
    pub fn among(rollout: &'a Rollout, here: Hour, now: Timestamp) -> Self {
        let wanted = rollout.policy.window.as_ref();
        let in_window = wanted.is_none_or(|wanted| here.may_begin_in(wanted));
        let members = rollout.members.iter().enumerate();
        let open = members.filter(|(_, member)| may_begin(rollout, member, here, in_window, now));
        let mut choice = Self {
            models: Shares::new(),
            sites: Shares::new(),
            open: open.collect(),
        };
        if !choice.open.is_empty() {
            for member in &rollout.members {
                let begun = u32::from(member.has_begun());
                for share in [
                    choice.models.entry(&member.model).or_default(),
                    choice.sites.entry(&member.site).or_default(),
                ] {
                    share.0 += begun;
                    share.1 += 1;
                }
            }
        }
        choice
    }
}

impl Iterator for Choice<'_> {
    type Item = usize;

    /// The model with the smallest share, of several the most common one; of its sites the one with the smallest share; then
    /// the lot decides.
    fn next(&mut self) -> Option<usize> {
        let share = |shares: &Shares, name: &str| {
            let (begun, all) = shares.get(name).copied().unwrap_or((0, 1));
            (u64::from(begun) * 1_000_000 / u64::from(all.max(1)), Reverse(all))
        };
        let key = |(_, member): &(usize, &Member)| {
            let model = share(&self.models, &member.model);
            (model, share(&self.sites, &member.site).0, member.lot)
        };
        let best = (0..self.open.len()).min_by_key(|index| key(&self.open[*index]))?;
        let (place, member) = self.open.swap_remove(best);
        self.models.entry(&member.model).or_default().0 += 1;
        self.sites.entry(&member.site).or_default().0 += 1;
        Some(place)
    }
}
