//! RFC 7395 §3: `<open/>`, `<close/>`, stream errors.

use minidom::Element;

use crate::xml::{element, to_text};

/// Of `<open/>` and `<close/>`.
pub(super) const NS: &str = "urn:ietf:params:xml:ns:xmpp-framing";
/// Of features and stream errors.
pub(super) const STREAM: &str = "http://etherx.jabber.org/streams";
const ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";

/// RFC 7395 §3.4.
pub(super) fn open(domain: &str) -> String {
    to_text(&element("open", NS).attr("to", domain).attr("version", "1.0").build())
}

/// RFC 7395 §3.6.
pub(super) fn close() -> String {
    to_text(&element("close", NS).build())
}

/// RFC 6120 §4.9.3.
pub(super) fn error_condition(error: &Element) -> Option<String> {
    let condition = error
        .children()
        .find(|child| child.has_ns(ERRORS) && child.name() != "text")?;
    Some(condition.name().chars().take(64).collect())
}
