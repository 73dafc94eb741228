//! Real cameras (V4L2).

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};
use std::path::Path;

use super::{Tap, picture_caps};
use crate::elements::{BuildError, chain, filter, make};
use crate::mailbox::{Mailbox, PipelineId};
use crate::pipeline::Pipeline;

/// Opens a camera. JPEG before raw: raw 720p does not fit through USB 2 at 30 frames a second.
///
/// # Errors
/// Missing elements; a device that refuses to start tells why on the bus.
pub fn camera(path: &Path, id: PipelineId, tap: &Tap, mailbox: &Mailbox) -> Result<Pipeline, BuildError> {
    let pipeline = Pipeline::live(id, mailbox)?;
    let source = make("v4l2src")?;
    source.set_property("device", path.to_string_lossy().as_ref());
    let formats: gst::Caps = [
        "image/jpeg,width=1280,height=720,framerate=30/1",
        "video/x-raw,width=1280,height=720,framerate=30/1",
        "image/jpeg,width=[640,1920],height=[360,1080],framerate=[15/1,60/1]",
        "video/x-raw,width=[320,1920],height=[240,1080],framerate=[5/1,60/1]",
    ]
    .join(";")
    .parse()?;
    let formats = filter(&formats)?;
    let (decode, convert, scale, rate) = (
        make("decodebin")?,
        make("videoconvert")?,
        make("videoscale")?,
        make("videorate")?,
    );
    scale.set_property("add-borders", true);
    let caps = filter(&picture_caps())?;
    let sink = sink(tap, Kind::Picture);
    let bin = pipeline.bin();
    chain(bin, &[&source, &formats, &decode])?;
    chain(bin, &[&convert, &scale, &rate, &caps, sink.upcast_ref()])?;
    link_when_decoded(&decode, &convert);
    pipeline.play()?;
    Ok(pipeline)
}

/// What a sink takes.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A camera's buffers.
    Picture,
    /// A microphone's buffers.
    Sound,
}

/// The end of a capture pipeline: its buffers, stamped with the common time, go into the tap.
pub fn sink(tap: &Tap, kind: Kind) -> AppSink {
    let tap = tap.clone();
    let callbacks = AppSinkCallbacks::builder().new_sample(move |sink| {
        let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
        if let Some(buffer) = with_common_time(&sample, sink.base_time()) {
            match kind {
                Kind::Picture => tap.push(buffer),
                Kind::Sound => tap.push_sound(buffer),
            }
        }
        Ok(gst::FlowSuccess::Ok)
    });
    AppSink::builder()
        .sync(false)
        .max_buffers(2)
        .drop(true)
        .callbacks(callbacks.build())
        .build()
}

/// The sample's buffer with its running time plus base time as timestamp; the memory is shared, not copied.
#[must_use]
pub fn with_common_time(sample: &gst::Sample, base_time: Option<gst::ClockTime>) -> Option<gst::Buffer> {
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let running = segment.to_running_time(sample.buffer()?.pts()?)?;
    let mut buffer = sample.buffer_owned()?;
    let changed = buffer.make_mut();
    changed.set_pts(running + base_time?);
    changed.set_dts(gst::ClockTime::NONE);
    Some(buffer)
}

/// Links the first pad of `decode` whose media fits the chain that begins with `next`.
pub fn link_when_decoded(decode: &gst::Element, next: &gst::Element) {
    let next = next.downgrade();
    decode.connect_pad_added(move |_, pad| {
        let sink = next.upgrade().and_then(|next| next.static_pad("sink"));
        if let Some(sink) = sink.filter(|sink| !sink.is_linked()) {
            // The other streams of the recording do not fit and stay unlinked.
            let _ = pad.link(&sink);
        }
    });
}
