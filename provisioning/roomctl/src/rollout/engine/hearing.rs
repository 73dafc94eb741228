//! What is known of the broker on this connection, and what it lacks.
//!
//! The broker keeps one document of each box. Whatever a box shall find there and the broker does not keep is due: after
//! [`super::Input::AllHeard`] that is everything that an earlier conductor saved and did not come to publish, or that a broker
//! has lost. Before it nothing is decided: what boxes did while nobody listened is not known yet.

use std::collections::{HashMap, VecDeque};

use fleet::contract::DeviceId;
use jiff::Timestamp;

use super::{Engine, MOMENT};
use crate::rollout::input::Input;
use crate::rollout::member::Stage;
use crate::rollout::output::{Note, Output};

/// Revisions of a box's document.
#[derive(Debug, Clone, Copy, Default)]
struct Revisions {
    /// At the broker, or refused by it.
    there: u64,
    /// At the broker or on its way there.
    on_its_way: u64,
}

/// What is known of the broker.
#[derive(Debug)]
pub(super) struct Hearing {
    /// Since when what it keeps is not known.
    deaf: Option<Timestamp>,
    /// Since when boxes are watched; none: not yet.
    watching: Option<Timestamp>,
    /// Somebody wants it, once all was heard.
    order: Option<Input>,
    documents: HashMap<DeviceId, Revisions>,
    due: VecDeque<DeviceId>,
}

impl Hearing {
    pub fn new(now: Timestamp) -> Self {
        Self {
            deaf: Some(now),
            watching: None,
            order: None,
            documents: HashMap::new(),
            due: VecDeque::new(),
        }
    }

    pub const fn is_deaf(&self) -> bool {
        self.deaf.is_some()
    }

    /// A silence before it was nobody's: nobody listened.
    pub const fn watching(&self) -> Option<Timestamp> {
        self.watching
    }

    /// Whatever else somebody wants, an end stays wanted.
    pub fn hold(&mut self, order: Input) {
        if self.order != Some(Input::Abort) {
            self.order = Some(order);
        }
    }

    pub fn is_due(&mut self, device: DeviceId) {
        self.due.push_back(device);
    }

    pub fn forget(&mut self, gone: impl Fn(&DeviceId) -> bool) {
        self.documents.retain(|device, _| !gone(device));
        self.due.retain(|device| !gone(device));
    }
}

impl Engine {
    pub(super) fn listening(&mut self, now: Timestamp) {
        self.hearing.deaf.get_or_insert(now);
        self.hearing.documents.clear();
        self.hearing.due.clear();
    }

    /// What somebody wants meanwhile.
    pub(super) fn all_heard(&mut self, now: Timestamp) -> Option<Input> {
        let deaf = self.hearing.deaf.take();
        let long = deaf.is_some_and(|since| now.duration_since(since) >= MOMENT);
        if long || self.hearing.watching.is_none() {
            self.hearing.watching = Some(now);
        }
        let members = self.rollout.members.iter();
        let told = members.filter(|member| member.order.is_some());
        self.hearing.due = told.map(|member| member.device.clone()).collect();
        self.hearing.order.take()
    }

    /// The broker keeps this revision, or something newer.
    pub(super) fn is_there(&mut self, place: usize, rev: u64) {
        let device = self.rollout.members[place].device.clone();
        let revisions = self.hearing.documents.entry(device).or_default();
        revisions.there = revisions.there.max(rev);
        revisions.on_its_way = revisions.on_its_way.max(rev);
    }

    /// The broker refuses a document. The others go on; the next connection tries it again.
    pub(super) fn undelivered(&mut self, place: usize, rev: u64, said: String) -> bool {
        self.is_there(place, rev);
        let member = &mut self.rollout.members[place];
        let device = member.device.clone();
        let Some(order) = member.order.as_ref().filter(|order| order.rev == rev) else {
            return false;
        };
        if order.stay_at.is_some() {
            self.say(Note::Undelivered { device, said });
            return false;
        }
        // It never heard of it.
        member.order = None;
        member.stage = Stage::Refused { said: said.clone() };
        self.say(Note::Refused { device, said });
        true
    }

    /// The next document that the broker lacks.
    pub(super) fn next_due(&mut self) -> Option<Output> {
        if self.hearing.is_deaf() {
            return None;
        }
        while let Some(device) = self.hearing.due.pop_front() {
            let order = self.member(&device).and_then(|member| member.order.as_ref());
            let Some((rev, update)) = order.map(|order| (order.rev, self.rollout.image.document(order))) else {
                continue;
            };
            let revisions = self.hearing.documents.entry(device.clone()).or_default();
            if revisions.on_its_way < rev {
                revisions.on_its_way = rev;
                let update = Box::new(update);
                return Some(Output::Publish { device, update });
            }
        }
        None
    }

    /// That is wanted already, and waits for [`Input::AllHeard`].
    #[must_use]
    pub fn waits_for(&self, order: &Input) -> bool {
        self.hearing.order.as_ref() == Some(order)
    }

    /// The broker keeps, or has refused, everything that boxes shall find there.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let there = |device| self.hearing.documents.get(device).map_or(0, |known| known.there);
        let mut orders = self
            .rollout
            .members
            .iter()
            .filter_map(|member| Some((&member.device, member.order.as_ref()?)));
        !self.hearing.is_deaf() && orders.all(|(device, order)| there(device) >= order.rev)
    }

    /// Nothing more happens, ever, and every box finds what it shall find.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.rollout.state.is_over() && self.is_settled()
    }
}
