//! [`Room`]: what it knows, and the one door through which everything goes in and out.
//!
//! Each file beside this one handles one kind of input; [`output`] derives what goes out. A handler only changes what
//! the room knows; plans, announcements and snapshots follow from that, so that none can be forgotten.

mod clock;
mod command;
mod conference;
mod device;
mod meeting;
mod output;
mod people;
mod permission;
mod plan;
mod remote;
mod stage;
mod talk;
mod worker;

use std::time::Instant;

use media_protocol::DeviceFault;

use crate::conference::{ConferenceCommand, Device, Sources};
use crate::effect::{Effect, Milestone, SelfTestEnd};
use crate::input::RoomInput;
use crate::options::RoomOptions;
use crate::outcome::Outcome;
use crate::remote::Bulletin;
use crate::snapshot::{Countdown, Notice, OffReason, RoomState, WaitingFor};
use crate::state::{State, Trigger, transition};
use device::Switch;
use meeting::{Departure, Meeting};
use output::Outbox;
use worker::Worker;

/// The behaviour of one room. See [`crate`] for the one rule.
#[derive(Debug)]
pub struct Room {
    options: RoomOptions,
    state: State,
    /// All that belongs to one meeting or try; none exactly while idle.
    meeting: Option<Meeting>,
    outcome: Option<Outcome>,
    /// The service's own words about it, if it had any.
    explanation: Option<String>,
    /// Until when the outcome is on the wall.
    farewell_until: Option<Instant>,
    microphone: Switch,
    camera: Switch,
    worker: Worker,
    playback_fault: Option<DeviceFault>,
    /// A passing notice and its end.
    notice: Option<(Notice, Instant)>,
    /// Nobody else is here, and the box will leave so soon.
    countdown: Option<Countdown>,
    /// What those who run the boxes have to say.
    bulletins: Vec<Bulletin>,
    /// Until when the box shows itself.
    located_until: Option<Instant>,
    /// Until when a self-test may last.
    self_test_until: Option<Instant>,
    shown: Option<RoomState>,
    out: Outbox,
}

impl Room {
    /// A room without a meeting, whose worker does not run yet.
    #[must_use]
    pub fn new(options: RoomOptions) -> Self {
        Self {
            options,
            state: State::Idle,
            meeting: None,
            outcome: None,
            explanation: None,
            farewell_until: None,
            microphone: Switch::default(),
            camera: Switch::default(),
            worker: Worker::default(),
            playback_fault: None,
            notice: None,
            countdown: None,
            bulletins: Vec::new(),
            located_until: None,
            self_test_until: None,
            shown: None,
            out: Outbox::default(),
        }
    }

    /// Takes one input at a time that never runs backwards, and gives what must be done, in order.
    pub fn handle(&mut self, input: RoomInput, now: Instant) -> Vec<Effect> {
        match input {
            RoomInput::Command(command) => self.on_command(command, now),
            RoomInput::Conference(event) => self.on_conference(event, now),
            RoomInput::Worker(input) => self.on_worker(input, now),
            RoomInput::Equipment(equipment) => {
                self.options.equipment = *equipment;
                self.playback_fault = None;
            }
            RoomInput::Timer => {}
        }
        self.watch_clock(now);
        self.emit(now)
    }

    /// When [`RoomInput::Timer`] is wanted at the latest; none: only another input can change anything.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines().into_iter().flatten().min()
    }

    /// The state as it was last shown by [`Effect::State`].
    #[must_use]
    pub fn snapshot(&self) -> RoomState {
        self.view()
    }

    /// Takes the transition that the table has for this trigger; false: none, nothing changed.
    fn go(&mut self, trigger: Trigger) -> bool {
        let Some(transition) = transition(self.state, trigger) else {
            return false;
        };
        self.state = transition.to;
        // Whoever wants a meeting goes first.
        self.end_self_test(SelfTestEnd::Hindered);
        self.out.events.push(Effect::Moved(transition));
        true
    }

    /// In a meeting, whether or not its connection is lost.
    fn in_meeting(&self) -> bool {
        matches!(self.state, State::InMeeting | State::Reconnecting)
    }

    /// There is a meeting that can receive the room: while reconnecting only as long as the old media flow.
    fn may_capture(&self) -> bool {
        match self.state {
            State::InMeeting => true,
            State::Reconnecting => self.meeting.as_ref().is_some_and(Meeting::carries_media),
            State::Idle | State::Joining | State::Waiting | State::Leaving => false,
        }
    }

    fn switch(&self, device: Device) -> &Switch {
        match device {
            Device::Microphone => &self.microphone,
            Device::Camera => &self.camera,
        }
    }

    fn switch_mut(&mut self, device: Device) -> &mut Switch {
        match device {
            Device::Microphone => &mut self.microphone,
            Device::Camera => &mut self.camera,
        }
    }

    /// The sources to announce: of the devices that are there, and of one that is gone and not yet closed.
    fn sources(&self) -> Sources {
        let announced = |device| self.has(device) || self.switch(device).open();
        Sources {
            audio: announced(Device::Microphone),
            video: announced(Device::Camera),
        }
    }

    fn has(&self, device: Device) -> bool {
        match device {
            Device::Microphone => self.options.equipment.microphone.is_some(),
            Device::Camera => self.options.equipment.camera.is_some(),
        }
    }

    /// The room has the device, and either wants it on and is in a meeting that can receive it, or tests itself: then, and only
    /// then, it stands in the plan (invariant 1).
    fn live(&self, device: Device) -> bool {
        let in_meeting = self.may_capture() && self.switch(device).wanted();
        self.has(device) && (in_meeting || self.is_testing())
    }

    fn say(&mut self, notice: Notice, now: Instant) {
        self.notice = Some((notice, now + self.options.timing.notice));
    }

    fn milestone(&mut self, milestone: Milestone) {
        self.out.events.push(Effect::Milestone(milestone));
    }

    fn tell(&mut self, command: ConferenceCommand) {
        self.out.conference.push(command);
    }

    /// Begins to leave: from now on nothing is planned but an empty plan; the participant is told when media has
    /// stopped ([`Room::depart`]).
    fn leave(&mut self, trigger: Trigger, outcome: Outcome, now: Instant) {
        let media_to_stop = self.meeting.as_ref().is_some_and(|meeting| meeting.session.is_some())
            || self.microphone.open()
            || self.camera.open()
            || self.live(Device::Microphone)
            || self.live(Device::Camera);
        if !self.go(trigger) {
            return;
        }
        self.switch_off_both(OffReason::NoMeeting);
        if let Some(meeting) = &mut self.meeting {
            meeting.waiting_for = None;
            meeting.departure = Some(Departure {
                since: now,
                outcome,
                media_to_stop,
                revision: None,
                sent: false,
            });
        }
    }

    /// The meeting or the try is over.
    fn end(&mut self, trigger: Trigger, outcome: Outcome, now: Instant) {
        if !self.go(trigger) {
            return;
        }
        self.forget_permissions();
        let departure = self.meeting.take().and_then(|meeting| meeting.departure);
        let outcome = departure.map_or(outcome, |departure| departure.outcome);
        self.switch_off_both(OffReason::NoMeeting);
        self.notice = None;
        self.outcome = Some(outcome);
        self.farewell_until = Some(now + self.options.timing.farewell);
        self.milestone(Milestone::Ended(outcome));
    }

    fn switch_off_both(&mut self, reason: OffReason) {
        self.microphone.turn_off(reason);
        self.camera.turn_off(reason);
    }

    /// A meeting that is entered anew is entered with both devices off (invariant 3).
    fn come_back_dark(&mut self, now: Instant) {
        for device in Self::DEVICES {
            if self.switch(device).wanted() {
                self.switch_mut(device).turn_off(OffReason::Rejoined);
                self.say(Notice::DevicesOffAfterRejoin, now);
            }
        }
    }

    /// Waits inside a try; a meeting that was lost is left behind dark (reconnecting never turns a device on).
    fn wait(&mut self, trigger: Trigger, waiting_for: WaitingFor, now: Instant) {
        if self.state == State::InMeeting {
            self.go(Trigger::ConnectionLost);
        }
        let was_in_meeting = self.in_meeting();
        if self.state != State::Waiting && !self.go(trigger) {
            return;
        }
        if was_in_meeting {
            self.come_back_dark(now);
        }
        if let Some(meeting) = &mut self.meeting {
            if was_in_meeting {
                meeting.forget_media();
            }
            meeting.waiting_for = Some(waiting_for);
        }
    }
}
