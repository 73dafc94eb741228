//! A release reaches boxes through a real broker.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use fleet::contract::{Channel, Message, Phase, Update, UpdateReport};
use fleet::link::Publication;
use fleet_lab::installer::RELEASE;
use fleet_lab::ledger::locked;
use fleet_lab::measure::{Fleet, Order, until};
use fleet_lab::rooms::Room;
use jiff::Timestamp;
use roomctl::author::Author;

const A_MINUTE: Duration = Duration::from_secs(60);

fn release(rev: u64, release: &str) -> Update {
    Update {
        rev,
        release: release.into(),
        url: "https://updates.example/x.raucb".into(),
        size: 1_000,
        // Each has a bundle of its own.
        sha256: format!("{:0>64}", release.replace('.', "")),
        manifest_hash: "x".into(),
        min_from: None,
        security_version: 1,
        not_before: None,
        window: None,
        deadline: None,
        wave: None,
        allow_in_call: false,
    }
}

async fn desire(fleet: &Fleet, alice: &mut Author, update: &Update) {
    let mut console = fleet.office.console(&fleet.broker, "alice").await.unwrap();
    for room in &fleet.rooms {
        let topic = Channel::UpdateDesired.topic(&fleet.office.tenant, room.device());
        let message = alice.stamp(update.clone());
        let signed = alice.signed(&topic, &message).unwrap();
        let mut publication = Publication::new(console.next_token(), topic, signed);
        publication.retain = true;
        console.publish(publication).await.unwrap();
    }
    console.close().await;
}

/// Until every box says that, about that revision.
async fn all_say(fleet: &Fleet, rev: u64, phase: Phase, running: &str) {
    say(fleet, &fleet.rooms, rev, phase, running).await;
}

/// The same of these boxes.
async fn say(fleet: &Fleet, rooms: &[Room], rev: u64, phase: Phase, running: &str) {
    let topic = |device| Channel::UpdateReported.topic(&fleet.office.tenant, device);
    let topics: Vec<String> = rooms.iter().map(|room| topic(room.device())).collect();
    let begun = Instant::now();
    loop {
        let mut console = fleet.office.console(&fleet.broker, "alice").await.unwrap();
        let kept = console.kept(&topics).await.unwrap();
        console.close().await;
        let reports: Vec<UpdateReport> = kept
            .values()
            .map(|payload| Message::parse(payload, 8_192).unwrap().body)
            .collect();
        let said =
            |report: &&UpdateReport| (report.rev, report.phase, report.running.as_str()) == (rev, phase, running);
        if reports.iter().filter(said).count() == topics.len() {
            return;
        }
        assert!(begun.elapsed() < A_MINUTE, "{phase:?} of {rev}: {reports:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_release_is_reached_and_said_again_after_a_kill_and_the_next_one_is_withdrawn() {
    let begun = Timestamp::now();
    let spread = Duration::from_secs(1);
    let mut fleet = Fleet::start(Order { boxes: 3, spread }).await.unwrap();
    fleet.all_born(begun).await.unwrap();
    all_say(&fleet, 0, Phase::Idle, RELEASE).await;
    let mut alice = fleet.office.administrator("alice").unwrap();
    desire(&fleet, &mut alice, &release(1, "2.4.0")).await;
    all_say(&fleet, 1, Phase::Confirmed, "2.4.0").await;
    for room in &mut fleet.rooms {
        room.kill().await;
        room.start_again().unwrap();
    }
    let mut later = release(2, "2.5.0");
    later.not_before = Some(Timestamp::now() + jiff::SignedDuration::from_hours(1));
    desire(&fleet, &mut alice, &later).await;
    all_say(&fleet, 2, Phase::Waiting, "2.4.0").await;
    desire(&fleet, &mut alice, &release(3, "2.4.0")).await;
    all_say(&fleet, 3, Phase::Idle, "2.4.0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_that_gets_to_nobody_under_the_release_goes_back_to_the_one_before() {
    let begun = Timestamp::now();
    let spread = Duration::from_secs(1);
    let fleet = Fleet::start(Order { boxes: 2, spread }).await.unwrap();
    fleet.all_born(begun).await.unwrap();
    let unfit = fleet.rooms[0].device().clone();
    locked(&fleet.ledger).unfit.insert(unfit.clone());
    let mut alice = fleet.office.administrator("alice").unwrap();
    desire(&fleet, &mut alice, &release(1, "2.4.0")).await;
    say(&fleet, &fleet.rooms[..1], 1, Phase::RolledBack, RELEASE).await;
    say(&fleet, &fleet.rooms[1..], 1, Phase::Confirmed, "2.4.0").await;
    // It tries once more, some seconds later in the time of these boxes, and is back again.
    let running = || locked(&fleet.ledger).running.get(&unfit).cloned();
    until("it is back", A_MINUTE, || running().as_deref() == Some(RELEASE))
        .await
        .unwrap();
}
