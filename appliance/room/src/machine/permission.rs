//! What moderators allow: a locked device stops and stays off until it is allowed; being allowed switches nothing on.

use std::time::Instant;

use super::Room;
use crate::conference::{Device, Permission};
use crate::snapshot::Notice;

impl Room {
    pub(super) fn permit(&mut self, device: Device, permission: Permission, now: Instant) {
        let was_locked = self.switch(device).locked();
        match permission {
            Permission::Locked => {
                self.switch_mut(device).lock();
                if !was_locked {
                    self.say(Notice::Moderated(device), now);
                }
            }
            Permission::Granted => {
                self.switch_mut(device).unlock();
                if !self.switch(device).wanted() {
                    self.say(Notice::Allowed(device), now);
                }
            }
            Permission::Open => {
                self.switch_mut(device).unlock();
                if was_locked {
                    self.say(Notice::ModerationOver(device), now);
                }
            }
        }
    }

    /// A new meeting has its own rules.
    pub(super) fn forget_permissions(&mut self) {
        for device in Self::DEVICES {
            self.switch_mut(device).unlock();
        }
    }
}
