//! The WebRTC side of the test client: one thread, one str0m instance, two layers of VP8 and a tone.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use conference::focus::sources::{Media, Sources};
use conference::peers::encode::{self, Encoded};
use conference::peers::payload;
use conference::xmpp::ns;
use minidom::Element;
use str0m::channel::{ChannelConfig, ChannelId, Reliability};
use str0m::config::DtlsVersion;
use str0m::format::{Codec, FormatParams};
use str0m::ice::IceCreds;
use str0m::media::{Frequency, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::rtp::rtcp::Rtcp;
use str0m::rtp::{Extension, ExtensionMap, ExtensionValues, RawPacket, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use super::Wrong;

/// What the offer says about the transport.
pub struct Offer {
    ufrag: String,
    pwd: String,
    fingerprint: String,
    candidate: SocketAddr,
    ssrcs: Vec<u32>,
}

impl Offer {
    pub fn read(jingle: &Element) -> Offer {
        let content = jingle.get_child("content", ns::JINGLE).unwrap();
        let transport = content.get_child("transport", ns::ICE_UDP).unwrap();
        let candidate = transport.children().find(|c| c.name() == "candidate").unwrap();
        Offer {
            ufrag: transport.attr("ufrag").unwrap().into(),
            pwd: transport.attr("pwd").unwrap().into(),
            fingerprint: transport.get_child("fingerprint", ns::DTLS).unwrap().text(),
            candidate: format!("{}:{}", candidate.attr("ip").unwrap(), candidate.attr("port").unwrap())
                .parse()
                .unwrap(),
            ssrcs: Vec::new(),
        }
    }
}

/// What arrived.
#[derive(Debug, Clone, Default)]
pub struct Received {
    pub connected: bool,
    pub channel_open: bool,
    /// Channel messages, as text.
    pub messages: Vec<String>,
    /// Video packets by SSRC.
    pub video: BTreeMap<u32, u64>,
    /// Audio packets by SSRC.
    pub audio: BTreeMap<u32, u64>,
    /// Transport-wide feedback and sender reports, RTCP.
    pub feedback: u64,
    pub sender_reports: u64,
    /// Video packets that came before any constraints were sent.
    pub early_video: u64,
}

enum Order {
    MuteAudio,
    Stop,
}

pub struct MediaThread {
    orders: Sender<Order>,
    received: Arc<Mutex<Received>>,
    engine: Option<Engine>,
    inbox: Option<Receiver<Order>>,
    thread: Option<JoinHandle<()>>,
    transport: String,
}

impl MediaThread {
    pub fn new(offer: Offer, sources: &Sources, nick: &str, wrong: Wrong) -> Self {
        let (orders, inbox) = channel();
        let received: Arc<Mutex<Received>> = Arc::default();
        let engine = Engine::new(&offer, sources, nick, wrong, received.clone());
        let transport = engine.signalled.clone();
        Self {
            orders,
            received,
            engine: Some(engine),
            inbox: Some(inbox),
            thread: None,
            transport,
        }
    }

    /// The transport element of the answer.
    pub fn transport(&mut self) -> String {
        self.transport.clone()
    }

    pub fn start(&mut self) {
        if let (Some(engine), Some(inbox)) = (self.engine.take(), self.inbox.take()) {
            self.thread = Some(std::thread::spawn(move || engine.run(&inbox)));
        }
    }

    pub fn received(&self) -> Received {
        self.received.lock().unwrap().clone()
    }

    pub fn mute_audio(&self) {
        let _ = self.orders.send(Order::MuteAudio);
    }
}

impl Drop for MediaThread {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Engine {
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    signalled: String,
    layers: Vec<u32>,
    audio: u32,
    name: String,
    media: Encoded,
    wrong: Wrong,
    received: Arc<Mutex<Received>>,
    channel: Option<ChannelId>,
    connected: bool,
    constrained: bool,
    muted: bool,
    stopped: bool,
    wants_key: [bool; 2],
    picture: [usize; 2],
    sequences: [u64; 3],
    known: Vec<u32>,
}

impl Engine {
    fn new(offer: &Offer, sources: &Sources, nick: &str, wrong: Wrong, received: Arc<Mutex<Received>>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let local = socket.local_addr().unwrap();
        let mut extensions = ExtensionMap::empty();
        if wrong != Wrong::SendsNoAudioLevel {
            extensions.set(1, Extension::AudioLevel);
        }
        extensions.set(5, Extension::TransportSequenceNumber);
        let mut config = RtcConfig::new()
            .set_rtp_mode(true)
            .set_dtls_version(DtlsVersion::Dtls12)
            .enable_raw_packets(true)
            .clear_codecs()
            .set_extension_map(extensions);
        let codecs = config.codec_config();
        codecs.add_config(
            111.into(),
            None,
            Codec::Opus,
            Frequency::FORTY_EIGHT_KHZ,
            Some(2),
            FormatParams::default(),
        );
        codecs.add_config(
            100.into(),
            Some(96.into()),
            Codec::Vp8,
            Frequency::NINETY_KHZ,
            None,
            FormatParams::default(),
        );
        let mut rtc = config.build(Instant::now());
        rtc.add_local_candidate(Candidate::host(local, Protocol::Udp).unwrap());
        rtc.add_remote_candidate(Candidate::host(offer.candidate, Protocol::Udp).unwrap());
        let mut api = rtc.direct_api();
        let own = api.local_ice_credentials();
        let print: Vec<String> = api
            .local_dtls_fingerprint()
            .bytes
            .iter()
            .map(|b| format!("{b:02X}"))
            .collect();
        let mut print = print.join(":");
        match wrong {
            Wrong::SignalsLowerCaseFingerprint => print = print.to_lowercase(),
            Wrong::SignalsAnotherFingerprint => {
                print.replace_range(..2, if print.starts_with("00") { "01" } else { "00" })
            }
            _ => {}
        }
        let setup = if wrong == Wrong::HasRsaLikeSetup {
            "actpass"
        } else {
            "active"
        };
        let signalled = format!(
            "<transport xmlns='{}' ufrag='{}' pwd='{}'><fingerprint xmlns='{}' hash='sha-256' setup='{setup}'>{print}</fingerprint></transport>",
            ns::ICE_UDP,
            own.ufrag,
            own.pass,
            ns::DTLS
        );
        api.set_remote_ice_credentials(IceCreds {
            ufrag: offer.ufrag.clone(),
            pass: offer.pwd.clone(),
        });
        api.set_remote_fingerprint(format!("sha-256 {}", offer.fingerprint).parse().unwrap());
        api.set_ice_controlling(false);
        api.start_dtls(true).unwrap();
        api.start_sctp(true);
        let label = if wrong == Wrong::NamesChannelWrongly {
            "data"
        } else {
            "JVB data channel"
        };
        let channel = |label: &str| ChannelConfig {
            label: label.into(),
            ordered: true,
            reliability: Reliability::Reliable,
            negotiated: None,
            protocol: "http://jitsi.org/protocols/colibri".into(),
        };
        api.create_data_channel(channel(label));
        if wrong == Wrong::OpensTwoChannels {
            api.create_data_channel(channel("JVB data channel"));
        }
        let name = format!("{nick}-v0");
        let mut layers = sources.layers_of(&name);
        if wrong == Wrong::SwapsLayers {
            layers.reverse();
        }
        let audio = sources.sources.iter().find(|s| s.media == Media::Audio).unwrap().ssrc;
        for (i, ssrc) in layers.iter().enumerate() {
            let mid = format!("v{i}").as_str().into();
            api.declare_media(mid, MediaKind::Video);
            api.declare_stream_tx((*ssrc).into(), sources.rtx_of(*ssrc).map(Into::into), mid, None);
        }
        api.declare_media("a0".into(), MediaKind::Audio);
        api.declare_stream_tx(audio.into(), None, "a0".into(), None);
        // Whatever arrives is looked at: SSRCs are declared as they are seen.
        api.declare_media("rv".into(), MediaKind::Video);
        api.declare_media("ra".into(), MediaKind::Audio);
        if wrong == Wrong::SendsOnStraySsrc {
            api.declare_media("x0".into(), MediaKind::Audio);
            api.declare_stream_tx(77.into(), None, "x0".into(), None);
        }
        let media = encode::load(std::path::Path::new(&cache()), 3).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
        Self {
            rtc,
            socket,
            local,
            signalled,
            layers,
            audio,
            name,
            media,
            wrong,
            received,
            channel: None,
            connected: false,
            constrained: false,
            muted: false,
            stopped: false,
            wants_key: [true; 2],
            picture: [0; 2],
            sequences: [100, 200, 300],
            known: offer.ssrcs.clone(),
        }
    }

    fn run(mut self, inbox: &Receiver<Order>) {
        let start = Instant::now();
        let (mut next_picture, mut next_sound) = (start, start);
        let mut sound = 0;
        let mut buffer = vec![0u8; 2000];
        loop {
            for order in inbox.try_iter() {
                match order {
                    Order::Stop => return,
                    Order::MuteAudio => self.muted = true,
                }
            }
            self.drain();
            if let Ok((size, from)) = self.socket.recv_from(&mut buffer) {
                self.arrived(from, &buffer[..size]);
            } else {
                let _ = self.rtc.handle_input(Input::Timeout(Instant::now()));
            }
            self.drain();
            let now = Instant::now();
            if !self.connected {
                next_picture = now;
                next_sound = now;
                continue;
            }
            while next_sound <= now {
                next_sound += Duration::from_millis(20);
                sound += 1;
                if !self.muted {
                    let frame = self.media.audio[sound % self.media.audio.len()].clone();
                    self.write(2, self.audio, 111, (sound * 960) as u32, true, frame);
                    if self.wrong == Wrong::SendsOnStraySsrc {
                        self.write(2, 77, 111, (sound * 960) as u32, true, vec![1, 2, 3]);
                    }
                }
            }
            while next_picture <= now {
                next_picture += Duration::from_millis(40);
                let stopped = self.stopped && self.wrong != Wrong::IgnoresSenderConstraints;
                let timestamp = (now.duration_since(start).as_millis() * 90) as u32;
                for layer in 0..self.layers.len() {
                    if !stopped {
                        self.frame(layer, timestamp);
                    }
                }
            }
        }
    }

    fn frame(&mut self, layer: usize, timestamp: u32) {
        let frames = &self.media.video[layer];
        let mut at = (self.picture[layer] + 1) % frames.len();
        if std::mem::take(&mut self.wants_key[layer]) {
            while !payload::is_key(&frames[at]) {
                at = (at + 1) % frames.len();
            }
        } else if self.wrong == Wrong::IgnoresKeyFrameRequests && payload::is_key(&frames[at]) {
            at = (at + 1) % frames.len();
        }
        self.picture[layer] = at;
        let payloads = payload::vp8(&frames[at].clone(), at as u16, at as u8);
        let last = payloads.len() - 1;
        for (i, mut payload) in payloads.into_iter().enumerate() {
            if self.wrong == Wrong::SendsNoTemporalIndex {
                // The picture id alone stays of the extensions (RFC 7741 §4.2).
                payload[1] = 0x80;
                payload.drain(4..6);
            }
            self.write(layer, self.layers[layer], 100, timestamp, i == last, payload);
        }
    }

    fn write(&mut self, stream: usize, ssrc: u32, payload_type: u8, timestamp: u32, marker: bool, payload: Vec<u8>) {
        self.sequences[stream] += 1;
        let sequence = self.sequences[stream];
        let audio = payload_type == 111;
        let level = ExtensionValues {
            audio_level: audio.then_some(-20),
            voice_activity: Some(true),
            ..Default::default()
        };
        if let Some(tx) = self.rtc.direct_api().stream_tx(&ssrc.into()) {
            tx.write_rtp(
                RtpWrite::new(payload_type.into(), sequence.into(), timestamp, Instant::now(), payload)
                    .marker(marker)
                    .ext_vals(level)
                    .nackable(!audio),
            );
        }
        self.drain();
    }

    fn say(&mut self, text: &str) {
        if text.contains("ReceiverVideoConstraints") {
            self.constrained = true;
        }
        if let Some(mut channel) = self.channel.and_then(|id| self.rtc.channel(id)) {
            let _ = channel.write(false, text.as_bytes());
        }
        self.drain();
    }

    fn arrived(&mut self, from: SocketAddr, datagram: &[u8]) {
        if let Some(header) = conference::bridge::rtp::read(datagram) {
            let mut received = self.received.lock().unwrap();
            let audio = header.payload_type == 111;
            let counts = if audio {
                &mut received.audio
            } else {
                &mut received.video
            };
            *counts.entry(header.ssrc).or_default() += 1;
            if !audio && !self.constrained {
                received.early_video += 1;
            }
            drop(received);
            if !self.known.contains(&header.ssrc) && header.payload_type != 96 {
                self.known.push(header.ssrc);
                let mid = if audio { "ra" } else { "rv" };
                self.rtc
                    .direct_api()
                    .expect_stream_rx(header.ssrc.into(), None, mid.into(), None);
                self.drain();
            }
        }
        if let Ok(receive) = Receive::new(Protocol::Udp, from, self.local, datagram) {
            let _ = self.rtc.handle_input(Input::Receive(Instant::now(), receive));
        }
    }

    fn drain(&mut self) {
        for _ in 0..1000 {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) if at <= Instant::now() => {
                    let _ = self.rtc.handle_input(Input::Timeout(Instant::now()));
                }
                Ok(Output::Timeout(_)) | Err(_) => return,
                Ok(Output::Transmit(transmit)) => {
                    let _ = self.socket.send_to(&transmit.contents, transmit.destination);
                }
                Ok(Output::Event(event)) => self.event(event),
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Connected => {
                self.connected = true;
                self.received.lock().unwrap().connected = true;
            }
            Event::ChannelOpen(id, _) => {
                self.channel = Some(id);
                self.received.lock().unwrap().channel_open = true;
                if let Some(mut channel) = self.rtc.channel(id) {
                    let _ = channel.write(false, br#"{"colibriClass":"ClientHello"}"#);
                    let name = &self.name;
                    let kind = format!(
                        r#"{{"colibriClass":"SourceVideoTypeMessage","sourceName":"{name}","videoType":"camera"}}"#
                    );
                    let _ = channel.write(false, kind.as_bytes());
                    if self.wrong == Wrong::SaysUnknownField {
                        let _ = channel.write(
                            false,
                            br#"{"colibriClass":"ReceiverVideoConstraints","selectedEndpoints":[]}"#,
                        );
                    }
                }
                if !matches!(self.wrong, Wrong::ConstrainsNothing | Wrong::SaysUnknownField) {
                    self.constrained = true;
                    if let Some(mut channel) = self.rtc.channel(id) {
                        let text = r#"{"colibriClass":"ReceiverVideoConstraints","lastN":-1,"defaultConstraints":{"maxHeight":180}}"#;
                        let _ = channel.write(false, text.as_bytes());
                    }
                }
            }
            Event::ChannelData(data) => {
                let text = String::from_utf8_lossy(&data.data).into_owned();
                if text.contains("SenderSourceConstraints") {
                    self.stopped = text.contains("\"maxHeight\":0");
                }
                if text.contains("e2e-ping-request") && self.wrong != Wrong::AnswersNoPing {
                    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
                    let answer = serde_json::json!({"colibriClass": "EndpointMessage", "to": value["from"],
                        "msgPayload": {"type": "e2e-ping-response", "id": value["msgPayload"]["id"]}});
                    self.say(&answer.to_string());
                }
                self.received.lock().unwrap().messages.push(text);
            }
            Event::RawPacket(packet) => {
                if let RawPacket::RtcpRx(rtcp) = *packet {
                    let mut received = self.received.lock().unwrap();
                    received.feedback += u64::from(matches!(rtcp, Rtcp::Twcc(_)));
                    received.sender_reports += u64::from(matches!(rtcp, Rtcp::SenderReport(_)));
                }
            }
            Event::KeyframeRequest(request) if self.wrong != Wrong::IgnoresKeyFrameRequests => {
                let layer = if &*request.mid == "v0" { 0 } else { 1 };
                self.wants_key[layer] = true;
            }
            _ => {}
        }
    }
}

/// Where encoded media is kept between test runs.
pub fn cache() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/lab/media").into()
}
