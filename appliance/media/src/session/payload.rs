//! RTP caps and header extensions of a media section.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_rtp as gst_rtp;
use gstreamer_rtp::prelude::*;
use media_protocol::PayloadType;

use crate::elements::BuildError;

/// The caps in front of webrtcbin: what the answer accepts. Header extensions appear in the answer only if they stand
/// here (`specs/media-engine.md §3.4`).
#[must_use]
pub fn section_caps(media: &str, payload: &PayloadType, extensions: &[(Option<u8>, &str)]) -> gst::Caps {
    let mut caps = gst::Caps::builder("application/x-rtp")
        .field("media", media)
        .field("encoding-name", payload.encoding_name.to_ascii_uppercase())
        .field("payload", i32::from(payload.number))
        .field("clock-rate", i32::try_from(payload.clock_rate).unwrap_or(i32::MAX));
    for (id, uri) in extensions {
        if let Some(id) = id {
            caps = caps.field(format!("extmap-{id}"), *uri);
        }
    }
    caps.build()
}

/// Makes a payloader write a header extension on each packet.
///
/// # Errors
/// When GStreamer does not know the extension.
pub fn add_extension(payloader: &gst::Element, id: Option<u8>, uri: &str) -> Result<(), BuildError> {
    let Some(id) = id else { return Ok(()) };
    let unknown = || BuildError::GStreamer(format!("no RTP header extension for {uri}"));
    let extension = gst_rtp::RTPHeaderExtension::create_from_uri(uri).ok_or_else(unknown)?;
    extension.set_id(u32::from(id));
    payloader.emit_by_name::<()>("add-extension", &[&extension]);
    Ok(())
}
