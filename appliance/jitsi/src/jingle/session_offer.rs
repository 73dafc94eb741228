//! From the offer to what the media worker needs of it: the codecs we take, with their numbers, and the extension ids.

use media_protocol::{AudioOffer, IceServer, PayloadType, SessionOffer, VideoCodec, VideoOffer};

use super::content::{Content, OfferedPayload};
use super::{LocalStreams, Offer, OfferError};

pub(crate) const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
pub(crate) const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
const ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";

/// Feedback we can do.
const FEEDBACK: [&str; 4] = ["ccm fir", "nack", "nack pli", "transport-cc"];

impl Offer {
    /// What the media worker needs: Opus, and of the video codecs those in `codecs`, the first of them that is offered
    /// being the one we send. Numbers are the offer's.
    ///
    /// # Errors
    /// [`OfferError::NoAudioCodec`], [`OfferError::NoVideoCodec`].
    pub fn session_offer(
        &self,
        local: &LocalStreams,
        ice_servers: Vec<IceServer>,
        codecs: &[VideoCodec],
    ) -> Result<SessionOffer, OfferError> {
        let opus = self
            .audio
            .payload_types
            .iter()
            .find(|payload| is_opus(payload))
            .ok_or(OfferError::NoAudioCodec)?;
        let video = codecs.iter().filter_map(|codec| {
            let offered = self
                .video
                .payload_types
                .iter()
                .find(|payload| is_video(payload, *codec))?;
            Some((*codec, payload_type(offered, None, rtx(&self.video, offered.number))))
        });
        let (codecs, payload_types): (Vec<_>, Vec<_>) = video.unzip();
        let codec = *codecs.first().ok_or(OfferError::NoVideoCodec)?;
        Ok(SessionOffer {
            remote: self.transport.clone(),
            ice_servers,
            network: media_protocol::NetworkSettings::default(),
            audio: AudioOffer {
                payload_types: vec![payload_type(opus, Some(opus.channels), None)],
                audio_level_extension: one_byte(&self.audio, AUDIO_LEVEL),
                transport_cc_extension: one_byte(&self.audio, TRANSPORT_CC),
                ssrc: local.audio_ssrc,
            },
            video: VideoOffer {
                payload_types,
                transport_cc_extension: one_byte(&self.video, TRANSPORT_CC),
                abs_send_time_extension: one_byte(&self.video, ABS_SEND_TIME),
                codec,
            },
        })
    }
}

fn is_opus(payload: &OfferedPayload) -> bool {
    payload.name.eq_ignore_ascii_case("opus") && payload.clock_rate == 48_000
}

fn is_video(payload: &OfferedPayload, codec: VideoCodec) -> bool {
    let name = match codec {
        VideoCodec::Vp8 => "VP8",
        VideoCodec::H264 => "H264",
    };
    payload.name.eq_ignore_ascii_case(name) && payload.clock_rate == 90_000
}

/// The retransmission payload type whose `apt` is `number` (RFC 4588 §8.1).
fn rtx(content: &Content, number: u8) -> Option<u8> {
    let mut rtx = content
        .payload_types
        .iter()
        .filter(|payload| payload.name.eq_ignore_ascii_case("rtx"));
    let apt = |payload: &OfferedPayload| payload.parameter("apt").and_then(|apt| apt.parse::<u8>().ok());
    rtx.find(|payload| apt(payload) == Some(number))
        .map(|payload| payload.number)
}

/// An extension that fits the one-byte header (RFC 8285 §4.2).
fn one_byte(content: &Content, uri: &str) -> Option<u8> {
    content.extension(uri).filter(|id| *id <= 14)
}

fn payload_type(offered: &OfferedPayload, channels: Option<u8>, rtx: Option<u8>) -> PayloadType {
    PayloadType {
        number: offered.number,
        encoding_name: canonical(&offered.name),
        clock_rate: offered.clock_rate,
        channels,
        parameters: offered.parameters.clone(),
        feedback: offered
            .feedback
            .iter()
            .filter(|text| FEEDBACK.contains(&text.as_str()))
            .cloned()
            .collect(),
        rtx,
    }
}

/// The name as registered, whatever case it came in.
fn canonical(name: &str) -> String {
    let registered = ["opus", "VP8", "H264"]
        .into_iter()
        .find(|registered| registered.eq_ignore_ascii_case(name));
    registered.unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::{JingleIq, sample};
    use super::*;
    use crate::xml::parse;
    use rand::SeedableRng;

    fn session(text: &str, codecs: &[VideoCodec]) -> Result<SessionOffer, OfferError> {
        let iq = parse(text).unwrap();
        let offer = Offer::parse(&JingleIq::parse(&iq).unwrap()).unwrap();
        let mut chance = rand::rngs::StdRng::seed_from_u64(1);
        offer.session_offer(
            &LocalStreams::generate("ab12cd34", 3, |_| false, &mut chance),
            Vec::new(),
            codecs,
        )
    }

    #[test]
    fn numbers_are_the_offers_and_retransmission_is_found_by_apt() {
        let read = session(sample::OFFER, &[VideoCodec::Vp8, VideoCodec::H264]).unwrap();
        let opus = &read.audio.payload_types[0];
        assert_eq!(
            (opus.number, opus.channels, opus.encoding_name.as_str()),
            (111, Some(2), "opus")
        );
        assert_eq!(
            (read.audio.audio_level_extension, read.audio.transport_cc_extension),
            (Some(1), Some(5))
        );
        let video: Vec<_> = read
            .video
            .payload_types
            .iter()
            .map(|payload| (payload.number, payload.rtx))
            .collect();
        assert_eq!(video, [(100, Some(96)), (107, Some(99))]);
        assert_eq!(
            read.video.payload_types[0].feedback,
            ["ccm fir", "nack", "nack pli", "transport-cc"]
        );
        assert_eq!(
            (read.video.codec, read.video.abs_send_time_extension),
            (VideoCodec::Vp8, Some(3))
        );
    }

    #[test]
    fn the_first_codec_of_ours_that_is_offered_is_sent() {
        let without_vp8 = sample::OFFER.replace("name='VP8'", "name='VP9'");
        let read = session(&without_vp8, &[VideoCodec::Vp8, VideoCodec::H264]).unwrap();
        assert_eq!(read.video.codec, VideoCodec::H264);
        assert_eq!(session(&without_vp8, &[VideoCodec::Vp8]), Err(OfferError::NoVideoCodec));
        assert_eq!(
            session(&sample::OFFER.replace("name='opus'", "name='PCMU'"), &[VideoCodec::Vp8]),
            Err(OfferError::NoAudioCodec)
        );
    }

    #[test]
    fn an_extension_id_that_does_not_fit_is_not_used() {
        let read = session(&sample::OFFER.replace("id='1' uri", "id='15' uri"), &[VideoCodec::Vp8]).unwrap();
        assert_eq!(read.audio.audio_level_extension, None);
    }
}
