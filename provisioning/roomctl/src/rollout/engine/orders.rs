//! What a box shall find at the broker: the release, or the one at which it stays.

use fleet::contract::{Phase, Window};
use jiff::Timestamp;

use super::{BUSY, Engine, IDLE, MOMENT};
use crate::rollout::member::{Order, Stage};

impl Engine {
    /// The revision of the new document.
    fn order(&mut self, place: usize, stay_at: Option<String>, window: Option<Window>, wave: String) -> u64 {
        let member = &mut self.rollout.members[place];
        member.rev = member.next_rev();
        member.order = Some(Order {
            rev: member.rev,
            stay_at,
            window,
            wave,
        });
        self.changed = true;
        self.hearing.is_due(member.device.clone());
        member.rev
    }

    /// A box shall reach the release.
    pub(super) fn tell(&mut self, place: usize, stage: Stage) {
        let wave = format!("w{}", self.rollout.wave + 1);
        let wanted = self.rollout.policy.window.as_ref();
        let window = wanted.and_then(|wanted| self.rollout.members[place].habit.window(wanted));
        let rev = self.order(place, None, window, wave);
        let member = &mut self.rollout.members[place];
        member.before.clone_from(&member.running);
        member.told = rev;
        member.withdrawn = false;
        member.stage = stage;
    }

    /// It stays at this release.
    pub(super) fn take_back(&mut self, place: usize, release: String) {
        self.order(place, Some(release), None, String::new());
        self.rollout.members[place].withdrawn = true;
    }

    /// It was faster than the withdrawal, and runs the new release.
    pub(super) fn leave_as_it_is(&mut self, place: usize) {
        let release = self.rollout.image.release.clone();
        let rev = self.order(place, Some(release), None, String::new());
        self.rollout.members[place].told = rev;
    }

    pub(super) fn withdraw(&mut self, place: usize) {
        // By now it may be on trial, where it runs the new release.
        let release = self.rollout.members[place].release_before().to_owned();
        self.take_back(place, release);
        self.rollout.members[place].stage = Stage::Untouched;
    }

    pub(super) fn withdraw_all(&mut self) -> usize {
        let places: Vec<usize> = (0..self.rollout.members.len())
            .filter(|place| self.rollout.members[*place].can_be_withdrawn())
            .collect();
        places.iter().for_each(|place| self.withdraw(*place));
        places.len()
    }

    /// What waits or fetches without being there, or does nothing, makes room for others.
    pub(super) fn set_aside(&mut self, now: Timestamp) {
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
}
