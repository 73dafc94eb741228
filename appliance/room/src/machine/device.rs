//! A capture device as the room sees it: the wish, and the fact.

use std::time::Instant;

use media_protocol::{DeviceFault, DeviceState};

use crate::snapshot::OffReason;

#[derive(Debug)]
pub(super) struct Switch {
    /// None: the room wants it on.
    off: Option<OffReason>,
    /// A moderator must allow it before it may be switched on.
    locked: bool,
    /// As the worker last said.
    fact: DeviceState,
    /// Open although the plan says closed, since when.
    pub closing_since: Option<Instant>,
}

impl Default for Switch {
    fn default() -> Self {
        Self {
            off: Some(OffReason::NoMeeting),
            locked: false,
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

    /// Switches it on, unless a moderator has to allow that first; true if it is on then.
    pub fn turn_on(&mut self) -> bool {
        if !self.locked {
            self.off = None;
        }
        self.wanted()
    }

    /// A moderator must allow it first, which also switches it off.
    pub fn lock(&mut self) {
        self.locked = true;
        self.turn_off(OffReason::Moderator);
    }

    /// It may be switched on again. That alone switches nothing on.
    pub fn unlock(&mut self) {
        self.locked = false;
    }

    pub fn locked(&self) -> bool {
        self.locked
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
    /// (`live`); in between, while it is still closing, what was said last stays true. Of a camera that cannot be had unmuted
    /// is said (`stand_in`), since others see a sentence in its place; nothing can be heard of a microphone, and muted is.
    pub fn announcement(&self, live: bool, announced_muted: bool, stand_in: bool) -> bool {
        match (&self.fact, live) {
            (DeviceState::Closed, _) => true,
            (DeviceState::Open, true) => false,
            (DeviceState::Open, false) => announced_muted,
            (DeviceState::Failed { .. }, live) => !(live && stand_in),
        }
    }
}
