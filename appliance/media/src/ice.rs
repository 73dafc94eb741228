//! Settings of webrtcbin's ICE agent: what it gathers, and through which servers.

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use media_protocol::{IceServer, SessionOffer};

use crate::tunnel::Tunnels;

/// Most STUN and TURN servers used; each costs gathering time.
const MAX_SERVERS: usize = 4;

/// Sets the agent up for `offer`. Right after webrtcbin was made. What is given back lives as long as the session.
///
/// # Errors
/// When a tunnel to a TURN server cannot be opened on this machine.
pub fn configure(webrtcbin: &gst::Element, offer: &SessionOffer) -> std::io::Result<Tunnels> {
    let ice = webrtcbin.property::<glib::Object>("ice-agent");
    if let Some(agent) = ice.property::<Option<glib::Object>>("agent") {
        // UPnP opens HTTP ports of its own; TCP doubles the candidates (specs/media-engine.md §3.6).
        agent.set_property("upnp", false);
        agent.set_property("ice-tcp", false);
    }
    let candidates = &offer.remote.candidates;
    if !candidates.is_empty() && candidates.iter().all(|candidate| candidate.address.is_loopback()) {
        // Without another interface libnice gathers nothing at all, since it leaves the loopback out.
        for address in ["127.0.0.1", "::1"] {
            let same_family = |is_v6: bool| candidates.iter().any(|candidate| candidate.address.is_ipv6() == is_v6);
            if same_family(address.contains(':')) {
                ice.emit_by_name::<bool>("add-local-ip-address", &[&address]);
            }
        }
    }
    let servers: Vec<IceServer> = offer.ice_servers.iter().take(MAX_SERVERS).cloned().collect();
    let (tunnels, servers) = Tunnels::open(servers, &offer.network)?;
    for server in &servers {
        add_server(webrtcbin, server);
    }
    Ok(tunnels)
}

fn add_server(webrtcbin: &gst::Element, server: &IceServer) {
    match gstreamer_uri(server) {
        Some(uri) if uri.starts_with("stun") => webrtcbin.set_property("stun-server", uri),
        Some(uri) => {
            if !webrtcbin.emit_by_name::<bool>("add-turn-server", &[&uri]) {
                tracing::warn!(server = server.uri, "webrtcbin refuses the TURN server");
            }
        }
        None => tracing::warn!(server = server.uri, "not a STUN or TURN server"),
    }
}

/// RFC 7064/7065 URIs (`turn:host:port?transport=udp`) as webrtcbin wants them (`turn://user:password@host:port?...`).
fn gstreamer_uri(server: &IceServer) -> Option<String> {
    let (scheme, rest) = server.uri.split_once(':')?;
    let clean = |text: &str| {
        text.len() <= 512
            && text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"@/\\\"<>".contains(&byte))
    };
    if rest.is_empty() || !clean(rest) {
        return None;
    }
    match scheme {
        "stun" => Some(format!("stun://{}", with_port(rest, 3478))),
        "turn" | "turns" => {
            let user = percent(server.username.as_deref()?);
            let credential = percent(server.credential.as_deref()?);
            let port = if scheme == "turn" { 3478 } else { 5349 };
            Some(format!("{scheme}://{user}:{credential}@{}", with_port(rest, port)))
        }
        _ => None,
    }
}

fn with_port(rest: &str, port: u16) -> String {
    let (host, query) = rest
        .split_once('?')
        .map_or((rest, None), |(host, query)| (host, Some(query)));
    let after_address = host.rsplit(']').next().unwrap_or(host);
    let host = if after_address.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:{port}")
    };
    query.map_or(host.clone(), |query| format!("{host}?{query}"))
}

fn percent(text: &str) -> String {
    let encode = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(uri: &str) -> IceServer {
        IceServer {
            uri: uri.into(),
            username: Some("17:box".into()),
            credential: Some("p@ss/".into()),
        }
    }

    #[test]
    fn servers_are_written_as_webrtcbin_reads_them() {
        let cases = [
            ("stun:stun.example.org", Some("stun://stun.example.org:3478")),
            ("stun:[2001:db8::1]:3479", Some("stun://[2001:db8::1]:3479")),
            (
                "turn:turn.example.org:443?transport=tcp",
                Some("turn://17%3Abox:p%40ss%2F@turn.example.org:443?transport=tcp"),
            ),
            (
                "turns:turn.example.org",
                Some("turns://17%3Abox:p%40ss%2F@turn.example.org:5349"),
            ),
            ("turn:evil@host", None),
            ("http:example.org", None),
            ("stun:", None),
        ];
        for (uri, expected) in cases {
            assert_eq!(gstreamer_uri(&server(uri)).as_deref(), expected, "{uri}");
        }
    }
}
