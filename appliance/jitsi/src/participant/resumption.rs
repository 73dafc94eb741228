//! The connection is lost and the stream is not (`specs/jitsi-client.md §1`, Resume): the socket is opened again and the
//! stream goes on over it. Meanwhile nothing else changes: we are in the room, the session stands, media run.

use std::time::{Duration, Instant};

use room::conference::ConferenceEvent;

use super::Output;
use super::answers::ANSWER;
use super::context::{Context, backoff};
use super::meeting::{Meeting, Phase, Signalling};
use crate::left_behind::LeftBehind;
use crate::stream::{Stream, StreamEnd, Suspended};

/// Before the first try; most cuts are over at once.
const FIRST: Duration = Duration::from_millis(200);
/// First and longest wait before each further try.
const AGAIN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(2));
/// For the socket of one try to open. A network that is back is found by a new try sooner than by TCP's own repetitions.
const OPEN: Duration = Duration::from_secs(3);
/// From the open socket to the answer to `<resume/>`.
const ATTEMPT: Duration = Duration::from_secs(6);
/// After the stream has gone on, media have so long to come back by themselves.
const MEDIA: Duration = Duration::from_secs(2);

/// A stream that waits for its socket.
#[derive(Debug)]
pub(super) struct Resumption {
    /// None while a try has it.
    stream: Option<Suspended>,
    /// When the server has forgotten it.
    until: Instant,
    attempts: u32,
    /// When the next try begins, or the present one is given up.
    next: Next,
    /// Media broke meanwhile: a new session is to be demanded when that can be said again.
    demand: bool,
}

#[derive(Debug, Clone, Copy)]
enum Next {
    Try(Instant),
    GiveUp(Instant),
}

impl Resumption {
    pub fn next_deadline(&self) -> Instant {
        let (Next::Try(at) | Next::GiveUp(at)) = self.next;
        at.min(self.until)
    }
}

impl Meeting {
    /// The socket is gone. True if the stream can go on over another; then nothing else is to be done.
    pub fn suspend(&mut self, stream: Option<Stream>, end: Option<&StreamEnd>, cx: &mut Context) -> bool {
        // What the server ends with a word, it keeps no more.
        let over = matches!(
            end,
            Some(
                StreamEnd::ByServer(_)
                    | StreamEnd::Refused(_)
                    | StreamEnd::NotThisService(_)
                    | StreamEnd::NotResumed
                    | StreamEnd::Closed
            )
        );
        let stream = stream.and_then(|stream| stream.suspend(cx.now)).filter(|_| !over);
        match &mut self.resumption {
            Some(resumption) => {
                resumption.stream = stream.or(resumption.stream.take());
                if over || resumption.stream.is_none() || resumption.until <= cx.now {
                    self.resumption = None;
                    return false;
                }
                let wait = backoff(AGAIN.0, resumption.attempts, AGAIN.1);
                resumption.attempts += 1;
                resumption.next = Next::Try(cx.now + cx.jitter(wait));
            }
            None => {
                let Some(stream) = stream else { return false };
                self.resumption = Some(Resumption {
                    until: stream.until(),
                    stream: Some(stream),
                    attempts: 0,
                    next: Next::Try(cx.now + cx.jitter(FIRST)),
                    demand: false,
                });
                cx.event(ConferenceEvent::Reconnecting);
            }
        }
        true
    }

    /// The stream for a socket that has just opened.
    pub fn stream_on(&mut self, domain: String, has_token: bool, cx: &Context) -> Stream {
        if let Some(resumption) = &mut self.resumption {
            resumption.next = Next::GiveUp(cx.after(ATTEMPT));
        }
        let old = self.resumption.as_mut().and_then(|resumption| resumption.stream.take());
        match old {
            Some(old) => Stream::resume(domain, has_token, old, cx.now),
            None => Stream::open(domain, has_token, cx.now),
        }
    }

    /// Sends when the stream goes on; false if there is none that waits.
    pub fn send_later(&mut self, stanza: &minidom::Element) -> bool {
        let waiting = self
            .resumption
            .as_mut()
            .and_then(|resumption| resumption.stream.as_mut());
        waiting.map(|stream| stream.send(stanza)).is_some()
    }

    /// The session is in doubt and the focus cannot be told now; true if that is so.
    pub fn demand_later(&mut self) -> bool {
        self.resumption
            .as_mut()
            .map(|resumption| resumption.demand = true)
            .is_some()
    }

    /// The stream goes on.
    pub fn resumed(&mut self, cx: &mut Context) {
        if let Some(signalling) = &mut self.signalling {
            signalling.bound = true;
        }
        let Some(resumption) = self.resumption.take() else {
            return;
        };
        tracing::info!(attempts = resumption.attempts + 1, "the stream goes on");
        for (_, deadline) in self.pending.values_mut() {
            *deadline = cx.after(ANSWER);
        }
        self.restarts.wait_again(cx);
        self.keep_alive.go_on(cx.now);
        if self.resumed_while_leaving(cx) {
            return;
        }
        cx.event(ConferenceEvent::Reconnected);
        self.media_grace = Some(cx.after(MEDIA));
        if resumption.demand {
            self.demand_session(cx);
        }
    }

    /// True for a moment after the stream has gone on: media that were away too may still come back.
    pub fn media_may_come_back(&self, cx: &Context) -> bool {
        self.media_grace.is_some_and(|until| until > cx.now)
    }

    /// The next try begins now: somebody wants to leave.
    pub fn hurry_resumption(&mut self, cx: &mut Context) {
        if let Some(resumption) = &mut self.resumption
            && matches!(resumption.next, Next::Try(_))
        {
            resumption.next = Next::Try(cx.now);
            self.tick_resumption(cx);
        }
    }

    pub fn tick_resumption(&mut self, cx: &mut Context) {
        let leaving = matches!(self.phase, Phase::Leaving(_));
        let Some(resumption) = &mut self.resumption else { return };
        let forgotten = resumption.until <= cx.now;
        match resumption.next {
            Next::Try(at) if at <= cx.now && !forgotten => {
                resumption.next = Next::GiveUp(cx.after(OPEN));
                let id = resumption.stream.as_ref().map(|stream| stream.id().to_owned());
                self.open_socket(id.as_deref(), cx);
            }
            // The way out has a deadline of its own.
            _ if leaving => {}
            Next::GiveUp(at) if at <= cx.now || forgotten => {
                let stream = self.abandon_socket(cx);
                if !self.suspend(stream, None, cx) {
                    self.connection_lost(cx);
                }
            }
            Next::Try(_) if forgotten => {
                self.resumption = None;
                self.connection_lost(cx);
            }
            Next::Try(_) | Next::GiveUp(_) => {}
        }
    }

    /// Gives up the signalling socket, and gives the stream that was on it.
    pub fn abandon_socket(&mut self, cx: &mut Context) -> Option<Stream> {
        let Signalling { socket, stream, .. } = self.signalling.take()?;
        cx.output(Output::CloseSocket { id: socket });
        stream
    }

    /// When [`Meeting::tick_resumption`] is due.
    pub fn next_resumption(&self) -> Option<Instant> {
        let resumption = self.resumption.as_ref().filter(|_| self.suspended())?;
        Some(resumption.next_deadline())
    }

    /// Keeps what a restarted process must know to leave in our place, as soon as the server keeps a lost stream.
    pub fn remember(&mut self, cx: &mut Context) {
        let stream = self
            .signalling
            .as_ref()
            .and_then(|signalling| signalling.stream.as_ref());
        let Some((stream, own)) = stream.zip(self.membership.own()) else {
            return;
        };
        let Some(id) = stream.resumption_id().filter(|_| !self.gone) else {
            return;
        };
        let left_behind = Box::new(LeftBehind {
            service: self.service.clone(),
            domain: stream.domain().to_owned(),
            occupant: own.occupant.clone(),
            previous: id.to_owned(),
            arrived: stream.inbound(),
            token: self.token().map(str::to_owned),
        });
        if self.remembered.as_ref() != Some(&left_behind) {
            self.remembered = Some(left_behind.clone());
            cx.output(Output::Remember(Some(left_behind)));
        }
    }

    /// The end: where nobody sees us any more, nothing is to be left.
    pub fn forget_left_behind(&mut self, cx: &mut Context) {
        if self.gone && self.remembered.take().is_some() {
            cx.output(Output::Remember(None));
        }
    }

    /// We are in the room and the stream waits for its socket: nothing can be said, and nothing that needs an answer runs
    /// out.
    pub fn suspended(&self) -> bool {
        self.resumption.is_some() && matches!(self.phase, Phase::Joined)
    }
}
