//! A rollout as a pure core: no I/O, no clock, no chance. It hears what boxes say and says which box gets which document.

mod reports;
mod silence;
#[cfg(test)]
mod tests;
mod waves;

use std::collections::{HashMap, VecDeque};

use fleet::contract::{DeviceId, Phase, Update};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::document::{Rollout, State};
use super::habit::Hour;
use super::image::Image;
use super::input::Input;
use super::member::{Member, Stage, Trouble};
use super::output::{Note, Output};
use super::verdict::judge;

/// A box that is away for less has perhaps only lost its line.
const MOMENT: SignedDuration = SignedDuration::from_mins(30);
/// One that is told and does nothing so long makes room for others, and is asked again later.
const IDLE: SignedDuration = SignedDuration::from_hours(1);
/// One whose room was never free in its window for so long, too.
const BUSY: SignedDuration = SignedDuration::from_hours(24);

/// A rollout that goes on.
#[derive(Debug)]
pub struct Engine {
    rollout: Rollout,
    zone: TimeZone,
    places: HashMap<DeviceId, usize>,
    outputs: VecDeque<Output>,
    /// Something has happened that may stop it.
    look: bool,
    next: Option<Timestamp>,
}

impl Engine {
    /// With this one, as it stands in the registry. `zone`: that of [`Policy::zone`].
    #[must_use]
    pub fn new(rollout: Rollout, zone: TimeZone, now: Timestamp) -> Self {
        let places = rollout.members.iter().enumerate();
        let places = places.map(|(place, member)| (member.device.clone(), place)).collect();
        let mut engine = Self {
            rollout,
            zone,
            places,
            outputs: VecDeque::new(),
            look: true,
            next: Some(now),
        };
        if engine.rollout.sampled.is_none() && engine.rollout.wave == 0 {
            engine.say_wave();
        }
        engine
    }

    /// How far it is.
    #[must_use]
    pub const fn rollout(&self) -> &Rollout {
        &self.rollout
    }

    /// These are no boxes of the fleet any more.
    pub fn forget(&mut self, gone: impl Fn(&DeviceId) -> bool) {
        self.rollout.members.retain(|member| !gone(&member.device));
        let places = self.rollout.members.iter().enumerate();
        self.places = places.map(|(place, member)| (member.device.clone(), place)).collect();
    }

    /// What shall happen next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Tick`] is due; none: never more.
    #[must_use]
    pub const fn next_deadline(&self) -> Option<Timestamp> {
        self.next
    }

    /// Something happened.
    pub fn handle(&mut self, input: Input, now: Timestamp) {
        let mut go_on = false;
        if input == Input::Tick {
            self.next = None;
        }
        match input {
            Input::Presence { device, online, clean } => {
                if let Some(place) = self.place(&device) {
                    let member = &mut self.rollout.members[place];
                    if member.online != online {
                        member.changed = now;
                    }
                    (member.online, member.clean) = (online, clean && !online);
                }
            }
            Input::Running { device, release } => {
                if let Some(place) = self.place(&device) {
                    let member = &mut self.rollout.members[place];
                    // One that was told says more of it in its report.
                    if member.is_untouched() && member.told == 0 && release == self.rollout.image.release {
                        member.stage = Stage::Already;
                        go_on = true;
                    }
                    member.running = release;
                }
            }
            Input::Report { device, report } => {
                if let Some(place) = self.place(&device) {
                    go_on = self.report(place, report, now);
                }
            }
            Input::Desired { device, rev } => {
                if let Some(place) = self.place(&device) {
                    let member = &mut self.rollout.members[place];
                    member.rev = member.rev.max(rev);
                }
            }
            Input::Trouble { device, trouble, at } => {
                if let Some(place) = self.place(&device) {
                    let member = &mut self.rollout.members[place];
                    let last = match trouble {
                        Trouble::Crash => &mut member.crash,
                        Trouble::FailedCall => &mut member.failed_call,
                    };
                    *last = (*last).max(Some(at.min(now)));
                    // What others say matters only beside what updated boxes say.
                    go_on = matches!(member.stage, Stage::Updated { .. });
                    self.look |= go_on;
                }
            }
            Input::Tick => go_on = true,
            Input::Pause => {
                if self.rollout.state == State::Running {
                    self.rollout.state = State::Paused;
                    self.say(Note::Paused);
                }
            }
            Input::Resume => go_on = self.resume(),
            Input::Abort => {
                if !self.rollout.state.is_over() {
                    self.rollout.state = State::Aborted;
                    let withdrawn = self.withdraw_all();
                    self.say(Note::Aborted { withdrawn });
                }
            }
        }
        if go_on {
            self.go_on(now);
        }
        let alive = matches!(self.rollout.state, State::Running | State::Paused);
        if go_on || !alive || self.next.is_none() {
            self.plan(now);
        }
    }

    fn place(&self, device: &DeviceId) -> Option<usize> {
        self.places.get(device).copied()
    }

    fn say(&mut self, note: Note) {
        self.outputs.push_back(Output::Say(note));
    }

    fn say_wave(&mut self) {
        let wave = self.rollout.wave;
        let target = self.rollout.policy.target(wave, self.rollout.members.len());
        self.say(Note::Wave { wave: wave + 1, target });
    }

    fn resume(&mut self) -> bool {
        match self.rollout.state {
            State::Paused => {}
            State::Stopped { .. } => {
                for member in &mut self.rollout.members {
                    member.accepted |= member.has_begun() && !member.is_on_its_way();
                }
                self.rollout.clean = 0;
            }
            State::Running | State::Aborted | State::Done => return false,
        }
        self.rollout.state = State::Running;
        self.say(Note::Resumed);
        true
    }

    fn publish(&mut self, place: usize, document: impl FnOnce(&Image, u64) -> Update) {
        let member = &mut self.rollout.members[place];
        member.rev += 1;
        let update = Box::new(document(&self.rollout.image, member.rev));
        let device = member.device.clone();
        self.outputs.push_back(Output::Publish { device, update });
    }

    fn take_back(&mut self, place: usize) {
        let running = self.rollout.members[place].running.clone();
        self.publish(place, |image, rev| image.withdrawal(rev, &running));
        self.rollout.members[place].withdrawn = true;
    }

    fn withdraw(&mut self, place: usize) {
        self.take_back(place);
        self.rollout.members[place].stage = Stage::Untouched;
    }

    fn withdraw_all(&mut self) -> usize {
        let places: Vec<usize> = (0..self.rollout.members.len())
            .filter(|place| self.rollout.members[*place].can_be_withdrawn())
            .collect();
        places.iter().for_each(|place| self.withdraw(*place));
        places.len()
    }

    fn go_on(&mut self, now: Timestamp) {
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

    /// What waits or fetches without being there, or does nothing, makes room for others.
    fn set_aside(&mut self, now: Timestamp) {
        let mut aside = Vec::new();
        for (place, member) in self.rollout.members.iter().enumerate() {
            let Stage::Started { at, phase, since } = member.stage else {
                continue;
            };
            let gone = !member.online && now.duration_since(member.changed) >= MOMENT;
            let idle = matches!(phase, Phase::Idle | Phase::Waiting) && now.duration_since(at) >= IDLE;
            let busy = phase == Phase::RebootPending && now.duration_since(since) >= BUSY;
            if member.only_waits() && (gone || idle) || busy {
                aside.push(place);
            }
        }
        for place in aside {
            self.withdraw(place);
            self.rollout.members[place].not_before = now.checked_add(IDLE).ok();
        }
    }

    fn plan(&mut self, now: Timestamp) {
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
