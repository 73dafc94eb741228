//! Entity capabilities: the hash of XEP-0115 §5.1 and the features the focus reads (`specs/jitsi-client.md §3`).

use base64::Engine;
use minidom::Element;
use sha1::{Digest, Sha1};

use crate::xml;
use crate::xmpp::ns;

/// The `ver` that a disco#info answer must have.
pub fn hash(query: &Element) -> String {
    let mut identities: Vec<String> = xml::children(query, "identity", ns::DISCO_INFO)
        .map(|i| {
            let language = i
                .attrs()
                .iter()
                .find(|((_, name), _)| *name == "lang")
                .map(|(_, v)| v.to_string());
            format!(
                "{}/{}/{}/{}<",
                i.attr("category").unwrap_or_default(),
                i.attr("type").unwrap_or_default(),
                language.unwrap_or_default(),
                i.attr("name").unwrap_or_default()
            )
        })
        .collect();
    identities.sort();
    let mut features: Vec<String> = features(query).into_iter().map(|f| f + "<").collect();
    features.sort();
    let mut forms: Vec<String> = xml::children(query, "x", ns::DATA).map(form).collect();
    forms.sort();
    let text = identities.concat() + &features.concat() + &forms.concat();
    base64::engine::general_purpose::STANDARD.encode(Sha1::digest(text.as_bytes()))
}

fn form(x: &Element) -> String {
    let values = |field: &Element| -> Vec<String> {
        let mut values: Vec<String> = xml::children(field, "value", ns::DATA).map(Element::text).collect();
        values.sort();
        values
    };
    let mut kind = String::new();
    let mut fields: Vec<String> = Vec::new();
    for field in xml::children(x, "field", ns::DATA) {
        let name = field.attr("var").unwrap_or_default();
        if name == "FORM_TYPE" {
            kind = values(field).concat() + "<";
        } else {
            fields.push(format!(
                "{name}<{}",
                values(field).iter().map(|v| format!("{v}<")).collect::<String>()
            ));
        }
    }
    fields.sort();
    kind + &fields.concat()
}

/// The features of a disco#info answer.
pub fn features(query: &Element) -> Vec<String> {
    xml::children(query, "feature", ns::DISCO_INFO)
        .filter_map(|f| f.attr("var"))
        .map(str::to_owned)
        .collect()
}

/// What the offer is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    /// A content `audio`.
    pub audio: bool,
    /// A content `video`.
    pub video: bool,
    /// A content `data`.
    pub sctp: bool,
    /// RTX payload types.
    pub rtx: bool,
    /// transport-cc.
    pub tcc: bool,
    /// Sources in JSON.
    pub json_sources: bool,
    /// SSRC rewriting.
    pub ssrc_rewriting: bool,
    /// Not a feature: the presence says that it is of another time ([`crate::legacy`]).
    pub legacy: bool,
}

impl Default for Features {
    /// What the focus assumes when nobody answers: audio, video, sctp.
    fn default() -> Self {
        Self {
            audio: true,
            video: true,
            sctp: true,
            rtx: false,
            tcc: false,
            json_sources: false,
            ssrc_rewriting: false,
            legacy: false,
        }
    }
}

impl Features {
    /// Reads them from a disco#info answer.
    pub fn read(query: &Element) -> Self {
        let all = features(query);
        let has = |var: &str| all.iter().any(|f| f == var);
        Self {
            audio: has("urn:xmpp:jingle:apps:rtp:audio"),
            video: has("urn:xmpp:jingle:apps:rtp:video"),
            sctp: has("urn:xmpp:jingle:transports:dtls-sctp:1"),
            rtx: has("urn:ietf:rfc:4588"),
            tcc: has("http://jitsi.org/tcc"),
            json_sources: has("http://jitsi.org/json-encoded-sources"),
            ssrc_rewriting: has("http://jitsi.org/ssrc-rewriting-1"),
            legacy: false,
        }
    }
}

/// What a box must announce to be served fully (`specs/jitsi-client.md §3`).
pub const NEEDED: &[&str] = &[
    "urn:xmpp:jingle:apps:rtp:audio",
    "urn:xmpp:jingle:apps:rtp:video",
    "urn:xmpp:jingle:transports:dtls-sctp:1",
    "urn:ietf:rfc:4588",
    "http://jitsi.org/tcc",
    "http://jitsi.org/json-encoded-sources",
    "http://jitsi.org/source-name",
    "http://jitsi.org/receive-multiple-video-streams",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simple_example_of_xep_0115() {
        let query = xml::parse(
            "<query xmlns='http://jabber.org/protocol/disco#info' node='http://psi-im.org#q07IKJEyjvHSyhy//CH0CxmKi8w='>\
             <identity category='client' name='Exodus 0.9.1' type='pc'/>\
             <feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#items'/>\
             <feature var='http://jabber.org/protocol/disco#info'/><feature var='http://jabber.org/protocol/muc'/></query>",
        )
        .unwrap();
        assert_eq!(hash(&query), "QgayPKawpkPSDYmwT/WM94uAlu0=");
    }
}
