//! The places of screen and loudspeaker: opened as the plan wants it, tried again every two seconds, their faults told
//! while the meeting goes on.

use gstreamer as gst;
use media_protocol::{DeviceFault, DisplayDevice, LoudspeakerDevice, LoudspeakerPlan};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::capture::Tap;
use crate::display::Display;
use crate::fault;
use crate::loudspeaker::Loudspeaker;
use crate::mailbox::{Mailbox, PipelineId};
use crate::wall::Wall;

/// Time between two attempts to open a device that failed.
const RETRY: Duration = Duration::from_secs(2);

/// What both places have in common.
#[derive(Debug)]
struct Trouble {
    retry: Option<Instant>,
    fault: Option<(String, DeviceFault)>,
    told: Option<DeviceFault>,
}

impl Trouble {
    fn none() -> Self {
        Self {
            retry: None,
            fault: None,
            told: None,
        }
    }

    /// A fault is told once, not at each attempt.
    fn note(&mut self, device: String, fault: DeviceFault) {
        tracing::warn!(device, ?fault, "playback device cannot be had");
        self.retry = Some(Instant::now() + RETRY);
        if self.told.as_ref() != Some(&fault) {
            self.told = Some(fault.clone());
            self.fault = Some((device, fault));
        }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let due = self.retry.is_some_and(|at| at <= now);
        if due {
            self.retry = None;
        }
        due
    }
}

/// Where the loudspeaker stands.
#[derive(Debug)]
pub struct LoudspeakerPlace {
    wanted: Option<LoudspeakerPlan>,
    open: Option<Loudspeaker>,
    trouble: Trouble,
    generation: u64,
    mailbox: Mailbox,
}

impl LoudspeakerPlace {
    /// Empty.
    #[must_use]
    pub fn new(mailbox: &Mailbox) -> Self {
        Self {
            wanted: None,
            open: None,
            trouble: Trouble::none(),
            generation: 0,
            mailbox: mailbox.clone(),
        }
    }

    /// Opens, closes, or only changes the volume. After an opening its sounds have to be told with
    /// [`LoudspeakerPlace::mix`].
    pub fn set(&mut self, plan: Option<&LoudspeakerPlan>) {
        let same = self.wanted.as_ref().map(|wanted| &wanted.device) == plan.map(|plan| &plan.device);
        self.wanted = plan.cloned();
        if !same {
            self.open = None;
            self.trouble = Trouble::none();
            self.try_open();
        }
        if let (Some(open), Some(plan)) = (&self.open, plan) {
            open.set_volume(plan.volume);
        }
    }

    fn try_open(&mut self) {
        let Some(plan) = self.wanted.clone() else { return };
        self.generation += 1;
        match Loudspeaker::open(&plan.device, PipelineId::Loudspeaker(self.generation), &self.mailbox) {
            Ok(open) => {
                open.set_volume(plan.volume);
                self.open = Some(open);
            }
            Err(error) => self
                .trouble
                .note(loudspeaker_name(&plan.device), fault::of_build(&error)),
        }
    }

    /// Mixes these sounds.
    pub fn mix(&mut self, sounds: &BTreeMap<u32, Tap>) {
        if let Some(open) = &mut self.open {
            open.mix(sounds);
        }
    }

    /// A message of a bus.
    pub fn on_bus(&mut self, id: PipelineId, message: &gst::Message) {
        let Some(open) = self
            .open
            .as_ref()
            .filter(|_| id == PipelineId::Loudspeaker(self.generation))
        else {
            return;
        };
        open.on_bus(message);
        if let gst::MessageView::Error(error) = message.view() {
            self.open = None;
            let name = self
                .wanted
                .as_ref()
                .map(|wanted| loudspeaker_name(&wanted.device))
                .unwrap_or_default();
            self.trouble.note(name, fault::of_message(error));
        }
    }

    /// Tries again when it is time; then its sounds have to be told with [`LoudspeakerPlace::mix`].
    pub fn tick(&mut self, now: Instant) {
        if self.trouble.is_due(now) {
            self.try_open();
        }
    }

    /// A new fault, once.
    pub fn take_fault(&mut self) -> Option<(String, DeviceFault)> {
        self.trouble.fault.take()
    }
}

fn loudspeaker_name(device: &LoudspeakerDevice) -> String {
    match device {
        LoudspeakerDevice::Alsa { device } => device.clone(),
        LoudspeakerDevice::Simulated { .. } => "simulated".into(),
    }
}

/// Where the screen stands.
#[derive(Debug)]
pub struct DisplayPlace {
    wanted: Option<DisplayDevice>,
    open: Option<Display>,
    trouble: Trouble,
    generation: u64,
    mailbox: Mailbox,
}

impl DisplayPlace {
    /// Empty.
    #[must_use]
    pub fn new(mailbox: &Mailbox) -> Self {
        Self {
            wanted: None,
            open: None,
            trouble: Trouble::none(),
            generation: 0,
            mailbox: mailbox.clone(),
        }
    }

    /// Opens or closes the screen and tells the wall where to draw.
    pub fn set(&mut self, device: Option<&DisplayDevice>, wall: &Wall) {
        if self.wanted.as_ref() != device {
            self.wanted = device.cloned();
            self.trouble = Trouble::none();
            self.close(wall);
            self.try_open(wall);
        }
    }

    fn close(&mut self, wall: &Wall) {
        wall.set_screen(None);
        self.open = None;
    }

    fn try_open(&mut self, wall: &Wall) {
        let Some(device) = self.wanted.clone() else { return };
        self.generation += 1;
        match Display::open(&device, PipelineId::Display(self.generation), &self.mailbox) {
            Ok(open) => {
                wall.set_screen(open.as_ref().map(|open| open.source().clone()));
                self.open = open;
            }
            Err(error) => self.trouble.note(display_name(&device), fault::of_build(&error)),
        }
    }

    /// A message of a bus.
    pub fn on_bus(&mut self, id: PipelineId, message: &gst::Message, wall: &Wall) {
        let Some(open) = self
            .open
            .as_ref()
            .filter(|_| id == PipelineId::Display(self.generation))
        else {
            return;
        };
        open.on_bus(message);
        if let gst::MessageView::Error(error) = message.view() {
            let name = self.wanted.as_ref().map(display_name).unwrap_or_default();
            self.trouble.note(name, fault::of_message(error));
            self.close(wall);
        }
    }

    /// Tries again when it is time.
    pub fn tick(&mut self, now: Instant, wall: &Wall) {
        if self.trouble.is_due(now) {
            self.try_open(wall);
        }
    }

    /// A new fault, once.
    pub fn take_fault(&mut self) -> Option<(String, DeviceFault)> {
        self.trouble.fault.take()
    }
}

fn display_name(device: &DisplayDevice) -> String {
    match device {
        DisplayDevice::Kms {
            connector: Some(connector),
        } => format!("kms connector {connector}"),
        DisplayDevice::Kms { connector: None } => "kms".into(),
        DisplayDevice::Window => "window".into(),
        DisplayDevice::Simulated { .. } => "simulated".into(),
    }
}
