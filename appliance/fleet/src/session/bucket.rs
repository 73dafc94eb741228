//! The allowance of events: 20 at once, one more every five seconds.

/// At once.
const SIZE: u64 = 20;
/// One more in this time.
const REFILL_MS: u64 = 5_000;

/// What is left.
#[derive(Debug)]
pub struct Bucket {
    left: u64,
    /// Since then the next one grows, unless it is full.
    since_ms: u64,
}

impl Bucket {
    /// A full one.
    pub fn new(now_ms: u64) -> Self {
        Self {
            left: SIZE,
            since_ms: now_ms,
        }
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now_ms: u64) -> bool {
        let grown = now_ms.saturating_sub(self.since_ms) / REFILL_MS;
        self.left = (self.left + grown).min(SIZE);
        self.since_ms += grown * REFILL_MS;
        if self.left == SIZE {
            self.since_ms = now_ms;
        }
        let taken = self.left > 0;
        self.left -= u64::from(taken);
        taken
    }

    /// When there is one again, once there was none.
    pub fn next_ms(&self) -> u64 {
        self.since_ms + REFILL_MS
    }
}
