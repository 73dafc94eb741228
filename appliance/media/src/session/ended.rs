//! Takes a stream out of rtpbin when its SSRC has ended: silent for long, or after a BYE (RFC 3550 §6.2.1, §6.3.5).
//!
//! rtpbin 1.22 can do it by itself (`autoremove`), but while it takes the old stream apart a packet of the same SSRC may
//! build a new one, whose pad then has the name of the old: "Padname is not unique", and the session fails. Here no packet
//! passes meanwhile.
//!
//! webrtcbin puts an FEC decoder behind each stream, and rtpbin loses sight of the pad behind such a decoder: a stream that was
//! taken out cannot come back under its SSRC in the same session. So they stay as long as there are few: a bridge that rewrites
//! SSRCs uses the same ones for everybody.

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;

/// Streams of this rtpbin leave it when they have ended, with their jitterbuffers and threads. Before its first pad is
/// requested.
pub fn take_away_ended_streams(rtpbin: &gst::Element) {
    for signal in ["on-timeout", "on-bye-timeout"] {
        rtpbin.connect(signal, false, |values| {
            let rtpbin = values.first()?.get::<gst::Bin>().ok()?;
            if streams(&rtpbin) <= KEPT {
                return None;
            }
            take_away(&rtpbin, values.get(2)?.get::<u32>().ok()?);
            None
        });
    }
}

/// Streams that stay though they are silent.
const KEPT: usize = 64;

fn streams(rtpbin: &gst::Bin) -> usize {
    let received = |pad: &gst::Pad| pad.name().starts_with("recv_rtp_src_");
    rtpbin.src_pads().iter().filter(|pad| received(pad)).count()
}

/// One stream, as soon as no packet is on its way to the demultiplexers.
fn take_away(rtpbin: &gst::Bin, ssrc: u32) {
    let name = format!("src_{ssrc}");
    let demultiplexers = rtpbin.iterate_all_by_element_factory_name("rtpssrcdemux");
    for demultiplexer in demultiplexers.into_iter().flatten() {
        let entrance = demultiplexer.static_pad("sink").and_then(|sink| sink.peer());
        let Some(entrance) = entrance.filter(|_| demultiplexer.static_pad(&name).is_some()) else {
            continue;
        };
        let demultiplexer: glib::WeakRef<gst::Element> = demultiplexer.downgrade();
        // While the call runs the pad lets nothing pass.
        entrance.add_probe(gst::PadProbeType::IDLE, move |_, _| {
            if let Some(demultiplexer) = demultiplexer.upgrade() {
                demultiplexer.emit_by_name::<()>("clear-ssrc", &[&ssrc]);
            }
            gst::PadProbeReturn::Remove
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::rtpbin_tests::{feed, packet};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    use std::time::Duration;

    const SSRC: u32 = 5002;
    const ROUNDS: u32 = 100;

    #[test]
    fn a_stream_that_ends_while_its_packets_come_begins_anew_each_time() {
        gst::init().unwrap();
        let pipeline = gst::Pipeline::new();
        let rtpbin = gst::ElementFactory::make("rtpbin")
            .property("latency", 0_u32)
            .build()
            .unwrap();
        pipeline.add(&rtpbin).unwrap();
        take_away_ended_streams(&rtpbin);
        let born = Arc::new(AtomicU32::new(0));
        let (births, into) = (born.clone(), pipeline.downgrade());
        rtpbin.connect_pad_added(move |_, pad| {
            if pad.direction() == gst::PadDirection::Src && pad.name().starts_with("recv_rtp_src_") {
                let sink = gst::ElementFactory::make("fakesink")
                    .property("sync", false)
                    .build()
                    .unwrap();
                into.upgrade().unwrap().add(&sink).unwrap();
                sink.sync_state_with_parent().unwrap();
                pad.link(&sink.static_pad("sink").unwrap()).unwrap();
                births.fetch_add(1, Ordering::SeqCst);
            }
        });
        let source = feed(&rtpbin, || {
            pipeline.set_state(gst::State::Playing).unwrap();
        });
        let (stop, stopped) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (asked, told, mouth) = (stop.clone(), stopped.clone(), source.clone());
        let talk = std::thread::spawn(move || {
            let mut sequence = 0_u16;
            while !asked.load(Ordering::SeqCst) {
                if mouth.push(packet(SSRC, sequence)).is_err() {
                    told.store(true, Ordering::SeqCst);
                    return;
                }
                sequence = sequence.wrapping_add(1);
                std::thread::sleep(Duration::from_micros(20));
            }
        });
        for round in 1..=ROUNDS {
            let mut patience = 1000;
            while born.load(Ordering::SeqCst) < round {
                assert!(!stopped.load(Ordering::SeqCst), "round {round}: packets are refused");
                patience -= 1;
                assert!(patience > 0, "round {round}: no new pad");
                std::thread::sleep(Duration::from_millis(10));
            }
            take_away(rtpbin.downcast_ref().unwrap(), SSRC);
        }
        stop.store(true, Ordering::SeqCst);
        talk.join().unwrap();
        pipeline.set_state(gst::State::Null).unwrap();
    }
}
