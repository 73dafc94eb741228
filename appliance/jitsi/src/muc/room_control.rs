//! What a moderator asks of a room: its password, and who comes in from its lobby (XEP-0045 §10.2, §7.8.2, §8.2), as a
//! real client was recorded to ask it.

use minidom::Element;

use crate::ns;
use crate::stanza::iq_set;
use crate::xml::{Builder, element};

const OWNER: &str = "http://jabber.org/protocol/muc#owner";
const ADMIN: &str = "http://jabber.org/protocol/muc#admin";
const CONFIGURATION: &str = "http://jabber.org/protocol/muc#roomconfig";

/// Sets the room's password, or removes it.
pub fn password_form(room: &str, id: &str, password: Option<&str>) -> Element {
    let field = |var: &str, value: &str| {
        element("field", ns::DATA_FORMS)
            .attr("var", var)
            .child(element("value", ns::DATA_FORMS).text(value))
    };
    let form: Builder = element("x", ns::DATA_FORMS)
        .attr("type", "submit")
        .child(field("FORM_TYPE", CONFIGURATION))
        .child(field("muc#roomconfig_roomsecret", password.unwrap_or_default()))
        .child(field(
            "muc#roomconfig_passwordprotectedroom",
            if password.is_some() { "1" } else { "0" },
        ))
        // Left out it would hide who is who, and with it the focus.
        .child(field("muc#roomconfig_whois", "anyone"));
    iq_set(room, id, element("query", OWNER).child(form))
}

/// Lets somebody in: an invitation from the main room to their real address.
pub fn admit(room: &str, id: &str, real_jid: &str) -> Element {
    let invite = element("invite", ns::MUC_USER).attr("to", real_jid);
    element("message", ns::CLIENT)
        .attr("to", room)
        .attr("id", id)
        .child(element("x", ns::MUC_USER).child(invite))
        .build()
}

/// Turns somebody away: out of the lobby.
pub fn turn_away(lobby: &str, id: &str, nick: &str) -> Element {
    let item = element("item", ADMIN).attr("nick", nick).attr("role", "none");
    iq_set(lobby, id, element("query", ADMIN).child(item))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{parse, to_text};

    #[test]
    fn a_password_is_set_as_a_real_client_sets_it() {
        let recorded = parse(include_str!(
            "../../tests/golden/recorded/c2s-iq-set-query-muc-owner-muc.xml"
        ))
        .unwrap();
        let id = recorded.attr("id").unwrap();
        let ours = password_form("tour1@muc.meet.jitsi", id, Some("secret"));
        assert_eq!(to_text(&ours), to_text(&recorded));
        let without = to_text(&password_form("r@m", "1", None));
        assert!(without.contains("<value>0</value>"), "{without}");
    }

    #[test]
    fn somebody_is_let_in_as_a_real_client_does() {
        let recorded = parse(include_str!(
            "../../tests/golden/recorded/c2s-message-normal-x-to-muc.xml"
        ))
        .unwrap();
        let who = "d9c8c3bd-f333-48b9-a863-1eee4cc25028@meet.jitsi/yQwYaI2GtYk7";
        let ours = admit("tour1@muc.meet.jitsi", recorded.attr("id").unwrap(), who);
        assert_eq!(to_text(&ours), to_text(&recorded));
    }

    #[test]
    fn somebody_is_turned_away_out_of_the_lobby() {
        let text = to_text(&turn_away("r@lobby.m", "1", "cd34"));
        assert!(
            text.contains("to='r@lobby.m'") && text.contains("<item nick='cd34' role='none'/>"),
            "{text}"
        );
    }
}
