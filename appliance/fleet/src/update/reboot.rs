//! Into the other slot, and back: when it is time and nobody needs the room.

use super::input::{Check, CheckName, Room};
use super::kept::Stage;
use super::pace::ms;
use super::{Doing, Output, Then, Updater};

/// The conference server may take so long to be reached.
const ASKING_MS: u64 = 60_000;
/// A box that still runs is asked to reboot again after this.
const AGAIN_MS: u64 = 600_000;

impl Updater {
    /// Nobody has needed the room for a while, or the document says that it does not matter. Else since when one may ask again.
    pub(super) fn room_is_free(&self) -> Result<(), Option<u64>> {
        let quiet_ms = self.idle_since_ms.saturating_add(ms(self.pace.quiet));
        if self.kept.as_ref().is_some_and(|kept| kept.update.allow_in_call) {
            Ok(())
        } else if self.room == Room::InUse {
            Err(None)
        } else if quiet_ms > self.now.up_ms {
            Err(Some(quiet_ms))
        } else {
            Ok(())
        }
    }

    fn may_reboot(&self) -> Result<(), Option<u64>> {
        let gate = self.gate();
        match self.room_is_free() {
            _ if !gate.is_open() => Err(gate.again_ms()),
            Err(quiet_ms) => Err(quiet_ms.into_iter().chain(gate.again_ms()).min()),
            Ok(()) => Ok(()),
        }
    }

    /// When the room is free it is seen once more whether Jitsi can be reached: the release on trial is not blamed for that.
    pub(super) fn ask_room(&mut self, asking_ms: Option<u64>) -> Option<u64> {
        if let Err(again_ms) = self.may_reboot() {
            self.doing = Doing::RebootPending { asking_ms: None };
            return again_ms;
        }
        match asking_ms {
            None => {
                let asking_ms = self.now.up_ms.saturating_add(ASKING_MS);
                self.outputs.push_back(Output::SelfTest { announce: false });
                self.doing = Doing::RebootPending {
                    asking_ms: Some(asking_ms),
                };
                Some(asking_ms)
            }
            Some(asking_ms) if asking_ms <= self.now.up_ms => {
                // Nobody knows: then it has to be reached.
                self.begin_trial(true);
                None
            }
            Some(asking_ms) => Some(asking_ms),
        }
    }

    fn begin_trial(&mut self, jitsi_before: bool) {
        let starts = 0;
        self.keep(Stage::Trial { jitsi_before, starts }, Then::Reboot);
    }

    /// A self-test has ended: the one before the reboot, or that of the trial.
    pub(super) fn tested(&mut self, checks: &[Check]) {
        match self.doing {
            Doing::RebootPending { asking_ms: Some(_) } => {
                let unreachable = |check: &Check| check.name == CheckName::Jitsi && !check.passed;
                self.begin_trial(!checks.iter().any(unreachable));
            }
            Doing::Trial => {
                if let Some(proof) = &mut self.proof {
                    proof.tested(checks, self.now.up_ms);
                }
            }
            _ => {}
        }
    }

    /// The trial is on disk. Somebody may have come into the room meanwhile.
    pub(super) fn reboot(&mut self) {
        if self.may_reboot().is_ok() {
            self.leave(Output::Reboot);
        } else {
            self.keep(Stage::Installed, Then::AskRoom);
        }
    }

    /// Says where to, and goes.
    pub(super) fn leave(&mut self, how: Output) {
        self.doing = Doing::Leaving {
            again_ms: self.now.up_ms.saturating_add(AGAIN_MS),
        };
        self.say();
        self.outputs.push_back(how);
    }

    /// It was asked for, and the box still runs.
    pub(super) fn leave_again(&mut self, again_ms: u64) -> Option<u64> {
        if again_ms > self.now.up_ms {
            return Some(again_ms);
        }
        if let Err(quiet_ms) = self.room_is_free() {
            return quiet_ms;
        }
        let back = self
            .kept
            .as_ref()
            .is_some_and(|kept| matches!(kept.stage, Stage::RollingBack { .. }));
        self.leave(if back { Output::RollBack } else { Output::Reboot });
        None
    }
}
