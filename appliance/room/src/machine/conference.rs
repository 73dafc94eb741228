//! What the conference says.

use std::time::Instant;

use super::Room;
use crate::conference::{ConferenceCommand, ConferenceEvent, Device, JoinStep, Muted, WaitReason};
use crate::effect::Milestone;
use crate::outcome::Outcome;
use crate::snapshot::{Notice, OffReason, WaitingFor};
use crate::state::{State, Trigger};

/// Wrong passwords after which the box gives up, also when somebody could be asked again.
const PASSWORD_TRIES: u32 = 3;

impl Room {
    pub(super) fn on_conference(&mut self, event: ConferenceEvent, now: Instant) {
        if let ConferenceEvent::Ended(outcome) = event {
            self.end(Trigger::Ended, outcome, now);
            return;
        }
        // On the way out nothing else is of interest, and while idle it can only be a late word of the last meeting.
        if matches!(self.state, State::Idle | State::Leaving) {
            return;
        }
        match event {
            ConferenceEvent::Progress(step) => self.progress(step, now),
            ConferenceEvent::PasswordRequired { wrong } => self.password_required(wrong, now),
            ConferenceEvent::Waiting(reason) => self.must_wait(reason, now),
            ConferenceEvent::Explained(text) => {
                self.milestone(Milestone::Explained(text.clone()));
                self.explanation = Some(text);
            }
            ConferenceEvent::Joined { .. } => self.joined(now),
            ConferenceEvent::Participants(participants) => {
                if let Some(meeting) = &mut self.meeting {
                    let company = !(participants.is_empty() && meeting.stage.people().is_empty());
                    meeting.stage.set_participants(participants);
                    meeting.talk.company(company, now);
                }
            }
            ConferenceEvent::DominantSpeaker(speaker) => {
                if let Some(meeting) = &mut self.meeting {
                    meeting.stage.set_dominant(speaker, now);
                }
            }
            ConferenceEvent::Session(session) => {
                let id = session.as_ref().map(|session| session.id);
                let new = self
                    .meeting
                    .as_mut()
                    .is_some_and(|meeting| meeting.set_session(session));
                if let (true, Some(id)) = (new, id) {
                    self.milestone(Milestone::SessionOffered(id));
                }
            }
            ConferenceEvent::BridgeMessage(session, text) => {
                let current = self.meeting.as_ref().and_then(|meeting| meeting.session_id());
                if self.in_meeting() && self.worker.running() && current == Some(session) {
                    self.out.bridge.push((session, text));
                }
            }
            ConferenceEvent::MutedByModerator { device, .. } => {
                self.switch_mut(device).turn_off(OffReason::Moderator);
                self.say(Notice::MutedByModerator(device), now);
            }
            ConferenceEvent::Permission { device, permission, .. } => self.permit(device, permission, now),
            ConferenceEvent::Reconnecting => {
                if self.go(Trigger::ConnectionLost)
                    && let Some(meeting) = &mut self.meeting
                {
                    meeting.reconnecting_since = now;
                    meeting.carried = meeting.session_id().filter(|_| meeting.media_connected);
                }
            }
            ConferenceEvent::Reconnected => {
                self.go(Trigger::ConnectionBack);
            }
            ConferenceEvent::Ending(outcome) => self.leave(Trigger::GiveUp, outcome, now),
            ConferenceEvent::Ended(_) => {}
            said => self.on_talk(said, now),
        }
    }

    fn progress(&mut self, step: JoinStep, now: Instant) {
        // The participant starts again from the first step at each of its own tries; while the room is not open only
        // the last step means that the way in is free. A password is waited for whatever happens.
        let waits = self.meeting.as_ref().and_then(|meeting| meeting.waiting_for);
        let way_in = matches!(waits, Some(WaitingFor::Service(_))) && step == JoinStep::Entering;
        let moved = way_in && self.go(Trigger::WayIn);
        if let Some(meeting) = &mut self.meeting {
            meeting.step = Some(step);
            meeting.progress_at = now;
            if moved {
                meeting.waiting_for = None;
            }
        }
        self.milestone(Milestone::Step(step));
    }

    fn password_required(&mut self, wrong: bool, now: Instant) {
        let Some(meeting) = &mut self.meeting else { return };
        meeting.wrong_passwords += u32::from(wrong);
        meeting.password_asked = now;
        let tries_left = meeting.wrong_passwords < PASSWORD_TRIES;
        if self.options.ask_password && tries_left {
            self.wait(Trigger::PasswordWanted, WaitingFor::Password { wrong }, now);
        } else {
            let outcome = if wrong {
                Outcome::PasswordWrong
            } else {
                Outcome::PasswordRequired
            };
            self.leave(Trigger::GiveUp, outcome, now);
        }
    }

    fn must_wait(&mut self, reason: WaitReason, now: Instant) {
        self.wait(Trigger::MustWait, WaitingFor::Service(reason), now);
        if let Some(meeting) = &mut self.meeting {
            let since = match reason {
                WaitReason::Lobby | WaitReason::Host => &mut meeting.lobby_since,
                WaitReason::NotOpenYet | WaitReason::ServiceBusy => &mut meeting.waiting_since,
            };
            since.get_or_insert(now);
        }
        self.milestone(Milestone::Waiting(reason));
    }

    /// In the room. Whoever enters anew comes back dark: the participant has announced both devices as off, and
    /// they are, until somebody in the room wants them on again.
    fn joined(&mut self, now: Instant) {
        let anew = self.state == State::Reconnecting;
        if !(self.go(Trigger::Joined) || self.go(Trigger::ConnectionBack)) {
            return;
        }
        if anew {
            self.come_back_dark(now);
        }
        self.explanation = None;
        let Some(meeting) = &mut self.meeting else { return };
        meeting.waiting_for = None;
        meeting.waiting_since = None;
        meeting.lobby_since = None;
        meeting.wrong_passwords = 0;
        meeting.wish = crate::conference::ReceiveWish::default();
        meeting.talk.enter(now);
        // Said even if it is known: a word of ours may have been on its way while the participant entered.
        let say_muted = anew || meeting.announced != Muted::BOTH;
        meeting.announced = Muted::BOTH;
        let from_outside = std::mem::take(&mut meeting.from_outside);
        self.milestone(Milestone::Joined);
        if from_outside {
            self.say(Notice::JoinedFromOutside, now);
        }
        if say_muted {
            self.tell(ConferenceCommand::SetMuted(Muted::BOTH));
        }
    }

    /// Devices that the conference can name, in the order of [`Muted`].
    pub(super) const DEVICES: [Device; 2] = [Device::Microphone, Device::Camera];
}
