//! The last words: everything to disk, answers that are due, `online:false` with its reason, DISCONNECT.

use super::connection::Connection;
use super::context::{Context, encoded};
use super::output::Output;
use super::publishing::{Publishing, Sent};
use crate::contract::{Channel, OfflineReason};

/// All of it takes no longer.
const LONGEST_MS: u64 = 5_000;
/// What is on its way gets so long to arrive before the last word.
const ARRIVAL_MS: u64 = 2_000;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nobody asked.
    #[default]
    No,
    Arriving,
    /// The last word is on its way.
    Farewell,
    /// It has arrived.
    Said,
    Closing,
    Over,
}

/// The end of a session.
#[derive(Debug, Default)]
pub struct Stop {
    phase: Phase,
    reason: Option<OfflineReason>,
    since_ms: u64,
}

impl Stop {
    /// The box is about to stop.
    pub fn begin(&mut self, reason: OfflineReason, cx: &mut Context) {
        if self.phase == Phase::No {
            self.phase = Phase::Arriving;
            self.reason = Some(reason);
            self.since_ms = cx.now.up_ms;
        }
    }

    /// The last word has arrived.
    pub fn said(&mut self) {
        if self.phase == Phase::Farewell {
            self.phase = Phase::Said;
        }
    }

    pub fn is_asked(&self) -> bool {
        self.phase != Phase::No
    }

    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Goes on as far as it can.
    pub fn advance(&mut self, connection: &mut Connection, publishing: &mut Publishing, cx: &mut Context) {
        if self.phase == Phase::No {
            return;
        }
        cx.writer.hurry();
        let age_ms = cx.now.up_ms.saturating_sub(self.since_ms);
        let connected = cx.connected;
        if self.phase == Phase::Arriving && connected {
            let arrived = cx.writer.is_idle() && publishing.is_empty();
            if arrived || age_ms >= ARRIVAL_MS {
                if let Some(reason) = self.reason {
                    let farewell = encoded(&connection.offline(reason));
                    publishing.publish(&Channel::Online, farewell, Sent::Farewell, cx);
                }
                self.phase = Phase::Farewell;
            }
        }
        if self.phase == Phase::Said && connected {
            connection.close(cx);
            self.phase = Phase::Closing;
        }
        let gone = !connected && cx.writer.is_idle();
        if gone || age_ms >= LONGEST_MS {
            if connected {
                cx.output(Output::Disconnect);
            }
            connection.stop();
            self.phase = Phase::Over;
            cx.output(Output::Stopped);
        }
    }

    /// When to go on at the latest.
    pub fn next_deadline(&self) -> Option<u64> {
        match self.phase {
            Phase::No | Phase::Over => None,
            Phase::Arriving => Some(self.since_ms + ARRIVAL_MS),
            _ => Some(self.since_ms + LONGEST_MS),
        }
    }
}
