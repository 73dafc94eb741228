//! Hands, names and messages: ours and those of others (`specs/jitsi-client.md §7`).

use minidom::Element;
use room::conference::{ChatMessage, ConferenceEvent, ParticipantId};

use super::context::Context;
use super::meeting::Meeting;
use crate::muc::{Chat, MAX_NAME, chat_message};

/// Messages of others that are passed on within a second.
const MESSAGES: u32 = 10;

impl Meeting {
    /// Our hand goes up or down.
    pub fn raise_hand(&mut self, up: bool, cx: &Context) {
        let at = cx.epoch_ms();
        if let Some(own) = self.membership.own_mut() {
            // Web clients keep the last hand they were told of: a presence without one does not lower it.
            own.raised_hand = if up { Some(at) } else { own.raised_hand.map(|_| 0) };
            let update = own.update();
            if self.joined() {
                self.send(&update);
            }
        }
    }

    /// We appear under another name.
    pub fn set_name(&mut self, name: &str) {
        let name: String = name.chars().take(MAX_NAME).collect();
        self.request.name.clone_from(&name);
        if let Some(own) = self.membership.own_mut() {
            own.name = name;
            let update = own.update();
            if self.joined() {
                self.send(&update);
            }
        }
    }

    /// We write something. To somebody who has left it is said to nobody.
    pub fn say_in_room(&mut self, to: Option<&ParticipantId>, text: &str, cx: &mut Context) {
        let nick = to.map(|to| to.0.as_str());
        if !self.joined() || text.trim().is_empty() || nick.is_some_and(|nick| !self.membership.is_here(nick)) {
            return;
        }
        let id = cx.iq_id();
        let message = chat_message(self.membership.room(), nick, text, &id);
        self.send(&message);
    }

    /// Somebody has written something; our own words come back and are passed over, and so is a flood.
    pub fn chat(&mut self, message: &Element, cx: &mut Context) {
        if !self.joined() {
            return;
        }
        let Some(chat) = Chat::parse(message, self.membership.room()) else {
            return;
        };
        if chat.from == self.membership.me().0 || !self.messages.count(cx.now, MESSAGES) {
            return;
        }
        cx.event(ConferenceEvent::Message(ChatMessage {
            name: self.membership.name_of(&chat.from),
            from: ParticipantId(chat.from),
            private: chat.private,
            reply: chat.reply,
            text: chat.text,
        }));
    }
}
