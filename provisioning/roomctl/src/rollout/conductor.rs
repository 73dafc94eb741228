//! Whoever conducts a rollout: the engine between broker and registry.
//!
//! What the engine decides is in the registry before a box hears of it. A conductor that dies leaves a lease that runs out, and
//! whoever comes next publishes what was decided and is not at the broker.
//!
//! | file | what stands in it |
//! |---|---|
//! | `attend` | while the broker is there |
//! | `chair` | the seat, kept by a task of its own |
//! | `listen` | what the broker says, as the engine hears it |
//! | `row` | the rollout in the registry: saved, and what others want of it |

mod attend;
mod chair;
mod listen;
mod row;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use enrolment::registry::{RolloutError, RolloutRecord, Seat};
use fleet::contract::{DeviceId, Update};
use jiff::Timestamp;

use super::archive::Archive;
use super::{Engine, Input, Note, Output, Rollout, State, zone};
use crate::author::AuthorError;
use crate::console::ConsoleError;
use crate::office::{Office, OfficeError};
use chair::Chair;
pub use chair::seat;
use listen::Listener;
pub use row::{read, written};

/// Before the broker, or the registry, is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// Why nobody conducts.
#[derive(Debug, thiserror::Error)]
pub enum ConductError {
    /// The registry, or somebody else.
    #[error(transparent)]
    Rollout(#[from] RolloutError),
    /// Somebody else has taken the seat.
    #[error("somebody else conducts rollout {0} by now")]
    Lost(String),
    /// The broker.
    #[error(transparent)]
    Console(#[from] ConsoleError),
    /// The office.
    #[error(transparent)]
    Office(#[from] OfficeError),
    /// The signature.
    #[error(transparent)]
    Author(#[from] AuthorError),
    /// What stands in the registry cannot be read.
    #[error("rollout {0}: {1}")]
    Broken(String, String),
}

impl ConductError {
    /// The broker or the registry is away: that passes.
    const fn passes(&self) -> bool {
        matches!(
            self,
            Self::Console(ConsoleError::Broker(_) | ConsoleError::Silent) | Self::Rollout(RolloutError::Registry(_))
        )
    }
}

/// What is told while it goes on.
#[derive(Debug)]
pub enum News<'a> {
    /// Something happened.
    Note(&'a Note),
    /// Somebody wanted it.
    By(&'a str),
    /// The broker, or the registry, is away.
    Away(&'a str),
    /// Time passes.
    Look,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// As its state says.
    State(State),
    /// Whoever conducted left.
    Left,
}

/// A conductor in the seat.
pub struct Conductor {
    chair: Chair,
    record: RolloutRecord,
    engine: Engine,
    listener: Listener,
    /// To be saved, signed and published next. It may be lost: the engine says again what is missing.
    outbox: VecDeque<(DeviceId, Box<Update>)>,
    /// Boxes that were forgotten: what they were told meanwhile does not stay at the broker.
    forgotten: Vec<DeviceId>,
    notes: VecDeque<Note>,
    saved: Instant,
}

impl Conductor {
    /// Takes the seat.
    ///
    /// # Errors
    /// [`RolloutError::Held`]: somebody else has it.
    pub async fn take(archive: Archive, id: &str, seat: Seat) -> Result<Self, ConductError> {
        let chair = Chair::take(archive, id, seat).await?;
        let name = id.to_owned();
        let record = chair.archive().with(move |registry| registry.rollout(&name)).await?;
        let rollout = read(&record)?;
        let broken = |error: String| ConductError::Broken(id.into(), error);
        let zone = zone::named(&rollout.policy.zone).map_err(broken)?;
        Ok(Self {
            chair,
            listener: Listener::new(record.head.tenant.clone()),
            record,
            engine: Engine::new(rollout, zone, Timestamp::now()),
            outbox: VecDeque::new(),
            forgotten: Vec::new(),
            notes: VecDeque::new(),
            saved: Instant::now(),
        })
    }

    /// How far it is.
    #[must_use]
    pub const fn rollout(&self) -> &Rollout {
        self.engine.rollout()
    }

    /// Which.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.record.head.id
    }

    /// Writes down what was ordered and leaves the seat, without a word to any box.
    ///
    /// # Errors
    /// [`ConductError`].
    pub async fn put_down(&mut self) -> Result<(), ConductError> {
        if self.is_to_be_saved() {
            self.save().await?;
        }
        self.chair.leave().await
    }

    /// Somebody at this program wants something; the next [`Conductor::conduct`] does it.
    pub fn order(&mut self, input: Input) {
        self.hear(input);
    }

    fn hear(&mut self, input: Input) {
        self.engine.handle(input, Timestamp::now());
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Publish { device, update } => self.outbox.push_back((device, update)),
                Output::Say(note) => self.notes.push_back(note),
            }
        }
    }

    /// Conducts until it is over, stopped, or `leave` comes true.
    ///
    /// # Errors
    /// [`ConductError`]; not for a broker or a registry that is away: without the registry nothing is published once the lease
    /// has run out.
    pub async fn conduct(
        &mut self,
        office: &Office,
        mut say: impl FnMut(&Rollout, News<'_>),
        leave: impl Future<Output = ()>,
    ) -> Result<End, ConductError> {
        let mut leave = std::pin::pin!(leave);
        let mut author = office.author()?;
        self.listener.believe(office.anchors()?);
        loop {
            let ended = tokio::select! {
                ended = self.attend(office, &mut author, &mut say) => ended,
                () = &mut leave => {
                    self.put_down().await?;
                    return Ok(End::Left);
                }
            };
            let left = match ended {
                Ok(state) => self.put_down().await.map(|()| state),
                Err(error) => Err(error),
            };
            match left {
                Ok(state) => return Ok(End::State(state)),
                Err(error) if error.passes() => say(self.engine.rollout(), News::Away(&error.to_string())),
                Err(error) => {
                    // Whoever comes next need not wait.
                    let _ = self.chair.leave().await;
                    return Err(error);
                }
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = &mut leave => {
                    self.put_down().await?;
                    return Ok(End::Left);
                }
            }
        }
    }
}
