//! Jingle with the focus: sessions begin, change and end (`specs/jitsi-client.md §4`).

use media_protocol::LocalDescription;
use minidom::Element;
use room::outcome::Outcome;

use super::answers::ANSWER;
use super::context::Context;
use super::meeting::{Meeting, Purpose};
use super::session::Session;
use crate::jingle::{
    Action, JingleIq, Offer, Termination, bad_request, p2p_decline, parse_source_change, session_accept,
    unknown_session,
};
use crate::ns;
use crate::stanza::{iq_result, iq_set};

/// Silence from the bridge after which the session is given up: the bridge itself calls an endpoint inactive by then.
pub(super) const STALLED_MS: u64 = 8_000;

impl Meeting {
    /// A Jingle request. Answered at once, before any media work.
    pub fn jingle(&mut self, iq: &Element, request: &JingleIq<'_>, cx: &mut Context) {
        if !self.membership.is_focus(request.from) {
            return self.jingle_from_other(iq, request, cx);
        }
        if !self.joined() {
            return self.send(&unknown_session(iq));
        }
        if request.action == Action::SessionInitiate {
            return self.offered(iq, request, cx);
        }
        if request.action == Action::Other {
            return self.send(&bad_request(iq));
        }
        if self.session.as_ref().is_none_or(|session| session.sid() != request.sid) {
            return self.send(&unknown_session(iq));
        }
        match request.action {
            Action::SessionTerminate => self.terminated(iq, request, cx),
            Action::SourceAdd | Action::SourceRemove => self.sources_changed(iq, request, cx),
            // webrtcbin cannot restart ICE in place.
            Action::TransportInfo if restarts_ice(request.jingle) => {
                self.send(&iq_result(iq));
                self.demand_session(cx);
            }
            Action::TransportReplace => {
                // A new transport is a new session for us: the focus is asked for one.
                self.send(&iq_result(iq));
                self.demand_session(cx);
            }
            _ => self.send(&iq_result(iq)),
        }
    }

    /// Peers may offer a direct session when two are alone; it is declined, and the session with the bridge stays.
    fn jingle_from_other(&mut self, iq: &Element, request: &JingleIq<'_>, cx: &mut Context) {
        if request.action == Action::SessionInitiate && self.membership.is_occupant(request.from) {
            self.send(&iq_result(iq));
            let id = cx.iq_id();
            let initiator = request.jingle.attr("initiator").unwrap_or(request.from);
            self.send(&iq_set(request.from, &id, p2p_decline(&request.sid, initiator)));
        } else {
            self.send(&unknown_session(iq));
        }
    }

    fn offered(&mut self, iq: &Element, request: &JingleIq<'_>, cx: &mut Context) {
        if self
            .session
            .as_ref()
            .is_some_and(|session| session.sid() == request.sid)
        {
            return self.send(&iq_result(iq));
        }
        let me = self.membership.me().0;
        let mut codecs = cx.options.video_codecs.clone();
        // What is first is sent.
        codecs.sort_by_key(|codec| !self.membership.all_decode(*codec));
        let session = Offer::parse(request).and_then(|offer| Session::new(offer, &me, &self.ice_servers, &codecs, cx));
        let session = match session {
            Ok(session) => session,
            Err(error) => {
                tracing::warn!(%error, "an offer was refused");
                return self.send(&bad_request(iq));
            }
        };
        self.send(&iq_result(iq));
        self.drop_session(cx);
        self.restarts.forget();
        let start_muted = session.offer.start_muted;
        self.session = Some(session);
        self.start_muted(start_muted, cx);
        self.had_session = true;
        self.tell_session(cx);
    }

    /// Somebody has come who does not decode what we send, where they would decode something else: that is another session, which costs
    /// everybody a moment and happens once.
    pub fn follow_codecs(&mut self, cx: &mut Context) {
        let Some(session) = &mut self.session else { return };
        if !self.membership.all_decode(session.codec()) && session.has_vp8() {
            tracing::info!(codec = ?session.codec(), "somebody does not decode it: a session with VP8 is asked for");
            session.excuse();
            self.demand_session(cx);
        }
    }

    /// The worker has made its half: our answer, once.
    pub fn answer_offer(&mut self, description: &LocalDescription, cx: &mut Context) {
        if !self.joined() {
            return;
        }
        let own = self
            .membership
            .own()
            .map(|own| own.occupant.clone())
            .unwrap_or_default();
        let Some(session) = self.session.as_mut().filter(|session| !session.accepted()) else {
            return;
        };
        session.accept(self.sources, cx);
        let id = cx.iq_id();
        let accept = session_accept(
            &session.offer,
            &session.accepted_offer,
            &session.local,
            self.sources,
            description,
            &own,
        );
        let accept = iq_set(&self.membership.focus_seat(), &id, accept);
        self.send(&accept);
        self.expect(id, Purpose::Accept, ANSWER, cx);
        self.open_channel(cx);
    }

    /// The focus refuses our answer: the session is over for it.
    pub fn accept_refused(&mut self, answer: Option<&Element>, cx: &mut Context) {
        if let Some(answer) = answer {
            let condition = crate::stanza::StanzaError::parse(answer).condition;
            tracing::warn!(condition, "the focus refused our answer; the room is entered anew");
            self.leave_and_rejoin(Outcome::ProtocolError, cx);
        }
    }

    fn terminated(&mut self, iq: &Element, request: &JingleIq<'_>, cx: &mut Context) {
        self.send(&iq_result(iq));
        let termination = Termination::parse(request.jingle);
        tracing::info!(reason = ?termination, "the focus ended the session");
        self.drop_session(cx);
        // Idle sessions end when nobody else is here; the next arrival brings a new one.
        if !termination.is_idle() {
            self.await_reinvite(cx);
        }
    }

    fn sources_changed(&mut self, iq: &Element, request: &JingleIq<'_>, cx: &mut Context) {
        let change = match parse_source_change(request.jingle) {
            Ok(change) => change,
            Err(error) => {
                tracing::warn!(%error, "a change of sources was refused");
                return self.send(&bad_request(iq));
            }
        };
        self.send(&iq_result(iq));
        if let Some(session) = &mut self.session {
            if request.action == Action::SourceAdd {
                session.table.add(&change);
            } else {
                session.table.remove(&change);
            }
        }
        self.tell_session(cx);
    }
}

/// Whether the bridge's side of ICE begins anew: the first transport of a session says no generation, or 0.
fn restarts_ice(jingle: &Element) -> bool {
    let transports = jingle.children().flat_map(Element::children);
    transports
        .filter(|transport| transport.is("transport", ns::ICE_UDP))
        .filter_map(|transport| transport.attr("ice-generation")?.parse::<u32>().ok())
        .any(|generation| generation > 0)
}
