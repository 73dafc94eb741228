//! The loop of the bridge: socket, commands, timers.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::endpoint::{Endpoint, Happened, Outbox};
use super::link::{Passage, Wire};
use super::{BridgeCommand, BridgeEvent, BridgeSurroundings, rtp};
use crate::clock::monotonic_ns;
use crate::far_side::FarSide;
use crate::peers::PeerInfo;
use crate::peers::encode::Encoded;
use crate::peers::track::Track;
use crate::verdict::rule;

/// A peer whose media the bridge makes.
pub(super) struct PeerState {
    pub info: PeerInfo,
    pub room: String,
    pub track: Option<Track>,
    pub video_muted: bool,
    pub audio_muted: bool,
}

/// All state of the bridge.
pub(super) struct Core {
    pub around: BridgeSurroundings,
    pub local: SocketAddr,
    socket: UdpSocket,
    pub endpoints: BTreeMap<String, Endpoint>,
    pub peers: Vec<PeerState>,
    pub media: HashMap<usize, Arc<Encoded>>,
    pub far: HashMap<String, FarSide>,
    /// Who has left, and until when the last packet may come.
    pub departed: Vec<(SocketAddr, String, Instant)>,
    pub to_client: Wire,
    pub from_client: Wire,
    pub silent: HashSet<String>,
    /// Who spoke last, first.
    pub speakers: Vec<String>,
    pub epoch: Instant,
    pub out: Outbox,
    pub commands: mpsc::UnboundedSender<BridgeCommand>,
    pub events: mpsc::UnboundedSender<BridgeEvent>,
    pub pings: Vec<(String, String, Instant)>,
    pub next_speaker: Instant,
}

/// Packets of one who has left may be on the way for so long.
pub const ON_THE_WAY: Duration = Duration::from_millis(150);
/// Who is put out has to hear of it first.
pub const HEARS: Duration = Duration::from_millis(500);
/// How often timers of the bridge itself are looked at.
const TICK: Duration = Duration::from_millis(50);

pub(super) async fn run(
    socket: std::net::UdpSocket,
    local: SocketAddr,
    around: BridgeSurroundings,
    mut inbox: mpsc::UnboundedReceiver<BridgeCommand>,
    commands: mpsc::UnboundedSender<BridgeCommand>,
    events: mpsc::UnboundedSender<BridgeEvent>,
) {
    let socket = match UdpSocket::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => return tracing::error!(%error, "bridge socket"),
    };
    let seed = around.options.seed;
    let one_way = around.options.round_trip / 2;
    let now = Instant::now();
    let mut core = Core {
        around,
        local,
        socket,
        endpoints: BTreeMap::new(),
        peers: Vec::new(),
        media: HashMap::new(),
        far: HashMap::new(),
        departed: Vec::new(),
        to_client: Wire::of_length(seed, one_way),
        from_client: Wire::of_length(seed.wrapping_add(1), one_way),
        silent: HashSet::new(),
        speakers: Vec::new(),
        epoch: now,
        out: Vec::new(),
        commands,
        events,
        pings: Vec::new(),
        next_speaker: now,
    };
    let mut buffer = vec![0u8; 2048];
    let mut next_tick = now;
    loop {
        let deadline = core.deadline(next_tick);
        tokio::select! {
            biased;
            received = core.socket.recv_from(&mut buffer) => {
                if let Ok((size, from)) = received {
                    core.arrived(Instant::now(), from, &buffer[..size]);
                    // Take what else is there before looking at the clock again.
                    for _ in 0..64 {
                        let Ok((size, from)) = core.socket.try_recv_from(&mut buffer) else { break };
                        core.arrived(Instant::now(), from, &buffer[..size]);
                    }
                }
            }
            command = inbox.recv() => match command {
                Some(BridgeCommand::Stop) | None => return,
                Some(command) => core.command(Instant::now(), command),
            },
            () = tokio::time::sleep_until(deadline.into()) => {}
        }
        let now = Instant::now();
        core.timers(now);
        core.media(now);
        if now >= next_tick {
            next_tick = now + TICK;
            core.tick(now);
        }
        core.flush(now);
    }
}

impl Core {
    fn deadline(&self, next_tick: Instant) -> Instant {
        let mut deadline = next_tick;
        for endpoint in self.endpoints.values() {
            deadline = deadline.min(endpoint.deadline);
        }
        for peer in &self.peers {
            if let Some(track) = &peer.track {
                deadline = deadline.min(track.deadline());
            }
        }
        for wire in [&self.to_client, &self.from_client] {
            deadline = wire.deadline().map_or(deadline, |d| deadline.min(d));
        }
        deadline
    }

    fn arrived(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        match self.from_client.put(now, from, datagram) {
            Passage::Now(_) => self.receive(now, from, datagram),
            Passage::Later => {}
            Passage::Lost => {
                // Where nothing passes, no NACK does either.
                if !self.from_client.is_cut()
                    && let Some(header) = rtp::read(datagram)
                    && let Some(id) = self
                        .endpoint_at(from)
                        .or_else(|| self.whoever_accepts(now, from, datagram))
                    && let Some(far) = self.far.get_mut(&id)
                {
                    far.dropped(header.ssrc);
                }
            }
        }
    }

    fn endpoint_at(&self, from: SocketAddr) -> Option<String> {
        self.endpoints
            .values()
            .find(|e| e.remote == Some(from))
            .map(|e| e.id.clone())
    }

    /// A client that sends from several addresses is known by the last one alone.
    fn whoever_accepts(&self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Option<String> {
        let mut endpoints = self.endpoints.values();
        let endpoint = endpoints.find(|endpoint| endpoint.accepts(now, from, datagram));
        endpoint.map(|endpoint| endpoint.id.clone())
    }

    pub(super) fn receive(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) {
        let header = rtp::read(datagram);
        if header.is_some()
            && let Some((_, who, until)) = self.departed.iter().find(|(address, _, _)| *address == from)
        {
            if now > *until {
                let late = now.duration_since(*until);
                self.around.verdict.broken(
                    rule::LEAVE_ORDER,
                    format!("{who}: RTP {late:?} later than the last may come after its unavailable presence"),
                );
            }
            return;
        }
        let id = self
            .endpoint_at(from)
            .filter(|id| header.is_some() || self.endpoints.get(id).is_some_and(|e| e.accepts(now, from, datagram)))
            .or_else(|| self.whoever_accepts(now, from, datagram));
        let Some(id) = id else { return };
        if self.silent.contains(&id) {
            return;
        }
        if let Some(header) = header {
            self.clear_packet(now, &id, &header, datagram.len());
        }
        let mut happened = Vec::new();
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.receive(now, from, datagram, &mut self.out, &mut happened);
        }
        self.happened(now, &id, happened);
    }

    fn timers(&mut self, now: Instant) {
        while let Some((from, datagram)) = self.from_client.take(now) {
            self.receive(now, from, &datagram);
        }
        let due: Vec<String> = self
            .endpoints
            .values()
            .filter(|e| e.deadline <= now && !e.failed)
            .map(|e| e.id.clone())
            .collect();
        for id in due {
            let mut happened = Vec::new();
            if let Some(endpoint) = self.endpoints.get_mut(&id) {
                endpoint.timeout(now, &mut self.out, &mut happened);
            }
            self.happened(now, &id, happened);
        }
    }

    /// Puts what was produced on the wire.
    pub(super) fn flush(&mut self, now: Instant) {
        let silent: HashSet<SocketAddr> = self
            .silent
            .iter()
            .filter_map(|id| self.endpoints.get(id)?.remote)
            .collect();
        for (to, datagram) in std::mem::take(&mut self.out) {
            if silent.contains(&to) {
                continue;
            }
            if let Passage::Now(datagram) = self.to_client.put(now, to, &datagram) {
                let _ = self.socket.try_send_to(datagram, to);
            }
        }
        while let Some((to, datagram)) = self.to_client.take(now) {
            let _ = self.socket.try_send_to(&datagram, to);
        }
    }

    /// What an endpoint's connection produced.
    pub(super) fn happened(&mut self, now: Instant, id: &str, happened: Vec<Happened>) {
        for what in happened {
            match what {
                Happened::Connected => {
                    if let Some(endpoint) = self.endpoints.get_mut(id) {
                        endpoint.connected = Some(now);
                    }
                    self.around
                        .participants
                        .update(id, |p| p.connected_ns = Some(monotonic_ns()));
                    let _ = self.events.send(BridgeEvent::Connected { endpoint: id.into() });
                    self.reallocate(now, id);
                }
                Happened::ChannelOpen(label, protocol) => {
                    if label != "JVB data channel" || protocol != "http://jitsi.org/protocols/colibri" {
                        let verdict = &self.around.verdict;
                        verdict.broken(rule::ONE_CHANNEL, format!("label '{label}', protocol '{protocol}'"));
                    }
                    if self.endpoints.get(id).is_some_and(|e| e.channels > 1) {
                        self.around.verdict.broken(rule::ONE_CHANNEL, "a second channel");
                    }
                    self.channel_open(now, id);
                }
                Happened::Text(text) => self.message(now, id, &text),
                Happened::Binary => self.around.verdict.broken(rule::CHANNEL_TEXT, "a binary message"),
                Happened::Rtp(packet) => self.packet(now, id, &packet),
                Happened::KeyFrameWanted(mid) => self.key_frame_wanted(now, id, mid),
                Happened::Failed(reason) => self.connection_failed(id, &reason),
            }
        }
    }

    fn connection_failed(&mut self, id: &str, reason: &str) {
        let connected = self.endpoints.get(id).is_some_and(|e| e.connected.is_some());
        if !connected {
            self.around.verdict.broken(rule::DTLS, reason);
        }
        let _ = self.events.send(BridgeEvent::Failed {
            endpoint: id.into(),
            reason: reason.into(),
        });
    }
}
