//! Keeps one `roomd-media` running: starts it at the other end of a Unix socket, speaks frames with it, restarts it when it dies
//! or hangs, and stops it for good at the end.

mod place;

use std::{collections::VecDeque, path::PathBuf, process::ExitStatus, sync::Arc, time::Duration};

use media_protocol::{
    Envelope, FromWorker, MediaPlan, SessionId, ToWorker, VERSION, WorkerHello,
    frame::{Decoder, FrameError, encode},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    sync::{Notify, mpsc, watch},
    time::{Instant, sleep, timeout},
};

use crate::liveness::Pulse;
use place::Body;
pub use place::is_socket;

/// How long a new worker may take to say hello (a cold GStreamer registry takes seconds).
const HELLO_WITHIN: Duration = Duration::from_secs(20);
/// How often the worker is asked for a sign of life.
const PING_EVERY: Duration = Duration::from_millis(500);
/// A worker that is silent for so long is killed and replaced.
const SILENT_AFTER: Duration = Duration::from_secs(6);
/// How long an orderly end may take before the worker is killed.
const SHUTDOWN_WITHIN: Duration = Duration::from_millis(500);
/// Pauses before the second, third ... restart in a row; the first is at once.
const RESTART_PAUSES_MS: [u64; 5] = [0, 200, 500, 1_000, 2_000];
/// A worker that lived so long starts the count of restarts anew.
const STABLE_AFTER: Duration = Duration::from_secs(20);

/// What the supervisor tells.
#[derive(Debug)]
pub enum WorkerNews {
    /// A worker is ready for its plan.
    Started(WorkerHello),
    /// A fact.
    Message(FromWorker),
    /// The worker is gone, and every device it held is closed; another follows by itself.
    Gone {
        /// For the log.
        reason: String,
    },
    /// It cannot be started at all.
    Failed {
        /// What to do about it.
        reason: String,
    },
}

/// Bridge messages that may wait for the worker; more are dropped.
const BRIDGE_QUEUE: usize = 256;
/// Facts that may wait for the room; the worker is read no further until they are taken.
const NEWS_QUEUE: usize = 256;
/// How long the end of the supervisor itself may take.
const STOP_WITHIN: Duration = Duration::from_secs(3);

/// The way to the worker. Room and worker cannot block each other: of plans only the newest waits, bridge messages are
/// dropped when the worker does not take them, and facts wait without holding plans up.
#[derive(Debug)]
pub struct Worker {
    plan: watch::Sender<Option<MediaPlan>>,
    bridge: mpsc::Sender<ToWorker>,
    restart: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

/// The supervisor's ends of the channels in [`Worker`].
struct Orders {
    plan: watch::Receiver<Option<MediaPlan>>,
    bridge: mpsc::Receiver<ToWorker>,
    restart: Arc<Notify>,
}

impl Worker {
    /// Starts the supervisor; news come on the returned channel. `place`: the program, or the socket of systemd.
    pub fn supervise(place: PathBuf, pulse: Pulse) -> (Self, mpsc::Receiver<WorkerNews>) {
        let (plan, plan_receiver) = watch::channel(None);
        let (bridge, bridge_receiver) = mpsc::channel(BRIDGE_QUEUE);
        let (news, news_receiver) = mpsc::channel(NEWS_QUEUE);
        let restart = Arc::new(Notify::new());
        let orders = Orders {
            plan: plan_receiver,
            bridge: bridge_receiver,
            restart: Arc::clone(&restart),
        };
        let task = tokio::spawn(async move { supervise(place, orders, news, &pulse).await });
        (
            Self {
                plan,
                bridge,
                restart,
                task,
            },
            news_receiver,
        )
    }

    /// Sends the wanted state; one that still waits is replaced. Without a worker it is dropped: the room sends the plan
    /// whole when the next one has started.
    pub fn plan(&self, plan: MediaPlan) {
        self.plan.send_replace(Some(plan));
    }

    /// Sends a message for the bridge channel.
    pub fn bridge_message(&self, session: SessionId, text: String) {
        if self.bridge.try_send(ToWorker::BridgeMessage { session, text }).is_err() {
            tracing::warn!("the worker does not take bridge messages; one was dropped");
        }
    }

    /// Asks for a copy of what the wall shows. False: the worker does not listen now.
    pub fn copy_wall(&self) -> bool {
        self.bridge.try_send(ToWorker::CopyWall).is_ok()
    }

    /// Kills the worker, whatever it is doing; another follows.
    pub fn restart(&self) {
        self.restart.notify_one();
    }

    /// Ends the worker and waits until it is gone: then every device is closed. The news must have been dropped before.
    pub async fn stop(mut self) {
        drop(self.plan);
        if timeout(STOP_WITHIN, &mut self.task).await.is_err() {
            // Dropping the task drops the child, which kills the worker.
            tracing::error!("the worker's supervisor did not end in time");
            self.task.abort();
        }
    }
}

/// Why one incarnation ended.
enum End {
    /// The orders' channel was closed: it is over for good.
    Ordered,
    /// It died, hung or spoke nonsense.
    Broken(String),
}

async fn supervise(place: PathBuf, mut orders: Orders, news: mpsc::Sender<WorkerNews>, pulse: &Pulse) {
    let mut epoch = 0;
    let mut failures = 0_usize;
    loop {
        epoch += 1;
        let started = Instant::now();
        pulse.beat();
        let begun = place::begin(&place).and_then(|(body, socket)| Ok((body, UnixStream::from_std(socket)?)));
        let told = match begun {
            Ok((body, socket)) => match Incarnation::new(body, socket, epoch, &news)
                .run(&mut orders, pulse)
                .await
            {
                End::Ordered => return,
                End::Broken(reason) => WorkerNews::Gone { reason },
            },
            Err(error) => WorkerNews::Failed {
                reason: format!("{} cannot be started: {error}", place.display()),
            },
        };
        if news.send(told).await.is_err() {
            return;
        }
        failures = if started.elapsed() > STABLE_AFTER {
            0
        } else {
            failures + 1
        };
        let pause = RESTART_PAUSES_MS[failures.clamp(1, RESTART_PAUSES_MS.len()) - 1];
        sleep(Duration::from_millis(pause)).await;
        // What was meant for the dead worker is void: the next one gets the whole plan.
        while orders.bridge.try_recv().is_ok() {}
        orders.plan.mark_unchanged();
        if orders.plan.has_changed().is_err() {
            return;
        }
    }
}

struct Incarnation<'a> {
    body: Body,
    socket: UnixStream,
    epoch: u64,
    news: &'a mpsc::Sender<WorkerNews>,
    decoder: Decoder,
    /// Facts that wait for the room.
    waiting: VecDeque<WorkerNews>,
    /// The last answer of the thread that owns the media.
    heard: Instant,
    ready: bool,
}

impl<'a> Incarnation<'a> {
    fn new(body: Body, socket: UnixStream, epoch: u64, news: &'a mpsc::Sender<WorkerNews>) -> Self {
        Self {
            body,
            socket,
            epoch,
            news,
            decoder: Decoder::default(),
            waiting: VecDeque::new(),
            heard: Instant::now(),
            ready: false,
        }
    }

    async fn run(mut self, orders: &mut Orders, pulse: &Pulse) -> End {
        let end = match self.converse(orders, pulse).await {
            Ok(()) => End::Ordered,
            Err(reason) => End::Broken(reason),
        };
        if matches!(end, End::Ordered) && self.send(&ToWorker::Shutdown).await.is_ok() {
            let _ended = timeout(SHUTDOWN_WITHIN, self.until_gone()).await;
        }
        let status = self.body.kill(STOP_WITHIN).await;
        match end {
            End::Broken(reason) => End::Broken(format!("{reason} ({})", describe(status))),
            End::Ordered => End::Ordered,
        }
    }

    /// Speaks with the worker until the orders end (`Ok`) or the worker does (`Err`).
    async fn converse(&mut self, orders: &mut Orders, pulse: &Pulse) -> Result<(), String> {
        self.send(&ToWorker::Hello { version: VERSION }).await?;
        let mut ping = tokio::time::interval(PING_EVERY);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            tokio::select! {
                changed = orders.plan.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                    let plan = orders.plan.borrow_and_update().clone();
                    if let (Some(plan), true) = (plan, self.ready) {
                        self.send(&ToWorker::Plan(Box::new(plan))).await?;
                    }
                }
                Some(message) = orders.bridge.recv(), if self.ready => self.send(&message).await?,
                () = orders.restart.notified() => return Err("the room asked for another".into()),
                read = self.socket.read(&mut buffer), if self.waiting.len() < NEWS_QUEUE => {
                    let length = read.map_err(|error| format!("its socket failed: {error}"))?;
                    if length == 0 {
                        return Err("it closed its socket".into());
                    }
                    self.decoder.push(&buffer[..length]);
                    self.read_messages()?;
                }
                permit = self.news.reserve(), if !self.waiting.is_empty() => {
                    let Ok(permit) = permit else { return Ok(()) };
                    if let Some(news) = self.waiting.pop_front() {
                        permit.send(news);
                    }
                }
                _ = ping.tick() => {
                    pulse.beat();
                    let limit = if self.ready { SILENT_AFTER } else { HELLO_WITHIN };
                    if self.heard.elapsed() > limit {
                        return Err(format!("no sign of life for {} s", limit.as_secs()));
                    }
                    if self.ready {
                        self.send(&ToWorker::Ping).await?;
                    }
                }
            }
        }
    }

    /// Takes every whole message out of the decoder.
    fn read_messages(&mut self) -> Result<(), String> {
        loop {
            let envelope: Option<Envelope<FromWorker>> = self
                .decoder
                .next_message()
                .map_err(|error: FrameError| format!("it spoke nonsense: {error}"))?;
            let Some(envelope) = envelope else { return Ok(()) };
            if envelope.epoch != self.epoch {
                continue;
            }
            match envelope.message {
                FromWorker::Hello(hello) if hello.version != VERSION => {
                    return Err(format!(
                        "it speaks version {} of the contract, not {VERSION}",
                        hello.version
                    ));
                }
                FromWorker::Hello(hello) => {
                    (self.ready, self.heard) = (true, Instant::now());
                    self.waiting.push_back(WorkerNews::Started(hello));
                }
                FromWorker::Pong => self.heard = Instant::now(),
                message => self.waiting.push_back(WorkerNews::Message(message)),
            }
        }
    }

    async fn send(&mut self, message: &ToWorker) -> Result<(), String> {
        let envelope = Envelope {
            epoch: self.epoch,
            message,
        };
        let bytes = match encode(&envelope) {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::error!(%error, "a message for the worker was dropped");
                return Ok(());
            }
        };
        timeout(SILENT_AFTER, self.socket.write_all(&bytes))
            .await
            .map_err(|_| "it does not read its socket".to_owned())?
            .map_err(|error| format!("its socket failed: {error}"))
    }

    /// Until nobody holds the other end of the socket.
    async fn until_gone(&mut self) {
        let mut buffer = [0; 4 * 1024];
        while matches!(self.socket.read(&mut buffer).await, Ok(1..)) {}
    }
}

fn describe(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "its end is unknown".into(), |status| status.to_string())
}
