//! What all stanzas share: IQs around a payload, their answers, and errors as values (RFC 6120 §8).

use minidom::{Element, NSChoice};

use crate::ns;
use crate::xml::element;

/// An IQ of type `set` around a payload.
pub fn iq_set(to: &str, id: &str, payload: impl Into<Element>) -> Element {
    iq("set", Some(to), id).child(payload).build()
}

/// An IQ of type `get` around a payload.
pub fn iq_get(to: &str, id: &str, payload: impl Into<Element>) -> Element {
    iq("get", Some(to), id).child(payload).build()
}

/// The empty result for a request, addressed to its sender.
pub fn iq_result(request: &Element) -> Element {
    iq("result", request.attr("from"), request.attr("id").unwrap_or_default()).build()
}

/// A result with a payload.
pub fn iq_result_with(request: &Element, payload: impl Into<Element>) -> Element {
    iq("result", request.attr("from"), request.attr("id").unwrap_or_default())
        .child(payload)
        .build()
}

/// An error answer: `kind` is RFC 6120's error type (`cancel`, `modify` ...), `condition` a defined condition, and
/// `application` an optional condition of the application.
pub fn iq_error(
    request: &Element,
    kind: &'static str,
    condition: &'static str,
    application: Option<Element>,
) -> Element {
    let error = element("error", ns::CLIENT)
        .attr("type", kind)
        .child(element(condition, ns::STANZAS));
    iq("error", request.attr("from"), request.attr("id").unwrap_or_default())
        .child(error.children(application))
        .build()
}

/// The answer to a request nobody here understands.
pub fn service_unavailable(request: &Element) -> Element {
    iq_error(request, "cancel", "service-unavailable", None)
}

fn iq(kind: &'static str, to: Option<&str>, id: &str) -> crate::xml::Builder {
    element("iq", ns::CLIENT)
        .attr("type", kind)
        .attr_if("to", to)
        .attr("id", id)
}

/// The error inside a stanza of type `error`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StanzaError {
    /// `auth`, `cancel`, `continue`, `modify`, `wait`, or whatever was sent.
    pub kind: String,
    /// The defined condition, for example `not-authorized`; empty if none was given.
    pub condition: String,
    /// The text, at most 300 characters.
    pub text: Option<String>,
}

impl StanzaError {
    /// Reads the `<error/>` of a stanza; a stanza of type `error` without one gives the empty error.
    pub fn parse(stanza: &Element) -> Self {
        let Some(error) = stanza.get_child("error", ns::CLIENT) else {
            return Self::default();
        };
        let condition = error
            .children()
            .find(|child| child.has_ns(ns::STANZAS) && child.name() != "text");
        Self {
            kind: limited(error.attr("type").unwrap_or_default(), 32),
            condition: condition.map(|child| limited(child.name(), 64)).unwrap_or_default(),
            text: error
                .get_child("text", NSChoice::Any) // the focus leaves its namespace out
                .map(|text| crate::muc::clean_text(&text.text(), 300))
                .filter(|text| !text.is_empty()),
        }
    }
}

/// The first `count` characters.
pub(crate) fn limited(text: &str, count: usize) -> String {
    text.chars().take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{parse, to_text};

    #[test]
    fn answers_go_to_the_sender_with_the_same_id() {
        let request =
            parse("<iq xmlns='jabber:client' type='set' from='a@b/c' to='me' id='7'><x xmlns='y'/></iq>").unwrap();
        assert_eq!(
            to_text(&iq_result(&request)),
            "<iq xmlns='jabber:client' id='7' to='a@b/c' type='result'/>"
        );
        assert_eq!(
            to_text(&service_unavailable(&request)),
            "<iq xmlns='jabber:client' id='7' to='a@b/c' type='error'><error type='cancel'>\
             <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        );
    }

    #[test]
    fn an_error_is_read_back_and_its_text_is_bounded() {
        let text = format!(
            "<iq xmlns='jabber:client' type='error'><error type='cancel'><text xmlns='{0}'>{1}</text><gone xmlns='{0}'/></error></iq>",
            ns::STANZAS,
            "x".repeat(5000)
        );
        let error = StanzaError::parse(&parse(&text).unwrap());
        assert_eq!((error.kind.as_str(), error.condition.as_str()), ("cancel", "gone"));
        assert_eq!(error.text.unwrap().len(), 300);
    }
}
