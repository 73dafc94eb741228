//! The conference request, and what each answer to it means (`specs/jitsi-client.md §2`).

use std::time::Duration;

use minidom::Element;
use room::conference::{ConferenceEvent, JoinStep, WaitReason};
use room::outcome::Outcome;

use super::answers::ANSWER;
use super::context::{Context, backoff};
use super::meeting::{Meeting, Phase, Purpose};
use super::recovery::REOPEN;
use crate::conference_request::{ConferenceRequest, Reply};
use crate::stanza::StanzaError;

/// Between two requests while the room is not open.
const NOT_OPEN: Duration = Duration::from_secs(5);
/// First and longest wait while the focus is not ready.
const NOT_READY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(120));
/// Session ids that may be refused in a row.
const TRIES: u32 = 3;
/// Requests in a row that the focus may leave without a usable answer.
const REQUESTS: u32 = 5;

impl Meeting {
    /// The bind request is out: the conference request goes right behind it, unless it goes another way.
    pub fn binding(&mut self, cx: &mut Context) {
        let Some(deployment) = &self.deployment else { return };
        if deployment.conference_request.is_none() {
            let room = self.room_to_enter(deployment);
            self.send_conference_request(&room, cx);
        }
    }

    /// The stream is bound, and the focus is asked already or has to be.
    pub fn asked_or_ask_focus(&mut self, cx: &mut Context) {
        let asked = self
            .pending
            .values()
            .any(|(purpose, _)| *purpose == Purpose::Conference);
        if asked {
            self.phase = Phase::Requesting;
            self.progress(JoinStep::Requesting, cx);
        } else {
            self.ask_focus(cx);
        }
    }

    /// The conference request; before every join.
    pub fn ask_focus(&mut self, cx: &mut Context) {
        let Some(deployment) = &self.deployment else { return };
        let by_http = deployment.conference_request.clone();
        let room = self.membership.room().to_owned();
        self.pending.retain(|_, (purpose, _)| *purpose != Purpose::Conference);
        self.phase = Phase::Requesting;
        self.progress(JoinStep::Requesting, cx);
        match by_http {
            None => self.send_conference_request(&room, cx),
            Some(url) => {
                if let Some(request) = self.conference_request(&room, cx) {
                    self.post_conference(&url, &request, cx);
                }
            }
        }
    }

    fn send_conference_request(&mut self, room: &str, cx: &mut Context) {
        if let Some(request) = self.conference_request(room, cx) {
            let id = cx.iq_id();
            self.send(&request.to_iq(&id));
            self.expect(id, Purpose::Conference, ANSWER, cx);
        }
    }

    fn conference_request(&self, room: &str, cx: &Context) -> Option<ConferenceRequest> {
        Some(ConferenceRequest {
            focus: self.deployment.as_ref()?.focus.clone(),
            room: room.to_owned(),
            machine_uid: cx.options.machine_uid.clone(),
            session_id: self.entry.session_id.clone(),
            token: self.token().map(str::to_owned),
        })
    }

    /// The focus has answered, or (none) not in time.
    pub fn conference_reply(&mut self, reply: Option<&Element>, cx: &mut Context) {
        let reply = reply.map_or_else(|| Reply::Refused(StanzaError::default()), Reply::parse);
        self.conference_answered(reply, cx);
    }

    /// What the answer means, whichever way it came.
    pub fn conference_answered(&mut self, reply: Reply, cx: &mut Context) {
        if !matches!(self.phase, Phase::Requesting) {
            return;
        }
        if !matches!(reply, Reply::Refused(_)) {
            self.entry.unanswered = 0;
            self.entry.lost = 0;
        }
        match reply {
            Reply::Ready(ready) => self.enter(ready, cx),
            Reply::NotReady { session_id } => {
                if session_id.is_some() {
                    self.entry.session_id = session_id;
                }
                let wait = backoff(NOT_READY.0, self.entry.not_ready, NOT_READY.1);
                self.entry.not_ready += 1;
                self.wait(WaitReason::ServiceBusy, wait, cx);
            }
            Reply::NotAuthorized | Reply::NotLive => self.wait(WaitReason::NotOpenYet, NOT_OPEN, cx),
            Reply::SessionInvalid => {
                self.entry.session_id = None;
                self.entry.session_invalid += 1;
                if self.entry.session_invalid <= TRIES {
                    self.ask_focus(cx);
                } else {
                    self.wait(WaitReason::ServiceBusy, NOT_OPEN, cx);
                }
            }
            Reply::ReservationError { code, text } => {
                tracing::info!(code, "the reservation system refused the room");
                self.depart_explained(Outcome::ReservationRefused, text, cx);
            }
            Reply::VisitorNode { .. } => {
                tracing::info!("the focus has only a visitor's seat, which was not asked for");
                self.depart(Outcome::VisitorOnly, cx);
            }
            Reply::Refused(error) => {
                tracing::info!(
                    condition = error.condition,
                    "the focus gives no answer to the conference request"
                );
                self.entry.unanswered += 1;
                if self.entry.unanswered > REQUESTS && self.rejoin.is_none() {
                    self.depart(Outcome::ServiceGone, cx);
                } else {
                    let wait = backoff(NOT_READY.0, self.entry.unanswered - 1, NOT_READY.1);
                    self.wait(WaitReason::ServiceBusy, wait, cx);
                }
            }
        }
    }

    fn wait(&mut self, reason: WaitReason, wait: Duration, cx: &mut Context) {
        // Whoever was in is back soon after the focus is.
        let longest = if self.rejoin.is_some() { REOPEN.1 } else { wait };
        self.phase = Phase::AskingAgain {
            at: cx.after(wait.min(longest)),
        };
        if self.entry.waiting != Some(reason) && self.rejoin.is_none() {
            self.entry.waiting = Some(reason);
            cx.event(ConferenceEvent::Waiting(reason));
        }
    }
}
