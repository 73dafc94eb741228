//! What follows when time has passed, or when a box has come to an end.

use jiff::{SignedDuration, Timestamp};

use super::Engine;
use crate::rollout::document::State;
use crate::rollout::habit::Hour;
use crate::rollout::member::Member;
use crate::rollout::output::Note;
use crate::rollout::verdict::judge;

impl Engine {
    pub(super) fn go_on(&mut self, now: Timestamp) {
        self.sample(now);
        if !matches!(self.rollout.state, State::Running | State::Paused) {
            return;
        }
        self.notice_silence(now);
        if std::mem::take(&mut self.look)
            && let Some(reason) = judge(&self.rollout.policy.rule, &self.rollout.members, now)
        {
            let started = self.rollout.started();
            let state = State::Stopped { reason: reason.clone() };
            self.rollout.state = state;
            let withdrawn = self.withdraw_all();
            self.say(Note::Stopped {
                reason,
                started,
                withdrawn,
            });
            return;
        }
        if self.rollout.state == State::Running {
            self.set_aside(now);
            self.advance(now);
            self.fill(now);
        }
    }

    /// Once an hour: who is there.
    fn sample(&mut self, now: Timestamp) {
        let hour = |moment: Timestamp| moment.as_second().div_euclid(3_600);
        if self.rollout.sampled.is_some_and(|last| hour(last) == hour(now)) {
            return;
        }
        self.rollout.sampled = Some(now);
        let here = Hour::of(now, &self.zone);
        for member in &mut self.rollout.members {
            member.habit.sample(here, member.online);
        }
    }

    pub(super) fn plan(&mut self, now: Timestamp) {
        if !matches!(self.rollout.state, State::Running | State::Paused) {
            self.next = None;
            return;
        }
        let busy = self.rollout.members.iter().any(Member::is_on_its_way);
        let later = now + SignedDuration::from_secs(if busy { 60 } else { 300 });
        let soak = self.rollout.soak_until().unwrap_or(later);
        let next = later.min(soak.max(now));
        self.next = Some(self.next.map_or(next, |planned| planned.min(next)));
    }
}
