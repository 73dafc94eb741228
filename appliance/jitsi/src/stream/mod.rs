//! One XMPP stream over a WebSocket, from `<open/>` to `<close/>`: framing (RFC 7395), authentication, binding, stream
//! management (XEP-0198) and liveness (XEP-0199). Pure: texts in, texts and events out.

mod framing;
mod liveness;
mod login;
mod management;
mod negotiation;
mod sasl;
mod suspended;

use std::time::{Duration, Instant};

use minidom::Element;

use crate::stanza::iq_result;
use crate::xml::{element, parse, to_text};
use crate::{ns, xml::XmlError};

use liveness::Liveness;
pub use login::Account;
use management::Management;
use negotiation::BIND_ID;
pub use sasl::Refusal;
pub use suspended::Suspended;

/// From the open socket to the bound resource.
const NEGOTIATION_TIMEOUT: Duration = Duration::from_secs(15);
/// Stanzas that may come before the answer to the bind request: newer servers push what they are that early.
const EARLY: usize = 8;

/// What a stream tells its owner.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamEvent {
    /// The server is known; authentication begins.
    Authenticating,
    /// The bind request is out: what is sent from now on is read behind it.
    Binding,
    /// A resource is bound; all stanzas may be sent.
    Bound {
        /// Our full JID.
        jid: String,
    },
    /// The old stream goes on; nothing was lost, and whoever watches has seen nothing.
    Resumed,
    /// The server keeps the stream for us under this id if its socket is lost.
    Resumable,
    /// The server will hear how many of its stanzas have arrived.
    Acknowledging,
    /// A stanza for the owner. IQs of the stream itself do not appear.
    Stanza(Box<Element>),
    /// It is over; nothing follows.
    Ended(StreamEnd),
}

/// Why a stream is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamEnd {
    /// Authentication failed.
    #[error("authentication was refused: {0}")]
    Refused(Refusal),
    /// The server has no such domain, or does not speak XMPP.
    #[error("this is no XMPP service for the domain: {0}")]
    NotThisService(String),
    /// The server ended it, with a stream error condition if it gave one.
    #[error("the server ended the stream ({})", .0.as_deref().unwrap_or("no reason"))]
    ByServer(Option<String>),
    /// No answer in time while it was negotiated.
    #[error("no answer in time")]
    Timeout,
    /// Pings remain unanswered.
    #[error("the server does not answer any more")]
    Dead,
    /// The server does not know the old stream any more.
    #[error("the server does not know the old stream any more")]
    NotResumed,
    /// Both sides closed it, as we wished.
    #[error("closed")]
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// `<open/>` is sent; features with mechanisms are awaited.
    Opening,
    /// `<auth/>` is sent.
    Authenticating,
    /// The second `<open/>` is sent, and its features must be seen before anything else is.
    Reopening,
    /// `<resume/>` is sent in place of the bind request.
    Resuming,
    /// The bind request is sent.
    Binding,
    /// Stanzas flow.
    Bound,
    /// Our `<close/>` is sent.
    Closing,
    /// Over.
    Ended,
}

/// One stream. After each call the owner sends what [`Stream::take_frames`] gives, in order.
#[derive(Debug)]
pub struct Stream {
    domain: String,
    has_token: bool,
    phase: Phase,
    deadline: Option<Instant>,
    management: Management,
    liveness: Liveness,
    frames: Vec<String>,
    early: Vec<StreamEvent>,
    jid: String,
    /// Who logs in; none: a guest.
    account: Option<Account>,
    /// Over HTTP: no stream management, and one thing after the other.
    bosh: bool,
    /// `<auth/>` was sent with `<open/>`.
    quick: bool,
    login: Option<login::Login>,
    /// The stream that is to go on here, until the server has answered.
    old: Option<Suspended>,
}

impl Stream {
    /// Starts on a socket that has just opened: sends `<open/>`. `has_token` decides only how a refusal is called: the
    /// token itself travels in the socket's address.
    pub fn open(domain: String, has_token: bool, now: Instant) -> Self {
        let frames = vec![framing::open(&domain)];
        Self {
            domain,
            has_token,
            phase: Phase::Opening,
            deadline: Some(now + NEGOTIATION_TIMEOUT),
            management: Management::default(),
            liveness: Liveness::new(now),
            frames,
            early: Vec::new(),
            jid: String::new(),
            account: None,
            bosh: false,
            quick: false,
            login: None,
            old: None,
        }
    }

    /// Over HTTP requests are repeated by themselves and there is no socket to lose: no stream management.
    #[must_use]
    pub fn over_bosh(mut self, bosh: bool) -> Self {
        self.bosh = bosh;
        self
    }

    /// This service has let guests in on a socket like this before: a guest asks to be let in without waiting for the
    /// features, a round trip earlier (XEP-0305). No more than that: Prosody reads what arrives together as one text, and
    /// loses its place where a stream begins anew in it.
    #[must_use]
    pub fn quick(mut self) -> Self {
        self.frames.push(sasl::anonymous());
        self.quick = true;
        self
    }

    /// It asked to be let in without waiting, which not every server may like.
    pub fn is_quick(&self) -> bool {
        self.quick
    }

    /// Logs in with an account where the server can; else as a guest.
    #[must_use]
    pub fn with_account(mut self, account: Option<Account>) -> Self {
        self.account = account;
        self
    }

    /// The same to go on with an old stream: [`StreamEvent::Resumed`] follows, or [`StreamEnd::NotResumed`].
    pub fn resume(domain: String, has_token: bool, old: Suspended, now: Instant) -> Self {
        Self {
            old: Some(old),
            ..Self::open(domain, has_token, now)
        }
    }

    /// The socket is gone: what is needed to go on over another, if the server promised that.
    pub fn suspend(self, now: Instant) -> Option<Suspended> {
        match self.old {
            Some(old) => Some(old).filter(Suspended::is_whole),
            None if self.phase == Phase::Bound || self.phase == Phase::Ended => {
                Suspended::new(self.management, self.jid, now)
            }
            None => None,
        }
    }

    /// Id of the stream for resuming it, if the server promised that.
    pub fn resumption_id(&self) -> Option<&str> {
        self.management.resumable().map(|(id, _)| id)
    }

    /// The domain of the account.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Stanzas of the server that have arrived.
    pub fn inbound(&self) -> u32 {
        self.management.inbound()
    }

    /// Media do not arrive either: asks the server soon whether it lives, and does not wait long for the answer.
    pub fn doubt(&mut self, now: Instant) {
        if self.phase == Phase::Bound {
            self.liveness.doubt(now);
        }
    }

    /// The text frames to send.
    pub fn take_frames(&mut self) -> Vec<String> {
        std::mem::take(&mut self.frames)
    }

    /// Sends a stanza.
    pub fn send(&mut self, stanza: &Element) {
        if let Some(old) = &mut self.old {
            return old.send(stanza);
        }
        let text = to_text(stanza);
        match self.phase {
            Phase::Bound => {}
            // Stream management counts from later on.
            Phase::Binding => return self.frames.push(text),
            _ => return,
        }
        let ask = self.management.sent(&text);
        self.frames.push(text);
        if ask {
            self.frames.push(management::request());
        }
    }

    /// Ends the stream in order; [`StreamEnd::Closed`] follows when the server agrees.
    pub fn close(&mut self) {
        if !matches!(self.phase, Phase::Closing | Phase::Ended) {
            self.phase = Phase::Closing;
            self.deadline = None;
            self.frames.push(framing::close());
        }
    }

    /// When [`Stream::tick`] is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Bound => Some(self.liveness.next_deadline()),
            Phase::Closing | Phase::Ended => None,
            _ => self.deadline,
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) -> Vec<StreamEvent> {
        match self.phase {
            Phase::Bound => match self.liveness.tick(now) {
                liveness::Action::None => Vec::new(),
                liveness::Action::Ping(id) => {
                    let ping = crate::stanza::iq_get(&self.domain, &id, element("ping", ns::PING));
                    self.send(&ping);
                    Vec::new()
                }
                liveness::Action::Dead => self.end(StreamEnd::Dead),
            },
            Phase::Closing | Phase::Ended => Vec::new(),
            _ if self.deadline.is_some_and(|deadline| deadline <= now) => self.end(StreamEnd::Timeout),
            _ => Vec::new(),
        }
    }

    /// A text frame has arrived.
    pub fn receive(&mut self, text: &str, now: Instant) -> Vec<StreamEvent> {
        if self.phase == Phase::Ended || text.trim().is_empty() {
            return Vec::new();
        }
        self.liveness.heard(now);
        let frame = match parse(text) {
            Ok(frame) => frame,
            Err(error) => return self.unreadable(&error),
        };
        if frame.is("open", framing::NS) {
            return Vec::new();
        }
        if frame.is("close", framing::NS) {
            return self.closed_by_server();
        }
        if frame.is("error", framing::STREAM) {
            return self.stream_error(&frame);
        }
        if frame.has_ns(management::NS) {
            return self.stream_management(&frame);
        }
        match self.phase {
            Phase::Opening if frame.is("features", framing::STREAM) => self.authenticate(&frame),
            Phase::Authenticating if frame.has_ns(sasl::NS) => self.authenticated(&frame),
            Phase::Reopening if frame.is("features", framing::STREAM) => self.negotiated(&frame),
            Phase::Binding if frame.is("features", framing::STREAM) => {
                self.management.offered(&frame);
                Vec::new()
            }
            Phase::Binding | Phase::Bound | Phase::Closing => self.stanza(frame),
            _ => Vec::new(),
        }
    }

    fn end(&mut self, end: StreamEnd) -> Vec<StreamEvent> {
        self.phase = Phase::Ended;
        self.deadline = None;
        vec![StreamEvent::Ended(end)]
    }

    /// A frame stands alone: one that is refused does not spoil the next. Before the stream is bound it means that
    /// something else than XMPP is spoken.
    fn unreadable(&mut self, error: &XmlError) -> Vec<StreamEvent> {
        match self.phase {
            Phase::Bound | Phase::Closing => {
                tracing::warn!(%error, "a stanza was refused");
                self.management.received();
                Vec::new()
            }
            _ => self.end(StreamEnd::NotThisService(error.to_string())),
        }
    }

    fn closed_by_server(&mut self) -> Vec<StreamEvent> {
        if self.phase == Phase::Closing {
            return self.end(StreamEnd::Closed);
        }
        self.frames.push(framing::close());
        self.end(StreamEnd::ByServer(None))
    }

    fn stream_error(&mut self, error: &Element) -> Vec<StreamEvent> {
        let condition = framing::error_condition(error);
        let negotiating = !matches!(self.phase, Phase::Bound | Phase::Closing);
        match condition.as_deref() {
            Some(condition @ ("host-unknown" | "improper-addressing")) if negotiating => {
                self.end(StreamEnd::NotThisService(condition.to_owned()))
            }
            _ => self.end(StreamEnd::ByServer(condition)),
        }
    }

    fn stream_management(&mut self, frame: &Element) -> Vec<StreamEvent> {
        if self.phase == Phase::Resuming {
            return self.resuming(frame);
        }
        match frame.name() {
            // After `<close/>` nothing may follow (RFC 7395 §3.6).
            "r" if matches!(self.phase, Phase::Closing | Phase::Ended) => Vec::new(),
            "r" => {
                self.frames.push(self.management.acknowledgement());
                vec![StreamEvent::Acknowledging]
            }
            name => {
                self.management.read(frame);
                let promised = name == "enabled" && self.management.resumable().is_some();
                if promised {
                    vec![StreamEvent::Resumable]
                } else {
                    Vec::new()
                }
            }
        }
    }

    fn stanza(&mut self, stanza: Element) -> Vec<StreamEvent> {
        if !stanza.has_ns(ns::CLIENT) || !matches!(stanza.name(), "iq" | "message" | "presence") {
            return Vec::new();
        }
        self.management.received();
        let answer = stanza.name() == "iq" && matches!(stanza.attr("type"), Some("result" | "error"));
        match self.phase {
            Phase::Binding if answer && stanza.attr("id") == Some(BIND_ID) => self.bound(&stanza),
            Phase::Binding => {
                if stanza.name() == "message" && self.early.len() < EARLY {
                    self.early.push(StreamEvent::Stanza(Box::new(stanza)));
                }
                Vec::new()
            }
            _ if answer && stanza.attr("id").is_some_and(|id| self.liveness.answered(id)) => Vec::new(),
            _ if is_ping(&stanza) => {
                let answer = iq_result(&stanza);
                self.send(&answer);
                Vec::new()
            }
            _ => vec![StreamEvent::Stanza(Box::new(stanza))],
        }
    }
}

fn is_ping(stanza: &Element) -> bool {
    stanza.name() == "iq" && stanza.attr("type") == Some("get") && stanza.has_child("ping", ns::PING)
}

#[cfg(test)]
mod tests;
