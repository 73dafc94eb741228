//! Signs of life for systemd (`sd_notify(3)`): its watchdog is fed while every critical task of the daemon gives them, and not by
//! a task that knows nothing of the others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tokio::time::sleep;

/// A task that waits for something gives a sign so often.
pub const BEAT_EVERY: Duration = Duration::from_secs(1);

/// When each critical task gave its last sign of life.
#[derive(Debug, Clone, Default)]
pub struct Liveness(Arc<Mutex<BTreeMap<&'static str, Instant>>>);

/// The signs of one task. One that ends as it should is watched no more; one that dies by a defect is missed.
#[derive(Debug)]
pub struct Pulse {
    task: &'static str,
    liveness: Liveness,
}

impl Liveness {
    /// A critical task begins.
    pub fn pulse(&self, task: &'static str) -> Pulse {
        let pulse = Pulse {
            task,
            liveness: self.clone(),
        };
        pulse.beat();
        pulse
    }

    fn beats(&self) -> MutexGuard<'_, BTreeMap<&'static str, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A task that was silent for longer than this.
    fn silent(&self, longer: Duration, now: Instant) -> Option<&'static str> {
        let beats = self.beats();
        let mut silent = beats
            .iter()
            .filter(|(_, last)| now.saturating_duration_since(**last) > longer);
        silent.next().map(|(task, _)| *task)
    }

    /// Feeds systemd's watchdog, where there is one, while no task is silent for half of its time.
    pub fn feed_watchdog(&self) {
        let Some(limit) = sd_notify::watchdog_enabled() else {
            return;
        };
        let liveness = self.clone();
        tokio::spawn(async move {
            loop {
                match liveness.silent(limit / 2, Instant::now()) {
                    None => tell(NotifyState::Watchdog),
                    Some(task) => {
                        tracing::error!(task, "a task gives no sign of life; systemd will restart the daemon")
                    }
                }
                sleep(limit / 4).await;
            }
        });
    }
}

impl Pulse {
    /// A sign of life.
    pub fn beat(&self) {
        self.beat_at(Instant::now());
    }

    fn beat_at(&self, now: Instant) {
        self.liveness.beats().insert(self.task, now);
    }

    /// When the next is due: for a task that may wait for long.
    pub async fn due(&self) {
        sleep(BEAT_EVERY).await;
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.liveness.beats().remove(self.task);
        }
    }
}

/// The daemon can hold a meeting.
pub fn ready() {
    tell(NotifyState::Ready);
}

/// The daemon leaves and ends.
pub fn stopping() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd is not told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[test]
    fn the_task_that_hangs_is_named_and_one_that_has_ended_is_not() {
        let liveness = Liveness::default();
        let (room, worker) = (liveness.pulse("room"), liveness.pulse("worker"));
        let later = Instant::now() + LIMIT + BEAT_EVERY;
        room.beat_at(later);
        assert_eq!(liveness.silent(2 * LIMIT, later), None);
        assert_eq!(liveness.silent(LIMIT, later), Some("worker"));
        drop(worker);
        assert_eq!(liveness.silent(LIMIT, later), None);
    }

    #[tokio::test]
    async fn a_task_that_dies_by_a_defect_is_missed() {
        let liveness = Liveness::default();
        let pulse = liveness.pulse("fleet");
        let task = tokio::spawn(async move {
            pulse.beat();
            panic!("a defect");
        });
        assert!(task.await.is_err());
        assert_eq!(
            liveness.silent(LIMIT, Instant::now() + LIMIT + BEAT_EVERY),
            Some("fleet")
        );
    }
}
