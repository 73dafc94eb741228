//! Leaving so that nobody sees or hears the box any more, in the written order (`specs/jitsi-client.md §3`): no session,
//! unavailable, our own unavailable seen, `<close/>`, the socket.

use std::time::{Duration, Instant};

use room::conference::ConferenceEvent;
use room::outcome::Outcome;

use super::Output;
use super::context::Context;
use super::meeting::{Meeting, Phase, Signalling};

/// For the room to confirm that we are gone. The whole departure stays within two seconds.
const UNAVAILABLE: Duration = Duration::from_millis(1200);
/// For the server's `<close/>`.
const CLOSE: Duration = Duration::from_millis(500);
/// For the socket.
const SOCKET: Duration = Duration::from_millis(300);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The stream waits for a socket; on it we can leave.
    Resuming,
    /// Our unavailable presence is sent.
    Unavailable,
    /// `<close/>` is sent.
    Close,
    /// The socket is being closed.
    Socket,
}

/// The way out.
#[derive(Debug)]
pub(super) struct Departure {
    outcome: Outcome,
    stage: Stage,
    pub deadline: Instant,
}

impl Meeting {
    /// Leaves in order, and ends with the outcome.
    pub fn depart(&mut self, outcome: Outcome, cx: &mut Context) {
        let in_room = matches!(self.phase, Phase::Joined | Phase::Entering { .. });
        self.start_departure(outcome, in_room, cx);
    }

    /// The same where the room does not count us in (any more).
    pub fn depart_outside(&mut self, outcome: Outcome, cx: &mut Context) {
        self.start_departure(outcome, false, cx);
    }

    fn start_departure(&mut self, outcome: Outcome, in_room: bool, cx: &mut Context) {
        if matches!(self.phase, Phase::Leaving(_)) || self.outcome.is_some() {
            return;
        }
        if outcome != Outcome::Left && (self.joined() || self.rejoin.is_some()) {
            // The room closes its devices now and not when the last byte is said.
            cx.event(ConferenceEvent::Ending(outcome));
        }
        self.drop_session(cx);
        self.leave_hall(cx);
        self.restarts.forget();
        self.rejoin = None;
        self.pending.clear();
        let bound = self.signalling.as_ref().is_some_and(|signalling| signalling.bound);
        let resuming = in_room && self.resumption.is_some();
        if !resuming {
            self.resumption = None;
        }
        let leave = self
            .membership
            .own()
            .filter(|_| in_room && bound)
            .map(|own| own.leave());
        self.phase = Phase::Leaving(Departure {
            outcome,
            stage: if resuming { Stage::Resuming } else { Stage::Unavailable },
            deadline: cx.after(UNAVAILABLE),
        });
        if resuming {
            return self.hurry_resumption(cx);
        }
        match (leave, &self.lobby) {
            (Some(leave), _) => {
                self.leave_lobby();
                self.send(&leave);
            }
            // The lobby confirms as any room does.
            (None, Some(lobby)) if bound => {
                let leave = lobby.leave();
                self.send(&leave);
            }
            (None, _) => self.close_stream(cx),
        }
    }

    /// The stream goes on: if that was waited for in order to leave, we leave. True on the way out.
    pub fn resumed_while_leaving(&mut self, cx: &mut Context) -> bool {
        let Phase::Leaving(departure) = &mut self.phase else {
            return false;
        };
        if departure.stage == Stage::Resuming {
            departure.stage = Stage::Unavailable;
            departure.deadline = cx.after(UNAVAILABLE);
            match self.membership.own().map(|own| own.leave()) {
                Some(leave) => self.send(&leave),
                None => self.close_stream(cx),
            }
        }
        true
    }

    /// Our own unavailable presence has come back; true if we were waiting for it.
    pub fn departure_confirmed(&mut self, cx: &mut Context) -> bool {
        let waiting = matches!(&self.phase, Phase::Leaving(departure) if departure.stage == Stage::Unavailable);
        if waiting {
            self.close_stream(cx);
        }
        waiting
    }

    fn close_stream(&mut self, cx: &mut Context) {
        let Phase::Leaving(departure) = &mut self.phase else {
            return;
        };
        match &mut self.signalling {
            Some(Signalling {
                stream: Some(stream), ..
            }) => {
                departure.stage = Stage::Close;
                departure.deadline = cx.after(CLOSE);
                stream.close();
            }
            Some(_) => self.close_socket(cx),
            None => {
                let outcome = departure.outcome;
                self.end(outcome);
            }
        }
    }

    /// The stream is closed on both sides, or long enough was waited.
    pub fn close_socket(&mut self, cx: &mut Context) {
        self.flush(cx);
        let Phase::Leaving(departure) = &mut self.phase else {
            return;
        };
        departure.stage = Stage::Socket;
        departure.deadline = cx.after(SOCKET);
        if let Some(signalling) = &mut self.signalling {
            signalling.stream = None;
            cx.output(Output::CloseSocket { id: signalling.socket });
        }
    }

    /// All is said; only the end of the socket is awaited.
    pub fn closing_socket(&self) -> bool {
        matches!(&self.phase, Phase::Leaving(departure) if matches!(departure.stage, Stage::Socket))
    }

    /// The socket is gone while leaving: the meeting is over. False if we are not leaving.
    pub fn departed(&mut self) -> bool {
        let Phase::Leaving(departure) = &self.phase else {
            return false;
        };
        let outcome = departure.outcome;
        self.end(outcome);
        true
    }

    pub fn tick_departure(&mut self, cx: &mut Context) {
        let Phase::Leaving(departure) = &self.phase else { return };
        if departure.deadline > cx.now {
            return;
        }
        match departure.stage {
            Stage::Resuming => {
                self.abandon_socket(cx);
                self.departed();
            }
            Stage::Unavailable => self.close_stream(cx),
            Stage::Close => self.close_socket(cx),
            Stage::Socket => {
                self.signalling = None;
                self.departed();
            }
        }
    }
}
