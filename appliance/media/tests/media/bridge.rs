//! The other side of the loopback tests: a second webrtcbin that offers, as a bridge does, with an ECDSA certificate, and
//! looks at every packet that arrives.

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer_rtp::RTPBuffer;
use gstreamer_sdp::SDPMessage;
use gstreamer_webrtc::{WebRTCDataChannel, WebRTCSDPType, WebRTCSessionDescription};
use media_protocol::{
    AudioOffer, Candidate, Fingerprint, LocalDescription, PayloadType, RemoteTransport, SessionOffer, VideoCodec,
    VideoOffer,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Our SSRCs, as the signalling side would choose them: layer, RTX, height.
pub const LAYERS: [(u32, u32, u32); 3] = [(1001, 2001, 180), (1002, 2002, 360), (1003, 2003, 720)];
/// Our audio SSRC.
pub const AUDIO: u32 = 9001;
/// What the bridge sends: sound, and pictures of two sources.
pub const SENDS: (u32, [u32; 2]) = (4001, [5001, 5002]);

/// What arrived on one SSRC.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    pub packets: u64,
    pub with_transport_cc: u64,
    pub with_audio_level: u64,
    pub heights: Vec<u32>,
    pub key_frames: Vec<Instant>,
    pub frames: u64,
}

#[derive(Debug, Default)]
pub struct Ledger {
    pub ssrcs: BTreeMap<u32, Seen>,
    pub texts: Vec<String>,
    pub rtcp: BTreeMap<&'static str, u64>,
    /// When the bridge asked for key frames.
    pub asked: Vec<Instant>,
}

pub struct Bridge {
    pub pipeline: gst::Pipeline,
    webrtcbin: gst::Element,
    pub ledger: Arc<Mutex<Ledger>>,
    pads: Arc<Mutex<BTreeMap<u32, gst::Pad>>>,
    /// Packets in a thousand that get lost on their way to the bridge.
    pub loss: Arc<AtomicU32>,
    /// Packets in a thousand that get lost on their way from the bridge.
    pub loss_back: Arc<AtomicU32>,
    certificate: media::certificate::Certificate,
    channel: Arc<Mutex<Option<WebRTCDataChannel>>>,
    candidates: Arc<Mutex<Vec<String>>>,
    codec: VideoCodec,
}

pub fn wait<T>(what: &str, bound: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + bound;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < end, "waited {bound:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Same losses at each run.
fn falls(state: &AtomicU32, per_mille: u32) -> bool {
    let next = state
        .load(Ordering::Relaxed)
        .wrapping_mul(1_664_525)
        .wrapping_add(1_013_904_223);
    state.store(next, Ordering::Relaxed);
    (next >> 8) % 1000 < per_mille
}

impl Bridge {
    pub fn start() -> Self {
        Self::start_with(VideoCodec::Vp8)
    }

    /// A bridge that offers and sends this codec.
    pub fn start_with(codec: VideoCodec) -> Self {
        gst::init().unwrap();
        let (name, encoder, payloader) = match codec {
            VideoCodec::Vp8 => (
                "VP8",
                "vp8enc deadline=1 cpu-used=8 keyframe-max-dist=3000 target-bitrate=200000",
                "rtpvp8pay picture-id-mode=15-bit",
            ),
            VideoCodec::H264 => (
                "H264",
                "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=3000 bitrate=200 ! \
                 video/x-h264,profile=constrained-baseline",
                "rtph264pay aggregate-mode=zero-latency config-interval=-1",
            ),
        };
        let twcc = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
        let video = |ssrc: u32, pattern: &str| {
            format!(
                "videotestsrc is-live=true pattern={pattern} ! video/x-raw,width=320,height=180,framerate=15/1 ! \
                 {encoder} ! {payloader} name=pay{ssrc} ssrc={ssrc} pt=100 ! f. "
            )
        };
        let description = format!(
            "webrtcbin name=b bundle-policy=max-bundle latency=50 \
             audiotestsrc is-live=true freq=600 ! opusenc ! rtpopuspay ssrc={} pt=111 name=pay0 ! \
             capsfilter name=caps0 caps=\"application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,\
             extmap-5=(string){twcc}\" ! b.sink_0 \
             rtpfunnel name=f ! capsfilter name=caps1 caps=\"application/x-rtp,media=video,encoding-name={name},payload=100,\
             clock-rate=90000,extmap-5=(string){twcc}\" ! b.sink_1 {}{}",
            SENDS.0,
            video(SENDS.1[0], "ball"),
            video(SENDS.1[1], "smpte"),
        );
        let pipeline = gst::parse::launch(&description)
            .unwrap()
            .downcast::<gst::Pipeline>()
            .unwrap();
        for name in ["pay0", "pay5001", "pay5002"] {
            let extension = gstreamer_rtp::RTPHeaderExtension::create_from_uri(twcc).unwrap();
            gstreamer_rtp::prelude::RTPHeaderExtensionExt::set_id(&extension, 5);
            pipeline
                .by_name(name)
                .unwrap()
                .emit_by_name::<()>("add-extension", &[&extension]);
        }
        let webrtcbin = pipeline.by_name("b").unwrap();
        let ice = webrtcbin.property::<glib::Object>("ice-agent");
        let agent = ice.property::<glib::Object>("agent");
        agent.set_property("upnp", false);
        agent.set_property("ice-tcp", false);
        ice.emit_by_name::<bool>("add-local-ip-address", &[&"127.0.0.1"]);
        let bridge = Self {
            webrtcbin,
            pipeline,
            ledger: Arc::default(),
            pads: Arc::default(),
            loss: Arc::default(),
            loss_back: Arc::default(),
            certificate: media::certificate::Certificate::generate().unwrap(),
            channel: Arc::default(),
            candidates: Arc::default(),
            codec,
        };
        bridge.listen();
        bridge
    }

    fn listen(&self) {
        let pem = self.certificate.pem.clone();
        let bin = self.webrtcbin.downcast_ref::<gst::Bin>().unwrap();
        let (loss_back, state_back) = (self.loss_back.clone(), Arc::new(AtomicU32::new(7)));
        bin.connect_deep_element_added(move |_, _, element| {
            let factory = element.factory().map(|factory| factory.name()).unwrap_or_default();
            if factory == "dtlssrtpdec" {
                element.set_property("pem", &pem);
            }
            if factory == "nicesink" {
                let (loss, state) = (loss_back.clone(), state_back.clone());
                let pad = element.static_pad("sink").unwrap();
                pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                    // RTP and RTCP only: 128 to 191 (RFC 7983).
                    let first = info.buffer().unwrap().map_readable().unwrap()[0];
                    let drop = (128..192).contains(&first) && falls(&state, loss.load(Ordering::Relaxed));
                    if drop {
                        gst::PadProbeReturn::Handled
                    } else {
                        gst::PadProbeReturn::Ok
                    }
                });
            }
        });
        let rtpbin = bin.by_name("rtpbin").unwrap();
        rtpbin.connect("new-jitterbuffer", false, |values| {
            let jitterbuffer = values[1].get::<gst::Element>().unwrap();
            jitterbuffer.set_property("do-retransmission", true);
            jitterbuffer.set_property("rtx-next-seqnum", false);
            None
        });
        let (ledger, loss, state) = (self.ledger.clone(), self.loss.clone(), Arc::new(AtomicU32::new(1)));
        let pipeline = self.pipeline.downgrade();
        rtpbin.connect_pad_added(move |_, pad| {
            let (ledger, loss, state) = (ledger.clone(), loss.clone(), state.clone());
            if pad.name().starts_with("recv_rtp_sink_") {
                pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                    let buffer = info.buffer().unwrap();
                    note_packet(&mut ledger.lock().unwrap(), buffer);
                    let drop = falls(&state, loss.load(Ordering::Relaxed));
                    if drop {
                        gst::PadProbeReturn::Handled
                    } else {
                        gst::PadProbeReturn::Ok
                    }
                });
            } else if pad.name().starts_with("send_rtp_sink_") {
                let pipeline = pipeline.clone();
                pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
                    serve_key_frame_request(&pipeline.upgrade().unwrap(), info.event().unwrap());
                    gst::PadProbeReturn::Ok
                });
            } else if pad.name().starts_with("send_rtcp_src_") {
                pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                    if kinds(info.buffer().unwrap()).contains(&"PLI") {
                        ledger.lock().unwrap().asked.push(Instant::now());
                    }
                    gst::PadProbeReturn::Ok
                });
            } else if pad.name().starts_with("recv_rtcp_sink_") {
                pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                    note_rtcp(&mut ledger.lock().unwrap(), info.buffer().unwrap());
                    gst::PadProbeReturn::Ok
                });
            }
        });
        let (pipeline, ledger, pads) = (self.pipeline.downgrade(), self.ledger.clone(), self.pads.clone());
        self.webrtcbin.connect_pad_added(move |_, pad| {
            if pad.direction() == gst::PadDirection::Src {
                decode(&pipeline.upgrade().unwrap(), pad, &ledger, &pads);
            }
        });
        let (ledger, channel) = (self.ledger.clone(), self.channel.clone());
        self.webrtcbin.connect("on-data-channel", false, move |values| {
            let opened = values[1].get::<WebRTCDataChannel>().unwrap();
            assert_eq!(opened.label().as_deref(), Some("JVB data channel"));
            assert_eq!(opened.protocol().as_deref(), Some("http://jitsi.org/protocols/colibri"));
            let ledger = ledger.clone();
            opened.connect_on_message_string(move |_, text| {
                ledger.lock().unwrap().texts.push(text.unwrap().to_owned());
            });
            *channel.lock().unwrap() = Some(opened);
            None
        });
        let candidates = self.candidates.clone();
        self.webrtcbin.connect("on-ice-candidate", false, move |values| {
            candidates.lock().unwrap().push(values[2].get::<String>().unwrap());
            None
        });
    }

    /// The offer, as the signalling side would tell it.
    pub fn offer(&self) -> SessionOffer {
        self.pipeline.set_state(gst::State::Playing).unwrap();
        self.webrtcbin
            .emit_by_name::<Option<WebRTCDataChannel>>("create-data-channel", &[&"unused", &None::<gst::Structure>]);
        wait("the bridge's caps", Duration::from_secs(10), || {
            let has_caps = |name: &&str| {
                self.pipeline
                    .by_name(name)
                    .unwrap()
                    .static_pad("sink")
                    .unwrap()
                    .current_caps()
                    .is_some()
            };
            ["caps0", "caps1"].iter().all(has_caps).then_some(())
        });
        for index in [0, 1] {
            let pad = self.webrtcbin.static_pad(&format!("sink_{index}")).unwrap();
            pad.property::<glib::Object>("transceiver")
                .set_property("do-nack", index == 1);
        }
        let (send, receive) = std::sync::mpsc::channel();
        let promise = gst::Promise::with_change_func(move |reply| {
            send.send(
                reply
                    .unwrap()
                    .unwrap()
                    .get::<WebRTCSessionDescription>("offer")
                    .unwrap(),
            )
            .unwrap();
        });
        self.webrtcbin
            .emit_by_name::<()>("create-offer", &[&None::<gst::Structure>, &promise]);
        let offer = receive.recv_timeout(Duration::from_secs(10)).unwrap();
        self.webrtcbin
            .emit_by_name::<()>("set-local-description", &[&offer, &None::<gst::Promise>]);
        let text = offer.sdp().as_text().unwrap();
        let candidate = wait("a candidate", Duration::from_secs(10), || {
            self.candidates.lock().unwrap().first().cloned()
        });
        self.describe(&text, &candidate)
    }

    fn encoding_name(&self) -> &'static str {
        match self.codec {
            VideoCodec::Vp8 => "VP8",
            VideoCodec::H264 => "H264",
        }
    }

    fn describe(&self, sdp: &str, candidate: &str) -> SessionOffer {
        let value = |name: &str| sdp.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        let rtx = sdp
            .lines()
            .find_map(|line| line.strip_prefix("a=rtpmap:")?.strip_suffix(" rtx/90000"))
            .unwrap();
        let fields: Vec<&str> = candidate.split_whitespace().collect();
        let candidate = Candidate {
            foundation: fields[0].trim_start_matches("candidate:").into(),
            component: 1,
            protocol: "udp".into(),
            priority: fields[3].parse().unwrap(),
            address: fields[4].parse().unwrap(),
            port: fields[5].parse().unwrap(),
            kind: "host".into(),
        };
        let fingerprint = Fingerprint {
            hash: "sha-256".into(),
            value: self.certificate.fingerprint.clone(),
            setup: "actpass".into(),
        };
        let opus = PayloadType {
            number: 111,
            encoding_name: "opus".into(),
            clock_rate: 48_000,
            channels: Some(2),
            parameters: vec![("minptime".into(), "10".into()), ("useinbandfec".into(), "1".into())],
            feedback: vec!["transport-cc".into()],
            rtx: None,
        };
        let feedback = ["ccm fir", "nack", "nack pli", "transport-cc"];
        let vp8 = PayloadType {
            number: 100,
            encoding_name: self.encoding_name().into(),
            clock_rate: 90_000,
            channels: None,
            parameters: vec![],
            feedback: feedback.iter().map(ToString::to_string).collect(),
            rtx: Some(rtx.parse().unwrap()),
        };
        SessionOffer {
            remote: RemoteTransport {
                ufrag: value("a=ice-ufrag:"),
                pwd: value("a=ice-pwd:"),
                candidates: vec![candidate],
                fingerprints: vec![fingerprint],
                sctp_port: Some(5000),
            },
            ice_servers: vec![],
            network: media_protocol::NetworkSettings::default(),
            audio: AudioOffer {
                payload_types: vec![opus],
                audio_level_extension: Some(1),
                transport_cc_extension: Some(5),
                ssrc: AUDIO,
            },
            video: VideoOffer {
                payload_types: vec![vp8],
                transport_cc_extension: Some(5),
                abs_send_time_extension: None,
                codec: self.codec,
            },
        }
    }

    /// Takes the answer: what a signalling side makes of our half and its own SSRCs.
    pub fn answer(&self, offer: &SessionOffer, local: &LocalDescription) {
        let (rtx, name) = (offer.video.payload_types[0].rtx.unwrap(), self.encoding_name());
        let Fingerprint { hash, value, setup } = &local.fingerprint;
        assert_eq!(setup, "active", "the bridge is the DTLS server");
        let (ufrag, pwd) = (&local.ufrag, &local.pwd);
        let transport = format!(
            "c=IN IP4 0.0.0.0\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\na=fingerprint:{hash} {value}\r\na=setup:{setup}\r\n"
        );
        let mut sdp = String::from(
            "v=0\r\no=- 2 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE audio0 video1 application2\r\n",
        );
        let extension = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
        sdp += &format!(
            "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n{transport}a=mid:audio0\r\na=sendrecv\r\na=rtcp-mux\r\n\
             a=rtpmap:111 OPUS/48000/2\r\na=extmap:5 {extension}\r\na=rtcp-fb:111 transport-cc\r\na=ssrc:{AUDIO} cname:box\r\n"
        );
        sdp += &format!(
            "m=video 9 UDP/TLS/RTP/SAVPF 100 {rtx}\r\n{transport}a=mid:video1\r\na=sendrecv\r\na=rtcp-mux\r\n\
             a=rtpmap:100 {name}/90000\r\na=rtcp-fb:100 nack\r\na=rtcp-fb:100 nack pli\r\na=rtcp-fb:100 transport-cc\r\n\
             a=extmap:5 {extension}\r\na=rtpmap:{rtx} rtx/90000\r\na=fmtp:{rtx} apt=100\r\n"
        );
        for (ssrc, rtx_ssrc, _) in LAYERS {
            sdp += &format!(
                "a=ssrc-group:FID {ssrc} {rtx_ssrc}\r\na=ssrc:{ssrc} cname:box\r\na=ssrc:{rtx_ssrc} cname:box\r\n"
            );
        }
        sdp += &format!(
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n{transport}a=mid:application2\r\na=sctp-port:5000\r\n"
        );
        let answer = SDPMessage::parse_buffer(sdp.as_bytes()).unwrap();
        let answer = WebRTCSessionDescription::new(WebRTCSDPType::Answer, answer);
        let (send, receive) = std::sync::mpsc::channel();
        let promise = gst::Promise::with_change_func(move |reply| {
            let error = reply.unwrap().and_then(|reply| reply.get::<glib::Error>("error").ok());
            send.send(error.map(|error| error.to_string())).unwrap();
        });
        self.webrtcbin
            .emit_by_name::<()>("set-remote-description", &[&answer, &promise]);
        assert_eq!(receive.recv_timeout(Duration::from_secs(10)).unwrap(), None);
    }

    /// Asks for a key frame of one layer, by PLI.
    pub fn ask_for_key_frame(&self, ssrc: u32) {
        let pad = self.pads.lock().unwrap().get(&ssrc).cloned().unwrap();
        let event = gstreamer_video::UpstreamForceKeyUnitEvent::builder()
            .all_headers(true)
            .build();
        assert!(pad.send_event(event));
    }

    pub fn say(&self, text: &str) {
        let channel = wait("a data channel", Duration::from_secs(10), || {
            self.channel.lock().unwrap().clone()
        });
        channel.send_string_full(Some(text)).unwrap();
    }

    pub fn seen(&self, ssrc: u32) -> Seen {
        self.ledger
            .lock()
            .unwrap()
            .ssrcs
            .get(&ssrc)
            .cloned()
            .unwrap_or_default()
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// A request of the other side for one of our pictures; webrtcbin's funnel swallows it.
fn serve_key_frame_request(pipeline: &gst::Pipeline, event: &gst::EventRef) {
    let request = event
        .structure()
        .filter(|structure| structure.name() == "GstForceKeyUnit");
    let Some(ssrc) = request.and_then(|structure| structure.get::<u32>("ssrc").ok()) else {
        return;
    };
    if let Some(payloader) = pipeline.by_name(&format!("pay{ssrc}")) {
        let event = gstreamer_video::UpstreamForceKeyUnitEvent::builder()
            .all_headers(true)
            .build();
        payloader.static_pad("sink").unwrap().push_event(event);
    }
}

fn note_packet(ledger: &mut Ledger, buffer: &gst::BufferRef) {
    let packet = RTPBuffer::from_buffer_readable(buffer).unwrap();
    let seen = ledger.ssrcs.entry(packet.ssrc()).or_default();
    seen.packets += 1;
    seen.with_transport_cc += u64::from(packet.extension_onebyte_header(5, 0).is_some());
    seen.with_audio_level += u64::from(packet.extension_onebyte_header(1, 0).is_some());
}

fn note_rtcp(ledger: &mut Ledger, buffer: &gst::BufferRef) {
    for kind in kinds(buffer) {
        *ledger.rtcp.entry(kind).or_default() += 1;
    }
}

/// Kinds of RTCP in a compound packet (RFC 3550 §6, RFC 4585 §6.1).
fn kinds(buffer: &gst::BufferRef) -> Vec<&'static str> {
    let map = buffer.map_readable().unwrap();
    let (mut rest, mut kinds) = (map.as_slice(), Vec::new());
    while rest.len() >= 4 {
        let length = (usize::from(u16::from_be_bytes([rest[2], rest[3]])) + 1) * 4;
        kinds.push(match (rest[1], rest[0] & 31) {
            (200, _) => "SR",
            (201, _) => "RR",
            (205, 1) => "NACK",
            (205, 15) => "transport-cc",
            (206, 1) => "PLI",
            (206, 4) => "FIR",
            _ => "other",
        });
        rest = rest.get(length..).unwrap_or_default();
    }
    kinds
}

fn decode(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    ledger: &Arc<Mutex<Ledger>>,
    pads: &Arc<Mutex<BTreeMap<u32, gst::Pad>>>,
) {
    let caps = pad.current_caps().unwrap();
    let structure = caps.structure(0).unwrap();
    let ssrc = structure.get::<u32>("ssrc").unwrap();
    pads.lock().unwrap().insert(ssrc, pad.clone());
    let video = structure.get::<&str>("media") == Ok("video");
    let description = match structure.get::<&str>("encoding-name").unwrap() {
        "VP8" => "rtpvp8depay name=first ! vp8dec threads=1 ! fakesink name=last sync=false",
        "H264" => "rtph264depay name=first ! h264parse ! avdec_h264 max-threads=1 ! fakesink name=last sync=false",
        _ => "fakesink name=first sync=false",
    };
    let bin = gst::parse::bin_from_description(description, false).unwrap();
    let first = bin.by_name("first").unwrap();
    if video {
        let seen = ledger.clone();
        first
            .static_pad("src")
            .unwrap()
            .add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                if !info.buffer().unwrap().flags().contains(gst::BufferFlags::DELTA_UNIT) {
                    seen.lock()
                        .unwrap()
                        .ssrcs
                        .entry(ssrc)
                        .or_default()
                        .key_frames
                        .push(Instant::now());
                }
                gst::PadProbeReturn::Ok
            });
        let last = bin.by_name("last").unwrap().static_pad("sink").unwrap();
        let seen = ledger.clone();
        last.add_probe(gst::PadProbeType::BUFFER, move |pad, _| {
            let height = pad
                .current_caps()
                .unwrap()
                .structure(0)
                .unwrap()
                .get::<i32>("height")
                .unwrap() as u32;
            let mut ledger = seen.lock().unwrap();
            let seen = ledger.ssrcs.entry(ssrc).or_default();
            seen.frames += 1;
            if !seen.heights.contains(&height) {
                seen.heights.push(height);
            }
            gst::PadProbeReturn::Ok
        });
    }
    let ghost = gst::GhostPad::with_target(&first.static_pad("sink").unwrap()).unwrap();
    bin.add_pad(&ghost).unwrap();
    pipeline.add(&bin).unwrap();
    bin.sync_state_with_parent().unwrap();
    pad.link(&ghost).unwrap();
}
