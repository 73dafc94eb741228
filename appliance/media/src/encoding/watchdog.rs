//! Whether an encoder in a meeting still does what it is there for (`specs/camera.md` §1.5). Pure.

use std::time::{Duration, Instant};

use media_protocol::EncoderFailure;

/// Pictures go in and nothing comes out for so long.
const SILENCE: Duration = Duration::from_millis(300);
/// The same before the first picture has come out.
const FIRST: Duration = Duration::from_secs(1);
/// A key frame comes so soon after it was asked for.
const ANSWER: Duration = Duration::from_millis(500);
/// So often it may not.
const UNANSWERED: u32 = 2;
/// Its rate and its pace are looked at over so long, and so often in a row its rate may be more than twice what was
/// asked for.
const WINDOW: Duration = Duration::from_secs(1);
const WINDOWS: u32 = 3;
/// It does not keep up when of so many pictures in a window one had to go.
const ONE_OF: u32 = 3;

/// What an encoder has done of late.
#[derive(Debug)]
pub struct Watchdog {
    /// bit/s.
    target: u32,
    /// It makes a key frame when asked.
    hears: bool,
    has_begun: bool,
    /// The last picture went in then.
    fed: Option<Instant>,
    /// A picture went in then, and nothing has come out since.
    waiting: Option<Instant>,
    asked: Option<Instant>,
    unanswered: u32,
    window: Instant,
    bytes: u64,
    windows: u32,
    pictures: u32,
    full: u32,
}

impl Watchdog {
    /// Of a new instance. `hears`: it makes a key frame when asked, as its trial has shown.
    #[must_use]
    pub fn new(target: u32, hears: bool, now: Instant) -> Self {
        Self {
            target,
            hears,
            has_begun: false,
            fed: None,
            waiting: None,
            asked: None,
            unanswered: 0,
            window: now,
            bytes: 0,
            windows: 0,
            pictures: 0,
            full: 0,
        }
    }

    /// Another rate, bit/s.
    pub fn set_target(&mut self, target: u32) {
        self.target = target;
    }

    /// A picture went in; `full`: another one had to go for it.
    pub fn picture(&mut self, full: bool, now: Instant) {
        // What was awaited while no pictures came was not to be had.
        if !self.is_fed(now) {
            (self.waiting, self.asked) = (None, self.asked.map(|_| now));
        }
        self.fed = Some(now);
        self.waiting.get_or_insert(now);
        // Before the first picture out it has its own time.
        if self.has_begun {
            self.pictures += 1;
            self.full += u32::from(full);
        }
    }

    fn is_fed(&self, now: Instant) -> bool {
        self.fed
            .is_some_and(|fed| now.saturating_duration_since(fed) <= SILENCE)
    }

    /// A key frame was asked for. One that is asked for while another is awaited is the same.
    pub fn key_asked(&mut self, now: Instant) {
        if self.hears {
            self.asked.get_or_insert(now);
        }
    }

    /// A coded picture came out.
    pub fn coded(&mut self, bytes: usize, key: bool) {
        (self.waiting, self.has_begun) = (None, true);
        self.bytes += bytes as u64;
        if key {
            (self.asked, self.unanswered) = (None, 0);
        }
    }

    /// Something has come out.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Looks; call it ten times a second or more.
    pub fn check(&mut self, now: Instant) -> Option<EncoderFailure> {
        if !self.is_fed(now) {
            return None;
        }
        let over =
            |since: Option<Instant>, limit| since.is_some_and(|since| now.saturating_duration_since(since) > limit);
        if over(self.waiting, if self.has_begun { SILENCE } else { FIRST }) {
            return Some(EncoderFailure::Silent);
        }
        if over(self.asked, ANSWER) {
            (self.asked, self.unanswered) = (None, self.unanswered + 1);
            if self.unanswered >= UNANSWERED {
                return Some(EncoderFailure::Deaf);
            }
        }
        let time = now.saturating_duration_since(self.window);
        if time >= WINDOW {
            let rate = self.bytes as f64 * 8.0 / time.as_secs_f64();
            let is_over = rate > 2.0 * f64::from(self.target);
            self.windows = if is_over { self.windows + 1 } else { 0 };
            let is_slow = self.full * ONE_OF > self.pictures;
            (self.window, self.bytes, self.pictures, self.full) = (now, 0, 0, 0);
            if is_slow {
                return Some(EncoderFailure::Full);
            }
        }
        (self.windows >= WINDOWS).then_some(EncoderFailure::Overshoots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One that is watched for a while: each tick of 20 ms, what happens in it.
    struct Story {
        watchdog: Watchdog,
        begun: Instant,
        now: Instant,
    }

    impl Story {
        fn new() -> Self {
            let begun = Instant::now();
            Self {
                watchdog: Watchdog::new(1_000_000, true, begun),
                begun,
                now: begun,
            }
        }

        /// Goes on until it is given up, at most for so long; why, and after how many ms.
        fn goes_on(
            &mut self,
            ms: u64,
            mut happens: impl FnMut(&mut Watchdog, Instant),
        ) -> Option<(EncoderFailure, u128)> {
            let (from, end) = (self.now, self.now + Duration::from_millis(ms));
            while self.now < end {
                self.now += Duration::from_millis(20);
                happens(&mut self.watchdog, self.now);
                if let Some(trigger) = self.watchdog.check(self.now) {
                    return Some((trigger, (self.now - from).as_millis()));
                }
            }
            None
        }
    }

    fn well(watchdog: &mut Watchdog, now: Instant) {
        watchdog.picture(false, now);
        watchdog.coded(2_400, false);
    }

    #[test]
    fn one_that_does_its_work_is_left_alone() {
        let mut story = Story::new();
        assert_eq!(story.goes_on(60_000, well), None);
        assert_eq!(
            story.goes_on(60_000, |_, _| ()),
            None,
            "no picture, nothing to be made of it"
        );
    }

    #[test]
    fn silence_is_given_a_second_at_first_and_then_three_tenths() {
        let mut story = Story::new();
        let stuck = |watchdog: &mut Watchdog, now| watchdog.picture(false, now);
        assert_eq!(story.goes_on(5_000, stuck), Some((EncoderFailure::Silent, 1_040)));
        let mut story = Story::new();
        assert_eq!(story.goes_on(1_000, well), None);
        assert_eq!(story.goes_on(5_000, stuck), Some((EncoderFailure::Silent, 340)));
        assert!(story.now > story.begun);
    }

    #[test]
    fn one_that_twice_does_not_hear_is_deaf_and_one_known_to_be_is_not_asked_about() {
        let asked = |watchdog: &mut Watchdog, now| {
            watchdog.key_asked(now);
            well(watchdog, now);
        };
        assert_eq!(Story::new().goes_on(5_000, asked), Some((EncoderFailure::Deaf, 1_080)));
        let mut story = Story::new();
        story.watchdog.hears = false;
        assert_eq!(story.goes_on(5_000, asked), None);
        let mut story = Story::new();
        let mut tick = 0;
        let slow = |watchdog: &mut Watchdog, now| {
            watchdog.key_asked(now);
            watchdog.picture(false, now);
            tick += 1;
            watchdog.coded(2_400, tick % 40 == 0);
        };
        assert_eq!(story.goes_on(10_000, slow), None, "it misses one now and then");
    }

    #[test]
    fn one_that_gets_no_pictures_owes_none() {
        let mut story = Story::new();
        assert_eq!(story.goes_on(1_000, well), None);
        story.now += Duration::from_millis(20);
        story.watchdog.picture(false, story.now);
        assert_eq!(story.goes_on(10_000, |watchdog, now| watchdog.key_asked(now)), None);
        let answers = |watchdog: &mut Watchdog, now| {
            watchdog.picture(false, now);
            watchdog.coded(2_400, true);
        };
        assert_eq!(story.goes_on(1_000, answers), None, "the first picture answers");
    }

    #[test]
    fn three_seconds_of_twice_the_rate_are_too_much() {
        let large = |watchdog: &mut Watchdog, now| {
            watchdog.picture(false, now);
            watchdog.coded(5_200, false);
        };
        assert_eq!(
            Story::new().goes_on(5_000, large),
            Some((EncoderFailure::Overshoots, 3_000))
        );
        let mut story = Story::new();
        assert_eq!(story.goes_on(2_500, large), None);
        assert_eq!(story.goes_on(1_500, well), None);
        assert_eq!(story.goes_on(2_500, large), None, "not in a row");
        let mut story = Story::new();
        story.watchdog.set_target(2_000_000);
        assert_eq!(story.goes_on(5_000, large), None, "it may");
    }

    #[test]
    fn a_second_in_which_more_than_a_third_of_the_pictures_have_to_go_is_too_much() {
        let one_of = |number: u32| {
            let mut tick = 0;
            Story::new().goes_on(5_000, move |watchdog, now| {
                tick += 1;
                watchdog.picture(tick % number == 0, now);
                watchdog.coded(2_400, false);
            })
        };
        for number in [1, 2] {
            assert_eq!(one_of(number), Some((EncoderFailure::Full, 1_000)), "one of {number}");
        }
        assert_eq!(one_of(4), None);
        let mut story = Story::new();
        let begins = |watchdog: &mut Watchdog, now| watchdog.picture(true, now);
        assert_eq!(story.goes_on(900, begins), None);
        assert_eq!(story.goes_on(5_000, well), None, "that was its beginning");
    }
}
