//! Boxes become somebody's: one by its serial number or QR code, many by a list.

use fleet::contract::{Channel, Configuration, DeviceId, Message, Room, Serial, Site, Tenant, Verb};
use fleet::link::Publication;
use fleet::trust::{Anchors, TrustedDocuments};
use jiff::Timestamp;

use crate::author::{Author, AuthorError};
use crate::console::{Console, ConsoleError};

/// Begins what the QR code on a wall says.
const CODE: &str = "hemicycle:claim?serial=";

/// A serial number as it was typed, or as the QR code on the wall says it.
///
/// # Errors
/// It is neither.
pub fn serial(text: &str) -> Result<Serial, String> {
    let text = text.trim();
    let text = text.strip_prefix(CODE).unwrap_or(text);
    Serial::try_from(text).map_err(|error| error.to_string())
}

/// A room gets another box.
#[derive(Debug, Clone)]
pub struct TakeOver {
    /// Whose.
    pub tenant: Tenant,
    /// Where.
    pub site: Site,
    /// Which room.
    pub room: Room,
    /// The box that goes.
    pub old: Serial,
    /// The box that comes.
    pub new: Serial,
}

/// What went wrong with a take-over.
#[derive(Debug, thiserror::Error)]
pub enum TakeOverError {
    /// The broker.
    #[error(transparent)]
    Console(#[from] ConsoleError),
    /// The signature.
    #[error(transparent)]
    Author(#[from] AuthorError),
    /// What the broker keeps of the old box was not signed by anybody who may.
    #[error("what the broker keeps as the configuration of {0} is not trusted: {1}")]
    Forged(DeviceId, String),
}

/// What became of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandedOver {
    /// The new box has it. Secrets were for the old one alone: these must be applied again.
    Configuration {
        /// Names of secrets.
        missing: Vec<String>,
    },
    /// There was none.
    Nothing,
}

impl TakeOver {
    /// The new box gets the configuration of the old one, signed anew, and nothing of the old one stays on the broker.
    ///
    /// # Errors
    /// [`TakeOverError`].
    pub async fn hand_over(
        &self,
        console: &mut Console,
        author: &mut Author,
        anchors: &Anchors,
    ) -> Result<HandedOver, TakeOverError> {
        let (old, new) = (self.old.device(), self.new.device());
        let of_old = Channel::ConfigDesired.topic(&self.tenant, &old);
        let kept = console.kept(&[format!("cr/v1/{}/{old}/#", self.tenant)]).await?;
        let handed = match kept.get(&of_old) {
            Some(text) if !text.is_empty() => {
                let mut body = self.trusted(anchors, &old, text)?;
                let missing = body.secrets.keys().cloned().collect();
                body.secrets.clear();
                body.sha256 = body.fingerprint();
                body.issued_by.clone_from(&author.name);
                let topic = Channel::ConfigDesired.topic(&self.tenant, &new);
                let message = author.stamp(body);
                let signed = author.signed(&topic, &message)?;
                publish(console, topic, signed.into_bytes()).await?;
                HandedOver::Configuration { missing }
            }
            _ => HandedOver::Nothing,
        };
        empty(console, kept.into_keys()).await?;
        Ok(handed)
    }

    /// A broker may keep anything: only what somebody who may has signed is signed again.
    fn trusted(&self, anchors: &Anchors, old: &DeviceId, text: &[u8]) -> Result<Configuration, TakeOverError> {
        let forged = |why: String| TakeOverError::Forged(old.clone(), why);
        let trusted = TrustedDocuments {
            anchors: anchors.clone(),
            tenant: self.tenant.clone(),
            device: old.clone(),
            site: self.site.clone(),
        };
        let signed = trusted
            .check(text, Verb::Configure, Some(Timestamp::now()))
            .map_err(|error| forged(error.to_string()))?;
        let message = Message::<Configuration>::parse(&signed.payload, Verb::Configure.max_bytes())
            .map_err(|error| forged(error.to_string()))?;
        Ok(message.body)
    }
}

/// Nothing of a box stays on the broker.
///
/// # Errors
/// [`ConsoleError`].
pub async fn take_away(console: &mut Console, tenant: &Tenant, device: &DeviceId) -> Result<(), ConsoleError> {
    let kept = console.kept(&[format!("cr/v1/{tenant}/{device}/#")]).await?;
    empty(console, kept.into_keys()).await
}

/// Takes away what the broker keeps there.
pub(crate) async fn empty(console: &mut Console, topics: impl Iterator<Item = String>) -> Result<(), ConsoleError> {
    for topic in topics {
        publish(console, topic, Vec::new()).await?;
    }
    Ok(())
}

async fn publish(console: &mut Console, topic: String, payload: Vec<u8>) -> Result<(), ConsoleError> {
    let token = console.next_token();
    let publication = Publication {
        retain: true,
        ..Publication::new(token, topic, payload)
    };
    console.publish(publication).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_a_scanner_reads_is_as_good_as_what_is_typed() {
        for text in ["HC24-000123", "hc24-000123 ", "hemicycle:claim?serial=HC24-000123"] {
            assert_eq!(serial(text).unwrap().as_str(), "HC24-000123");
        }
        assert!(serial("https://evil.example/HC24").is_err());
    }
}
