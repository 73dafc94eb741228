//! The report of the far side, as tests read it and as JSON.

use serde::Serialize;

use super::assemble::Codec;

/// One simulcast layer of the box.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LayerReport {
    /// Name of the source.
    pub source: String,
    /// 0 is the lowest of the SIM group.
    pub index: usize,
    /// Its SSRC.
    pub ssrc: u32,
    /// What the last frame was coded in.
    pub codec: Option<Codec>,
    /// Real size, from the last key frame.
    pub width: u32,
    /// Real size, from the last key frame.
    pub height: u32,
    /// Whole frames per second over the last three seconds.
    pub fps: f64,
    /// Whole frames so far.
    pub frames: u64,
    /// Packets, retransmissions not among them.
    pub packets: u64,
    /// Of these, with the transport-wide sequence number.
    pub packets_with_transport_cc: u64,
    /// Bytes of its datagrams, retransmissions among them.
    pub bytes: u64,
    /// Packets on the RTX SSRC.
    pub rtx_packets: u64,
    /// Packets that the link lost on purpose.
    pub lost_by_link: u64,
    /// Key frames so far.
    pub key_frames: u64,
    /// The last packet, CLOCK_MONOTONIC.
    pub last_rtp_ns: Option<u64>,
}

/// How a request for a key frame was answered.
#[derive(Debug, Clone, Serialize)]
pub struct KeyFrameRequest {
    /// The layer that was asked.
    pub layer: usize,
    /// Until its key frame began; None: not yet, or never.
    pub latency_ms: Option<f64>,
    /// Other layers that made a key frame within a second of the request, nobody having asked them.
    pub others: Vec<usize>,
}

/// What arrived from the box.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FarSideReport {
    /// Endpoint id of the box.
    pub endpoint: String,
    /// First packet of the last session, CLOCK_MONOTONIC.
    pub first_rtp_ns: Option<u64>,
    /// First decoded picture of the last session.
    pub first_frame_ns: Option<u64>,
    /// First decoded sound of the last session.
    pub first_sound_ns: Option<u64>,
    /// Last packet of any kind of media.
    pub last_rtp_ns: Option<u64>,
    /// Last audio packet.
    pub last_audio_ns: Option<u64>,
    /// Last video packet.
    pub last_video_ns: Option<u64>,
    /// The layers, lowest first.
    pub layers: Vec<LayerReport>,
    /// Audio packets.
    pub audio_packets: u64,
    /// Of these, with the audio-level extension.
    pub audio_packets_with_level: u64,
    /// Of these, with the transport-wide sequence number.
    pub audio_packets_with_transport_cc: u64,
    /// Longest time without an audio packet since the last [`crate::Conference::reset_far_window`].
    pub audio_longest_gap_ms: f64,
    /// The last audio level, -dBov.
    pub audio_level: Option<i8>,
    /// Windows of 50 ms in which the expected tone was heard.
    pub tone_windows: u32,
    /// Windows of 50 ms that were not silent.
    pub loud_windows: u32,
    /// The expected tone was heard for half a second altogether.
    pub tone_heard: bool,
    /// Sound minus picture, positive: sound comes late.
    pub av_offset_ms: Option<f64>,
    /// How many flashes with their beeps that is the median of.
    pub av_samples: usize,
    /// Decoded pictures since the last [`crate::Conference::reset_far_window`].
    pub decoded_frames: u64,
    /// Height of the last decoded picture.
    pub decoded_height: u32,
    /// Mean brightness of the last decoded picture, 0 to 255.
    pub decoded_luma: f64,
    /// Longest time without a new picture since the last reset.
    pub longest_gap_ms: f64,
    /// Time since the last decoded picture.
    pub since_last_frame_ms: Option<f64>,
    /// Requests for key frames.
    pub key_frame_requests: Vec<KeyFrameRequest>,
}
