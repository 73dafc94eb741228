//! Where a message from the broker goes.

use super::output::Scope;
use super::{Document, Received, Session, revision, signed};
use crate::contract::{Channel, Code, TopicError, Verb};

impl Session {
    /// A message of this connection. Its PUBACK is settled here, or where it waits for the disk.
    pub(super) fn received(&mut self, received: &Received) {
        let cx = &mut self.cx;
        let all = received.topic == Channel::notice_for_all(&cx.settings.tenant);
        let channel = match Channel::parse(&received.topic) {
            _ if all => Channel::Notice,
            Ok((tenant, device, channel)) if (&tenant, &device) == (&cx.settings.tenant, &cx.settings.device) => {
                channel
            }
            Ok(_) | Err(TopicError) => {
                self.security.refused("wrong_topic", Code::NotAuthorised);
                return self.receipts.settled(received.receipt, cx);
            }
        };
        if let Channel::Command(name) = channel {
            let (receipts, security) = (&mut self.receipts, &mut self.security);
            return self
                .commands
                .received(name, received, receipts, security, &mut self.events, cx);
        }
        // A retained document that was removed: nothing signed, nothing said.
        if !received.payload.is_empty() {
            let result = match channel {
                Channel::ConfigDesired => self.configuration_received(&received.payload),
                Channel::UpdateDesired => self.release_received(&received.payload),
                Channel::Notice => self.notice_received(if all { Scope::All } else { Scope::Own }, received),
                _ => Err(Code::NotAuthorised),
            };
            if let Err(code) = result {
                self.security.refused(revision::event(code), code);
            }
        }
        self.receipts.settled(received.receipt, &mut self.cx);
    }

    fn configuration_received(&mut self, payload: &[u8]) -> Result<(), Code> {
        match signed::read(&self.verifier, payload, Verb::Configure, &self.cx.now) {
            Ok(message) => self.policy.received(message.body, &mut self.documents, &mut self.cx),
            Err(signed::Unsigned::Forged(code)) => Err(code),
            Err(signed::Unsigned::Unreadable(refusal, rev)) => self.policy.unreadable(&refusal, rev, &mut self.cx),
        }
    }

    fn release_received(&mut self, payload: &[u8]) -> Result<(), Code> {
        let update =
            signed::read(&self.verifier, payload, Verb::Update, &self.cx.now).map_err(signed::Unsigned::code)?;
        if self.release.received(update.body, &mut self.cx)? {
            self.documents.again(Document::UpdateReported);
        }
        Ok(())
    }

    fn notice_received(&mut self, scope: Scope, received: &Received) -> Result<(), Code> {
        let verb = match scope {
            Scope::Own => Verb::Notice,
            Scope::All => Verb::NoticeAll,
        };
        let message = signed::read(&self.verifier, &received.payload, verb, &self.cx.now);
        let message = message.map_err(signed::Unsigned::code)?;
        if let Some(spread) = self.notices.received(scope, message, received.expiry, &mut self.cx)? {
            self.connection.spread(spread, &mut self.cx);
        }
        Ok(())
    }
}
