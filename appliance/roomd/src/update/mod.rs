//! The update of the machine: [`fleet::update`] with RAUC, the bundle's file and the clock.
//!
//! | file | what stands in it |
//! |---|---|
//! | `finding` | RAUC comes later than the box, or not at all |
//! | `driver` | what the update wants, done |
//! | `rauc` | RAUC over D-Bus |
//! | `download` | the bundle, by HTTPS |
//! | `release` | which release runs |
//!
//! Without RAUC on the system's bus the box takes no updates, and says so.

mod download;
mod driver;
mod finding;
mod rauc;
mod release;

use std::path::PathBuf;

use fleet::agent::{Clockwork, SystemClock};
use fleet::contract::{Update, UpdateReport};
use fleet::update::{Check, Contact, Facts, Input, Memory, Pace, Room, Updater};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{mpsc, watch};

use driver::Driver;
use finding::{Found, find};
pub use release::Release;

/// What of the update survives a power cut.
pub const STATE: &str = "update.json";
/// The bundle.
pub const BUNDLE: &str = "update.raucb";
/// What the box tells its update.
#[derive(Debug)]
pub enum Told {
    /// The fleet: the release to reach.
    Desired(Box<Update>),
    /// The broker has taken the box.
    Broker,
    /// Answers [`Wish::SelfTest`].
    SelfTest(Vec<Check>),
}

impl From<Told> for Input {
    fn from(told: Told) -> Self {
        match told {
            Told::Desired(update) => Self::Desired(update),
            Told::Broker => Self::Contact(Contact::Broker),
            Told::SelfTest(checks) => Self::SelfTest(checks),
        }
    }
}

/// What the update asks of the box.
#[derive(Debug)]
pub enum Wish {
    /// The fleet is to know.
    Report(UpdateReport),
    /// The box looks whether it works.
    SelfTest {
        /// All of it, lit and announced. Else only what opens no device.
        announce: bool,
    },
    /// The machine restarts.
    Restart,
}

/// What surrounds it.
pub struct Surroundings {
    /// Folder for bundle and state.
    pub folder: PathBuf,
    /// Which release runs.
    pub release: Release,
    /// For the bundle; the last one counts.
    pub http: watch::Receiver<reqwest::Client>,
    /// Whether the room is in use.
    pub room: watch::Receiver<Room>,
    /// The clock of the box.
    pub clock: SystemClock,
    /// D-Bus that RAUC is on; none: the system's.
    pub dbus: Option<String>,
    /// How long things take.
    pub pace: Pace,
}

/// Lives as long as the box.
pub async fn run(around: Surroundings, mut told: mpsc::UnboundedReceiver<Told>, wishes: mpsc::Sender<Wish>) {
    let stored = match std::fs::read(around.folder.join(STATE)) {
        Ok(stored) => Some(stored),
        Err(error) => {
            tracing::debug!(%error, "nothing is known of an update");
            None
        }
    };
    let release = around.release.clone();
    let memory = stored
        .as_deref()
        .and_then(|stored| Memory::read(stored, &release.version));
    let Some(Found { rauc, slot, early }) = find(&around, memory, &mut told, &wishes).await else {
        return;
    };
    let facts = Facts {
        release: release.version,
        slot,
        security_version: release.security_version,
        time_zone: jiff::tz::TimeZone::system(),
    };
    let chance = StdRng::from_rng(&mut rand::rng());
    let updater = Updater::new(facts, stored.as_deref(), chance, around.clock.now()).paced(around.pace);
    Driver::new(updater, rauc, around, wishes).live(early, &mut told).await;
}
