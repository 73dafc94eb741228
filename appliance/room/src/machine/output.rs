//! What goes out: derived from what the room knows, and told only when it changed.

use std::time::Instant;

use media_protocol::{CameraDevice, DeviceFault, MicrophoneDevice, SessionId};

use super::Room;
use crate::conference::{ConferenceCommand, Device, Muted, Recording};
use crate::effect::Effect;
use crate::snapshot::{DeviceStatus, Notice, RoomState};
use crate::state::State;

/// What the handlers of one input put down to be told.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub events: Vec<Effect>,
    pub bridge: Vec<(SessionId, String)>,
    pub conference: Vec<ConferenceCommand>,
    pub abandon: bool,
    pub restart_worker: bool,
}

impl Room {
    /// Everything there is to tell, in order: the plan before any word to the conference, so that media has been told
    /// to stop before anybody is told that it has.
    pub(super) fn emit(&mut self, now: Instant) -> Vec<Effect> {
        let plan = self.emit_plan();
        self.watch_closing(now);
        self.depart(now);
        self.announce_sources();
        self.announce();
        self.wish();
        let out = std::mem::take(&mut self.out);
        let mut effects = out.events;
        effects.extend(plan);
        effects.extend(
            out.bridge
                .into_iter()
                .map(|(session, text)| Effect::BridgeMessage(session, text)),
        );
        effects.extend(out.conference.into_iter().map(Effect::Conference));
        effects.extend(out.abandon.then_some(Effect::Abandon));
        effects.extend(out.restart_worker.then_some(Effect::RestartWorker));
        let view = self.view();
        if self.shown.as_ref() != Some(&view) {
            self.shown = Some(view.clone());
            effects.push(Effect::State(Box::new(view)));
        }
        effects
    }

    fn emit_plan(&mut self) -> Option<Effect> {
        if !self.worker.running() {
            return None;
        }
        let mut plan = self.plan();
        plan.revision = self.worker.revision;
        if self.worker.sent.as_ref() == Some(&plan) {
            return None;
        }
        self.worker.revision += 1;
        plan.revision = self.worker.revision;
        self.worker.sent = Some(plan.clone());
        Some(Effect::Media(Box::new(plan)))
    }

    /// Notes which devices are open against the plan.
    fn watch_closing(&mut self, now: Instant) {
        for device in Self::DEVICES {
            let against_the_plan = self.switch(device).open() && !self.live(device);
            let since = &mut self.switch_mut(device).closing_since;
            *since = against_the_plan.then(|| since.unwrap_or(now));
        }
        self.worker.restarting &= Self::DEVICES
            .iter()
            .any(|device| self.switch(*device).closing_since.is_some());
    }

    /// Announces a device that was plugged in, withdraws one that was pulled out.
    fn announce_sources(&mut self) {
        let sources = self.sources();
        let Some(meeting) = self.meeting.as_mut().filter(|meeting| meeting.departure.is_none()) else {
            return;
        };
        if sources != meeting.sources {
            meeting.sources = sources;
            self.tell(ConferenceCommand::SetSources(sources));
        }
    }

    /// Publishes the mute state when the facts have changed it.
    fn announce(&mut self) {
        let live = Self::DEVICES.map(|device| self.live(device));
        // Somebody has switched it off on itself, or has pulled its plug: others need not wonder why they hear nothing.
        let silent = self.microphone.open()
            && matches!(self.worker.impaired[1], Some(DeviceFault::Shut | DeviceFault::NotFound));
        let Some(meeting) = self.meeting.as_mut().filter(|meeting| meeting.departure.is_none()) else {
            return;
        };
        let muted = Muted {
            audio: silent || self.microphone.announcement(live[0], meeting.announced.audio, false),
            video: self.camera.announcement(live[1], meeting.announced.video, true),
        };
        if muted != meeting.announced {
            meeting.announced = muted;
            self.tell(ConferenceCommand::SetMuted(muted));
        }
    }

    /// Asks for the pictures that the wall has places for.
    fn wish(&mut self) {
        let limit = if self.display().is_some() {
            self.options.tiles
        } else {
            0
        };
        let in_meeting = self.in_meeting();
        let Some(meeting) = self.meeting.as_mut().filter(|_| in_meeting) else {
            return;
        };
        let wish = meeting.stage.wish(limit);
        if wish != meeting.wish {
            meeting.wish = wish.clone();
            self.tell(ConferenceCommand::Receive(wish));
        }
    }

    pub(super) fn view(&self) -> RoomState {
        let meeting = self.meeting.as_ref();
        let talk = meeting.filter(|_| self.in_meeting()).map(|meeting| &meeting.talk);
        let joining = matches!(self.state, State::Joining | State::Waiting);
        RoomState {
            state: self.state,
            step: meeting.filter(|_| joining).and_then(|meeting| meeting.step),
            waiting_for: meeting
                .filter(|_| self.state == State::Waiting)
                .and_then(|meeting| meeting.waiting_for),
            outcome: self.outcome,
            camera: self.device_status(Device::Camera),
            microphone: self.device_status(Device::Microphone),
            playback: self.playback_fault.clone(),
            participants: meeting
                .filter(|_| self.in_meeting())
                .map_or(0, |meeting| meeting.stage.people().len() + 1),
            pictures: self.worker.pictures,
            media_connected: meeting.is_some_and(|meeting| meeting.media_connected && meeting.stalled.is_none()),
            worker_running: self.worker.running(),
            volume: self.options.volume,
            hand_raised: talk.is_some_and(|talk| talk.hand_raised),
            hands: meeting.filter(|_| self.in_meeting()).map_or(0, |meeting| {
                let people = meeting.stage.people().iter();
                people.filter(|person| person.raised_hand.is_some()).count()
            }),
            moderator: talk.is_some_and(|talk| talk.moderator),
            knocking: talk.map_or(0, |talk| talk.knocking.len()),
            protected: talk.and_then(|talk| talk.protected),
            recording: talk.map_or(Recording::default(), |talk| talk.recording),
            side_room: talk.is_some_and(|talk| talk.side_room.is_some()),
            bulletins: self.bulletins.clone(),
            located: self.located_until.is_some(),
            notice: self.current_notice(),
        }
    }

    fn device_status(&self, device: Device) -> DeviceStatus {
        let switch = self.switch(device);
        DeviceStatus {
            present: self.has(device) && self.is_attached(device),
            open: switch.open(),
            wanted: switch.wanted(),
            off_because: switch.off_because(),
            locked: switch.locked(),
            fault: self.fault(device).filter(|_| self.live(device)).cloned(),
        }
    }

    /// Why others do not see or hear a device that is wanted.
    pub(super) fn fault(&self, device: Device) -> Option<&DeviceFault> {
        let switch = self.switch(device);
        let [camera, microphone] = &self.worker.impaired;
        let impaired = match device {
            Device::Camera => camera,
            Device::Microphone => microphone,
        };
        impaired.as_ref().filter(|_| switch.open()).or(switch.fault())
    }

    /// It is plugged in, as far as that is known.
    fn is_attached(&self, device: Device) -> bool {
        let Some(attached) = &self.worker.attached else {
            return true;
        };
        let equipment = &self.options.equipment;
        match device {
            Device::Camera => {
                let any = matches!(equipment.camera, Some(CameraDevice::Attached { .. }));
                !any || !attached.cameras.is_empty()
            }
            Device::Microphone => {
                let any = matches!(equipment.microphone, Some(MicrophoneDevice::Attached { .. }));
                !any || !attached.microphones.is_empty()
            }
        }
    }

    /// The most important thing to know now.
    pub(super) fn current_notice(&self) -> Option<Notice> {
        if self.is_testing() {
            return Some(Notice::SelfTest);
        }
        if let Some((notice, _)) = &self.notice {
            return Some(notice.clone());
        }
        if let Some(notice) = self.worker_notice() {
            return Some(notice);
        }
        let meeting = self.meeting.as_ref().filter(|_| self.in_meeting())?;
        for device in Self::DEVICES {
            if let Some(fault) = self.fault(device).filter(|_| self.live(device)) {
                return Some(Notice::DeviceFailed(device, fault.clone()));
            }
        }
        if let Some(fault) = &self.playback_fault {
            return Some(Notice::PlaybackFailed(fault.clone()));
        }
        if !meeting.talk.knocking.is_empty() {
            return Some(Notice::Knocking);
        }
        if meeting.stage.people().is_empty() {
            return Some(self.countdown.map_or(Notice::Alone, Notice::LeavingAlone));
        }
        meeting.stalled.is_some().then_some(Notice::MediaStalled)
    }
}
