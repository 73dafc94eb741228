//! A capture device as the plan wants it: opened, watched, closed, tried again. The state told is that of the open
//! descriptor, never of the wish (invariant 1 of the map).

use gstreamer as gst;
use media_protocol::{CameraDevice, DeviceFault, DeviceState, MicrophoneDevice};
use std::time::{Duration, Instant};

use super::simulated_camera::SimulatedCamera;
use super::simulated_microphone::SimulatedMicrophone;
use super::{Tap, hardware, recording};
use crate::clock::now_ns;
use crate::fault;
use crate::mailbox::{Mailbox, PipelineId};
use crate::pipeline::Pipeline;

/// Time between two attempts to open a device that failed.
const RETRY: Duration = Duration::from_secs(2);
/// An open device that gives nothing for so long is broken.
const SILENT_NS: u64 = 4_000_000_000;

/// What shall be open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A camera.
    Camera(CameraDevice),
    /// A microphone.
    Microphone(MicrophoneDevice),
}

/// What is open. Dropping it closes the device.
#[derive(Debug)]
enum Source {
    SimulatedCamera { _thread: SimulatedCamera },
    SimulatedMicrophone { _thread: SimulatedMicrophone },
    Hardware(Pipeline),
    Recording(Pipeline),
}

/// One place for a capture device: the camera's, or the microphone's.
#[derive(Debug)]
pub struct Capture {
    name: &'static str,
    wanted: Option<Wanted>,
    source: Option<Source>,
    state: DeviceState,
    opened_ns: u64,
    retry: Option<Instant>,
    generation: u64,
    tap: Tap,
    mailbox: Mailbox,
}

impl Capture {
    /// A closed place; `name` is for the log.
    #[must_use]
    pub fn new(name: &'static str, tap: Tap, mailbox: Mailbox) -> Self {
        let (state, generation) = (DeviceState::Closed, 0);
        Self {
            name,
            wanted: None,
            source: None,
            state,
            opened_ns: 0,
            retry: None,
            generation,
            tap,
            mailbox,
        }
    }

    /// The state as it is.
    #[must_use]
    pub fn state(&self) -> &DeviceState {
        &self.state
    }

    /// Opens what is wanted, closes what is not. When this returns, an unwanted device is closed.
    pub fn set(&mut self, wanted: Option<Wanted>) {
        if self.wanted == wanted {
            return;
        }
        self.close(DeviceState::Closed);
        self.retry = None;
        self.wanted = wanted;
        self.open();
    }

    /// Closes the device if it is not this one.
    pub fn close_unless(&mut self, wanted: Option<&Wanted>) {
        if self.wanted.as_ref() != wanted {
            self.set(None);
        }
    }

    /// Looks after the device; call it several times a second.
    pub fn tick(&mut self, now: Instant) {
        if self.retry.is_some_and(|at| at <= now) {
            self.retry = None;
            self.open();
        }
        let last = self.tap.last_ns().max(self.opened_ns);
        if self.source.is_some() && now_ns().saturating_sub(last) > SILENT_NS {
            self.fail(DeviceFault::Silent);
        }
    }

    /// A message of a pipeline's bus; others' are ignored.
    pub fn on_bus(&mut self, id: PipelineId, message: &gst::Message) {
        if id != self.id() {
            return;
        }
        let Some(Source::Hardware(pipeline) | Source::Recording(pipeline)) = &self.source else {
            return;
        };
        pipeline.on_bus(message);
        match (message.view(), &self.source) {
            (gst::MessageView::Error(error), _) => {
                tracing::warn!(device = self.name, error = %error.error(), debug = ?error.debug(), "capture device fails");
                self.fail(fault::of_message(error));
            }
            (gst::MessageView::Eos(_), Some(Source::Recording(pipeline))) if recording::rewind(pipeline).is_ok() => {}
            (gst::MessageView::Eos(_), _) => self.fail(DeviceFault::Silent),
            _ => {}
        }
    }

    fn id(&self) -> PipelineId {
        match self.wanted {
            Some(Wanted::Microphone(_)) => PipelineId::Microphone(self.generation),
            _ => PipelineId::Camera(self.generation),
        }
    }

    fn open(&mut self) {
        let Some(wanted) = self.wanted.clone() else { return };
        self.generation += 1;
        self.opened_ns = now_ns();
        match self.source_of(&wanted) {
            Ok(source) => {
                tracing::info!(device = self.name, "capture device open");
                self.source = Some(source);
                self.state = DeviceState::Open;
            }
            Err(fault) => self.fail(fault),
        }
    }

    fn source_of(&self, wanted: &Wanted) -> Result<Source, DeviceFault> {
        let (id, tap, mailbox) = (self.id(), &self.tap, &self.mailbox);
        let built = match wanted {
            Wanted::Camera(CameraDevice::Simulated) => {
                SimulatedCamera::start(tap.clone()).map(|thread| Source::SimulatedCamera { _thread: thread })
            }
            Wanted::Microphone(MicrophoneDevice::Simulated) => {
                SimulatedMicrophone::start(tap.clone()).map(|thread| Source::SimulatedMicrophone { _thread: thread })
            }
            Wanted::Camera(CameraDevice::V4l2 { path }) => {
                fault::accessible(path)?;
                hardware::camera(path, id, tap, mailbox).map(Source::Hardware)
            }
            Wanted::Microphone(MicrophoneDevice::Alsa { device }) => {
                hardware::microphone(device, id, tap, mailbox).map(Source::Hardware)
            }
            Wanted::Camera(CameraDevice::File { path }) => {
                fault::accessible(path)?;
                recording::camera(path, id, tap, mailbox).map(Source::Recording)
            }
            Wanted::Microphone(MicrophoneDevice::File { path }) => {
                fault::accessible(path)?;
                recording::microphone(path, id, tap, mailbox).map(Source::Recording)
            }
        };
        built.map_err(|error| fault::of_build(&error))
    }

    fn close(&mut self, state: DeviceState) {
        if self.source.take().is_some() {
            tracing::info!(device = self.name, "capture device closed");
        }
        self.state = state;
    }

    fn fail(&mut self, fault: DeviceFault) {
        tracing::warn!(device = self.name, ?fault, "capture device cannot be had");
        self.close(DeviceState::Failed { fault });
        self.retry = Some(Instant::now() + RETRY);
    }
}
