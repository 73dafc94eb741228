//! The media watchdog: webrtcbin never notices a vanished peer (`specs/media-engine.md §8`). Pure: it is told the time.

use media_protocol::SessionEvent;

const SECOND_NS: u64 = 1_000_000_000;
/// ICE and DTLS have so long.
const CONNECT_NS: u64 = 15 * SECOND_NS;
/// Silence of the other side that is worth a word, while something should arrive.
const STALL_NS: u64 = 3 * SECOND_NS;
/// How often it is repeated.
const REPEAT_NS: u64 = SECOND_NS;

/// Watches one session.
#[derive(Debug)]
pub struct Watchdog {
    started_ns: u64,
    connected_ns: Option<u64>,
    expecting_since_ns: Option<u64>,
    told_ns: Option<u64>,
    failed: bool,
}

impl Watchdog {
    /// The session begins.
    #[must_use]
    pub fn new(now_ns: u64) -> Self {
        Self {
            started_ns: now_ns,
            connected_ns: None,
            expecting_since_ns: None,
            told_ns: None,
            failed: false,
        }
    }

    /// ICE and DTLS are up.
    pub fn connected(&mut self, now_ns: u64) {
        self.connected_ns = Some(now_ns);
    }

    /// Looks at the time. `expecting`: packets must come, because we send (and reports must come back) or because a
    /// picture is looked at. A silent bridge is nothing unusual while nobody sends anything.
    pub fn tick(&mut self, now_ns: u64, last_packet_ns: u64, expecting: bool) -> Option<SessionEvent> {
        let Some(connected_ns) = self.connected_ns else {
            let late = now_ns.saturating_sub(self.started_ns) >= CONNECT_NS && !self.failed;
            self.failed |= late;
            return late.then(|| SessionEvent::Failed {
                reason: "no connection to the bridge within 15 s".into(),
            });
        };
        if self.told_ns.is_some_and(|told| last_packet_ns > told) {
            self.told_ns = None;
            return Some(SessionEvent::Recovered);
        }
        if !expecting {
            self.expecting_since_ns = None;
            return None;
        }
        let since = *self.expecting_since_ns.get_or_insert(now_ns);
        let silent = now_ns.saturating_sub(last_packet_ns.max(connected_ns).max(since));
        let soon = self.told_ns.is_some_and(|told| now_ns.saturating_sub(told) < REPEAT_NS);
        if silent < STALL_NS || soon {
            return None;
        }
        self.told_ns = Some(now_ns);
        let silent_ms = now_ns.saturating_sub(last_packet_ns.max(connected_ns)) / 1_000_000;
        Some(SessionEvent::Stalled { silent_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_bridge_that_vanishes_is_told_after_three_seconds_and_each_second_until_it_is_back() {
        let mut watchdog = Watchdog::new(0);
        watchdog.connected(SECOND_NS);
        let mut told = Vec::new();
        for step in 0..100 {
            let now = SECOND_NS + step * 100 * MS;
            // Packets until second 3 and again from second 8.
            let last = if !(3 * SECOND_NS..8 * SECOND_NS).contains(&now) {
                now
            } else {
                3 * SECOND_NS
            };
            if let Some(event) = watchdog.tick(now, last, true) {
                told.push((now / MS, event));
            }
        }
        let stalled = |at, silent_ms| (at, SessionEvent::Stalled { silent_ms });
        assert_eq!(
            told,
            [
                stalled(6000, 3000),
                stalled(7000, 4000),
                (8000, SessionEvent::Recovered)
            ]
        );
    }

    #[test]
    fn silence_while_nothing_is_expected_is_no_stall() {
        let mut watchdog = Watchdog::new(0);
        watchdog.connected(SECOND_NS);
        for second in 1..60 {
            assert_eq!(watchdog.tick(second * SECOND_NS, SECOND_NS, false), None);
        }
        // We start to send: reports have three seconds from now on.
        assert_eq!(watchdog.tick(60 * SECOND_NS, SECOND_NS, true), None);
        assert_eq!(watchdog.tick(62 * SECOND_NS, SECOND_NS, true), None);
        assert!(matches!(
            watchdog.tick(63 * SECOND_NS, SECOND_NS, true),
            Some(SessionEvent::Stalled { .. })
        ));
    }

    #[test]
    fn a_session_that_never_connects_fails_once() {
        let mut watchdog = Watchdog::new(0);
        assert_eq!(watchdog.tick(14 * SECOND_NS, 0, true), None);
        assert!(matches!(
            watchdog.tick(15 * SECOND_NS, 0, true),
            Some(SessionEvent::Failed { .. })
        ));
        assert_eq!(watchdog.tick(16 * SECOND_NS, 0, true), None);
    }
}
