//! How long things take. The figures of the contract; a laboratory may move them.

use std::time::Duration;

/// How long things take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// When hours begin, boxes that waited for them begin spread over this, and over a quarter of the hours at most.
    pub spread: Duration,
    /// So long nobody needs the room before the box reboots: who hangs up may come back.
    pub quiet: Duration,
    /// A release on trial stays up so long (`specs/fleet-mqtt.md §1`).
    pub proof: Duration,
    /// In this time a release on trial has reached broker or update server.
    pub contact: Duration,
    /// After an attempt that came to nothing the next waits so long, and up to as long again.
    pub again: Duration,
}

impl Pace {
    /// Of a box in a room.
    pub const ROOM: Self = Self {
        spread: Duration::from_secs(5 * 60),
        quiet: Duration::from_secs(60),
        proof: Duration::from_secs(10 * 60),
        contact: Duration::from_secs(30 * 60),
        again: Duration::from_secs(60 * 60),
    };
}

impl Default for Pace {
    fn default() -> Self {
        Self::ROOM
    }
}

/// As the clock counts.
pub fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
