//! What a fleet of simulated boxes does on one broker, in figures.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use fleet::contract::{ApplyWhen, CommandName, DeviceId};
use jiff::Timestamp;
use roomctl::apply::{self, Verdict};
use roomctl::author::Author;
use roomctl::console::Console;
use roomctl::order;

use crate::Error;
use crate::broker::etat;
use crate::figures::{Figures, megabytes, notes};
use crate::ledger::locked;
use crate::office::Office;
use crate::progress::Progress;
use crate::room_box::RoomBox;
use crate::rooms::Room;
pub use crate::running::{Fleet, Heard, Order, heard, until};

/// Bins of [`Figures::reconnect_peak_over_mean`].
const BIN: Duration = Duration::from_secs(5);
/// Commands that are timed.
const COMMANDS: usize = 100;

/// How boxes came back.
pub struct Return {
    /// How many.
    count: usize,
    /// From the first to the last, seconds.
    seconds: f64,
    /// Until 95 of 100 were back.
    most_seconds: f64,
    /// In the busiest bin.
    busiest: usize,
}

impl Return {
    /// By when each said that it is there again.
    #[must_use]
    pub fn of(births: &[Timestamp]) -> Self {
        let mut births = births.to_vec();
        births.sort_unstable();
        let after = |birth: &Timestamp| birth.duration_since(births[0]);
        let mut bins = BTreeMap::<u128, usize>::new();
        for birth in &births {
            let bin = after(birth).unsigned_abs().as_millis() / BIN.as_millis();
            *bins.entry(bin).or_default() += 1;
        }
        let seconds = |birth: Option<&Timestamp>| birth.map_or(0.0, |birth| after(birth).as_secs_f64());
        Self {
            count: births.len(),
            seconds: seconds(births.last()),
            most_seconds: seconds(births.get(births.len() * 95 / 100).or(births.last())),
            busiest: bins.values().max().copied().unwrap_or(0),
        }
    }

    /// The busiest bin over the mean rate: of the time in which 95 of 100 came back, and of `spread` at least. The last few knocked
    /// while nobody was there, and wait longer: with them in it the mean says nothing about the others. 0: nobody came.
    #[must_use]
    pub fn peak_over_mean(&self, spread: Duration) -> f64 {
        let bins = (self.most_seconds.max(spread.as_secs_f64()) / BIN.as_secs_f64()).max(1.0);
        let mean = self.count as f64 / bins;
        if self.count == 0 {
            0.0
        } else {
            self.busiest as f64 / mean
        }
    }
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

fn per_box(total: f64, boxes: usize) -> f64 {
    (total / boxes.max(1) as f64 * 100.0).round() / 100.0
}

/// Measures it all. `settle`: how long the fleet is left alone before its broker is killed. `roomd`: the real box that is one
/// more, if there shall be one.
///
/// # Errors
/// Something did not come true at all; what came true badly stands in the figures.
pub async fn measure(
    order: Order,
    settle: Duration,
    roomd: Option<&Path>,
    progress: &Progress,
) -> Result<Figures, Error> {
    let born_after = Timestamp::now();
    let fleet = Fleet::start_in(Office::new(&etat()?)?, order, roomd, progress).await?;
    let mut figures = Figures {
        boxes: fleet.wanted,
        enrolled: fleet.rooms.len(),
        enrol_seconds: fleet.enrol_seconds,
        broker_rss_alone_mb: megabytes(fleet.broker_alone),
        broker_cpu_ms_per_enrolment: per_box(fleet.broker_enrolling * 1_000.0, fleet.rooms.len()),
        spread_seconds: order.spread.as_secs_f64(),
        settled_seconds: settle.as_secs_f64(),
        notes: notes(fleet.room_box.is_some()),
        ..Figures::default()
    };
    progress.say(&format!(
        "{} boxes are enrolled, after {:.1} s, and switched on",
        figures.enrolled, figures.enrol_seconds
    ));
    connect(&fleet, born_after, &mut figures, progress).await?;
    let mut console = fleet.office.console(&fleet.broker, "alice").await?;
    let mut author = fleet.office.administrator("alice")?;
    configure(&fleet, &mut console, &mut author, &mut figures, progress).await?;
    let times = commands(&fleet, &mut console, &mut author).await?;
    progress.say("commands are answered");
    console.close().await;
    figures.command_median_ms = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
    figures.command_99_ms = times.get(times.len().saturating_sub(2)).copied().unwrap_or(f64::NAN);
    if !settle.is_zero() {
        progress.say(&format!("the fleet is left alone for {} s", settle.as_secs()));
        tokio::time::sleep(settle).await;
    }
    lose_the_broker(fleet, &mut figures, progress).await?;
    Ok(figures)
}

/// Until all have said that they are there.
async fn connect(
    fleet: &Fleet,
    born_after: Timestamp,
    figures: &mut Figures,
    progress: &Progress,
) -> Result<(), Error> {
    let (begun, processor) = (Instant::now(), fleet.broker.processor()?);
    let born = || fleet.born(born_after);
    let all = fleet.all_born(born_after);
    progress.watch("boxes are there", fleet.running(), born, all).await?;
    figures.connect_seconds = begun.elapsed().as_secs_f64();
    figures.broker_cpu_ms_per_connect = per_box((fleet.broker.processor()? - processor) * 1_000.0, fleet.rooms.len());
    let memory = fleet.broker.memory()?;
    figures.broker_rss_connected_mb = megabytes(memory);
    figures.broker_kb_per_box = per_box(
        memory.saturating_sub(fleet.broker_alone) as f64 / 1_000.0,
        fleet.rooms.len(),
    );
    progress.say(&format!("all are there after {:.1} s", figures.connect_seconds));
    Ok(())
}

/// One `apply` for all.
async fn configure(
    fleet: &Fleet,
    console: &mut Console,
    author: &mut Author,
    figures: &mut Figures,
    progress: &Progress,
) -> Result<(), Error> {
    let anchors = fleet.office.anchors()?;
    let plan = fleet.plan(40);
    let begun = Instant::now();
    let applying = async {
        let proposal = apply::compare(console, &anchors, &plan).await?;
        let outcome = apply::publish(console, author, &anchors, &plan, &proposal, ApplyWhen::Now).await?;
        Ok::<_, Error>(apply::wait(console, &outcome.published, fleet.patience()).await?)
    };
    let taken = || locked(&fleet.ledger).applied.len();
    let verdicts = progress
        .watch("boxes have their configuration", fleet.running(), taken, applying)
        .await?;
    let applied = |device: &DeviceId| verdicts.get(device) == Some(&Verdict::Applied);
    figures.apply_seconds = begun.elapsed().as_secs_f64();
    figures.applied = fleet.rooms.iter().filter(|room| applied(room.device())).count();
    figures.real_box_applied = fleet.room_box.as_ref().map(|real| applied(real.device()));
    progress.say(&format!(
        "{} have applied their configuration after {:.1} s",
        figures.applied, figures.apply_seconds
    ));
    Ok(())
}

/// Milliseconds from typing to the last answer, sorted.
async fn commands(fleet: &Fleet, console: &mut Console, author: &mut Author) -> Result<Vec<f64>, Error> {
    order::prepare(console).await?;
    let all: Vec<&DeviceId> = fleet
        .rooms
        .iter()
        .map(Room::device)
        .chain(fleet.room_box.iter().map(RoomBox::device))
        .collect();
    let mut times = Vec::new();
    for number in 0..COMMANDS {
        let device = all[number * 37 % all.len()];
        let begun = Instant::now();
        let patience = Duration::from_secs(30);
        let name = CommandName::AvMute;
        order::ask(console, author, device, name, serde_json::Map::new(), patience, |_| {}).await?;
        times.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// It is killed in a storm of events, and comes back.
async fn lose_the_broker(mut fleet: Fleet, figures: &mut Figures, progress: &Progress) -> Result<(), Error> {
    let processor = fleet.broker.processor()?;
    fleet.happen("before").await;
    let ledger = fleet.ledger.clone();
    until("every box has accepted an event", fleet.patience(), || {
        locked(&ledger).accepted.len() >= fleet.rooms.len()
    })
    .await?;
    until("what happened before has arrived", fleet.patience(), || {
        fleet.missing() == 0
    })
    .await?;
    figures.broker_cpu_us_per_event = per_box((fleet.broker.processor()? - processor) * 1e6, fleet.rooms.len());
    figures.broker_rss_mb = megabytes(fleet.broker.memory()?);
    figures.boxes_rss_mb = megabytes(own_memory()?);
    fleet.broker.save()?;
    // What the broker acknowledges from here on it has not saved.
    let storm = Instant::now();
    while storm.elapsed() < Duration::from_secs(4) {
        fleet.happen(&format!("storm-{}", storm.elapsed().as_millis())).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    fleet.broker.kill()?;
    figures.broker_disk_mb = size(&fleet.broker.database());
    figures.registry_mb = size(&fleet.office.folder.path("registry.db"));
    let killed = Timestamp::now();
    progress.say("the broker is killed");
    fleet.happen("without a broker").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    fleet.broker.start_again()?;
    let born = || fleet.born(killed);
    let all = fleet.all_born(killed);
    progress.watch("boxes are back", fleet.running(), born, all).await?;
    figures.broker_cpu_ms_per_reconnect = per_box(fleet.broker.processor()? * 1_000.0, fleet.rooms.len());
    let simulated: HashSet<&DeviceId> = fleet.rooms.iter().map(Room::device).collect();
    let births: Vec<Timestamp> = heard(&fleet.heard)
        .births
        .iter()
        .filter_map(|(device, birth)| simulated.contains(device).then_some(*birth))
        .collect();
    figures.reconnected = births.iter().filter(|birth| **birth > killed).count();
    let course = Return::of(&births);
    (figures.reconnect_seconds, figures.reconnect_most_seconds) = (course.seconds, course.most_seconds);
    figures.reconnect_busiest_5s = course.busiest;
    figures.reconnect_peak_over_mean = course.peak_over_mean(fleet.spread());
    progress.say(&format!("{} are back", figures.reconnected));
    // Whatever is still missing then is lost.
    let _ = until("every event has arrived", fleet.patience(), || fleet.missing() == 0).await;

    let ledger = locked(&fleet.ledger);
    let told = heard(&fleet.heard);
    let delivered = ledger.accepted.intersection(&told.events).count();
    figures.events_accepted = ledger.accepted.len();
    figures.events_delivered_once = delivered;
    figures.events_lost = ledger.accepted.len() - delivered;
    figures.events_repeated = told.repeated;
    figures.commands_executed_twice = ledger.executed.values().filter(|times| **times > 1).count();
    Ok(())
}

/// Of a file that may not be there, megabytes to the kilobyte.
fn size(path: &Path) -> f64 {
    std::fs::metadata(path).map_or(0.0, |file| (file.len() as f64 / 1e3).round() / 1e3)
}
