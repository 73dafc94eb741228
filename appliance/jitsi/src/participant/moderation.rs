//! Who may switch what on: AV moderation (`specs/jitsi-client.md §7`), and the focus's mutes, which hold at the bridge
//! until the focus itself has lifted them.

use minidom::Element;
use room::conference::{ConferenceEvent, Device, Muted, ParticipantId, Permission};

use super::answers::ANSWER;
use super::context::Context;
use super::meeting::{Meeting, Purpose};
use crate::muc::{AvModeration, MuteMedia, MuteRequest, unmute_request};
use crate::stanza::{iq_error, iq_result, iq_set};

const DEVICES: [Device; 2] = [Device::Microphone, Device::Camera];

/// What moderators have said about one of our devices.
#[derive(Debug, Default, Clone, Copy)]
struct Rule {
    /// Nobody may switch it on without having been approved.
    enabled: bool,
    /// We have been.
    approved: bool,
    /// The bridge drops what we send until the focus has lifted its mute.
    held: bool,
    /// What the room was told last.
    told: Permission,
    /// The room is to be told again: we are asked to switch it on.
    asked: bool,
}

/// What moderators have said.
#[derive(Debug, Default)]
pub(super) struct Moderation {
    rules: [Rule; 2],
    moderator: bool,
}

impl Moderation {
    /// A new stay begins: whatever holds there is told there.
    pub fn begin(&mut self) {
        self.moderator = false;
        for rule in &mut self.rules {
            *rule = Rule {
                told: rule.told,
                ..Rule::default()
            };
        }
    }

    /// Our own presence has said so.
    pub fn is_moderator(&self) -> bool {
        self.moderator
    }

    fn rule(&mut self, device: Device) -> &mut Rule {
        match device {
            Device::Microphone => &mut self.rules[0],
            Device::Camera => &mut self.rules[1],
        }
    }

    fn permission(&self, rule: &Rule) -> Permission {
        match rule {
            Rule { approved: true, .. } => Permission::Granted,
            Rule { enabled: true, .. } if self.moderator => Permission::Open,
            Rule { enabled: true, .. } => Permission::Locked,
            _ => Permission::Open,
        }
    }
}

impl Meeting {
    /// The component has said something about who may switch what on.
    pub fn moderated(&mut self, message: &AvModeration, cx: &mut Context) {
        let elsewhere = |room: &String| !room.eq_ignore_ascii_case(self.membership.room());
        if message.room.as_ref().is_some_and(elsewhere) {
            return;
        }
        let device = match message.media {
            MuteMedia::Audio => Device::Microphone,
            MuteMedia::Video => Device::Camera,
            // The box shares no screen.
            MuteMedia::Desktop => return,
        };
        let rule = self.moderation.rule(device);
        if let Some(enabled) = message.enabled
            && rule.enabled != enabled
        {
            rule.enabled = enabled;
            rule.approved = false;
        }
        if message.removed {
            rule.approved = false;
        }
        if message.approved {
            rule.approved = true;
            rule.asked = true;
        }
        self.tell_permissions(message.actor.as_deref(), cx);
    }

    /// Our own presence says whether we are a moderator, whom moderation does not bind.
    pub fn set_moderator(&mut self, moderator: bool, cx: &mut Context) {
        if self.moderation.moderator != moderator {
            self.moderation.moderator = moderator;
            cx.event(ConferenceEvent::Moderator(moderator));
            self.tell_permissions(None, cx);
            self.ask_room(cx);
        }
    }

    /// Tells the room what it may switch on, where that has changed. Told before the room hears that it is in, so that
    /// nothing is opened only to be closed.
    pub fn tell_permissions(&mut self, actor: Option<&str>, cx: &mut Context) {
        if !self.joined() {
            return;
        }
        for device in DEVICES {
            let rule = *self.moderation.rule(device);
            let permission = self.moderation.permission(&rule);
            if permission == rule.told && !rule.asked {
                continue;
            }
            let rule = self.moderation.rule(device);
            rule.held |= permission == Permission::Locked;
            rule.told = permission;
            rule.asked = false;
            cx.event(ConferenceEvent::Permission {
                device,
                permission,
                actor: actor.map(|actor| ParticipantId(actor.to_owned())),
            });
        }
    }

    /// A moderator's mute, through the focus. Nobody else is obeyed, and nobody can switch a device on.
    pub fn mute_request(&mut self, iq: &Element, request: &MuteRequest, cx: &mut Context) {
        let trusted = iq.attr("from").is_some_and(|from| self.membership.is_focus(from));
        if !trusted || !request.mute {
            tracing::warn!(trusted, mute = request.mute, "a mute request was refused");
            return self.send(&iq_error(iq, "auth", "forbidden", None));
        }
        self.send(&iq_result(iq));
        let device = match request.media {
            MuteMedia::Audio => Device::Microphone,
            MuteMedia::Video => Device::Camera,
            // The box shares no screen.
            MuteMedia::Desktop => return,
        };
        self.moderation.rule(device).held = true;
        cx.event(ConferenceEvent::MutedByModerator {
            device,
            actor: request.actor.clone().map(ParticipantId),
        });
    }

    /// Devices went on that the focus had muted: it is asked to lift that, else the bridge goes on dropping what we send.
    pub fn lift_mutes(&mut self, before: Muted, now: Muted, cx: &mut Context) {
        for (device, on) in [
            (Device::Microphone, before.audio && !now.audio),
            (Device::Camera, before.video && !now.video),
        ] {
            if !on || !self.moderation.rule(device).held || !self.joined() {
                continue;
            }
            let Some(own) = self.membership.own().map(|own| own.occupant.clone()) else {
                return;
            };
            let id = cx.iq_id();
            let request = iq_set(&self.membership.focus_seat(), &id, unmute_request(device, &own));
            self.send(&request);
            self.expect(id, Purpose::Unmute(device), ANSWER, cx);
        }
    }

    /// The focus has lifted its mute, or does not.
    pub fn unmute_answered(&mut self, device: Device, answer: Option<&Element>, cx: &mut Context) {
        let Some(answer) = answer else { return };
        if answer.attr("type") == Some("result") {
            self.moderation.rule(device).held = false;
            return;
        }
        let condition = crate::stanza::StanzaError::parse(answer).condition;
        tracing::info!(condition, "the focus does not lift a mute");
        // Whoever is not heard shall not believe to be.
        let muted = match device {
            Device::Microphone => self.muted.audio,
            Device::Camera => self.muted.video,
        };
        if condition == "not-allowed" && !muted {
            cx.event(ConferenceEvent::MutedByModerator { device, actor: None });
        }
    }
}
