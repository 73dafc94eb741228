//! What a Jingle IQ asks for.

use minidom::Element;

use crate::ns;

use super::identifier;

/// Jingle actions that reach a participant (XEP-0166 §7.2, Jitsi's source-add and source-remove).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A session is offered.
    SessionInitiate,
    /// A session ends.
    SessionTerminate,
    /// Sources appear.
    SourceAdd,
    /// Sources disappear.
    SourceRemove,
    /// Candidates, which are acknowledged and otherwise passed over; or an ICE restart in place, which becomes a new session.
    TransportInfo,
    /// A new transport for the session (only deployments that configure it).
    TransportReplace,
    /// Information; an empty one is a ping.
    SessionInfo,
    /// Anything else: answer `bad-request`.
    Other,
}

/// A Jingle IQ of type `set`, with what is needed to route it.
#[derive(Debug, Clone)]
pub struct JingleIq<'a> {
    /// Full JID of the sender.
    pub from: &'a str,
    /// Session id.
    pub sid: String,
    /// What is asked.
    pub action: Action,
    /// The `<jingle/>` element.
    pub jingle: &'a Element,
}

impl<'a> JingleIq<'a> {
    /// Reads an IQ; none if it is no Jingle request with a sender and a session id.
    pub fn parse(iq: &'a Element) -> Option<Self> {
        if iq.name() != "iq" || iq.attr("type") != Some("set") {
            return None;
        }
        let jingle = iq.get_child("jingle", ns::JINGLE)?;
        let action = match jingle.attr("action")? {
            "session-initiate" => Action::SessionInitiate,
            "session-terminate" => Action::SessionTerminate,
            "source-add" | "addsource" => Action::SourceAdd,
            "source-remove" | "removesource" => Action::SourceRemove,
            "transport-info" => Action::TransportInfo,
            "transport-replace" => Action::TransportReplace,
            "session-info" => Action::SessionInfo,
            _ => Action::Other,
        };
        Some(Self {
            from: iq.attr("from")?,
            sid: identifier(jingle.attr("sid"))?,
            action,
            jingle,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse;

    #[test]
    fn actions_are_told_apart_and_unknown_ones_kept_for_the_refusal() {
        for (name, action) in [
            ("session-initiate", Action::SessionInitiate),
            ("session-terminate", Action::SessionTerminate),
            ("source-add", Action::SourceAdd),
            ("source-remove", Action::SourceRemove),
            ("transport-info", Action::TransportInfo),
            ("transport-replace", Action::TransportReplace),
            ("session-info", Action::SessionInfo),
            ("content-modify", Action::Other),
        ] {
            let text = format!(
                "<iq xmlns='jabber:client' type='set' from='r@m/focus'><jingle xmlns='{}' action='{name}' sid='S'/></iq>",
                ns::JINGLE
            );
            let iq = parse(&text).unwrap();
            let read = JingleIq::parse(&iq).unwrap();
            assert_eq!((read.from, read.sid.as_str(), read.action), ("r@m/focus", "S", action));
        }
    }

    #[test]
    fn without_sender_or_session_it_is_no_request() {
        for text in [
            "<jingle xmlns='urn:xmpp:jingle:1' action='source-add'/>",
            "<jingle xmlns='urn:xmpp:jingle:1' sid='S'/>",
            "",
        ] {
            let iq = parse(&format!("<iq xmlns='jabber:client' type='set' from='a'>{text}</iq>")).unwrap();
            assert!(JingleIq::parse(&iq).is_none());
        }
    }
}
