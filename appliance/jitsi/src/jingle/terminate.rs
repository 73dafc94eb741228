//! session-terminate, both ways (`specs/jitsi-client.md §4`, ends and moves).

use minidom::Element;

use crate::muc::clean_text;
use crate::ns;
use crate::stanza::limited;
use crate::xml::element;

/// Why the focus ended a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Termination {
    /// Condition, for example `success`, `expired`; empty if none was given.
    pub reason: String,
    /// Words, at most 300 characters.
    pub text: Option<String>,
}

impl Termination {
    /// Reads the `<jingle/>` of a session-terminate.
    pub fn parse(jingle: &Element) -> Self {
        let reason = jingle.get_child("reason", ns::JINGLE);
        let condition = reason.and_then(|reason| reason.children().find(|child| child.name() != "text"));
        let text = reason.and_then(|reason| reason.get_child("text", ns::JINGLE));
        Self {
            reason: condition.map(|child| limited(child.name(), 64)).unwrap_or_default(),
            text: text
                .map(|text| clean_text(&text.text(), 300))
                .filter(|text| !text.is_empty()),
        }
    }

    /// A new session-initiate follows: the bridge is left, or we asked for it.
    pub fn announces_new_session(&self) -> bool {
        let text = self.text.as_deref().unwrap_or_default();
        self.reason == "success" && (text.contains("moving") || text.contains("reinvite requested"))
    }

    /// We are alone: the next arrival brings a new session.
    pub fn is_idle(&self) -> bool {
        self.reason == "expired"
    }
}

/// The `<jingle/>` that ends a session; `condition` is a reason of XEP-0166 §7.4.
pub fn session_terminate(sid: &str, initiator: &str, condition: &'static str, text: &str) -> Element {
    terminate(sid, initiator, condition, text, None)
}

/// The `<jingle/>` that ends a session whose ICE failed and asks for a new one on `bridge_session`. At least 5 s apart,
/// at most 5 a minute.
pub fn session_terminate_for_restart(sid: &str, initiator: &str, bridge_session: &str) -> Element {
    terminate(sid, initiator, "connectivity-error", "ICE FAILED", Some(bridge_session))
}

fn terminate(sid: &str, initiator: &str, condition: &'static str, text: &str, restart: Option<&str>) -> Element {
    let reason = element("reason", ns::JINGLE)
        .child(element(condition, ns::JINGLE))
        .child(element("text", ns::JINGLE).text(text));
    let restart = restart.map(|id| {
        element("bridge-session", ns::FOCUS)
            .attr("id", id)
            .attr("restart", "true")
    });
    element("jingle", ns::JINGLE)
        .attr("action", "session-terminate")
        .attr("sid", sid)
        .attr("initiator", initiator)
        .child(reason)
        .children(restart)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{parse, to_text};

    fn ended(inside: &str) -> Termination {
        Termination::parse(&parse(&format!("<jingle xmlns='{}'>{inside}</jingle>", ns::JINGLE)).unwrap())
    }

    #[test]
    fn moves_idleness_and_other_ends_are_told_apart() {
        let moving = ended("<reason><success/><text>moving</text></reason>");
        assert!(moving.announces_new_session() && !moving.is_idle());
        assert!(ended("<reason><text>reinvite requested</text><success/></reason>").announces_new_session());
        let idle = ended("<reason><expired/><text>Idle session timeout</text></reason>");
        assert!(idle.is_idle() && !idle.announces_new_session());
        assert!(!ended("<reason><gone/><text>moving</text></reason>").announces_new_session());
        assert_eq!(
            ended(""),
            Termination {
                reason: String::new(),
                text: None
            }
        );
    }

    #[test]
    fn a_restart_names_the_bridge_session() {
        assert_eq!(
            to_text(&session_terminate_for_restart("S", "r@m/focus", "B")),
            "<jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' initiator='r@m/focus' sid='S'>\
             <reason><connectivity-error/><text>ICE FAILED</text></reason>\
             <bridge-session xmlns='http://jitsi.org/protocol/focus' id='B' restart='true'/></jingle>"
        );
        assert!(!to_text(&session_terminate("S", "r@m/focus", "success", "bye")).contains("bridge-session"));
    }
}
