//! Whoever conducts a rollout: the engine between broker and registry.
//!
//! What the engine decides is in the registry before a box hears of it. A conductor that dies leaves a lease that runs out.

mod listen;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use enrolment::registry::{RolloutError, RolloutRecord, Seat, Wish};
use fleet::contract::{Channel, DeviceId, Update};
use fleet::link::Publication;
use jiff::{SignedDuration, Timestamp};
use ulid::Ulid;

use super::archive::Archive;
use super::{Engine, Input, Note, Output, Rollout, State, zone};
use crate::author::{Author, AuthorError};
use crate::console::{Console, ConsoleError};
use crate::office::{Office, OfficeError};

/// A seat is free again so long after its holder was heard of.
const LEASE: SignedDuration = SignedDuration::from_secs(30);
/// How often the lease is renewed.
const RENEW: Duration = Duration::from_secs(5);
/// How often somebody looks what is wanted.
const LOOK: Duration = Duration::from_secs(1);
/// How often what boxes say goes into the registry; what is to be done goes there at once.
const SAVE: Duration = Duration::from_secs(2);
/// Before the broker is tried again.
const PAUSE: Duration = Duration::from_secs(5);
/// For boxes to say that they have stopped.
const GOODBYE: Duration = Duration::from_secs(10);
/// Why nobody conducts.
#[derive(Debug, thiserror::Error)]
pub enum ConductError {
    /// The registry, or somebody else.
    #[error(transparent)]
    Rollout(#[from] RolloutError),
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

/// What is told while it goes on.
#[derive(Debug)]
pub enum News<'a> {
    /// Something happened.
    Note(&'a Note),
    /// Somebody wanted it.
    By(&'a str),
    /// The broker is away.
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
    archive: Archive,
    record: RolloutRecord,
    seat: Seat,
    engine: Engine,
    /// Signed, saved, not yet at the broker.
    outbox: VecDeque<(DeviceId, Box<Update>)>,
    notes: VecDeque<Note>,
    /// Revision that each box has answered.
    answers: BTreeMap<DeviceId, u64>,
    /// Last connection of each box: the late will of an older one takes nobody away.
    connections: BTreeMap<DeviceId, u64>,
    changed: bool,
    saved: Instant,
}

/// A seat for this program.
#[must_use]
pub fn seat(name: &str) -> Seat {
    Seat {
        holder: Ulid::generate().to_string(),
        name: name.to_owned(),
        until: lease(),
    }
}

fn lease() -> Timestamp {
    Timestamp::now().checked_add(LEASE).unwrap_or(Timestamp::MAX)
}

/// A rollout as it stands in the registry.
///
/// # Errors
/// [`ConductError::Broken`].
pub fn read(record: &RolloutRecord) -> Result<Rollout, ConductError> {
    let broken = |error: serde_json::Error| ConductError::Broken(record.id.clone(), error.to_string());
    serde_json::from_str(&record.document).map_err(broken)
}

/// As it goes into the registry.
///
/// # Errors
/// [`ConductError::Broken`].
pub fn written(id: &str, rollout: &Rollout) -> Result<String, ConductError> {
    serde_json::to_string(rollout).map_err(|error| ConductError::Broken(id.into(), error.to_string()))
}

impl Conductor {
    /// Takes the seat.
    ///
    /// # Errors
    /// [`RolloutError::Held`]: somebody else has it.
    pub async fn take(archive: Archive, id: &str, seat: Seat) -> Result<Self, ConductError> {
        let (wanted, name) = (seat.clone(), id.to_owned());
        let record = archive
            .with(move |registry| {
                registry.take_seat(&name, &wanted, Timestamp::now())?;
                registry.rollout(&name)
            })
            .await?;
        let rollout = read(&record)?;
        let broken = |error: String| ConductError::Broken(id.into(), error);
        let zone = zone::named(&rollout.policy.zone).map_err(broken)?;
        Ok(Self {
            archive,
            record,
            seat,
            engine: Engine::new(rollout, zone, Timestamp::now()),
            outbox: VecDeque::new(),
            notes: VecDeque::new(),
            answers: BTreeMap::new(),
            connections: BTreeMap::new(),
            changed: false,
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
        &self.record.id
    }

    /// Writes down what was ordered and leaves the seat, without a word to any box.
    ///
    /// # Errors
    /// [`ConductError`].
    pub async fn put_down(&mut self) -> Result<(), ConductError> {
        self.save().await?;
        self.leave().await
    }

    /// Somebody at this program wants something; the next [`Conductor::conduct`] does it.
    pub fn order(&mut self, input: Input) {
        self.hear(input);
    }

    fn hear(&mut self, input: Input) {
        self.engine.handle(input, Timestamp::now());
        self.changed = true;
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
    /// [`ConductError`]; not for a broker that is away.
    pub async fn conduct(
        &mut self,
        office: &Office,
        mut say: impl FnMut(&Rollout, News<'_>),
        leave: impl Future<Output = ()>,
    ) -> Result<End, ConductError> {
        let mut leave = std::pin::pin!(leave);
        let mut author = office.author()?;
        loop {
            let ended = tokio::select! {
                ended = self.attend(office, &mut author, &mut say) => ended,
                () = &mut leave => Ok(End::Left),
            };
            match ended {
                Err(ConductError::Console(error @ (ConsoleError::Broker(_) | ConsoleError::Silent))) => {
                    say(self.engine.rollout(), News::Away(&error.to_string()));
                }
                Ok(end) => {
                    self.save().await?;
                    self.leave().await?;
                    return Ok(end);
                }
                Err(error) => {
                    // Whoever comes next need not wait.
                    let _ = self.leave().await;
                    return Err(error);
                }
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => self.renew().await?,
                () = &mut leave => {
                    self.put_down().await?;
                    return Ok(End::Left);
                }
            }
        }
    }

    async fn leave(&self) -> Result<(), ConductError> {
        let (id, holder) = (self.record.id.clone(), self.seat.holder.clone());
        Ok(self
            .archive
            .with(move |registry| registry.leave_seat(&id, &holder))
            .await?)
    }

    async fn renew(&mut self) -> Result<(), ConductError> {
        self.seat.until = lease();
        let (id, seat) = (self.record.id.clone(), self.seat.clone());
        let taken = self.archive.with(move |registry| registry.keep_seat(&id, &seat));
        Ok(taken.await?)
    }

    /// While the broker is there.
    async fn attend(
        &mut self,
        office: &Office,
        author: &mut Author,
        say: &mut impl FnMut(&Rollout, News<'_>),
    ) -> Result<End, ConductError> {
        let mut console = office.console(office.target()?).await?;
        let tenant = console.tenant().clone();
        console
            .hear(&["evt/crash", "evt/call"].map(|topic| format!("cr/v1/{tenant}/+/{topic}")))
            .await?;
        let topics = ["online", "meta", "update/desired", "update/reported"];
        let kept = console
            .kept(&topics.map(|topic| format!("cr/v1/{tenant}/+/{topic}")))
            .await?;
        for (topic, payload) in &kept {
            self.listen(topic, payload);
        }
        self.hear(Input::Tick);
        let (mut renewed, mut looked, mut over) = (Instant::now(), Instant::now(), None);
        loop {
            self.flush(&mut console, author, say).await?;
            if !matches!(self.rollout().state, State::Running | State::Paused) {
                let since = *over.get_or_insert_with(Instant::now);
                if self.all_have_answered() || since.elapsed() >= GOODBYE {
                    let state = self.rollout().state.clone();
                    console.close().await;
                    return Ok(End::State(state));
                }
            }
            match console.next(LOOK).await {
                Ok(heard) => self.listen(&heard.topic, &heard.payload),
                Err(ConsoleError::Silent) => {}
                Err(error) => return Err(error.into()),
            }
            let now = Timestamp::now();
            if self.engine.next_deadline().is_some_and(|then| then <= now) {
                self.hear(Input::Tick);
            }
            if renewed.elapsed() >= RENEW {
                self.renew().await?;
                renewed = Instant::now();
            }
            if looked.elapsed() >= LOOK {
                self.obey(say).await?;
                looked = Instant::now();
                say(self.engine.rollout(), News::Look);
            }
        }
    }

    /// Boxes from which it was taken back have said that they know.
    fn all_have_answered(&self) -> bool {
        let mut asked = self
            .rollout()
            .members
            .iter()
            .filter(|member| member.withdrawn && member.online);
        asked.all(|member| self.answers.get(&member.device).is_some_and(|rev| *rev >= member.rev))
    }

    /// What others want of it.
    async fn obey(&mut self, say: &mut impl FnMut(&Rollout, News<'_>)) -> Result<(), ConductError> {
        let id = self.record.id.clone();
        let (wish, by) = self.archive.with(move |registry| registry.rollout_wish(&id)).await?;
        let input = match (wish, &self.rollout().state) {
            (Wish::Pause, State::Running) => Input::Pause,
            (Wish::Run, State::Paused) => Input::Resume,
            (Wish::Abort, State::Running | State::Paused) => Input::Abort,
            _ => return Ok(()),
        };
        say(self.engine.rollout(), News::By(&by));
        self.hear(input);
        Ok(())
    }

    /// First the registry, then the boxes, then people.
    async fn flush(
        &mut self,
        console: &mut Console,
        author: &mut Author,
        say: &mut impl FnMut(&Rollout, News<'_>),
    ) -> Result<(), ConductError> {
        if self.changed && (!self.outbox.is_empty() || !self.notes.is_empty() || self.saved.elapsed() >= SAVE) {
            self.save().await?;
        }
        while let Some((device, update)) = self.outbox.front() {
            let topic = Channel::UpdateDesired.topic(console.tenant(), device);
            let message = author.stamp((**update).clone());
            let signed = author.signed(&topic, &message)?;
            let mut publication = Publication::new(console.next_token(), topic, signed);
            publication.retain = true;
            console.publish(publication).await?;
            self.outbox.pop_front();
        }
        while let Some(note) = self.notes.pop_front() {
            say(self.engine.rollout(), News::Note(&note));
        }
        Ok(())
    }

    async fn save(&mut self) -> Result<(), ConductError> {
        loop {
            self.record.document = written(&self.record.id, self.engine.rollout())?;
            self.record.over = self.rollout().state.is_over();
            let (record, holder) = (self.record.clone(), self.seat.holder.clone());
            match self
                .archive
                .with(move |registry| registry.save_rollout(&record, &holder))
                .await
            {
                Ok(revision) => {
                    self.record.revision = revision;
                    (self.changed, self.saved) = (false, Instant::now());
                    return Ok(());
                }
                Err(RolloutError::Changed(_)) => self.catch_up().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Somebody has changed the row: a wish, or boxes that were forgotten. The rest is ours, as long as the seat is.
    async fn catch_up(&mut self) -> Result<(), ConductError> {
        self.renew().await?;
        let id = self.record.id.clone();
        let record = self.archive.with(move |registry| registry.rollout(&id)).await?;
        let there = read(&record)?;
        let left: std::collections::BTreeSet<&DeviceId> = there.members.iter().map(|member| &member.device).collect();
        self.engine.forget(|device| !left.contains(device));
        self.record.revision = record.revision;
        Ok(())
    }
}
