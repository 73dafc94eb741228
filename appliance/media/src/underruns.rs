//! Underruns of loudspeakers. `alsasink` tells them nowhere but in GStreamer's log.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use gstreamer as gst;

/// The category of GStreamer's ALSA elements, and how its line about an underrun begins (`gstalsasink.c`, `xrun_recovery`).
const CATEGORY: &str = "alsa";
const LINE: &str = "xrun recovery";

static COUNT: AtomicU64 = AtomicU64::new(0);

/// Counts from now on. After `gst::init`.
pub fn count() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Nobody asked for its lines: they are counted, and not said.
        if std::env::var_os("GST_DEBUG").is_none() {
            gst::log::remove_default_log_function();
        }
        gst::log::set_threshold_for_name(CATEGORY, gst::DebugLevel::Warning);
        gst::log::add_log_function(|category, _, _, _, _, _, message| {
            let says = || message.get().is_some_and(|line| line.starts_with(LINE));
            if category.name() == CATEGORY && says() {
                COUNT.fetch_add(1, Ordering::Relaxed);
            }
        });
    });
}

/// Since the worker started.
pub fn so_far() -> u64 {
    COUNT.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_line_about_an_underrun_counts() {
        gst::init().unwrap();
        count();
        count();
        let category = gst::DebugCategory::new(CATEGORY, gst::DebugColorFlags::empty(), None);
        let other = gst::DebugCategory::new("other", gst::DebugColorFlags::empty(), None);
        let before = so_far();
        gst::warning!(category, "xrun recovery -32: Broken pipe");
        gst::warning!(category, "another line");
        other.set_threshold(gst::DebugLevel::Warning);
        gst::warning!(other, "xrun recovery -32: Broken pipe");
        assert_eq!(so_far(), before + 1);
    }
}
