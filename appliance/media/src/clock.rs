//! One time for everything: every pipeline runs on the system's monotonic clock with base time zero, so a running time
//! *is* `CLOCK_MONOTONIC` in ns. Timestamps pass from pipeline to pipeline unchanged, and lips stay with the sound.

use gstreamer as gst;
use gstreamer::prelude::*;

/// `CLOCK_MONOTONIC` in ns.
#[must_use]
pub fn now_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds * 1_000_000_000 + nanoseconds
}

/// Puts a live pipeline on the common time. Its sources give buffers stamped with [`now_ns`].
pub fn synchronise(pipeline: &gst::Pipeline) {
    pipeline.use_clock(Some(&gst::SystemClock::obtain()));
    pipeline.set_start_time(gst::ClockTime::NONE);
    pipeline.set_base_time(gst::ClockTime::ZERO);
}

/// Puts a pipeline that plays a recording on the common clock. Its running time begins at zero with each start; the
/// common time of a buffer is its running time plus the base time.
pub fn follow(pipeline: &gst::Pipeline) {
    pipeline.use_clock(Some(&gst::SystemClock::obtain()));
}
