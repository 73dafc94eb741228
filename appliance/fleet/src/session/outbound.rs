//! What is published first.

use super::Session;
use super::context::encoded;
use super::publishing::Sent;
use crate::contract::{Channel, Online, OnlineReason};

impl Session {
    /// Birth first, then what happens now, then what was kept: answers, events, documents, measurements.
    pub(super) fn publish(&mut self) {
        let cx = &mut self.cx;
        if !self.born {
            self.born = true;
            let online = Online {
                online: true,
                sid: self.connection.sid(),
                fw: cx.settings.metadata.fw.clone(),
                reason: std::mem::replace(&mut self.reason, OnlineReason::Reconnect),
            };
            let birth = encoded(&cx.message(&Channel::Online, online));
            self.publishing.publish(&Channel::Online, birth, Sent::Free, cx);
        }
        while self.publishing.has_room() && self.publish_one(false) {}
        while self.publishing.may_catch_up(self.cx.now.up_ms) && self.publish_one(true) {
            self.publishing.caught_up(self.cx.now.up_ms);
        }
    }

    fn publish_one(&mut self, late: bool) -> bool {
        let (publishing, cx) = (&mut self.publishing, &mut self.cx);
        self.commands.publish(late, publishing, cx)
            || self.events.outbox.publish(late, publishing, cx)
            || self.documents.publish(late, publishing, cx)
            || self.streams.publish(late, publishing, cx)
    }
}
