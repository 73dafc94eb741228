//! One session with the bridge: what was offered, what we send, what arrives, and the plan made of it.

use std::time::{Duration, Instant};

use media_protocol::{IceServer, LayerPlan, SessionId, SessionOffer, SessionPlan, VideoCodec};
use room::conference::{ConferenceEvent, Sources};

use super::context::Context;
use super::meeting::Meeting;
use super::own_sources::Announced;
use crate::jingle::{LocalStreams, Offer, OfferError, SourceTable};
use crate::options::Layer;

/// For the media worker to answer the offer: it may be just starting.
const DESCRIPTION: Duration = Duration::from_secs(20);
/// For ICE and DTLS to come up after our answer.
const CONNECTION: Duration = Duration::from_secs(20);
/// Layers of one camera that the bridge understands.
const MAX_LAYERS: usize = 3;

/// One session.
pub(super) struct Session {
    pub id: SessionId,
    pub offer: Offer,
    pub local: LocalStreams,
    /// What the worker gets of the offer. It never changes: relays that come later are for the next session.
    pub accepted_offer: SessionOffer,
    pub table: SourceTable,
    layers: Vec<LayerPlan>,
    /// Highest picture the bridge wants of us: 0 none; none: no limit.
    cap: Option<u32>,
    accepted: bool,
    pub announced: Announced,
    connected: bool,
    excused: bool,
    deadline: Option<Instant>,
    told: Option<Box<SessionPlan>>,
}

impl Session {
    /// A session for an offer. `codecs`: those that we decode, the one to send first.
    ///
    /// # Errors
    /// The offer has nothing that we can send.
    pub fn new(
        offer: Offer,
        me: &str,
        ice_servers: &[IceServer],
        codecs: &[VideoCodec],
        cx: &mut Context,
    ) -> Result<Self, OfferError> {
        let mut table = SourceTable::default();
        table.reset(&offer.sources);
        let layers: Vec<Layer> = cx.options.layers.iter().copied().take(MAX_LAYERS).collect();
        let local = LocalStreams::generate(me, layers.len(), |ssrc| table.contains(ssrc), &mut cx.chance);
        let mut accepted_offer = offer.session_offer(&local, ice_servers.to_vec(), codecs)?;
        accepted_offer.network = cx.options.network.clone();
        Ok(Self {
            id: cx.session(),
            layers: local.layer_plans(&layers),
            offer,
            local,
            accepted_offer,
            table,
            cap: None,
            accepted: false,
            announced: Announced::default(),
            connected: false,
            excused: false,
            deadline: Some(cx.after(DESCRIPTION)),
            told: None,
        })
    }

    /// Session id of the Jingle session.
    pub fn sid(&self) -> &str {
        &self.offer.sid
    }

    /// What our pictures are coded in.
    pub fn codec(&self) -> VideoCodec {
        self.accepted_offer.video.codec
    }

    /// Our pictures could be coded in VP8, which everybody decodes.
    pub fn has_vp8(&self) -> bool {
        let mut offered = self.accepted_offer.video.payload_types.iter();
        offered.any(|payload| payload.encoding_name.eq_ignore_ascii_case("VP8"))
    }

    /// Region of the bridge.
    pub fn region(&self) -> Option<String> {
        self.offer
            .bridge_session
            .as_ref()
            .and_then(|bridge| bridge.region.clone())
    }

    /// Our answer is sent.
    pub fn accepted(&self) -> bool {
        self.accepted
    }

    /// No media have ever passed, and the media worker is not to blame.
    pub fn never_worked(&self) -> bool {
        !self.connected && !self.excused
    }

    /// The media worker was lost: that no media pass says nothing about the way to the bridge.
    pub fn excuse(&mut self) {
        self.excused = true;
    }

    /// The answer goes out, with these sources in it.
    pub fn accept(&mut self, sources: Sources, cx: &Context) {
        self.accepted = true;
        self.announced = Announced::Unanswered {
            before: Sources::NONE,
            after: sources,
        };
        self.deadline = Some(cx.after(CONNECTION));
    }

    pub fn connect(&mut self) {
        self.connected = true;
        self.deadline = None;
    }

    /// The bridge says how high our pictures may be; true if that changes anything.
    pub fn limit(&mut self, cap: Option<u32>) -> bool {
        std::mem::replace(&mut self.cap, cap) != cap
    }

    /// When the worker or the network has had its time.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn plan(&self) -> SessionPlan {
        let sendable = self.announced.sendable();
        SessionPlan {
            id: self.id,
            offer: self.accepted_offer.clone(),
            layers: limited(&self.layers, self.cap),
            send_audio: sendable.audio,
            send_video: sendable.video && self.cap != Some(0),
            streams: self.table.streams(),
        }
    }
}

/// The layers with what the bridge wants of them. A cap between two heights keeps the lower one; a cap below the lowest
/// keeps the lowest, because the bridge asked for a picture.
fn limited(layers: &[LayerPlan], cap: Option<u32>) -> Vec<LayerPlan> {
    let lowest = layers.iter().map(|layer| layer.height).min().unwrap_or(0);
    let limit = cap.unwrap_or(u32::MAX);
    let mut layers = layers.to_vec();
    for layer in &mut layers {
        layer.enabled = limit > 0 && layer.height <= limit.max(lowest);
    }
    layers
}

impl Meeting {
    /// Tells the room the plan of the session, if it has changed.
    pub fn tell_session(&mut self, cx: &mut Context) {
        let Some(session) = &mut self.session else { return };
        let plan = Box::new(session.plan());
        if session.told.as_ref() != Some(&plan) {
            session.told = Some(plan.clone());
            cx.event(ConferenceEvent::Session(Some(plan)));
        }
    }

    pub fn tick_session(&mut self, cx: &mut Context) {
        if let Some(session) = &mut self.session
            && super::context::due(&mut session.deadline, cx.now)
        {
            tracing::warn!(accepted = session.accepted, "the session did not come up in time");
            self.demand_session(cx);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bridge_switches_layers_by_height() {
        let layer = |height| LayerPlan {
            ssrc: height,
            rtx_ssrc: height + 1,
            height,
            bitrate: 1,
            enabled: false,
        };
        let layers = [180, 360, 720].map(layer);
        for (cap, enabled) in [
            (None, [true, true, true]),
            (Some(0), [false, false, false]),
            (Some(90), [true, false, false]),
            (Some(180), [true, false, false]),
            (Some(359), [true, false, false]),
            (Some(360), [true, true, false]),
            (Some(720), [true, true, true]),
            (Some(2160), [true, true, true]),
        ] {
            let got: Vec<bool> = limited(&layers, cap).iter().map(|layer| layer.enabled).collect();
            assert_eq!(got, enabled, "{cap:?}");
        }
    }
}
