//! A capture device as the plan wants it: opened, watched, closed, tried again. The state told is that of the open
//! descriptor, never of the wish (invariant 1 of the map).

use devices::controls::Keeper;
use gstreamer as gst;
use media_protocol::{CameraDevice, DeviceFault, DeviceState, MicrophoneDevice};
use std::time::{Duration, Instant};

use super::plug::Plug;
use super::simulated_camera::SimulatedCamera;
use super::simulated_microphone::SimulatedMicrophone;
use super::stand_in::StandIn;
use super::{Tap, hardware, recording};
use crate::clock::now_ns;
use crate::fault;
use crate::mailbox::{Mailbox, Message, PipelineId};
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
    /// One of those that are plugged in, and there is none.
    Missing(DeviceFault),
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
    /// What others read while the device is wanted and gives nothing; none: nothing is sent then.
    sentence: Option<String>,
    stand_in: Option<StandIn>,
    /// Of an open V4L2 camera.
    controls: Option<Keeper>,
    /// The shutter of the open camera is closed.
    shut: bool,
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
            sentence: None,
            stand_in: None,
            controls: None,
            shut: false,
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
        self.stand_in();
    }

    /// What others read while the device is wanted and cannot be had; none: nothing is sent then.
    pub fn set_sentence(&mut self, sentence: Option<String>) {
        self.sentence = sentence;
        self.stand_in();
    }

    /// Something was plugged in: a device that failed is tried at once.
    pub fn hurry(&mut self, now: Instant) {
        self.retry = self.retry.map(|at| at.min(now));
    }

    /// The device was pulled out, as the simulated ones say.
    pub fn on_unplugged(&mut self, id: PipelineId) {
        if id == self.id() && self.source.is_some() {
            self.fail(DeviceFault::NotFound);
        }
    }

    /// The shutter of the camera was closed or opened.
    pub fn on_shutter(&mut self, id: PipelineId, closed: bool) {
        if id == self.id() && self.source.is_some() {
            tracing::info!(device = self.name, closed, "shutter");
            self.shut = closed;
            self.stand_in();
        }
    }

    /// Whether the device is open and its shutter closed.
    #[must_use]
    pub fn is_shut(&self) -> bool {
        self.shut
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
        // Two sources at once would send pictures out of their order.
        self.stand_in.iter().for_each(|stand_in| stand_in.show(false));
        match self.source_of(&wanted) {
            Ok(source) => {
                tracing::info!(device = self.name, "capture device open");
                self.source = Some(source);
                self.state = DeviceState::Open;
                self.controls = self.keeper(&wanted);
                self.stand_in();
            }
            Err(fault) => self.fail(fault),
        }
    }

    fn source_of(&self, wanted: &Wanted) -> Result<Source, DeviceFault> {
        let (id, tap, mailbox) = (self.id(), &self.tap, &self.mailbox);
        let built = match wanted {
            Wanted::Camera(CameraDevice::Simulated { plug }) => {
                let plug = Plug::of(plug.as_deref(), id, mailbox)?;
                SimulatedCamera::start(tap.clone(), plug).map(|thread| Source::SimulatedCamera { _thread: thread })
            }
            Wanted::Microphone(MicrophoneDevice::Simulated { plug }) => {
                let plug = Plug::of(plug.as_deref(), id, mailbox)?;
                SimulatedMicrophone::start(tap.clone(), plug)
                    .map(|thread| Source::SimulatedMicrophone { _thread: thread })
            }
            Wanted::Missing(fault) => return Err(fault.clone()),
            Wanted::Camera(CameraDevice::Attached { .. }) | Wanted::Microphone(MicrophoneDevice::Attached { .. }) => {
                return Err(DeviceFault::NotFound);
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

    /// Sets the camera each time that it is opened, and watches its shutter.
    fn keeper(&self, wanted: &Wanted) -> Option<Keeper> {
        let Wanted::Camera(CameraDevice::V4l2 { path }) = wanted else {
            return None;
        };
        let (id, mailbox) = (self.id(), self.mailbox.clone());
        Keeper::start(path, move |closed| mailbox.post(Message::Shutter(id, closed)))
            .inspect_err(|error| tracing::warn!(%error, "the camera's controls stay as they are"))
            .ok()
    }

    fn close(&mut self, state: DeviceState) {
        (self.controls, self.shut) = (None, false);
        if self.source.take().is_some() {
            tracing::info!(device = self.name, "capture device closed");
        }
        self.state = state;
    }

    fn fail(&mut self, fault: DeviceFault) {
        tracing::warn!(device = self.name, ?fault, "capture device cannot be had");
        self.close(DeviceState::Failed { fault });
        // What is not plugged in will be told when it is.
        let is_there = !matches!(self.wanted, Some(Wanted::Missing(_)));
        self.retry = is_there.then(|| Instant::now() + RETRY);
        self.stand_in();
    }

    /// Puts the sentence in the place of a device that cannot be had, and takes it away again.
    fn stand_in(&mut self) {
        let failed = matches!(self.state, DeviceState::Failed { .. });
        let Some(sentence) = self.sentence.as_deref().filter(|_| failed || self.shut) else {
            self.stand_in = None;
            self.tap.cover(false);
            return;
        };
        self.tap.cover(self.shut);
        if self.stand_in.as_ref().is_none_or(|shown| shown.text() != sentence) {
            // The one before ends first.
            self.stand_in = None;
            self.stand_in = StandIn::start(sentence, self.tap.clone())
                .inspect_err(|error| tracing::error!(%error, "nothing stands in for the camera"))
                .ok();
        }
        self.stand_in.iter().for_each(|stand_in| stand_in.show(true));
    }
}
