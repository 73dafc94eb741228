//! What arrives: one pad per SSRC, decoded only while somebody looks at it or listens. Which SSRC is whose comes from the
//! plan and may change at any time; then the label changes and the decoder stays (SSRC rewriting,
//! `specs/jitsi-client.md §5`). An SSRC that the plan does not name is held for a second, for media may come before its
//! map; then it is parked: its packets fall.

use gstreamer as gst;
use gstreamer::prelude::*;
use media_protocol::{MediaKind, ReceivedStatistics, RemoteStream, SessionId};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::decoder::Decoder;
use super::key_frames;
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
    pub fn add(&mut self, pad: gst::Pad, held: Option<gst::PadProbeId>, transport: &Transport) {
        let Some((ssrc, kind, encoding)) = described(&pad) else {
            tracing::warn!(pad = %pad.name(), "a received pad without SSRC");
            fall(&pad, held);
            return;
        };
        if !self.incoming.contains_key(&ssrc) && self.incoming.len() >= MAX_INCOMING {
            tracing::warn!(ssrc, "too many SSRCs; this one is not looked at");
            fall(&pad, held);
            return;
        }
        transport.set_retransmission(ssrc, kind == MediaKind::Video);
        tracing::info!(ssrc, ?kind, encoding, "a stream arrives");
        let new = Incoming {
            pad,
            parked: held,
            held_until_ns: Some(now_ns() + HOLD_NS),
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
        let mut decoders = [0, 0];
        let ssrcs: Vec<u32> = self.incoming.keys().copied().collect();
        for ssrc in ssrcs {
            let Some(incoming) = self.incoming.get_mut(&ssrc) else {
                continue;
            };
            let stream = streams
                .iter()
                .find(|stream| stream.ssrc == ssrc && stream.kind == incoming.kind);
            let wanted = stream.filter(|stream| match stream.kind {
                MediaKind::Video => sources.contains(&stream.source),
                MediaKind::Audio => listen,
            });
            let count = &mut decoders[usize::from(incoming.kind == MediaKind::Video)];
            match (wanted, &incoming.decoder) {
                (Some(stream), Some(decoder)) => {
                    decoder.relabel(&stream.source);
                    *count += 1;
                }
                (Some(stream), None) if *count < MAX_DECODERS && !incoming.leaving && !incoming.broken => {
                    incoming.attach(&stream.source, &self.board, transport);
                    *count += 1;
                }
                (None, Some(_)) => self.detach(ssrc),
                _ => {}
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
