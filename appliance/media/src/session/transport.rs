//! The WebRTC transport of one session: webrtcbin 1.22 as the answerer of one offer that never changes. The rest of the
//! crate sees [`Transport`] and [`TransportEvent`] only, so that another transport can take its place.
//!
//! What webrtcbin 1.22 needs and does not do by itself is in `workarounds.rs`.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_sdp as gst_sdp;
use gstreamer_webrtc as gst_webrtc;
use gstreamer_webrtc::{WebRTCDataChannelState, WebRTCPeerConnectionState};
use media_protocol::{Fingerprint, LayerPlan, SessionId, SessionOffer, frame::MAX_MESSAGE_BYTES};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::key_frames::KeyFrames;
use super::pulse::Pulse;
use super::workarounds;
use crate::certificate::{Certificate, fingerprint_of_pem};
use crate::elements::{BuildError, make};
use crate::ice;
use crate::mailbox::{Mailbox, Message, PipelineId};
use crate::pipeline::Pipeline;
use crate::sdp;
use crate::tunnel::Tunnels;

/// Label of the channel that a Jitsi bridge expects (`specs/jitsi-client.md §6`).
const CHANNEL_LABEL: &str = "JVB data channel";
/// Sub-protocol of that channel.
const CHANNEL_PROTOCOL: &str = "http://jitsi.org/protocols/colibri";
/// ms that a lost packet may take to arrive again before the picture goes on without it.
const JITTERBUFFER_MS: u32 = 120;
/// Texts from the bridge that may wait for the owner thread; more are dropped.
const MAX_WAITING_TEXTS: usize = 256;

/// What webrtcbin's threads report.
#[derive(Debug)]
pub enum TransportEvent {
    /// The offer is in force, or why not.
    OfferSet(Result<(), String>),
    /// Our answer, or why there is none.
    AnswerMade(Result<gst_webrtc::WebRTCSessionDescription, String>),
    /// The answer is in force, or why not.
    AnswerSet(Result<(), String>),
    /// ICE and DTLS together.
    State(WebRTCPeerConnectionState),
    /// A new SSRC arrives. Its buffers are held by the probe until somebody wants them.
    Incoming(gst::Pad, Option<gst::PadProbeId>, Arc<Pulse>),
    /// An SSRC that was forgotten with [`Pulse::forget`] arrives again; its pad is parked.
    Returned(gst::Pad, Arc<Pulse>),
    /// A branch was taken off a pad, which is parked now, and can be stopped.
    Detached(u64, Option<gst::PadProbeId>),
    /// The data channel opened or closed.
    Channel(bool),
    /// A text on the data channel.
    Text(String),
}

/// One webrtcbin in its own pipeline.
#[derive(Debug)]
pub struct Transport {
    id: SessionId,
    pipeline: Pipeline,
    webrtcbin: gst::Element,
    mailbox: Mailbox,
    fingerprint: String,
    expected: Vec<Fingerprint>,
    offer: String,
    channel: Option<gst_webrtc::WebRTCDataChannel>,
    waiting_texts: Arc<AtomicUsize>,
    last_packet: Arc<AtomicU64>,
    watched: workarounds::Watched,
    // After the pipeline: its sockets are closed first.
    _tunnels: Tunnels,
}

impl Transport {
    /// Builds the transport of `offer`. Nothing is sent and no socket is open before [`Transport::start`].
    ///
    /// # Errors
    /// A missing element, an offer that cannot be written as SDP, no certificate.
    pub fn new(
        id: SessionId,
        offer: &SessionOffer,
        layers: &[LayerPlan],
        keys: &KeyFrames,
        mailbox: &Mailbox,
    ) -> Result<Self, BuildError> {
        let sdp = sdp::offer(offer)?;
        let certificate = Certificate::generate()?;
        let pipeline = Pipeline::live(PipelineId::Session(id), mailbox)?;
        let webrtcbin = make("webrtcbin")?;
        webrtcbin.set_property_from_str("bundle-policy", "max-bundle");
        webrtcbin.set_property("latency", JITTERBUFFER_MS);
        let last_packet = Arc::new(AtomicU64::new(0));
        let pem = certificate.pem;
        let watched = workarounds::apply(&webrtcbin, pem, layers, keys, &last_packet)?;
        let tunnels = ice::configure(&webrtcbin, offer).map_err(BuildError::Thread)?;
        pipeline.bin().add(&webrtcbin)?;
        Ok(Self {
            id,
            pipeline,
            webrtcbin,
            mailbox: mailbox.clone(),
            fingerprint: certificate.fingerprint,
            expected: offer.remote.fingerprints.clone(),
            offer: sdp,
            channel: None,
            waiting_texts: Arc::new(AtomicUsize::new(0)),
            last_packet,
            watched,
            _tunnels: tunnels,
        })
    }

    /// The pipeline that senders and receivers put their elements into.
    #[must_use]
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Feeds a media section (0 audio, 1 video) with RTP of these caps. Only before [`Transport::start`].
    ///
    /// # Errors
    /// When the pads do not fit.
    pub fn feed(&self, m_line: u32, from: &gst::Element, caps: &gst::Caps, nack: bool) -> Result<(), BuildError> {
        let source = from
            .static_pad("src")
            .ok_or_else(|| BuildError::GStreamer("a feed without a src pad".into()))?;
        let no_pad = || BuildError::GStreamer("webrtcbin gives no pad".into());
        let sink = self
            .webrtcbin
            .request_pad_simple(&format!("sink_{m_line}"))
            .ok_or_else(no_pad)?;
        let transceiver = sink.property::<gst_webrtc::WebRTCRTPTransceiver>("transceiver");
        transceiver.set_property("codec-preferences", caps);
        // On audio it would make an RTX group that receivers refuse (specs/media-engine.md §3.3).
        transceiver.set_property("do-nack", nack);
        source.link(&sink)?;
        Ok(())
    }

    /// Starts the pipeline and the exchange of descriptions; the rest comes as events.
    ///
    /// # Errors
    /// When GStreamer refuses to start.
    pub fn start(&mut self) -> Result<(), BuildError> {
        self.connect_signals();
        self.pipeline.play()?;
        if self.offer.contains("m=application") {
            self.open_channel();
        }
        let bytes = self.offer.as_bytes();
        let offer =
            gst_sdp::SDPMessage::parse_buffer(bytes).map_err(|error| BuildError::GStreamer(error.to_string()))?;
        let offer = gst_webrtc::WebRTCSessionDescription::new(gst_webrtc::WebRTCSDPType::Offer, offer);
        let promise = self.promise(|reply| TransportEvent::OfferSet(reply.map(drop)));
        self.webrtcbin
            .emit_by_name::<()>("set-remote-description", &[&offer, &promise]);
        Ok(())
    }

    /// Asks webrtcbin for the answer, after [`TransportEvent::OfferSet`].
    pub fn make_answer(&self) {
        let promise = self.promise(|reply| {
            let answer = reply.and_then(|reply| {
                let reply = reply.ok_or("no answer")?;
                reply
                    .get::<gst_webrtc::WebRTCSessionDescription>("answer")
                    .map_err(|error| error.to_string())
            });
            TransportEvent::AnswerMade(answer)
        });
        self.webrtcbin
            .emit_by_name::<()>("create-answer", &[&None::<gst::Structure>, &promise]);
    }

    /// Puts the answer in force and gives what has to be signalled of it.
    ///
    /// # Errors
    /// When webrtcbin's answer has no ICE parameters.
    pub fn set_answer(
        &self,
        answer: &gst_webrtc::WebRTCSessionDescription,
    ) -> Result<media_protocol::LocalDescription, BuildError> {
        let text = answer.sdp().as_text().map_err(BuildError::from)?;
        let read = sdp::read_answer(&text)?;
        let promise = self.promise(|reply| TransportEvent::AnswerSet(reply.map(drop)));
        self.webrtcbin
            .emit_by_name::<()>("set-local-description", &[answer, &promise]);
        let fingerprint = Fingerprint {
            hash: "sha-256".into(),
            value: self.fingerprint.clone(),
            setup: read.setup,
        };
        Ok(media_protocol::LocalDescription {
            ufrag: read.ufrag,
            pwd: read.pwd,
            fingerprint,
        })
    }

    /// Whether the other side of DTLS is the one that was signalled (RFC 8122 §6.2); webrtcbin 1.22 does not look.
    #[must_use]
    pub fn peer_is_the_signalled_one(&self) -> bool {
        let Some(pem) = self.watched.peer_pem() else {
            return false;
        };
        let fits = |expected: &Fingerprint| {
            fingerprint_of_pem(&pem, &expected.hash).is_some_and(|found| found.eq_ignore_ascii_case(&expected.value))
        };
        self.expected.iter().any(fits)
    }

    /// Sends a text on the data channel. False: it is not open, or the text is too long, and nothing was sent.
    #[must_use]
    pub fn send_text(&self, text: &str) -> bool {
        let open = |channel: &&gst_webrtc::WebRTCDataChannel| channel.ready_state() == WebRTCDataChannelState::Open;
        let Some(channel) = self.channel.as_ref().filter(open) else {
            return false;
        };
        if text.len() > MAX_MESSAGE_BYTES {
            return false;
        }
        channel.send_string_full(Some(text)).is_ok()
    }

    /// The owner thread took a text out of its mailbox.
    pub fn text_taken(&self) {
        self.waiting_texts.fetch_sub(1, Ordering::Relaxed);
    }

    /// `CLOCK_MONOTONIC` ns of the last packet from the other side (RTP, RTCP, DTLS; not STUN), 0 before the first.
    #[must_use]
    pub fn last_packet_ns(&self) -> u64 {
        self.last_packet.load(Ordering::Relaxed)
    }

    /// Packets sent again on request since the session began.
    #[must_use]
    pub fn retransmitted(&self) -> u64 {
        self.watched.retransmitted()
    }

    /// Packets lost of a received SSRC since the session began.
    #[must_use]
    pub fn lost(&self, ssrc: u32) -> i64 {
        self.watched.lost(ssrc)
    }

    /// Packets of a received SSRC that arrived since the session began.
    #[must_use]
    pub fn arrived(&self, ssrc: u32) -> u64 {
        self.watched.arrived(ssrc)
    }

    /// Whether lost packets of a received SSRC are asked for again: pictures yes, sound no.
    pub fn set_retransmission(&self, ssrc: u32, wanted: bool) {
        self.watched.set_retransmission(ssrc, wanted);
    }

    fn poster(&self) -> impl Fn(TransportEvent) + Send + Sync + Clone + 'static {
        let (mailbox, id) = (self.mailbox.clone(), self.id);
        move |event| mailbox.post(Message::Transport(id, event))
    }

    /// A promise whose reply becomes an event. webrtcbin puts errors into a field of the reply (`specs/media-engine.md §8`).
    fn promise<F>(&self, event: F) -> gst::Promise
    where
        F: FnOnce(Result<Option<&gst::StructureRef>, String>) -> TransportEvent + Send + 'static,
    {
        let post = self.poster();
        gst::Promise::with_change_func(move |reply| {
            let reply = reply.map_err(|error| format!("{error:?}")).and_then(|reply| {
                let error = reply.and_then(|reply| reply.get::<gst::glib::Error>("error").ok());
                error.map_or(Ok(reply), |error| Err(error.to_string()))
            });
            post(event(reply));
        })
    }

    fn connect_signals(&self) {
        let post = self.poster();
        self.webrtcbin
            .connect_notify(Some("connection-state"), move |webrtcbin, _| {
                post(TransportEvent::State(webrtcbin.property("connection-state")));
            });
        let post = self.poster();
        self.webrtcbin.connect_pad_added(move |_, pad| {
            if pad.direction() == gst::PadDirection::Src {
                // The pulse first: behind a probe that drops it would see nothing.
                let again = post.clone();
                let pulse = Pulse::watch(pad, move |pad, pulse| again(TransportEvent::Returned(pad, pulse)));
                post(TransportEvent::Incoming(pad.clone(), hold(pad), pulse));
            }
        });
    }

    fn open_channel(&mut self) {
        let options = gst::Structure::builder("options")
            .field("protocol", CHANNEL_PROTOCOL)
            .build();
        let channel = self
            .webrtcbin
            .emit_by_name::<Option<gst_webrtc::WebRTCDataChannel>>("create-data-channel", &[&CHANNEL_LABEL, &options]);
        let Some(channel) = channel else {
            tracing::warn!("webrtcbin gives no data channel");
            return;
        };
        let post = self.poster();
        channel.connect_on_open(move |_| post(TransportEvent::Channel(true)));
        let post = self.poster();
        channel.connect_on_close(move |_| post(TransportEvent::Channel(false)));
        let post = self.poster();
        channel.connect_on_error(move |_, error| {
            tracing::warn!(%error, "data channel");
            post(TransportEvent::Channel(false));
        });
        let post = self.poster();
        let waiting = self.waiting_texts.clone();
        channel.connect_on_message_string(move |_, text| {
            let Some(text) = text.filter(|text| text.len() <= MAX_MESSAGE_BYTES / 2) else {
                return;
            };
            if waiting.fetch_add(1, Ordering::Relaxed) < MAX_WAITING_TEXTS {
                post(TransportEvent::Text(text.to_owned()));
            } else {
                waiting.fetch_sub(1, Ordering::Relaxed);
            }
        });
        self.channel = Some(channel);
    }
}

/// Keeps the buffers of a received stream in its jitterbuffer until somebody says whose it is: the first of them is the key
/// frame.
pub fn hold(pad: &gst::Pad) -> Option<gst::PadProbeId> {
    let data = gst::PadProbeType::BLOCK | gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
    pad.add_probe(data, |_, _| gst::PadProbeReturn::Ok)
}

/// Lets the buffers of a received stream fall, so that its jitterbuffer goes on without anybody behind the pad.
pub fn park(pad: &gst::Pad) -> Option<gst::PadProbeId> {
    let data = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
    pad.add_probe(data, |_, _| gst::PadProbeReturn::Drop)
}
