//! Keeps one `roomd-media` running: starts it on one end of a Unix socket pair, speaks frames over the other, restarts
//! it when it dies or hangs, and stops it for good at the end.

use std::{
    os::{fd::OwnedFd, unix::net::UnixStream as StdUnixStream},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use media_protocol::{
    Envelope, FromWorker, MediaPlan, ToWorker, VERSION, WorkerHello,
    frame::{Decoder, FrameError, encode},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    process::{Child, Command},
    sync::mpsc,
    time::{Instant, sleep, timeout},
};

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

/// Settings of glibc's allocator for the worker (`mallopt(3)`): few arenas, and pictures always in mappings of their own,
/// which go back to the kernel. Left to itself glibc moves them into its heap, and twelve meetings cost 120 MB.
const ALLOCATOR: [(&str, &str); 2] = [("MALLOC_ARENA_MAX", "2"), ("MALLOC_MMAP_THRESHOLD_", "131072")];

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

/// What the supervisor is told.
#[derive(Debug)]
enum Order {
    /// Pass this on.
    Send(ToWorker),
    /// Kill the worker and start another.
    Restart,
}

/// The way to the worker. Dropping it ends the worker in an orderly way.
#[derive(Debug)]
pub struct Worker {
    /// Unbounded, so that room and worker cannot block each other: a worker that does not read is killed in seconds.
    orders: mpsc::UnboundedSender<Order>,
    task: tokio::task::JoinHandle<()>,
}

impl Worker {
    /// Starts the supervisor; news come on the returned channel.
    pub fn supervise(program: PathBuf) -> (Self, mpsc::Receiver<WorkerNews>) {
        let (orders, orders_receiver) = mpsc::unbounded_channel();
        let (news, news_receiver) = mpsc::channel(256);
        let task = tokio::spawn(async move { supervise(program, orders_receiver, news).await });
        (Self { orders, task }, news_receiver)
    }

    /// Sends the wanted state.
    pub fn plan(&self, plan: MediaPlan) {
        self.send(ToWorker::Plan(Box::new(plan)));
    }

    /// Sends any message. Lost when no worker runs: the plan is sent whole to the next one.
    pub fn send(&self, message: ToWorker) {
        self.order(Order::Send(message));
    }

    /// Kills the worker, whatever it is doing; another follows.
    pub fn restart(&self) {
        self.order(Order::Restart);
    }

    fn order(&self, order: Order) {
        if self.orders.send(order).is_err() {
            tracing::warn!("the worker's supervisor has ended");
        }
    }

    /// Ends the worker and waits until it is gone: then every device is closed.
    pub async fn stop(self) {
        drop(self.orders);
        if self.task.await.is_err() {
            tracing::warn!("the worker's supervisor did not end cleanly");
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

async fn supervise(program: PathBuf, mut orders: mpsc::UnboundedReceiver<Order>, news: mpsc::Sender<WorkerNews>) {
    let mut epoch = 0;
    let mut failures = 0_usize;
    loop {
        epoch += 1;
        let started = Instant::now();
        let reason = match spawn(&program) {
            Ok((child, socket)) => match Incarnation::new(child, socket, epoch, &news).run(&mut orders).await {
                End::Ordered => return,
                End::Broken(reason) => reason,
            },
            Err(error) => {
                let reason = format!("{} cannot be started: {error}", program.display());
                if news.send(WorkerNews::Failed { reason: reason.clone() }).await.is_err() {
                    return;
                }
                reason
            }
        };
        tracing::warn!(epoch, reason, "media worker gone");
        if news.send(WorkerNews::Gone { reason }).await.is_err() {
            return;
        }
        failures = if started.elapsed() > STABLE_AFTER {
            0
        } else {
            failures + 1
        };
        let pause = RESTART_PAUSES_MS[failures.min(RESTART_PAUSES_MS.len()).saturating_sub(1)];
        sleep(Duration::from_millis(pause)).await;
        if orders.is_closed() {
            return;
        }
        // Orders for the dead worker are void: the next one gets the whole plan.
        while orders.try_recv().is_ok() {}
    }
}

/// Starts the program with one end of a socket pair as its standard input. The process that starts it must not be a
/// passing thread: the kernel kills the worker when its parent thread ends.
fn spawn(program: &PathBuf) -> std::io::Result<(Child, UnixStream)> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let child = Command::new(program)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .envs(ALLOCATOR)
        .kill_on_drop(true)
        .spawn()?;
    Ok((child, UnixStream::from_std(ours)?))
}

struct Incarnation<'a> {
    child: Child,
    socket: UnixStream,
    epoch: u64,
    news: &'a mpsc::Sender<WorkerNews>,
    decoder: Decoder,
    heard: Instant,
    ready: bool,
}

impl<'a> Incarnation<'a> {
    fn new(child: Child, socket: UnixStream, epoch: u64, news: &'a mpsc::Sender<WorkerNews>) -> Self {
        Self {
            child,
            socket,
            epoch,
            news,
            decoder: Decoder::default(),
            heard: Instant::now(),
            ready: false,
        }
    }

    async fn run(mut self, orders: &mut mpsc::UnboundedReceiver<Order>) -> End {
        let end = match self.converse(orders).await {
            Ok(()) => End::Ordered,
            Err(reason) => End::Broken(reason),
        };
        if matches!(end, End::Ordered) && self.send(&ToWorker::Shutdown).await.is_ok() {
            let _ended = timeout(SHUTDOWN_WITHIN, self.child.wait()).await;
        }
        let status = self.kill().await;
        match end {
            End::Broken(reason) => End::Broken(format!("{reason} ({})", describe(status))),
            End::Ordered => End::Ordered,
        }
    }

    /// Speaks with the worker until the orders end (`Ok`) or the worker does (`Err`).
    async fn converse(&mut self, orders: &mut mpsc::UnboundedReceiver<Order>) -> Result<(), String> {
        self.send(&ToWorker::Hello { version: VERSION }).await?;
        let mut ping = tokio::time::interval(PING_EVERY);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            tokio::select! {
                read = self.socket.read(&mut buffer) => {
                    let length = read.map_err(|error| format!("its socket failed: {error}"))?;
                    if length == 0 {
                        return Err("it closed its socket".into());
                    }
                    self.heard = Instant::now();
                    self.decoder.push(&buffer[..length]);
                    self.deliver().await?;
                }
                order = orders.recv(), if self.ready => match order {
                    Some(Order::Send(message)) => self.send(&message).await?,
                    Some(Order::Restart) => return Err("the room asked for another".into()),
                    None => return Ok(()),
                },
                _ = ping.tick() => {
                    let limit = if self.ready { SILENT_AFTER } else { HELLO_WITHIN };
                    if self.heard.elapsed() > limit {
                        return Err(format!("no sign of life for {} s", limit.as_secs()));
                    }
                    if orders.is_closed() && !self.ready {
                        return Ok(());
                    }
                    if self.ready {
                        self.send(&ToWorker::Ping).await?;
                    }
                }
            }
        }
    }

    /// Gives every whole message in the decoder to the news channel.
    async fn deliver(&mut self) -> Result<(), String> {
        loop {
            let envelope: Option<Envelope<FromWorker>> = self
                .decoder
                .next_message()
                .map_err(|error: FrameError| format!("it spoke nonsense: {error}"))?;
            let Some(envelope) = envelope else { return Ok(()) };
            if envelope.epoch != self.epoch {
                continue;
            }
            let news = match envelope.message {
                FromWorker::Hello(hello) if hello.version != VERSION => {
                    return Err(format!(
                        "it speaks version {} of the contract, not {VERSION}",
                        hello.version
                    ));
                }
                FromWorker::Hello(hello) => {
                    self.ready = true;
                    WorkerNews::Started(hello)
                }
                FromWorker::Pong => continue,
                message => WorkerNews::Message(message),
            };
            if self.news.send(news).await.is_err() {
                return Ok(());
            }
        }
    }

    async fn send(&mut self, message: &ToWorker) -> Result<(), String> {
        let envelope = Envelope {
            epoch: self.epoch,
            message,
        };
        let bytes = encode(&envelope).map_err(|error| format!("a message for it could not be written: {error}"))?;
        timeout(SILENT_AFTER, self.socket.write_all(&bytes))
            .await
            .map_err(|_| "it does not read its socket".to_owned())?
            .map_err(|error| format!("its socket failed: {error}"))
    }

    async fn kill(&mut self) -> Option<ExitStatus> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Some(status);
        }
        if let Err(error) = self.child.start_kill() {
            tracing::debug!(%error, "the worker had ended already");
        }
        self.child.wait().await.ok()
    }
}

fn describe(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "its end is unknown".into(), |status| status.to_string())
}
