//! Random lives of a machine, beside a witness who knows only what was plugged in when.

use super::*;
use crate::{Camera, Microphone};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const LIVES: u64 = 100;
const STEPS: usize = 300;
/// From here on the hint of a change and the look that it leads to must be over.
const SEEN_WITHIN: Duration = Duration::from_millis(1_001);

/// What was really plugged in when.
#[derive(Default)]
struct Witness {
    /// By name: since when it is there; none: gone since [`Self::changed`].
    there: BTreeMap<String, Instant>,
    changed: BTreeMap<String, Instant>,
    losses: BTreeMap<String, Vec<Instant>>,
}

impl Witness {
    /// What must hold whatever happened.
    fn judge(&self, view: &View, now: Instant) {
        for id in ["a", "b", "c"] {
            let usable = has(&view.inventory, &(Kind::Camera, id.into()));
            let both = has(&view.inventory, &(Kind::Microphone, id.into()));
            assert_eq!(usable, both, "camera and microphone of one device");
            let long = self.changed.get(id).is_none_or(|at| now >= *at + SEEN_WITHIN);
            let since = self.there.get(id);
            if long && since.is_none() {
                assert!(!usable, "{id} is gone and is used");
            }
            let held = since.is_some_and(|since| now >= *since + SEEN_WITHIN + STEADY);
            if held {
                assert!(usable, "{id} is there and stays unused");
            }
            let window = |from: Instant| {
                let losses = self.losses.get(id).into_iter().flatten();
                losses.filter(|at| **at >= from).count()
            };
            let start = now.checked_sub(WINDOW + SEEN_WITHIN).unwrap_or(now);
            let said = view.unstable.contains(&(Kind::Camera, id.into()));
            assert!(
                !said || window(start) >= LOSSES,
                "{id} is called unstable without a reason"
            );
        }
    }
}

struct Life {
    tracker: Tracker,
    witness: Witness,
    now: Instant,
    /// A look takes its time: its answer is what was there when it began.
    views: usize,
}

impl Life {
    fn inventory(&self) -> Inventory {
        let mut inventory = Inventory::default();
        for id in self.witness.there.keys() {
            inventory.cameras.push(Camera {
                id: id.clone(),
                name: id.clone(),
                path: "/dev/video0".into(),
                node: "/dev/video0".into(),
                usb: None,
                serial: None,
                speed: None,
            });
            inventory.microphones.push(Microphone {
                id: id.clone(),
                name: id.clone(),
                device: "plughw:CARD=a,DEV=0".into(),
                usb: None,
                channels: Vec::new(),
            });
        }
        inventory
    }

    fn feed(&mut self, input: Input) {
        for output in self.tracker.handle(input, self.now) {
            match output {
                Output::Enumerate => self.feed(Input::Enumerated(Box::new(self.inventory()))),
                Output::Changed(view) => {
                    assert_eq!(*view, self.tracker.shown);
                    self.views += 1;
                }
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        let mut turns = 0;
        while let Some(at) = self.tracker.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.feed(Input::Timer);
            self.witness.judge(&self.tracker.shown, self.now);
            turns += 1;
            assert!(turns < 10_000, "a deadline that has passed keeps the driver spinning");
        }
        self.now = end;
        self.witness.judge(&self.tracker.shown, self.now);
    }

    fn toggle(&mut self, id: &str) {
        self.witness.changed.insert(id.into(), self.now);
        if self.witness.there.remove(id).is_some() {
            self.witness.losses.entry(id.into()).or_default().push(self.now);
            self.feed(Input::Removed);
        } else {
            self.witness.there.insert(id.into(), self.now);
            self.feed(Input::Added);
        }
    }
}

#[test]
fn whatever_is_plugged_and_pulled_what_is_gone_is_not_used_and_what_stays_is() {
    let (mut views, mut unstable) = (0, 0);
    for seed in 0..LIVES {
        let mut chance = StdRng::seed_from_u64(seed);
        let now = Instant::now();
        let mut life = Life {
            tracker: Tracker::new(now),
            witness: Witness::default(),
            now,
            views: 0,
        };
        life.pass(Duration::ZERO);
        for _ in 0..STEPS {
            match chance.random_range(0..10) {
                0..5 => life.toggle(["a", "b", "c"][chance.random_range(0..3)]),
                5 => life.feed(Input::Added),
                6 => life.feed(Input::Removed),
                7 => life.feed(Input::Overflow),
                _ => life.feed(Input::Timer),
            }
            let pause = match chance.random_range(0..20) {
                0 => Duration::from_secs(chance.random_range(0..400)),
                1..8 => Duration::from_millis(chance.random_range(0..4_000)),
                _ => Duration::from_millis(chance.random_range(0..200)),
            };
            life.pass(pause);
            unstable += usize::from(!life.tracker.shown.unstable.is_empty());
        }
        views += life.views;
    }
    // The lives must have been worth living.
    assert!(
        views > 4_000 && unstable > 1_000,
        "{views} changes, {unstable} unstable"
    );
}
