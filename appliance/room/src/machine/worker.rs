//! What the media worker says, and what happens to it.

use std::time::Instant;

use media_protocol::{
    AttachedDevices, CaptureState, DeviceFault, DeviceState, FromWorker, MediaPlan, SessionEvent, SessionId, WallState,
};

use super::Room;
use crate::conference::{ConferenceCommand, Device};
use crate::effect::{Milestone, SelfTestEnd};
use crate::input::WorkerInput;
use crate::outcome::Outcome;
use crate::snapshot::Notice;
use crate::state::{State, Trigger};

/// The worker as the room knows it.
#[derive(Debug, Default)]
pub(super) struct Worker {
    status: Status,
    /// Of the last plan sent to any worker.
    pub revision: u64,
    /// The last plan sent to this worker.
    pub sent: Option<MediaPlan>,
    /// The last revision this worker has put in force.
    pub applied: u64,
    /// The kill was asked for and is not yet reported.
    pub restarting: bool,
    /// What is plugged in; none: it has not said so yet.
    pub attached: Option<AttachedDevices>,
    /// What is wrong with devices that are open, the camera and the microphone.
    pub impaired: [Option<DeviceFault>; 2],
    /// Number of sources on the wall.
    pub pictures: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// Not yet, or being started again.
    #[default]
    Starting,
    Running,
    Failed,
}

impl Worker {
    pub fn running(&self) -> bool {
        self.status == Status::Running
    }

    pub fn failed(&self) -> bool {
        self.status == Status::Failed
    }

    /// Forgets everything about the last incarnation; revisions go on growing.
    fn become_new(&mut self, status: Status) {
        *self = Self {
            status,
            revision: self.revision,
            ..Self::default()
        };
    }
}

impl Room {
    pub(super) fn on_worker(&mut self, input: WorkerInput, now: Instant) {
        match input {
            WorkerInput::Started => {
                self.worker_died();
                self.worker.become_new(Status::Running);
            }
            WorkerInput::Gone => {
                self.worker_died();
                self.worker.become_new(Status::Starting);
            }
            WorkerInput::Failed => {
                self.leave(Trigger::GiveUp, Outcome::MediaWorkerFailed, now);
                self.worker_died();
                self.worker.become_new(Status::Failed);
            }
            WorkerInput::Message(message) if self.worker.running() => self.on_message(message, now),
            WorkerInput::Message(_) => {}
        }
    }

    /// The kernel has closed every device of a dead worker, and with it every transport is gone. A session that came
    /// while no worker ran waits for the next one.
    fn worker_died(&mut self) {
        if !self.worker.running() {
            return;
        }
        self.end_self_test(SelfTestEnd::Hindered);
        for device in Self::DEVICES {
            if self.switch_mut(device).learn(DeviceState::Closed) {
                self.milestone(Milestone::CaptureClosed { device, at_ns: None });
            }
        }
        self.playback_fault = None;
        let Some(meeting) = &mut self.meeting else { return };
        let lost = meeting.forget_media();
        if lost.is_some() && meeting.departure.is_none() {
            self.tell(ConferenceCommand::MediaLost);
        }
    }

    fn on_message(&mut self, message: FromWorker, now: Instant) {
        match message {
            FromWorker::Hello(_)
            | FromWorker::Pong
            | FromWorker::WallCopy { .. }
            | FromWorker::VideoCodecs { .. }
            | FromWorker::EncoderGivenUp(_) => {}
            FromWorker::Applied { revision } => self.worker.applied = self.worker.applied.max(revision),
            FromWorker::Capture(capture) => self.on_capture(capture),
            FromWorker::Impaired { camera, microphone } => self.worker.impaired = [camera, microphone],
            FromWorker::Attached(attached) => self.worker.attached = Some(attached),
            FromWorker::Session { session, event } => self.on_session(session, event, now),
            FromWorker::Wall(wall) => self.on_wall(wall),
            FromWorker::Statistics(statistics) => {
                let statistics = Box::new(statistics);
                if self.state == State::InMeeting {
                    self.tell(ConferenceCommand::Statistics(statistics.clone()));
                }
                self.milestone(Milestone::Statistics(statistics));
            }
            FromWorker::SelfTest(report) => self.end_self_test(SelfTestEnd::Seen(report)),
            FromWorker::PlaybackFault { fault, .. } => self.playback_fault = Some(fault),
            FromWorker::PlaybackRecovered { .. } => self.playback_fault = None,
        }
    }

    fn on_capture(&mut self, capture: CaptureState) {
        let at_ns = capture.at_ns;
        for (device, fact) in [
            (Device::Microphone, capture.microphone),
            (Device::Camera, capture.camera),
        ] {
            if !self.switch_mut(device).learn(fact) {
                continue;
            }
            let opened = self.switch(device).open();
            self.milestone(match opened {
                true => Milestone::CaptureOpened { device, at_ns },
                false => Milestone::CaptureClosed {
                    device,
                    at_ns: Some(at_ns),
                },
            });
        }
    }

    fn on_session(&mut self, session: SessionId, event: SessionEvent, now: Instant) {
        if !self.in_meeting() {
            return;
        }
        let Some(meeting) = self
            .meeting
            .as_mut()
            .filter(|meeting| meeting.session_id() == Some(session))
        else {
            return;
        };
        match &event {
            SessionEvent::Connected { .. } => (meeting.media_connected, meeting.stalled) = (true, None),
            SessionEvent::Stalled { .. } => drop(meeting.stalled.get_or_insert(now)),
            SessionEvent::Recovered => meeting.stalled = None,
            SessionEvent::Failed { .. } => meeting.media_connected = false,
            _ => {}
        }
        match event {
            SessionEvent::Connected { at_ns } => self.milestone(Milestone::MediaConnected { session, at_ns }),
            SessionEvent::FirstPacketSent { kind, at_ns } => {
                self.milestone(Milestone::FirstPacketSent { kind, at_ns });
            }
            _ => {}
        }
        self.tell(ConferenceCommand::Media(session, event));
    }

    fn on_wall(&mut self, wall: WallState) {
        self.worker.pictures = wall.sources.len();
        let Some(meeting) = &mut self.meeting else { return };
        let new: Vec<_> = wall
            .first_frames
            .into_iter()
            .filter(|(source, _)| meeting.first_frames.insert(source.clone()))
            .collect();
        for (source, at_ns) in new {
            self.milestone(Milestone::FirstFrame { source, at_ns });
        }
    }

    /// What the worker's state means for people, if anything.
    pub(super) fn worker_notice(&self) -> Option<Notice> {
        match self.worker.status {
            Status::Failed => Some(Notice::MediaWorkerFailed),
            Status::Starting if self.in_meeting() => Some(Notice::MediaRestarting),
            Status::Starting | Status::Running => None,
        }
    }
}
