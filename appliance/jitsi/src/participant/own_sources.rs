//! Our own sources: announced when a device is plugged in, withdrawn when it is pulled out (`specs/jitsi-client.md §4`).

use minidom::Element;
use room::conference::Sources;

use super::answers::ANSWER;
use super::context::Context;
use super::meeting::{Meeting, Purpose};
use super::session::Session;
use crate::jingle::{source_add, source_remove};
use crate::stanza::{StanzaError, iq_set};

/// What the focus knows of our sources in a session.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Announced {
    /// Nothing: our answer is not out.
    #[default]
    Nothing,
    /// It has one change to take. It gets one at a time.
    Unanswered {
        /// What it knew when the change was sent.
        before: Sources,
        /// What it knows when it has taken it.
        after: Sources,
    },
    /// These.
    Settled(Sources),
}

impl Announced {
    /// What may be sent: what the focus has taken, without what is being withdrawn. A bridge drops what it does not know,
    /// and then waits for the next key frame.
    pub fn sendable(self) -> Sources {
        match self {
            Announced::Nothing => Sources::NONE,
            Announced::Unanswered { before, after } => before.without(before.without(after)),
            Announced::Settled(sources) => sources,
        }
    }
}

impl Meeting {
    /// The room has other devices.
    pub fn set_sources(&mut self, sources: Sources, cx: &mut Context) {
        if self.sources == sources {
            return;
        }
        self.sources = sources;
        self.tell_sources(cx);
        self.tell_session(cx);
        let joined = self.joined();
        if let Some(own) = self.membership.own_mut() {
            own.sources = sources;
            let update = own.update();
            if joined {
                self.send(&update);
            }
        }
    }

    /// The focus has taken a change of our sources, and with it the bridge, which knows no type of a source before.
    pub fn source_change_taken(&mut self, cx: &mut Context) {
        self.tell_video_type(cx);
        self.sources_settled(cx);
    }

    /// The focus has taken what we announced; what has changed since follows.
    pub fn sources_settled(&mut self, cx: &mut Context) {
        if let Some(session) = &mut self.session
            && let Announced::Unanswered { after, .. } = session.announced
        {
            session.announced = Announced::Settled(after);
        }
        self.tell_sources(cx);
        self.tell_session(cx);
    }

    /// The focus sees our sources differently, or did not answer: a new session begins with all of them.
    pub fn source_change_refused(&mut self, answer: Option<&Element>, cx: &mut Context) {
        let condition = answer.map(|answer| StanzaError::parse(answer).condition);
        tracing::warn!(condition, "a change of our sources was not taken");
        self.demand_session(cx);
    }

    /// Sends the next change, if one is due: first what has gone, then what has come.
    fn tell_sources(&mut self, cx: &mut Context) {
        let wanted = self.sources;
        let Some(session) = &mut self.session else { return };
        let Announced::Settled(announced) = session.announced else {
            return;
        };
        let Some((after, change)) = next_change(session, announced, wanted) else {
            return;
        };
        session.announced = Announced::Unanswered {
            before: announced,
            after,
        };
        let id = cx.iq_id();
        self.send(&iq_set(&self.membership.focus_seat(), &id, change));
        self.expect(id, Purpose::Sources, ANSWER, cx);
    }
}

/// The next `<jingle/>` on the way from `announced` to `wanted`, and what is announced with it.
fn next_change(session: &Session, announced: Sources, wanted: Sources) -> Option<(Sources, Element)> {
    let (sid, initiator) = (session.sid(), session.offer.initiator.as_str());
    let (audio, video) = (session.local.audio(), session.local.video());
    let only = |which: Sources| (which.audio.then_some(&audio), which.video.then_some(&video));
    let (gone, come) = (announced.without(wanted), wanted.without(announced));
    if gone != Sources::NONE {
        let (audio, video) = only(gone);
        Some((announced.without(gone), source_remove(sid, initiator, audio, video)))
    } else if come != Sources::NONE {
        let (audio, video) = only(come);
        Some((wanted, source_add(sid, initiator, audio, video)))
    } else {
        None
    }
}
