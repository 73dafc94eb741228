//! The owner thread: the only one that changes anything. It reads its mailbox, brings the world to the plan, reports facts.

use base64::{Engine, prelude::BASE64_STANDARD};
use devices::{Codec, Discovery};
use gstreamer as gst;
use media_protocol::{
    CameraPlan, CapturePurpose, CaptureState, DeviceFault, EncoderFailure, EncoderGivenUp, Envelope, FromWorker,
    MediaPlan, MicrophonePlan, SessionEvent, SessionId, SessionPlan, Statistics, ToWorker, VideoCodec, WorkerHello,
};
use std::collections::HashSet;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crate::attached::Attached;
use crate::capture::{Capture, Tap, Wanted};
use crate::clock::now_ns;
use crate::elements::{self, BuildError, version};
use crate::encoding::Encoders;
use crate::encoding::in_use::InUse;
use crate::encoding::ladder::Step;
use crate::encoding::trials;
use crate::mailbox::{Inbox, Mailbox, Message, PipelineId};
use crate::output::{DisplayPlace, LoudspeakerPlace};
use crate::process;
use crate::self_test::SelfTest;
use crate::session::transport::TransportEvent;
use crate::session::{Session, Surroundings};
use crate::wall::{Board, Wall};

/// How often time is looked at.
const TICK: Duration = Duration::from_millis(100);
/// How often counters are sent.
const STATISTICS: Duration = Duration::from_secs(2);

/// Largest copy of the wall, bytes: in base64 it has to fit into a message.
const MAX_COPY: usize = 700 * 1024;

/// What there was before GStreamer was started.
#[derive(Debug)]
pub struct Start {
    codecs: Vec<Codec>,
    in_use: InUse,
    /// With these the worker before this one died.
    died_with: Vec<String>,
}

impl Start {
    /// Looks now. `folder`: see [`InUse::open`].
    #[must_use]
    pub fn now(folder: Option<&Path>) -> Self {
        let (in_use, died_with) = InUse::open(folder);
        Self {
            codecs: devices::Bus::of_environment().inventory().codecs,
            in_use,
            died_with,
        }
    }
}

/// Everything the worker holds.
#[derive(Debug)]
pub struct Owner {
    messages: Inbox,
    reports: Sender<Envelope<FromWorker>>,
    epoch: Option<u64>,
    plan: MediaPlan,
    attached: Attached,
    /// Tells what is plugged in.
    _monitor: devices::Monitor,
    around: Surroundings,
    camera: Capture,
    microphone: Capture,
    told_capture: Option<CaptureState>,
    told_impaired: (Option<DeviceFault>, Option<DeviceFault>),
    told_codecs: Option<Vec<VideoCodec>>,
    /// Pictures of others in H.264 can be shown.
    decodes_h264: bool,
    self_test: Option<SelfTest>,
    session: Option<Session>,
    /// The session of the plan, also when it could not be built.
    session_id: Option<SessionId>,
    wall: Wall,
    display: DisplayPlace,
    loudspeaker: LoudspeakerPlace,
    statistics: Instant,
    /// With these encoders the worker before this one died.
    died_with: Vec<String>,
}

impl Owner {
    /// A dark, silent worker.
    ///
    /// # Errors
    /// [`BuildError::Thread`].
    pub fn new(
        mailbox: &Mailbox,
        messages: Inbox,
        reports: Sender<Envelope<FromWorker>>,
        start: Start,
    ) -> Result<Self, BuildError> {
        let (camera, microphone, board) = (Tap::default(), Tap::default(), Board::default());
        let told = mailbox.clone();
        let monitor = devices::Monitor::start(devices::Bus::of_environment(), move |view| {
            told.post(Message::Attached(Box::new(view)));
        })?;
        Ok(Self {
            messages,
            reports,
            epoch: None,
            plan: MediaPlan::default(),
            attached: Attached::after(start.codecs),
            _monitor: monitor,
            camera: Capture::new("camera", camera.clone(), mailbox.clone()),
            microphone: Capture::new("microphone", microphone.clone(), mailbox.clone()),
            told_capture: None,
            told_impaired: (None, None),
            told_codecs: None,
            decodes_h264: elements::decodes_h264(),
            self_test: None,
            session: None,
            session_id: None,
            wall: Wall::start(board.clone(), mailbox.clone())?,
            display: DisplayPlace::new(mailbox),
            loudspeaker: LoudspeakerPlace::new(mailbox),
            statistics: Instant::now(),
            around: Surroundings {
                camera,
                microphone,
                board,
                mailbox: mailbox.clone(),
                encoders: Encoders {
                    steps: trials::software(),
                    in_use: start.in_use,
                    ..Encoders::default()
                },
            },
            died_with: start.died_with,
        })
    }

    /// Works until the other side says so or is gone. When this returns, every device is closed.
    pub fn run(mut self) {
        let mut tick = Instant::now() + TICK;
        loop {
            let message = match self
                .messages
                .recv_timeout(tick.saturating_duration_since(Instant::now()))
            {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if message.is_some_and(|message| !self.on_message(message)) || self.is_outdated() {
                break;
            }
            if Instant::now() >= tick {
                tick = Instant::now() + TICK;
                self.on_tick();
            }
            self.tell_capture();
        }
        self.close();
    }

    /// Other codecs are there than when this process began, and nothing is open that would be missed. GStreamer has an element for each
    /// codec that it found when it was started, so that only the next process can try them.
    fn is_outdated(&self) -> bool {
        let plan = &self.plan;
        let idle = plan.session.is_none() && plan.camera.is_none() && plan.microphone.is_none();
        let outdated = idle && self.attached.has_other_codecs();
        if outdated {
            tracing::info!("codecs have come or gone: the worker begins anew");
        }
        outdated
    }

    /// False: the end.
    fn on_message(&mut self, message: Message) -> bool {
        match message {
            Message::Command(envelope) => return self.on_command(envelope),
            Message::EndOfFile => return false,
            Message::Bus(id, message) => self.on_bus(id, &message),
            Message::Failed(id, fault) => {
                self.camera.on_failed(id, &fault);
                self.microphone.on_failed(id, &fault);
            }
            Message::Impaired(id, fault) => {
                self.camera.on_impaired(id, fault.as_ref());
                self.microphone.on_impaired(id, fault.as_ref());
                self.loudspeaker.on_impaired(id, fault.as_ref());
            }
            Message::Encoders(mut steps) => {
                steps.retain(|step| !self.died_with.contains(&step.to_string()));
                self.around.encoders.steps = steps;
                if let Some(session) = &mut self.session {
                    session.set_encoders(&self.around.encoders);
                }
                self.tell_codecs();
            }
            Message::Attached(view) => {
                self.attached.set(*view);
                self.attach();
                // What is closed is said before what is gone.
                self.tell_capture();
                self.tell_attached();
            }
            Message::Transport(id, event) => self.on_transport(id, event),
            Message::FirstPacket(session, kind, at_ns) => {
                self.tell_session(session, SessionEvent::FirstPacketSent { kind, at_ns });
            }
            Message::Wall(state) => self.tell(FromWorker::Wall(state)),
            Message::WallCopy(jpeg) => self.tell(FromWorker::WallCopy {
                jpeg: jpeg
                    .filter(|jpeg| jpeg.len() <= MAX_COPY)
                    .map(|jpeg| BASE64_STANDARD.encode(jpeg)),
            }),
        }
        true
    }

    fn on_command(&mut self, Envelope { epoch, message }: Envelope<ToWorker>) -> bool {
        if let ToWorker::Hello { version } = message {
            self.epoch = Some(epoch);
            self.told_codecs = None;
            let hello = WorkerHello {
                version: media_protocol::VERSION,
                pid: std::process::id(),
                gstreamer: self::version(),
            };
            self.tell(FromWorker::Hello(hello));
            process::is_ready();
            self.tell_attached();
            self.tell_codecs();
            self.tell_died_with();
            if version != media_protocol::VERSION {
                tracing::error!(
                    theirs = version,
                    ours = media_protocol::VERSION,
                    "roomd speaks another version of the contract"
                );
            }
            return version == media_protocol::VERSION;
        }
        if self.epoch != Some(epoch) {
            tracing::warn!(epoch, "a message of another epoch is dropped");
            return true;
        }
        match message {
            ToWorker::Hello { .. } => {}
            ToWorker::Ping => {
                process::is_alive();
                self.tell(FromWorker::Pong);
            }
            ToWorker::CopyWall => self.wall.copy(),
            ToWorker::Plan(plan) if plan.revision <= self.plan.revision => {
                tracing::warn!(revision = plan.revision, "a plan that is not new is ignored");
            }
            ToWorker::Plan(plan) => self.apply(*plan),
            ToWorker::BridgeMessage { session, text } => {
                if let Some(session) = self.session.as_ref().filter(|known| known.id() == session) {
                    session.send_text(&text);
                }
            }
            ToWorker::Shutdown => return false,
        }
        true
    }

    /// Closes before it opens: what leaves the box ends first, then devices close, then the rest follows.
    fn apply(&mut self, plan: MediaPlan) {
        let revision = plan.revision;
        self.plan = plan;
        if self.session_id != self.plan.session.as_ref().map(|session| session.id) {
            self.silence();
        } else {
            self.update_session();
        }
        let (camera, microphone) = self.wanted();
        self.camera.close_unless(camera.as_ref());
        self.microphone.close_unless(microphone.as_ref());
        self.tell_capture();
        self.replace_session();
        self.camera.set(camera);
        self.microphone.set(microphone);
        let meeting = |plan: &&CameraPlan| plan.purpose == CapturePurpose::Meeting;
        let sentence = self.plan.camera.as_ref().filter(meeting);
        self.camera.set_sentence(sentence.map(|plan| plan.stand_in.clone()));
        self.wall.set_plan(self.plan.wall.clone(), self.session_id);
        self.set_loudspeaker();
        self.set_display();
        self.update_session();
        self.begin_self_test();
        self.tell(FromWorker::Applied { revision });
        self.tell_faults();
    }

    /// The capture devices that shall be open: those of the plan, as far as they are plugged in.
    fn wanted(&mut self) -> (Option<Wanted>, Option<Wanted>) {
        let camera = self.attached.camera(self.plan.camera.as_ref());
        (camera, self.attached.microphone(self.plan.microphone.as_ref()))
    }

    fn set_loudspeaker(&mut self) {
        let loudspeaker = self.attached.loudspeaker(self.plan.loudspeaker.as_ref());
        self.loudspeaker.set(loudspeaker.as_ref());
    }

    fn set_display(&mut self) {
        let display = self.attached.display(self.plan.wall.as_ref().map(|wall| &wall.display));
        self.display.set(display.as_ref(), &self.wall);
    }

    /// Something was plugged in or pulled out: the plan is the same, what can be had of it is not.
    fn attach(&mut self) {
        let (camera, microphone) = self.wanted();
        self.camera.set(camera);
        self.microphone.set(microphone);
        self.set_loudspeaker();
        self.set_display();
        if let Some(session) = &self.session {
            self.loudspeaker.mix(&session.sounds());
        }
        let now = Instant::now();
        self.camera.hurry(now);
        self.microphone.hurry(now);
        self.tell_faults();
    }

    fn tell_attached(&self) {
        if let Some(names) = self.attached.names() {
            self.tell(FromWorker::Attached(names));
        }
    }

    /// As long as the plan says so; the test itself ends earlier.
    fn begin_self_test(&mut self) {
        let camera = self.plan.camera.as_ref().map(|plan| plan.purpose);
        let microphone = self.plan.microphone.as_ref().map(|plan| plan.purpose);
        let tested = |purpose| purpose == Some(CapturePurpose::SelfTest);
        if !tested(camera) && !tested(microphone) {
            self.self_test = None;
        } else if self.self_test.is_none() {
            let camera = tested(camera).then_some(&self.around.camera);
            let microphone = tested(microphone).then_some(&self.around.microphone);
            self.self_test = Some(SelfTest::begin(camera, microphone, &self.around.mailbox));
        }
    }

    /// Ends sending of a session that is about to be dropped.
    fn silence(&mut self) {
        if let Some(session) = &mut self.session {
            session.silence();
        }
    }

    fn replace_session(&mut self) {
        let wanted = self.plan.session.as_ref().map(|session| session.id);
        if self.session_id == wanted {
            return;
        }
        self.loudspeaker.mix(&std::collections::BTreeMap::new());
        self.session = None;
        self.session_id = wanted;
        self.statistics = Instant::now();
        let Some(plan) = self.effective_session() else { return };
        match Session::start(plan, &self.around) {
            Ok(session) => self.session = Some(session),
            Err(error) => {
                tracing::error!(%error, "a session cannot be built");
                self.tell_session_of_plan(SessionEvent::Failed {
                    reason: error.to_string(),
                });
            }
        }
    }

    /// The plan's session, with nothing sent of a device that is open for another purpose than the meeting
    /// (invariant 1 of the map).
    fn effective_session(&self) -> Option<SessionPlan> {
        let mut session = self.plan.session.clone()?;
        let camera = |plan: &CameraPlan| plan.purpose == CapturePurpose::Meeting;
        let microphone = |plan: &MicrophonePlan| plan.purpose == CapturePurpose::Meeting;
        session.send_video &= self.plan.camera.as_ref().is_some_and(camera);
        session.send_audio &= self.plan.microphone.as_ref().is_some_and(microphone);
        Some(session)
    }

    fn update_session(&mut self) {
        let Some(plan) = self.effective_session() else { return };
        let tiles = self
            .plan
            .wall
            .iter()
            .flat_map(|wall| &wall.tiles)
            .take(crate::wall::layout::MAX_TILES);
        let sources: HashSet<String> = tiles.filter_map(|tile| tile.source.clone()).collect();
        let listen = self.plan.loudspeaker.is_some();
        if let Some(session) = self.session.as_mut().filter(|session| session.id() == plan.id) {
            session.update(plan, sources, listen);
            self.loudspeaker.mix(&session.sounds());
        }
    }

    fn on_transport(&mut self, id: SessionId, event: TransportEvent) {
        let Some(session) = self.session.as_mut().filter(|session| session.id() == id) else {
            return;
        };
        let is_text = matches!(event, TransportEvent::Text(_));
        let events = session.on_transport(event);
        if !is_text {
            self.loudspeaker.mix(&session.sounds());
        }
        events.into_iter().for_each(|event| self.tell_session(id, event));
    }

    fn on_bus(&mut self, id: PipelineId, message: &gst::Message) {
        match id {
            PipelineId::Camera(_) => self.camera.on_bus(id, message),
            PipelineId::Microphone(_) => self.microphone.on_bus(id, message),
            PipelineId::Loudspeaker(_) => self.loudspeaker.on_bus(id, message),
            PipelineId::SelfTest => self.self_test.iter().for_each(|test| test.on_bus(message)),
            PipelineId::Display(_) => self.display.on_bus(id, message, &self.wall),
            PipelineId::Session(session_id) => {
                let session = self.session.as_mut().filter(|session| session.id() == session_id);
                let event = session.and_then(|session| session.on_bus(message));
                event.into_iter().for_each(|event| self.tell_session(session_id, event));
            }
        }
        self.tell_faults();
    }

    fn on_tick(&mut self) {
        let now = Instant::now();
        self.camera.tick(now);
        self.microphone.tick(now);
        self.display.tick(now, &self.wall);
        self.loudspeaker.tick(now);
        self.tell_faults();
        // Encoders begin to rest, and have rested.
        self.tell_codecs();
        if let Some(report) = self.self_test.as_mut().and_then(|test| test.tick(now)) {
            self.tell(FromWorker::SelfTest(report));
        }
        let Some(session) = &mut self.session else { return };
        let id = session.id();
        let given_up = session.tick_encoders();
        let event = session.tick();
        self.loudspeaker.mix(&session.sounds());
        let since = now.saturating_duration_since(self.statistics);
        let statistics = (since >= STATISTICS).then(|| {
            let open = *self.microphone.state() == media_protocol::DeviceState::Open;
            let microphone = &self.around.microphone;
            Statistics {
                microphone_level: if open { microphone.level() } else { -127.0 },
                microphone_overruns: microphone.overruns(),
                loudspeaker_underruns: crate::underruns::so_far(),
                ..session.statistics(since)
            }
        });
        event.into_iter().for_each(|event| self.tell_session(id, event));
        for encoder in given_up {
            self.tell(FromWorker::EncoderGivenUp(encoder));
        }
        if let Some(statistics) = statistics {
            self.statistics = now;
            self.tell(FromWorker::Statistics(statistics));
        }
    }

    fn tell_faults(&mut self) {
        let recovered = [
            self.loudspeaker.trouble.take_recovery(),
            self.display.trouble.take_recovery(),
        ];
        for device in recovered.into_iter().flatten() {
            self.tell(FromWorker::PlaybackRecovered { device });
            // Whoever shows one fault at a time learns of the other that still stands.
            self.loudspeaker.trouble.repeat_fault();
            self.display.trouble.repeat_fault();
        }
        let faults = [self.loudspeaker.trouble.take_fault(), self.display.trouble.take_fault()];
        for (device, fault) in faults.into_iter().flatten() {
            self.tell(FromWorker::PlaybackFault { device, fault });
        }
    }

    /// H.264 where it costs less than VP8, which is when it is made in hardware, and others can be shown in it. Said when it changes.
    fn tell_codecs(&mut self) {
        let codecs = if self.decodes_h264 && self.around.encoders.have_hardware(Instant::now()) {
            vec![VideoCodec::H264, VideoCodec::Vp8]
        } else {
            vec![VideoCodec::Vp8]
        };
        if self.epoch.is_some() && self.told_codecs.as_ref() != Some(&codecs) {
            self.told_codecs = Some(codecs.clone());
            self.tell(FromWorker::VideoCodecs { codecs });
        }
    }

    /// The worker before this one died with these encoders: they are left alone until the next.
    fn tell_died_with(&self) {
        for encoder in &self.died_with {
            tracing::error!(encoder, "the worker before this one died with it: it is not used");
            self.tell(FromWorker::EncoderGivenUp(EncoderGivenUp {
                encoder: encoder.clone(),
                failure: EncoderFailure::Fatal,
                successor: self.around.encoders.steps.first().map(Step::to_string),
            }));
        }
    }

    fn tell_capture(&mut self) {
        let state = CaptureState {
            camera: self.camera.state().clone(),
            microphone: self.microphone.state().clone(),
            at_ns: now_ns(),
        };
        let same = self
            .told_capture
            .as_ref()
            .is_some_and(|told| told.camera == state.camera && told.microphone == state.microphone);
        if !same && self.epoch.is_some() {
            self.told_capture = Some(state.clone());
            self.tell(FromWorker::Capture(state));
        }
        let impaired = (self.camera.impairment(), self.microphone.impairment());
        if impaired != self.told_impaired && self.epoch.is_some() {
            self.told_impaired = impaired.clone();
            let (camera, microphone) = impaired;
            self.tell(FromWorker::Impaired { camera, microphone });
        }
    }

    fn tell_session_of_plan(&self, event: SessionEvent) {
        if let Some(id) = self.session_id {
            self.tell_session(id, event);
        }
    }

    fn tell_session(&self, session: SessionId, event: SessionEvent) {
        self.tell(FromWorker::Session { session, event });
    }

    fn tell(&self, message: FromWorker) {
        if let Some(epoch) = self.epoch {
            let _ = self.reports.send(Envelope { epoch, message });
        }
    }

    /// Devices first; they are what people must be able to trust.
    fn close(&mut self) {
        self.silence();
        self.camera.set(None);
        self.microphone.set(None);
        self.tell_capture();
        self.session = None;
        self.loudspeaker.set(None);
        self.display.set(None, &self.wall);
        tracing::info!("every device is closed");
    }
}
