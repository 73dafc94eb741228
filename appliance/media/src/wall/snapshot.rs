//! The wall as JPEGs: into a file, replaced by rename so that a reader never sees half of one, or to whoever asked.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppLeakyType, AppSink, AppSinkCallbacks, AppSrc};
use std::path::{Path, PathBuf};

use crate::elements::{BuildError, chain, make};

/// Makes JPEGs of pictures.
#[derive(Debug)]
pub struct Snapshot {
    pipeline: gst::Pipeline,
    source: AppSrc,
}

impl Snapshot {
    /// Into this file, each in place of the one before.
    ///
    /// # Errors
    /// [`BuildError::MissingElement`] for `jpegenc`.
    pub fn into_file(path: &Path, caps: &gst::Caps) -> Result<Self, BuildError> {
        let (file, beside) = (path.to_owned(), beside(path));
        Self::new(caps, move |jpeg| {
            if let Err(error) = replace(&beside, &file, jpeg) {
                tracing::warn!(%error, "the wall's snapshot cannot be written");
            }
        })
    }

    /// From pictures of these caps; `made` is called by a streaming thread.
    ///
    /// # Errors
    /// [`BuildError::MissingElement`] for `jpegenc`.
    pub fn new(caps: &gst::Caps, made: impl Fn(&[u8]) + Send + 'static) -> Result<Self, BuildError> {
        let pipeline = gst::Pipeline::new();
        let source = AppSrc::builder()
            .caps(caps)
            .format(gst::Format::Time)
            .max_buffers(1)
            .leaky_type(AppLeakyType::Downstream)
            .build();
        let encoder = make("jpegenc")?;
        encoder.set_property("quality", 80_i32);
        let callbacks = AppSinkCallbacks::builder().new_sample(move |sink| {
            let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            if let Some(map) = sample.buffer().and_then(|buffer| buffer.map_readable().ok()) {
                made(map.as_slice());
            }
            Ok(gst::FlowSuccess::Ok)
        });
        let sink = AppSink::builder()
            .sync(false)
            .max_buffers(1)
            .drop(true)
            .callbacks(callbacks.build())
            .build();
        chain(&pipeline, &[source.upcast_ref(), &encoder, sink.upcast_ref()])?;
        pipeline.set_state(gst::State::Playing)?;
        Ok(Self { pipeline, source })
    }

    /// Encodes this picture soon; one that came before and still waits is dropped.
    pub fn take(&self, picture: gst::Buffer) {
        let _ = self.source.push_buffer(picture);
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

fn replace(beside: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::write(beside, bytes)?;
    std::fs::rename(beside, path)
}
