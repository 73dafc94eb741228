//! One simulcast layer as it arrives.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::assemble::{Assembler, Codec};
use super::report::LayerReport;

/// Frames per second are counted over this.
const WINDOW: Duration = Duration::from_secs(3);
/// A layer without a frame for so long is not there.
const STALE: Duration = Duration::from_millis(700);
/// An unanswered request is repeated after this.
const REPEAT: Duration = Duration::from_millis(600);
/// A key frame comes within this.
pub const KEY_FRAME: Duration = Duration::from_millis(500);

/// A layer.
pub struct Layer {
    pub source: String,
    pub index: usize,
    pub ssrc: u32,
    /// Of the last frame.
    pub codec: Option<Codec>,
    pub width: u32,
    pub height: u32,
    pub frames: u64,
    pub packets: u64,
    pub packets_with_tcc: u64,
    pub bytes: u64,
    pub rtx_packets: u64,
    pub lost_by_link: u64,
    pub key_frames: u64,
    pub last_rtp_ns: Option<u64>,
    pub assembler: Assembler,
    pub rtx_checked: bool,
    /// Open requests: index in the report, and when.
    pub requests: Vec<(usize, Instant)>,
    /// Index of the last request.
    pub last_request: Option<usize>,
    pub asked_at: Option<Instant>,
    open: Option<(Instant, bool)>,
    recent: VecDeque<Instant>,
    began: Instant,
}

impl Layer {
    pub fn new(source: &str, index: usize, ssrc: u32, now: Instant) -> Self {
        Self {
            source: source.into(),
            index,
            ssrc,
            codec: None,
            width: 0,
            height: 0,
            frames: 0,
            packets: 0,
            packets_with_tcc: 0,
            bytes: 0,
            rtx_packets: 0,
            lost_by_link: 0,
            key_frames: 0,
            last_rtp_ns: None,
            assembler: Assembler::default(),
            rtx_checked: false,
            requests: Vec::new(),
            last_request: None,
            asked_at: None,
            open: None,
            recent: VecDeque::new(),
            began: now,
        }
    }

    /// A whole frame.
    pub fn frame(&mut self, now: Instant, key: Option<(u16, u16)>) {
        self.frames += 1;
        if let Some((width, height)) = key {
            self.width = width.into();
            self.height = height.into();
            self.key_frames += 1;
        }
        if self.recent.is_empty() {
            self.began = now;
        }
        self.recent.push_back(now);
        while self.recent.front().is_some_and(|at| now.duration_since(*at) > WINDOW) {
            self.recent.pop_front();
        }
    }

    /// No frame for a while.
    pub fn is_stale(&self, now: Instant) -> bool {
        self.recent.back().is_none_or(|at| now.duration_since(*at) > STALE)
    }

    /// A key frame was asked for. The rule counts for a layer that is being sent.
    pub fn asked(&mut self, now: Instant, strict: bool) {
        self.asked_at = Some(now);
        self.open = Some((now, strict && !self.is_stale(now)));
    }

    /// Whether an unanswered request is to be repeated now: bridges do not trust that one RTCP packet arrives.
    pub fn repeats(&mut self, now: Instant) -> bool {
        let due = self.asked_at.is_some_and(|at| now.duration_since(at) >= REPEAT);
        let repeats = due && !self.requests.is_empty() && !self.is_stale(now);
        if repeats {
            self.asked_at = Some(now);
        }
        repeats
    }

    /// The first packet of a key frame came: the requests that it answers, with their latencies in ms.
    pub fn key_frame_began(&mut self, now: Instant) -> Vec<(usize, f64)> {
        self.open = None;
        let latency = |(request, asked): (usize, Instant)| (request, now.duration_since(asked).as_secs_f64() * 1000.0);
        self.requests.drain(..).map(latency).collect()
    }

    /// A request that is not answered within `limit`, once.
    pub fn unanswered(&mut self, now: Instant, limit: Duration) -> Option<Duration> {
        let (asked, strict) = self.open?;
        let late = now.duration_since(asked);
        if late < limit {
            return None;
        }
        self.open = None;
        // A layer that stopped meanwhile has nothing to make a key frame of.
        (strict && !self.is_stale(now)).then_some(late)
    }

    pub fn report(&self) -> LayerReport {
        let now = Instant::now();
        let counted = self
            .recent
            .iter()
            .filter(|at| now.duration_since(**at) <= WINDOW)
            .count();
        let span = now.duration_since(self.began).min(WINDOW).as_secs_f64().max(0.1);
        LayerReport {
            source: self.source.clone(),
            index: self.index,
            ssrc: self.ssrc,
            codec: self.codec,
            width: self.width,
            height: self.height,
            fps: (counted as f64 / span * 10.0).round() / 10.0,
            frames: self.frames,
            packets: self.packets,
            packets_with_transport_cc: self.packets_with_tcc,
            bytes: self.bytes,
            rtx_packets: self.rtx_packets,
            lost_by_link: self.lost_by_link,
            key_frames: self.key_frames,
            last_rtp_ns: self.last_rtp_ns,
        }
    }
}
