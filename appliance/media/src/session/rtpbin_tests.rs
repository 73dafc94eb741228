//! What unit tests feed an rtpbin with: sound that nobody decodes.

use gstreamer as gst;
use gstreamer::prelude::*;

/// One packet of RTP (RFC 3550 §5.1).
pub fn packet(ssrc: u32, sequence: u16) -> gst::Buffer {
    let mut bytes = vec![0x80, 111];
    bytes.extend(sequence.to_be_bytes());
    bytes.extend((u32::from(sequence) * 960).to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend([0; 20]);
    gst::Buffer::from_slice(bytes)
}

/// A pad that pushes into session 0, once the rtpbin `starts`.
pub fn feed(rtpbin: &gst::Element, starts: impl FnOnce()) -> gst::Pad {
    rtpbin.connect("request-pt-map", false, |_| {
        let caps = gst::Caps::builder("application/x-rtp")
            .field("media", "audio")
            .field("encoding-name", "OPUS")
            .field("clock-rate", 48_000)
            .field("payload", 111);
        Some(caps.build().to_value())
    });
    let sink = rtpbin.request_pad_simple("recv_rtp_sink_0").unwrap();
    starts();
    let source = gst::Pad::new(gst::PadDirection::Src);
    source.set_active(true).unwrap();
    source.link(&sink).unwrap();
    source.push_event(gst::event::StreamStart::new("test"));
    let caps = gst::Caps::builder("application/x-rtp").build();
    source.push_event(gst::event::Caps::new(&caps));
    source.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
    source
}
