//! Lips and sound: flashes and beeps that happen together at the box are compared at the far side, on the clock of the
//! sender reports (RFC 3550 §6.4.1).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Turns RTP timestamps into the sender's wall clock.
#[derive(Debug, Clone, Copy)]
pub struct SenderClock {
    ntp: Duration,
    rtp: u32,
    rate: u32,
}

impl SenderClock {
    /// From a sender report.
    pub fn new(ntp: SystemTime, rtp: u32, rate: u32) -> Self {
        Self {
            ntp: ntp.duration_since(UNIX_EPOCH).unwrap_or_default(),
            rtp,
            rate,
        }
    }

    /// Milliseconds on the sender's wall clock.
    pub fn ms(&self, timestamp: u32) -> f64 {
        let ticks = timestamp.wrapping_sub(self.rtp).cast_signed();
        self.ntp.as_secs_f64() * 1000.0 + f64::from(ticks) * 1000.0 / f64::from(self.rate)
    }
}

/// Beeps further away from a flash than this do not belong to it.
const NEAR_MS: f64 = 400.0;

/// Sound minus picture in milliseconds: the median over all flashes with a beep near, and how many those are.
/// Positive: the sound comes late.
pub fn offset(flashes: &[f64], beeps: &[f64]) -> Option<(f64, usize)> {
    let mut offsets: Vec<f64> = flashes
        .iter()
        .filter_map(|flash| {
            let nearest = beeps
                .iter()
                .map(|beep| beep - flash)
                .min_by(|a, b| a.abs().total_cmp(&b.abs()))?;
            (nearest.abs() < NEAR_MS).then_some(nearest)
        })
        .collect();
    if offsets.is_empty() {
        return None;
    }
    offsets.sort_by(f64::total_cmp);
    Some((offsets[offsets.len() / 2], offsets.len()))
}

/// Finds flashes in the share of bright pixels of successive pictures.
#[derive(Debug, Default)]
pub struct FlashFinder {
    last: Option<f64>,
    last_flash_ms: Option<f64>,
    /// When flashes began, on the sender's clock.
    pub flashes: Vec<f64>,
}

/// A picture gets brighter at a stroke by this share of its pixels.
const FLASH: f64 = 0.008;

impl FlashFinder {
    /// Takes the share of bright pixels (0 to 1) of the picture shown at `ms`.
    pub fn push(&mut self, ms: f64, bright: f64) {
        let rises = self.last.is_some_and(|last| bright - last > FLASH);
        self.last = Some(bright);
        if rises && self.last_flash_ms.is_none_or(|last| ms - last > 300.0) {
            self.flashes.push(ms);
            self.last_flash_ms = Some(ms);
            if self.flashes.len() > 1000 {
                self.flashes.drain(..500);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_read_on_the_clock_of_the_sender() {
        let clock = SenderClock::new(UNIX_EPOCH + Duration::from_secs(100), u32::MAX - 8, 90_000);
        assert_eq!(clock.ms(u32::MAX - 8), 100_000.0);
        assert_eq!(clock.ms(u32::MAX.wrapping_add(90_000 - 8)), 101_000.0);
        assert!(clock.ms(u32::MAX - 8 - 90) < 100_000.0);
    }

    #[test]
    fn the_offset_is_the_median_of_what_belongs_together() {
        let flashes = [1000.0, 2000.0, 3000.0, 4000.0];
        let beeps = [1030.0, 2032.0, 3300.0, 9000.0];
        assert_eq!(offset(&flashes, &beeps), Some((32.0, 3)));
        assert_eq!(offset(&flashes, &[]), None);
    }

    #[test]
    fn a_ball_that_moves_is_no_flash() {
        let mut finder = FlashFinder::default();
        for i in 0..100 {
            let bright = if i % 25 == 3 {
                0.3
            } else {
                0.02 + f64::from(i % 3) * 0.003
            };
            finder.push(f64::from(i) * 40.0, bright);
        }
        assert_eq!(finder.flashes, [120.0, 1120.0, 2120.0, 3120.0]);
    }
}
