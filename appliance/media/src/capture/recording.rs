//! Recorded films and sound as camera and microphone, repeated without end at the pace of the clock.

use gstreamer as gst;
use gstreamer::prelude::*;
use std::path::Path;

use super::hardware::{Kind, link_when_decoded, sink};
use super::{Tap, picture_caps, sound_caps};
use crate::elements::{BuildError, chain, filter, make};
use crate::mailbox::{Mailbox, PipelineId};
use crate::pipeline::Pipeline;

/// Plays a film as a camera.
///
/// # Errors
/// Missing elements; a film that cannot be read tells why on the bus.
pub fn camera(path: &Path, id: PipelineId, tap: &Tap, mailbox: &Mailbox) -> Result<Pipeline, BuildError> {
    let (convert, scale, rate) = (make("videoconvert")?, make("videoscale")?, make("videorate")?);
    scale.set_property("add-borders", true);
    let caps = filter(&picture_caps())?;
    play(path, id, mailbox, &[&convert, &scale, &rate, &caps], Kind::Picture, tap)
}

/// Plays a recording as a microphone.
///
/// # Errors
/// Missing elements; a recording that cannot be read tells why on the bus.
pub fn microphone(path: &Path, id: PipelineId, tap: &Tap, mailbox: &Mailbox) -> Result<Pipeline, BuildError> {
    let (convert, resample, caps) = (make("audioconvert")?, make("audioresample")?, filter(&sound_caps())?);
    play(path, id, mailbox, &[&convert, &resample, &caps], Kind::Sound, tap)
}

fn play(
    path: &Path,
    id: PipelineId,
    mailbox: &Mailbox,
    middle: &[&gst::Element],
    kind: Kind,
    tap: &Tap,
) -> Result<Pipeline, BuildError> {
    let pipeline = Pipeline::recording(id, mailbox)?;
    let (source, decode, sink) = (make("filesrc")?, make("decodebin")?, sink(tap, kind));
    source.set_property("location", path.to_string_lossy().as_ref());
    sink.set_property("sync", true);
    let bin = pipeline.bin();
    chain(bin, &[&source, &decode])?;
    let mut rest = middle.to_vec();
    rest.push(sink.upcast_ref());
    chain(bin, &rest)?;
    if let Some(first) = middle.first() {
        link_when_decoded(&decode, first);
    }
    pipeline.play()?;
    Ok(pipeline)
}

/// Back to the beginning; the running time begins at zero again and the base time moves with it.
///
/// # Errors
/// When the recording cannot be sought in.
pub fn rewind(pipeline: &Pipeline) -> Result<(), BuildError> {
    pipeline
        .bin()
        .seek_simple(gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT, gst::ClockTime::ZERO)?;
    Ok(())
}
