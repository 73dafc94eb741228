//! The box side of the fleet, as a pure core (`specs/fleet-mqtt.md §1`): it does no I/O, reads no clock and draws chance only
//! from the generator given at birth.
//!
//! [`Session::handle`] takes what happened, [`Session::poll`] gives what shall happen, in order, and
//! [`Session::next_deadline`] when to come back at the latest. What has to survive a power cut leaves as [`Output::Write`] and
//! takes effect when [`Input::Written`] came back: that a command is executed at most once, and that no accepted event is lost,
//! hangs on it.
//!
//! | file | what stands in it |
//! |---|---|
//! | `input`, `output`, `settings` | the seam |
//! | `connection` | when to connect, and the number of the connection |
//! | `writer` | what has to be on disk before it counts |

#[expect(dead_code, reason = "trials and stops come next")]
mod connection;
#[expect(dead_code, reason = "messages come next")]
mod context;
mod input;
mod output;
mod settings;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::rngs::StdRng;

use connection::Connection;
use context::Context;
pub use input::{Input, Received, Reply};
pub use output::{Connect, Execution, Output, Publication, Record, Scope, Will};
pub use settings::{Now, Receipt, Settings, Token, Verifier};
use writer::Then;

use crate::contract::Channel;

/// One box in its fleet.
pub struct Session {
    cx: Context,
    connection: Connection,
    #[expect(dead_code, reason = "commands and documents come next")]
    verifier: Arc<dyn Verifier>,
}

impl Session {
    /// A box that starts, with what its store holds.
    pub fn new(
        settings: Settings,
        verifier: Arc<dyn Verifier>,
        chance: StdRng,
        stored: BTreeMap<String, Vec<u8>>,
        now: Now,
    ) -> Self {
        let number = |key: &str| {
            stored
                .get(key)
                .and_then(|value| std::str::from_utf8(value).ok()?.parse().ok())
        };
        let spread_ms = number(connection::SPREAD)
            .unwrap_or_else(|| u64::try_from(settings.spread.as_millis()).unwrap_or(u64::MAX));
        let sid = number(connection::SID).unwrap_or(0);
        let mut cx = Context::new(settings, chance, now);
        let connection = Connection::new(sid, spread_ms, &mut cx);
        Self {
            cx,
            connection,
            verifier,
        }
    }

    /// Something happened.
    pub fn handle(&mut self, input: Input, now: Now) {
        self.cx.now = now;
        match input {
            Input::Connected { session_present: _ } if self.connection.connected(&self.cx) => {
                let filters = Channel::filters(&self.cx.settings.tenant, &self.cx.settings.device);
                self.cx.output(Output::Subscribe(filters.into()));
            }
            Input::ConnectFailed { busy } => self.connection.failed(busy, &mut self.cx),
            Input::Disconnected => {
                self.connection.lost(&mut self.cx);
            }
            Input::Written { token } => {
                for then in self.cx.writer.written(token) {
                    match then {
                        Then::Connect => self.connection.numbered(&mut self.cx),
                    }
                }
            }
            Input::WriteFailed { token } => self.cx.writer.failed(token, now.up_ms),
            _ => {}
        }
        self.connection.tick(&mut self.cx);
        if self.cx.writer.is_idle() {
            return;
        }
        let token = self.cx.token();
        if let Some(write) = self.cx.writer.next(now.up_ms, || token) {
            self.cx.output(write);
        }
    }

    /// What shall happen next.
    pub fn poll(&mut self) -> Option<Output> {
        self.cx.outputs.pop_front()
    }

    /// When [`Input::Tick`] is due at the latest, as [`Now::up_ms`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.connection
            .next_deadline()
            .into_iter()
            .chain(self.cx.writer.next_deadline())
            .min()
    }

    /// True between [`Input::Connected`] and [`Input::Disconnected`].
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connection.is_connected()
    }
}
