//! Many boxes on one broker.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use fleet::contract::{ApplyWhen, Channel};
use fleet::link::Publication;
use fleet_lab::ledger::locked;
use fleet_lab::measure::{Fleet, Order, Return, measure, until};
use fleet_lab::progress::Progress;
use jiff::{SignedDuration, Timestamp};
use roomctl::apply::{self, Change, Verdict};

const A_MINUTE: Duration = Duration::from_secs(60);

fn of(boxes: usize) -> Order {
    Order {
        boxes,
        spread: Duration::from_secs(2),
    }
}

async fn fleet_of(boxes: usize) -> Fleet {
    let begun = Timestamp::now();
    let fleet = Fleet::start(of(boxes)).await.unwrap();
    fleet.all_born(begun).await.unwrap();
    fleet
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_boxes_are_configured_and_commanded_and_lose_nothing_when_the_broker_is_killed() {
    let figures = measure(of(20), Duration::ZERO, None, &Progress::silent())
        .await
        .unwrap();
    assert_eq!((figures.enrolled, figures.applied, figures.reconnected), (20, 20, 20));
    assert!(figures.registry_mb > 0.0 && figures.broker_disk_mb > 0.0, "{figures:?}");
    assert!(figures.events_accepted >= 60, "{figures:?}");
    assert_eq!(figures.events_delivered_once, figures.events_accepted);
    assert_eq!((figures.events_lost, figures.commands_executed_twice), (0, 0));
    assert!(
        figures.events_repeated > 0,
        "what was acknowledged before the kill is said again"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_administrators_who_change_the_same_rooms_at_once_one_is_refused_and_nothing_is_lost() {
    let fleet = fleet_of(6).await;
    let anchors = fleet.office.anchors().unwrap();
    let mut alice = fleet.office.console(&fleet.broker, "alice").await.unwrap();
    let mut bob = fleet.office.console(&fleet.broker, "bob").await.unwrap();
    let (mut of_alice, mut of_bob) = (
        fleet.office.administrator("alice").unwrap(),
        fleet.office.administrator("bob").unwrap(),
    );
    let (loud, quiet) = (fleet.plan(80), fleet.plan(20));
    // Both look before either acts.
    let wants_loud = apply::compare(&mut alice, &anchors, &loud).await.unwrap();
    let wants_quiet = apply::compare(&mut bob, &anchors, &quiet).await.unwrap();
    let (alices, bobs) = tokio::join!(
        apply::publish(&mut alice, &mut of_alice, &anchors, &loud, &wants_loud, ApplyWhen::Now),
        apply::publish(&mut bob, &mut of_bob, &anchors, &quiet, &wants_quiet, ApplyWhen::Now),
    );
    let (alices, bobs) = (alices.unwrap(), bobs.unwrap());
    for room in &fleet.rooms {
        let device = room.device();
        assert_ne!(
            alices.published.contains_key(device),
            bobs.published.contains_key(device),
            "{device} is as exactly one of them wants it"
        );
    }
    assert_eq!(alices.conflicts.len() + bobs.conflicts.len(), 6);
    assert!(
        alices
            .conflicts
            .iter()
            .all(|conflict| conflict.by == "bob" && conflict.rev == 1)
    );
    for (console, outcome) in [(&mut alice, &alices), (&mut bob, &bobs)] {
        let verdicts = apply::wait(console, &outcome.published, A_MINUTE).await.unwrap();
        assert_eq!(verdicts.len(), outcome.published.len());
    }
    // What the broker keeps is what the boxes took, for whoever comes later.
    let mut later = fleet.office.console(&fleet.broker, "alice").await.unwrap();
    let proposal = apply::compare(&mut later, &anchors, &loud).await.unwrap();
    for (device, (change, _)) in &proposal.changes {
        assert_eq!(
            *change == Change::Same,
            alices.published.contains_key(device),
            "{device}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_applied_twice_is_published_once_and_revisions_only_grow() {
    let fleet = fleet_of(3).await;
    let anchors = fleet.office.anchors().unwrap();
    let mut console = fleet.office.console(&fleet.broker, "alice").await.unwrap();
    let mut author = fleet.office.administrator("alice").unwrap();
    for (volume, rev, changes) in [(40, 1, 3), (40, 1, 0), (50, 2, 3)] {
        let plan = fleet.plan(volume);
        let mut console = fleet.office.console(&fleet.broker, "alice").await.unwrap();
        let proposal = apply::compare(&mut console, &anchors, &plan).await.unwrap();
        assert!(
            proposal.changes.values().all(|(_, proposed)| *proposed == rev),
            "{proposal:?}"
        );
        let outcome = apply::publish(&mut console, &mut author, &anchors, &plan, &proposal, ApplyWhen::Now)
            .await
            .unwrap();
        assert_eq!(outcome.published.len(), changes);
        let verdicts = apply::wait(&mut console, &outcome.published, A_MINUTE).await.unwrap();
        assert!(
            verdicts.values().all(|verdict| *verdict == Verdict::Applied),
            "{verdicts:?}"
        );
        assert_eq!(verdicts.len(), changes);
    }
    // The broker comes back with nothing, the boxes say what they have: the next revision is above that.
    let plan = fleet.plan(60);
    let desired: Vec<String> = fleet
        .rooms
        .iter()
        .map(|room| Channel::ConfigDesired.topic(&fleet.office.tenant, room.device()))
        .collect();
    for topic in desired {
        let mut empty = Publication::new(console.next_token(), topic, "");
        empty.retain = true;
        console.publish(empty).await.unwrap();
    }
    let proposal = apply::compare(&mut console, &anchors, &plan).await.unwrap();
    assert!(
        proposal
            .changes
            .values()
            .all(|(change, rev)| (change, *rev) == (&Change::New, 3)),
        "{proposal:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_signature_of_another_site_or_of_a_stranger_changes_nothing() {
    let fleet = fleet_of(2).await;
    let anchors = fleet.office.anchors().unwrap();
    let stranger = fleet_lab::office::Office::new(&fleet.office.tenant).unwrap();
    let authors = [
        fleet
            .office
            .author("of-another-site", &["hemicycle://etat/paris/*"])
            .unwrap(),
        fleet
            .office
            .author("for-updates", &["hemicycle://etat/*/update"])
            .unwrap(),
        stranger.administrator("stranger").unwrap(),
    ];
    let plan = fleet.plan(80);
    for mut author in authors {
        let mut console = fleet.office.console(&fleet.broker, "alice").await.unwrap();
        let proposal = apply::compare(&mut console, &anchors, &plan).await.unwrap();
        let outcome = apply::publish(&mut console, &mut author, &anchors, &plan, &proposal, ApplyWhen::Now)
            .await
            .unwrap();
        // The broker cannot know, whoever publishes can.
        assert_eq!(outcome.disbelieved.len(), 2);
        assert!(outcome.published.is_empty());
    }
    let mut console = fleet.office.console(&fleet.broker, "alice").await.unwrap();
    let mut author = fleet.office.administrator("alice").unwrap();
    let plan = fleet.plan(10);
    let proposal = apply::compare(&mut console, &anchors, &plan).await.unwrap();
    let outcome = apply::publish(&mut console, &mut author, &anchors, &plan, &proposal, ApplyWhen::Now)
        .await
        .unwrap();
    let verdicts = apply::wait(&mut console, &outcome.published, A_MINUTE).await.unwrap();
    assert_eq!(verdicts.len(), 2);
    let ledger = locked(&fleet.ledger);
    let all: Vec<u64> = ledger.applied.values().copied().collect();
    assert_eq!(all, [1, 1], "only the last of four");
    assert!(!ledger.security.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_that_is_killed_in_a_storm_delivers_every_event_that_it_had_on_disk() {
    let mut fleet = fleet_of(3).await;
    for round in 0..5 {
        fleet.happen(&format!("storm-{round}")).await;
        for room in &mut fleet.rooms {
            room.kill().await;
            room.start_again().unwrap();
        }
    }
    assert!(!locked(&fleet.ledger).accepted.is_empty());
    until("everything has arrived", A_MINUTE, || fleet.missing() == 0)
        .await
        .unwrap();
}

#[test]
fn the_peak_is_that_of_the_busiest_five_seconds() {
    let begin = Timestamp::now();
    let at = |seconds: i64| begin + SignedDuration::from_secs(seconds);
    let even: Vec<Timestamp> = (0..60).map(at).collect();
    assert!((Return::of(&even).peak_over_mean(A_MINUTE) - 1.0).abs() < 1e-9);
    let storm: Vec<Timestamp> = (0..60).map(|_| at(0)).collect();
    assert!((Return::of(&storm).peak_over_mean(A_MINUTE) - 12.0).abs() < 1e-9);
    // Two of a hundred that come much later do not make a storm of the others.
    let stragglers: Vec<Timestamp> = (0..98)
        .map(|number| at(number % 60))
        .chain([at(200), at(230)])
        .collect();
    assert!((1.0..1.5).contains(&Return::of(&stragglers).peak_over_mean(A_MINUTE)));
}
