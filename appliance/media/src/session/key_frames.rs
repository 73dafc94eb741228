//! Key frames on request: which payloader serves which SSRC, and how often.

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Requests for a layer that follow each other faster than this, in ns, are one: the key frame is being made. A bridge
/// asks at most every 200 ms (`specs/jitsi-client.md §5`).
const SHORTEST_INTERVAL_NS: u64 = 50_000_000;

/// The layers that can be asked.
#[derive(Debug, Clone, Default)]
pub struct KeyFrames(Arc<Mutex<HashMap<u32, Asked>>>);

#[derive(Debug)]
struct Asked {
    payloader_sink: glib::WeakRef<gst::Pad>,
    last_ns: Option<u64>,
}

impl KeyFrames {
    /// Requests for `ssrc` go upstream from this pad, the sink pad of its payloader.
    pub fn serve(&self, ssrc: u32, payloader_sink: &gst::Pad) {
        let asked = Asked {
            payloader_sink: payloader_sink.downgrade(),
            last_ns: None,
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(ssrc, asked);
    }

    /// A request arrived at `now_ns`. False when the SSRC is none of ours.
    pub fn request(&self, ssrc: u32, now_ns: u64) -> bool {
        let pad = {
            let mut layers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(asked) = layers.get_mut(&ssrc) else {
                return false;
            };
            let soon = asked
                .last_ns
                .is_some_and(|last| now_ns.saturating_sub(last) < SHORTEST_INTERVAL_NS);
            if soon {
                return true;
            }
            asked.last_ns = Some(now_ns);
            asked.payloader_sink.upgrade()
        };
        if let Some(pad) = pad {
            ask(&pad);
        }
        true
    }
}

/// Asks whatever is upstream of this sink pad for a key frame.
pub fn ask(pad: &gst::Pad) {
    let event = gst_video::UpstreamForceKeyUnitEvent::builder()
        .all_headers(true)
        .build();
    pad.push_event(event);
}

/// Asks whoever sends into this received source pad for a key frame: it becomes a PLI.
pub fn ask_sender(pad: &gst::Pad) {
    let event = gst_video::UpstreamForceKeyUnitEvent::builder()
        .all_headers(true)
        .build();
    pad.send_event(event);
}
