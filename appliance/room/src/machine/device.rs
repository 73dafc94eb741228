//! A capture device as the room sees it: the wish, and the fact.

use std::time::Instant;

use media_protocol::{DeviceFault, DeviceState};

use crate::snapshot::OffReason;

#[derive(Debug)]
pub(super) struct Switch {
    /// None: the room wants it on.
    off: Option<OffReason>,
    /// As the worker last said.
    fact: DeviceState,
    /// Open although the plan says closed, since when.
    pub closing_since: Option<Instant>,
}

impl Default for Switch {
    fn default() -> Self {
        Self {
            off: Some(OffReason::NoMeeting),
            fact: DeviceState::Closed,
            closing_since: None,
        }
    }
}

impl Switch {
    pub fn wanted(&self) -> bool {
        self.off.is_none()
    }

    pub fn off_because(&self) -> Option<OffReason> {
        self.off
    }

    pub fn turn_on(&mut self) {
        self.off = None;
    }

    pub fn turn_off(&mut self, reason: OffReason) {
        self.off = Some(reason);
    }

    /// It is really open.
    pub fn open(&self) -> bool {
        self.fact == DeviceState::Open
    }

    pub fn fault(&self) -> Option<&DeviceFault> {
        match &self.fact {
            DeviceState::Failed { fault } => Some(fault),
            DeviceState::Closed | DeviceState::Open => None,
        }
    }

    /// Takes a fact. True when the device opened or closed by it.
    pub fn learn(&mut self, fact: DeviceState) -> bool {
        let was_open = self.open();
        self.fact = fact;
        self.closing_since = self.closing_since.filter(|_| self.fact == DeviceState::Open);
        was_open != self.open()
    }

    /// The mute state to announce. Muted is said when the device is closed, unmuted when it is open and meant to be
    /// (`live`); in between, while it is still closing, what was said last stays true.
    pub fn announcement(&self, live: bool, announced_muted: bool) -> bool {
        match (self.open(), live) {
            (false, _) => true,
            (true, true) => false,
            (true, false) => announced_muted,
        }
    }
}
