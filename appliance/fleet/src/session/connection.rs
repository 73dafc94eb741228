//! The life of the connection: when to try, what number it has, when it counts as stable.

use std::time::Duration;

use super::context::{Context, encoded};
use super::output::{Connect, Output, Record, Will};
use super::writer::Then;
use crate::contract::{Channel, Offline, OfflineReason, VERSION};

/// Key of the number of the last connection.
pub const SID: &str = "sid";
/// Key of the milliseconds over which the fleet spreads connections.
pub const SPREAD: &str = "spread";
/// Waits grow up to this, or to the spread where that is more.
const LONGEST_MS: u64 = 300_000;
/// No spread is longer.
const WIDEST_MS: u64 = 3_600_000;
/// Busy brokers make none longer than this.
const BUSIEST_MS: u64 = 1_200_000;
/// What grows is at least this.
const SHORTEST_MS: u64 = 1_000;
/// A connection of that age has proved itself.
const STABLE_MS: u64 = 300_000;
/// A trial of network settings has no time to wait longer.
const TRIAL_MS: u64 = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting {
        until_ms: u64,
    },
    /// The number is being written.
    Numbering,
    Connecting,
    Connected {
        since_ms: u64,
    },
    /// DISCONNECT is said.
    Closing,
    Stopped,
}

/// The connection.
#[derive(Debug)]
pub struct Connection {
    phase: Phase,
    sid: u64,
    spread_ms: u64,
    /// Attempts since the last stable connection.
    attempts: u32,
    /// Brokers that were busy since then.
    busy: u32,
    /// Network settings are on trial: no time to wait.
    trial: bool,
    /// The next attempt waits for nothing.
    at_once: bool,
}

impl Connection {
    /// Waits for its first attempt.
    pub fn new(sid: u64, spread: Duration, cx: &mut Context) -> Self {
        let mut connection = Self {
            phase: Phase::Stopped,
            sid,
            spread_ms: milliseconds(spread),
            attempts: 0,
            busy: 0,
            trial: false,
            at_once: false,
        };
        connection.wait(cx);
        connection
    }

    /// The fleet spreads its connections over another time, from the next wait on.
    pub fn spread(&mut self, spread: Duration, cx: &mut Context) {
        let spread_ms = milliseconds(spread);
        if spread_ms != self.spread_ms {
            self.spread_ms = spread_ms;
            cx.writer
                .write([Record::put(SPREAD, spread_ms.to_string())], Then::Nothing);
        }
    }

    pub fn sid(&self) -> u64 {
        self.sid
    }

    /// The longest wait of the next attempt (`specs/fleet-mqtt.md §1`, Reconnect).
    fn window_ms(&self) -> u64 {
        let spread = (self.spread_ms << self.busy.min(12)).min(BUSIEST_MS.max(self.spread_ms));
        let window = match self.attempts {
            0 => spread,
            n => (spread.max(SHORTEST_MS) << n.min(12)).min(LONGEST_MS.max(spread)),
        };
        if self.trial {
            window.clamp(SHORTEST_MS, TRIAL_MS)
        } else {
            window
        }
    }

    fn wait(&mut self, cx: &mut Context) {
        let wait_ms = if std::mem::take(&mut self.at_once) {
            0
        } else {
            cx.up_to(self.window_ms())
        };
        self.phase = Phase::Waiting {
            until_ms: cx.now.up_ms + wait_ms,
        };
    }

    /// Time has passed.
    pub fn tick(&mut self, cx: &mut Context) {
        match self.phase {
            Phase::Waiting { until_ms } if until_ms <= cx.now.up_ms => {
                self.sid += 1;
                self.phase = Phase::Numbering;
                cx.writer.write([Record::put(SID, self.sid.to_string())], Then::Connect);
            }
            _ => {}
        }
    }

    /// The number is on disk.
    pub fn numbered(&mut self, cx: &mut Context) {
        if self.phase != Phase::Numbering {
            return;
        }
        self.phase = Phase::Connecting;
        let will = Will {
            topic: cx.topic(&Channel::Online),
            payload: encoded(&self.offline(OfflineReason::Lost)),
        };
        let client = cx.settings.device.to_string();
        cx.output(Output::Connect(Connect { client, will }));
    }

    /// The end of this connection.
    pub fn offline(&self, reason: OfflineReason) -> Offline {
        Offline {
            v: VERSION,
            online: false,
            sid: self.sid,
            reason,
        }
    }

    /// False when nobody waited for that.
    pub fn connected(&mut self, cx: &mut Context) -> bool {
        let expected = self.phase == Phase::Connecting;
        if expected {
            cx.connected = true;
            let since_ms = cx.now.up_ms;
            self.phase = Phase::Connected { since_ms };
        }
        expected
    }

    /// The attempt came to nothing.
    pub fn failed(&mut self, busy: bool, cx: &mut Context) {
        if self.phase == Phase::Connecting {
            self.attempts = self.attempts.saturating_add(1);
            self.busy = self.busy.saturating_add(u32::from(busy));
            self.wait(cx);
        }
    }

    /// The connection is over. False when there was none.
    pub fn ended(&mut self, cx: &mut Context) -> bool {
        let was = match self.phase {
            Phase::Connected { since_ms } => {
                if cx.now.up_ms >= since_ms + STABLE_MS {
                    (self.attempts, self.busy) = (0, 0);
                } else {
                    self.attempts = self.attempts.saturating_add(1);
                }
                true
            }
            Phase::Connecting => {
                self.attempts = self.attempts.saturating_add(1);
                false
            }
            Phase::Closing => true,
            _ => return false,
        };
        cx.connected = false;
        self.wait(cx);
        was
    }

    /// Other network settings: what is connected over the old ones ends, and what waits has a new chance.
    pub fn renew(&mut self, trial: bool, cx: &mut Context) {
        self.trial = trial;
        self.attempts = 0;
        match self.phase {
            Phase::Connected { .. } => self.close(cx),
            Phase::Waiting { .. } => self.wait(cx),
            _ => {}
        }
    }

    /// The box has another certificate: what is connected ends, and begins anew at once, for boxes get their certificates at
    /// different times.
    pub fn anew(&mut self, cx: &mut Context) {
        if matches!(self.phase, Phase::Connected { .. }) {
            self.at_once = true;
            self.close(cx);
        }
    }

    /// Nothing more is said over it.
    pub fn close(&mut self, cx: &mut Context) {
        cx.connected = false;
        self.phase = Phase::Closing;
        cx.output(Output::Disconnect);
    }

    /// The trial is over, and well.
    pub fn proved(&mut self) {
        self.trial = false;
    }

    /// No attempt any more.
    pub fn stop(&mut self) {
        self.phase = Phase::Stopped;
    }

    pub fn next_deadline(&self) -> Option<u64> {
        match self.phase {
            Phase::Waiting { until_ms } => Some(until_ms),
            _ => None,
        }
    }
}

fn milliseconds(spread: Duration) -> u64 {
    u64::try_from(spread.as_millis()).unwrap_or(WIDEST_MS).min(WIDEST_MS)
}
