//! The parts of a JID (RFC 7622 §3) as they stand on the wire. The server has normalised them; nothing is rewritten here.

/// `node@domain` of a full JID.
pub fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

/// The resource of a full JID, if it has one. In a MUC that is the occupant's nick, Jitsi's endpoint id.
pub fn resource(jid: &str) -> Option<&str> {
    jid.split_once('/')
        .map(|(_, resource)| resource)
        .filter(|resource| !resource.is_empty())
}

/// The node, if the JID has one.
pub fn node(jid: &str) -> Option<&str> {
    bare(jid).split_once('@').map(|(node, _)| node)
}

/// The domain.
pub fn domain(jid: &str) -> &str {
    let bare = bare(jid);
    bare.split_once('@').map_or(bare, |(_, domain)| domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jid_is_cut_at_its_first_slash_and_first_at() {
        let jid = "ab12@meet.example/a/b@c";
        assert_eq!(
            (bare(jid), resource(jid), node(jid), domain(jid)),
            ("ab12@meet.example", Some("a/b@c"), Some("ab12"), "meet.example")
        );
        assert_eq!(
            (
                bare("meet.example"),
                resource("meet.example/"),
                node("meet.example/x@y"),
                domain("meet.example/x")
            ),
            ("meet.example", None, None, "meet.example")
        );
    }
}
