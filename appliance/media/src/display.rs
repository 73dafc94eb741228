//! Screens: the kernel's display, or a window for developers.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppLeakyType, AppSrc};
use media_protocol::DisplayDevice;

use crate::elements::{BuildError, chain, make};
use crate::mailbox::{Mailbox, PipelineId};
use crate::pipeline::Pipeline;
use crate::wall::layout;

/// An open screen. Dropping it leaves the screen alone.
#[derive(Debug)]
pub struct Display {
    pipeline: Pipeline,
    source: AppSrc,
}

impl Display {
    /// Opens the screen; none for a simulated one.
    ///
    /// # Errors
    /// Missing elements; a screen that refuses to start tells why on the bus.
    pub fn open(device: &DisplayDevice, id: PipelineId, mailbox: &Mailbox) -> Result<Option<Self>, BuildError> {
        let sink = match device {
            DisplayDevice::Kms { connector } => {
                let sink = make("kmssink")?;
                if let Some(connector) = connector {
                    sink.set_property("connector-id", *connector);
                }
                sink
            }
            DisplayDevice::Window => make("autovideosink")?,
            // One that is attached has been named before it is opened.
            DisplayDevice::Attached | DisplayDevice::Simulated { .. } => return Ok(None),
        };
        let pipeline = Pipeline::live(id, mailbox)?;
        let caps = gst::Caps::builder("video/x-raw")
            .field("format", "I420")
            .field("width", layout::WIDTH as i32)
            .field("height", layout::HEIGHT as i32)
            .field("framerate", gst::Fraction::new(30, 1))
            .build();
        let source = AppSrc::builder()
            .caps(&caps)
            .format(gst::Format::Time)
            .is_live(true)
            .max_buffers(2);
        let source = source.leaky_type(AppLeakyType::Downstream).build();
        let (convert, scale) = (make("videoconvert")?, make("videoscale")?);
        if sink.has_property("sync") {
            // The pictures' time has come when they are drawn.
            sink.set_property("sync", false);
        }
        chain(pipeline.bin(), &[source.upcast_ref(), &convert, &scale, &sink])?;
        pipeline.play()?;
        Ok(Some(Self { pipeline, source }))
    }

    /// Where its pictures go in.
    #[must_use]
    pub fn source(&self) -> &AppSrc {
        &self.source
    }

    /// Whether the device has taken something and goes on.
    #[must_use]
    pub fn is_playing(&self) -> bool {
        self.pipeline.is_playing()
    }

    /// A message of its bus.
    pub fn on_bus(&self, message: &gst::Message) {
        self.pipeline.on_bus(message);
    }
}
