//! How a box gets, and renews, its certificate, as a pure core: no I/O, no clock, chance only from the generator given at
//! birth. It connects to the listener for boxes that nobody knows yet, asks, and comes back until somebody has claimed it.
//!
//! [`Applicant`] joins it with link, keys, disk and clock.
//!
//! A box that was never claimed shows its serial number, so that somebody can; one that renews shows nothing.

mod applicant;

use std::collections::VecDeque;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

pub use applicant::Applicant;

use crate::contract::{Decision, DenialReason, EnrolmentAnswer, Id, Issued, Serial};

/// The first wait after a failure grows from here.
const FIRST_MS: u64 = 30_000;
/// No wait is longer.
const LONGEST_MS: u64 = 6 * 3_600_000;
/// So long the service may take to answer.
const PATIENCE_MS: u64 = 60_000;
/// The service of somebody who stands before the box has so long.
const HURRIED_MS: u64 = 5_000;
/// After a touch in the room the box asks at once, but not more often than this.
const TOUCH_MS: u64 = 2_000;

/// Why the box asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It has no certificate, or one that is over: it shows its serial number.
    Enrol,
    /// It has one and wants the next.
    Renew,
}

/// What happened outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The answer to [`Output::Prepare`]: what goes to the service, and the id of the message.
    Prepared {
        /// Of the message inside.
        id: Id,
        /// The signed request.
        request: Vec<u8>,
    },
    /// [`Output::Prepare`] failed: no key could be made.
    PrepareFailed,
    /// The connection stands.
    Connected,
    /// The connection is over, or came to nothing.
    Disconnected,
    /// The answers can be heard.
    Subscribed,
    /// The request is at the broker, and nobody is there to hear it.
    Unheard,
    /// An answer whose signature holds. Others are dropped before.
    Answered(EnrolmentAnswer),
    /// [`Output::Adopt`]: it is on disk and in use. True: it was what the box asked for.
    Adopted(bool),
    /// Somebody in the room wants it now.
    Touched,
    /// [`Enrolment::next_deadline`] has come.
    Tick,
}

/// What shall happen outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Make a key if there is none that waits, and a signed request with it. Answered by [`Input::Prepared`] or
    /// [`Input::PrepareFailed`].
    Prepare {
        /// To be in the request.
        nonce: String,
    },
    /// Connect with the maker's certificate, without a session. Answered by [`Input::Connected`] or [`Input::Disconnected`].
    Connect,
    /// Subscribe to the answers. Answered by [`Input::Subscribed`].
    Subscribe,
    /// Publish the request, QoS 1.
    Publish(Vec<u8>),
    /// Disconnect. Answered by [`Input::Disconnected`].
    Disconnect,
    /// Check that it fits, keep it, use it. Answered by [`Input::Adopted`].
    Adopt(Box<Issued>),
    /// The wall shows this.
    Show(Shown),
}

/// What the wall shows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// Nothing (any more).
    Nothing,
    /// The box waits to be claimed.
    Claim {
        /// In letters.
        serial: Serial,
        /// As a QR code: what `roomctl claim` reads.
        code: String,
    },
    /// The box is not wanted.
    Denied {
        /// In letters.
        serial: Serial,
        /// Why.
        reason: DenialReason,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Waiting {
        until_ms: u64,
    },
    Preparing,
    Connecting,
    Subscribing,
    Asked {
        until_ms: u64,
    },
    Adopting,
    /// The connection goes down; then the box waits so long, or never comes back.
    Closing {
        wait_ms: Option<u64>,
    },
    Done,
}

/// A box that wants a certificate.
#[derive(Debug)]
pub struct Enrolment {
    serial: Serial,
    purpose: Purpose,
    chance: StdRng,
    state: State,
    nonce: String,
    request: Option<(Id, Vec<u8>)>,
    failures: u32,
    /// Somebody touched the box while it was asking: it asks again right after.
    touched: bool,
    shown: Shown,
    outputs: VecDeque<Output>,
}

impl Enrolment {
    /// Begins after a part of `spread`: a building that gets its power back does not ask all at once.
    #[must_use]
    pub fn new(serial: Serial, purpose: Purpose, spread: Duration, mut chance: StdRng, now_ms: u64) -> Self {
        let spread = u64::try_from(spread.as_millis()).unwrap_or(LONGEST_MS);
        let until_ms = now_ms + chance.random_range(0..=spread);
        let mut enrolment = Self {
            serial,
            purpose,
            chance,
            state: State::Waiting { until_ms },
            nonce: String::new(),
            request: None,
            failures: 0,
            touched: false,
            shown: Shown::Nothing,
            outputs: VecDeque::new(),
        };
        if purpose == Purpose::Enrol {
            enrolment.show_claim();
        }
        enrolment
    }

    /// True once a certificate is in use.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done | State::Closing { wait_ms: None })
    }

    /// Something happened. `now_ms`: milliseconds since some moment; never goes back.
    pub fn handle(&mut self, input: Input, now_ms: u64) {
        match (input, &self.state) {
            (Input::Touched, State::Waiting { until_ms }) => {
                let until_ms = (*until_ms).min(now_ms + TOUCH_MS);
                self.state = State::Waiting { until_ms };
            }
            (Input::Touched, State::Asked { until_ms }) => {
                let until_ms = (*until_ms).min(now_ms + HURRIED_MS);
                self.state = State::Asked { until_ms };
                self.touched = true;
            }
            (Input::Touched, _) => self.touched = true,
            (Input::Prepared { id, request }, State::Preparing) => {
                self.request = Some((id, request));
                self.state = State::Connecting;
                self.outputs.push_back(Output::Connect);
            }
            (Input::PrepareFailed, State::Preparing) => self.wait_longer(now_ms),
            (Input::Connected, State::Connecting) => {
                self.state = State::Subscribing;
                self.outputs.push_back(Output::Subscribe);
            }
            (Input::Subscribed, State::Subscribing) => {
                if let Some((_, request)) = &self.request {
                    self.outputs.push_back(Output::Publish(request.clone()));
                    // Whoever has touched the box on its way there waits no longer than who touches it now.
                    let patience_ms = if self.touched { HURRIED_MS } else { PATIENCE_MS };
                    self.state = State::Asked {
                        until_ms: now_ms + patience_ms,
                    };
                }
            }
            (Input::Unheard, State::Asked { .. }) => self.close_for_longer(),
            (Input::Answered(answer), State::Asked { .. }) if self.is_mine(&answer) => self.answered(answer.decision),
            (Input::Adopted(true), State::Adopting) => {
                self.show(Shown::Nothing);
                self.close(None);
            }
            (Input::Adopted(false), State::Adopting) => self.close_for_longer(),
            (Input::Disconnected, State::Closing { wait_ms }) => {
                match *wait_ms {
                    Some(wait_ms) => self.wait(wait_ms, now_ms),
                    None => self.state = State::Done,
                };
            }
            (Input::Disconnected, State::Connecting | State::Subscribing | State::Asked { .. }) => {
                self.wait_longer(now_ms)
            }
            _ => {}
        }
        self.tick(now_ms);
    }

    fn tick(&mut self, now_ms: u64) {
        match self.state {
            State::Waiting { until_ms } if until_ms <= now_ms => {
                self.nonce = format!("{:032x}", self.chance.random::<u128>());
                self.state = State::Preparing;
                let nonce = self.nonce.clone();
                self.outputs.push_back(Output::Prepare { nonce });
            }
            State::Asked { until_ms } if until_ms <= now_ms => self.close_for_longer(),
            _ => {}
        }
    }

    /// To this very request.
    fn is_mine(&self, answer: &EnrolmentAnswer) -> bool {
        let same_id = self.request.as_ref().is_some_and(|(id, _)| *id == answer.re);
        same_id && answer.nonce == self.nonce
    }

    fn answered(&mut self, decision: Decision) {
        match decision {
            Decision::Issued(issued) => {
                self.state = State::Adopting;
                self.outputs.push_back(Output::Adopt(issued));
            }
            Decision::Pending { retry_after_s } => {
                if self.purpose == Purpose::Enrol {
                    self.show_claim();
                }
                let least_ms = u64::from(retry_after_s).saturating_mul(1_000);
                let wait_ms = self.longer().max(least_ms).min(LONGEST_MS);
                self.close(Some(wait_ms));
            }
            Decision::Denied { reason } => {
                if self.purpose == Purpose::Enrol {
                    let serial = self.serial.clone();
                    self.show(Shown::Denied { serial, reason });
                }
                let wait_ms = self.chance.random_range(LONGEST_MS / 2..=LONGEST_MS);
                self.close(Some(wait_ms));
            }
        }
    }

    /// The next wait: twice as long each time, and half of it left to chance.
    fn longer(&mut self) -> u64 {
        let window = FIRST_MS.saturating_mul(1 << self.failures.min(20)).min(LONGEST_MS);
        self.failures = self.failures.saturating_add(1);
        self.chance.random_range(window / 2..=window)
    }

    fn wait_longer(&mut self, now_ms: u64) {
        let wait_ms = self.longer();
        self.wait(wait_ms, now_ms);
    }

    /// Less when somebody touched the box meanwhile: what it was told may be out of date by now.
    fn wait(&mut self, wait_ms: u64, now_ms: u64) {
        let wait_ms = if std::mem::take(&mut self.touched) {
            wait_ms.min(TOUCH_MS)
        } else {
            wait_ms
        };
        self.state = State::Waiting {
            until_ms: now_ms + wait_ms,
        };
    }

    fn close(&mut self, wait_ms: Option<u64>) {
        self.state = State::Closing { wait_ms };
        self.outputs.push_back(Output::Disconnect);
    }

    fn close_for_longer(&mut self) {
        let wait_ms = self.longer();
        self.close(Some(wait_ms));
    }

    fn show_claim(&mut self) {
        let serial = self.serial.clone();
        let code = format!("hemicycle:claim?serial={serial}");
        self.show(Shown::Claim { serial, code });
    }

    fn show(&mut self, shown: Shown) {
        if self.shown != shown {
            self.shown = shown.clone();
            self.outputs.push_back(Output::Show(shown));
        }
    }

    /// What shall happen next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Tick`] is due at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        match self.state {
            State::Waiting { until_ms } | State::Asked { until_ms } => Some(until_ms),
            _ => None,
        }
    }
}
