//! Our disco#info and the caps hash over it. The focus reads them to decide what its offer contains.

use std::collections::BTreeSet;

use minidom::Element;
use xmpp_parsers::caps::{Caps, compute_disco, hash_caps};
use xmpp_parsers::disco::{DiscoInfoResult, Identity};
use xmpp_parsers::hashes::Algo;

use crate::stanza::{iq_error, iq_result_with};
use crate::{ns, xml};

/// The caps node.
pub const NODE: &str = "urn:x-hemicycle:roomd";

/// What the focus reads in any case (`specs/jitsi-client.md §3`).
const ALWAYS: [&str; 12] = [
    ns::DISCO_INFO,
    ns::CAPS,
    ns::PING,
    ns::JINGLE,
    ns::RTP,
    ns::ICE_UDP,
    ns::DTLS,
    ns::DTLS_SCTP,
    "urn:xmpp:jingle:apps:rtp:audio",
    "urn:xmpp:jingle:apps:rtp:video",
    "http://jitsi.org/source-name",
    "http://jitsi.org/receive-multiple-video-streams",
];

/// What the box says it can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnFeatures {
    /// Few SSRCs that change their source (`specs/jitsi-client.md §5`); needs a working bridge channel.
    pub ssrc_rewriting: bool,
    /// Sources in the offer as compact JSON instead of XML. Without it a focus of 2026 drops the data content, and with
    /// it the bridge channel over SCTP and all video.
    pub json_sources: bool,
    /// Retransmissions (RFC 4588).
    pub rtx: bool,
    /// Transport-wide congestion control.
    pub transport_cc: bool,
    /// `audio-mute`: the focus may tell us to switch the microphone off.
    pub audio_mute: bool,
}

impl Default for OwnFeatures {
    fn default() -> Self {
        Self {
            ssrc_rewriting: true,
            json_sources: true,
            rtx: true,
            transport_cc: true,
            audio_mute: true,
        }
    }
}

impl OwnFeatures {
    /// The feature variables, sorted.
    pub fn list(&self) -> BTreeSet<String> {
        let optional = [
            (self.ssrc_rewriting, "http://jitsi.org/ssrc-rewriting-1"),
            (self.json_sources, "http://jitsi.org/json-encoded-sources"),
            (self.rtx, "urn:ietf:rfc:4588"),
            (self.transport_cc, "http://jitsi.org/tcc"),
            (self.audio_mute, "http://jitsi.org/protocol/audio-mute"),
        ];
        let optional = optional.into_iter().filter_map(|(on, var)| on.then_some(var));
        ALWAYS.into_iter().chain(optional).map(str::to_owned).collect()
    }

    /// The caps verification string: SHA-1 over the very disco#info of [`OwnFeatures::answer`], base64.
    pub fn ver(&self) -> String {
        hash_caps(&compute_disco(&self.disco(None)), Algo::Sha_1)
            .map(|hash| hash.to_base64())
            .unwrap_or_default()
    }

    /// `<c/>` for our presence.
    pub fn caps(&self) -> Element {
        match hash_caps(&compute_disco(&self.disco(None)), Algo::Sha_1) {
            Ok(hash) => Caps::new(NODE, hash).into(),
            Err(_) => xml::element("c", ns::CAPS).build(), // SHA-1 is always known
        }
    }

    /// The answer to a disco#info request for us: for no node or for `NODE#VER`; any other node is `item-not-found`.
    /// None if the IQ is no such request.
    pub fn answer(&self, iq: &Element) -> Option<Element> {
        let query = iq
            .get_child("query", ns::DISCO_INFO)
            .filter(|_| iq.attr("type") == Some("get"))?;
        let node = query.attr("node");
        if node.is_some_and(|node| node != format!("{NODE}#{}", self.ver())) {
            return Some(iq_error(iq, "cancel", "item-not-found", None));
        }
        Some(iq_result_with(iq, self.disco(node)))
    }

    fn disco(&self, node: Option<&str>) -> DiscoInfoResult {
        DiscoInfoResult {
            node: node.map(str::to_owned),
            identities: vec![Identity::new("client", "pc", "", "Hemicycle")],
            features: self.list(),
            extensions: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use sha1::Digest as _;

    fn ask(node: &str) -> Option<Element> {
        let text = format!(
            "<iq xmlns='jabber:client' type='get' from='r@m/focus' id='d'><query xmlns='{}'{node}/></iq>",
            ns::DISCO_INFO
        );
        OwnFeatures::default().answer(&xml::parse(&text).unwrap())
    }

    /// XEP-0115 §5.1 written down once more, over the XML that really goes out.
    fn recompute(answer: &Element) -> String {
        let query = xml::parse(&xml::to_text(answer)).unwrap();
        let query = query.get_child("query", ns::DISCO_INFO).unwrap();
        let mut identities = Vec::new();
        let mut features = Vec::new();
        for child in query.children() {
            match child.name() {
                "identity" => identities.push(format!(
                    "{}/{}/{}/{}<",
                    child.attr("category").unwrap(),
                    child.attr("type").unwrap(),
                    child
                        .attr_ns("http://www.w3.org/XML/1998/namespace", "lang")
                        .unwrap_or_default(),
                    child.attr("name").unwrap_or_default()
                )),
                "feature" => features.push(format!("{}<", child.attr("var").unwrap())),
                other => panic!("{other}"),
            }
        }
        identities.sort();
        features.sort();
        let text = identities.concat() + &features.concat();
        base64::engine::general_purpose::STANDARD.encode(sha1::Sha1::digest(text.as_bytes()))
    }

    #[test]
    fn the_caps_hash_is_the_hash_of_what_is_answered() {
        let answer = ask("").unwrap();
        let caps = OwnFeatures::default().caps();
        assert_eq!(caps.attr("ver").unwrap(), recompute(&answer));
        assert_eq!((caps.attr("hash"), caps.attr("node")), (Some("sha-1"), Some(NODE)));
        let node = format!(" node='{NODE}#{}'", caps.attr("ver").unwrap());
        let same = ask(&node).unwrap();
        assert_eq!(recompute(&same), recompute(&answer));
        assert!(xml::to_text(&same).contains(&node));
    }

    #[test]
    fn another_node_is_not_found_and_another_iq_not_answered() {
        let refused = ask(" node='urn:x-other#x'").unwrap();
        assert_eq!(crate::stanza::StanzaError::parse(&refused).condition, "item-not-found");
        let ping = xml::parse("<iq xmlns='jabber:client' type='get'><ping xmlns='urn:xmpp:ping'/></iq>").unwrap();
        assert_eq!(OwnFeatures::default().answer(&ping), None);
    }

    #[test]
    fn switching_a_feature_off_changes_list_and_hash() {
        let without = OwnFeatures {
            ssrc_rewriting: false,
            ..OwnFeatures::default()
        };
        assert!(!without.list().contains("http://jitsi.org/ssrc-rewriting-1"));
        assert_ne!(without.ver(), OwnFeatures::default().ver());
        assert!(
            without.list().contains(ns::DTLS_SCTP),
            "without it no data content is offered"
        );
    }
}
