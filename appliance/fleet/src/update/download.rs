//! The patience of a download: what passes is tried again, by chance spread over more and more time, a day at most.

use rand::RngExt;
use rand::rngs::StdRng;

/// The first wait is up to this.
const FIRST_MS: u64 = 30_000;
/// No wait that the server does not ask for is longer.
const LONGEST_MS: u64 = 3_600_000;
/// So long without a single new byte, and it is given up.
pub const PATIENCE_MS: u64 = 24 * 3_600_000;

/// Of one attempt at a release.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Patience {
    /// Failures in a row.
    row: u32,
    /// Since when nothing has come.
    since_ms: Option<u64>,
    /// Bytes that were there.
    most: u64,
}

impl Patience {
    /// So many bytes are there.
    pub fn received(&mut self, bytes: u64) {
        if bytes > self.most {
            *self = Self {
                most: bytes,
                ..Self::default()
            };
        }
    }

    /// It failed in a way that passes: when to try again; none: not any more.
    pub fn failed(&mut self, retry_after_ms: u64, now_ms: u64, chance: &mut StdRng) -> Option<u64> {
        let end_ms = *self.since_ms.get_or_insert(now_ms) + PATIENCE_MS;
        if now_ms >= end_ms {
            return None;
        }
        let most_ms = FIRST_MS.saturating_mul(1 << self.row.min(20)).min(LONGEST_MS);
        self.row += 1;
        // What the server asks for comes before the chance, or all that it sent away would come back at once.
        let wait_ms = retry_after_ms.saturating_add(chance.random_range(0..=most_ms));
        Some(now_ms.saturating_add(wait_ms).min(end_ms))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn waits_grow_are_spread_and_end_after_a_day_without_a_byte() {
        let mut first = Vec::new();
        for seed in 0..200 {
            let (mut patience, mut chance) = (Patience::default(), StdRng::seed_from_u64(seed));
            patience.received(10);
            let (mut now_ms, mut waits) = (1_000, Vec::new());
            while let Some(next_ms) = patience.failed(0, now_ms, &mut chance) {
                waits.push(next_ms - now_ms);
                now_ms = next_ms;
                patience.received(10);
            }
            assert_eq!(now_ms, 1_000 + PATIENCE_MS);
            assert!(waits[0] <= 30_000 && waits[1] <= 60_000 && waits.iter().all(|wait| *wait <= 3_600_000));
            assert!((25..120).contains(&waits.len()), "up to an hour: {}", waits.len());
            first.push(waits[0]);
        }
        assert!(first.iter().min() < Some(&2_000) && first.iter().max() > Some(&28_000));
    }

    #[test]
    fn a_new_byte_gives_new_patience_and_the_server_may_ask_for_more() {
        let (mut patience, mut chance) = (Patience::default(), StdRng::seed_from_u64(1));
        assert!(patience.failed(0, 0, &mut chance).is_some());
        patience.received(1);
        assert!(patience.failed(0, PATIENCE_MS, &mut chance).is_some());
        let asked = patience.failed(7_200_000, PATIENCE_MS, &mut chance).unwrap() - PATIENCE_MS;
        assert!((7_200_000..=7_260_000).contains(&asked), "{asked}");
        assert_eq!(
            patience.failed(u64::MAX, PATIENCE_MS, &mut chance),
            Some(2 * PATIENCE_MS)
        );
        assert_eq!(patience.failed(0, 2 * PATIENCE_MS, &mut chance), None);
    }
}
