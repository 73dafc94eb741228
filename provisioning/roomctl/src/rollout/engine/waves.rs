//! From wave to wave, and who is told in each.

use fleet::contract::Phase;
use jiff::{SignedDuration, Timestamp};

use super::{Engine, MOMENT};
use crate::rollout::choice::Choice;
use crate::rollout::document::State;
use crate::rollout::habit::Hour;
use crate::rollout::member::{Member, Stage};
use crate::rollout::output::Note;
use crate::rollout::policy::Policy;

/// Who has been away so long at the end is told all the same.
const ABSENT: SignedDuration = SignedDuration::from_hours(24);
/// So many begin at once, and one more for each so many that went well since the last harm.
const FIRST: u64 = 3;
const TRUST: u64 = 10;

fn is_absent(member: &Member, now: Timestamp) -> bool {
    !member.online && now.duration_since(member.changed) >= ABSENT
}

/// It is still to be told. One that nobody has ever heard of is waited for no longer than for others.
fn is_left(member: &Member, now: Timestamp) -> bool {
    member.is_untouched() && !(member.is_unheard() && is_absent(member, now))
}

impl Engine {
    pub(super) fn advance(&mut self, now: Timestamp) {
        loop {
            let fleet = self.rollout.members.len();
            let members = || self.rollout.members.iter();
            let (started, left) = (
                self.rollout.started(),
                members().filter(|member| is_left(member, now)).count(),
            );
            let target = self.rollout.policy.target(self.rollout.wave, fleet);
            if members().any(Member::is_on_its_way) || started < target && left > 0 {
                self.rollout.settled = None;
                // The last wave of a small fleet may be the first one.
                if left > 0 && target >= fleet && self.tell_the_absent(now) {
                    continue;
                }
                return;
            }
            if left == 0 {
                self.done();
                return;
            }
            // A wave without a box of its own needs no soak.
            let next = self.rollout.policy.target(self.rollout.wave + 1, fleet);
            let settled = *self.rollout.settled.get_or_insert(now);
            let until = settled.checked_add(self.rollout.policy.soak).unwrap_or(Timestamp::MAX);
            if next > started && now < until {
                if settled == now {
                    let wave = self.rollout.wave + 1;
                    self.say(Note::Soaking { wave, until });
                }
                return;
            }
            self.rollout.wave += 1;
            self.rollout.settled = None;
            self.say_wave();
        }
    }

    fn done(&mut self) {
        self.rollout.state = State::Done;
        let summary = self.rollout.summary();
        self.say(Note::Done {
            updated: summary.updated,
            harmed: summary.harmed.len(),
            absent: summary.absent,
            unheard: summary.unheard,
        });
    }

    /// In the end, when all others are through: boxes that have not been there for a day take it when they come back. Not when
    /// that would be more than may be on their way at one time.
    fn tell_the_absent(&mut self, now: Timestamp) -> bool {
        let absent: Vec<usize> = (0..self.rollout.members.len())
            .filter(|place| is_left(&self.rollout.members[*place], now))
            .collect();
        let away = |place: &usize| {
            let member = &self.rollout.members[*place];
            is_absent(member, now) && !member.running.is_empty()
        };
        let others = self.rollout.members.iter().any(Member::is_on_its_way);
        let few = absent.len() <= Policy::at_one_time(self.rollout.members.len());
        if others || !few || !absent.iter().all(away) {
            return false;
        }
        for place in absent {
            self.tell(place, Stage::Absent);
        }
        true
    }

    pub(super) fn fill(&mut self, now: Timestamp) {
        let fleet = self.rollout.members.len();
        let started = self.rollout.started();
        let target = self.rollout.policy.target(self.rollout.wave, fleet);
        if self.rollout.state != State::Running || self.rollout.settled.is_some() || started >= target {
            return;
        }
        let on_their_way = self.rollout.members.iter().filter(|member| member.is_on_its_way());
        let away = |member: &&Member| !member.online && now.duration_since(member.changed) >= MOMENT;
        let (all, away) = (on_their_way.clone().count(), on_their_way.filter(away).count());
        let pace = usize::try_from(FIRST + self.rollout.clean / TRUST).unwrap_or(usize::MAX);
        let most = Policy::at_one_time(fleet);
        let room = most
            .saturating_sub(all)
            .min(pace.saturating_sub(all - away))
            .min(target - started);
        if room == 0 {
            return;
        }
        let choice = Choice::among(&self.rollout, Hour::of(now, &self.zone), now);
        let places: Vec<usize> = choice.take(room).collect();
        for place in places {
            self.tell(
                place,
                Stage::Started {
                    at: now,
                    phase: Phase::Idle,
                    since: now,
                },
            );
            let device = self.rollout.members[place].device.clone();
            self.say(Note::Started { device });
        }
    }
}
