//! What a fleet of simulated boxes does on one broker, in figures.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use access::User;
use fleet::contract::{Channel, CommandName, DeviceId, Event, EventClass, Id, Message, Presence, Serial};
use fleet::link::{Limits, Link, News, Opening, Session, Subscription};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use roomctl::apply::{self, Verdict};
use roomctl::order;
use roomctl::plan::{Plan, Room as PlannedRoom};
use serde::Serialize;
use tokio::task::JoinHandle;

use crate::Error;
use crate::broker::{Broker, Door, etat};
use crate::ledger::{Shared, locked};
use crate::office::Office;
use crate::rooms::{Birth, Room};
use crate::workshop::{Desk, Enrolled, enrol, serial};

/// Bins of [`Figures::reconnect_peak_over_mean`].
const BIN: Duration = Duration::from_secs(5);
/// Boxes that enrol at the same time.
const AT_A_TIME: usize = 16;
/// Commands that are timed.
const COMMANDS: usize = 100;

/// What to measure.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// How many boxes.
    pub boxes: usize,
    /// Over how long they spread their connections.
    pub spread: Duration,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Boxes that were asked for.
    pub boxes: usize,
    /// Got their certificate from the enrolment service, over the broker.
    pub enrolled: usize,
    /// From the first request to the last certificate.
    pub enrol_seconds: f64,
    /// Over how many seconds connections were spread.
    pub spread_seconds: f64,
    /// From the first switch to the birth of the last box.
    pub connect_seconds: f64,
    /// Took their configuration.
    pub applied: usize,
    /// From `roomctl apply` to the last report.
    pub apply_seconds: f64,
    /// Resident memory of the broker with all of them, before it was killed.
    pub broker_rss_mb: f64,
    /// Resident memory of all boxes together.
    pub boxes_rss_mb: f64,
    /// Boxes that came back after the broker was killed.
    pub reconnected: usize,
    /// The busiest five seconds over the mean of the spread.
    pub reconnect_peak_over_mean: f64,
    /// Events that a box had on disk.
    pub events_accepted: usize,
    /// Of those, that a consumer without duplicates has.
    pub events_delivered_once: usize,
    /// Of those, that it has not.
    pub events_lost: usize,
    /// Copies that it dropped.
    pub events_repeated: u64,
    /// From typing to the last answer.
    pub command_median_ms: f64,
    /// The slowest but one of a hundred.
    pub command_99_ms: f64,
    /// Commands that a box did more than once.
    pub commands_executed_twice: usize,
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
    /// From the first request of a box to the last certificate.
    pub enrol_seconds: f64,
    consumer: JoinHandle<()>,
    spread: Duration,
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
    /// The broker does not start; OpenSSL's.
    pub async fn start(order: Order) -> Result<Self, Error> {
        let tenant = etat()?;
        let office = Office::new(&tenant)?;
        let serials: Vec<Serial> = (0..order.boxes).map(serial).collect::<Result<_, _>>()?;
        let mut users: Vec<User> = vec![office.user("alice")?, office.user("bob")?];
        users.push(User::Reader {
            tenant: tenant.clone(),
            name: "collector".try_into()?,
        });
        users.push(User::Enrolment {
            name: "enrolment".try_into()?,
        });
        users.extend(serials.iter().map(|serial| User::Box {
            tenant: tenant.clone(),
            device: serial.device(),
        }));
        let (boxes, makers) = (office.folder.authority("boxes")?, office.folder.authority("maker")?);
        let broker = Broker::start_for(&users, Some((boxes.certificate(), makers.certificate())))?;
        let desk = Desk::open(&office, &broker, &serials)?;
        let heard = Arc::new(Mutex::new(Heard::default()));
        let identity = broker.authority(Door::Staff).client("collector", tenant.as_str())?;
        let consumer = tokio::spawn(consume(
            broker.target(Door::Staff, &identity, Limits::default())?,
            format!("cr/v1/{tenant}"),
            heard.clone(),
        ));
        let ledger = Shared::default();
        let begun = Instant::now();
        let enrolled: Vec<(DeviceId, Enrolled)> = stream::iter(serials)
            .map(async |serial| Ok::<_, Error>((serial.device(), enrol(&office, &broker, &serial).await?)))
            .buffered(AT_A_TIME)
            .try_collect()
            .await?;
        drop(desk);
        let enrol_seconds = begun.elapsed().as_secs_f64();
        let mut rooms = Vec::new();
        for (device, enrolled) in enrolled {
            let birth = Birth {
                tenant: tenant.clone(),
                targets: vec![broker.target(Door::Boxes, &enrolled.identity, Limits::default())?],
                verifier: enrolled.verifier,
                device,
                spread: order.spread,
            };
            rooms.push(Room::start(birth, &ledger)?);
        }
        Ok(Self {
            broker,
            office,
            rooms,
            ledger,
            heard,
            enrol_seconds,
            consumer,
            spread: order.spread,
        })
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
        let all = self.rooms.len();
        let born = || {
            heard(&self.heard)
                .births
                .values()
                .filter(|birth| **birth >= after)
                .count()
        };
        until("all boxes are there", self.patience(), || born() == all)
            .await
            .map_err(|error| format!("{error}: {} of {all}", born()).into())
    }

    /// A plan that gives each box its room.
    #[must_use]
    pub fn plan(&self, volume: u8) -> Plan {
        let of = |room: &Room| {
            let cfg = serde_json::json!({
                "room": {"name": format!("Room {}", room.device())},
                "jitsi": {"url": "https://meet.example"},
                "av": {"volume": volume},
                "fleet": {"reconnect_spread_s": self.spread.as_secs()},
            });
            let planned = PlannedRoom {
                name: room.device().to_string(),
                site: self.office.site.clone(),
                cfg: cfg.as_object().cloned().unwrap_or_default(),
            };
            (room.device().clone(), planned)
        };
        Plan {
            rooms: self.rooms.iter().map(of).collect(),
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

/// The busiest bin over the mean rate: of the time that it took, and of `spread` at least.
#[must_use]
pub fn peak_over_mean(births: &[Timestamp], spread: Duration) -> f64 {
    let (Some(first), Some(last)) = (births.iter().min(), births.iter().max()) else {
        return 0.0;
    };
    let took = last.duration_since(*first).as_secs_f64().max(spread.as_secs_f64());
    let mut bins = BTreeMap::<i64, usize>::new();
    let width = i64::try_from(BIN.as_millis()).unwrap_or(i64::MAX);
    for birth in births {
        let after = birth.as_millisecond() - first.as_millisecond();
        *bins.entry(after / width).or_default() += 1;
    }
    let peak = bins.values().max().copied().unwrap_or(0) as f64;
    let mean = births.len() as f64 / (took / BIN.as_secs_f64()).max(1.0);
    peak / mean
}

fn megabytes(bytes: u64) -> f64 {
    (bytes as f64 / 1e5).round() / 10.0
}

/// Resident memory of this process, bytes.
///
/// # Errors
/// No `/proc`.
pub fn own_memory() -> Result<u64, Error> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1024)
}

/// Measures it all. `say` gets a sentence at each step.
///
/// # Errors
/// Something did not come true at all; what came true badly stands in the figures.
pub async fn measure(order: Order, say: impl Fn(&str)) -> Result<Figures, Error> {
    let born_after = Timestamp::now();
    let begun = Instant::now();
    let mut fleet = Fleet::start(order).await?;
    say(&format!("{} boxes are enrolled and switched on", order.boxes));
    fleet.all_born(born_after).await?;
    let connect_seconds = begun.elapsed().as_secs_f64() - fleet.enrol_seconds;
    say(&format!("all are there after {connect_seconds:.1} s"));

    let mut console = fleet.office.console(&fleet.broker, "alice").await?;
    let mut author = fleet.office.administrator("alice")?;
    let anchors = fleet.office.anchors()?;
    let plan = fleet.plan(40);
    let begun = Instant::now();
    let proposal = apply::compare(&mut console, &anchors, &plan).await?;
    let outcome = apply::publish(
        &mut console,
        &mut author,
        &anchors,
        &plan,
        &proposal,
        fleet::contract::ApplyWhen::Now,
    )
    .await?;
    let verdicts = apply::wait(&mut console, &outcome.published, fleet.patience()).await?;
    let apply_seconds = begun.elapsed().as_secs_f64();
    let applied = verdicts
        .values()
        .filter(|verdict| **verdict == Verdict::Applied)
        .count();
    say(&format!(
        "{applied} have applied their configuration after {apply_seconds:.1} s"
    ));

    let times = commands(&fleet, &mut console, &mut author).await?;
    say("commands are answered");
    console.close().await;

    fleet.happen("before").await;
    let ledger = fleet.ledger.clone();
    until("every box has accepted an event", fleet.patience(), || {
        locked(&ledger).accepted.len() >= order.boxes
    })
    .await?;
    until("what happened before has arrived", fleet.patience(), || {
        fleet.missing() == 0
    })
    .await?;
    let (broker_memory, boxes_memory) = (fleet.broker.memory()?, own_memory()?);
    // What the broker acknowledges from here on it has not saved.
    let storm = Instant::now();
    while storm.elapsed() < Duration::from_secs(4) {
        fleet.happen(&format!("storm-{}", storm.elapsed().as_millis())).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    fleet.broker.kill()?;
    let killed = Timestamp::now();
    say("the broker is killed");
    fleet.happen("without a broker").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    fleet.broker.start_again()?;
    fleet.all_born(killed).await?;
    let births: Vec<Timestamp> = heard(&fleet.heard).births.values().copied().collect();
    let reconnected = births.iter().filter(|birth| **birth > killed).count();
    say(&format!("{reconnected} are back"));
    // Whatever is still missing then is lost.
    let _ = until("every event has arrived", fleet.patience(), || fleet.missing() == 0).await;

    let ledger = locked(&fleet.ledger);
    let told = heard(&fleet.heard);
    let delivered = ledger.accepted.intersection(&told.events).count();
    Ok(Figures {
        boxes: order.boxes,
        enrolled: fleet.rooms.len(),
        enrol_seconds: fleet.enrol_seconds,
        spread_seconds: order.spread.as_secs_f64(),
        connect_seconds,
        applied,
        apply_seconds,
        broker_rss_mb: megabytes(broker_memory),
        boxes_rss_mb: megabytes(boxes_memory),
        reconnected,
        reconnect_peak_over_mean: peak_over_mean(&births, order.spread),
        events_accepted: ledger.accepted.len(),
        events_delivered_once: delivered,
        events_lost: ledger.accepted.len() - delivered,
        events_repeated: told.repeated,
        command_median_ms: times.get(times.len() / 2).copied().unwrap_or(f64::NAN),
        command_99_ms: times.get(times.len().saturating_sub(2)).copied().unwrap_or(f64::NAN),
        commands_executed_twice: ledger.executed.values().filter(|times| **times > 1).count(),
    })
}

/// Milliseconds from typing to the last answer, sorted.
async fn commands(
    fleet: &Fleet,
    console: &mut roomctl::console::Console,
    author: &mut roomctl::author::Author,
) -> Result<Vec<f64>, Error> {
    order::prepare(console).await?;
    let mut times = Vec::new();
    for number in 0..COMMANDS {
        let room = &fleet.rooms[number * 37 % fleet.rooms.len()];
        let begun = Instant::now();
        let patience = Duration::from_secs(30);
        let name = CommandName::AvMute;
        order::ask(
            console,
            author,
            room.device(),
            name,
            serde_json::Map::new(),
            patience,
            |_| {},
        )
        .await?;
        times.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}
