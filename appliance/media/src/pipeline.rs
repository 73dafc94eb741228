//! A pipeline that tells its errors to the owner thread and is stopped when it is dropped.

use gstreamer as gst;
use gstreamer::prelude::*;

use crate::clock;
use crate::elements::BuildError;
use crate::mailbox::{Mailbox, Message, PipelineId};

/// Owns a `GstPipeline`. Dropping it sets the pipeline to NULL: when that returns, its devices are closed.
#[derive(Debug)]
pub struct Pipeline {
    inner: gst::Pipeline,
    bus: gst::Bus,
}

impl Pipeline {
    /// A live pipeline on the common time ([`clock::synchronise`]).
    ///
    /// # Errors
    /// When GStreamer gives the pipeline no bus.
    pub fn live(id: PipelineId, mailbox: &Mailbox) -> Result<Self, BuildError> {
        let pipeline = Self::new(id, mailbox)?;
        clock::synchronise(&pipeline.inner);
        Ok(pipeline)
    }

    /// A pipeline that plays a recording ([`clock::follow`]).
    ///
    /// # Errors
    /// When GStreamer gives the pipeline no bus.
    pub fn recording(id: PipelineId, mailbox: &Mailbox) -> Result<Self, BuildError> {
        let pipeline = Self::new(id, mailbox)?;
        clock::follow(&pipeline.inner);
        Ok(pipeline)
    }

    fn new(id: PipelineId, mailbox: &Mailbox) -> Result<Self, BuildError> {
        let inner = gst::Pipeline::new();
        let bus = inner
            .bus()
            .ok_or_else(|| BuildError::GStreamer("a pipeline without a bus".into()))?;
        let mailbox = mailbox.clone();
        bus.set_sync_handler(move |_, message| {
            use gst::MessageView::{Element, Eos, Error, Latency, SegmentDone, Warning};
            if matches!(
                message.view(),
                Error(_) | Warning(_) | Eos(_) | SegmentDone(_) | Latency(_) | Element(_)
            ) {
                mailbox.post(Message::Bus(id, message.clone()));
            }
            gst::BusSyncReply::Drop
        });
        Ok(Self { inner, bus })
    }

    /// The pipeline itself.
    #[must_use]
    pub fn bin(&self) -> &gst::Pipeline {
        &self.inner
    }

    /// Starts it.
    ///
    /// # Errors
    /// [`BuildError::GStreamer`]; the cause comes as an error on the bus.
    pub fn play(&self) -> Result<(), BuildError> {
        self.inner.set_state(gst::State::Playing)?;
        Ok(())
    }

    /// Whether it plays by now: every sink has taken its first buffer.
    #[must_use]
    pub fn is_playing(&self) -> bool {
        self.inner.current_state() == gst::State::Playing
    }

    /// What every owner of a pipeline does with a message of its bus before looking at it closer.
    pub fn on_bus(&self, message: &gst::Message) {
        match message.view() {
            // Else branches that were added later play without the latency of the others (specs/media-engine.md §3).
            gst::MessageView::Latency(_) => {
                let _ = self.inner.recalculate_latency();
            }
            gst::MessageView::Warning(warning) => {
                let element = warning
                    .src()
                    .map(|source| source.name().to_string())
                    .unwrap_or_default();
                tracing::warn!(element, warning = %warning.error(), "gstreamer warns");
            }
            _ => {}
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        let _ = self.inner.set_state(gst::State::Null);
        self.bus.unset_sync_handler();
    }
}
