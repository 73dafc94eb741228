//! The mapping of `mod_muc_domain_mapper`: a client of tenant T says `room@conference.T.DOMAIN`, the server
//! `[T]room@conference.DOMAIN`.

/// From the client to the server.
pub fn inward(text: &str, tenant: &str, domain: &str) -> String {
    let host = format!("@conference.{tenant}.{domain}");
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(&host) {
        let start = rest[..at].rfind(['\'', '"', '>', ';', ' ']).map_or(0, |i| i + 1);
        out.push_str(&rest[..start]);
        out.push_str(&format!("[{tenant}]{}@conference.{domain}", &rest[start..at]));
        rest = &rest[at + host.len()..];
    }
    out.push_str(rest);
    out
}

/// From the server to the client.
pub fn outward(text: &str, tenant: &str, domain: &str) -> String {
    let mark = format!("[{tenant}]");
    let host = format!("@conference.{domain}");
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(&mark) {
        out.push_str(&rest[..at]);
        rest = &rest[at + mark.len()..];
        match rest.find(&host) {
            Some(end) if !rest[..end].contains(['\'', '"', '<', '>']) => {
                out.push_str(&format!("{}@conference.{tenant}.{domain}", &rest[..end]));
                rest = &rest[end + host.len()..];
            }
            _ => out.push_str(&mark),
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        let client = "<presence to='salle@conference.state.meet.local/ab'/>";
        let server = "<presence to='[state]salle@conference.meet.local/ab'/>";
        assert_eq!(inward(client, "state", "meet.local"), server);
        assert_eq!(outward(server, "state", "meet.local"), client);
        assert_eq!(
            outward("<a>[state] of things</a>", "state", "meet.local"),
            "<a>[state] of things</a>"
        );
    }
}
