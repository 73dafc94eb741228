//! One client at the bridge: its WebRTC connection (str0m, direct API) and what it said on the channel.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::channel::ChannelId;
use str0m::config::{DtlsVersion, Fingerprint};
use str0m::format::{Codec, FormatParams};
use str0m::ice::IceCreds;
use str0m::media::{Frequency, KeyframeRequestKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{Extension, ExtensionMap, ExtensionValues, RtpPacket, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};
use tokio::sync::mpsc::UnboundedSender;

use super::Transport;
use super::channel::Constraints;
use crate::error::{Error, Result};
use crate::focus::answer::ClientTransport;
use crate::focus::sources::{Media, Sources};
use crate::legacy;

/// Payload types of the offer (`focus::invite`).
pub const OPUS: u8 = 111;
/// VP8.
pub const VP8: u8 = 100;
/// RTX of VP8.
pub const VP8_RTX: u8 = 96;

/// H.264.
pub const H264: u8 = 107;
/// RTX of H.264.
pub const H264_RTX: u8 = 99;

/// What happened at an endpoint.
pub enum Happened {
    /// ICE and DTLS are done.
    Connected,
    /// The data channel is open: label and protocol.
    ChannelOpen(String, String),
    /// A text message on the channel, SCTP.
    Text(String),
    /// A binary message on the channel.
    Binary,
    /// A packet, repaired by RTX where that was needed.
    Rtp(Box<RtpPacket>),
    /// A receiver asks for a key frame of what goes out on this media.
    KeyFrameWanted(Mid),
    /// The connection is over.
    Failed(String),
}

/// A client.
pub struct Endpoint {
    /// Endpoint id.
    pub id: String,
    /// `room@muc`.
    pub room: String,
    /// SSRCs are rewritten.
    pub rewriting: bool,
    /// transport-cc was negotiated.
    pub tcc: bool,
    /// The channel speaks as it did at another time.
    pub legacy: bool,
    pub(super) rtc: Rtc,
    local: SocketAddr,
    /// When to call [`Endpoint::timeout`].
    pub deadline: Instant,
    /// What the client declared.
    pub sources: Sources,
    /// Video SSRCs on which packets come, with the time of the last one.
    pub flowing: HashMap<u32, Instant>,
    /// A video packet has come.
    pub flowed: bool,
    /// Every declared SSRC, RTX too: (media, main SSRC).
    pub declared: HashMap<u32, (Media, u32)>,
    /// SSRCs that were declared, and when they were withdrawn.
    pub withdrawn: HashMap<u32, Instant>,
    /// When the answer was accepted.
    pub accepted: Option<Instant>,
    /// When ICE and DTLS were done.
    pub connected: Option<Instant>,
    /// It failed and was reported.
    pub failed: bool,
    channel: Option<ChannelId>,
    /// The colibri WebSocket, if that is used.
    pub websocket: Option<UnboundedSender<String>>,
    /// When the channel opened.
    pub opened: Option<Instant>,
    /// The opening was checked.
    pub opening_checked: bool,
    /// How many channels were opened.
    pub channels: u32,
    /// What it wants.
    pub constraints: Option<Constraints>,
    /// SourceVideoTypeMessage by source, since the channel opened.
    pub video_types: BTreeMap<String, String>,
    /// What goes out.
    pub video: Vec<VideoSlot>,
    /// What goes out.
    pub audio: Vec<AudioSlot>,
    /// Names in the last ForwardedSources.
    pub forwarded: Option<Vec<String>>,
    /// Layer of each forwarded source.
    pub allocation: BTreeMap<String, usize>,
    /// Last packet of any kind.
    pub last_packet: Instant,
    /// As announced to the others.
    pub active: bool,
    /// Where packets come from.
    pub remote: Option<SocketAddr>,
    /// ICE is done; DTLS may not be.
    pub ice_done: bool,
    /// A moderator muted it: since when.
    pub force_muted: HashMap<Media, Instant>,
    /// SenderSourceConstraints sent last, by source: height and when.
    pub wanted: BTreeMap<String, (i32, Instant)>,
    /// When it is told which height is wanted of its sources.
    pub demand_due: Option<Instant>,
    /// Media is declared once per slot; ids count up.
    pub(super) next_mid: u32,
    pub(super) expected: BTreeSet<u32>,
}

/// An outgoing video SSRC.
pub struct VideoSlot {
    /// Media of str0m.
    pub mid: Mid,
    /// SSRC.
    pub ssrc: u32,
    /// Its RTX.
    pub rtx: u32,
    /// The source it carries.
    pub source: String,
    /// Which layer of it.
    pub layer: usize,
    /// Nothing is sent before a key frame.
    pub needs_key: bool,
    /// Next sequence number.
    pub sequence: u64,
    /// RTP timestamp at the epoch of the bridge.
    pub base: u32,
    /// PictureID.
    pub picture: u16,
    /// TL0PICIDX.
    pub tl0: u8,
    /// For forwarded streams: (out minus in) of the timestamp, and of the sequence number.
    pub offset: Option<(u32, i64)>,
}

/// An outgoing audio SSRC.
pub struct AudioSlot {
    /// SSRC.
    pub ssrc: u32,
    /// The source it carries.
    pub source: String,
    /// The client was told.
    pub told: bool,
    /// Next sequence number.
    pub sequence: u64,
    /// RTP timestamp at the epoch of the bridge.
    pub base: u32,
}

/// Datagrams to send.
pub type Outbox = Vec<(SocketAddr, Vec<u8>)>;

impl Endpoint {
    /// A new endpoint that waits for its client.
    pub fn new(id: &str, room: &str, rewriting: bool, tcc: bool, local: SocketAddr, now: Instant) -> Result<Self> {
        let mut extensions = ExtensionMap::empty();
        extensions.set(1, Extension::AudioLevel);
        extensions.set(3, Extension::AbsoluteSendTime);
        if tcc {
            extensions.set(5, Extension::TransportSequenceNumber);
        }
        let mut config = RtcConfig::new()
            .set_rtp_mode(true)
            .set_dtls_version(DtlsVersion::Dtls12)
            .clear_codecs()
            .set_extension_map(extensions)
            .set_rtcp_report_interval_audio(Duration::from_millis(500))
            .set_rtcp_report_interval_video(Duration::from_millis(500))
            .set_stats_interval(None);
        let codecs = config.codec_config();
        let format = FormatParams {
            min_p_time: Some(10),
            use_inband_fec: Some(true),
            ..FormatParams::default()
        };
        codecs.add_config(
            OPUS.into(),
            None,
            Codec::Opus,
            Frequency::FORTY_EIGHT_KHZ,
            Some(2),
            format,
        );
        let vp8_rtx: Pt = VP8_RTX.into();
        codecs.add_config(
            VP8.into(),
            Some(vp8_rtx),
            Codec::Vp8,
            Frequency::NINETY_KHZ,
            None,
            FormatParams::default(),
        );
        let h264_rtx: Pt = H264_RTX.into();
        let format = FormatParams {
            level_asymmetry_allowed: Some(true),
            packetization_mode: Some(1),
            profile_level_id: Some(0x42_e01f),
            ..FormatParams::default()
        };
        codecs.add_config(
            H264.into(),
            Some(h264_rtx),
            Codec::H264,
            Frequency::NINETY_KHZ,
            None,
            format,
        );
        let mut rtc = config.build(now);
        let candidate = Candidate::host(local, Protocol::Udp).map_err(|e| Error::Bridge(e.to_string()))?;
        rtc.add_local_candidate(candidate);
        rtc.direct_api().set_ice_controlling(true);
        Ok(Self {
            id: id.into(),
            room: room.into(),
            rewriting,
            tcc,
            legacy: false,
            rtc,
            local,
            deadline: now,
            sources: Sources::default(),
            flowing: HashMap::new(),
            flowed: false,
            declared: HashMap::new(),
            withdrawn: HashMap::new(),
            accepted: None,
            connected: None,
            failed: false,
            channel: None,
            websocket: None,
            opened: None,
            opening_checked: false,
            channels: 0,
            constraints: None,
            video_types: BTreeMap::new(),
            video: Vec::new(),
            audio: Vec::new(),
            forwarded: None,
            allocation: BTreeMap::new(),
            last_packet: now,
            active: true,
            remote: None,
            ice_done: false,
            force_muted: HashMap::new(),
            wanted: BTreeMap::new(),
            demand_due: None,
            next_mid: 0,
            expected: BTreeSet::new(),
        })
    }

    /// Where the client finds the bridge.
    pub fn transport(&mut self) -> Transport {
        let api = self.rtc.direct_api();
        let credentials = api.local_ice_credentials();
        let print = api.local_dtls_fingerprint();
        let fingerprint: Vec<String> = print.bytes.iter().map(|b| format!("{b:02X}")).collect();
        Transport {
            ufrag: credentials.ufrag,
            pwd: credentials.pass,
            fingerprint: fingerprint.join(":"),
            candidates: vec![self.local],
        }
    }

    /// The client's answer: ICE may connect, DTLS may start.
    pub fn accept(&mut self, now: Instant, client: &ClientTransport, sources: Sources) -> Result<()> {
        let fingerprint: Fingerprint = format!("sha-256 {}", client.fingerprint)
            .parse()
            .map_err(|e: String| Error::Bridge(e))?;
        let mut api = self.rtc.direct_api();
        api.set_remote_ice_credentials(IceCreds {
            ufrag: client.ufrag.clone(),
            pass: client.pwd.clone(),
        });
        api.set_remote_fingerprint(fingerprint);
        api.start_dtls(!client.active)
            .map_err(|e| Error::Bridge(e.to_string()))?;
        api.start_sctp(false);
        api.enable_twcc_feedback();
        for address in &client.candidates {
            if let Ok(candidate) = Candidate::host(*address, Protocol::Udp) {
                self.rtc.add_remote_candidate(candidate);
            }
        }
        self.accepted = Some(now);
        self.last_packet = now;
        self.set_sources(now, sources);
        Ok(())
    }

    /// Sends one packet.
    #[allow(clippy::too_many_arguments)]
    pub fn write(
        &mut self,
        now: Instant,
        (ssrc, payload_type): (u32, u8),
        (sequence, timestamp): (u64, u32),
        marker: bool,
        level: Option<i8>,
        payload: Vec<u8>,
        out: &mut Outbox,
        happened: &mut Vec<Happened>,
    ) {
        let extensions = ExtensionValues {
            audio_level: level,
            voice_activity: level.map(|l| l > -60),
            ..ExtensionValues::default()
        };
        if let Some(stream) = self.rtc.direct_api().stream_tx(&ssrc.into()) {
            stream.write_rtp(
                RtpWrite::new(payload_type.into(), sequence.into(), timestamp, now, payload)
                    .marker(marker)
                    .ext_vals(extensions)
                    .nackable(matches!(payload_type, VP8 | H264)),
            );
        }
        self.drain(now, out, happened);
    }

    /// Asks the client for a key frame on `ssrc`.
    pub fn ask_key_frame(
        &mut self,
        now: Instant,
        ssrc: u32,
        fir: bool,
        out: &mut Outbox,
        happened: &mut Vec<Happened>,
    ) {
        let kind = if fir {
            KeyframeRequestKind::Fir
        } else {
            KeyframeRequestKind::Pli
        };
        if let Some(stream) = self.rtc.direct_api().stream_rx(&ssrc.into()) {
            stream.request_keyframe(kind);
        }
        self.drain(now, out, happened);
    }

    /// Sends a text on the channel, whichever it is.
    pub fn tell(&mut self, now: Instant, text: &str, out: &mut Outbox, happened: &mut Vec<Happened>) {
        let text = &match self.legacy {
            true => legacy::to_client(text),
            false => text.to_owned(),
        };
        tracing::trace!(endpoint = self.id, text, "bridge says");
        if let Some(websocket) = &self.websocket {
            let _ = websocket.send(text.to_owned());
            return;
        }
        let Some(id) = self.channel else { return };
        if let Some(mut channel) = self.rtc.channel(id) {
            let _ = channel.write(false, text.as_bytes());
        }
        self.drain(now, out, happened);
    }

    /// Whether a channel is open.
    pub fn has_channel(&self) -> bool {
        self.websocket.is_some() || self.channel.is_some()
    }

    /// Whether a datagram is for this endpoint.
    pub fn accepts(&self, now: Instant, from: SocketAddr, datagram: &[u8]) -> bool {
        Receive::new(Protocol::Udp, from, self.local, datagram)
            .is_ok_and(|receive| self.rtc.accepts(&Input::Receive(now, receive)))
    }

    /// Takes a datagram.
    pub fn receive(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
        out: &mut Outbox,
        happened: &mut Vec<Happened>,
    ) {
        let Ok(receive) = Receive::new(Protocol::Udp, from, self.local, datagram) else {
            return;
        };
        self.last_packet = now;
        self.remote = Some(from);
        if let Err(error) = self.rtc.handle_input(Input::Receive(now, receive)) {
            self.fail(error.to_string(), happened);
        }
        self.drain(now, out, happened);
    }

    /// Time has passed.
    pub fn timeout(&mut self, now: Instant, out: &mut Outbox, happened: &mut Vec<Happened>) {
        if let Err(error) = self.rtc.handle_input(Input::Timeout(now)) {
            self.fail(error.to_string(), happened);
        }
        self.drain(now, out, happened);
    }

    fn fail(&mut self, reason: String, happened: &mut Vec<Happened>) {
        if !self.failed {
            self.failed = true;
            happened.push(Happened::Failed(reason));
        }
    }

    /// Takes all output; str0m wants that after every single change.
    fn drain(&mut self, now: Instant, out: &mut Outbox, happened: &mut Vec<Happened>) {
        let mut overdue = 0;
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(deadline)) if deadline <= now && overdue < 8 => {
                    overdue += 1;
                    if let Err(error) = self.rtc.handle_input(Input::Timeout(now)) {
                        return self.fail(error.to_string(), happened);
                    }
                }
                Ok(Output::Timeout(deadline)) => {
                    self.deadline = deadline.max(now + Duration::from_millis(1));
                    return;
                }
                Ok(Output::Transmit(transmit)) => {
                    out.push((transmit.destination, transmit.contents.to_vec()));
                }
                Ok(Output::Event(event)) => self.event(event, happened),
                Err(error) => {
                    self.deadline = now + Duration::from_secs(3600);
                    return self.fail(error.to_string(), happened);
                }
            }
        }
    }

    fn event(&mut self, event: Event, happened: &mut Vec<Happened>) {
        match event {
            Event::Connected => happened.push(Happened::Connected),
            Event::IceConnectionStateChange(state) if state.is_connected() => self.ice_done = true,
            Event::ChannelOpen(id, label) => {
                let protocol = self
                    .rtc
                    .channel(id)
                    .and_then(|c| c.config().map(|c| c.protocol.clone()))
                    .unwrap_or_default();
                self.channels += 1;
                self.channel = Some(id);
                happened.push(Happened::ChannelOpen(label, protocol));
            }
            Event::ChannelData(data) => happened.push(if data.binary {
                Happened::Binary
            } else {
                Happened::Text(String::from_utf8_lossy(&data.data).into_owned())
            }),
            Event::ChannelClose(id) if self.channel == Some(id) => {
                self.channel = None;
                self.opened = None;
            }
            Event::RtpPacket(packet) => happened.push(Happened::Rtp(Box::new(packet))),
            // As seen at JVB: a FIR for a rewritten SSRC goes nowhere, a PLI does.
            Event::KeyframeRequest(request) if self.rewriting && request.kind == KeyframeRequestKind::Fir => {}
            Event::KeyframeRequest(request) => happened.push(Happened::KeyFrameWanted(request.mid)),
            Event::Closed => self.fail("closed by the client".into(), happened),
            _ => {}
        }
    }
}
