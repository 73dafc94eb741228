//! Jingle requests that are refused.

use minidom::Element;

use crate::ns;
use crate::stanza::iq_error;
use crate::xml::element;

use super::terminate::session_terminate;

/// The session is not known here: `item-not-found` with `unknown-session` (XEP-0166 §10).
pub fn unknown_session(request: &Element) -> Element {
    iq_error(
        request,
        "cancel",
        "item-not-found",
        Some(element("unknown-session", ns::JINGLE_ERRORS).build()),
    )
}

/// The action is not known, or its contents cannot be read.
pub fn bad_request(request: &Element) -> Element {
    iq_error(request, "modify", "bad-request", None)
}

/// The `<jingle/>` that declines a session a peer offers directly. It is sent after the result; the session with the focus
/// is not touched.
pub fn p2p_decline(sid: &str, initiator: &str) -> Element {
    session_terminate(sid, initiator, "decline", "P2P disabled")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{parse, to_text};

    #[test]
    fn refusals_are_worded_as_the_protocol_wants() {
        let request = parse("<iq xmlns='jabber:client' type='set' from='r@m/focus' id='7'/>").unwrap();
        let unknown = to_text(&unknown_session(&request));
        assert!(
            unknown.contains("<item-not-found ")
                && unknown.contains("<unknown-session xmlns='urn:xmpp:jingle:errors:1'/>")
        );
        assert!(to_text(&bad_request(&request)).contains("<error type='modify'><bad-request "));
        let decline = to_text(&p2p_decline("P", "r@m/cd34"));
        assert!(
            decline.contains("<reason><decline/><text>P2P disabled</text></reason>"),
            "{decline}"
        );
    }
}
