//! STUN and TURN servers from external service discovery (XEP-0215, both versions) and from the room metadata, which
//! writes its numbers as strings (`specs/jitsi-client.md §1`).

use media_protocol::IceServer;
use minidom::Element;
use serde_json::Value;

use crate::stanza::iq_get;
use crate::{ns, xml};

/// Most servers taken of one list.
const MAX_SERVERS: usize = 16;
/// Longest host name (RFC 1035 §2.3.4).
const MAX_HOST: usize = 253;
/// Longest credential.
const MAX_CREDENTIAL: usize = 1024;

/// Asks `to` for its external services. `older` asks with version 1 of XEP-0215.
pub fn services_query(to: &str, id: &str, older: bool) -> Element {
    iq_get(
        to,
        id,
        xml::element("services", if older { ns::EXTDISCO_1 } else { ns::EXTDISCO_2 }),
    )
}

/// The STUN and TURN servers of a `<services/>` element; other kinds of service are passed over.
pub fn ice_servers(services: &Element) -> Vec<IceServer> {
    if services.name() != "services" || !(services.has_ns(ns::EXTDISCO_2) || services.has_ns(ns::EXTDISCO_1)) {
        return Vec::new();
    }
    let services = services.children().filter(|child| child.name() == "service");
    services
        .filter_map(|service| server(|name| service.attr(name).map(str::to_owned)))
        .take(MAX_SERVERS)
        .collect()
}

/// The STUN and TURN servers of the `services` array of the room metadata; anything that is not such an array gives
/// none.
pub fn ice_servers_from_json(services: &Value) -> Vec<IceServer> {
    let field = |service: &Value, name: &str| match service.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let services = services.as_array().map(Vec::as_slice).unwrap_or_default();
    services
        .iter()
        .filter_map(|service| server(|name| field(service, name)))
        .take(MAX_SERVERS)
        .collect()
}

fn server(field: impl Fn(&str) -> Option<String>) -> Option<IceServer> {
    let kind = field("type")?;
    let host = field("host").filter(|host| is_host(host))?;
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let port = match field("port").filter(|port| !port.is_empty()) {
        Some(port) => format!(":{}", port.parse::<u16>().ok().filter(|port| *port != 0)?),
        None => String::new(),
    };
    let credential = |name| field(name).filter(|value| !value.is_empty() && value.len() <= MAX_CREDENTIAL);
    match kind.as_str() {
        "stun" | "stuns" => Some(IceServer {
            uri: format!("{kind}:{host}{port}"),
            username: None,
            credential: None,
        }),
        "turn" | "turns" => {
            let transport = match field("transport").as_deref() {
                Some("tcp") => "?transport=tcp",
                Some("udp") => "?transport=udp",
                Some(other) if !other.is_empty() => return None,
                _ => "",
            };
            let uri = format!("{kind}:{host}{port}{transport}");
            Some(IceServer {
                uri,
                username: credential("username"),
                credential: credential("password"),
            })
        }
        _ => None,
    }
}

/// Letters, digits and the separators of names and addresses: nothing that could turn one URI into another.
fn is_host(host: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    match host.len() {
        1..=MAX_HOST if host.contains(':') => host.parse::<std::net::Ipv6Addr>().is_ok(),
        1..=MAX_HOST => host.bytes().all(allowed),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_is_read_where_the_type_library_fails() {
        for namespace in [ns::EXTDISCO_2, ns::EXTDISCO_1] {
            let text = format!(
                "<services xmlns='{namespace}'>\
                 <service type='turns' transport='tcp' host='turn.example' port='443' username='u' password='p'/>\
                 <service type='turn' transport='udp' host='2001:db8::1' port='3478'/>\
                 <service type='stun' host='stun.example'/><service type='ftp' host='x'/><service type='turn' host='a b'/>\
                 <service type='turn' host='c' port='70000'/></services>"
            );
            let servers = ice_servers(&xml::parse(&text).unwrap());
            let uris: Vec<_> = servers.iter().map(|server| server.uri.as_str()).collect();
            assert_eq!(
                uris,
                [
                    "turns:turn.example:443?transport=tcp",
                    "turn:[2001:db8::1]:3478?transport=udp",
                    "stun:stun.example"
                ]
            );
            assert_eq!(
                (servers[0].username.as_deref(), servers[0].credential.as_deref()),
                (Some("u"), Some("p"))
            );
        }
    }

    #[test]
    fn metadata_writes_the_port_as_a_string() {
        let services = serde_json::json!([
            {"type": "turns", "transport": "tcp", "host": "turn.example", "port": "443", "username": "u",
             "password": "p", "expires": "1700000000", "restricted": "true"},
            {"type": "turn", "host": "turn.example", "port": 3478},
            {"type": "turn", "host": "turn.example", "port": "none"},
            {"type": 1}, "x", null
        ]);
        let uris: Vec<_> = ice_servers_from_json(&services)
            .into_iter()
            .map(|server| server.uri)
            .collect();
        assert_eq!(uris, ["turns:turn.example:443?transport=tcp", "turn:turn.example:3478"]);
        assert!(ice_servers_from_json(&serde_json::json!({"type": "turn"})).is_empty());
    }

    #[test]
    fn a_list_without_end_is_cut() {
        let many = format!(
            "<services xmlns='{}'>{}</services>",
            ns::EXTDISCO_2,
            "<service type='stun' host='a'/>".repeat(500)
        );
        assert_eq!(ice_servers(&xml::parse(&many).unwrap()).len(), MAX_SERVERS);
    }
}
