//! One WebRTC session after one plan: transport, what we send, what arrives.

mod audio_sender;
mod decoder;
mod ended;
mod gate;
mod key_frames;
mod payload;
mod picture_limit;
mod pulse;
mod receiver;
#[cfg(test)]
mod rtpbin_tests;
mod slots;
mod temporal_layers;
pub mod transport;
mod video_sender;
mod watchdog;
mod workarounds;

use gstreamer as gst;
use gstreamer_webrtc::WebRTCPeerConnectionState;
use media_protocol::{BridgeChannelState, EncoderGivenUp, SessionEvent, SessionId, SessionPlan, Statistics};
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use crate::capture::Tap;
use crate::clock::now_ns;
use crate::elements::BuildError;
use crate::encoding::Encoders;
use crate::mailbox::Mailbox;
use crate::wall::Board;
use audio_sender::AudioSender;
use key_frames::KeyFrames;
use receiver::Receiver;
use transport::{Transport, TransportEvent};
use video_sender::VideoSender;
pub use video_sender::encoder;
use watchdog::Watchdog;

/// Most events of the bridge channel kept until the connection is told; a bridge greets with one or two.
const MAX_EARLY: usize = 16;

/// What a session needs of its surroundings.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Where the camera's pictures come from.
    pub camera: Tap,
    /// Where the microphone's sound comes from.
    pub microphone: Tap,
    /// Where received pictures go.
    pub board: Board,
    /// The owner thread.
    pub mailbox: Mailbox,
    /// What makes H.264.
    pub encoders: Encoders,
}

/// A session. Dropping it closes its sockets.
#[derive(Debug)]
pub struct Session {
    plan: SessionPlan,
    // Senders before the transport: they let go of the capture devices first.
    video: VideoSender,
    audio: AudioSender,
    receiver: Receiver,
    transport: Transport,
    watchdog: Watchdog,
    sources: HashSet<String>,
    listen: bool,
    connected: bool,
    failed: bool,
    /// What the bridge channel said before the bridge was known to be the signalled one.
    early: Vec<SessionEvent>,
}

impl Session {
    /// Builds and starts the session of this plan.
    ///
    /// # Errors
    /// Whatever keeps it from being built; it will not get better by waiting.
    pub fn start(plan: SessionPlan, around: &Surroundings) -> Result<Self, BuildError> {
        let keys = KeyFrames::default();
        let mut transport = Transport::new(plan.id, &plan.offer, &plan.layers, &keys, &around.mailbox)?;
        let audio = AudioSender::build(&plan, &transport, &around.microphone, &around.mailbox)?;
        let video = VideoSender::build(&plan, &transport, &keys, around)?;
        let receiver = Receiver::new(plan.id, &around.board, &around.mailbox);
        transport.start()?;
        let watchdog = Watchdog::new(now_ns());
        let (sources, listen, connected, failed) = (HashSet::new(), false, false, false);
        Ok(Self {
            plan,
            video,
            audio,
            receiver,
            transport,
            watchdog,
            sources,
            listen,
            connected,
            failed,
            early: Vec::new(),
        })
    }

    /// Which session.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.plan.id
    }

    /// Obeys a new plan of the same session. `sources` are the video sources on the wall, `listen` whether there is a
    /// loudspeaker.
    pub fn update(&mut self, plan: SessionPlan, sources: HashSet<String>, listen: bool) {
        // The offer never changes under one id.
        self.plan = SessionPlan {
            offer: self.plan.offer.clone(),
            ..plan
        };
        (self.sources, self.listen) = (sources, listen);
        self.apply();
    }

    /// Connected, to the peer that was signalled, and nothing has failed since.
    fn is_trusted(&self) -> bool {
        self.connected && !self.failed
    }

    fn apply(&mut self) {
        self.audio.apply(&self.plan, self.is_trusted());
        self.video.apply(&self.plan, self.is_trusted());
        // Nothing of a stranger is decoded: media may come before the certificate has been looked at.
        let nothing = HashSet::new();
        let (sources, listen) = match self.is_trusted() {
            true => (&self.sources, self.listen),
            false => (&nothing, false),
        };
        self.receiver
            .reconcile(&self.plan.streams, sources, listen, &self.transport);
    }

    /// Nothing leaves the box from now on; before a session is dropped.
    pub fn silence(&mut self) {
        (self.plan.send_audio, self.plan.send_video) = (false, false);
        self.apply();
    }

    /// Something of the transport happened. What it says, in this order.
    pub fn on_transport(&mut self, event: TransportEvent) -> Vec<SessionEvent> {
        let was_trusted = self.is_trusted();
        let event = self.take_in(event);
        let said = matches!(
            event,
            Some(SessionEvent::BridgeChannel(_) | SessionEvent::BridgeMessage { .. })
        );
        if said && self.failed {
            return Vec::new();
        }
        if said && !was_trusted {
            // The channel may open before the connection is told; whose it is, is not known yet.
            if self.early.len() < MAX_EARLY {
                self.early.extend(event);
            }
            return Vec::new();
        }
        let mut events: Vec<SessionEvent> = event.into_iter().collect();
        if self.failed {
            self.early.clear();
        } else if self.is_trusted() {
            events.append(&mut self.early);
        }
        events
    }

    fn take_in(&mut self, event: TransportEvent) -> Option<SessionEvent> {
        match event {
            TransportEvent::OfferSet(Ok(())) => {
                self.transport.make_answer();
                None
            }
            TransportEvent::AnswerMade(Ok(answer)) => match self.transport.set_answer(&answer) {
                Ok(description) => Some(SessionEvent::LocalDescription(description)),
                Err(error) => self.fail(error.to_string()),
            },
            TransportEvent::OfferSet(Err(reason))
            | TransportEvent::AnswerMade(Err(reason))
            | TransportEvent::AnswerSet(Err(reason)) => self.fail(reason),
            TransportEvent::AnswerSet(Ok(())) => None,
            TransportEvent::State(state) => self.on_state(state),
            TransportEvent::Incoming(pad, held, pulse) => {
                self.receiver.add(pad, held, pulse, &self.transport);
                self.apply();
                None
            }
            TransportEvent::Returned(pad, pulse) => {
                self.receiver.add_again(&pad, &pulse, &self.transport);
                self.apply();
                None
            }
            TransportEvent::Detached(token, parked) => {
                self.receiver.detached(token, parked, &self.transport);
                self.apply();
                None
            }
            TransportEvent::Channel(open) => Some(SessionEvent::BridgeChannel(if open {
                BridgeChannelState::Open
            } else {
                BridgeChannelState::Closed
            })),
            TransportEvent::Text(text) => {
                self.transport.text_taken();
                Some(SessionEvent::BridgeMessage { text })
            }
        }
    }

    fn on_state(&mut self, state: WebRTCPeerConnectionState) -> Option<SessionEvent> {
        match state {
            WebRTCPeerConnectionState::Connected if !self.connected => {
                if !self.transport.peer_is_the_signalled_one() {
                    return self.fail("the certificate of the bridge is not the one that was signalled".into());
                }
                self.connected = true;
                let at_ns = now_ns();
                self.watchdog.connected(at_ns);
                self.apply();
                Some(SessionEvent::Connected { at_ns })
            }
            WebRTCPeerConnectionState::Failed => self.fail("ICE or DTLS failed".into()),
            _ => None,
        }
    }

    fn fail(&mut self, reason: String) -> Option<SessionEvent> {
        let first = !self.failed;
        self.failed = true;
        self.apply();
        first.then_some(SessionEvent::Failed { reason })
    }

    /// A message of the session's bus.
    pub fn on_bus(&mut self, message: &gst::Message) -> Option<SessionEvent> {
        self.transport.pipeline().on_bus(message);
        let gst::MessageView::Error(error) = message.view() else {
            return None;
        };
        tracing::warn!(error = %error.error(), debug = ?error.debug(), "session pipeline fails");
        self.fail(error.error().to_string())
    }

    /// These encoders of H.264 are there from now on.
    pub fn set_encoders(&mut self, encoders: &Encoders) {
        self.video.set_encoders(encoders);
    }

    /// Looks after the encoders, several times a second; those that were given up.
    pub fn tick_encoders(&mut self) -> Vec<EncoderGivenUp> {
        if self.failed {
            return Vec::new();
        }
        self.video.tick(Instant::now())
    }

    /// Looks at the time; several times a second.
    pub fn tick(&mut self) -> Option<SessionEvent> {
        if self.failed {
            return None;
        }
        self.receiver.release_unnamed(now_ns());
        self.receiver.prune(&self.plan.streams, now_ns());
        // Who is heard now may have no decoder yet.
        self.apply();
        let looked_at = |source: &String| self.plan.streams.iter().any(|stream| stream.source == *source);
        let expecting = self.video.flows() || self.audio.flows() || self.sources.iter().any(looked_at);
        let event = self.watchdog.tick(now_ns(), self.transport.last_packet_ns(), expecting);
        match event {
            Some(SessionEvent::Failed { reason }) => self.fail(reason),
            other => other,
        }
    }

    /// Sends a text on the bridge channel.
    pub fn send_text(&self, text: &str) {
        if !self.is_trusted() || !self.transport.send_text(text) {
            tracing::warn!(bytes = text.len(), "bridge channel is not open, a text was dropped");
        }
    }

    /// The received sound, by SSRC.
    #[must_use]
    pub fn sounds(&self) -> BTreeMap<u32, Tap> {
        self.receiver.sounds()
    }

    /// Counters since the last call, `over` being the time between; of the microphone nothing.
    pub fn statistics(&mut self, over: Duration) -> Statistics {
        Statistics {
            layers: self.video.statistics(over),
            received: self.receiver.statistics(over, &self.transport),
            retransmitted: self.transport.retransmitted(),
            ..Statistics::default()
        }
    }
}
