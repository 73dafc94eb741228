//! The update of a box, as a pure core (`specs/fleet-mqtt.md §1`, 6/7): it does no I/O, reads no clock and draws chance only
//! from the generator given at birth.
//!
//! [`Updater::handle`] takes what happened, [`Updater::poll`] gives what shall happen, in order, and
//! [`Updater::next_deadline`] when to come back at the latest. Whatever a power cut must not undo leaves as [`Output::Write`]
//! first and happens when [`Input::Written`] came back: that no release is tried more than twice under one document, and that
//! none is confirmed that did not prove itself, hangs on it.
//!
//! | file | what stands in it |
//! |---|---|
//! | `input`, `output`, `pace` | the seam |
//! | `phases` | which phase follows which, and the picture of it |
//! | `kept` | what survives a power cut |
//! | `starting` | what a start makes of it: which slot runs says how a trial ended |
//! | `desired` | a document: new, known, or the end of another one |
//! | `judgement`, `hours` | whether a release is for this box, and when |
//! | `bundle`, `download` | from the first byte to the other slot, and the patience for it |
//! | `reboot` | into the other slot, when nobody needs the room |
//! | `trial`, `proof` | whether it works there |
//! | `verdict` | the end of an attempt, and the next |
//! | `reports` | what is said of it |

mod bundle;
mod desired;
mod download;
mod hours;
mod input;
mod judgement;
mod kept;
mod output;
mod pace;
mod phases;
mod proof;
mod reboot;
mod reports;
mod starting;
mod trial;
mod verdict;

use std::collections::VecDeque;

use rand::rngs::StdRng;

use download::Patience;
use hours::Gate;
pub use input::{BundleFacts, Check, CheckName, Contact, DownloadFault, Facts, Input, Room};
pub use kept::Memory;
use kept::{Kept, Stage};
pub use output::Output;
pub use pace::Pace;
pub use phases::{ARROWS, BEGINNINGS, mermaid};
use proof::Proof;
use reports::Reports;

use crate::contract::Update;
use crate::session::Now;

/// What the box does about its update.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Doing {
    /// Nothing, or not before the document has come (again).
    Rest,
    /// For its time; or, when that has come, for a moment of its own.
    Waiting {
        shut: Shut,
        begin_ms: Option<u64>,
    },
    /// Or, until then, pausing between two attempts at it.
    Downloading {
        bytes: u64,
        pause_ms: Option<u64>,
    },
    Verifying,
    Installing {
        percent: u8,
    },
    /// The room is asked for, then, until that moment, whether Jitsi can be reached.
    RebootPending {
        asking_ms: Option<u64>,
    },
    Trial,
    /// After an attempt that came to nothing.
    Pausing {
        until_ms: u64,
    },
    /// The disk has the word.
    Writing(Then),
    /// The reboot is on its way; then it is asked for again.
    Leaving {
        again_ms: u64,
    },
}

/// What the box has waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shut {
    /// Nothing, so far.
    No,
    /// Its hours.
    Hours,
    /// A clock that is set.
    Clock,
}

/// What follows once it is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Wait,
    Install,
    AskRoom,
    Reboot,
    Prove,
    RollBack,
    Verdict,
}

/// An update on its way, or none.
#[derive(Debug)]
pub struct Updater {
    facts: Facts,
    pace: Pace,
    chance: StdRng,
    now: Now,
    kept: Option<Kept>,
    /// A document that is to be judged anew, and how often it came to nothing.
    failed_before: Option<(u64, u32)>,
    /// The fleet has spoken since the start.
    heard: bool,
    /// A newer document, which has to wait for the end of what cannot be stopped.
    next: Option<Update>,
    doing: Doing,
    /// Writes without the word of the store.
    unwritten: u32,
    patience: Patience,
    proof: Option<Proof>,
    room: Room,
    idle_since_ms: u64,
    reports: Reports,
    deadline_ms: Option<u64>,
    outputs: VecDeque<Output>,
}

impl Updater {
    /// A box that starts, with what the last [`Output::Write`] held. `chance` has to differ at each start.
    #[must_use]
    pub fn new(facts: Facts, stored: Option<&[u8]>, chance: StdRng, now: Now) -> Self {
        let mut updater = Self {
            facts,
            pace: Pace::ROOM,
            chance,
            now,
            kept: None,
            failed_before: None,
            heard: false,
            next: None,
            doing: Doing::Rest,
            unwritten: 0,
            patience: Patience::default(),
            proof: None,
            room: Room::InUse,
            idle_since_ms: 0,
            reports: Reports::default(),
            deadline_ms: None,
            outputs: VecDeque::new(),
        };
        if let Some(stored) = stored {
            updater.recover(stored);
        }
        updater.advance();
        updater
    }

    /// The same at another pace.
    #[must_use]
    pub fn paced(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self.advance();
        self
    }

    /// Something happened.
    pub fn handle(&mut self, input: Input, now: &Now) {
        self.now = *now;
        match input {
            Input::Desired(update) => self.desired(*update),
            Input::Written => self.unwritten = self.unwritten.saturating_sub(1),
            Input::Room(room) => {
                if (self.room, room) == (Room::InUse, Room::Idle) {
                    self.idle_since_ms = now.up_ms;
                }
                self.room = room;
                if let Some(proof) = &mut self.proof {
                    proof.room(room);
                }
            }
            Input::TimeZone(zone) => self.facts.time_zone = zone,
            Input::Received { bytes } => self.received(bytes),
            Input::Downloaded => self.downloaded(),
            Input::DownloadFailed(fault) => self.download_failed(fault),
            Input::Verified(result) => self.verified(result),
            Input::Installing { percent } => self.installing(percent),
            Input::Installed(result) => self.installed(result),
            Input::SelfTest(checks) => self.tested(&checks),
            Input::Contact(contact) => {
                if let Some(proof) = &mut self.proof {
                    proof.contact(contact);
                }
            }
            Input::Tick => {}
        }
        self.advance();
    }

    /// Goes on as far as it can, and says so.
    fn advance(&mut self) {
        loop {
            let before = (self.doing.clone(), self.unwritten);
            self.deadline_ms = self.step();
            self.say();
            if before == (self.doing.clone(), self.unwritten) {
                break;
            }
        }
    }

    /// One step, where there is one; else when to come back.
    fn step(&mut self) -> Option<u64> {
        match self.doing {
            Doing::Rest | Doing::Verifying | Doing::Installing { .. } => None,
            Doing::Waiting { shut, begin_ms } => self.wait(shut, begin_ms),
            Doing::Downloading { bytes, pause_ms } => self.download(bytes, pause_ms),
            Doing::RebootPending { asking_ms } => self.ask_room(asking_ms),
            Doing::Trial => self.prove(),
            Doing::Pausing { until_ms } => self.pause(until_ms),
            Doing::Writing(then) => {
                if self.unwritten == 0 {
                    self.follow(then);
                }
                None
            }
            Doing::Leaving { again_ms } => self.leave_again(again_ms),
        }
    }

    /// How far it is goes to disk; then that follows.
    fn keep(&mut self, stage: Stage, then: Then) {
        if let Some(kept) = &mut self.kept {
            kept.stage = stage;
            kept.running.clone_from(&self.facts.release);
            // Strings as keys and plain numbers: nothing in it can fail.
            let bytes = serde_json::to_vec(kept).unwrap_or_default();
            self.outputs.push_back(Output::Write(bytes));
            self.unwritten += 1;
            self.doing = Doing::Writing(then);
        }
    }

    /// It is on disk.
    fn follow(&mut self, then: Then) {
        match then {
            Then::Wait => self.doing = WAITING,
            Then::Install => {
                self.doing = Doing::Installing { percent: 0 };
                self.outputs.push_back(Output::Install);
            }
            Then::AskRoom => self.doing = Doing::RebootPending { asking_ms: None },
            Then::Reboot => self.reboot(),
            Then::Prove => self.doing = Doing::Trial,
            Then::RollBack => self.leave(Output::RollBack),
            Then::Verdict => self.verdict_written(),
        }
    }

    /// What the time says to the document.
    fn gate(&self) -> Gate {
        match &self.kept {
            Some(kept) => hours::gate(&kept.update, &self.facts.time_zone, &self.now),
            None => Gate::Open(None),
        }
    }

    /// What shall happen next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Input::Tick`] is due at the latest, as [`Now::up_ms`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.deadline_ms
    }
}

/// Before the first look at the clock.
const WAITING: Doing = Doing::Waiting {
    shut: Shut::No,
    begin_ms: None,
};
