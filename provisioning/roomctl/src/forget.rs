//! A person is forgotten: what the broker keeps of them is signed again, by nobody in particular.

use std::collections::BTreeSet;

use fleet::contract::{ApplyWhen, Channel, DeviceId};
use fleet::trust::Anchors;

use crate::apply::{self, ApplyError, Change, Kept, Outcome};
use crate::author::Author;
use crate::console::Console;
use crate::plan::Plan;

/// What became of the configurations that bore their name.
#[derive(Debug, Default)]
pub struct Forgotten {
    /// Those that were signed again; conflicts are somebody else's newer ones.
    pub again: Outcome,
    /// Boxes whose configuration nobody whom they believe has signed: it was not signed again, but taken away.
    pub forged: BTreeSet<DeviceId>,
}

/// Signs every configuration anew that this person has issued, or signed with a certificate of their own: as it was, with its
/// secrets as they were sealed, one revision on, without a name.
///
/// # Errors
/// [`ApplyError`]; what was done before stays, and it can be done again.
pub async fn person(
    console: &mut Console,
    author: &mut Author,
    anchors: &Anchors,
    name: &str,
) -> Result<Forgotten, ApplyError> {
    let tenant = console.tenant().clone();
    let theirs = |kept: &Kept| kept.issued_by == name || kept.signer.as_deref() == Some(name);
    let kept = apply::kept(console, anchors).await?;
    let rooms = kept.into_iter().filter(theirs).map(|kept| (kept.device, kept.room));
    let plan = Plan {
        rooms: rooms.collect(),
        ..Plan::default()
    };
    let mut proposal = apply::compare(console, anchors, &plan).await?;
    let mut forgotten = Forgotten::default();
    for (device, (change, rev)) in &mut proposal.changes {
        match change {
            Change::Same => (*change, *rev) = (Change::Changed(Vec::new()), *rev + 1),
            Change::Forged => drop(forgotten.forged.insert(device.clone())),
            Change::New | Change::Changed(_) => {}
        }
    }
    for device in &forgotten.forged {
        proposal.changes.remove(device);
        let topic = Channel::ConfigDesired.topic(&tenant, device);
        crate::claim::empty(console, std::iter::once(topic)).await?;
    }
    let named = std::mem::take(&mut author.name);
    let again = apply::publish(console, author, anchors, &plan, &proposal, ApplyWhen::Idle).await;
    author.name = named;
    forgotten.again = again?;
    Ok(forgotten)
}
