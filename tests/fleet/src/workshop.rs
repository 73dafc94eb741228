//! Boxes as their maker delivers them, and how they come into the fleet: by the real service, over the real broker.

use std::sync::Arc;

use enrolment::claims;
use enrolment::registry::Registry;
use enrolment::service::{Offer, Powers, Service};
use enrolment::settings::Settings;
use fleet::contract::{Decision, EnrolmentRequest, EnrolmentTopic, Serial, Signer};
use fleet::link::{Identity, Limits, Publication};
use fleet::session::Verifier;
use fleet::trust::{BoxIdentity, DocumentVerifier, certificate_request, new_key};
use jiff::Timestamp;
use rand::SeedableRng;
use rand::rngs::{StdRng, SysRng};
use roomctl::author::Author;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use ulid::Ulid;

use crate::Error;
use crate::broker::{Broker, Door};
use crate::client::{Client, fresh};
use crate::office::Office;

/// Tries of a box whose request was dropped.
const TRIES: u32 = 5;

/// Serial number of a box of the bench.
///
/// # Errors
/// None.
pub fn serial(number: usize) -> Result<Serial, Error> {
    Ok(Serial::try_from(format!("ROOM-{number:06}"))?)
}

/// Name of the list of boxes in an office.
pub const LIST: &str = "boxes.csv";

/// A box of a list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its serial number.
    pub serial: Serial,
    /// Where it stands.
    pub room: String,
}

/// The list that IT has of these boxes, in the office, and the claim: all of them are the office's.
///
/// # Errors
/// The list is none, or the registry does not take it.
pub fn claim(office: &Office, boxes: &[Listed]) -> Result<(), Error> {
    let line = |listed: &Listed| format!("{},{},{}\n", listed.serial, office.site, listed.room);
    let path = office.folder.path(LIST);
    std::fs::write(
        &path,
        format!("serial,site,room\n{}", boxes.iter().map(line).collect::<String>()),
    )?;
    let claims = claims::read(&office.tenant, std::fs::File::open(path)?)?;
    let settings = Settings::load(&office.folder.path("enrolment.toml"))?;
    let claimed = Registry::open(&settings.registry)?.claim_all(&claims, "alice", false, Timestamp::now());
    claimed.map(|_| ()).map_err(|(_, error)| error.into())
}

/// The enrolment service of an office, as its `enrolment.toml` says.
pub struct Desk {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Desk {
    /// Opens it.
    ///
    /// # Errors
    /// The registry, or OpenSSL.
    pub fn open(office: &Office, broker: &Broker) -> Result<Self, Error> {
        let now = Timestamp::now();
        let folder = &office.folder;
        let settings = Settings::load(&folder.path("enrolment.toml"))?;
        let powers = Powers {
            makers: folder.anchors("makers.pem")?,
            boxes: folder.authority("boxes")?,
            signer: folder.signing("enrolment")?,
        };
        let offer = Offer {
            endpoints: settings.endpoints.clone(),
            trust: folder.trust()?,
            days: settings.certificate_days,
        };
        let registry = Registry::open(&settings.registry)?;
        let service = Service::new(powers, offer, registry, StdRng::try_from_rng(&mut SysRng)?, now);
        let (key, chain) = folder.identity("people/enrolment")?;
        let target = broker.target(
            Door::Staff,
            &Identity {
                chain,
                key: Arc::new(key),
            },
            Limits::default(),
        )?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(enrolment::driver::run(service, target, "enrolment", stopped));
        Ok(Self { stop: Some(stop), task })
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.stop.take();
        self.task.abort();
    }
}

/// What a box has after it was enrolled.
pub struct Enrolled {
    /// For the broker.
    pub identity: Identity,
    /// Whom it believes.
    pub verifier: Arc<dyn Verifier>,
}

/// A new box asks for its place in the fleet and gets it.
///
/// # Errors
/// It does not.
pub async fn enrol(office: &Office, broker: &Broker, serial: &Serial) -> Result<Enrolled, Error> {
    let made = new_key()?;
    let certificate = office
        .folder
        .authority("maker")?
        .made(&made, serial, Timestamp::now())?;
    let made = Arc::new(made);
    let maker = Signer::new(made.clone(), std::slice::from_ref(&certificate))?;
    let mut author = Author::new(serial.as_str(), Some(maker));
    let key = new_key()?;
    let identity = Identity {
        chain: vec![certificate],
        key: made,
    };
    let target = broker.target(Door::Claims, &identity, Limits::default())?;
    let mut client = Client::connect(target, fresh(serial.as_str())).await?;
    client.subscribe(&[&EnrolmentTopic::Answer.of(serial)]).await?;
    let anchors = office.anchors()?;
    for _ in 0..TRIES {
        let request = author.stamp(EnrolmentRequest {
            nonce: Ulid::generate().to_string(),
            csr: certificate_request(&key, serial)?,
            model: "simulated".into(),
            fw: "2.3.0".into(),
        });
        let topic = EnrolmentTopic::Request.of(serial);
        let signed = author.signed(&topic, &request)?;
        let publication = Publication::new(client.token(), topic, signed);
        client
            .publish(publication)
            .await?
            .map_err(|refused| format!("{refused:?}"))?;
        let Ok(heard) = client.hear().await else { continue };
        let answer = anchors.check_answer(serial, &heard.payload, Some(Timestamp::now()))?;
        let Decision::Issued(issued) = answer.body.decision else {
            return Err(format!("{serial}: {:?}", answer.body.decision).into());
        };
        issued.fits(serial, &key)?;
        let identity = Identity {
            chain: issued.certificates()?,
            key: Arc::new(key),
        };
        let trusted = BoxIdentity::new(*issued, &anchors)?.trusted()?;
        client.goodbye().await?;
        return Ok(Enrolled {
            identity,
            verifier: Arc::new(DocumentVerifier::new(trusted)),
        });
    }
    Err(format!("{serial}: no answer").into())
}
