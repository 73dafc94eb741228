//! What people want.

use std::time::Instant;

use super::Room;
use super::meeting::Meeting;
use crate::conference::{ConferenceCommand, Device, JoinRequest, Muted};
use crate::effect::SelfTestEnd;
use crate::input::{JoinCommand, Origin, RoomCommand};
use crate::outcome::Outcome;
use crate::snapshot::{Notice, OffReason, WaitingFor};
use crate::state::{State, Trigger};

impl Room {
    pub(super) fn on_command(&mut self, command: RoomCommand, now: Instant) {
        let origin = match &command {
            RoomCommand::SetMicrophone { origin, .. } | RoomCommand::SetCamera { origin, .. } => *origin,
            RoomCommand::Remote(_) => Origin::Remote,
            _ => Origin::InRoom,
        };
        if origin == Origin::InRoom {
            self.stir(now);
        }
        match command {
            RoomCommand::Join(join) => self.join(*join, now),
            RoomCommand::Leave => self.leave(Trigger::Leave, Outcome::Left, now),
            RoomCommand::Password(password) => self.password(password, now),
            RoomCommand::SetMicrophone { on, origin } => self.set_device(Device::Microphone, on, origin, now),
            RoomCommand::SetCamera { on, origin } => self.set_device(Device::Camera, on, origin, now),
            RoomCommand::RaiseHand(up) => self.raise_hand(up, now),
            RoomCommand::SetName(name) => self.set_name(&name, now),
            RoomCommand::Say { to, text } => self.write(to, text, now),
            RoomCommand::SetPassword(password) => self.moderate(ConferenceCommand::SetPassword(password), now),
            RoomCommand::Admit { who, admitted } => self.moderate(ConferenceCommand::Admit { who, admitted }, now),
            RoomCommand::Stay => {}
            RoomCommand::SetVolume(volume) => self.set_volume(volume),
            RoomCommand::Remote(command) => self.on_remote(command, now),
        }
    }

    fn join(&mut self, join: JoinCommand, now: Instant) {
        if self.state != State::Idle {
            self.say(Notice::Occupied, now);
            return;
        }
        self.notice = None;
        self.explanation = None;
        if self.worker.failed() {
            self.outcome = Some(Outcome::MediaWorkerFailed);
            self.farewell_until = Some(now + self.options.timing.farewell);
            self.milestone(crate::Milestone::Ended(Outcome::MediaWorkerFailed));
            return;
        }
        self.go(Trigger::Join);
        self.outcome = None;
        self.farewell_until = None;
        let sources = self.sources();
        let mut meeting = Meeting::new(join.name.clone(), sources, now);
        meeting.from_outside = join.origin == Origin::Remote;
        self.meeting = Some(meeting);
        let wishes = [
            (Device::Microphone, join.muted.audio),
            (Device::Camera, join.muted.video),
        ];
        for (device, muted) in wishes {
            match join.origin {
                Origin::Remote => self.switch_mut(device).turn_off(OffReason::Outside),
                Origin::InRoom if muted => self.switch_mut(device).turn_off(OffReason::InRoom),
                Origin::InRoom => {
                    self.switch_mut(device).turn_on();
                }
            }
        }
        // No device is open before the meeting, so muted is the truth whatever the wish; unmuted is announced when the
        // device has opened.
        self.tell(ConferenceCommand::Join(Box::new(JoinRequest {
            url: join.url,
            name: join.name,
            password: join.password,
            token: join.token,
            muted: Muted::BOTH,
            sources,
        })));
    }

    fn password(&mut self, password: String, now: Instant) {
        let Some(meeting) = &mut self.meeting else { return };
        if !matches!(meeting.waiting_for, Some(WaitingFor::Password { .. })) {
            return;
        }
        meeting.waiting_for = None;
        meeting.progress_at = now;
        self.go(Trigger::PasswordGiven);
        self.tell(ConferenceCommand::Password(password));
    }

    fn set_device(&mut self, device: Device, on: bool, origin: Origin, now: Instant) {
        if self.meeting.as_ref().is_none_or(|meeting| meeting.departure.is_some()) {
            if on {
                self.say(Notice::NoMeeting, now);
            } else {
                self.end_self_test(SelfTestEnd::Stopped);
            }
            return;
        }
        let wanted = self.switch(device).wanted();
        match (on, origin) {
            (true, Origin::Remote) if wanted => {}
            (true, Origin::Remote) => self.say(Notice::OnlyInRoom(device), now),
            (true, Origin::InRoom) if !self.has(device) => self.say(Notice::NoDevice(device), now),
            (true, Origin::InRoom) => {
                self.notice = None;
                if !self.switch_mut(device).turn_on() {
                    self.say(Notice::AskFirst(device), now);
                }
            }
            (false, Origin::InRoom) => self.switch_mut(device).turn_off(OffReason::InRoom),
            (false, Origin::Remote) => {
                if wanted {
                    self.switch_mut(device).turn_off(OffReason::Outside);
                    self.say(Notice::MutedFromOutside(device), now);
                }
            }
        }
    }
}
