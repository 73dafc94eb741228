//! Simulated boxes: the session, the agent and the link of the real one, and behind them something that does at once what it is
//! told.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use fleet::agent::{Agent, Clockwork, SystemClock};
use fleet::contract::{CommandName, DeviceId, EventClass, Metadata, OnlineReason, Tenant};
use fleet::link::Target;
use fleet::session::{Execution, Input, Output, Reply, Session, Settings, Verifier};
use jiff::Timestamp;
use rand::SeedableRng;
use rand::rngs::{StdRng, SysRng};
use serde_json::Map;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use ulid::Ulid;

use crate::Error;
use crate::ledger::{Disk, MemoryKeeper, Shared, locked};

/// Inputs that wait for a session.
const INPUTS: usize = 64;

/// What a box is born with.
#[derive(Clone)]
pub struct Birth {
    /// Whose.
    pub tenant: Tenant,
    /// Which.
    pub device: DeviceId,
    /// Its brokers.
    pub targets: Vec<Target>,
    /// Whom it believes.
    pub verifier: Arc<dyn Verifier>,
    /// Over how long it spreads its first attempt.
    pub spread: Duration,
}

/// A box that runs.
pub struct Room {
    birth: Birth,
    disk: Disk,
    ledger: Shared,
    inputs: mpsc::Sender<Input>,
    tasks: [JoinHandle<()>; 2],
}

impl Room {
    /// Switches one on, with an empty disk.
    ///
    /// # Errors
    /// No chance to be had from the system.
    pub fn start(birth: Birth, ledger: &Shared) -> Result<Self, Error> {
        Self::on(birth, Disk::default(), ledger)
    }

    fn on(birth: Birth, disk: Disk, ledger: &Shared) -> Result<Self, Error> {
        let clock = SystemClock::new(true);
        let stored: BTreeMap<String, Vec<u8>> = disk.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let settings = Settings {
            tenant: birth.tenant.clone(),
            device: birth.device.clone(),
            boot: Ulid::generate().to_string(),
            reason: OnlineReason::Boot,
            metadata: metadata(&birth.device),
            spread: birth.spread,
        };
        let chance = StdRng::try_from_rng(&mut SysRng)?;
        let session = Session::new(settings, birth.verifier.clone(), chance, stored, clock.now());
        let keeper = MemoryKeeper {
            disk: disk.clone(),
            ledger: ledger.clone(),
        };
        let agent = Agent::new(session, Box::new(keeper), Box::new(clock), birth.targets.clone());
        let (inputs, taken) = mpsc::channel(INPUTS);
        let (given, effects) = mpsc::channel(INPUTS);
        let agent = tokio::spawn(agent.run(taken, given));
        let player = tokio::spawn(play(birth.device.clone(), effects, inputs.clone(), ledger.clone()));
        Ok(Self {
            birth,
            disk,
            ledger: ledger.clone(),
            inputs,
            tasks: [agent, player],
        })
    }

    /// Its name.
    #[must_use]
    pub fn device(&self) -> &DeviceId {
        &self.birth.device
    }

    /// Something happens in it.
    pub async fn happen(&self, event: &str) {
        let input = Input::Event {
            class: EventClass::Alert,
            event: event.into(),
            detail: Map::new(),
        };
        // One that has ended hears nothing.
        let _ = self.inputs.send(input).await;
    }

    /// `kill -9`: whatever it was doing; its disk stays.
    pub async fn kill(&mut self) {
        for task in &mut self.tasks {
            task.abort();
            let _ = task.await;
        }
    }

    /// Switches it on again after [`Room::kill`].
    ///
    /// # Errors
    /// As [`Room::start`].
    pub fn start_again(&mut self) -> Result<(), Error> {
        *self = Self::on(self.birth.clone(), self.disk.clone(), &self.ledger)?;
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn metadata(device: &DeviceId) -> Metadata {
    Metadata {
        model: "simulated".into(),
        serial: format!("SN-{device}"),
        fw: "2.3.0".into(),
        commands: CommandName::ALL.to_vec(),
        schemas: vec![roomctl::apply::SCHEMA.into()],
        certificate_expires: Timestamp::now(),
        support_until: None,
    }
}

async fn play(device: DeviceId, mut effects: mpsc::Receiver<Output>, inputs: mpsc::Sender<Input>, ledger: Shared) {
    while let Some(effect) = effects.recv().await {
        let input = match effect {
            Output::Execute(Execution { id, .. }) => {
                *locked(&ledger).executed.entry(id).or_default() += 1;
                Some(Input::Answer {
                    id,
                    reply: Reply::done(Map::new()),
                })
            }
            Output::Apply { configuration, .. } => {
                locked(&ledger).applied.insert(device.clone(), configuration.rev);
                Some(Input::Configured {
                    rev: configuration.rev,
                    errors: Vec::new(),
                })
            }
            Output::Security { event, count, .. } => {
                *locked(&ledger).security.entry(event).or_default() += count;
                None
            }
            Output::ShowNotice(_, notice) => {
                locked(&ledger).notices.insert((device.clone(), notice.rev));
                None
            }
            Output::ClearNotice(_) => {
                locked(&ledger).notices.retain(|(on, _)| *on != device);
                None
            }
            Output::Stopped => return,
            _ => None,
        };
        if let Some(input) = input
            && inputs.send(input).await.is_err()
        {
            return;
        }
    }
}
