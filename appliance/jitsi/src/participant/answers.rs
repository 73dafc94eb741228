//! What our own IQs are answered, or that they are not.

use std::time::{Duration, Instant};

use minidom::Element;
use room::conference::ConferenceEvent;

use super::context::Context;
use super::meeting::{Meeting, Purpose};
use crate::discovery::{ServerInfo, services_query};

/// For the answer to an IQ.
pub(super) const ANSWER: Duration = Duration::from_secs(15);

impl Meeting {
    /// When the next answer is late; never while no answer can come.
    pub fn next_answer(&self) -> Option<Instant> {
        let deadlines = self.pending.values().map(|(_, deadline)| *deadline);
        deadlines.min().filter(|_| !self.suspended())
    }

    pub fn tick_pending(&mut self, cx: &mut Context) {
        if self.suspended() {
            return;
        }
        let late: Vec<String> = self
            .pending
            .iter()
            .filter(|(_, (_, deadline))| *deadline <= cx.now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in late {
            if let Some((purpose, _)) = self.pending.remove(&id) {
                self.answered(purpose, None, cx);
            }
        }
    }

    /// One of our IQs was answered, or (none) not in time.
    pub fn answered(&mut self, purpose: Purpose, answer: Option<&Element>, cx: &mut Context) {
        let refused = answer.is_none_or(|answer| answer.attr("type") != Some("result"));
        match purpose {
            Purpose::Features => self.announce(answer.and_then(ServerInfo::parse_iq).as_ref(), cx),
            Purpose::Relays { older } => self.relays(answer, older, cx),
            Purpose::Password { protected } => cx.event(ConferenceEvent::PasswordSet {
                protected: (!refused).then_some(protected),
            }),
            Purpose::Room => self.room_info(answer, cx),
            Purpose::Unmute(device) => self.unmute_answered(device, answer, cx),
            Purpose::Conference => self.conference_reply(answer, cx),
            Purpose::Accept if refused => self.accept_refused(answer, cx),
            Purpose::Sources if refused => self.source_change_refused(answer, cx),
            Purpose::Sources => self.source_change_taken(cx),
            Purpose::Accept => self.sources_settled(cx),
            Purpose::Restart if refused => self.restart_refused(answer, cx),
            Purpose::Restart | Purpose::Nothing => {}
        }
    }

    fn relays(&mut self, answer: Option<&Element>, older: bool, cx: &mut Context) {
        let services = answer.and_then(|iq| iq.children().find(|child| child.name() == "services"));
        match services {
            Some(services) => self.add_relays(crate::discovery::ice_servers(services)),
            None if !older && answer.is_some() => {
                let Some(domain) = answer.and_then(|answer| answer.attr("from")).map(str::to_owned) else {
                    return;
                };
                let id = cx.iq_id();
                self.send(&services_query(&domain, &id, true));
                self.expect(id, Purpose::Relays { older: true }, ANSWER, cx);
            }
            None => {}
        }
    }

    /// Keeps the relays a bridge is reached through: TCP only, as lib-jitsi-meet does; UDP reaches the bridge itself.
    pub fn add_relays(&mut self, servers: Vec<media_protocol::IceServer>) {
        for server in servers {
            let relay = server.uri.starts_with("turn") && server.uri.ends_with("?transport=tcp");
            if relay && self.ice_servers.len() < 8 && !self.ice_servers.iter().any(|known| known.uri == server.uri) {
                self.ice_servers.push(server);
            }
        }
    }
}
