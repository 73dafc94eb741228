//! A room with its surroundings played by the test: a clock that only the test moves, and a worker that obeys.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::expect_used, reason = "a test that meets nothing shall stop")]

use std::time::{Duration, Instant};

use media_protocol::{
    AudioOffer, CameraDevice, CaptureState, DeviceState, DisplayDevice, FromWorker, LoudspeakerDevice, MediaPlan,
    MicrophoneDevice, RemoteTransport, SessionEvent, SessionId, SessionOffer, SessionPlan, VideoCodec, VideoOffer,
};
use room::conference::{ConferenceCommand, ConferenceEvent, Device, Muted, Participant, ParticipantId};
use room::{
    Effect, Equipment, JoinCommand, Origin, Outcome, Room, RoomCommand, RoomInput, RoomOptions, RoomState, State,
    WorkerInput,
};

pub fn equipment() -> Equipment {
    Equipment {
        camera: Some(CameraDevice::Simulated { plug: None }),
        microphone: Some(MicrophoneDevice::Simulated { plug: None }),
        loudspeaker: Some(LoudspeakerDevice::Simulated { record: None }),
        display: Some(DisplayDevice::Simulated { snapshot: None }),
        microphone_channels: Vec::new(),
    }
}

pub fn options() -> RoomOptions {
    RoomOptions {
        equipment: equipment(),
        ..RoomOptions::default()
    }
}

pub fn join(origin: Origin, muted: Muted) -> RoomCommand {
    RoomCommand::Join(Box::new(JoinCommand {
        url: "https://conference.example/Room".into(),
        name: "Salle 4".into(),
        password: None,
        token: None,
        muted,
        origin,
    }))
}

pub const ALL_ON: Muted = Muted {
    audio: false,
    video: false,
};
pub const ALL_OFF: Muted = Muted {
    audio: true,
    video: true,
};

pub fn session(id: u64) -> ConferenceEvent {
    let audio = AudioOffer {
        payload_types: vec![],
        audio_level_extension: None,
        transport_cc_extension: None,
        ssrc: 1,
    };
    let video = VideoOffer {
        payload_types: vec![],
        transport_cc_extension: None,
        abs_send_time_extension: None,
        codec: VideoCodec::Vp8,
    };
    let remote = RemoteTransport {
        ufrag: "u".into(),
        pwd: "p".into(),
        candidates: vec![],
        fingerprints: vec![],
        sctp_port: Some(5000),
    };
    ConferenceEvent::Session(Some(Box::new(SessionPlan {
        id: SessionId(id),
        offer: SessionOffer {
            remote,
            ice_servers: vec![],
            network: media_protocol::NetworkSettings::default(),
            audio,
            video,
        },
        layers: vec![],
        send_audio: true,
        send_video: true,
        streams: vec![],
    })))
}

pub fn id(name: &str) -> ParticipantId {
    ParticipantId(name.to_owned())
}

/// Somebody with a camera.
pub fn person(name: &str) -> Participant {
    Participant {
        id: id(name),
        name: Some(name.to_uppercase()),
        audio_muted: false,
        video_muted: false,
        camera: Some(format!("{name}-v0")),
        desktop: None,
        raised_hand: None,
        encrypted: false,
        moderator: false,
        quality: None,
    }
}

pub fn joined() -> ConferenceEvent {
    ConferenceEvent::Joined { me: id("me") }
}

fn device_state(open: bool) -> DeviceState {
    if open { DeviceState::Open } else { DeviceState::Closed }
}

/// A room and everything around it.
pub struct Story {
    pub room: Room,
    pub now: Instant,
    pub start: Instant,
    /// The worker does at once what the plan says.
    pub obedient: bool,
    /// Every effect so far.
    pub effects: Vec<Effect>,
    /// The effects of the last input (and of the obedient worker's answers).
    pub last: Vec<Effect>,
    pub plan: Option<MediaPlan>,
    pub microphone_open: bool,
    pub camera_open: bool,
}

impl Story {
    pub fn new(options: RoomOptions) -> Self {
        let now = Instant::now();
        Self {
            room: Room::new(options),
            now,
            start: now,
            obedient: true,
            effects: vec![],
            last: vec![],
            plan: None,
            microphone_open: false,
            camera_open: false,
        }
    }

    /// An idle room whose worker runs.
    pub fn idle() -> Self {
        let mut story = Self::new(options());
        story.worker(WorkerInput::Started);
        story
    }

    /// In a meeting, joined in the room with both devices on and open, media running in session 1.
    pub fn in_meeting() -> Self {
        let mut story = Self::idle();
        story.command(join(Origin::InRoom, ALL_ON));
        story.conference(joined());
        story.conference(session(1));
        story.session_event(1, SessionEvent::Connected { at_ns: 1 });
        assert_eq!(story.state().state, State::InMeeting);
        story
    }

    pub fn input(&mut self, input: RoomInput) {
        self.last.clear();
        self.pass(input);
    }

    fn pass(&mut self, input: RoomInput) {
        let effects = self.room.handle(input, self.now);
        let mut answers = vec![];
        for effect in &effects {
            if let Effect::Media(plan) = effect {
                answers.push(RoomInput::Worker(WorkerInput::Message(FromWorker::Applied {
                    revision: plan.revision,
                })));
                let want = (plan.microphone.is_some(), plan.camera.is_some());
                if self.obedient && want != (self.microphone_open, self.camera_open) {
                    (self.microphone_open, self.camera_open) = want;
                    answers.push(self.capture_fact());
                }
                self.plan = Some((**plan).clone());
            }
        }
        self.last.extend(effects.iter().cloned());
        self.effects.extend(effects);
        if self.obedient {
            answers.into_iter().for_each(|answer| self.pass(answer));
        }
    }

    fn capture_fact(&self) -> RoomInput {
        RoomInput::Worker(WorkerInput::Message(FromWorker::Capture(CaptureState {
            camera: device_state(self.camera_open),
            microphone: device_state(self.microphone_open),
            at_ns: u64::try_from((self.now - self.start).as_nanos()).unwrap_or(u64::MAX),
        })))
    }

    /// The worker says which devices are open.
    pub fn capture(&mut self, microphone: bool, camera: bool) {
        (self.microphone_open, self.camera_open) = (microphone, camera);
        self.input(self.capture_fact());
    }

    pub fn command(&mut self, command: RoomCommand) {
        self.input(RoomInput::Command(command));
    }

    pub fn conference(&mut self, event: ConferenceEvent) {
        self.input(RoomInput::Conference(event));
    }

    pub fn worker(&mut self, input: WorkerInput) {
        if matches!(input, WorkerInput::Gone | WorkerInput::Failed) {
            (self.microphone_open, self.camera_open) = (false, false);
        }
        self.input(RoomInput::Worker(input));
    }

    pub fn message(&mut self, message: FromWorker) {
        self.worker(WorkerInput::Message(message));
    }

    pub fn session_event(&mut self, session: u64, event: SessionEvent) {
        self.message(FromWorker::Session {
            session: SessionId(session),
            event,
        });
    }

    /// Lets time pass as a driver does: wakes at each deadline. All effects of that time are in `last`.
    pub fn pass_time(&mut self, time: Duration) {
        let end = self.now + time;
        self.last.clear();
        while let Some(at) = self.room.next_deadline().filter(|at| *at <= end) {
            assert!(at > self.now, "a deadline in the past keeps the driver spinning");
            self.now = at;
            self.pass(RoomInput::Timer);
        }
        self.now = end;
    }

    pub fn state(&self) -> RoomState {
        self.room.snapshot()
    }

    pub fn plan(&self) -> &MediaPlan {
        self.plan.as_ref().expect("a plan was sent")
    }

    /// What was told to the conference by the last input.
    pub fn told(&self) -> Vec<ConferenceCommand> {
        told(&self.last)
    }

    /// Position of the first such effect of the last input.
    pub fn position(&self, wanted: impl Fn(&Effect) -> bool) -> Option<usize> {
        self.last.iter().position(wanted)
    }

    pub fn set(&mut self, device: Device, on: bool, origin: Origin) {
        self.command(match device {
            Device::Microphone => RoomCommand::SetMicrophone { on, origin },
            Device::Camera => RoomCommand::SetCamera { on, origin },
        });
    }

    pub fn assert_ended(&self, outcome: Outcome) {
        assert_eq!((self.state().state, self.state().outcome), (State::Idle, Some(outcome)));
        assert!(!self.state().camera.open && !self.state().microphone.open);
    }
}

pub fn told(effects: &[Effect]) -> Vec<ConferenceCommand> {
    let command = |effect: &Effect| match effect {
        Effect::Conference(command) => Some(command.clone()),
        _ => None,
    };
    effects.iter().filter_map(command).collect()
}
