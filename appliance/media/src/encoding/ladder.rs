//! Which encoder comes after one that was given up (`specs/camera.md` §1.5): the same once more, by its next way in, another one, at
//! last the processor; and when hardware is worth another try. Pure.

use std::fmt::{Display, Formatter};
use std::time::{Duration, Instant};

use super::judgement::Flaw;

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
}

impl Display for Step {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} ({})", self.encoder, self.path)
    }
}

/// The encoders of a box, the best first; the last one is the processor's.
#[derive(Debug)]
pub struct Ladder {
    steps: Vec<Step>,
    at: usize,
    since: Instant,
    /// The one of now has failed once already.
    is_second: bool,
    /// When hardware is tried again, while it is not used.
    again: Option<Instant>,
    pause: Duration,
}

impl Ladder {
    /// With these; none of them: nothing can be encoded.
    #[must_use]
    pub fn new(steps: Vec<Step>, now: Instant) -> Self {
        Self {
            steps,
            at: 0,
            since: now,
            is_second: false,
            again: None,
            pause: AGAIN,
        }
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

    /// The one that is used was given up. [`Ladder::now`] is what to build.
    pub fn give_up(&mut self, now: Instant) {
        self.look_back(now);
        if std::mem::replace(&mut self.is_second, true) {
            self.step(now);
        }
    }

    /// The one to use cannot be built, or has never begun: no second chance. False: there is no other.
    pub fn pass_over(&mut self, now: Instant) -> bool {
        self.look_back(now);
        self.is_second = true;
        self.step(now)
    }

    /// What was good for long has its chances again.
    fn look_back(&mut self, now: Instant) {
        if now.saturating_duration_since(self.since) >= TRUSTED {
            (self.is_second, self.pause) = (false, AGAIN);
        }
        self.since = now;
    }

    /// To the next one. False: there is none.
    fn step(&mut self, now: Instant) -> bool {
        if self.is_last() {
            return false;
        }
        let had = self.now().is_some_and(|step| step.hardware);
        (self.at, self.is_second) = (self.at + 1, false);
        let has = self.now().is_some_and(|step| step.hardware);
        if had && !has {
            self.again = Some(now + self.pause);
            self.pause = (self.pause * 2).min(AGAIN_AT_MOST);
        }
        true
    }

    /// Whether hardware is to be tried again now; then [`Ladder::now`] is the best one.
    pub fn climb(&mut self, now: Instant) -> bool {
        let due = self.again.is_some_and(|again| again <= now);
        if due {
            (self.at, self.since, self.is_second, self.again) = (0, now, false, None);
        }
        due
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
        }
    }

    fn ladder(now: Instant) -> Ladder {
        let steps = [
            step("va", "va", true),
            step("va", "system", true),
            step("x264enc", "planar", false),
        ];
        Ladder::new(steps.into(), now)
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
        let mut none = Ladder::new(Vec::new(), begun);
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
