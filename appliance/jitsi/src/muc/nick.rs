//! Which nick, that is which endpoint id, the box takes.

use rand::{Rng, RngExt};

use crate::jid;

/// The first eight characters of the JID's node if they are lower-case hexadecimal (the server may demand exactly them),
/// else eight random ones (`specs/jitsi-client.md §3`).
pub fn nick(own_jid: &str, chance: &mut impl Rng) -> String {
    let node = jid::node(own_jid).and_then(|node| node.get(..8));
    let is_hex = |text: &&str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match node.filter(is_hex) {
        Some(node) => node.to_owned(),
        None => format!("{:08x}", chance.random::<u32>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn the_server_given_uuid_names_the_endpoint() {
        let mut chance = rand::rngs::StdRng::seed_from_u64(1);
        assert_eq!(
            nick("ab12cd34-0000-4000-8000-000000000000@meet.example/x", &mut chance),
            "ab12cd34"
        );
    }

    #[test]
    fn any_other_node_gets_eight_random_hexadecimal_digits() {
        let mut chance = rand::rngs::StdRng::seed_from_u64(1);
        for jid in [
            "salle@meet.example/x",
            "AB12CD34@x",
            "ab1@x",
            "meet.example/x",
            "éééééééé@x",
            "",
        ] {
            let nick = nick(jid, &mut chance);
            assert!(
                nick.len() == 8 && nick.bytes().all(|byte| byte.is_ascii_hexdigit()),
                "{nick}"
            );
        }
        assert_ne!(nick("x", &mut chance), nick("x", &mut chance));
    }
}
