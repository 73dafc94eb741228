//! When another bitrate is worth telling an encoder: some begin anew with a key frame at each change (`specs/camera.md` Q1).

use std::time::{Duration, Instant};

/// Between two changes.
const PAUSE: Duration = Duration::from_secs(2);
/// Smaller changes are not told, percent.
const WORTH: u64 = 10;
/// A drop of more than this, percent, is told at once: the network cannot take what is sent now.
const URGENT: u64 = 25;

/// What an encoder was told.
#[derive(Debug, Clone)]
pub struct RatePace {
    told: u32,
    at: Instant,
}

impl RatePace {
    /// It was built with this rate, bit/s.
    #[must_use]
    pub fn new(bitrate: u32, now: Instant) -> Self {
        Self { told: bitrate, at: now }
    }

    /// Whether the rate that is wanted now, bit/s, is to be told now. Ask again while it is wanted.
    pub fn is_due(&mut self, wanted: u32, now: Instant) -> bool {
        let (told, wanted_) = (u64::from(self.told), u64::from(wanted));
        let change = told.abs_diff(wanted_) * 100;
        let urgent = wanted_ < told && change > told * URGENT;
        let quiet = now.saturating_duration_since(self.at) >= PAUSE;
        let due = urgent || (quiet && change >= told * WORTH && wanted != self.told);
        if due {
            (self.told, self.at) = (wanted, now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_change_waits_a_larger_one_for_its_time_and_a_fall_for_nothing() {
        let begun = Instant::now();
        let after = |seconds: f64| begun + Duration::from_secs_f64(seconds);
        let mut pace = RatePace::new(1_000_000, begun);
        assert!(!pace.is_due(1_090_000, after(10.0)), "nine percent");
        assert!(!pace.is_due(1_100_000, after(1.9)), "too soon");
        assert!(pace.is_due(1_100_000, after(2.0)));
        assert!(!pace.is_due(1_100_000, after(60.0)), "told already");
        assert!(!pace.is_due(825_000, after(3.9)), "25 percent down, too soon");
        assert!(pace.is_due(824_000, after(3.0)), "more than that is not to wait");
        assert!(!pace.is_due(1_500_000, after(4.0)), "up never hurries");
        assert!(pace.is_due(1_500_000, after(5.0)));
    }

    #[test]
    fn an_estimate_that_swings_tells_the_encoder_seldom() {
        let begun = Instant::now();
        let mut pace = RatePace::new(1_000_000, begun);
        let told = (0..600)
            .filter(|tenth| {
                let wanted = if tenth % 2 == 0 { 1_000_000 } else { 1_200_000 };
                pace.is_due(wanted, begun + Duration::from_millis(100 * tenth))
            })
            .count();
        assert!(told <= 30, "{told} times a minute");
    }
}
