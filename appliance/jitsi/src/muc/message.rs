//! Messages of the room that change something for the box.

use minidom::Element;

use crate::{jid, ns};

use super::JsonMessage;

/// Longest password taken from an invitation, in bytes (RFC 7622 §4.2.2).
const MAX_PASSWORD: usize = 1023;

/// A message of the room.
#[derive(Clone, PartialEq)]
pub enum RoomMessage {
    /// Status 104: the room's settings changed (a password was set, the lobby switched ...): ask for its disco#info again.
    ConfigurationChanged,
    /// JSON from a component or an occupant.
    Json {
        /// Full JID of the sender.
        from: String,
        /// What it says.
        message: Box<JsonMessage>,
    },
    /// The room lets us in from its lobby (mediated invitation, XEP-0045 §7.8.2).
    Admitted {
        /// The room's password, where it has one.
        password: Option<String>,
    },
    /// Chat and everything else.
    Other,
}

impl std::fmt::Debug for RoomMessage {
    /// Without what is in it: a password, or people's words.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ConfigurationChanged => "ConfigurationChanged",
            Self::Json { .. } => "Json",
            Self::Admitted { .. } => "Admitted",
            Self::Other => "Other",
        })
    }
}

/// Reads a message; `room` is the room's bare JID.
pub fn room_message(message: &Element, room: &str) -> RoomMessage {
    let from = message.attr("from").unwrap_or_default();
    if message.attr("type") == Some("error") {
        return RoomMessage::Other;
    }
    if let Some(json) = JsonMessage::parse(message) {
        return RoomMessage::Json {
            from: from.to_owned(),
            message: Box::new(json),
        };
    }
    let from_room = jid::bare(from).eq_ignore_ascii_case(room) && jid::resource(from).is_none();
    let changed = message.get_child("x", ns::MUC_USER).is_some_and(|x| {
        let mut statuses = x.children().filter(|child| child.is("status", ns::MUC_USER));
        statuses.any(|status| status.attr("code") == Some("104"))
    });
    let invitation = message
        .get_child("x", ns::MUC_USER)
        .filter(|x| x.has_child("invite", ns::MUC_USER));
    match invitation {
        Some(x) if from_room => RoomMessage::Admitted { password: password(x) },
        _ if from_room && changed => RoomMessage::ConfigurationChanged,
        _ => RoomMessage::Other,
    }
}

/// The password of an invitation.
fn password(x: &Element) -> Option<String> {
    let password = x.get_child("password", ns::MUC_USER)?.text();
    (!password.is_empty() && password.len() <= MAX_PASSWORD).then_some(password)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse;

    #[test]
    fn only_the_room_itself_tells_that_its_settings_changed() {
        let text = |from: &str| {
            format!(
                "<message xmlns='jabber:client' from='{from}' type='groupchat'><x xmlns='{}'><status code='104'/></x></message>",
                ns::MUC_USER
            )
        };
        let read = |from: &str| room_message(&parse(&text(from)).unwrap(), "r@m");
        assert_eq!(read("r@m"), RoomMessage::ConfigurationChanged);
        assert_eq!(read("r@m/cd34"), RoomMessage::Other);
        assert_eq!(read("other@m"), RoomMessage::Other);
    }

    #[test]
    fn only_the_room_itself_lets_in_and_may_give_its_password() {
        let read = |from: &str, beside: &str| {
            let text = format!(
                "<message xmlns='jabber:client' from='{from}'><x xmlns='{}'><invite from='r@m/cd34'/>{beside}</x></message>",
                ns::MUC_USER
            );
            room_message(&parse(&text).unwrap(), "r@m")
        };
        assert_eq!(read("r@m", ""), RoomMessage::Admitted { password: None });
        let password = "<password>sesame</password>";
        let with = read("r@m", password);
        assert_eq!(
            with,
            RoomMessage::Admitted {
                password: Some("sesame".into())
            }
        );
        assert!(!format!("{with:?}").contains("sesame"));
        assert_eq!(read("r@m", "<password/>"), RoomMessage::Admitted { password: None });
        for stranger in ["r@m/cd34", "x@m", "cd34@meet.example/x", ""] {
            assert_eq!(read(stranger, password), RoomMessage::Other, "{stranger}");
        }
    }

    #[test]
    fn json_keeps_its_sender_for_the_check_of_trust() {
        let text = "<message xmlns='jabber:client' from='metadata.meet.example'><json-message xmlns='http://jitsi.org/jitmeet'>{\"type\":\"x\"}</json-message></message>";
        let read = room_message(&parse(text).unwrap(), "r@m");
        assert!(matches!(read, RoomMessage::Json { from, .. } if from == "metadata.meet.example"));
    }
}
