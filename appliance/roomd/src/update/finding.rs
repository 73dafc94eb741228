//! RAUC comes later than the box, or not at all. A machine without it takes no release, and says so; a release that has lost it
//! is left by a restart, for without RAUC nobody calls it good and the boot loader goes back.

use std::time::Duration;

use fleet::contract::{Code, Phase, Update, UpdateReport};
use fleet::update::{Contact, Input, Memory, Pace, Room};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::rauc::Rauc;
use super::{Release, Surroundings, Told, Wish};

/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// It may still be on its way up so long after the box.
const PATIENCE: Duration = Duration::from_secs(60);

/// RAUC.
pub struct Found {
    /// Itself.
    pub rauc: Rauc,
    /// The slot that runs, as it calls it.
    pub slot: String,
    /// What the box told meanwhile.
    pub early: Vec<Input>,
}

/// Waits for it. None: the box is gone.
pub async fn find(
    around: &Surroundings,
    memory: Option<Memory>,
    told: &mut mpsc::UnboundedReceiver<Told>,
    wishes: &mpsc::Sender<Wish>,
) -> Option<Found> {
    let on_trial = memory.is_some_and(|memory| memory.on_trial);
    let known = memory.map(|memory| memory.rev);
    let (mut desired, mut broker): (Option<Box<Update>>, bool) = (None, false);
    let (mut missing, mut left, mut refused) = (false, false, None);
    let found = look(around.dbus.as_deref());
    // Not longer than a whole trial.
    let patience = sleep(PATIENCE.min(around.pace.proof));
    let free = free(around.room.clone(), around.pace);
    tokio::pin!(found, patience, free);
    loop {
        tokio::select! {
            (rauc, slot) = &mut found => {
                let desired = desired.map(Input::Desired);
                let broker = broker.then_some(Input::Contact(Contact::Broker));
                let early = desired.into_iter().chain(broker).collect();
                return Some(Found { rauc, slot, early });
            }
            () = &mut patience, if !missing => missing = true,
            () = &mut free, if on_trial && !left => {
                tracing::error!("this release has no RAUC: the one before is asked for");
                left = true;
                wishes.send(Wish::Restart).await.ok()?;
            }
            said = told.recv() => match said? {
                Told::Desired(update) => desired = Some(update),
                Told::Broker => broker = true,
                // Nobody has asked for one.
                Told::SelfTest(_) => {}
            },
        }
        // What is known of already has its report, and a trial its own end.
        let open = desired.as_ref().filter(|update| Some(update.rev) != known && !on_trial);
        if let Some(update) = open.filter(|update| missing && refused != Some(update.rev)) {
            refused = Some(update.rev);
            wishes.send(Wish::Report(refusal(update, &around.release))).await.ok()?;
        }
    }
}

async fn look(bus: Option<&str>) -> (Rauc, String) {
    let mut said = false;
    loop {
        let found = async {
            let rauc = Rauc::connect(bus).await?;
            let slot = rauc.slot().await?;
            Ok::<_, zbus::Error>((rauc, slot))
        };
        match found.await {
            Ok(found) => return found,
            Err(error) if !said => tracing::info!(%error, "no RAUC: this machine takes no updates yet"),
            Err(_) => {}
        }
        said = true;
        sleep(LOOK_EVERY).await;
    }
}

/// Until a release on trial has had its time, and nobody has needed the room for a while.
async fn free(mut room: watch::Receiver<Room>, pace: Pace) {
    sleep(pace.contact).await;
    while room.wait_for(|room| *room == Room::Idle).await.is_ok() {
        let used = timeout(pace.quiet, room.wait_for(|room| *room == Room::InUse));
        if used.await.is_err() {
            return;
        }
    }
    // The box is gone.
    std::future::pending().await
}

/// What a machine without RAUC says to a release.
fn refusal(update: &Update, release: &Release) -> UpdateReport {
    UpdateReport {
        rev: update.rev,
        phase: Phase::Refused,
        running: release.version.clone(),
        slot: String::new(),
        progress: None,
        code: Some(Code::UnsupportedOnHw),
        msg: Some("there is no RAUC on this machine".into()),
    }
}

#[cfg(test)]
#[path = "finding_tests.rs"]
mod tests;
