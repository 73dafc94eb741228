//! The focus stand-in: what jicofo does for a client, and nothing it would forgive.
//!
//! One task owns all rooms. It is connected twice, as jicofo seems to be: as the component `focus.DOMAIN` that takes
//! conference requests, and as the user `focus@auth.DOMAIN` whose occupant `/focus` speaks Jingle.

pub mod answer;
pub mod caps;
mod command;
mod crowd;
mod door;
mod ends;
mod inbound;
pub mod invite;
mod moderation;
mod request;
mod room;
mod sessions;
pub mod sources;
pub mod validate;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

pub use command::{Command, Impostor};
pub use crowd::Crowd;
pub use door::{JoinRefusal, Lobby, LobbyOrder};
pub use moderation::{Moderation, Recording};
pub use request::ConferenceReply;

use crate::bridge::{Bridge, BridgeEvent};
use crate::error::Result;
use crate::options::Options;
use crate::participants::Participants;
use crate::peers::Registry;
use crate::prosody::Hosts;
use crate::verdict::Verdict;
use crate::xmpp::{Component, ComponentEvents};
use room::Room;

/// What the focus needs from the rest of the conference.
pub struct Surroundings {
    /// Host names.
    pub hosts: Hosts,
    /// Where components connect.
    pub component: SocketAddr,
    /// Where peers connect.
    pub http: SocketAddr,
    /// Secret of the components.
    pub secret: String,
    /// Address of the front, for colibri WebSocket URLs.
    pub front: SocketAddr,
    /// How the offer is varied, scripted replies, peers.
    pub options: Options,
    /// The bridge.
    pub bridge: Bridge,
    /// Who is there.
    pub participants: Participants,
    /// Which occupants are our own peers.
    pub registry: Registry,
    /// The book of broken rules.
    pub verdict: Verdict,
}

/// The focus.
pub struct Focus {
    around: Surroundings,
    request: Component,
    occupant: Component,
    rooms: BTreeMap<String, Room>,
    lobbies: BTreeMap<String, door::LobbyRoom>,
    pending: HashMap<String, Pending>,
    checks: Vec<Check>,
    scripted: VecDeque<ConferenceReply>,
    /// Requests that are never answered; kept, so that by HTTP too nothing comes.
    unanswered: Vec<request::Requester>,
    machine_uids: HashMap<String, String>,
    /// Features of clients that have proven them once.
    known_caps: HashMap<Caps, caps::Features>,
    next_id: u64,
    commands: mpsc::UnboundedSender<Command>,
}

/// Node and hash of XEP-0115.
type Caps = (String, String);

/// An IQ of ours that is not answered yet.
struct Pending {
    sent: Instant,
    room: String,
    nick: String,
    what: Asked,
}

enum Asked {
    Configure,
    Disco { caps: Option<Caps> },
    Initiate { sid: String },
    Error { condition: &'static str },
    Other,
}

/// A look at the room some time after something was asked of the client.
struct Check {
    at: Instant,
    room: String,
    nick: String,
    what: Expectation,
}

enum Expectation {
    Muted {
        media: sources::Media,
    },
    StillAsBefore {
        media: sources::Media,
        muted: bool,
    },
    NotSwitchedOn {
        media: sources::Media,
        muted: bool,
    },
    InRoom {
        user: String,
        target: String,
    },
    Accepted {
        sid: String,
    },
    LeftLobby {
        jid: String,
    },
    Declined {
        sid: String,
        declined: crate::peers::Declined,
    },
}

/// Connects the two components that the focus is.
async fn connect(around: &Surroundings) -> Result<(Component, ComponentEvents, Component, ComponentEvents)> {
    let connect = |name: String| {
        let (address, secret) = (around.component, around.secret.clone());
        async move { Component::connect(address, &name, &secret).await }
    };
    let (request, requests) = connect(around.hosts.focus()).await?;
    let (occupant, stanzas) = connect(around.hosts.auth()).await?;
    Ok((request, requests, occupant, stanzas))
}

/// Who the focus is, in stanzas.
const RESOURCE: &str = "focus";

impl Focus {
    /// Connects and runs until all command senders are gone.
    pub async fn start(around: Surroundings) -> Result<mpsc::UnboundedSender<Command>> {
        let (request, requests, occupant, stanzas) = connect(&around).await?;
        let (commands, inbox) = mpsc::unbounded_channel();
        let events = around.bridge.events();
        let scripted = around.options.conference_replies.clone().into();
        let first_room = around.options.room.clone();
        let focus = Focus {
            around,
            request,
            occupant,
            rooms: BTreeMap::new(),
            lobbies: BTreeMap::new(),
            pending: HashMap::new(),
            checks: Vec::new(),
            scripted,
            unanswered: Vec::new(),
            machine_uids: HashMap::new(),
            known_caps: HashMap::new(),
            next_id: 0,
            commands: commands.clone(),
        };
        tokio::spawn(focus.run(requests, stanzas, inbox, events, first_room));
        Ok(commands)
    }

    async fn run(
        mut self,
        mut requests: ComponentEvents,
        mut stanzas: ComponentEvents,
        mut inbox: mpsc::UnboundedReceiver<Command>,
        mut events: mpsc::UnboundedReceiver<BridgeEvent>,
        first_room: Option<String>,
    ) {
        let first_room = first_room.map(|room| format!("{room}@{}", self.around.hosts.muc()));
        if let Some(room) = &first_room {
            self.enter(room);
        }
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        loop {
            tokio::select! {
                Some(stanza) = requests.recv() => self.conference_request(&stanza),
                Some(stanza) = stanzas.recv() => self.stanza(&stanza).await,
                Some(event) = events.recv() => self.bridge_event(event).await,
                command = inbox.recv() => match command {
                    Some(Command::Stop) | None => return,
                    Some(Command::ServerGone) => self.forget_everybody(),
                    Some(Command::ServerBack) => match connect(&self.around).await {
                        Ok(connected) => {
                            (self.request, requests, self.occupant, stanzas) = connected;
                            if let Some(room) = &first_room {
                                self.enter(room);
                            }
                        }
                        Err(error) => tracing::error!(%error, "the focus does not reach the server again"),
                    },
                    Some(command) => self.command(command).await,
                },
                _ = tick.tick() => self.tick(Instant::now()).await,
            }
        }
    }

    /// Full JID under which the focus sits in rooms.
    fn jid(&self) -> String {
        format!("{}/{RESOURCE}", self.around.hosts.focus_user())
    }

    fn new_id(&mut self) -> String {
        self.next_id += 1;
        format!("focus-{}", self.next_id)
    }

    fn remember(&mut self, id: String, room: &str, nick: &str, what: Asked) {
        let pending = Pending {
            sent: Instant::now(),
            room: room.into(),
            nick: nick.into(),
            what,
        };
        self.pending.insert(id, pending);
    }

    async fn bridge_event(&mut self, event: BridgeEvent) {
        match event {
            BridgeEvent::Connected { endpoint } => tracing::info!(endpoint, "bridge connected"),
            BridgeEvent::Failed { endpoint, reason } => {
                tracing::warn!(endpoint, reason, "bridge lost an endpoint");
            }
            BridgeEvent::Expired { endpoint } => tracing::info!(endpoint, "bridge expired an endpoint"),
        }
    }
}

/// A random UUID, as text.
fn random_uuid() -> String {
    [8, 4, 4, 4, 12].map(random_hex).join("-")
}

/// A random lower-case hexadecimal string.
pub fn random_hex(digits: usize) -> String {
    use rand::RngExt;
    let mut rng = rand::rng();
    (0..digits)
        .map(|_| char::from_digit(rng.random_range(0..16), 16).unwrap_or('0'))
        .collect()
}
