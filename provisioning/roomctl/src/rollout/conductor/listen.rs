//! What the broker says, as the engine hears it.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use fleet::contract::{
    Channel, Clock, DeviceId, Event, EventClass, Message, Metadata, OfflineReason, Presence, SignatureError, Site,
    Tenant, UncheckedDocument, Update, UpdateReport, Verb,
};
use fleet::trust::{Anchors, TrustedDocuments};
use jiff::Timestamp;

use crate::rollout::{Input, Trouble};

/// Stands for the site of a box that nobody has configured.
const SOMEWHERE: &str = "somewhere";
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

/// Hears for the engine.
pub struct Listener {
    tenant: Tenant,
    /// Whose signatures boxes believe; none: nobody's.
    anchors: Option<Anchors>,
    /// Revision that each box has answered.
    answers: BTreeMap<DeviceId, u64>,
    /// Last connection of each box: the late will of an older one takes nobody away.
    connections: BTreeMap<DeviceId, u64>,
}

impl Listener {
    /// Of this organisation's boxes.
    pub const fn new(tenant: Tenant) -> Self {
        Self {
            tenant,
            anchors: None,
            answers: BTreeMap::new(),
            connections: BTreeMap::new(),
        }
    }

    /// Documents that were signed under these roots count.
    pub fn believe(&mut self, anchors: Anchors) {
        self.anchors = Some(anchors);
    }

    /// The revision that this box has answered last, or 0.
    pub fn answer(&self, device: &DeviceId) -> u64 {
        self.answers.get(device).copied().unwrap_or(0)
    }

    /// These are no boxes of the fleet any more.
    pub fn forget(&mut self, gone: impl Fn(&DeviceId) -> bool) {
        self.answers.retain(|device, _| !gone(device));
        self.connections.retain(|device, _| !gone(device));
    }

    /// What cannot be read says nothing. `site`: where a box stands; none: it is none of the rollout.
    pub fn hear<'a>(
        &mut self,
        site: impl FnOnce(&DeviceId) -> Option<&'a str>,
        topic: &str,
        payload: &[u8],
    ) -> Option<Input> {
        let (tenant, device, channel) = Channel::parse(topic).ok()?;
        if tenant != self.tenant {
            return None;
        }
        let site = site(&device)?;
        let most = channel.rules().max_bytes;
        match channel {
            Channel::Online => self.presence(device, &Presence::parse(payload, most).ok()?),
            Channel::Meta => {
                let release = Message::<Metadata>::parse(payload, most).ok()?.body.fw;
                Some(Input::Running { device, release })
            }
            Channel::UpdateDesired => {
                let rev = self.revision(&device, site, payload)?;
                Some(Input::Desired { device, rev })
            }
            Channel::UpdateReported => {
                let report = Message::<UpdateReport>::parse(payload, most).ok()?.body;
                self.answers.insert(device.clone(), report.rev);
                Some(Input::Report { device, report })
            }
            Channel::Event(class) => {
                let event = Message::<Event>::parse(payload, most).ok()?;
                let trouble = trouble(class, &event.body)?;
                let at = match event.envelope.clk {
                    Clock::Sync => event.envelope.ts,
                    // Who does not know the time cannot say whether it was before the update.
                    _ if event.body.late => return None,
                    _ => Timestamp::now(),
                };
                Some(Input::Trouble { device, trouble, at })
            }
            _ => None,
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

    /// Of a document that the box would take, whatever the time. Anybody may write a revision beyond which there is none: what
    /// nobody has signed must not lift ours.
    fn revision(&self, device: &DeviceId, site: &str, payload: &[u8]) -> Option<u64> {
        let place = Site::try_from(site).ok();
        let trusted = TrustedDocuments {
            anchors: self.anchors.clone()?,
            tenant: self.tenant.clone(),
            device: device.clone(),
            site: place.clone().or_else(|| Site::try_from(SOMEWHERE).ok())?,
        };
        match trusted.check(payload, Verb::Update, None) {
            Ok(_) => {}
            // Where it stands only the box knows; the signature holds.
            Err(SignatureError::OutOfScope) if place.is_none() => {}
            Err(error) => {
                tracing::warn!(%device, %error, "a release that nobody has signed who may");
                return None;
            }
        }
        let most = Verb::Update.max_bytes();
        let document = UncheckedDocument::read(payload, most).ok()?;
        Some(Message::<Update>::parse(document.unchecked(), most).ok()?.body.rev)
    }
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
