//! How many in a minute.

use std::collections::VecDeque;

const MINUTE_MS: u64 = 60_000;

/// The last minute.
#[derive(Debug)]
pub struct Allowance {
    most: usize,
    times_ms: VecDeque<u64>,
}

impl Allowance {
    /// So many in any minute.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            times_ms: VecDeque::new(),
        }
    }

    /// One more.
    ///
    /// # Errors
    /// There were too many: the next may come after this many milliseconds.
    pub fn take(&mut self, now_ms: u64) -> Result<(), u64> {
        while self.times_ms.front().is_some_and(|time| time + MINUTE_MS <= now_ms) {
            self.times_ms.pop_front();
        }
        match self.times_ms.front() {
            Some(oldest) if self.times_ms.len() >= self.most => Err(oldest + MINUTE_MS - now_ms),
            _ => {
                self.times_ms.push_back(now_ms);
                Ok(())
            }
        }
    }
}
