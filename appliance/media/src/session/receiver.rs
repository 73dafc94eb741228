//! What arrives: one pad per SSRC, decoded only while somebody looks at it or listens. Which SSRC is whose comes from the
//! plan and may change at any time; then the label changes and the decoder stays (SSRC rewriting,
//! `specs/jitsi-client.md §5`). An SSRC that the plan does not name is held for a second, for media may come before its
//! map; then it is parked: its packets fall.

use gstreamer as gst;
use gstreamer::prelude::*;
use media_protocol::{MediaKind, ReceivedStatistics, RemoteStream, SessionId};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::decoder::Decoder;
use super::key_frames;
use super::pulse::Pulse;
use super::slots::{Candidate, choose};
use super::transport::{Transport, TransportEvent, park};
use crate::capture::Tap;
use crate::clock::now_ns;
use crate::mailbox::{Mailbox, Message};
use crate::wall::Board;

/// Most SSRCs looked after; the rest is drained unseen.
const MAX_INCOMING: usize = 128;
/// Most decoders of each kind at a time.
const MAX_DECODERS: usize = 16;

/// How long a stream waits for its name in ns (`specs/jitsi-client.md §5`).
const HOLD_NS: u64 = 1_000_000_000;

/// Silence in ns after which a stream that the plan does not name is forgotten.
const FORGET_NS: u64 = 5_000_000_000;

/// The receiving half of a session.
#[derive(Debug)]
pub struct Receiver {
    session: SessionId,
    mailbox: Mailbox,
    board: Board,
    incoming: BTreeMap<u32, Incoming>,
    /// Decoders on their way out, by token.
    leaving: BTreeMap<u64, (u32, Decoder)>,
    next_token: u64,
}

#[derive(Debug)]
struct Incoming {
    pad: gst::Pad,
    pulse: Arc<Pulse>,
    /// Keeps the buffers from whoever comes next: held until `held_until_ns`, then parked.
    parked: Option<gst::PadProbeId>,
    held_until_ns: Option<u64>,
    kind: MediaKind,
    encoding: String,
    decoder: Option<Decoder>,
    leaving: bool,
    /// Decoding failed once; not tried again for this pad.
    broken: bool,
}

impl Receiver {
    /// For one session; pictures go to `board`.
    #[must_use]
    pub fn new(session: SessionId, board: &Board, mailbox: &Mailbox) -> Self {
        let (mailbox, board) = (mailbox.clone(), board.clone());
        Self {
            session,
            mailbox,
            board,
            incoming: BTreeMap::new(),
            leaving: BTreeMap::new(),
            next_token: 0,
        }
    }

    /// A pad appeared, its buffers held by `held`.
    pub fn add(&mut self, pad: gst::Pad, held: Option<gst::PadProbeId>, pulse: Arc<Pulse>, transport: &Transport) {
        if let Some(ssrc) = self.admit(&pad, &pulse, transport) {
            let incoming = self.incoming.get_mut(&ssrc);
            if let Some(incoming) = incoming {
                (incoming.parked, incoming.held_until_ns) = (held, Some(now_ns() + HOLD_NS));
            }
        } else {
            pulse.keep_parked(fall(&pad, held));
        }
    }

    /// A pad that was forgotten is heard again.
    pub fn add_again(&mut self, pad: &gst::Pad, pulse: &Arc<Pulse>, transport: &Transport) {
        if let Some(ssrc) = self.admit(pad, pulse, transport)
            && let Some(incoming) = self.incoming.get_mut(&ssrc)
        {
            incoming.parked = pulse.take_parked();
        }
    }

    /// Looks after a pad from now on, if there is room.
    fn admit(&mut self, pad: &gst::Pad, pulse: &Arc<Pulse>, transport: &Transport) -> Option<u32> {
        let Some((ssrc, kind, encoding)) = described(pad) else {
            tracing::warn!(pad = %pad.name(), "a received pad without SSRC");
            return None;
        };
        if !self.incoming.contains_key(&ssrc) && self.incoming.len() >= MAX_INCOMING {
            tracing::warn!(ssrc, "too many SSRCs; this one is not looked at now");
            pulse.forget(now_ns() + FORGET_NS);
            return None;
        }
        transport.set_retransmission(ssrc, kind == MediaKind::Video);
        tracing::info!(ssrc, ?kind, encoding, "a stream arrives");
        let new = Incoming {
            pad: pad.clone(),
            pulse: pulse.clone(),
            parked: None,
            held_until_ns: None,
            kind,
            encoding,
            decoder: None,
            leaving: false,
            broken: false,
        };
        // The pad before it went silent so long that webrtcbin gave it up; its branch gets nothing any more.
        if let Some(decoder) = self.incoming.insert(ssrc, new).and_then(|old| old.decoder) {
            decoder.remove(transport.pipeline());
        }
        Some(ssrc)
    }

    /// Makes room: parked streams that the plan does not name and that have been silent for long are forgotten until they
    /// are heard again. webrtcbin tells of no end of a stream.
    pub fn prune(&mut self, streams: &[RemoteStream], now_ns: u64) {
        self.incoming.retain(|ssrc, incoming| {
            let named = || streams.iter().any(|stream| stream.ssrc == *ssrc);
            let idle = incoming.decoder.is_none() && !incoming.leaving && incoming.held_until_ns.is_none();
            if !idle || now_ns.saturating_sub(incoming.pulse.last_ns()) < FORGET_NS || named() {
                return true;
            }
            tracing::debug!(ssrc, "a silent stream is forgotten");
            incoming.pulse.keep_parked(incoming.parked.take());
            incoming.pulse.forget(0);
            false
        });
    }

    /// Lets the buffers of streams fall that nobody has named in time.
    pub fn release_unnamed(&mut self, now_ns: u64) {
        for incoming in self.incoming.values_mut() {
            if incoming.held_until_ns.is_some_and(|until| until <= now_ns) {
                incoming.held_until_ns = None;
                incoming.parked = fall(&incoming.pad, incoming.parked.take());
            }
        }
    }

    /// Decodes what is wanted: pictures of `sources`, all sound if `listen`.
    pub fn reconcile(
        &mut self,
        streams: &[RemoteStream],
        sources: &HashSet<String>,
        listen: bool,
        transport: &Transport,
    ) {
        let wanted = |ssrc: u32, kind: MediaKind| {
            let named = streams
                .iter()
                .find(|stream| stream.ssrc == ssrc && stream.kind == kind)?;
            let wanted = match kind {
                MediaKind::Video => sources.contains(&named.source),
                MediaKind::Audio => listen,
            };
            wanted.then_some(named.source.as_str())
        };
        let mut chosen = HashSet::new();
        for kind in [MediaKind::Audio, MediaKind::Video] {
            let able = self
                .incoming
                .iter()
                .filter(|(_, incoming)| incoming.kind == kind && !incoming.leaving && !incoming.broken);
            let candidates = able.filter(|(ssrc, _)| wanted(**ssrc, kind).is_some());
            let candidates = candidates.map(|(ssrc, incoming)| Candidate {
                ssrc: *ssrc,
                decoding: incoming.decoder.is_some(),
                last_ns: incoming.pulse.last_ns(),
            });
            chosen.extend(choose(candidates.collect(), MAX_DECODERS, now_ns()));
        }
        let ssrcs: Vec<u32> = self.incoming.keys().copied().collect();
        for ssrc in ssrcs.into_iter().filter(|ssrc| !chosen.contains(ssrc)) {
            self.detach(ssrc);
        }
        for ssrc in chosen {
            let Some(incoming) = self.incoming.get_mut(&ssrc) else {
                continue;
            };
            let Some(source) = wanted(ssrc, incoming.kind) else {
                continue;
            };
            match &incoming.decoder {
                Some(decoder) => decoder.relabel(source),
                None => incoming.attach(source, &self.board, transport),
            }
        }
    }

    fn detach(&mut self, ssrc: u32) {
        let Some(incoming) = self.incoming.get_mut(&ssrc) else {
            return;
        };
        let Some(decoder) = incoming.decoder.take() else { return };
        let token = self.next_token;
        self.next_token += 1;
        incoming.leaving = true;
        let (mailbox, session) = (self.mailbox.clone(), self.session);
        // Idle: nothing of ours is on the way through the branch when it is unlinked, so the jitterbuffer never hears
        // of a pad that went away.
        incoming.pad.add_probe(gst::PadProbeType::IDLE, move |pad, _| {
            let parked = park(pad);
            if let Some(peer) = pad.peer() {
                let _ = pad.unlink(&peer);
            }
            mailbox.post(Message::Transport(session, TransportEvent::Detached(token, parked)));
            gst::PadProbeReturn::Remove
        });
        self.leaving.insert(token, (ssrc, decoder));
    }

    /// A branch is off its pad: stop it.
    pub fn detached(&mut self, token: u64, parked: Option<gst::PadProbeId>, transport: &Transport) {
        let Some((ssrc, decoder)) = self.leaving.remove(&token) else {
            return;
        };
        decoder.remove(transport.pipeline());
        if let Some(incoming) = self.incoming.get_mut(&ssrc).filter(|incoming| incoming.leaving) {
            incoming.leaving = false;
            incoming.parked = parked;
        }
    }

    /// The decoded sound, by SSRC.
    #[must_use]
    pub fn sounds(&self) -> BTreeMap<u32, Tap> {
        let tap = |(ssrc, incoming): (&u32, &Incoming)| Some((*ssrc, incoming.decoder.as_ref()?.sound()?.clone()));
        self.incoming.iter().filter_map(tap).collect()
    }

    /// Counters since the last call, `over` being the time between.
    pub fn statistics(&mut self, over: Duration, transport: &Transport) -> Vec<ReceivedStatistics> {
        let statistics = |(ssrc, incoming): (&u32, &mut Incoming)| {
            let (fps, height) = incoming
                .decoder
                .as_mut()
                .map_or((0.0, 0), |decoder| decoder.statistics(over));
            ReceivedStatistics {
                ssrc: *ssrc,
                fps,
                height,
                lost: transport.lost(*ssrc),
                packets: transport.arrived(*ssrc),
            }
        };
        self.incoming.iter_mut().map(statistics).collect()
    }
}

impl Incoming {
    fn attach(&mut self, source: &str, board: &Board, transport: &Transport) {
        match Decoder::build(
            self.kind,
            &self.encoding,
            source,
            board,
            transport.pipeline(),
            &self.pad,
        ) {
            Ok(decoder) => {
                self.decoder = Some(decoder);
                let complete = self.held_until_ns.take().is_some();
                if let Some(probe) = self.parked.take() {
                    self.pad.remove_probe(probe);
                }
                if self.kind == MediaKind::Video && !complete {
                    key_frames::ask_sender(&self.pad);
                }
            }
            Err(error) => {
                tracing::warn!(encoding = self.encoding, %error, "a stream cannot be decoded");
                self.broken = true;
            }
        }
    }
}

/// From held to parked.
fn fall(pad: &gst::Pad, held: Option<gst::PadProbeId>) -> Option<gst::PadProbeId> {
    let parked = park(pad);
    if let Some(held) = held {
        pad.remove_probe(held);
    }
    parked
}

/// SSRC, kind and encoding of a received pad, from its caps.
fn described(pad: &gst::Pad) -> Option<(u32, MediaKind, String)> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let structure = caps.structure(0)?;
    let kind = match structure.get::<&str>("media").ok()? {
        "audio" => MediaKind::Audio,
        "video" => MediaKind::Video,
        _ => return None,
    };
    let encoding = structure.get::<&str>("encoding-name").ok()?.to_ascii_uppercase();
    Some((structure.get::<u32>("ssrc").ok()?, kind, encoding))
}
