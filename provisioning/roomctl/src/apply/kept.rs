//! The configurations that a broker keeps, each as a room of a plan that leaves it as it is.

use fleet::contract::{Channel, DeviceId, Site, Verb};
use fleet::trust::{Anchors, TrustedDocuments};
use jiff::Timestamp;
use serde_json::Value;

use super::read;
use crate::console::{Console, ConsoleError};
use crate::plan::Room;
use crate::secrets::Wanted;

/// Stands for the site of a configuration that names none: only whoever may sign everywhere can have signed it.
const EVERYWHERE: &str = "everywhere";

/// A configuration on the broker.
#[derive(Debug)]
pub struct Kept {
    /// Whose.
    pub device: DeviceId,
    /// What it says, with its secrets as they were sealed.
    pub room: Room,
    /// Who issued it, as it says itself.
    pub issued_by: String,
    /// Who signed it; none: nobody whom the box believes.
    pub signer: Option<String>,
}

/// Every configuration that can be read.
///
/// # Errors
/// [`ConsoleError`].
pub async fn kept(console: &mut Console, anchors: &Anchors) -> Result<Vec<Kept>, ConsoleError> {
    let tenant = console.tenant().clone();
    let all = console.kept(&[format!("cr/v1/{tenant}/+/config/desired")]).await?;
    let kept = all.iter().filter_map(|(topic, payload)| {
        let (_, device, Channel::ConfigDesired) = Channel::parse(topic).ok()? else {
            return None;
        };
        let configuration = read(payload)?.body;
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(ToOwned::to_owned);
        let cfg = configuration.cfg;
        let site = text(cfg.get("site")).unwrap_or_else(|| EVERYWHERE.to_owned());
        let site = Site::try_from(site).ok()?;
        let trusted = TrustedDocuments {
            anchors: anchors.clone(),
            tenant: tenant.clone(),
            device: device.clone(),
            site: site.clone(),
        };
        let signed = trusted.check(payload, Verb::Configure, Some(Timestamp::now()));
        Some(Kept {
            device,
            issued_by: configuration.issued_by,
            signer: signed.ok().map(|signed| signed.signer),
            room: Room {
                name: text(cfg.get("room").and_then(|room| room.get("name"))).unwrap_or_default(),
                site,
                cfg,
                secrets: Wanted::new(),
            },
        })
    });
    Ok(kept.collect())
}
