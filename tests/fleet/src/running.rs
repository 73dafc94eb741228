//! A fleet that runs: broker, enrolment service, simulated boxes, a consumer, and one real box if there is one.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use access::User;
use fleet::contract::{Channel, DeviceId, Event, EventClass, Id, Message, Presence};
use fleet::link::{Limits, Link, News, Opening, Session, Subscription};
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use roomctl::plan::{Plan, Room as PlannedRoom};
use tokio::task::JoinHandle;

use crate::Error;
use crate::broker::{Broker, Door, etat};
use crate::ledger::{Shared, locked};
use crate::office::Office;
use crate::progress::Progress;
use crate::room_box::{self, RoomBox};
use crate::rooms::{Birth, Room};
use crate::workshop::{Desk, Listed, claim, enrol, serial};

/// Boxes that enrol at the same time.
const AT_A_TIME: usize = 16;

/// What fleet.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// How many boxes.
    pub boxes: usize,
    /// Over how long they spread their connections.
    pub spread: Duration,
}

/// A fleet that runs.
pub struct Fleet {
    /// Its broker.
    pub broker: Broker,
    /// Its organisation.
    pub office: Office,
    /// Its boxes.
    pub rooms: Vec<Room>,
    /// What they did.
    pub ledger: Shared,
    /// What a consumer heard.
    pub heard: Arc<Mutex<Heard>>,
    /// The real one.
    pub room_box: Option<RoomBox>,
    /// How many were asked for.
    pub wanted: usize,
    /// From the first request of a box to the last certificate.
    pub enrol_seconds: f64,
    /// Resident memory of the broker before the first box came, bytes.
    pub broker_alone: u64,
    /// Processor time of the broker for all enrolments, seconds.
    pub broker_enrolling: f64,
    consumer: JoinHandle<()>,
    spread: Duration,
    _desk: Desk,
}

/// What a consumer heard, with duplicates dropped.
#[derive(Debug, Default)]
pub struct Heard {
    /// Events.
    pub events: HashSet<Id>,
    /// Copies of those.
    pub repeated: u64,
    /// Words of `evt/security`, without copies.
    pub security: Vec<String>,
    /// When each box said that it is there: the last birth, by its own clock.
    pub births: BTreeMap<DeviceId, Timestamp>,
}

/// Reads it.
pub fn heard(heard: &Arc<Mutex<Heard>>) -> std::sync::MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a condition.
///
/// # Errors
/// It did not come true in this time.
pub async fn until(what: &str, patience: Duration, mut condition: impl FnMut() -> bool) -> Result<(), Error> {
    let begun = Instant::now();
    while !condition() {
        if begun.elapsed() > patience {
            return Err(format!("{what}: not within {} s", patience.as_secs()).into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

impl Fleet {
    /// A broker, and so many boxes switched on.
    ///
    /// # Errors
    /// The broker does not start; a box did not get its certificate; OpenSSL's.
    pub async fn start(order: Order) -> Result<Self, Error> {
        let fleet = Self::start_in(Office::new(&etat()?)?, order, None, &Progress::silent()).await?;
        match fleet.rooms.len() {
            enrolled if enrolled == order.boxes => Ok(fleet),
            enrolled => Err(format!("{enrolled} of {} boxes got in", order.boxes).into()),
        }
    }

    /// The same in an office, with this `roomd` as one box more.
    ///
    /// # Errors
    /// As [`Fleet::start`]; no box got its certificate.
    pub async fn start_in(
        office: Office,
        order: Order,
        roomd: Option<&Path>,
        progress: &Progress,
    ) -> Result<Self, Error> {
        let tenant = office.tenant.clone();
        let boxes: Vec<Listed> = (0..order.boxes).map(listed).collect::<Result<_, _>>()?;
        let users = [
            office.user("alice")?,
            office.user("bob")?,
            User::Reader {
                tenant: tenant.clone(),
                name: "collector".try_into()?,
            },
        ];
        let broker = Broker::of(&office, &users)?;
        let broker_alone = broker.memory()?;
        let real = roomd.map(|_| real()).transpose()?;
        let list: Vec<Listed> = boxes.iter().cloned().chain(real).collect();
        claim(&office, &list)?;
        let desk = Desk::open(&office, &broker)?;
        let heard = Arc::new(Mutex::new(Heard::default()));
        let identity = broker.authority(Door::Staff).client("collector", tenant.as_str())?;
        let consumer = tokio::spawn(consume(
            broker.target(Door::Staff, &identity, Limits::default())?,
            format!("cr/v1/{tenant}"),
            heard.clone(),
        ));
        let room_box = roomd
            .map(|program| RoomBox::start(program, &office, &broker))
            .transpose()?;
        let ledger = Shared::default();
        let (begun, processor) = (Instant::now(), broker.processor()?);
        let asked = AtomicUsize::new(0);
        let enrolling = stream::iter(boxes)
            .map(async |listed: Listed| {
                let enrolled = enrol(&office, &broker, &listed.serial).await;
                asked.fetch_add(1, Ordering::Relaxed);
                (listed.serial.device(), enrolled)
            })
            .buffer_unordered(AT_A_TIME)
            .collect::<Vec<_>>();
        let enrolled = progress
            .watch(
                "boxes have asked for their certificate",
                order.boxes,
                || asked.load(Ordering::Relaxed),
                enrolling,
            )
            .await;
        let enrol_seconds = begun.elapsed().as_secs_f64();
        let broker_enrolling = broker.processor()? - processor;
        let mut rooms = Vec::new();
        let mut failed = Vec::new();
        for (device, enrolled) in enrolled {
            let enrolled = match enrolled {
                Ok(enrolled) => enrolled,
                Err(error) => {
                    failed.push(error);
                    continue;
                }
            };
            let birth = Birth {
                tenant: tenant.clone(),
                targets: vec![broker.target(Door::Boxes, &enrolled.identity, Limits::default())?],
                verifier: enrolled.verifier,
                device,
                spread: order.spread,
            };
            rooms.push(Room::start(birth, &ledger)?);
        }
        if let Some(first) = failed.first() {
            progress.say(&format!("{} boxes did not get in; the first: {first}", failed.len()));
        }
        if rooms.is_empty() {
            return Err(failed.pop().unwrap_or_else(|| "no boxes".into()));
        }
        rooms.sort_by(|one, other| one.device().as_str().cmp(other.device().as_str()));
        Ok(Self {
            broker,
            office,
            rooms,
            ledger,
            heard,
            room_box,
            wanted: order.boxes,
            enrol_seconds,
            broker_alone,
            broker_enrolling,
            consumer,
            spread: order.spread,
            _desk: desk,
        })
    }

    /// How many boxes run, the real one included.
    #[must_use]
    pub fn running(&self) -> usize {
        self.rooms.len() + usize::from(self.room_box.is_some())
    }

    /// How many have said since this moment that they are there.
    #[must_use]
    pub fn born(&self, after: Timestamp) -> usize {
        let heard = heard(&self.heard);
        heard.births.values().filter(|birth| **birth >= after).count()
    }

    /// Over how long boxes spread their connections.
    #[must_use]
    pub fn spread(&self) -> Duration {
        self.spread
    }

    /// For all boxes to be there, at most.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.spread * 3 + Duration::from_secs(60 + self.rooms.len() as u64 / 10)
    }

    /// Waits until every box has said that it is there, after this moment.
    ///
    /// # Errors
    /// Not all of them did in time.
    pub async fn all_born(&self, after: Timestamp) -> Result<(), Error> {
        let all = self.running();
        until("all boxes are there", self.patience(), || self.born(after) == all)
            .await
            .map_err(|error| format!("{error}: {} of {all}", self.born(after)).into())
    }

    /// A plan that gives each box its room.
    #[must_use]
    pub fn plan(&self, volume: u8) -> Plan {
        let of = |device: &DeviceId| {
            let cfg = serde_json::json!({
                "room": {"name": format!("Room {device}")},
                "jitsi": {"url": "https://meet.example"},
                "av": {"volume": volume},
                "fleet": {"reconnect_spread_s": self.spread.as_secs()},
            });
            let planned = PlannedRoom {
                name: device.to_string(),
                site: self.office.site.clone(),
                cfg: cfg.as_object().cloned().unwrap_or_default(),
                secrets: std::collections::BTreeMap::new(),
            };
            (device.clone(), planned)
        };
        let real = self.room_box.iter().map(RoomBox::device);
        Plan {
            rooms: self.rooms.iter().map(Room::device).chain(real).map(of).collect(),
            expires: None,
        }
    }

    /// Something happens in every box.
    pub async fn happen(&self, event: &str) {
        for room in &self.rooms {
            room.happen(event).await;
        }
    }

    /// Events on disks that the consumer has not.
    #[must_use]
    pub fn missing(&self) -> usize {
        locked(&self.ledger)
            .accepted
            .difference(&heard(&self.heard).events)
            .count()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.consumer.abort();
    }
}

/// A simulated box of the list.
fn listed(number: usize) -> Result<Listed, Error> {
    Ok(Listed {
        serial: serial(number)?,
        room: format!("room-{number:06}"),
    })
}

/// The real one.
fn real() -> Result<Listed, Error> {
    Ok(Listed {
        serial: room_box::SERIAL.try_into()?,
        room: room_box::ROOM.to_owned(),
    })
}

/// Hears events and births for ever, and comes back at once.
async fn consume(target: fleet::link::Target, root: String, told: Arc<Mutex<Heard>>) {
    loop {
        let opening = Opening {
            client_id: "collector".into(),
            will: None,
            session: Session::Kept(Duration::from_secs(3_600)),
        };
        let mut link = Link::open(target.clone(), opening);
        while let Some(news) = link.next().await {
            match news {
                News::Connected { .. } => {
                    let filters = vec![format!("{root}/+/evt/+"), format!("{root}/+/online")];
                    let _ = link.orders().subscribe(Subscription(filters));
                }
                News::Received(message) => {
                    note(&message.topic, &message.payload, &told);
                    if let Some(receipt) = message.receipt {
                        let _ = link.orders().acknowledge(receipt);
                    }
                }
                _ => {}
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn note(topic: &str, payload: &[u8], told: &Arc<Mutex<Heard>>) {
    let Ok((_, device, channel)) = Channel::parse(topic) else {
        return;
    };
    let most = channel.rules().max_bytes;
    match channel {
        Channel::Online => {
            if let Ok(Presence::Online(message)) = Presence::parse(payload, most) {
                heard(told).births.insert(device, message.envelope.ts);
            }
        }
        Channel::Event(class) => {
            if let Ok(message) = Message::<Event>::parse(payload, most) {
                let mut told = heard(told);
                if !told.events.insert(message.envelope.id) {
                    told.repeated += 1;
                } else if class == EventClass::Security {
                    told.security.push(message.body.event);
                }
            }
        }
        _ => {}
    }
}
