//! The far side: what really arrives from the box, measured.

mod arrival;
pub mod assemble;
mod decode;
pub mod h264;
mod layer;
pub mod lip_sync;
mod report;
pub mod sound;
pub mod vp8;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use arrival::FarSide;
pub use report::{FarSideReport, KeyFrameRequest, LayerReport};

use crate::clock::{monotonic_ns, ms_between};
use decode::{SharedHeard, SharedSeen};

/// The state that reports are made of.
struct Record {
    report: FarSideReport,
    seen: SharedSeen,
    heard: SharedHeard,
    /// What was longer before the window was reset is not counted.
    order: u64,
}

/// All far sides by endpoint; they stay when the endpoint is gone.
#[derive(Clone, Default)]
pub struct FarSides(Arc<Mutex<BTreeMap<String, Record>>>);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FarSides {
    /// The report on `endpoint`, or on the newest.
    pub fn report(&self, endpoint: Option<&str>) -> Option<FarSideReport> {
        let all = locked(&self.0);
        let record = match endpoint {
            Some(endpoint) => all.get(endpoint)?,
            None => all.values().max_by_key(|r| r.order)?,
        };
        Some(record.make())
    }

    /// The last picture of `endpoint`, or of the newest.
    pub fn jpeg(&self, endpoint: Option<&str>) -> Option<Vec<u8>> {
        let last = {
            let all = locked(&self.0);
            let record = match endpoint {
                Some(endpoint) => all.get(endpoint)?,
                None => all.values().max_by_key(|r| r.order)?,
            };
            locked(&record.seen).last.clone()
        };
        decode::jpeg(&last?)
    }

    /// Begins a new window for gaps, tones and lip-sync.
    pub fn reset_window(&self) {
        for record in locked(&self.0).values() {
            let mut seen = locked(&record.seen);
            seen.longest_gap_ns = 0;
            seen.frames = 0;
            seen.last_ns = None;
            seen.flashes.flashes.clear();
            let mut heard = locked(&record.heard);
            (heard.longest_gap_ns, heard.last_packet_ns) = (0, None);
            heard.listener.tone_windows = 0;
            heard.listener.loud_windows = 0;
            heard.listener.beeps.clear();
        }
    }

    fn change(&self, endpoint: &str, change: impl FnOnce(&mut FarSideReport)) {
        if let Some(record) = locked(&self.0).get_mut(endpoint) {
            change(&mut record.report);
        }
    }
}

impl Record {
    fn make(&self) -> FarSideReport {
        let mut report = self.report.clone();
        let seen = locked(&self.seen);
        report.first_frame_ns = seen.first_ns;
        report.decoded_frames = seen.frames;
        report.decoded_height = seen.height;
        report.decoded_luma = seen.luma;
        report.longest_gap_ms = seen.longest_gap_ns as f64 / 1e6;
        report.since_last_frame_ms = seen.last_ns.map(|last| ms_between(last, monotonic_ns()));
        let heard = locked(&self.heard);
        report.first_sound_ns = heard.first_ns;
        report.audio_longest_gap_ms = heard.longest_gap_ns as f64 / 1e6;
        report.tone_windows = heard.listener.tone_windows;
        report.loud_windows = heard.listener.loud_windows;
        report.tone_heard = heard.listener.tone_windows >= 5;
        if let Some(clock) = heard.clock {
            let beeps: Vec<f64> = heard.listener.beeps.iter().map(|b| clock.ms(*b)).collect();
            if let Some((offset, samples)) = lip_sync::offset(&seen.flashes.flashes, &beeps) {
                report.av_offset_ms = Some(offset);
                report.av_samples = samples;
            }
        }
        report
    }
}
