//! ICE and DTLS of the other side, from the `<transport/>` of a content.

use std::net::IpAddr;

use media_protocol::{Candidate, Fingerprint};
use minidom::Element;

use crate::ns;

/// Most candidates read of one transport.
const MAX_CANDIDATES: usize = 100;
/// Most fingerprints read of one transport.
const MAX_FINGERPRINTS: usize = 8;
/// Most web-socket addresses read of one transport.
const MAX_WEB_SOCKETS: usize = 8;
/// Longest user fragment or password (RFC 8839 §5.4).
const MAX_CREDENTIAL: usize = 256;

/// One `<transport/>`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Transport {
    pub ufrag: String,
    pub pwd: String,
    pub candidates: Vec<Candidate>,
    pub fingerprints: Vec<Fingerprint>,
    pub web_sockets: Vec<String>,
    pub sctp_port: Option<u16>,
}

impl Transport {
    /// Reads the transport of a content; none if it has none.
    pub fn parse(content: &Element) -> Option<Self> {
        let transport = content.get_child("transport", ns::ICE_UDP)?;
        let credential = |name: &'static str| {
            let value = transport.attr(name).unwrap_or_default();
            let ice_char = |byte: u8| byte.is_ascii_graphic();
            Some(value)
                .filter(|value| value.len() <= MAX_CREDENTIAL && value.bytes().all(ice_char))
                .unwrap_or_default()
        };
        let children =
            |name: &'static str, namespace| transport.children().filter(move |child| child.is(name, namespace));
        let web_socket = |child: &Element| {
            let url = child.attr("url").filter(|url| url.len() <= 2048)?;
            (url.starts_with("wss://") || url.starts_with("ws://")).then(|| url.to_owned())
        };
        Some(Self {
            ufrag: credential("ufrag").to_owned(),
            pwd: credential("pwd").to_owned(),
            candidates: children("candidate", ns::ICE_UDP)
                .take(MAX_CANDIDATES)
                .filter_map(candidate)
                .collect(),
            fingerprints: children("fingerprint", ns::DTLS)
                .take(MAX_FINGERPRINTS)
                .filter_map(fingerprint)
                .collect(),
            web_sockets: children("web-socket", ns::COLIBRI)
                .take(MAX_WEB_SOCKETS)
                .filter_map(web_socket)
                .collect(),
            sctp_port: children("sctpmap", ns::DTLS_SCTP)
                .find_map(|map| map.attr("number")?.parse().ok())
                .filter(|port| *port != 0),
        })
    }
}

/// A UDP candidate of generation 0 with a literal address; anything else cannot be used and is dropped.
fn candidate(element: &Element) -> Option<Candidate> {
    let attribute = |name: &'static str| element.attr(name).filter(|value| value.len() <= 64);
    let protocol = attribute("protocol")?.to_ascii_lowercase();
    if protocol != "udp" || attribute("generation").is_some_and(|generation| generation != "0") {
        return None;
    }
    let address: IpAddr = attribute("ip")?.parse().ok()?;
    let component = attribute("component")
        .unwrap_or("1")
        .parse()
        .ok()
        .filter(|component| *component == 1)?;
    let port = attribute("port")?.parse().ok().filter(|port| *port != 0)?;
    let kind = attribute("type").unwrap_or("host");
    if !matches!(kind, "host" | "srflx" | "prflx" | "relay") {
        return None;
    }
    let foundation = attribute("foundation").unwrap_or("1");
    if foundation.is_empty()
        || !foundation
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
    {
        return None;
    }
    Some(Candidate {
        foundation: foundation.to_owned(),
        component,
        protocol,
        priority: attribute("priority")
            .and_then(|priority| priority.parse().ok())
            .unwrap_or(1),
        address,
        port,
        kind: kind.to_owned(),
    })
}

/// A fingerprint in hexadecimal with colons, made upper-case.
fn fingerprint(element: &Element) -> Option<Fingerprint> {
    let hash = element.attr("hash")?.to_ascii_lowercase();
    let value = element.text().trim().to_ascii_uppercase();
    let is_hex = |pair: &str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !matches!(hash.as_str(), "sha-1" | "sha-224" | "sha-256" | "sha-384" | "sha-512")
        || !value.split(':').all(is_hex)
    {
        return None;
    }
    let setup = element
        .attr("setup")
        .filter(|setup| matches!(*setup, "active" | "passive"))
        .unwrap_or("actpass");
    (value.len() <= 64 * 3).then(|| Fingerprint {
        hash,
        value,
        setup: setup.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse;

    fn transport(inside: &str) -> Transport {
        let text = format!(
            "<content xmlns='{}'><transport xmlns='{}' ufrag='u' pwd='p'>{inside}</transport></content>",
            ns::JINGLE,
            ns::ICE_UDP
        );
        Transport::parse(&parse(&text).unwrap()).unwrap()
    }

    #[test]
    fn only_literal_udp_candidates_of_this_generation_stay() {
        let candidate = |ip: &str, rest: &str| {
            format!(
                "<candidate component='1' foundation='1' id='c' ip='{ip}' port='10000' priority='2130706431' type='host' {rest}/>"
            )
        };
        let udp = "protocol='udp' generation='0'";
        let inside = [
            candidate("192.0.2.1", udp),
            candidate("2001:db8::1", udp),
            candidate("jvb.example", udp),
            candidate("c0ffee.local", udp),
            candidate("192.0.2.2", "protocol='ssltcp' generation='0'"),
            candidate("192.0.2.3", "protocol='udp' generation='1'"),
            candidate("192.0.2.4", "generation='0'"),
            "<candidate protocol='udp' ip='192.0.2.5' port='0' component='1'/>".to_owned(),
            "<candidate protocol='udp' ip='192.0.2.6' port='1' component='2'/>".to_owned(),
            "<candidate protocol='udp' ip='192.0.2.7' port='1' foundation='a b'/>".to_owned(),
        ];
        let read = transport(&inside.concat()).candidates;
        let addresses: Vec<_> = read.iter().map(|candidate| candidate.address.to_string()).collect();
        assert_eq!(addresses, ["192.0.2.1", "2001:db8::1"]);
        assert_eq!(
            (read[0].priority, read[0].port, read[0].kind.as_str()),
            (2_130_706_431, 10_000, "host")
        );
    }

    #[test]
    fn fingerprints_are_upper_case_and_what_is_none_is_dropped() {
        let inside = format!(
            "<fingerprint xmlns='{0}' hash='SHA-256' setup='actpass'> aa:0b </fingerprint><fingerprint xmlns='{0}' hash='sha-256'>xyz</fingerprint>\
             <fingerprint xmlns='{0}' hash='md5'>AA</fingerprint><fingerprint xmlns='{0}'>AA</fingerprint>",
            ns::DTLS
        );
        let expected = Fingerprint {
            hash: "sha-256".into(),
            value: "AA:0B".into(),
            setup: "actpass".into(),
        };
        assert_eq!(transport(&inside).fingerprints, [expected]);
    }

    #[test]
    fn web_sockets_and_the_sctp_port_are_read_and_lists_are_cut() {
        let inside = format!(
            "<web-socket xmlns='{0}' url='wss://jvb.example/colibri-ws/s/c/e?pwd=p'/><web-socket xmlns='{0}' url='file:///etc/passwd'/>\
             <sctpmap xmlns='{1}' number='5000' protocol='webrtc-datachannel' streams='1024'/>",
            ns::COLIBRI,
            ns::DTLS_SCTP
        );
        let read = transport(&inside);
        assert_eq!((read.web_sockets.len(), read.sctp_port), (1, Some(5000)));
        let many = "<candidate protocol='udp' ip='192.0.2.1' port='1'/>".repeat(5000);
        assert_eq!(transport(&many).candidates.len(), MAX_CANDIDATES);
    }

    #[test]
    fn credentials_cannot_smuggle_a_line() {
        let text = format!(
            "<content xmlns='{}'><transport xmlns='{}' ufrag='u&#10;a=x' pwd='{}'/></content>",
            ns::JINGLE,
            ns::ICE_UDP,
            "p".repeat(300)
        );
        let read = Transport::parse(&parse(&text).unwrap()).unwrap();
        assert_eq!((read.ufrag.as_str(), read.pwd.as_str()), ("", ""));
    }
}
