//! The tokio task that owns the sockets and the clock of one [`Participant`]. No decision is taken here.

mod bosh;
mod farewell;
mod http;
mod memory;
mod socket;
mod tls;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use media_protocol::NetworkSettings;
use rand::SeedableRng;
use rand::rngs::StdRng;
use room::conference::{ConferenceCommand, ConferenceEvent};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::options::Options;
use crate::participant::{Acquaintance, ConnectionId, Input, Output, Participant};

pub use farewell::leave_left_behind;

/// Commands that may wait for the participant.
const COMMAND_QUEUE: usize = 64;
/// Events that may wait in the channel for the room.
const EVENT_QUEUE: usize = 64;
/// Events that may wait behind that; while so many do, the network is not read.
const WAITING: usize = 1024;
/// Network events that may wait for the core; a socket that brings more is read more slowly.
const NETWORK_QUEUE: usize = 64;
/// How long the driver waits at its end for sockets to be flushed and closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// The room's end of a participant.
#[derive(Debug)]
pub struct Handle {
    /// Towards the participant. Dropping it leaves the meeting and ends the task.
    pub commands: mpsc::Sender<ConferenceCommand>,
    /// From the participant, in order. It ends when the task has ended.
    pub events: mpsc::Receiver<ConferenceEvent>,
}

/// Starts participants, one for each meeting. What one of them has learned of the service and made for TLS, the next one
/// need not learn and make.
#[derive(Debug, Clone, Default)]
pub struct Starter {
    clients: tls::Clients,
    acquaintance: Arc<Mutex<Option<Acquaintance>>>,
}

impl Starter {
    /// Starts nothing yet. All its participants reach hosts in this way.
    #[must_use]
    pub fn new(network: NetworkSettings) -> Self {
        Self {
            clients: tls::Clients::new(network),
            acquaintance: Arc::default(),
        }
    }

    /// Starts a participant on the running tokio runtime. It serves one meeting after the other.
    ///
    /// Commands are taken whether or not events are read: neither side of the two channels can block the other. While the
    /// room reads no events, the network waits.
    #[must_use]
    pub fn start(&self, options: Options) -> Handle {
        let (command_sender, commands) = mpsc::channel(COMMAND_QUEUE);
        let (events, event_receiver) = mpsc::channel(EVENT_QUEUE);
        let chance = match options.seed {
            Some(seed) => StdRng::from_seed(seed),
            None => rand::make_rng(),
        };
        let memory = memory::Memory::new(options.state_directory.clone());
        let mut participant =
            Participant::new(options, chance, Instant::now()).with_acquaintance(self.acquaintance().clone());
        if let Ok(since_1970) = SystemTime::now().duration_since(UNIX_EPOCH) {
            participant = participant.with_wall_clock(since_1970);
        }
        tokio::spawn(run(participant, self.clone(), memory, commands, events));
        Handle {
            commands: command_sender,
            events: event_receiver,
        }
    }

    fn acquaintance(&self) -> MutexGuard<'_, Option<Acquaintance>> {
        self.acquaintance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts a single participant; see [`Starter::start`].
#[must_use]
pub fn spawn(options: Options) -> Handle {
    Starter::new(options.network.clone()).start(options)
}

/// Serves the core until the room has let go of it and the last meeting is left.
async fn run(
    mut participant: Participant,
    starter: Starter,
    mut memory: memory::Memory,
    mut commands: mpsc::Receiver<ConferenceCommand>,
    events: mpsc::Sender<ConferenceEvent>,
) {
    let (network_sender, mut network) = mpsc::channel(NETWORK_QUEUE);
    let clients = starter.clients.clone();
    let warm = clients.clone();
    let mut connections = Connections {
        network: network_sender,
        clients,
        sockets: HashMap::new(),
        tasks: JoinSet::new(),
    };
    connections.tasks.spawn(async move {
        let _ = warm.get().await;
    });
    let mut waiting: VecDeque<ConferenceEvent> = VecDeque::new();
    let mut released = false;
    loop {
        if released && participant.is_idle() {
            break;
        }
        let deadline = participant.next_deadline();
        let input = tokio::select! {
            command = commands.recv(), if !released => match command {
                Some(command) => Input::Command(command),
                None => {
                    released = true;
                    Input::Command(ConferenceCommand::Leave)
                }
            },
            Some(input) = network.recv(), if released || waiting.len() < WAITING => input,
            permit = events.reserve(), if !waiting.is_empty() && !released => {
                match permit {
                    Ok(permit) => {
                        if let Some(event) = waiting.pop_front() {
                            permit.send(event);
                        }
                        continue;
                    }
                    Err(_) => {
                        released = true;
                        Input::Command(ConferenceCommand::Leave)
                    }
                }
            }
            Some(_) = connections.tasks.join_next() => continue,
            () = sleep_until(deadline), if deadline.is_some() => Input::Tick,
        };
        for output in participant.handle(input, Instant::now()) {
            match output {
                Output::Event(event) => queue(&mut waiting, event),
                Output::Remember(left_behind) => memory.keep(left_behind.as_deref()),
                Output::Acquainted(service) => *starter.acquaintance() = service.map(|service| *service),
                output => connections.perform(output),
            }
        }
    }
    connections.sockets.clear();
    let flush = async { while connections.tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(CLOSE_TIMEOUT, flush).await.is_err() {
        tracing::warn!("a socket was not closed in time");
    }
    for event in waiting {
        if events.try_send(event).is_err() {
            break;
        }
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

/// Queues an event. Where only the newest state counts, it takes the place of an older one that nobody has read.
fn queue(waiting: &mut VecDeque<ConferenceEvent>, event: ConferenceEvent) {
    use ConferenceEvent::{DominantSpeaker, Participants};
    if let Some(last) = waiting.back_mut() {
        let superseded = matches!(
            (&*last, &event),
            (Participants(_), Participants(_)) | (DominantSpeaker(_), DominantSpeaker(_))
        );
        if superseded {
            *last = event;
            return;
        }
    }
    waiting.push_back(event);
}

/// The open connections.
struct Connections {
    network: mpsc::Sender<Input>,
    clients: tls::Clients,
    sockets: HashMap<ConnectionId, socket::Socket>,
    tasks: JoinSet<()>,
}

impl Connections {
    fn perform(&mut self, output: Output) {
        match output {
            Output::Http { id, request } => {
                let (network, clients) = (self.network.clone(), self.clients.clone());
                self.tasks.spawn(async move {
                    let result = http::exchange(request, &clients).await;
                    let _ = network.send(Input::Http { id, result }).await;
                });
            }
            Output::OpenSocket { id, url, protocol } => {
                let (socket, task) = socket::open(id, url, protocol, self.network.clone(), self.clients.clone());
                self.sockets.insert(id, socket);
                self.tasks.spawn(task);
            }
            Output::OpenBosh { id, url } => {
                let (socket, task) = bosh::open(id, url, self.network.clone(), self.clients.clone());
                self.sockets.insert(id, socket);
                self.tasks.spawn(task);
            }
            Output::SendText { id, text } => {
                if let Some(socket) = self.sockets.get(&id) {
                    socket.send(text);
                }
            }
            Output::CloseSocket { id } => {
                // Dropping the sender ends the writer after what is queued.
                self.sockets.remove(&id);
            }
            Output::Event(_) | Output::Remember(_) | Output::Acquainted(_) => {}
        }
    }
}
