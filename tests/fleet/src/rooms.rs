//! Simulated boxes: the session, the agent and the link of the real one, and behind them something that does at once what it is
//! told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use fleet::agent::{Agent, Clockwork, SystemClock, Way};
use fleet::contract::{CommandName, DeviceId, EventClass, Metadata, OnlineReason, Tenant};
use fleet::link::Target;
use fleet::session::{Execution, Input, Output, Reply, Session, Settings, Verifier};
use fleet::trust::KeyUse;
use jiff::Timestamp;
use rand::SeedableRng;
use rand::rngs::{StdRng, SysRng};
use serde_json::Map;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use ulid::Ulid;

use crate::Error;
use crate::installer::{Installer, RELEASE};
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
    killed: Arc<AtomicBool>,
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
        let killed = Arc::<AtomicBool>::default();
        let keeper = MemoryKeeper {
            disk: disk.clone(),
            ledger: ledger.clone(),
            killed: killed.clone(),
        };
        let installer = Installer::new(birth.device.clone(), ledger.clone(), disk.clone(), clock.now())?;
        let way = |target: &Target| Way {
            shows: KeyUse::Device,
            target: target.clone(),
        };
        let ways = watch::Sender::new(birth.targets.iter().map(way).collect());
        let agent = Agent::new(session, Box::new(keeper), Box::new(clock.clone()), ways.subscribe());
        let (inputs, taken) = mpsc::channel(INPUTS);
        let (given, effects) = mpsc::channel(INPUTS);
        let agent = tokio::spawn(agent.run(taken, given));
        let player = Player {
            device: birth.device.clone(),
            clock,
            installer,
            inputs: inputs.clone(),
            ledger: ledger.clone(),
        };
        let player = tokio::spawn(player.play(effects));
        Ok(Self {
            birth,
            disk,
            ledger: ledger.clone(),
            inputs,
            killed,
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
        {
            // A write has a thread of its own, which outlives the task that began it.
            let _disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
            self.killed.store(true, Ordering::Release);
        }
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
        fw: RELEASE.into(),
        commands: CommandName::ALL.to_vec(),
        schemas: vec![roomctl::apply::SCHEMA.into()],
        certificate_expires: Timestamp::now(),
        support_until: None,
        secrets_key: None,
    }
}

/// Does at once what the box is told.
struct Player {
    device: DeviceId,
    clock: SystemClock,
    installer: Installer,
    inputs: mpsc::Sender<Input>,
    ledger: Shared,
}

impl Player {
    async fn play(mut self, mut effects: mpsc::Receiver<Output>) {
        while self.say_how_the_update_goes().await {
            let wait = self.installer.next_deadline();
            let wait = wait.map(|at_ms| at_ms.saturating_sub(self.clock.now().up_ms));
            let update = async {
                match wait {
                    Some(wait_ms) => tokio::time::sleep(Duration::from_millis(wait_ms)).await,
                    None => std::future::pending().await,
                }
            };
            let effect = tokio::select! {
                effect = effects.recv() => effect,
                () = update => {
                    let ticked = self.installer.tick(self.clock.now());
                    if let Err(error) = ticked {
                        tracing::error!(%error, "the update of a simulated box");
                    }
                    continue;
                }
            };
            let Some(effect) = effect else { return };
            if matches!(effect, Output::Stopped) {
                return;
            }
            let input = self.carry_out(effect);
            if let Some(input) = input
                && self.inputs.send(input).await.is_err()
            {
                return;
            }
        }
    }

    /// False: nobody listens any more.
    async fn say_how_the_update_goes(&mut self) -> bool {
        for report in self.installer.reports() {
            if self.inputs.send(Input::UpdateReport(report)).await.is_err() {
                return false;
            }
        }
        true
    }

    fn carry_out(&mut self, effect: Output) -> Option<Input> {
        let device = &self.device;
        let mut ledger = locked(&self.ledger);
        match effect {
            Output::Execute(Execution { id, .. }) => {
                *ledger.executed.entry(id).or_default() += 1;
                Some(Input::Answer {
                    id,
                    reply: Reply::done(Map::new()),
                })
            }
            Output::Apply { configuration, .. } => {
                ledger.applied.insert(device.clone(), configuration.rev);
                Some(Input::Configured {
                    rev: configuration.rev,
                    errors: Vec::new(),
                })
            }
            Output::Update(update) => {
                drop(ledger);
                if let Err(error) = self.installer.wants(*update, self.clock.now()) {
                    tracing::error!(%error, "the update of a simulated box");
                }
                None
            }
            Output::Security { event, count, .. } => {
                *ledger.security.entry(event).or_default() += count;
                None
            }
            Output::ShowNotice(_, notice) => {
                ledger.notices.insert((device.clone(), notice.rev));
                None
            }
            Output::ClearNotice(_) => {
                ledger.notices.retain(|(on, _)| on != device);
                None
            }
            _ => None,
        }
    }
}
