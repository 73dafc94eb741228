//! Reading a session-accept (`specs/jitsi-client.md §4`): the focus uses sources and groups, the first transport and
//! `initial-last-n`; the rest is checked because a bridge would stumble over it.

use std::net::{IpAddr, SocketAddr};

use minidom::Element;

use super::invite::{OFFERED_AUDIO, OFFERED_VIDEO};
use super::sources::{Media, Sources};
use crate::verdict::{Verdict, rule};
use crate::xml;
use crate::xmpp::ns;

/// ICE and DTLS of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTransport {
    /// ICE.
    pub ufrag: String,
    /// ICE.
    pub pwd: String,
    /// As signalled, compared as a string.
    pub fingerprint: String,
    /// The client is the DTLS client.
    pub active: bool,
    /// Literal UDP candidates; usually none, the bridge learns them as peer-reflexive.
    pub candidates: Vec<SocketAddr>,
}

/// What a session-accept says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// ICE and DTLS.
    pub transport: ClientTransport,
    /// Sources of the client.
    pub sources: Sources,
    /// `initial-last-n` of the content `video`.
    pub initial_last_n: Option<i32>,
}

/// Reads a session-accept of `nick`; `offered_rtx` says whether RTX payload types were offered.
///
/// # Errors
/// What makes it unusable, in words.
pub fn read(jingle: &Element, nick: &str, verdict: &Verdict) -> Result<Answer, String> {
    let contents: Vec<&Element> = xml::children(jingle, "content", ns::JINGLE).collect();
    for content in &contents {
        let Some(description) = content.get_child("description", ns::RTP) else {
            continue;
        };
        let offered = match content.attr("name") {
            Some("audio") => OFFERED_AUDIO,
            Some("video") => OFFERED_VIDEO,
            _ => continue,
        };
        for payload in xml::children(description, "payload-type", ns::RTP) {
            let id = payload.attr("id").and_then(|i| i.parse::<u8>().ok());
            if !id.is_some_and(|id| offered.contains(&id)) {
                let name = payload.attr("name").unwrap_or_default();
                verdict.broken(
                    rule::PAYLOAD_TYPES,
                    format!("{:?} {name} was not offered", payload.attr("id")),
                );
            }
        }
    }
    let transport = contents
        .iter()
        .find_map(|c| c.get_child("transport", ns::ICE_UDP))
        .ok_or("no content has a transport")?;
    let initial_last_n = contents
        .iter()
        .find(|c| c.attr("name") == Some("video"))
        .and_then(|c| c.get_child("initial-last-n", "jitsi:colibri2"))
        .and_then(|n| n.attr("value"))
        .and_then(|v| v.parse().ok());
    let sources = Sources::from_jingle(jingle, nick)?;
    check_order(&sources, verdict);
    Ok(Answer {
        transport: read_transport(transport, verdict)?,
        sources,
        initial_last_n,
    })
}

fn check_order(sources: &Sources, verdict: &Verdict) {
    for name in sources.names(Media::Video) {
        let layers = sources.layers_of(&name);
        let without_rtx: Vec<&u32> = layers.iter().filter(|s| sources.rtx_of(**s).is_none()).collect();
        if !without_rtx.is_empty() {
            verdict.broken(rule::RTX, format!("{name}: SSRCs {without_rtx:?} have no FID group"));
        }
    }
}

fn read_transport(transport: &Element, verdict: &Verdict) -> Result<ClientTransport, String> {
    let attribute = |name: &str| {
        transport
            .attr(name)
            .map(str::to_owned)
            .ok_or(format!("transport without {name}"))
    };
    let fingerprint = transport
        .get_child("fingerprint", ns::DTLS)
        .ok_or("transport without fingerprint")?;
    let setup = fingerprint.attr("setup").unwrap_or_default();
    let text = fingerprint.text().trim().to_owned();
    if fingerprint.attr("hash") != Some("sha-256") || !is_upper_sha256(&text) {
        verdict.broken(
            rule::FINGERPRINT,
            format!("hash {:?}, {text}", fingerprint.attr("hash")),
        );
        return Err("fingerprint is not an upper-case sha-256".into());
    }
    if !matches!(setup, "active" | "passive") {
        verdict.broken(rule::FINGERPRINT, format!("setup '{setup}'"));
        return Err(format!("setup '{setup}' in an answer"));
    }
    let candidates = xml::children(transport, "candidate", ns::ICE_UDP)
        .filter(|c| c.attr("protocol").is_some_and(|p| p.eq_ignore_ascii_case("udp")))
        .filter(|c| c.attr("generation").is_none_or(|g| g == "0"))
        .filter_map(|c| {
            let ip: IpAddr = c.attr("ip")?.parse().ok()?;
            Some(SocketAddr::new(ip, c.attr("port")?.parse().ok()?))
        })
        .collect();
    Ok(ClientTransport {
        ufrag: attribute("ufrag")?,
        pwd: attribute("pwd")?,
        fingerprint: text,
        active: setup == "active",
        candidates,
    })
}

fn is_upper_sha256(text: &str) -> bool {
    let mut parts = 0;
    for part in text.split(':') {
        parts += 1;
        if part.len() != 2 || !part.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)) {
            return false;
        }
    }
    parts == 32
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINT: &str =
        "AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89";

    fn accept(fingerprint: &str, setup: &str, payload: &str) -> Element {
        xml::parse(&format!(
            "<jingle xmlns='{}' action='session-accept'><content name='video' creator='initiator'>\
             <description xmlns='{}' media='video'><payload-type id='{payload}' name='VP8'/></description>\
             <initial-last-n xmlns='jitsi:colibri2' value='0'/>\
             <transport xmlns='{}' ufrag='u' pwd='p'><fingerprint xmlns='{}' hash='sha-256' setup='{setup}'>{fingerprint}</fingerprint>\
             <candidate protocol='udp' ip='127.0.0.1' port='5' generation='0'/><candidate protocol='udp' ip='a.local' port='5'/>\
             </transport></content></jingle>",
            ns::JINGLE, ns::RTP, ns::ICE_UDP, ns::DTLS
        ))
        .unwrap()
    }

    #[test]
    fn a_proper_answer_breaks_no_rule() {
        let verdict = Verdict::default();
        let answer = read(&accept(PRINT, "active", "100"), "ab", &verdict).unwrap();
        assert!(answer.transport.active);
        assert_eq!(answer.initial_last_n, Some(0));
        assert_eq!(answer.transport.candidates.len(), 1);
        assert!(verdict.all().is_empty());
    }

    #[test]
    fn lower_case_fingerprint_actpass_and_foreign_payload_types_are_caught() {
        for (print, setup, payload, rule) in [
            (PRINT.to_lowercase(), "active", "100", rule::FINGERPRINT),
            (PRINT.to_owned(), "actpass", "100", rule::FINGERPRINT),
            (PRINT.to_owned(), "active", "98", rule::PAYLOAD_TYPES),
        ] {
            let verdict = Verdict::default();
            let _ = read(&accept(&print, setup, payload), "ab", &verdict);
            assert_eq!(verdict.all()[0].rule, rule);
        }
    }
}
