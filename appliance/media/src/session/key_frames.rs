//! Key frames on request: which payloader serves which SSRC, and how often.
//!
//! A request for the first layer of a source is for the whole source: a bridge names no other when it wants to switch a
//! receiver to another layer (seen at jitsi-videobridge), and waits for a key frame of that layer; browsers answer with all.

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
    primary_ssrc: u32,
    payloader_sink: glib::WeakRef<gst::Pad>,
    last_ns: Option<u64>,
}

impl KeyFrames {
    /// Requests for `ssrc` go upstream from this pad, the sink pad of its payloader. `primary_ssrc` is the first layer of
    /// the same source; requests for it are for all its layers.
    pub fn serve(&self, primary_ssrc: u32, ssrc: u32, payloader_sink: &gst::Pad) {
        let asked = Asked {
            primary_ssrc,
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
        let mut pads = Vec::new();
        {
            let mut layers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !layers.contains_key(&ssrc) {
                return false;
            }
            for (layer, asked) in layers.iter_mut() {
                let meant = *layer == ssrc || asked.primary_ssrc == ssrc;
                let soon = asked
                    .last_ns
                    .is_some_and(|last| now_ns.saturating_sub(last) < SHORTEST_INTERVAL_NS);
                if meant && !soon {
                    asked.last_ns = Some(now_ns);
                    pads.extend(asked.payloader_sink.upgrade());
                }
            }
        }
        pads.iter().for_each(ask);
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
