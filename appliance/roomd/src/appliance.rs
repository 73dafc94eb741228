//! Joins the parts of the box: commands, room, participant, media worker. It carries every effect of the room to where
//! it belongs and every event back; it decides nothing.

use std::{path::PathBuf, time::Instant};

use base64::{Engine, prelude::BASE64_STANDARD};
use media_protocol::{FromWorker, NetworkSettings};
use room::{
    Bulletin, Effect, Equipment, Milestone, People, RemoteCommand, Room, RoomCommand, RoomInput, RoomOptions,
    RoomState, SelfTestEnd, Transition, WorkerInput,
    conference::{ConferenceCommand, ConferenceEvent},
};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, oneshot},
};

use crate::check::{self, DeviceChange};
use crate::liveness::{Liveness, Pulse};
use crate::worker::{Worker, WorkerNews};

/// Session ids set aside for each meeting.
const SESSIONS_PER_MEETING: u64 = 1 << 32;

/// Somebody who looks on: a terminal, a report, a log.
pub trait Observer {
    /// Something worth a time stamp happened.
    fn milestone(&mut self, milestone: &Milestone);
    /// The room took a transition.
    fn moved(&mut self, transition: &Transition);
    /// The state of the room changed.
    fn state(&mut self, state: &RoomState);
    /// The worker said something, before the room hears it.
    fn worker(&mut self, news: &WorkerNews);
}

/// What others ask of the appliance.
#[derive(Debug)]
pub enum Request {
    /// A command for the room.
    Command(RoomCommand),
    /// Use other devices; the answer is why not, in words.
    Devices(DeviceChange, oneshot::Sender<Result<(), String>>),
    /// Reach meetings this way from now on.
    Participation(Box<Participation>),
    /// Leave, close everything and end, as on SIGTERM.
    Stop,
    /// A JPEG of what the wall shows; the sender falls when there is none.
    CopyWall(oneshot::Sender<Vec<u8>>),
    /// Look whether camera, microphone and encoder work.
    SelfTest(oneshot::Sender<SelfTestEnd>),
    /// The state of the room, now.
    State(oneshot::Sender<RoomState>),
    /// Who is there, by name.
    People(oneshot::Sender<People>),
}

impl Request {
    /// Shows this while nothing else is to be said, and no other bulletin.
    pub fn bulletin(text: String) -> Self {
        let bulletin = Bulletin {
            text,
            emergency: false,
            code: None,
        };
        Self::Command(RoomCommand::Remote(RemoteCommand::ShowBulletins(vec![bulletin])))
    }
}

/// How meetings are reached.
#[derive(Debug, Clone)]
pub struct Participation {
    /// Where the box stands, in the service's words.
    pub region: Option<String>,
    /// The way out of the network.
    pub network: NetworkSettings,
}

/// When [`Appliance::run`] ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// With the first meeting (`roomd join`).
    OneMeeting,
    /// With SIGTERM or SIGINT (`roomd run`).
    Daemon,
}

/// The box, assembled.
pub struct Appliance<O> {
    room: Room,
    /// As the room knows it.
    equipment: Equipment,
    worker: Worker,
    pulse: Pulse,
    news: mpsc::Receiver<WorkerNews>,
    participant: Option<jitsi::Handle>,
    participants: jitsi::Starter,
    participant_options: jitsi::Options,
    observer: O,
    lifetime: Lifetime,
    stopping: bool,
    meeting_over: bool,
    /// Who waits for a copy of the wall.
    copies: Vec<oneshot::Sender<Vec<u8>>>,
    /// Who waits for the end of a self-test.
    tests: Vec<oneshot::Sender<SelfTestEnd>>,
}

impl<O: Observer> Appliance<O> {
    /// Starts the media worker (a program, or systemd's socket) and builds the parts.
    pub fn new(
        room: RoomOptions,
        participant_options: jitsi::Options,
        media_worker: PathBuf,
        observer: O,
        lifetime: Lifetime,
        liveness: &Liveness,
    ) -> Self {
        let (worker, news) = Worker::supervise(media_worker, liveness.pulse("worker"));
        Self {
            equipment: room.equipment.clone(),
            room: Room::new(room),
            worker,
            pulse: liveness.pulse("room"),
            news,
            participant: None,
            participants: jitsi::Starter::new(participant_options.network.clone()),
            participant_options,
            observer,
            lifetime,
            stopping: false,
            meeting_over: false,
            copies: Vec::new(),
            tests: Vec::new(),
        }
    }

    /// Lives until its [`Lifetime`] ends; then every device is closed and the observer is given back.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub async fn run(mut self, mut requests: mpsc::Receiver<Request>) -> std::io::Result<O> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        while !self.is_over() {
            self.pulse.beat();
            if let Some(input) = self.next_input(&mut requests, &mut terminate, &mut interrupt).await {
                for effect in self.room.handle(input, Instant::now()) {
                    self.carry_out(effect).await;
                }
            }
        }
        drop(self.news);
        self.worker.stop().await;
        Ok(self.observer)
    }

    fn is_over(&self) -> bool {
        let idle = self.room.snapshot().state == room::State::Idle;
        match self.lifetime {
            Lifetime::OneMeeting => self.meeting_over || (self.stopping && idle),
            Lifetime::Daemon => self.stopping && idle,
        }
    }

    async fn next_input(
        &mut self,
        requests: &mut mpsc::Receiver<Request>,
        terminate: &mut Signal,
        interrupt: &mut Signal,
    ) -> Option<RoomInput> {
        let deadline = self.room.next_deadline();
        tokio::select! {
            biased;
            _ = terminate.recv() => self.stop(),
            _ = interrupt.recv() => self.stop(),
            event = next_event(&mut self.participant) => self.conference_event(event),
            Some(news) = self.news.recv() => self.worker_news(news),
            Some(request) = requests.recv() => self.request(request),
            () = until(deadline) => Some(RoomInput::Timer),
            () = self.pulse.due() => None,
        }
    }

    fn stop(&mut self) -> Option<RoomInput> {
        self.stopping = true;
        Some(RoomInput::Command(RoomCommand::Leave))
    }

    fn conference_event(&mut self, event: Option<ConferenceEvent>) -> Option<RoomInput> {
        match event {
            Some(event) => {
                if matches!(event, ConferenceEvent::Ended(_)) {
                    self.participant = None;
                }
                Some(RoomInput::Conference(event))
            }
            None => {
                self.participant = None;
                tracing::error!("the participant's task ended without a word");
                Some(RoomInput::Conference(ConferenceEvent::Ended(
                    room::Outcome::ProtocolError,
                )))
            }
        }
    }

    fn worker_news(&mut self, news: WorkerNews) -> Option<RoomInput> {
        self.observer.worker(&news);
        Some(RoomInput::Worker(match news {
            WorkerNews::Started(hello) => {
                tracing::info!(pid = hello.pid, gstreamer = hello.gstreamer, "media worker ready");
                WorkerInput::Started
            }
            WorkerNews::Message(FromWorker::WallCopy { jpeg }) => {
                self.copied(jpeg.as_deref());
                return None;
            }
            WorkerNews::Message(FromWorker::VideoCodecs { codecs }) => {
                tracing::info!(?codecs, "codecs of pictures, from the next meeting on");
                if !codecs.is_empty() {
                    self.participant_options.video_codecs = codecs;
                }
                return None;
            }
            WorkerNews::Message(message) => WorkerInput::Message(message),
            WorkerNews::Gone { reason } => {
                tracing::warn!(reason, "media worker gone");
                self.copies.clear();
                WorkerInput::Gone
            }
            WorkerNews::Failed { reason } => {
                tracing::error!(reason, "media worker cannot be started");
                WorkerInput::Failed
            }
        }))
    }

    fn request(&mut self, request: Request) -> Option<RoomInput> {
        match request {
            Request::Command(command) => Some(RoomInput::Command(command)),
            Request::Devices(wanted, reply) => self.devices(&wanted, reply),
            Request::Participation(participation) => {
                self.participate(*participation);
                None
            }
            Request::Stop => self.stop(),
            Request::CopyWall(reply) => {
                if self.worker.copy_wall() {
                    self.copies.push(reply);
                }
                None
            }
            Request::SelfTest(reply) => {
                self.tests.push(reply);
                Some(RoomInput::Command(RoomCommand::Remote(RemoteCommand::SelfTest)))
            }
            Request::State(reply) => {
                if reply.send(self.room.snapshot()).is_err() {
                    tracing::debug!("whoever asked for the state is gone");
                }
                None
            }
            Request::People(reply) => {
                if reply.send(self.room.people()).is_err() {
                    tracing::debug!("whoever asked for the people is gone");
                }
                None
            }
        }
    }

    fn copied(&mut self, jpeg: Option<&str>) {
        let jpeg = jpeg.and_then(|text| BASE64_STANDARD.decode(text).ok());
        for waiting in self.copies.drain(..) {
            if let Some(jpeg) = &jpeg {
                // Who asked may be gone.
                let _ = waiting.send(jpeg.clone());
            }
        }
    }

    /// From the next meeting on.
    fn participate(&mut self, participation: Participation) {
        if self.participant_options.network != participation.network {
            self.participants = jitsi::Starter::new(participation.network.clone());
        }
        self.participant_options.network = participation.network;
        self.participant_options.region = participation.region;
    }

    fn devices(&mut self, wanted: &DeviceChange, reply: oneshot::Sender<Result<(), String>>) -> Option<RoomInput> {
        let (input, answer) = match check::change(&self.equipment, wanted) {
            Ok(equipment) => {
                self.equipment = equipment.clone();
                (Some(RoomInput::Equipment(Box::new(equipment))), Ok(()))
            }
            Err(failure) => (None, Err(failure.to_string())),
        };
        if reply.send(answer).is_err() {
            tracing::debug!("whoever asked for other devices is gone");
        }
        input
    }

    async fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Moved(transition) => self.observer.moved(&transition),
            Effect::Milestone(milestone) => {
                self.meeting_over |= matches!(milestone, Milestone::Ended(_));
                if let Milestone::SelfTested(end) = &milestone {
                    for waiting in self.tests.drain(..) {
                        // Who asked may be gone.
                        let _ = waiting.send(end.clone());
                    }
                }
                self.observer.milestone(&milestone);
            }
            Effect::Media(plan) => self.worker.plan(*plan),
            Effect::BridgeMessage(session, text) => self.worker.bridge_message(session, text),
            Effect::Conference(command) => self.tell_conference(command).await,
            Effect::Abandon => self.participant = None,
            Effect::RestartWorker => self.worker.restart(),
            Effect::State(state) => self.observer.state(&state),
        }
    }

    async fn tell_conference(&mut self, command: ConferenceCommand) {
        if matches!(command, ConferenceCommand::Join(_)) {
            self.participant_options.epoch_ms = epoch_ms();
            self.participant = Some(self.participants.start(self.participant_options.clone()));
            // The worker must never take a session of the next meeting for one of this.
            self.participant_options.first_session.0 += SESSIONS_PER_MEETING;
        }
        if let Some(participant) = &self.participant
            && participant.commands.send(command).await.is_err()
        {
            tracing::debug!("a command came after the participant's end");
        }
    }
}

/// The time of day in ms since 1970.
fn epoch_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
}

/// The participant's next event; never while there is none.
async fn next_event(participant: &mut Option<jitsi::Handle>) -> Option<ConferenceEvent> {
    match participant {
        Some(handle) => handle.events.recv().await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
