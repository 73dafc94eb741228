//! The rollout in the registry.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use enrolment::registry::{RolloutError, RolloutRecord, Wish};
use fleet::contract::DeviceId;

use super::{ConductError, Conductor, News};
use crate::rollout::{Input, Rollout, State};

/// How often what boxes say goes into the registry; what is to be done goes there at once.
const SAVE: Duration = Duration::from_secs(2);

/// A rollout as it stands in the registry.
///
/// # Errors
/// [`ConductError::Broken`].
pub fn read(record: &RolloutRecord) -> Result<Rollout, ConductError> {
    let broken = |error: serde_json::Error| ConductError::Broken(record.head.id.clone(), error.to_string());
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
    /// What others want of it.
    pub(super) async fn obey(&mut self, say: &mut impl FnMut(&Rollout, News<'_>)) -> Result<(), ConductError> {
        let id = self.record.head.id.clone();
        let there = self
            .chair
            .archive()
            .with(move |registry| registry.rollout_head(&id))
            .await?;
        let input = match (there.wish, &self.rollout().state) {
            (Wish::Pause, State::Running) => Input::Pause,
            (Wish::Run, State::Paused) => Input::Resume,
            (Wish::Abort, State::Running | State::Paused | State::Stopped { .. }) => Input::Abort,
            _ => return Ok(()),
        };
        if !self.engine.waits_for(&input) {
            say(self.engine.rollout(), News::By(&there.wish_by));
            self.hear(input);
        }
        Ok(())
    }

    /// The row says something else.
    pub(super) fn is_to_be_saved(&self) -> bool {
        self.engine.has_changed() || self.engine.is_over() && !self.record.head.over
    }

    /// The same, and it cannot wait.
    pub(super) fn is_to_be_saved_now(&self) -> bool {
        let urgent = !self.outbox.is_empty() || !self.notes.is_empty() || !self.engine.has_changed();
        self.is_to_be_saved() && (urgent || self.saved.elapsed() >= SAVE)
    }

    pub(super) async fn save(&mut self) -> Result<(), ConductError> {
        loop {
            self.record.document = written(&self.record.head.id, self.engine.rollout())?;
            self.record.head.over |= self.engine.is_over();
            let (record, holder) = (self.record.clone(), self.chair.holder().to_owned());
            let saved = self
                .chair
                .archive()
                .with(move |registry| registry.save_rollout(&record, &holder));
            match saved.await {
                Ok(revision) => {
                    self.record.head.revision = revision;
                    self.engine.saved();
                    self.saved = Instant::now();
                    return Ok(());
                }
                Err(RolloutError::Changed(_)) => self.catch_up().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Somebody has changed the row: a wish, or boxes that were forgotten. The rest is ours, as long as the seat is.
    async fn catch_up(&mut self) -> Result<(), ConductError> {
        self.chair.renew().await?;
        let id = self.record.head.id.clone();
        let record = self.chair.archive().with(move |registry| registry.rollout(&id)).await?;
        let there = read(&record)?;
        let left: BTreeSet<&DeviceId> = there.members.iter().map(|member| &member.device).collect();
        let gone = |device: &DeviceId| !left.contains(device);
        let ours = self.rollout().members.iter().map(|member| member.device.clone());
        let forgotten: Vec<DeviceId> = ours.filter(gone).collect();
        self.forgotten.extend(forgotten);
        self.engine.forget(gone);
        self.listener.forget(gone);
        self.outbox.retain(|(device, _)| !gone(device));
        self.notes.retain_mut(|note| note.forget(gone));
        self.record.head.revision = record.head.revision;
        Ok(())
    }
}
