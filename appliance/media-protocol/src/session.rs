//! One WebRTC session as the signalling side describes it: what was offered, what we send, what arrives.
//!
//! The signalling side is the answerer (Jitsi's focus offers, `specs/jitsi-client.md §4`). All SSRCs are chosen by the
//! signalling side, never taken from webrtcbin (`specs/media-engine.md §3.2`).

use serde::{Deserialize, Serialize};

/// Names a session within one run of `roomd`; a new transport has a new id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionId(pub u64);

/// The wanted state of the session. `offer` never changes under one [`SessionId`]; the rest does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionPlan {
    /// Which session.
    pub id: SessionId,
    /// What the other side offered, and our own SSRCs.
    pub offer: SessionOffer,
    /// The simulcast layers of our camera, lowest first; `enabled` follows mute and sender constraints.
    pub layers: Vec<LayerPlan>,
    /// Whether audio packets leave the box. False: nothing is sent, whatever the microphone does.
    pub send_audio: bool,
    /// Whether video packets leave the box.
    pub send_video: bool,
    /// Which SSRC is whose, as known now. With SSRC rewriting the same SSRC changes its source.
    pub streams: Vec<RemoteStream>,
}

/// The immutable part of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionOffer {
    /// ICE and DTLS of the other side.
    pub remote: RemoteTransport,
    /// STUN and TURN servers.
    pub ice_servers: Vec<IceServer>,
    /// How TURN servers are reached.
    #[serde(default)]
    pub network: crate::NetworkSettings,
    /// The audio media section.
    pub audio: AudioOffer,
    /// The video media section.
    pub video: VideoOffer,
}

/// ICE and DTLS parameters of the other side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoteTransport {
    /// ICE user fragment.
    pub ufrag: String,
    /// ICE password.
    pub pwd: String,
    /// Literal IP candidates only; the signalling side drops host names.
    pub candidates: Vec<Candidate>,
    /// DTLS certificate fingerprints.
    pub fingerprints: Vec<Fingerprint>,
    /// SCTP port of the data channel section, if the other side offers one.
    pub sctp_port: Option<u16>,
}

/// An ICE candidate (RFC 8839 §5.1), UDP, component 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// Foundation.
    pub foundation: String,
    /// 1 for RTP (rtcp-mux everywhere).
    pub component: u16,
    /// `udp` (or `ssltcp`/`tcp`, which the worker skips).
    pub protocol: String,
    /// Priority.
    pub priority: u32,
    /// Literal address.
    pub address: std::net::IpAddr,
    /// Port.
    pub port: u16,
    /// `host`, `srflx`, `prflx` or `relay`.
    pub kind: String,
}

/// A certificate fingerprint (RFC 8122).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fingerprint {
    /// For example `sha-256`.
    pub hash: String,
    /// Upper-case hexadecimal with colons.
    pub value: String,
    /// `actpass`, `active` or `passive` of the side that has this certificate.
    pub setup: String,
}

/// A STUN or TURN server.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IceServer {
    /// `stun:`, `turn:` or `turns:` URI (RFC 7064, RFC 7065).
    pub uri: String,
    /// TURN user name.
    pub username: Option<String>,
    /// TURN password.
    pub credential: Option<String>,
}

impl std::fmt::Debug for IceServer {
    /// Without the credential: it must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceServer")
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

/// A payload type of the offer, with its RTX payload type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PayloadType {
    /// RTP payload type number as offered.
    pub number: u8,
    /// `opus`, `VP8`, `H264` ... as in the RTP payload format registration.
    pub encoding_name: String,
    /// Hz.
    pub clock_rate: u32,
    /// Channels, audio only.
    pub channels: Option<u8>,
    /// Format parameters, in order.
    pub parameters: Vec<(String, String)>,
    /// RTCP feedback, for example `nack pli`, `transport-cc`.
    pub feedback: Vec<String>,
    /// RTX payload type whose `apt` is this one (RFC 4588).
    pub rtx: Option<u8>,
}

/// The offered audio section and what we send in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AudioOffer {
    /// Payload types we accept, the one we send first (Opus).
    pub payload_types: Vec<PayloadType>,
    /// Id of `urn:ietf:params:rtp-hdrext:ssrc-audio-level`.
    pub audio_level_extension: Option<u8>,
    /// Id of the transport-wide congestion control extension.
    pub transport_cc_extension: Option<u8>,
    /// Our SSRC.
    pub ssrc: u32,
}

/// The offered video section and what we send in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VideoOffer {
    /// Payload types we accept, the one we send first.
    pub payload_types: Vec<PayloadType>,
    /// Id of the transport-wide congestion control extension.
    pub transport_cc_extension: Option<u8>,
    /// Id of the absolute send time extension.
    pub abs_send_time_extension: Option<u8>,
    /// The codec we encode.
    pub codec: VideoCodec,
}

/// A video codec the box can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VideoCodec {
    /// RFC 7741.
    Vp8,
    /// RFC 6184, constrained baseline.
    H264,
}

/// One simulcast layer of our camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerPlan {
    /// Our SSRC of the layer; stays when the layer is switched off and on.
    pub ssrc: u32,
    /// Our RTX SSRC of the layer.
    pub rtx_ssrc: u32,
    /// Picture height in pixels: 180, 360, 720.
    pub height: u32,
    /// Target bit rate in bit/s.
    pub bitrate: u32,
    /// Off: no packet of this layer is sent and it is not encoded.
    pub enabled: bool,
}

/// Audio or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// What a video source shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VideoType {
    /// A camera.
    Camera,
    /// A shared screen.
    Desktop,
}

/// A stream that may arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoteStream {
    /// SSRC of the media.
    pub ssrc: u32,
    /// SSRC of its retransmissions.
    pub rtx_ssrc: Option<u32>,
    /// Audio or video.
    pub kind: MediaKind,
    /// Source name, for example `ab12cd34-v0`.
    pub source: String,
    /// Participant id of the owner.
    pub owner: String,
    /// Camera or screen; video only.
    pub video_type: Option<VideoType>,
}
