//! What broke, and what is done about it: the connection, the focus, the media (`specs/jitsi-client.md §1`, `§4`).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use minidom::Element;
use room::RECONNECTING;
use room::conference::ConferenceEvent;
use room::outcome::Outcome;

use super::NetworkError;
use super::answers::ANSWER;
use super::context::{Context, backoff, due, earliest};
use super::meeting::{Meeting, Phase, Purpose};
use crate::jingle::session_terminate_for_restart;
use crate::stanza::iq_set;
use crate::stream::{Refusal, Stream, StreamEnd};

/// First and longest wait before the connection is opened again, and the longest before a focus is asked again that does
/// not have us back yet.
pub(super) const REOPEN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// Before the room is asked for again that the focus has left.
const REENTER: Duration = Duration::from_secs(1);
/// Connections that may be lost in a row before we were in the room.
const LOST_ENTRIES: u32 = 2;
/// The focus answers demands for a new session that come faster with an end for good.
const RESTART_INTERVAL: Duration = Duration::from_secs(5);
/// As many as the focus grants in [`RESTART_WINDOW`].
const RESTARTS: usize = 5;
const RESTART_WINDOW: Duration = Duration::from_secs(60);
/// For the focus to offer a new session.
const REINVITE: Duration = Duration::from_secs(30);
/// For the invitation that follows when the focus had ended a session itself before our demand for another arrived.
const CROSSED: Duration = Duration::from_secs(5);
/// Sessions in a row over which no media ever passed.
const NEVER_CONNECTED: u32 = 3;

/// How the signalling connection was lost.
#[derive(Debug)]
pub(super) enum Loss {
    /// Closed by the other side without a word.
    Closed,
    /// By the network.
    Network(NetworkError),
    /// By what was said on it.
    Stream(StreamEnd),
}

/// We were in the room and want to be there again.
#[derive(Debug)]
pub(super) struct Rejoin {
    /// When we give up.
    pub limit: Instant,
    attempts: u32,
    outcome: Outcome,
}

/// Demands for a new session.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    times: VecDeque<Instant>,
    /// A demand that must wait until then.
    due: Option<Instant>,
    /// A new session is awaited until then.
    reinvite: Option<Instant>,
    never_connected: u32,
}

impl Restarts {
    pub fn next_deadline(&self) -> Option<Instant> {
        earliest([self.due, self.reinvite])
    }

    /// The focus could not be heard for a while; what is awaited is awaited from now on.
    pub fn wait_again(&mut self, cx: &Context) {
        if self.reinvite.is_some() {
            self.reinvite = Some(cx.after(REINVITE));
        }
    }

    /// Nothing is awaited any more.
    pub fn forget(&mut self) {
        self.due = None;
        self.reinvite = None;
    }

    /// Media have passed.
    pub fn connected(&mut self) {
        self.never_connected = 0;
    }
}

impl Meeting {
    /// The signalling connection is gone; the meeting's view of it is cleared already.
    pub fn lost(&mut self, loss: Loss, stream: Option<Stream>, cx: &mut Context) {
        if self.departed() || self.quick_was_wrong(stream.as_ref(), cx) {
            return;
        }
        let (outcome, permanent) = self.verdict(&loss);
        tracing::info!(?loss, "the signalling connection is gone");
        let end = match &loss {
            Loss::Stream(end) => Some(end),
            Loss::Closed | Loss::Network(_) => None,
        };
        self.gone |= matches!(
            end,
            Some(StreamEnd::ByServer(_) | StreamEnd::Closed | StreamEnd::NotResumed)
        );
        let was_in = self.joined() || self.rejoin.is_some();
        if was_in && self.token_expired(cx) {
            // Nobody is let in with it any more; what still runs over the old connection's media ends here.
            return self.depart_outside(Outcome::TokenExpired, cx);
        }
        if self.joined() && self.suspend(stream, end, cx) {
            return;
        }
        self.pending.clear();
        if self.joined() || self.rejoin.is_some() {
            let refused = matches!(&loss, Loss::Stream(StreamEnd::Refused(_)));
            if refused && permanent {
                self.depart_outside(outcome, cx);
                return;
            }
            self.connection_lost(cx);
        } else if self.websocket_refused(&loss) {
            tracing::info!("no WebSocket is to be had; BOSH is tried");
            self.bosh = true;
            self.connect(cx);
        } else if permanent || self.entry.lost >= LOST_ENTRIES {
            self.depart_outside(outcome, cx);
        } else {
            self.entry.lost += 1;
            let wait = cx.jitter(backoff(REOPEN.0, self.entry.lost - 1, REOPEN.1));
            self.phase = Phase::Reopening { at: cx.after(wait) };
        }
    }

    /// The way to the service is there, and something on it lets no WebSocket through.
    fn websocket_refused(&self, loss: &Loss) -> bool {
        let refused = matches!(
            loss,
            Loss::Network(NetworkError::Status(400..=499 | 501) | NetworkError::Protocol(_))
        );
        let found = self.deployment.as_ref().is_some_and(|deployment| deployment.found);
        refused && found && !self.bosh && matches!(self.phase, Phase::Connecting { .. })
    }

    /// We were in the room and the stream is lost for good: the room is entered anew over a new one.
    pub fn connection_lost(&mut self, cx: &mut Context) {
        self.pending.clear();
        self.begin_rejoin(Outcome::ConnectionLost, cx);
        let attempts = self.rejoin.as_mut().map(|rejoin| {
            rejoin.attempts += 1;
            rejoin.attempts - 1
        });
        let wait = cx.full_jitter(backoff(REOPEN.0, attempts.unwrap_or(0), REOPEN.1));
        self.phase = Phase::Reopening { at: cx.after(wait) };
    }

    /// What a loss is called, and whether trying again is of no use.
    fn verdict(&self, loss: &Loss) -> (Outcome, bool) {
        let found = self.deployment.as_ref().is_some_and(|deployment| deployment.found);
        match loss {
            Loss::Closed | Loss::Stream(StreamEnd::Dead | StreamEnd::Closed | StreamEnd::NotResumed) => {
                (Outcome::ConnectionLost, false)
            }
            Loss::Network(error) => match error {
                NetworkError::Unreachable(_) => (Outcome::HostUnreachable, true),
                NetworkError::Certificate(_) => (Outcome::CertificateRefused, true),
                NetworkError::ProxyUnreachable(_) => (Outcome::ProxyUnreachable, true),
                NetworkError::ProxyCredentials => (Outcome::ProxyCredentials, true),
                NetworkError::ProxyRefused(_) => (Outcome::ProxyRefused, true),
                NetworkError::Broken(_) => (Outcome::ConnectionLost, false),
                NetworkError::Status(500..) if found => (Outcome::ConnectionRefused, false),
                NetworkError::Status(_) | NetworkError::Protocol(_) if found => (Outcome::ConnectionRefused, true),
                NetworkError::Status(_) | NetworkError::Protocol(_) => (Outcome::NotAConference, true),
                NetworkError::TooLarge => (Outcome::ProtocolError, false),
            },
            Loss::Stream(StreamEnd::Refused(refusal)) => match refusal {
                Refusal::AccountRefused => (Outcome::AccountRefused, true),
                Refusal::LoginRequired => (Outcome::LoginRequired, true),
                Refusal::TokenExpired => (Outcome::TokenExpired, true),
                Refusal::TokenForAnotherRoom => (Outcome::TokenForAnotherRoom, true),
                Refusal::TokenRefused(_) => (Outcome::TokenRefused, true),
                Refusal::Other(_) => (Outcome::ConnectionRefused, false),
            },
            Loss::Stream(StreamEnd::NotThisService(_)) => (Outcome::NotAConference, true),
            Loss::Stream(StreamEnd::ByServer(_) | StreamEnd::Timeout) => (Outcome::ConnectionRefused, false),
        }
    }

    /// We were in the room and will be in one again.
    pub fn begin_rejoin(&mut self, outcome: Outcome, cx: &mut Context) {
        self.restarts.forget();
        if self.rejoin.is_none() {
            self.rejoin = Some(Rejoin {
                limit: cx.after(RECONNECTING),
                attempts: 0,
                outcome,
            });
            cx.event(ConferenceEvent::Reconnecting);
        }
    }

    /// Coming back has begun anew, because somebody has opened the door.
    pub fn extend_rejoin(&mut self, cx: &Context) {
        if let Some(rejoin) = &mut self.rejoin {
            rejoin.limit = cx.after(RECONNECTING);
        }
    }

    /// Leaves the room and enters it again on the same connection.
    pub fn leave_and_rejoin(&mut self, outcome: Outcome, cx: &mut Context) {
        if !self.joined() {
            return;
        }
        self.drop_session(cx);
        if self.resumption.take().is_some() {
            // Nothing can be said now, and the old stream is not wanted any more.
            self.abandon_socket(cx);
            self.membership.clear();
            return self.connection_lost(cx);
        }
        self.begin_rejoin(outcome, cx);
        if let Some(leave) = self.membership.own().map(|own| own.leave()) {
            self.send(&leave);
        }
        self.membership.clear();
        self.pending.clear();
        self.phase = Phase::AskingAgain {
            at: cx.now + cx.jitter(REENTER),
        };
    }

    /// The media worker is gone, and with it the transport.
    pub fn media_lost(&mut self, cx: &mut Context) {
        if let Some(session) = &mut self.session {
            session.excuse();
        }
        self.demand_session(cx);
    }

    /// The session does not work: demands a new one, not faster than the focus grants them.
    pub fn demand_session(&mut self, cx: &mut Context) {
        if !self.joined() || self.session.is_none() || self.demand_later() {
            return;
        }
        let times = &mut self.restarts.times;
        while times
            .front()
            .is_some_and(|first| cx.now.duration_since(*first) >= RESTART_WINDOW)
        {
            times.pop_front();
        }
        if times.len() >= RESTARTS {
            tracing::warn!("too many new sessions within a minute; the room is entered anew");
            self.restarts.times.clear();
            return self.leave_and_rejoin(Outcome::MediaBlocked, cx);
        }
        if let Some(last) = times
            .back()
            .filter(|last| cx.now.duration_since(**last) < RESTART_INTERVAL)
        {
            self.restarts.due = Some(*last + RESTART_INTERVAL);
            return;
        }
        let Some(session) = &self.session else { return };
        if session.never_worked() {
            self.restarts.never_connected += 1;
            if self.restarts.never_connected >= NEVER_CONNECTED {
                tracing::warn!("no media passes");
                return self.depart(Outcome::MediaBlocked, cx);
            }
        }
        let id = cx.iq_id();
        let offer = &session.offer;
        let Some(bridge_session) = &offer.bridge_session else {
            return self.leave_and_rejoin(Outcome::MediaBlocked, cx);
        };
        let terminate = session_terminate_for_restart(&offer.sid, &offer.initiator, &bridge_session.id);
        let terminate = iq_set(&self.membership.focus_seat(), &id, terminate);
        self.restarts.times.push_back(cx.now);
        self.restarts.due = None;
        self.send(&terminate);
        self.expect(id, Purpose::Restart, ANSWER, cx);
        self.drop_session(cx);
        self.restarts.reinvite = Some(cx.after(REINVITE));
    }

    /// The focus does not grant a new session.
    pub fn restart_refused(&mut self, answer: Option<&Element>, cx: &mut Context) {
        // Without an answer the stream itself is in doubt, which its own pings find out.
        if let Some(answer) = answer
            && self.session.is_none()
        {
            let condition = crate::stanza::StanzaError::parse(answer).condition;
            if condition == "bad-request" {
                // The focus does not know the session any more: the bridge closed it, which our media noticed, and the
                // word of the focus was on its way. A moved session is followed by an invitation, an idle one by the
                // next arrival.
                tracing::info!("the session had been ended by the focus");
                self.restarts.reinvite = Some(cx.after(CROSSED));
                return;
            }
            tracing::warn!(condition, "no new session is granted; the room is entered anew");
            self.leave_and_rejoin(Outcome::MediaBlocked, cx);
        }
    }

    /// The session ended by the focus's will; a new one is awaited. An idle session ends because nobody else is here.
    pub fn await_reinvite(&mut self, cx: &Context) {
        self.restarts.reinvite = Some(cx.after(REINVITE));
    }

    pub fn tick_recovery(&mut self, cx: &mut Context) {
        if self.suspended() {
            return;
        }
        if due(&mut self.restarts.due, cx.now) {
            self.demand_session(cx);
        }
        if due(&mut self.restarts.reinvite, cx.now) && self.session.is_none() && !self.membership.alone() {
            tracing::warn!("no new session was offered; the room is entered anew");
            self.leave_and_rejoin(Outcome::ServiceGone, cx);
        }
        if let Some(rejoin) = &self.rejoin
            && rejoin.limit <= cx.now
        {
            let outcome = rejoin.outcome;
            self.depart(outcome, cx);
        }
    }
}
