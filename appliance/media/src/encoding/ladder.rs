//! Which encoder comes after one that was given up (`specs/camera.md` §1.5): the same once more, by its next way in, another one, at
//! last the processor; and when hardware is worth another try. Pure.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::judgement::Flaw;
use super::trial::LAYERS;

/// An encoder that has done its work for so long is trusted again.
const TRUSTED: Duration = Duration::from_secs(600);
/// Hardware is tried again after this; then after twice as long, up to the longest.
const AGAIN: Duration = Duration::from_secs(600);
const AGAIN_AT_MOST: Duration = Duration::from_secs(6 * 3_600);

/// An encoder by one of its ways in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Name of the model.
    pub encoder: String,
    /// Name of the way in.
    pub path: String,
    /// The work is done elsewhere than in the processor.
    pub hardware: bool,
    /// What its trial has shown.
    pub flaws: Vec<Flaw>,
    /// Lines of the layers that it has passed for, of [`LAYERS`].
    pub heights: Vec<u32>,
}

impl Step {
    /// It has passed for pictures of so many lines, or for the next larger ones that were tried. The processor's is for all.
    #[must_use]
    pub fn is_for(&self, height: u32) -> bool {
        let tried = || LAYERS.iter().map(|layer| layer.height);
        let like = tried().filter(|tried| *tried >= height).min().or_else(|| tried().max());
        !self.hardware || like.is_some_and(|like| self.heights.contains(&like))
    }
}

impl Display for Step {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} ({})", self.encoder, self.path)
    }
}

/// Encoders in hardware that were given up, and how long they rest. Shared by the layers and the meetings of a worker: what fails in one
/// need not fail in each of them.
#[derive(Debug, Clone, Default)]
pub struct Rest(Arc<Mutex<BTreeMap<String, Resting>>>);

#[derive(Debug, Clone, Copy)]
struct Resting {
    until: Instant,
    pause: Duration,
}

impl Rest {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Resting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is not worth a try yet.
    #[must_use]
    pub fn has(&self, step: &Step, now: Instant) -> bool {
        self.lock()
            .get(&step.to_string())
            .is_some_and(|resting| resting.until > now)
    }

    /// It was given up: twice as long as the time before. Of those who find the same the first has said it.
    fn begin(&self, step: &Step, now: Instant) {
        if !step.hardware || self.has(step, now) {
            return;
        }
        let mut resting = self.lock();
        let before = resting.get(&step.to_string()).map(|resting| resting.pause * 2);
        let pause = before.map_or(AGAIN, |pause| pause.min(AGAIN_AT_MOST));
        let until = now + pause;
        resting.insert(step.to_string(), Resting { until, pause });
    }

    /// It has done its work for long.
    fn forget(&self, step: &Step) {
        self.lock().remove(&step.to_string());
    }
}

/// The encoders of a box, the best first; the last one is the processor's.
#[derive(Debug)]
pub struct Ladder {
    steps: Vec<Step>,
    rest: Rest,
    at: usize,
    since: Instant,
    /// The one of now has failed once already.
    is_second: bool,
}

impl Ladder {
    /// With these, but for those that rest; none of them: nothing can be encoded.
    #[must_use]
    pub fn new(steps: Vec<Step>, rest: Rest, now: Instant) -> Self {
        let mut ladder = Self {
            steps,
            rest,
            at: 0,
            since: now,
            is_second: false,
        };
        ladder.at = ladder.from(0, now);
        ladder
    }

    /// The first from here on that does not rest; else the last.
    fn from(&self, at: usize, now: Instant) -> usize {
        let mut awake = self.steps.iter().enumerate().skip(at);
        let found = awake.find(|(_, step)| !self.rest.has(step, now));
        found.map_or(self.steps.len().saturating_sub(1), |(at, _)| at)
    }

    /// The one to use.
    #[must_use]
    pub fn now(&self) -> Option<&Step> {
        self.steps.get(self.at)
    }

    /// Nothing comes after the one to use.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.at + 1 >= self.steps.len()
    }

    /// The one that is used was given up. [`Ladder::now`] is what to build: the same once more, unless another layer has had that in vain.
    pub fn give_up(&mut self, now: Instant) {
        self.look_back(now);
        let rests = self.now().is_some_and(|step| self.rest.has(step, now));
        if std::mem::replace(&mut self.is_second, true) || rests {
            self.step(now);
        }
    }

    /// The one to use cannot be built, or has never begun: no second chance. False: there is no other.
    pub fn pass_over(&mut self, now: Instant) -> bool {
        self.look_back(now);
        self.step(now)
    }

    /// What was good for long has its chances again.
    fn look_back(&mut self, now: Instant) {
        if now.saturating_duration_since(self.since) >= TRUSTED {
            self.is_second = false;
            self.now().into_iter().for_each(|step| self.rest.forget(step));
        }
        self.since = now;
    }

    /// To the next one. False: there is none.
    fn step(&mut self, now: Instant) -> bool {
        if self.is_last() {
            return false;
        }
        self.now().into_iter().for_each(|step| self.rest.begin(step, now));
        (self.at, self.is_second) = (self.from(self.at + 1, now), false);
        true
    }

    /// Whether hardware has rested enough while the processor does the work; then [`Ladder::now`] is that.
    pub fn climb(&mut self, now: Instant) -> bool {
        if self.now().is_none_or(|step| step.hardware) {
            return false;
        }
        let at = self.from(0, now);
        let is_due = at < self.at;
        if is_due {
            (self.at, self.since, self.is_second) = (at, now, false);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(encoder: &str, path: &str, hardware: bool) -> Step {
        Step {
            encoder: encoder.into(),
            path: path.into(),
            hardware,
            flaws: Vec::new(),
            heights: vec![720, 360],
        }
    }

    #[test]
    fn hardware_is_for_the_sizes_that_it_has_passed_for_and_the_processor_for_all() {
        let hardware = step("va", "va", true);
        let is_for = |step: &Step| [90, 180, 240, 360, 720, 1_080].map(|height| step.is_for(height));
        assert_eq!(is_for(&hardware), [false, false, true, true, true, true]);
        assert_eq!(is_for(&step("x264enc", "planar", false)), [true; 6]);
    }

    fn ladder(now: Instant) -> Ladder {
        beside(&Rest::default(), now)
    }

    /// Another layer, or another meeting.
    fn beside(rest: &Rest, now: Instant) -> Ladder {
        let steps = [
            step("va", "va", true),
            step("va", "system", true),
            step("x264enc", "planar", false),
        ];
        Ladder::new(steps.into(), rest.clone(), now)
    }

    fn names(ladder: &Ladder) -> (String, String) {
        let step = ladder.now().unwrap();
        (step.encoder.clone(), step.path.clone())
    }

    fn after(begun: Instant, seconds: u64) -> Instant {
        begun + Duration::from_secs(seconds)
    }

    #[test]
    fn each_is_given_a_second_chance_and_the_processor_is_the_last() {
        let begun = Instant::now();
        let mut ladder = ladder(begun);
        let seen: Vec<_> = (1..=7)
            .map(|second| {
                ladder.give_up(after(begun, second));
                let (encoder, path) = names(&ladder);
                format!("{encoder}/{path}")
            })
            .collect();
        let expected = [
            "va/va",
            "va/system",
            "va/system",
            "x264enc/planar",
            "x264enc/planar",
            "x264enc/planar",
            "x264enc/planar",
        ];
        assert_eq!(seen, expected);
        assert!(!ladder.pass_over(begun), "there is no other");
        let mut none = Ladder::new(Vec::new(), Rest::default(), begun);
        none.give_up(begun);
        assert_eq!(none.now(), None);
    }

    #[test]
    fn one_that_failed_long_ago_is_built_once_more() {
        let begun = Instant::now();
        let mut ladder = ladder(begun);
        ladder.give_up(after(begun, 1));
        ladder.give_up(after(begun, 601));
        assert_eq!(names(&ladder).1, "va", "ten minutes of good work");
        ladder.give_up(after(begun, 1_200));
        assert_eq!(names(&ladder).1, "system", "a second less");
    }

    #[test]
    fn what_one_layer_has_given_up_no_other_has_to_find_out() {
        let begun = Instant::now();
        let rest = Rest::default();
        let (mut first, mut second) = (beside(&rest, begun), beside(&rest, begun));
        first.give_up(after(begun, 1));
        first.give_up(after(begun, 2));
        assert_eq!(names(&first).1, "system");
        assert_eq!(names(&second).1, "va", "there it works");
        second.give_up(after(begun, 3));
        assert_eq!(names(&second).1, "system", "the second chance was the other's");
        assert_eq!(names(&beside(&rest, after(begun, 4))).1, "system", "the next meeting");
        assert_eq!(
            names(&beside(&rest, after(begun, 602))).1,
            "va",
            "ten minutes, and not twenty"
        );
        assert!(!first.climb(after(begun, 602)), "hardware does the work");
        let only = Ladder::new(vec![step("va", "va", true)], rest, after(begun, 4));
        assert_eq!(names(&only).0, "va", "there is no other");
    }

    #[test]
    fn hardware_is_tried_again_less_and_less_often() {
        let begun = Instant::now();
        let mut ladder = ladder(begun);
        let mut now = begun;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            for _ in 0..4 {
                now += Duration::from_secs(1);
                ladder.give_up(now);
            }
            assert_eq!(names(&ladder).0, "x264enc");
            let left = now;
            while !ladder.climb(now) {
                now += Duration::from_secs(60);
            }
            assert_eq!(names(&ladder).1, "va");
            pauses.push((now - left).as_secs() / 60);
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 360, 360]);
        assert!(!ladder.climb(now + AGAIN_AT_MOST), "it is used");
    }
}
