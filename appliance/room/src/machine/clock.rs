//! What happens when nothing happens.

use std::time::Instant;

use super::Room;
use super::meeting::Meeting;
use crate::conference::WaitReason;
use crate::effect::{Milestone, SelfTestEnd};
use crate::outcome::Outcome;
use crate::snapshot::WaitingFor;
use crate::state::{State, Trigger};

impl Room {
    /// Everything that may fall due.
    pub(super) fn deadlines(&self) -> [Option<Instant>; 10] {
        [
            self.state_limit().map(|(at, _)| at),
            self.carried_limit(),
            self.media_stop_limit(),
            self.worker_limit(),
            self.stage_change(),
            self.notice.as_ref().map(|(_, until)| *until),
            self.farewell_until,
            self.located_until,
            self.self_test_until,
            self.talk_limit(),
        ]
    }

    pub(super) fn watch_clock(&mut self, now: Instant) {
        if self.notice.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.notice = None;
        }
        if self.farewell_until.is_some_and(|until| until <= now) {
            self.farewell_until = None;
        }
        if self.located_until.is_some_and(|until| until <= now) {
            self.located_until = None;
        }
        if self.self_test_until.is_some_and(|until| until <= now) {
            self.end_self_test(SelfTestEnd::Hindered);
        }
        if let Some(meeting) = &mut self.meeting {
            meeting
                .stage
                .settle(now, self.options.timing.speaker_hold, self.options.tiles);
        }
        self.watch_talk(now);
        if self.carried_limit().is_some_and(|at| at <= now) {
            self.come_back_dark(now);
        }
        if let Some((at, outcome)) = self.state_limit()
            && at <= now
        {
            self.out_of_time(outcome, now);
        }
        if self.worker_limit().is_some_and(|at| at <= now) {
            self.worker.restarting = true;
            self.out.restart_worker = true;
        }
    }

    fn out_of_time(&mut self, outcome: Outcome, now: Instant) {
        if self.state == State::Leaving {
            self.out.abandon = true;
            self.end(Trigger::TimeOut, outcome, now);
        } else {
            self.leave(Trigger::TimeOut, outcome, now);
        }
    }

    /// When the present state has lasted too long, and what that means.
    fn state_limit(&self) -> Option<(Instant, Outcome)> {
        let meeting = self.meeting.as_ref()?;
        let timing = &self.options.timing;
        match self.state {
            State::Idle | State::InMeeting => None,
            State::Joining => Some((meeting.progress_at + timing.joining, Outcome::ServiceGone)),
            State::Waiting => Some(self.waiting_limit(meeting)),
            State::Reconnecting => Some((
                meeting.reconnecting_since + timing.reconnecting,
                Outcome::ConnectionLost,
            )),
            State::Leaving => {
                let departure = meeting.departure.as_ref()?;
                Some((departure.since + timing.leaving, departure.outcome))
            }
        }
    }

    /// When nobody is to be captured any more for media that have been silent since the connection was lost.
    fn carried_limit(&self) -> Option<Instant> {
        let meeting = self.meeting.as_ref().filter(|meeting| meeting.carries_media())?;
        let silent = meeting.stalled.filter(|_| self.state == State::Reconnecting)?;
        let wanted = Self::DEVICES.into_iter().any(|device| self.switch(device).wanted());
        wanted.then(|| silent.max(meeting.reconnecting_since) + self.options.timing.carried)
    }

    fn waiting_limit(&self, meeting: &Meeting) -> (Instant, Outcome) {
        let timing = &self.options.timing;
        let service = meeting.waiting_since.unwrap_or(meeting.progress_at) + timing.waiting;
        match meeting.waiting_for {
            Some(WaitingFor::Password { wrong }) => {
                let outcome = if wrong {
                    Outcome::PasswordWrong
                } else {
                    Outcome::PasswordRequired
                };
                (meeting.password_asked + timing.password, outcome)
            }
            Some(WaitingFor::Service(reason @ (WaitReason::Lobby | WaitReason::Host))) => {
                let outcome = match reason {
                    WaitReason::Host => Outcome::NotOpened,
                    _ => Outcome::NotAdmitted,
                };
                (
                    meeting.lobby_since.unwrap_or(meeting.progress_at) + timing.lobby,
                    outcome,
                )
            }
            Some(WaitingFor::Service(WaitReason::NotOpenYet)) => (service, Outcome::NotOpened),
            Some(WaitingFor::Service(WaitReason::ServiceBusy)) | None => (service, Outcome::ServiceGone),
        }
    }

    /// Until when the participant's leaving waits for media to stop.
    fn media_stop_limit(&self) -> Option<Instant> {
        let departure = self.meeting.as_ref()?.departure.as_ref()?;
        (!departure.sent).then(|| departure.since + self.options.timing.media_stop)
    }

    /// When the worker must have closed a device that the plan closes; later it counts as hanging.
    fn worker_limit(&self) -> Option<Instant> {
        if self.worker.restarting || !self.worker.running() {
            return None;
        }
        let closing = [self.microphone.closing_since, self.camera.closing_since];
        closing
            .into_iter()
            .flatten()
            .min()
            .map(|since| since + self.options.timing.capture_close)
    }

    fn stage_change(&self) -> Option<Instant> {
        self.meeting.as_ref()?.stage.change_at(self.options.timing.speaker_hold)
    }

    /// Tells the participant to leave as soon as the emptied plan is in force and both devices are closed, or the time
    /// for that is over, or no worker is there that could capture.
    pub(super) fn depart(&mut self, now: Instant) {
        let limit_over = self.media_stop_limit().is_some_and(|at| at <= now);
        let closed = !self.microphone.open() && !self.camera.open();
        let (running, sent_revision, applied) = (self.worker.running(), self.worker.revision, self.worker.applied);
        let Some(departure) = self.meeting.as_mut().and_then(|meeting| meeting.departure.as_mut()) else {
            return;
        };
        let emptied = *departure.revision.get_or_insert(sent_revision);
        let stopped = !departure.media_to_stop || !running || (closed && applied >= emptied);
        if departure.sent || !(stopped || limit_over) {
            return;
        }
        departure.sent = true;
        self.milestone(Milestone::LeaveSent);
        self.tell(crate::conference::ConferenceCommand::Leave);
    }
}
