//! Which devices can be relied on now. Hints that something changed and enumerations go in, the devices to use come out.
//!
//! A hint is never believed, it only says when to look: so a lost one costs nothing, and a flurry of them is one look. What
//! an enumeration shows is the truth. A device that breaks off again and again is used again only after it has stayed for
//! a while.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use crate::inventory::Inventory;

/// After a removal: the look that closes the device and says so.
const PROMPT: Duration = Duration::from_millis(50);
/// After an addition nothing else may come for so long: a device has several nodes, which come one after the other.
const QUIET: Duration = Duration::from_millis(300);
/// A flurry that does not end is looked at all the same.
const FLURRY: Duration = Duration::from_secs(1);
/// So many losses within [`WINDOW`] make a device unstable (`specs/camera.md §2.1`).
const LOSSES: usize = 3;
/// See [`LOSSES`].
const WINDOW: Duration = Duration::from_secs(5 * 60);
/// For so long an unstable device must stay before it is used again.
const STEADY: Duration = Duration::from_secs(2);
/// Devices of one kind that are looked at; a machine that shows more is out of order.
const MOST: usize = 32;
/// Devices that are gone and still remembered, the newest.
const REMEMBERED: usize = 64;

/// What the tracker is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Something was added, or has changed.
    Added,
    /// Something was removed.
    Removed,
    /// Some words were lost on the way (`ENOBUFS`): anything may have happened.
    Overflow,
    /// What there is, as [`Output::Enumerate`] asked.
    Enumerated(Box<Inventory>),
    /// [`Tracker::next_deadline`] has come.
    Timer,
}

/// What the tracker wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Look what there is, and say it by [`Input::Enumerated`].
    Enumerate,
    /// Other devices can be used from now on, or others are unstable.
    Changed(Box<View>),
}

/// The kind of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A camera.
    Camera,
    /// A microphone.
    Microphone,
    /// A loudspeaker.
    Speaker,
}

/// What can be relied on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    /// The devices to use.
    pub inventory: Inventory,
    /// Devices that broke off again and again within the last minutes, by kind and id, also those that are gone now.
    pub unstable: BTreeSet<(Kind, String)>,
}

/// See the head of this file.
#[derive(Debug)]
pub struct Tracker {
    /// The last enumeration.
    seen: Inventory,
    known: BTreeMap<(Kind, String), Known>,
    shown: View,
    /// When to look because something was removed.
    prompt: Option<Instant>,
    /// When to look because something was added, and when that flurry began.
    quiet: Option<(Instant, Instant)>,
}

#[derive(Debug, Default)]
struct Known {
    /// None: it is gone.
    since: Option<Instant>,
    /// The newest losses, oldest first.
    losses: VecDeque<Instant>,
}

impl Known {
    fn is_unstable(&self) -> bool {
        self.losses.len() >= LOSSES
    }

    /// When it can be used if it stays; none: it is gone.
    fn usable_from(&self) -> Option<Instant> {
        let since = self.since?;
        Some(if self.is_unstable() { since + STEADY } else { since })
    }

    /// When it is no longer unstable.
    fn calm_from(&self) -> Option<Instant> {
        self.losses
            .front()
            .filter(|_| self.is_unstable())
            .map(|oldest| *oldest + WINDOW)
    }
}

impl Tracker {
    /// Knows nothing yet, and wants to look at once.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            seen: Inventory::default(),
            known: BTreeMap::new(),
            shown: View::default(),
            prompt: Some(now),
            quiet: None,
        }
    }

    /// Takes one input at a time that never runs backwards.
    pub fn handle(&mut self, input: Input, now: Instant) -> Vec<Output> {
        match input {
            Input::Added => {
                let began = self.quiet.map_or(now, |(began, _)| began);
                self.quiet = Some((began, (now + QUIET).min(began + FLURRY)));
            }
            Input::Removed | Input::Overflow => {
                self.prompt.get_or_insert(now + PROMPT);
            }
            Input::Enumerated(inventory) => self.see(*inventory, now),
            Input::Timer => {}
        }
        let mut outputs = Vec::from_iter(self.settle(now));
        if self.look_at().is_some_and(|at| at <= now) {
            self.prompt = None;
            self.quiet = self.quiet.filter(|(_, at)| *at > now);
            outputs.push(Output::Enumerate);
        }
        outputs
    }

    /// When [`Input::Timer`] is wanted at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let waiting =
            |(key, known): (&(Kind, String), &Known)| known.usable_from().filter(|_| !has(&self.shown.inventory, key));
        let settling = self.known.iter().filter_map(waiting).min();
        let calming = self.known.values().filter_map(Known::calm_from).min();
        [self.look_at(), settling, calming].into_iter().flatten().min()
    }

    fn look_at(&self) -> Option<Instant> {
        [self.prompt, self.quiet.map(|(_, at)| at)].into_iter().flatten().min()
    }

    fn see(&mut self, mut inventory: Inventory, now: Instant) {
        inventory.cameras.truncate(MOST);
        inventory.microphones.truncate(MOST);
        inventory.speakers.truncate(MOST);
        let there: BTreeSet<(Kind, String)> = keys(&inventory).collect();
        for (key, known) in &mut self.known {
            if !there.contains(key) && known.since.take().is_some() {
                known.losses.push_back(now);
                if known.losses.len() > LOSSES {
                    known.losses.pop_front();
                }
            }
        }
        for key in there {
            self.known.entry(key).or_default().since.get_or_insert(now);
        }
        self.seen = inventory;
        self.forget();
    }

    /// Only the newest of those that are gone are remembered: a device may give itself another name with each breath.
    fn forget(&mut self) {
        let gone = self.known.iter().filter(|(_, known)| known.since.is_none());
        let mut gone: Vec<_> = gone
            .map(|(key, known)| (known.losses.back().copied(), key.clone()))
            .collect();
        gone.sort_unstable();
        for (_, key) in gone.iter().rev().skip(REMEMBERED) {
            self.known.remove(key);
        }
    }

    fn settle(&mut self, now: Instant) -> Option<Output> {
        for known in self.known.values_mut() {
            while known.losses.front().is_some_and(|at| *at + WINDOW <= now) {
                known.losses.pop_front();
            }
        }
        self.known
            .retain(|_, known| known.since.is_some() || !known.losses.is_empty());
        let usable = |kind, id: &str| {
            let known = self.known.get(&(kind, id.to_owned()));
            known.and_then(Known::usable_from).is_some_and(|from| from <= now)
        };
        let mut inventory = self.seen.clone();
        inventory.cameras.retain(|camera| usable(Kind::Camera, &camera.id));
        inventory
            .microphones
            .retain(|microphone| usable(Kind::Microphone, &microphone.id));
        inventory.speakers.retain(|speaker| usable(Kind::Speaker, &speaker.id));
        let unstable = self.known.iter().filter(|(_, known)| known.is_unstable());
        let view = View {
            inventory,
            unstable: unstable.map(|(key, _)| key.clone()).collect(),
        };
        if view == self.shown {
            return None;
        }
        self.shown = view.clone();
        Some(Output::Changed(Box::new(view)))
    }
}

/// The devices of an inventory that come and go.
fn keys(inventory: &Inventory) -> impl Iterator<Item = (Kind, String)> {
    let cameras = inventory.cameras.iter().map(|camera| (Kind::Camera, camera.id.clone()));
    let microphones = inventory.microphones.iter();
    let microphones = microphones.map(|microphone| (Kind::Microphone, microphone.id.clone()));
    let speakers = inventory
        .speakers
        .iter()
        .map(|speaker| (Kind::Speaker, speaker.id.clone()));
    cameras.chain(microphones).chain(speakers)
}

fn has(inventory: &Inventory, key: &(Kind, String)) -> bool {
    keys(inventory).any(|found| found == *key)
}

#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;
