//! What the broker says, as the engine hears it.

use fleet::contract::{
    Channel, Clock, DeviceId, Event, EventClass, Message, Metadata, OfflineReason, Presence, UncheckedDocument, Update,
    UpdateReport, max_signed_bytes,
};
use jiff::Timestamp;

use super::Conductor;
use crate::rollout::{Input, Trouble};

/// Outcomes of `evt/call` that are nobody's fault at the box: people went, or were not let in.
const ORDINARY: [&str; 16] = [
    "left",
    "meeting-ended",
    "nobody-left",
    "kicked",
    "banned",
    "wrong-url",
    "token-refused",
    "token-expired",
    "token-for-another-room",
    "login-required",
    "creation-restricted",
    "not-opened",
    "password-required",
    "password-wrong",
    "lobby-denied",
    "not-admitted",
];

impl Conductor {
    /// What cannot be read says nothing.
    pub(super) fn listen(&mut self, topic: &str, payload: &[u8]) {
        let Ok((tenant, device, channel)) = Channel::parse(topic) else {
            return;
        };
        if tenant != self.record.tenant {
            return;
        }
        let most = channel.rules().max_bytes;
        let input = match channel {
            Channel::Online => Presence::parse(payload, most)
                .ok()
                .and_then(|presence| self.presence(device, &presence)),
            Channel::Meta => Message::<Metadata>::parse(payload, most)
                .ok()
                .map(|meta| Input::Running {
                    device,
                    release: meta.body.fw,
                }),
            Channel::UpdateDesired => revision(payload, most).map(|rev| Input::Desired { device, rev }),
            Channel::UpdateReported => Message::<UpdateReport>::parse(payload, most).ok().map(|report| {
                self.answers.insert(device.clone(), report.body.rev);
                Input::Report {
                    device,
                    report: report.body,
                }
            }),
            Channel::Event(class) => {
                let event = Message::<Event>::parse(payload, most).ok();
                event.and_then(|event| {
                    let trouble = trouble(class, &event.body)?;
                    let at = match event.envelope.clk {
                        Clock::Sync => event.envelope.ts,
                        // Who does not know the time cannot say whether it was before the update.
                        _ if event.body.late => return None,
                        _ => Timestamp::now(),
                    };
                    Some(Input::Trouble { device, trouble, at })
                })
            }
            _ => None,
        };
        if let Some(input) = input {
            self.hear(input);
        }
    }

    fn presence(&mut self, device: DeviceId, presence: &Presence) -> Option<Input> {
        let last = self.connections.entry(device.clone()).or_default();
        if presence.sid() < *last {
            return None;
        }
        *last = presence.sid();
        Some(Input::Presence {
            online: matches!(presence, Presence::Online(_)),
            clean: matches!(presence, Presence::Offline(gone) if gone.reason == OfflineReason::Standby),
            device,
        })
    }
}

fn revision(payload: &[u8], most: usize) -> Option<u64> {
    let document = UncheckedDocument::read(payload, max_signed_bytes(most)).ok()?;
    Some(Message::<Update>::parse(document.unchecked(), most).ok()?.body.rev)
}

/// What an event says of the release.
fn trouble(class: EventClass, event: &Event) -> Option<Trouble> {
    match class {
        EventClass::Crash => Some(Trouble::Crash),
        EventClass::Call if event.event == "ended" => {
            let outcome = event.detail.get("outcome")?.as_str()?;
            (!ORDINARY.contains(&outcome)).then_some(Trouble::FailedCall)
        }
        _ => None,
    }
}
