//! Chat of a room: what others write, and how we write (`specs/jitsi-client.md §7`). Reactions and retractions have no
//! body and are no messages.

use minidom::Element;

use crate::xml::element;
use crate::{jid, ns};

use super::clean_text;

/// Longest text read or sent, in characters.
const MAX_TEXT: usize = 1000;
const REPLY: &str = "urn:xmpp:reply:0";

/// A message that somebody in the room has written.
#[derive(Clone, PartialEq, Eq)]
pub struct Chat {
    /// Endpoint id.
    pub from: String,
    /// To us alone.
    pub private: bool,
    /// It answers another message (XEP-0461).
    pub reply: bool,
    /// Cleaned, at most 1,000 characters, not empty.
    pub text: String,
}

impl std::fmt::Debug for Chat {
    /// Without the text.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chat")
            .field("private", &self.private)
            .finish_non_exhaustive()
    }
}

impl Chat {
    /// Reads a message; `room` is the room's bare JID. None: history, of the room itself, of somebody outside, or without
    /// text.
    pub fn parse(message: &Element, room: &str) -> Option<Self> {
        let from = message.attr("from")?;
        let nick = jid::resource(from).filter(|nick| nick.len() <= 64)?;
        let private = match message.attr("type") {
            Some("groupchat") => false,
            Some("chat") => true,
            _ => return None,
        };
        if !jid::bare(from).eq_ignore_ascii_case(room) || message.has_child("delay", ns::DELAY) {
            return None;
        }
        let text = clean_text(&message.get_child("body", ns::CLIENT)?.text(), MAX_TEXT);
        (!text.is_empty()).then(|| Self {
            from: nick.to_owned(),
            private,
            reply: message.has_child("reply", REPLY),
            text,
        })
    }
}

/// What we write: to everybody in the room, or to the occupant `to`.
pub fn chat_message(room: &str, to: Option<&str>, text: &str, id: &str) -> Element {
    let text: String = text.chars().take(MAX_TEXT).collect();
    let (address, kind) = match to {
        Some(nick) => (format!("{room}/{nick}"), "chat"),
        None => (room.to_owned(), "groupchat"),
    };
    element("message", ns::CLIENT)
        .attr("to", address)
        .attr("type", kind)
        .attr("id", id)
        .child(element("body", ns::CLIENT).text(text.trim()))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{parse, to_text};

    fn read(attributes: &str, inside: &str) -> Option<Chat> {
        let text = format!("<message xmlns='jabber:client' {attributes}>{inside}</message>");
        Chat::parse(&parse(&text).unwrap(), "r@m")
    }

    #[test]
    fn the_recorded_message_is_read() {
        let recorded = include_str!("../../tests/golden/recorded/s2c-message-groupchat-body-from-muc.xml");
        let chat = Chat::parse(&parse(recorded).unwrap(), "tour1@muc.meet.jitsi").unwrap();
        assert_eq!((chat.from.as_str(), chat.text.as_str()), ("2c4b13cf", "hello"));
        assert!(!chat.private && !chat.reply && !format!("{chat:?}").contains("hello"));
    }

    #[test]
    fn private_messages_replies_and_everything_else_are_told_apart() {
        let body = "<body>oui\u{202e}\u{200b}</body>";
        let private = read("type='chat' from='r@m/cd34'", body).unwrap();
        assert!(private.private && private.text == "oui");
        let reply = format!("{body}<reply xmlns='urn:xmpp:reply:0' id='1'/>");
        assert!(read("type='groupchat' from='r@m/cd34'", &reply).unwrap().reply);
        let history = format!("{body}<delay xmlns='urn:xmpp:delay' stamp='x'/>");
        for (attributes, inside) in [
            ("type='groupchat' from='r@m'", body),
            ("type='groupchat' from='other@m/cd34'", body),
            ("type='error' from='r@m/cd34'", body),
            ("from='r@m/cd34'", body),
            ("type='groupchat' from='r@m/cd34'", history.as_str()),
            ("type='groupchat' from='r@m/cd34'", "<body> \u{200b}</body>"),
            (
                "type='groupchat' from='r@m/cd34'",
                "<reactions xmlns='urn:xmpp:reactions:0' id='1'><reaction>x</reaction></reactions>",
            ),
        ] {
            assert_eq!(read(attributes, inside), None, "{attributes} {inside}");
        }
        let long = format!("<body>{}</body>", "x".repeat(5000));
        assert_eq!(
            read("type='groupchat' from='r@m/cd34'", &long).unwrap().text.len(),
            1000
        );
    }

    #[test]
    fn what_we_write_is_for_all_or_for_one() {
        assert_eq!(
            to_text(&chat_message("r@m", None, " a < b ", "1")),
            "<message xmlns='jabber:client' id='1' to='r@m' type='groupchat'><body>a &lt; b</body></message>"
        );
        let one = to_text(&chat_message("r@m", Some("cd34"), "x", "1"));
        assert!(one.contains("to='r@m/cd34' type='chat'"), "{one}");
    }
}
