//! Knows what must hold, from the inputs and effects alone.

use std::collections::BTreeSet;
use std::time::Instant;

use media_protocol::{CapturePurpose, CaptureState, DeviceState, FromWorker, MediaPlan, SessionEvent, SessionId};
use room::conference::{ConferenceCommand, ConferenceEvent, Device, Muted, Permission, Sources};
use room::{
    Effect, Equipment, Milestone, Notice, Origin, RemoteCommand, Room, RoomCommand, RoomInput, RoomOptions, RoomState,
    State, WorkerInput,
};

/// What the people in the room have consented to, and what is known of the world.
pub struct Witness {
    equipment: Equipment,
    /// Microphone, camera: a person in the room wants it on, and nothing has revoked that since.
    consent: [bool; 2],
    /// A moderator must allow it first.
    locked: [bool; 2],
    hand: bool,
    moderator: bool,
    /// Somebody else was in this meeting.
    met: bool,
    /// Nobody else is here, and nobody in the room has stirred, since.
    alone_since: Option<Instant>,
    stirred: bool,
    /// As the worker last said.
    open: [bool; 2],
    /// The camera cannot be had, as the worker last said: others see a sentence in its place.
    stand_in: bool,
    worker_runs: bool,
    plan: Option<MediaPlan>,
    /// A self-test was asked for, and has not ended.
    tests: bool,
    highest_revision: u64,
    /// The participant exists: between the command to join and its end.
    participant: bool,
    /// The conference said `Joined`, and nothing has ended that since.
    inside: bool,
    leave_told: bool,
    password_wanted: bool,
    /// The connection is lost.
    reconnecting: bool,
    /// The session whose media flow.
    connected: Option<SessionId>,
    /// The same when the connection was lost.
    carried: Option<SessionId>,
    announced: Muted,
    /// What the participant was last told; none before it is told to join.
    sources: Option<Sources>,
    session: Option<SessionId>,
    /// Sessions that died with a worker or with a meeting.
    dead: BTreeSet<SessionId>,
    shown: Option<RoomState>,
    /// What the last input was, as far as it limits what may follow.
    remote: bool,
    planned_before: (bool, bool),
}

/// What private messages contain in these lives.
pub fn common_secret() -> &'static str {
    "between us"
}

/// Of microphone and camera in a plan.
fn purposes(plan: &MediaPlan) -> [Option<CapturePurpose>; 2] {
    let microphone = plan.microphone.as_ref().map(|microphone| microphone.purpose);
    [microphone, plan.camera.as_ref().map(|camera| camera.purpose)]
}

fn tests_itself(plan: &MediaPlan) -> bool {
    purposes(plan).contains(&Some(CapturePurpose::SelfTest))
}

const BOTH_MUTED: Muted = Muted {
    audio: true,
    video: true,
};

impl Witness {
    pub fn new(options: &RoomOptions) -> Self {
        Self {
            equipment: options.equipment.clone(),
            consent: [false; 2],
            locked: [false; 2],
            hand: false,
            moderator: false,
            met: false,
            alone_since: None,
            stirred: false,
            open: [false; 2],
            stand_in: false,
            worker_runs: false,
            plan: None,
            tests: false,
            highest_revision: 0,
            participant: false,
            inside: false,
            leave_told: false,
            password_wanted: false,
            reconnecting: false,
            connected: None,
            carried: None,
            announced: BOTH_MUTED,
            sources: None,
            session: None,
            dead: BTreeSet::new(),
            shown: None,
            remote: false,
            planned_before: (false, false),
        }
    }

    /// The highest revision that was sent.
    pub fn revision(&self) -> u64 {
        self.highest_revision
    }

    /// Microphone and camera stand in the last plan of this worker.
    pub fn planned(&self) -> (bool, bool) {
        self.plan.as_ref().map_or((false, false), |plan| {
            (plan.microphone.is_some(), plan.camera.is_some())
        })
    }

    pub fn see_input(&mut self, input: &RoomInput) {
        self.planned_before = self.planned();
        self.remote = false;
        self.stirred = matches!(input, RoomInput::Command(_));
        match input {
            RoomInput::Command(command) => self.see_command(command),
            RoomInput::Conference(event) => self.see_event(event),
            RoomInput::Worker(input) => self.see_worker(input),
            RoomInput::Equipment(equipment) => self.equipment = (**equipment).clone(),
            RoomInput::Timer => {}
        }
    }

    fn see_command(&mut self, command: &RoomCommand) {
        match command {
            RoomCommand::Join(join) if !self.participant => {
                let here = join.origin == Origin::InRoom;
                self.consent = [here && !join.muted.audio, here && !join.muted.video];
                self.remote = !here;
            }
            RoomCommand::Join(join) => self.remote = join.origin == Origin::Remote,
            RoomCommand::Leave => self.consent = [false; 2],
            RoomCommand::SetMicrophone { on, origin } => self.switch(0, *on, *origin),
            RoomCommand::SetCamera { on, origin } => self.switch(1, *on, *origin),
            RoomCommand::Remote(RemoteCommand::SelfTest) => self.tests = true,
            RoomCommand::Password(_)
            | RoomCommand::SetVolume(_)
            | RoomCommand::Remote(_)
            | RoomCommand::RaiseHand(_)
            | RoomCommand::SetName(_)
            | RoomCommand::Say { .. }
            | RoomCommand::SetPassword(_)
            | RoomCommand::Admit { .. }
            | RoomCommand::Stay => {}
        }
    }

    fn switch(&mut self, index: usize, on: bool, origin: Origin) {
        self.remote = origin == Origin::Remote;
        match (on, origin) {
            (false, _) => self.consent[index] = false,
            (true, Origin::InRoom) if self.participant && !self.leave_told => self.consent[index] = !self.locked[index],
            (true, _) => {}
        }
    }

    fn see_event(&mut self, event: &ConferenceEvent) {
        match event {
            ConferenceEvent::Joined { .. } if self.participant => {
                // Invariant 3: a room that was left and is entered anew is entered dark.
                if self.reconnecting {
                    self.consent = [false; 2];
                }
                if self.reconnecting || !self.inside {
                    self.announced = BOTH_MUTED;
                }
                if self.reconnecting || !self.inside {
                    self.hand = false;
                    self.moderator = false;
                }
                self.reconnecting = false;
                self.inside = true;
            }
            ConferenceEvent::Reconnecting if self.inside && !self.reconnecting => {
                self.reconnecting = true;
                self.carried = self.connected.filter(|id| Some(*id) == self.session);
            }
            ConferenceEvent::Reconnected => self.reconnecting = false,
            ConferenceEvent::Waiting(_) | ConferenceEvent::PasswordRequired { .. } => {
                // A meeting that must be entered anew is entered dark.
                if self.inside {
                    self.consent = [false; 2];
                    self.dead.extend(self.session.take());
                }
                self.inside = false;
                self.reconnecting = false;
                self.password_wanted = matches!(event, ConferenceEvent::PasswordRequired { .. });
            }
            ConferenceEvent::MutedByModerator {
                device: Device::Microphone,
                ..
            } => self.consent[0] = false,
            ConferenceEvent::MutedByModerator {
                device: Device::Camera, ..
            } => self.consent[1] = false,
            ConferenceEvent::Permission { device, permission, .. } if self.participant => {
                let index = usize::from(*device == Device::Camera);
                self.locked[index] = *permission == Permission::Locked;
                self.consent[index] &= !self.locked[index];
            }
            ConferenceEvent::Moderator(moderator) if self.participant => self.moderator = *moderator,
            ConferenceEvent::Participants(people) if self.participant => self.met |= !people.is_empty(),
            ConferenceEvent::Session(session) => {
                let id = session.as_ref().map(|session| session.id);
                self.session = id.filter(|id| self.participant && !self.dead.contains(id));
            }
            ConferenceEvent::Ending(_) => self.consent = [false; 2],
            ConferenceEvent::Ended(_) => self.nobody_inside(),
            _ => {}
        }
    }

    fn nobody_inside(&mut self) {
        self.participant = false;
        self.inside = false;
        self.consent = [false; 2];
        self.leave_told = false;
        self.locked = [false; 2];
        self.hand = false;
        self.moderator = false;
        self.met = false;
        self.password_wanted = false;
        self.reconnecting = false;
        self.session = None;
    }

    fn see_worker(&mut self, input: &WorkerInput) {
        match input {
            WorkerInput::Started | WorkerInput::Gone | WorkerInput::Failed => {
                if self.worker_runs {
                    self.dead.extend(self.session.take());
                }
                self.worker_runs = *input == WorkerInput::Started;
                self.open = [false; 2];
                self.stand_in = false;
                self.plan = None;
            }
            WorkerInput::Message(FromWorker::Capture(CaptureState { camera, microphone, .. })) if self.worker_runs => {
                self.open = [*microphone == DeviceState::Open, *camera == DeviceState::Open];
                self.stand_in = matches!(camera, DeviceState::Failed { .. });
            }
            WorkerInput::Message(FromWorker::Session { session, event }) if self.worker_runs => match event {
                SessionEvent::Connected { .. } => self.connected = Some(*session),
                SessionEvent::Failed { .. } => self.connected = self.connected.filter(|id| id != session),
                _ => {}
            },
            WorkerInput::Message(_) => {}
        }
    }

    pub fn see_effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Media(plan) => self.see_plan(plan),
            Effect::Conference(command) => self.see_told(command),
            Effect::State(state) => {
                assert_ne!(self.shown.as_ref(), Some(&**state), "told twice");
                self.shown = Some((**state).clone());
            }
            Effect::Abandon => {
                assert!(self.leave_told, "abandoned without having been told to leave");
                self.nobody_inside();
            }
            Effect::RestartWorker => {
                assert!(
                    self.worker_runs && self.plan.is_some(),
                    "a worker is killed that was told nothing"
                );
                assert!(self.open.contains(&true), "a worker is killed that holds nothing");
            }
            Effect::BridgeMessage(session, _) => assert!(self.worker_runs && Some(*session) == self.session),
            Effect::Milestone(Milestone::SelfTested(_)) => self.tests = false,
            Effect::Moved(_) | Effect::Milestone(_) => {}
        }
    }

    fn see_plan(&mut self, plan: &MediaPlan) {
        assert!(self.worker_runs, "a plan for nobody");
        assert_eq!(plan.revision, self.highest_revision + 1, "revisions grow by one");
        self.highest_revision = plan.revision;
        if let Some(last) = &self.plan {
            assert_ne!(
                &MediaPlan {
                    revision: plan.revision,
                    ..last.clone()
                },
                plan,
                "nothing changed"
            );
        }
        // Invariant 1: a capture device is planned only inside a meeting, with consent of the room, or for a self-test.
        let planned = [plan.microphone.is_some(), plan.camera.is_some()];
        for (index, purpose) in purposes(plan).into_iter().enumerate() {
            match purpose {
                Some(CapturePurpose::SelfTest) => {
                    assert!(self.tests && !self.participant, "device {index} tested in a meeting");
                }
                Some(_) => {
                    assert!(self.inside && !self.leave_told, "device {index} outside a meeting");
                    assert!(self.consent[index], "device {index} without consent");
                }
                None => {}
            }
        }
        assert!(plan.camera.is_none() || self.equipment.camera.is_some());
        assert!(plan.microphone.is_none() || self.equipment.microphone.is_some());
        // Invariant 2: nothing that comes from outside opens anything.
        if self.remote {
            let opened = (
                planned[0] && !self.planned_before.0,
                planned[1] && !self.planned_before.1,
            );
            assert_eq!(opened, (false, false), "switched on from outside");
        }
        if let Some(session) = &plan.session {
            assert!(self.inside && Some(session.id) == self.session);
            assert!(
                !session.send_audio || planned[0],
                "audio is sent from a closed microphone"
            );
            assert!(!session.send_video || planned[1], "video is sent from a closed camera");
        }
        if let Some(wall) = &plan.wall {
            assert!(wall.tiles.len() <= 6);
            assert!(wall.tiles.is_empty() || self.inside);
            let private = wall
                .banner
                .as_deref()
                .is_some_and(|banner| banner.contains(common_secret()));
            assert!(!private, "what was written to the room alone is on the wall");
        }
        self.plan = Some(plan.clone());
    }

    fn see_told(&mut self, command: &ConferenceCommand) {
        if let ConferenceCommand::Join(request) = command {
            assert!(!self.participant, "two participants at once");
            assert_eq!(request.muted, BOTH_MUTED, "nothing is open before the meeting");
            self.nobody_inside_but_consent();
            self.sources = Some(request.sources);
            return;
        }
        assert!(
            self.participant && !self.leave_told,
            "told to a participant that is gone: {command:?}"
        );
        match command {
            ConferenceCommand::Join(_) => {}
            ConferenceCommand::Leave => {
                self.leave_told = true;
                // Media is planned away before the goodbye.
                assert_eq!(self.planned(), (false, false));
                assert!(self.plan.as_ref().is_none_or(|plan| plan.session.is_none()));
            }
            ConferenceCommand::SetMuted(muted) => self.see_announcement(*muted),
            ConferenceCommand::Password(_) => {
                assert!(self.password_wanted, "a password that nobody asked for");
                self.password_wanted = false;
            }
            ConferenceCommand::Media(session, _) => assert_eq!(Some(*session), self.session),
            ConferenceCommand::MediaLost => assert_eq!(self.open, [false; 2]),
            ConferenceCommand::SetSources(sources) => {
                assert_ne!(self.sources, Some(*sources), "told twice");
                self.sources = Some(*sources);
            }
            ConferenceCommand::Receive(wish) => assert!(wish.others.len() < 6),
            ConferenceCommand::RaiseHand(up) => {
                assert!(self.inside && *up != self.hand, "a hand is raised once, in a meeting");
                self.hand = *up;
            }
            ConferenceCommand::SetName(_) | ConferenceCommand::Say { .. } | ConferenceCommand::Statistics(_) => {
                assert!(self.inside, "said to nobody: {command:?}");
            }
            ConferenceCommand::SetPassword(_) | ConferenceCommand::Admit { .. } => {
                assert!(self.inside && self.moderator, "only a moderator may: {command:?}");
            }
        }
    }

    fn nobody_inside_but_consent(&mut self) {
        let consent = self.consent;
        self.nobody_inside();
        self.consent = consent;
        self.participant = true;
        self.announced = BOTH_MUTED;
    }

    /// What the far side is told follows the device.
    fn see_announcement(&mut self, muted: Muted) {
        let devices = [(muted.audio, self.announced.audio), (muted.video, self.announced.video)];
        for (index, (muted, before)) in devices.into_iter().enumerate() {
            if muted && !before {
                assert!(!self.open[index], "muted is announced while device {index} is open");
            }
            if !muted && before {
                let given = self.open[index] || (index == 1 && self.stand_in);
                assert!(
                    given && self.consent[index],
                    "unmuted is announced of a closed device {index}"
                );
            }
        }
        self.announced = muted;
    }

    /// A box never keeps a meeting alive for nobody.
    fn see_company(&mut self, state: &RoomState, now: Instant) {
        assert!(!state.hand_raised || self.hand, "a hand that nobody raised");
        if state.state != State::InMeeting || state.participants > 1 {
            self.alone_since = None;
            return;
        }
        if self.stirred {
            self.alone_since = None;
        }
        let since = *self.alone_since.get_or_insert(now);
        let timing = room::Timing::default();
        let limit = if self.met { timing.alone } else { timing.expecting };
        assert!(now < since + limit, "alone since {:?}", now - since);
    }

    pub fn see_end(&mut self, effects: &[Effect], room: &Room, now: Instant) {
        let media = effects.iter().position(|effect| matches!(effect, Effect::Media(_)));
        let first_word = effects
            .iter()
            .position(|effect| matches!(effect, Effect::Conference(_)));
        if let (Some(media), Some(first_word)) = (media, first_word) {
            assert!(media < first_word, "the conference hears before the worker");
        }
        assert!(
            room.next_deadline().is_none_or(|at| at > now),
            "a deadline that has passed keeps the driver spinning"
        );
        let state = room.snapshot();
        assert_eq!(Some(&state), self.shown.as_ref(), "the last state shown is the state");
        // The state shown follows the device, not the wish.
        assert_eq!([state.microphone.open, state.camera.open], self.open);
        assert_eq!(state.worker_running, self.worker_runs);
        let meeting = matches!(state.state, State::InMeeting | State::Reconnecting);
        assert!(!meeting || self.inside, "a meeting that nobody joined");
        assert!(
            state.state == State::Idle || self.participant,
            "{:?} without a participant",
            state.state
        );
        assert!(
            state.state != State::Idle || !self.participant,
            "idle with a participant"
        );
        self.see_company(&state, now);
        let planned = self.planned();
        let testing = self.plan.as_ref().is_some_and(tests_itself);
        if testing {
            let urgent = state.located || state.bulletins.iter().any(|bulletin| bulletin.emergency);
            assert!(
                state.notice == Some(Notice::SelfTest) && !urgent,
                "tested without a word"
            );
        }
        // Invariant 3: while reconnecting only the media of before are fed.
        if state.state == State::Reconnecting && planned != (false, false) {
            assert!(
                self.carried.is_some() && self.carried == self.session && self.carried == self.connected,
                "captured for nobody"
            );
        }
        let consent_revoked = (planned.0 && !self.consent[0]) || (planned.1 && !self.consent[1]);
        assert!(
            testing || !consent_revoked,
            "a device stays in the plan after consent was revoked"
        );
        // The conference knows the devices that are there, and those that still send.
        if self.participant && !self.leave_told && state.state != State::Leaving {
            let there = Sources {
                audio: self.equipment.microphone.is_some() || self.open[0],
                video: self.equipment.camera.is_some() || self.open[1],
            };
            assert_eq!(self.sources, Some(there));
        }
        // Far side and device agree, except while a device is on its way to be closed.
        if self.participant && state.state != State::Leaving {
            assert!(self.announced.audio || self.open[0], "announced on, and closed");
            let given = self.open[1] || self.stand_in;
            assert!(self.announced.video || given, "announced on, and closed");
        }
    }
}
