//! A rollout as a pure core: no I/O, no clock, no chance. It hears what boxes say and says which box gets which document.
//!
//! What a box shall find at the broker stands in its [`super::Order`]. What is to be published follows from that and from what
//! the broker keeps ([`hearing`]): nothing is lost with whoever was about to publish it.

mod going_on;
mod hearing;
mod orders;
mod reports;
mod silence;
#[cfg(test)]
mod tests;
mod waves;

use std::collections::{HashMap, VecDeque};

use fleet::contract::DeviceId;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::document::{Rollout, State};
use super::input::Input;
use super::member::{Member, Stage, Trouble};
use super::output::{Note, Output};
use hearing::Hearing;

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
    notes: VecDeque<Note>,
    hearing: Hearing,
    /// Something has happened that may stop it.
    look: bool,
    next: Option<Timestamp>,
    changed: bool,
}

/// Of a rollout, what stands in no box.
type Figures = (State, usize, Option<Timestamp>, u64, Option<Timestamp>);

impl Engine {
    /// With this one, as it stands in the registry; it decides nothing before [`Input::AllHeard`]. `zone`: that of
    /// [`super::Policy::zone`].
    #[must_use]
    pub fn new(rollout: Rollout, zone: TimeZone, now: Timestamp) -> Self {
        let mut engine = Self {
            places: places(&rollout),
            rollout,
            zone,
            notes: VecDeque::new(),
            hearing: Hearing::new(now),
            look: true,
            next: None,
            changed: false,
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

    /// One of its boxes.
    #[must_use]
    pub fn member(&self, device: &DeviceId) -> Option<&Member> {
        Some(&self.rollout.members[self.place(device)?])
    }

    /// [`Engine::rollout`] is another than it was at the last [`Engine::saved`].
    #[must_use]
    pub const fn has_changed(&self) -> bool {
        self.changed
    }

    /// As it is now it is in the registry.
    pub const fn saved(&mut self) {
        self.changed = false;
    }

    /// These are no boxes of the fleet any more.
    pub fn forget(&mut self, gone: impl Fn(&DeviceId) -> bool) {
        self.rollout.members.retain(|member| !gone(&member.device));
        if let State::Stopped { reason } = &mut self.rollout.state {
            reason.forget(&gone);
        }
        self.notes.retain_mut(|note| note.forget(&gone));
        self.hearing.forget(&gone);
        self.places = places(&self.rollout);
    }

    /// What shall happen next.
    pub fn poll(&mut self) -> Option<Output> {
        let due = self.next_due();
        due.or_else(|| self.notes.pop_front().map(Output::Say))
    }

    /// When [`Input::Tick`] is due; none: not before something else happens.
    #[must_use]
    pub const fn next_deadline(&self) -> Option<Timestamp> {
        self.next
    }

    /// Something happened.
    pub fn handle(&mut self, input: Input, now: Timestamp) {
        let place = input.device().map(|device| self.place(device));
        if place == Some(None) {
            return;
        }
        let place = place.flatten();
        let member = place.map(|place| self.rollout.members[place].clone());
        let figures = self.figures();
        if matches!(input, Input::Tick | Input::AllHeard) {
            self.next = None;
        }
        let go_on = match place {
            Some(place) => self.hear(place, input, now),
            None => self.obey(input, now),
        };
        if self.hearing.is_deaf() {
            self.next = None;
        } else {
            if go_on {
                self.go_on(now);
            }
            let alive = matches!(self.rollout.state, State::Running | State::Paused);
            if go_on || !alive || self.next.is_none() {
                self.plan(now);
            }
        }
        let same = place.map(|place| &self.rollout.members[place]) == member.as_ref();
        self.changed |= !same || figures != self.figures();
    }

    /// A box is heard, or heard of. True when that may be reason to go on.
    fn hear(&mut self, place: usize, input: Input, now: Timestamp) -> bool {
        let member = &mut self.rollout.members[place];
        match input {
            Input::Presence { online, clean, .. } => {
                if member.online != online {
                    member.changed = now;
                }
                (member.online, member.clean) = (online, clean && !online);
            }
            Input::Running { release, .. } => {
                // One that was told says more of it in its report.
                let already = member.is_untouched() && member.told == 0 && release == self.rollout.image.release;
                if already {
                    member.stage = Stage::Already;
                }
                member.running = release;
                return already;
            }
            Input::Report { report, .. } => return self.report(place, report, now),
            Input::Desired { rev, .. } => {
                member.rev = member.rev.max(rev);
                self.is_there(place, rev);
            }
            Input::Delivered { rev, .. } => self.is_there(place, rev),
            Input::Undelivered { rev, said, .. } => return self.undelivered(place, rev, said),
            Input::Trouble { trouble, at, .. } => {
                let last = match trouble {
                    Trouble::Crash => &mut member.crash,
                    Trouble::FailedCall => &mut member.failed_call,
                };
                *last = (*last).max(Some(at.min(now)));
                // What others say matters only beside what updated boxes say.
                let matters = matches!(member.stage, Stage::Updated { .. });
                self.look |= matters;
                return matters;
            }
            Input::Listening | Input::AllHeard | Input::Tick | Input::Pause | Input::Resume | Input::Abort => {}
        }
        false
    }

    /// Time passes, or somebody wants something. True when it may go on.
    fn obey(&mut self, input: Input, now: Timestamp) -> bool {
        match input {
            Input::Listening => {
                self.listening(now);
                false
            }
            Input::AllHeard => {
                self.next = Some(now);
                self.all_heard(now).is_some_and(|order| self.obey(order, now))
            }
            Input::Tick => true,
            Input::Pause => {
                if self.rollout.state == State::Running {
                    self.rollout.state = State::Paused;
                    self.say(Note::Paused);
                }
                false
            }
            // What boxes do meanwhile decides what becomes of them.
            order @ (Input::Resume | Input::Abort) if self.hearing.is_deaf() => {
                self.hearing.hold(order);
                false
            }
            Input::Resume => self.resume(),
            Input::Abort => {
                if !self.rollout.state.is_over() {
                    self.rollout.state = State::Aborted;
                    let withdrawn = self.withdraw_all();
                    self.say(Note::Aborted { withdrawn });
                }
                false
            }
            _ => false,
        }
    }

    fn figures(&self) -> Figures {
        let rollout = &self.rollout;
        (
            rollout.state.clone(),
            rollout.wave,
            rollout.settled,
            rollout.clean,
            rollout.sampled,
        )
    }

    fn place(&self, device: &DeviceId) -> Option<usize> {
        self.places.get(device).copied()
    }

    fn say(&mut self, note: Note) {
        self.notes.push_back(note);
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
}

fn places(rollout: &Rollout) -> HashMap<DeviceId, usize> {
    let places = rollout.members.iter().enumerate();
    places.map(|(place, member)| (member.device.clone(), place)).collect()
}
