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
pub struct Trouble {
    retry: Option<Instant>,
    fault: Option<(String, DeviceFault)>,
    told: Option<(String, DeviceFault)>,
    recovered: Option<String>,
}

impl Trouble {
    /// The name of a device whose fault was told and holds no longer, once.
    pub fn take_recovery(&mut self) -> Option<String> {
        self.recovered.take()
    }

    /// A fault that stands is told once more.
    pub fn repeat_fault(&mut self) {
        self.fault.clone_from(&self.told);
    }

    /// A new fault, once.
    pub fn take_fault(&mut self) -> Option<(String, DeviceFault)> {
        self.fault.take()
    }

    fn none() -> Self {
        Self {
            retry: None,
            fault: None,
            told: None,
            recovered: None,
        }
    }

    /// The device plays, or is wanted no more: a fault that was told holds no longer.
    fn end(&mut self) {
        (self.retry, self.fault) = (None, None);
        if let Some((device, _)) = self.told.take() {
            tracing::info!(device, "playback device is no longer at fault");
            self.recovered = Some(device);
        }
    }

    /// The device cannot be had, and is tried again. A fault is told once, not at each attempt.
    fn note(&mut self, device: String, fault: DeviceFault) {
        self.retry = Some(Instant::now() + RETRY);
        self.say(device, fault);
    }

    fn say(&mut self, device: String, fault: DeviceFault) {
        tracing::warn!(device, ?fault, "playback device at fault");
        let fault = (device, fault);
        if self.told.as_ref() != Some(&fault) {
            self.told = Some(fault.clone());
            self.fault = Some(fault);
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
    /// What is wrong with the open device, as it says itself.
    impaired: bool,
    /// What is wrong with the device.
    pub trouble: Trouble,
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
            impaired: false,
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
            self.trouble.end();
            self.try_open();
        }
        if let (Some(open), Some(plan)) = (&self.open, plan) {
            open.set_volume(plan.volume);
        }
    }

    fn try_open(&mut self) {
        self.impaired = false;
        let Some(plan) = self.wanted.clone() else { return };
        self.generation += 1;
        if let LoudspeakerDevice::Attached { .. } = plan.device {
            self.trouble.note(loudspeaker_name(&plan.device), DeviceFault::NotFound);
            return;
        }
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
            self.trouble.note(self.name(), fault::of_message(error));
        }
    }

    /// What is wrong with the device though it is open, as it says itself.
    pub fn on_impaired(&mut self, id: PipelineId, fault: Option<&DeviceFault>) {
        if id != PipelineId::Loudspeaker(self.generation) || self.open.is_none() {
            return;
        }
        self.impaired = fault.is_some();
        if let Some(fault) = fault {
            self.trouble.say(self.name(), fault.clone());
        }
    }

    fn name(&self) -> String {
        let wanted = self.wanted.as_ref();
        wanted
            .map(|wanted| loudspeaker_name(&wanted.device))
            .unwrap_or_default()
    }

    /// Tries again when it is time; then its sounds have to be told with [`LoudspeakerPlace::mix`].
    pub fn tick(&mut self, now: Instant) {
        if self.trouble.is_due(now) {
            self.try_open();
        }
        if !self.impaired && self.open.as_ref().is_some_and(Loudspeaker::is_playing) {
            self.trouble.end();
        }
    }
}

fn loudspeaker_name(device: &LoudspeakerDevice) -> String {
    match device {
        LoudspeakerDevice::Alsa { device } => device.clone(),
        LoudspeakerDevice::Simulated { .. } => "simulated".into(),
        LoudspeakerDevice::Attached { .. } => "loudspeaker".into(),
    }
}

/// Where the screen stands.
#[derive(Debug)]
pub struct DisplayPlace {
    wanted: Option<DisplayDevice>,
    open: Option<Display>,
    /// What is wrong with the device.
    pub trouble: Trouble,
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
            self.trouble.end();
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
        if self.open.as_ref().is_some_and(Display::is_playing) {
            self.trouble.end();
        }
    }
}

pub(crate) fn display_name(device: &DisplayDevice) -> String {
    match device {
        DisplayDevice::Attached => "attached".into(),
        DisplayDevice::Kms {
            connector: Some(connector),
        } => format!("kms connector {connector}"),
        DisplayDevice::Kms { connector: None } => "kms".into(),
        DisplayDevice::Window => "window".into(),
        DisplayDevice::Simulated { .. } => "simulated".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_once_and_its_end_once() {
        let mut trouble = Trouble::none();
        trouble.end();
        assert_eq!(trouble.recovered, None, "there was none");
        trouble.note("hw:1".into(), DeviceFault::Busy);
        assert!(trouble.fault.take().is_some());
        trouble.note("hw:1".into(), DeviceFault::Busy);
        assert_eq!(trouble.fault, None, "told already");
        trouble.end();
        trouble.end();
        assert_eq!(trouble.recovered.take().as_deref(), Some("hw:1"));
        assert_eq!((trouble.recovered.as_ref(), trouble.retry), (None, None));
        trouble.note("hw:1".into(), DeviceFault::Busy);
        assert!(trouble.fault.is_some(), "a new one");
    }
}
