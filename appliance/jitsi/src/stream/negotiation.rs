//! From `<open/>` to the bound or resumed stream: features, login, the resource (RFC 6120 §§6-7, XEP-0198 §5).

use minidom::Element;

use super::{Phase, Refusal, Stream, StreamEnd, StreamEvent, framing, login, sasl};
use crate::ns;
use crate::stanza::StanzaError;
use crate::xml::{element, to_text};

const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
pub(super) const BIND_ID: &str = "bind";

impl Stream {
    pub(super) fn authenticate(&mut self, features: &Element) -> Vec<StreamEvent> {
        if let Some(account) = &self.account {
            if let Some((login, auth)) = login::begin(features, account) {
                self.login = Some(login);
                self.phase = Phase::Authenticating;
                self.frames.push(auth);
                return vec![StreamEvent::Authenticating];
            }
            tracing::info!("the service knows no login with a password; we come as a guest");
        }
        if !sasl::offers(features, "ANONYMOUS") {
            return self.end(StreamEnd::Refused(Refusal::LoginRequired));
        }
        self.phase = Phase::Authenticating;
        if !self.quick {
            self.frames.push(sasl::anonymous());
        }
        vec![StreamEvent::Authenticating]
    }

    pub(super) fn authenticated(&mut self, answer: &Element) -> Vec<StreamEvent> {
        match answer.name() {
            "success" => {
                let proved = self.login.as_mut().map_or(Ok(()), |login| login.finish(answer));
                if let Err(refusal) = proved {
                    return self.end(StreamEnd::Refused(refusal));
                }
                self.frames.push(framing::open(&self.domain));
                if self.bosh || self.old.is_some() {
                    self.phase = Phase::Reopening;
                    return Vec::new();
                }
                // Every server binds: its features need not be awaited.
                self.bind()
            }
            "failure" if self.login.is_some() => self.end(StreamEnd::Refused(Refusal::of_login(answer))),
            "challenge" if self.login.is_some() => {
                let response = self.login.as_mut().map(|login| login.answer(answer));
                match response {
                    Some(Err(refusal)) => return self.end(StreamEnd::Refused(refusal)),
                    Some(Ok(response)) => self.frames.push(response),
                    None => {}
                }
                Vec::new()
            }
            "failure" => self.end(StreamEnd::Refused(Refusal::read(answer, self.has_token))),
            // ANONYMOUS has no challenge (RFC 4505); an empty answer lets a server that sends one decide.
            "challenge" => {
                self.frames.push(sasl::empty_response());
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn negotiated(&mut self, features: &Element) -> Vec<StreamEvent> {
        if !self.bosh {
            self.management.offered(features);
        }
        match self.old.as_ref().and_then(|old| old.management.resume()) {
            Some(resume) => {
                self.phase = Phase::Resuming;
                self.frames.push(resume);
                Vec::new()
            }
            None => self.bind(),
        }
    }

    /// Answers to `<resume/>`.
    pub(super) fn resuming(&mut self, answer: &Element) -> Vec<StreamEvent> {
        match answer.name() {
            "resumed" => {
                let Some(old) = self.old.take() else { return Vec::new() };
                self.management = old.management;
                self.jid = old.jid;
                self.phase = Phase::Bound;
                if old.left_behind {
                    self.management.believe(answer);
                } else {
                    self.frames.extend(self.management.resumed(answer));
                }
                vec![StreamEvent::Resumed]
            }
            "failed" => {
                // A new stream begins on a new socket, under a new name: under the old one a ghost may still be there.
                self.old = None;
                self.frames.push(framing::close());
                self.end(StreamEnd::NotResumed)
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn bind(&mut self) -> Vec<StreamEvent> {
        self.old = None;
        self.phase = Phase::Binding;
        self.frames.push(bind_request());
        vec![StreamEvent::Binding]
    }

    pub(super) fn bound(&mut self, answer: &Element) -> Vec<StreamEvent> {
        let jid = answer
            .get_child("bind", BIND)
            .and_then(|bind| bind.get_child("jid", BIND))
            .map(Element::text);
        match (answer.attr("type"), jid) {
            (Some("result"), Some(jid)) if jid.len() <= 3071 && jid.contains('/') => {
                self.phase = Phase::Bound;
                self.jid.clone_from(&jid);
                self.frames.extend(self.management.enable());
                let early = std::mem::take(&mut self.early);
                std::iter::once(StreamEvent::Bound { jid }).chain(early).collect()
            }
            _ => {
                let condition = StanzaError::parse(answer).condition;
                self.end(StreamEnd::ByServer(Some(condition)))
            }
        }
    }
}

fn bind_request() -> String {
    let request = element("iq", ns::CLIENT)
        .attr("type", "set")
        .attr("id", BIND_ID)
        .child(element("bind", BIND));
    to_text(&request.build())
}
