//! The fleet and its clock: discrete events, no waiting.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use fleet::contract::{DeviceId, Window};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use roomctl::rollout::{Engine, Image, Input, Member, Note, Output, Policy, Rollout, State};

use crate::room::{AFTER, BEFORE, Fate, Room, Work};

pub const SECOND: u64 = 1_000;
pub const HOUR: u64 = 3_600 * SECOND;
pub const DAY: u64 = 24 * HOUR;

/// Models and their share, percent.
pub const MODELS: [(&str, usize); 5] = [("One", 40), ("One S", 30), ("Two", 20), ("Two XL", 7), ("Table", 3)];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    Power {
        room: usize,
        on: bool,
    },
    Booted {
        room: usize,
        start: u32,
    },
    Lost {
        room: usize,
        start: u32,
    },
    Line {
        room: usize,
        up: bool,
    },
    Delivered {
        room: usize,
    },
    Ready {
        room: usize,
        start: u32,
        download: u32,
        work: Work,
    },
    Alarm {
        room: usize,
        start: u32,
    },
    Meeting {
        room: usize,
        begins: bool,
    },
    Crash {
        room: usize,
        again: bool,
    },
    FailedCall {
        room: usize,
        again: bool,
    },
    Engine,
}

/// A fleet.
pub struct World {
    pub rooms: Vec<Room>,
    pub places: BTreeMap<DeviceId, usize>,
    pub engine: Engine,
    pub events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    pub sequence: u64,
    pub ms: u64,
    pub epoch: Timestamp,
    pub engine_at: Option<u64>,
    pub chance: StdRng,
    pub notes: Vec<(u64, Note)>,
    /// Boxes that were ever told to reach the release.
    pub told: BTreeSet<usize>,
    /// Boxes that were harmed, whoever noticed.
    pub harmed: BTreeSet<usize>,
    /// Most boxes that were ever in trial at one time.
    pub most_in_trial: usize,
    pub in_trial: BTreeSet<usize>,
}

fn device(number: usize) -> DeviceId {
    format!("box-{number:06}").as_str().try_into().unwrap()
}

/// What is rolled out.
pub fn image() -> Image {
    Image {
        release: AFTER.into(),
        url: "https://updates.example/2.4.0.raucb".into(),
        size: 1_000_000,
        sha256: "ab".repeat(32),
        manifest_hash: "cd".repeat(32),
        security_version: 9,
        min_from: None,
    }
}

/// At night, with the soak of the contract.
pub fn nightly() -> Policy {
    Policy {
        window: Some(Window(["22:00".into(), "05:00".into()])),
        ..Policy::default()
    }
}

impl World {
    /// So many boxes of which a third is switched off at night; on a Monday afternoon.
    pub fn new(boxes: usize, policy: Policy, seed: u64) -> Self {
        let mut chance = StdRng::seed_from_u64(seed);
        let epoch: Timestamp = "2026-11-23T14:00:00Z".parse().unwrap();
        let mut rooms = Vec::new();
        for number in 0..boxes {
            let share = number * 100 / boxes;
            let mut sum = 0;
            let model = MODELS.iter().find(|(_, percent)| {
                sum += percent;
                share < sum
            });
            let site = format!("site-{}", chance.random_range(0..40));
            rooms.push(Room::new(device(number), model.unwrap().0, site, chance.random()));
        }
        let mut order: Vec<usize> = (0..boxes).collect();
        order.shuffle(&mut chance);
        for place in &order[..boxes / 3] {
            rooms[*place].dark = Some((chance.random_range(18..21), chance.random_range(6..8)));
        }
        let mut members = Vec::new();
        for room in &rooms {
            let (model, site) = (room.model.clone(), room.site.clone());
            members.push(Member::new(room.device.clone(), model, site, chance.random(), epoch));
        }
        let rollout = Rollout::new(image(), policy, members, epoch);
        let mut world = Self {
            places: rooms
                .iter()
                .enumerate()
                .map(|(place, room)| (room.device.clone(), place))
                .collect(),
            rooms,
            engine: Engine::new(rollout, TimeZone::UTC, epoch),
            events: BinaryHeap::new(),
            sequence: 0,
            ms: 0,
            epoch,
            engine_at: None,
            chance,
            notes: Vec::new(),
            told: BTreeSet::new(),
            harmed: BTreeSet::new(),
            most_in_trial: 0,
            in_trial: BTreeSet::new(),
        };
        for room in 0..boxes {
            world.at(0, Event::Power { room, on: true });
            for event in [
                Event::Line { room, up: false },
                Event::Meeting { room, begins: true },
                Event::Crash { room, again: true },
                Event::FailedCall { room, again: true },
            ] {
                let first = world.chance.random_range(0..2 * DAY);
                world.at(first, event);
            }
            if let Some((off, _)) = world.rooms[room].dark {
                let first = (off - 14) * HOUR + world.chance.random_range(0..HOUR);
                world.at(first, Event::Power { room, on: false });
            }
        }
        world.tell(Input::AllHeard);
        world
    }

    /// Somebody else conducts, with what stands in the registry and what the broker keeps.
    pub fn taken_over(&mut self, rollout: Rollout) {
        let now = self.now();
        self.engine = Engine::new(rollout, TimeZone::UTC, now);
        for room in 0..self.rooms.len() {
            if let Some(rev) = self.rooms[room].retained.as_ref().map(|update| update.rev) {
                let device = self.rooms[room].device.clone();
                self.tell(Input::Desired { device, rev });
            }
        }
        self.tell(Input::AllHeard);
    }

    /// These are harmed.
    pub fn doom(&mut self, rooms: impl IntoIterator<Item = usize>, fates: &[Fate]) {
        for (number, room) in rooms.into_iter().enumerate() {
            self.rooms[room].fate = fates[number % fates.len()];
        }
    }

    /// So many in a hundred, drawn by lot.
    pub fn some(&mut self, percent: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.rooms.len()).collect();
        all.shuffle(&mut self.chance);
        all.truncate(self.rooms.len() * percent / 100);
        all
    }

    pub fn at(&mut self, ms: u64, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((ms, self.sequence, event)));
    }

    pub fn now(&self) -> Timestamp {
        self.epoch + SignedDuration::from_millis(i64::try_from(self.ms).unwrap())
    }

    /// The engine hears something.
    pub fn tell(&mut self, input: Input) {
        let now = self.now();
        self.engine.handle(input, now);
        self.pump();
    }

    fn pump(&mut self) {
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Publish { device, update } => {
                    let room = self.places[&device];
                    if update.release == AFTER && self.rooms[room].running == BEFORE {
                        self.told.insert(room);
                    }
                    self.rooms[room].retained = Some(*update);
                    self.at(self.ms + 200, Event::Delivered { room });
                }
                Output::Say(note) => self.notes.push((self.ms, note)),
            }
        }
        let next = self.engine.next_deadline().map(|then| {
            let ahead = then.duration_since(self.epoch).as_millis();
            u64::try_from(ahead).unwrap_or(0).max(self.ms)
        });
        if let Some(next) = next
            && self.engine_at.is_none_or(|planned| planned > next)
        {
            self.engine_at = Some(next);
            self.at(next, Event::Engine);
        }
    }

    /// Until something is so, or until that time. Whether it is so.
    pub fn run(&mut self, until: SignedDuration, mut enough: impl FnMut(&Self) -> bool) -> bool {
        let end = u64::try_from(until.as_millis()).unwrap();
        while let Some(Reverse((ms, _, event))) = self.events.peek().copied() {
            if ms > end {
                self.ms = end;
                return enough(self);
            }
            self.events.pop();
            self.ms = ms;
            self.happen(event);
            if enough(self) {
                return true;
            }
        }
        false
    }

    /// It runs no more by itself.
    pub fn stopped(&self) -> bool {
        matches!(self.engine.rollout().state, State::Stopped { .. })
    }
}
