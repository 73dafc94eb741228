//! Our microphone as Opus: 48 kHz, 20 ms, forward error correction, and the audio level on every packet, by which the
//! bridge finds the dominant speaker (RFC 6464, `specs/jitsi-client.md §5`).

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppLeakyType, AppSrc};
use media_protocol::{MediaKind, SessionPlan};
use std::sync::Arc;

use super::gate::{FirstPacket, Gate};
use super::payload::{add_extension, section_caps};
use super::transport::Transport;
use crate::capture::{Tap, sound_caps};
use crate::elements::{BuildError, chain, filter, make};
use crate::mailbox::Mailbox;
use crate::sdp::{AUDIO_LEVEL, TRANSPORT_CC};

/// bit/s of our Opus stream.
const BITRATE: i32 = 40_000;
/// Per cent of loss that the forward error correction is laid out for.
const EXPECTED_LOSS: i32 = 10;

/// The sending half of the audio section.
#[derive(Debug)]
pub struct AudioSender {
    source: AppSrc,
    gate: Arc<Gate>,
    tap: Tap,
    first_packet: FirstPacket,
}

impl AudioSender {
    /// Builds the encoder into the transport's pipeline. Nothing flows before [`AudioSender::apply`].
    ///
    /// # Errors
    /// Missing elements, or an offer without Opus.
    pub fn build(plan: &SessionPlan, transport: &Transport, tap: &Tap, mailbox: &Mailbox) -> Result<Self, BuildError> {
        let offer = &plan.offer.audio;
        let payload = offer
            .payload_types
            .iter()
            .find(|payload| payload.encoding_name.eq_ignore_ascii_case("opus"));
        let payload = payload.ok_or_else(|| BuildError::GStreamer("the offer has no Opus".into()))?;
        let bin = transport.pipeline().bin();
        let source = AppSrc::builder()
            .caps(&sound_caps())
            .format(gst::Format::Time)
            .is_live(true)
            .max_buffers(10)
            .leaky_type(AppLeakyType::Downstream)
            .build();
        let level = make("level")?;
        level.set_property("post-messages", false);
        level.set_property("audio-level-meta", true);
        let encoder = make("opusenc")?;
        encoder.set_property("bitrate", BITRATE);
        encoder.set_property("inband-fec", true);
        encoder.set_property("packet-loss-percentage", EXPECTED_LOSS);
        encoder.set_property_from_str("audio-type", "voice");
        encoder.set_property_from_str("frame-size", "20");
        let payloader = make("rtpopuspay")?;
        payloader.set_property("pt", u32::from(payload.number));
        payloader.set_property("ssrc", offer.ssrc);
        add_extension(&payloader, offer.audio_level_extension, AUDIO_LEVEL)?;
        add_extension(&payloader, offer.transport_cc_extension, TRANSPORT_CC)?;
        // The audio level stays out of the caps: with its `vad` attribute they would not be those of the offer, and our
        // answer to the bridge is not webrtcbin's.
        let caps = section_caps("audio", payload, &[(offer.transport_cc_extension, TRANSPORT_CC)]);
        let caps_filter = filter(&caps)?;
        chain(bin, &[source.upcast_ref(), &level, &encoder, &payloader, &caps_filter])?;
        let gate = Arc::<Gate>::default();
        let first_packet = FirstPacket::new(plan.id, MediaKind::Audio, mailbox);
        if let (Some(sink), Some(source)) = (payloader.static_pad("sink"), payloader.static_pad("src")) {
            gate.guard_encoded(&sink);
            first_packet.watch(&source);
        }
        transport.feed(0, &caps_filter, &caps, false)?;
        Ok(Self {
            source,
            gate,
            tap: tap.clone(),
            first_packet,
        })
    }

    /// Sends when `may_send` and the plan says so, and nothing else.
    pub fn apply(&self, plan: &SessionPlan, may_send: bool) {
        let sending = may_send && plan.send_audio;
        if self.gate.set(sending) {
            self.first_packet.arm();
        }
        if sending {
            self.tap.connect(&self.source);
        } else {
            self.tap.disconnect(&self.source);
        }
    }

    /// Whether sound is being sent and the device really gives something.
    #[must_use]
    pub fn flows(&self) -> bool {
        self.is_sending() && self.tap.is_flowing()
    }

    /// Whether sound is being sent.
    #[must_use]
    pub fn is_sending(&self) -> bool {
        self.gate.is_open()
    }
}

impl Drop for AudioSender {
    fn drop(&mut self) {
        self.tap.disconnect(&self.source);
    }
}
