//! The bridge stand-in: what JVB does for a client, on str0m, with one UDP socket and its own thread.

pub mod allocate;
mod allocation;
pub mod channel;
mod checks;
mod commands;
mod core;
mod demand;
pub(crate) mod endpoint;
mod forward;
pub mod link;
mod messages;
pub mod rtp;
mod streams;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use crate::error::{Error, Result};
use crate::far_side::FarSides;
use crate::focus::answer::ClientTransport;
use crate::focus::caps::Features;
use crate::focus::sources::{Media, Sources};
use crate::options::Options;
use crate::participants::Participants;
use crate::peers::PeerInfo;
use crate::peers::encode::Encoded;
use crate::verdict::Verdict;
use link::{Direction, Fault};

/// Where a client finds the bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transport {
    /// ICE.
    pub ufrag: String,
    /// ICE.
    pub pwd: String,
    /// sha-256, upper case.
    pub fingerprint: String,
    /// Host candidates, UDP.
    pub candidates: Vec<SocketAddr>,
}

/// What the focus and tests ask of the bridge.
pub enum BridgeCommand {
    /// A transport for a new session; an old one of the same endpoint ends.
    Allocate {
        /// Endpoint id.
        endpoint: String,
        /// `room@muc`.
        room: String,
        /// Rewrite SSRCs.
        rewriting: bool,
        /// What the client can do.
        features: Features,
        /// The transport.
        reply: oneshot::Sender<Transport>,
    },
    /// A valid session-accept.
    Accept {
        /// Endpoint id.
        endpoint: String,
        /// ICE and DTLS.
        transport: ClientTransport,
        /// Its sources.
        sources: Sources,
    },
    /// Its sources after a change.
    Sources {
        /// Endpoint id.
        endpoint: String,
        /// All of them.
        sources: Sources,
    },
    /// The session is over.
    Expire {
        /// Endpoint id.
        endpoint: String,
    },
    /// The endpoint left the room: no packet may come any more.
    Left {
        /// Endpoint id.
        endpoint: String,
        /// Not of its own accord.
        put_out: bool,
    },
    /// A peer is in.
    PeerJoined {
        /// `room@muc`.
        room: String,
        /// Who.
        peer: PeerInfo,
    },
    /// Its media is encoded.
    MediaReady {
        /// Index of the peer.
        index: usize,
        /// The media.
        media: Arc<Encoded>,
    },
    /// A peer is gone.
    PeerLeft {
        /// Who.
        nick: String,
    },
    /// A peer stops or starts sending.
    PeerMuted {
        /// Who.
        nick: String,
        /// What.
        media: Media,
        /// Stops.
        muted: bool,
    },
    /// A moderator muted; the bridge drops what still comes.
    ForceMute {
        /// Endpoint id.
        endpoint: String,
        /// What.
        media: Media,
        /// Muted.
        on: bool,
    },
    /// Who speaks.
    Dominant {
        /// Endpoint id.
        endpoint: String,
    },
    /// SenderSourceConstraints to an endpoint for one source, or for all its video sources.
    SenderConstraints {
        /// Endpoint id.
        endpoint: String,
        /// Which source.
        source: Option<String>,
        /// Short side, 0 nothing, -1 no limit.
        max_height: i32,
    },
    /// PLI or FIR on a layer of the first video source.
    KeyFrame {
        /// Endpoint id.
        endpoint: String,
        /// 0 is the lowest.
        layer: usize,
        /// FIR instead of PLI.
        fir: bool,
    },
    /// Loss and delay.
    Fault {
        /// Which way.
        direction: Direction,
        /// What.
        fault: Fault,
    },
    /// Gives the SSRC of a source to another source and the other way round (SSRC rewriting).
    Remap {
        /// Endpoint id.
        endpoint: String,
        /// The source, else the first one.
        source: Option<String>,
    },
    /// No packet is answered any more: STUN checks of the client fail.
    Silence {
        /// Endpoint id.
        endpoint: String,
        /// Silent.
        on: bool,
    },
    /// A colibri WebSocket opened: text goes out here.
    WebSocketOpened {
        /// Endpoint id.
        endpoint: String,
        /// Its password, the ICE one.
        pwd: String,
        /// Where text goes.
        send: mpsc::UnboundedSender<String>,
        /// Whether it was right.
        reply: oneshot::Sender<bool>,
    },
    /// A text from a colibri WebSocket.
    WebSocketText {
        /// Endpoint id.
        endpoint: String,
        /// The message.
        text: String,
    },
    /// It closed.
    WebSocketClosed {
        /// Endpoint id.
        endpoint: String,
    },
    /// A peer asks for an e2e-ping-response.
    EndToEndPing {
        /// Endpoint id.
        endpoint: String,
    },
    /// A text as it is, to see how the client takes it.
    Say {
        /// Endpoint id.
        endpoint: String,
        /// The text.
        text: String,
    },
    /// The end.
    Stop,
}

/// What the bridge tells the focus.
#[derive(Debug, Clone)]
pub enum BridgeEvent {
    /// ICE and DTLS are done.
    Connected {
        /// Endpoint id.
        endpoint: String,
    },
    /// It failed.
    Failed {
        /// Endpoint id.
        endpoint: String,
        /// Why.
        reason: String,
    },
    /// One minute without a packet.
    Expired {
        /// Endpoint id.
        endpoint: String,
    },
}

/// Talks to the bridge. Cheap to clone.
#[derive(Clone)]
pub struct Bridge {
    commands: mpsc::UnboundedSender<BridgeCommand>,
    events: Arc<Mutex<Option<mpsc::UnboundedReceiver<BridgeEvent>>>>,
    /// Its UDP address.
    pub address: SocketAddr,
}

/// What the bridge needs from the rest.
pub struct BridgeSurroundings {
    /// Options.
    pub options: Options,
    /// Where it is written what arrives.
    pub far_sides: FarSides,
    /// Stamps.
    pub participants: Participants,
    /// The book.
    pub verdict: Verdict,
}

impl Bridge {
    /// Starts the thread.
    pub fn start(around: BridgeSurroundings) -> Result<(Self, std::thread::JoinHandle<()>)> {
        let socket =
            std::net::UdpSocket::bind((around.options.bridge_address, 0)).map_err(Error::io("bridge socket"))?;
        socket.set_nonblocking(true).map_err(Error::io("bridge socket"))?;
        let address = socket.local_addr().map_err(Error::io("bridge socket"))?;
        let (commands, inbox) = mpsc::unbounded_channel();
        let (events, outbox) = mpsc::unbounded_channel();
        let own = commands.clone();
        let thread = std::thread::Builder::new()
            .name("bridge".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                match runtime {
                    Ok(runtime) => runtime.block_on(core::run(socket, address, around, inbox, own, events)),
                    Err(error) => tracing::error!(%error, "bridge thread"),
                }
            })
            .map_err(Error::io("bridge thread"))?;
        let events = Arc::new(Mutex::new(Some(outbox)));
        Ok((
            Self {
                commands,
                events,
                address,
            },
            thread,
        ))
    }

    /// Asks something.
    pub fn send(&self, command: BridgeCommand) {
        let _ = self.commands.send(command);
    }

    /// The events, once; afterwards an empty channel.
    pub fn events(&self) -> mpsc::UnboundedReceiver<BridgeEvent> {
        let taken = self.events.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.unwrap_or_else(|| mpsc::unbounded_channel().1)
    }
}

/// Where encoded media is, for the thread that loads it.
pub(crate) fn load_media(cache: PathBuf, index: usize, commands: mpsc::UnboundedSender<BridgeCommand>) {
    tokio::task::spawn_blocking(move || match crate::peers::encode::load(&cache, index) {
        Ok(media) => drop(commands.send(BridgeCommand::MediaReady {
            index,
            media: Arc::new(media),
        })),
        Err(error) => tracing::error!(%error, index, "media of a peer"),
    });
}
