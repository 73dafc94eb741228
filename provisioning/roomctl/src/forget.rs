//! A person is forgotten: what the broker keeps of them is signed again, by nobody in particular.

use std::collections::BTreeSet;

use fleet::contract::{ApplyWhen, Channel, DeviceId, Site, Verb};
use fleet::trust::{Anchors, TrustedDocuments};
use jiff::Timestamp;

use crate::apply::{self, ApplyError, Change, Outcome};
use crate::author::Author;
use crate::console::Console;
use crate::plan::{Plan, Room};
use crate::secrets::Wanted;

/// Stands for the site of a configuration that names none.
const EVERYWHERE: &str = "everywhere";

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
    let kept = console.kept(&[format!("cr/v1/{tenant}/+/config/desired")]).await?;
    let mut plan = Plan::default();
    for (topic, payload) in &kept {
        let Ok((_, device, Channel::ConfigDesired)) = Channel::parse(topic) else {
            continue;
        };
        let Some(message) = apply::read(payload) else { continue };
        let cfg = message.body.cfg;
        let text = |value: Option<&serde_json::Value>| value.and_then(|value| value.as_str()).map(ToOwned::to_owned);
        // Without a site, only whoever may sign everywhere can have signed it.
        let site = text(cfg.get("site")).unwrap_or_else(|| EVERYWHERE.to_owned());
        let Ok(site) = Site::try_from(site) else { continue };
        let trusted = TrustedDocuments {
            anchors: anchors.clone(),
            tenant: tenant.clone(),
            device: device.clone(),
            site: site.clone(),
        };
        let signer = trusted.check(payload, Verb::Configure, Some(Timestamp::now()));
        if message.body.issued_by == name || signer.is_ok_and(|signed| signed.signer == name) {
            let name = text(cfg.get("room").and_then(|room| room.get("name"))).unwrap_or_default();
            let secrets = Wanted::new();
            plan.rooms.insert(
                device,
                Room {
                    name,
                    site,
                    cfg,
                    secrets,
                },
            );
        }
    }
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
