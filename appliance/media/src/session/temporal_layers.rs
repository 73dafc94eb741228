//! Three temporal layers in each VP8 stream (0 2 1 2, a quarter, half and all of the frames), as browsers send them.
//!
//! Not for their own sake: the payloader writes the temporal layer index and TL0PICIDX only for layered streams, and
//! the bridge treats VP8 packets without that index as an unknown codec and forwards next to nothing
//! (`Vp8Packet.meetsRoutingNeeds`, seen on jitsi-videobridge).

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;

/// Layer of each frame of the repeating pattern.
const LAYER_IDS: [i32; 4] = [0, 2, 1, 2];
/// A layer's frame rate is the whole rate divided by this.
const RATE_DECIMATORS: [i32; 3] = [4, 2, 1];
/// Share of the bit rate, in per cent, of a layer and those below it.
const BITRATE_PER_CENT: [i64; 3] = [40, 60, 100];
/// Which frames refer only to the lowest layer.
const SYNC: [bool; 4] = [false, true, true, false];
/// What each frame may read and write (libvpx `VP8_EFLAG_*`): the last frame is the lowest layer's, the golden frame the
/// middle layer's; the highest layer leaves no trace.
const FLAGS: [&str; 4] = [
    "no-ref-golden+no-ref-alt+no-upd-golden+no-upd-alt",
    "no-ref-golden+no-ref-alt+no-upd-last+no-upd-golden+no-upd-alt+no-upd-entropy",
    "no-ref-golden+no-ref-alt+no-upd-last+no-upd-alt",
    "no-ref-alt+no-upd-last+no-upd-golden+no-upd-alt+no-upd-entropy",
];

/// Sets `vp8enc` up for the layers.
pub fn enable(encoder: &gst::Element) {
    encoder.set_property("temporal-scalability-number-layers", RATE_DECIMATORS.len() as i32);
    encoder.set_property("temporal-scalability-periodicity", LAYER_IDS.len() as i32);
    encoder.set_property("temporal-scalability-layer-id", glib::ValueArray::new(LAYER_IDS));
    encoder.set_property(
        "temporal-scalability-rate-decimator",
        glib::ValueArray::new(RATE_DECIMATORS),
    );
    encoder.set_property_from_str("temporal-scalability-layer-flags", &format!("<{}>", FLAGS.join(",")));
    encoder.set_property("temporal-scalability-layer-sync-flags", gst::Array::new(SYNC));
}

/// Divides a bit rate (bit/s) over the layers.
pub fn set_bitrate(encoder: &gst::Element, bitrate: u32) {
    let share = BITRATE_PER_CENT.map(|per_cent| (i64::from(bitrate) * per_cent / 100).min(i64::from(i32::MAX)) as i32);
    encoder.set_property("temporal-scalability-target-bitrate", glib::ValueArray::new(share));
}
