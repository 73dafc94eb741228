//! The report of one meeting: what happened and when, as JSON. Times are milliseconds after the join command unless the
//! name ends in `_ns`; those are `CLOCK_MONOTONIC` nanoseconds, comparable between processes of one machine.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use media_protocol::{CaptureState, DeviceState, LayerStatistics, MediaKind, ReceivedStatistics, Statistics};
use room::{Milestone, Outcome, RoomState, State, Transition, conference::JoinStep};
use rustix::time::{ClockId, clock_gettime};
use schemars::JsonSchema;
use serde::Serialize;

/// `CLOCK_MONOTONIC` in nanoseconds.
pub fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// What `roomd join --report FILE` writes. Times that never came are null.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Report {
    /// Version of this document; fields are only ever added within one version.
    pub version: u32,
    /// How it ended; null while it runs.
    pub outcome: Option<Outcome>,
    /// Exit code of the program.
    pub exit_code: u8,
    /// When the join command was given.
    pub join_command_ns: u64,
    /// When each step of joining began.
    pub steps_ms: BTreeMap<String, u64>,
    /// Command to joined.
    pub join_ms: Option<u64>,
    /// When the first session invitation had arrived.
    pub session_ns: Option<u64>,
    /// When ICE and DTLS were up.
    pub connected_ms: Option<u64>,
    /// First audio packet on the wire.
    pub first_audio_packet_ms: Option<u64>,
    /// First video packet on the wire.
    pub first_video_packet_ms: Option<u64>,
    /// Invitation to the first picture of somebody else composed on the wall.
    pub wall_first_frame_ms: Option<u64>,
    /// How many different video sources were on the wall.
    pub wall_sources: usize,
    /// Most people seen at once, the box included.
    pub participants: usize,
    /// When leaving was asked for.
    pub leave_command_ns: Option<u64>,
    /// Leave to every capture device closed.
    pub capture_closed_ms: Option<u64>,
    /// Leave to the end of the conference (presence gone, stream closed).
    pub left_ms: Option<u64>,
    /// The layers sent, as last measured.
    pub layers: Vec<Layer>,
    /// The streams received, as last measured.
    pub received: Vec<Received>,
    /// Packets sent again on request.
    pub retransmitted: u64,
    /// How often sound of the microphone was lost, because it was not read in time.
    pub microphone_overruns: u64,
    /// How often the loudspeaker had nothing to play, because it was not given it in time.
    pub loudspeaker_underruns: u64,
    /// How often an encoder was given up for another one, or for a new instance of its own.
    pub encoders_given_up: u32,
    /// How often the media worker had to be replaced.
    pub worker_restarts: u32,
    /// How often a session was set up.
    pub sessions: u32,
    /// Process id of the media worker last used.
    pub worker_pid: Option<u32>,
    #[serde(skip)]
    capture_open: bool,
    #[serde(skip)]
    sources: BTreeSet<String>,
}

/// A layer the box sent.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Layer {
    /// Pixels.
    pub height: u32,
    /// Frames a second.
    pub fps: f64,
    /// bit/s.
    pub bitrate: u64,
    /// Since the session began.
    pub key_frames: u64,
}

/// A stream the box received.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Received {
    /// Pixels, 0 for audio.
    pub height: u32,
    /// Decoded frames a second.
    pub fps: f64,
    /// Packets lost.
    pub lost: i64,
}

impl Report {
    /// Begins a report at the join command.
    pub fn begin() -> Self {
        Self {
            version: 1,
            join_command_ns: monotonic_ns(),
            ..Self::default()
        }
    }

    fn since_command(&self) -> u64 {
        milliseconds(self.join_command_ns, monotonic_ns())
    }

    /// Something worth a time stamp happened.
    pub fn milestone(&mut self, milestone: &Milestone) {
        let now = self.since_command();
        let since = |at_ns: u64| milliseconds(self.join_command_ns, at_ns);
        match milestone {
            Milestone::Step(step) => self.step(*step, now),
            Milestone::Joined => _ = self.join_ms.get_or_insert(now),
            Milestone::SessionOffered(_) => {
                self.sessions += 1;
                self.session_ns.get_or_insert_with(monotonic_ns);
            }
            Milestone::MediaConnected { at_ns, .. } => _ = self.connected_ms.get_or_insert(since(*at_ns)),
            Milestone::FirstPacketSent { kind, at_ns } => {
                let at = since(*at_ns);
                match kind {
                    MediaKind::Audio => _ = self.first_audio_packet_ms.get_or_insert(at),
                    MediaKind::Video => _ = self.first_video_packet_ms.get_or_insert(at),
                }
            }
            Milestone::FirstFrame { source, at_ns } => self.first_frame(source, *at_ns),
            Milestone::Ended(outcome) => self.ended(*outcome),
            Milestone::Statistics(statistics) => self.statistics(statistics),
            Milestone::Waiting(_)
            | Milestone::Explained(_)
            | Milestone::SelfTested(_)
            | Milestone::CaptureOpened { .. }
            | Milestone::CaptureClosed { .. }
            | Milestone::LeaveSent => {}
        }
    }

    fn step(&mut self, step: JoinStep, now: u64) {
        self.steps_ms.entry(format!("{step:?}").to_lowercase()).or_insert(now);
    }

    /// A transition of the room; the one to leaving starts the clock of leaving.
    pub fn moved(&mut self, transition: &Transition) {
        if transition.to == State::Leaving && self.leave_command_ns.is_none() {
            self.leave_command_ns = Some(monotonic_ns());
            if !self.capture_open {
                self.capture_closed_ms = Some(0);
            }
        }
    }

    /// A change of the room's state.
    pub fn state(&mut self, state: &RoomState) {
        self.participants = self.participants.max(state.participants);
    }

    fn first_frame(&mut self, source: &str, at_ns: u64) {
        self.sources.insert(source.to_owned());
        self.wall_sources = self.sources.len();
        if let Some(session_ns) = self.session_ns {
            self.wall_first_frame_ms.get_or_insert(milliseconds(session_ns, at_ns));
        }
    }

    fn statistics(&mut self, statistics: &Statistics) {
        self.layers = statistics.layers.iter().map(Layer::from).collect();
        self.received = statistics.received.iter().map(Received::from).collect();
        self.retransmitted = statistics.retransmitted;
        self.microphone_overruns = statistics.microphone_overruns;
        self.loudspeaker_underruns = statistics.loudspeaker_underruns;
    }

    /// Devices opened or closed.
    pub fn capture(&mut self, capture: &CaptureState) {
        let open = |state: &DeviceState| matches!(state, DeviceState::Open);
        self.capture_open = open(&capture.camera) || open(&capture.microphone);
        if let (Some(leave_ns), false) = (self.leave_command_ns, self.capture_open) {
            self.capture_closed_ms
                .get_or_insert(milliseconds(leave_ns, capture.at_ns));
        }
    }

    fn ended(&mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
        self.exit_code = outcome.exit_code();
        if let Some(leave_ns) = self.leave_command_ns {
            self.left_ms.get_or_insert(milliseconds(leave_ns, monotonic_ns()));
        }
    }

    /// Writes the JSON document, whole or not at all.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        let partial = path.with_extension("partial");
        std::fs::write(&partial, json)?;
        std::fs::rename(&partial, path)
    }
}

impl From<&LayerStatistics> for Layer {
    fn from(layer: &LayerStatistics) -> Self {
        Self {
            height: layer.height,
            fps: layer.fps,
            bitrate: layer.bitrate,
            key_frames: layer.key_frames,
        }
    }
}

impl From<&ReceivedStatistics> for Received {
    fn from(received: &ReceivedStatistics) -> Self {
        Self {
            height: received.height,
            fps: received.fps,
            lost: received.lost,
        }
    }
}

/// Milliseconds from one monotonic stamp to a later one; 0 when it is not later.
fn milliseconds(from_ns: u64, to_ns: u64) -> u64 {
    to_ns.saturating_sub(from_ns) / 1_000_000
}

/// The JSON Schema of [`Report`].
///
/// # Errors
/// Never in practice; serde's error is passed on.
pub fn schema() -> serde_json::Result<String> {
    serde_json::to_string_pretty(&schemars::schema_for!(Report))
}
