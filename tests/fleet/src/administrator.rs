//! One box in its fleet and who administers it: Debian's Mosquitto between both, and what enrolment leaves with the box.

use std::path::Path;

use base64::{Engine, prelude::BASE64_STANDARD};
use fleet::contract::{Channel, DeviceId, Issued, Message, Presence, TrustDocument};
use fleet::link::Publication;
use fleet::trust::{Anchors, BoxIdentity, KeyStore, KeyUse, SoftwareKeys};
use jiff::{SignedDuration, Timestamp};
use roomctl::author::Author;
use roomctl::console::Console;
use roomctl::order;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

use crate::Error;
use crate::broker::{Broker, Door, etat, room};
use crate::office::Office;

/// Who administers it.
pub const NAME: &str = "ops@etat.example";

/// Longest word of a box about its presence, bytes.
const PRESENCE: usize = 1024;

/// An administrator of one box, at a console.
pub struct Administrator {
    /// What everything of it runs on.
    pub runtime: Runtime,
    /// Between both.
    pub broker: Broker,
    /// Hears and publishes.
    pub console: Console,
    /// Signs.
    pub author: Author,
    /// The box.
    pub device: DeviceId,
    office: Office,
}

impl Administrator {
    /// Of this box. The broker runs when this returns.
    ///
    /// # Errors
    /// Mosquitto is not installed or does not start.
    pub fn of(device: &str) -> Result<Self, Error> {
        let (tenant, device) = (etat()?, DeviceId::try_from(device)?);
        let office = Office::new(&tenant)?;
        let broker = Broker::start(&[room(device.as_str())?, office.user(NAME)?])?;
        let runtime = Runtime::new()?;
        let mut console = runtime.block_on(office.console(&broker, NAME))?;
        runtime.block_on(order::prepare(&mut console))?;
        let author = office.administrator(NAME)?;
        Ok(Self {
            runtime,
            broker,
            console,
            author,
            device,
            office,
        })
    }

    /// Puts what enrolment leaves into the folder of the box, with keys in files.
    ///
    /// # Errors
    /// OpenSSL's; files.
    pub fn enrol(&self, folder: &Path) -> Result<(), Error> {
        let (device, broker) = (&self.device, &self.broker);
        let identity = broker
            .authority(Door::Boxes)
            .client_credentials(device.as_str(), self.office.tenant.as_str())?;
        let mut keys = SoftwareKeys::new(folder)?;
        keys.create(KeyUse::Maker)?;
        keys.install(KeyUse::Device, &identity.key)?;
        let roots = vec![broker.servers().certificate().to_owned(), self.office.root().to_owned()];
        let certificate = identity.chain.first().ok_or("no certificate")?;
        let issued = Issued {
            tenant: self.office.tenant.clone(),
            site: self.office.site.clone(),
            device: device.clone(),
            chain: vec![BASE64_STANDARD.encode(certificate.to_der()?)],
            expires: Timestamp::now() + SignedDuration::from_hours(24),
            endpoints: vec![format!("localhost:{}", broker.port(Door::Boxes))],
            trust: TrustDocument::new(&roots, &[])?,
        };
        let identity = BoxIdentity::new(issued, &Anchors::new(roots)?)?;
        Ok(identity.save(&folder.join("identity.json"))?)
    }

    /// Where the box speaks or listens.
    #[must_use]
    pub fn topic(&self, channel: &Channel) -> String {
        channel.topic(&self.office.tenant, &self.device)
    }

    /// What the broker keeps of it; none: nothing, or it does not say.
    pub fn kept(&mut self, channel: &Channel) -> Option<Vec<u8>> {
        let topic = self.topic(channel);
        let kept = self.console.kept(std::slice::from_ref(&topic));
        let kept = self.runtime.block_on(kept).ok()?;
        kept.get(&topic).map(|payload| payload.to_vec())
    }

    /// Whether it is there.
    pub fn presence(&mut self) -> Option<Presence> {
        Presence::parse(&self.kept(&Channel::Online)?, PRESENCE).ok()
    }

    /// What it has said last.
    pub fn document<T: DeserializeOwned>(&mut self, channel: &Channel) -> Option<T> {
        let payload = self.kept(channel)?;
        let message = Message::<T>::parse(&payload, channel.rules().max_bytes).ok()?;
        Some(message.body)
    }

    /// Publishes a signed document, to be kept.
    ///
    /// # Errors
    /// The broker does not take it.
    pub fn publish<T: Serialize>(&mut self, channel: &Channel, document: T) -> Result<(), Error> {
        let topic = self.topic(channel);
        let message = self.author.stamp(document);
        let payload = self.author.signed(&topic, &message)?;
        let mut publication = Publication::new(self.console.next_token(), topic, payload);
        publication.retain = true;
        Ok(self.runtime.block_on(self.console.publish(publication))?)
    }
}
