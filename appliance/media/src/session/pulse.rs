//! When the last buffer passed a received pad. webrtcbin never takes such a pad away, so a pad that nobody looks after any
//! more tells by itself when its SSRC is heard again.

use gstreamer as gst;
use gstreamer::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::now_ns;

/// Somebody looks after the pad: its return needs not be told.
const WATCHED: u64 = u64::MAX;

/// Pulse of one received pad.
#[derive(Debug)]
pub struct Pulse {
    last_ns: AtomicU64,
    /// From when in ns a buffer is told as a return, or [`WATCHED`].
    tell_from_ns: AtomicU64,
    /// The probe that lets the buffers of a forgotten pad fall.
    parked: Mutex<Option<gst::PadProbeId>>,
}

impl Pulse {
    /// Watches a pad from now on. `returned` is called by a streaming thread, once after each [`Pulse::forget`].
    pub fn watch(pad: &gst::Pad, returned: impl Fn(gst::Pad, Arc<Self>) + Send + Sync + 'static) -> Arc<Self> {
        let pulse = Arc::new(Self {
            last_ns: AtomicU64::new(now_ns()),
            tell_from_ns: AtomicU64::new(WATCHED),
            parked: Mutex::default(),
        });
        let kept = pulse.clone();
        let data = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
        pad.add_probe(data, move |pad, _| {
            if kept.beat(now_ns()) {
                returned(pad.clone(), kept.clone());
            }
            gst::PadProbeReturn::Ok
        });
        pulse
    }

    /// A buffer at `now_ns`. True: a return that has to be told.
    fn beat(&self, now_ns: u64) -> bool {
        self.last_ns.store(now_ns, Ordering::Relaxed);
        let from = self.tell_from_ns.load(Ordering::Acquire);
        now_ns >= from
            && self
                .tell_from_ns
                .compare_exchange(from, WATCHED, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
    }

    /// `CLOCK_MONOTONIC` ns of the last buffer, of the pad's birth before the first.
    pub fn last_ns(&self) -> u64 {
        self.last_ns.load(Ordering::Relaxed)
    }

    /// Keeps the probe of a parked pad for whoever looks after it next.
    pub fn keep_parked(&self, probe: Option<gst::PadProbeId>) {
        *self.parked.lock().unwrap_or_else(PoisonError::into_inner) = probe;
    }

    /// The probe of [`Pulse::keep_parked`].
    pub fn take_parked(&self) -> Option<gst::PadProbeId> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Nobody looks after the pad any more: its first buffer from `from_ns` on is told as a return.
    pub fn forget(&self, from_ns: u64) {
        self.tell_from_ns.store(from_ns, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_is_told_once_after_each_time_the_pad_was_forgotten() {
        let pulse = Pulse {
            last_ns: AtomicU64::new(0),
            tell_from_ns: AtomicU64::new(WATCHED),
            parked: Mutex::default(),
        };
        assert!(!pulse.beat(1));
        pulse.forget(5);
        assert_eq!([4, 5, 6].map(|at| pulse.beat(at)), [false, true, false]);
        pulse.forget(0);
        assert!(pulse.beat(7));
        assert_eq!(pulse.last_ns(), 7);
    }
}
