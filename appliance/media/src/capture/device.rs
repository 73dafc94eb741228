//! A capture device as the plan wants it: opened, watched, closed, tried again. The state told is that of the open
//! descriptor, never of the wish (invariant 1 of the map).

use devices::{controls, mixer};
use gstreamer as gst;
use media_protocol::{CameraDevice, DeviceFault, DeviceState, MicrophoneDevice};
use std::time::{Duration, Instant};

use super::array::Array;
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
    /// A microphone, and the channels of it that make the sound, from 1; none: all.
    Microphone(MicrophoneDevice, Vec<u8>),
    /// One of those that are plugged in, and there is none.
    Missing(DeviceFault),
}

/// What is open. Dropping it closes the device.
#[derive(Debug)]
enum Source {
    SimulatedCamera { _thread: SimulatedCamera },
    SimulatedMicrophone { _thread: SimulatedMicrophone },
    Camera(Pipeline),
    Microphone(Array),
    Recording(Pipeline),
}

/// What holds the controls of an open device. Dropping it ends that.
#[derive(Debug)]
enum Keeper {
    Camera { _keeper: controls::Keeper },
    Microphone { _keeper: mixer::Keeper },
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
    /// Of an open device of the kernel's.
    keeper: Option<Keeper>,
    /// What is wrong with the open device, as it says itself.
    impaired: Option<DeviceFault>,
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
            keeper: None,
            impaired: None,
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

    /// The device fails, as those without a bus say.
    pub fn on_failed(&mut self, id: PipelineId, fault: &DeviceFault) {
        if id == self.id() && self.source.is_some() {
            self.fail(fault.clone());
        }
    }

    /// What is wrong with the device though it is open, as it says itself.
    pub fn on_impaired(&mut self, id: PipelineId, fault: Option<&DeviceFault>) {
        if id == self.id() && self.source.is_some() {
            tracing::info!(device = self.name, ?fault, "what an open device says of itself");
            self.impaired = fault.cloned();
            self.stand_in();
        }
    }

    fn is_shut(&self) -> bool {
        self.impaired == Some(DeviceFault::Shut)
    }

    /// What is wrong with the device though it is open.
    #[must_use]
    pub fn impairment(&self) -> Option<DeviceFault> {
        if self.impaired.is_some() {
            return self.impaired.clone();
        }
        match (&self.source, &self.wanted) {
            (Some(Source::Microphone(array)), Some(Wanted::Microphone(_, named))) => {
                let most = named.iter().copied().max().map_or(0, u32::from);
                let found = array.channels();
                (most > found).then_some(DeviceFault::TooFewChannels { found })
            }
            _ => None,
        }
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
        let Some(Source::Camera(pipeline) | Source::Recording(pipeline)) = &self.source else {
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
            Some(Wanted::Microphone(..)) => PipelineId::Microphone(self.generation),
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
                self.keeper = self.keep(&wanted);
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
            Wanted::Microphone(MicrophoneDevice::Simulated { plug }, _) => {
                let plug = Plug::of(plug.as_deref(), id, mailbox)?;
                SimulatedMicrophone::start(tap.clone(), plug)
                    .map(|thread| Source::SimulatedMicrophone { _thread: thread })
            }
            Wanted::Missing(fault) => return Err(fault.clone()),
            Wanted::Camera(CameraDevice::Attached { .. })
            | Wanted::Microphone(MicrophoneDevice::Attached { .. }, _) => {
                return Err(DeviceFault::NotFound);
            }
            Wanted::Camera(CameraDevice::V4l2 { path }) => {
                fault::accessible(path)?;
                hardware::camera(path, id, tap, mailbox).map(Source::Camera)
            }
            Wanted::Microphone(MicrophoneDevice::Alsa { device }, channels) => {
                return Array::open(device, channels, id, tap.clone(), mailbox.clone()).map(Source::Microphone);
            }
            Wanted::Camera(CameraDevice::File { path }) => {
                fault::accessible(path)?;
                recording::camera(path, id, tap, mailbox).map(Source::Recording)
            }
            Wanted::Microphone(MicrophoneDevice::File { path }, _) => {
                fault::accessible(path)?;
                recording::microphone(path, id, tap, mailbox).map(Source::Recording)
            }
        };
        built.map_err(|error| fault::of_build(&error))
    }

    /// Sets the device each time that it is opened, and watches its shutter, its switch or its socket.
    fn keep(&self, wanted: &Wanted) -> Option<Keeper> {
        let (id, mailbox) = (self.id(), self.mailbox.clone());
        let tell = move |fault| mailbox.post(Message::Impaired(id, fault));
        let keeper = match wanted {
            Wanted::Camera(CameraDevice::V4l2 { path }) => {
                controls::Keeper::start(path, move |closed: bool| tell(closed.then_some(DeviceFault::Shut)))
                    .map(|keeper| Keeper::Camera { _keeper: keeper })
            }
            Wanted::Microphone(MicrophoneDevice::Alsa { device }, _) => {
                mixer::Keeper::start(device, mixer::Side::Capture, move |silence| {
                    tell(silence.map(fault::of_silence))
                })
                .map(|keeper| Keeper::Microphone { _keeper: keeper })
            }
            _ => return None,
        };
        keeper
            .inspect_err(|error| tracing::warn!(device = self.name, %error, "the controls stay as they are"))
            .ok()
    }

    fn close(&mut self, state: DeviceState) {
        (self.keeper, self.impaired) = (None, None);
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
        let Some(sentence) = self.sentence.as_deref().filter(|_| failed || self.is_shut()) else {
            self.stand_in = None;
            self.tap.cover(false);
            return;
        };
        self.tap.cover(self.is_shut());
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
