//! Messages of the room that change something for the box.

use minidom::Element;

use crate::{jid, ns};

use super::JsonMessage;

/// A message of the room.
#[derive(Debug, Clone, PartialEq)]
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
    /// Chat and everything else.
    Other,
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
    if from_room && changed {
        RoomMessage::ConfigurationChanged
    } else {
        RoomMessage::Other
    }
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
    fn json_keeps_its_sender_for_the_check_of_trust() {
        let text = "<message xmlns='jabber:client' from='metadata.meet.example'><json-message xmlns='http://jitsi.org/jitmeet'>{\"type\":\"x\"}</json-message></message>";
        let read = room_message(&parse(text).unwrap(), "r@m");
        assert!(matches!(read, RoomMessage::Json { from, .. } if from == "metadata.meet.example"));
    }
}
