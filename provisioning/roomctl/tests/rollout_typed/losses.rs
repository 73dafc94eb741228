//! Conductors die, sleep, and lose their registry.

use std::time::{Duration, Instant};

use enrolment::registry::{Claim, Wish};
use fleet::contract::{Channel, Serial};
use fleet_lab::workshop::serial;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use roomctl::rollout::conductor::{read, written};
use roomctl::rollout::{Engine, Input, State};
use rustix::process::Signal;

use crate::bench::{A_MINUTE, Bench, START};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abort_waits_for_the_lease_of_a_conductor_who_was_killed_and_is_not_talked_over() {
    let bench = Bench::of(6).await;
    bench.hold(true);
    let mut alice = bench.conducts("alice", &START);
    for _ in 0..3 {
        alice.says("begins").await;
    }
    alice.dies().await;
    let bob = bench.conducts("bob", &["rollout", "abort"]);
    // It is written down; nobody has done it.
    let begun = Instant::now();
    while bench.head().wish != Wish::Abort {
        assert!(begun.elapsed() < A_MINUTE, "bob's wish is not written down");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for order in ["pause", "resume"] {
        let said = bench.type_in("alice", &["rollout", order]).await;
        assert_eq!(said.code, 4, "{order}: {}{}", said.out, said.err);
        assert!(said.err.contains("bob wants rollout"), "{order}: {}", said.err);
    }
    assert_eq!(bench.status().await[0]["state"], "running");
    bench.end_lease();
    let said = bob.ends().await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("taken back from 3 boxes"), "{}", said.out);
    assert!(said.err.contains("alice conducts rollout"), "{}", said.err);
    assert_eq!(bench.status().await[0]["state"], "aborted");
    bench.all_idle().await;
    bench.hold(false);
    assert_eq!(bench.running_new(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_conductor_saved_and_did_not_come_to_publish_is_published_by_the_next() {
    let bench = Bench::of(6).await;
    bench.hold(true);
    let mut alice = bench.conducts("alice", &START);
    for _ in 0..3 {
        alice.says("begins").await;
    }
    alice.dies().await;
    // As if she had been killed between the registry and the broker.
    let head = bench.head();
    let mut registry = bench.registry();
    let mut record = registry.rollout(&head.id).unwrap();
    let mut engine = Engine::new(read(&record).unwrap(), TimeZone::UTC, Timestamp::now());
    for input in [Input::AllHeard, Input::Abort] {
        engine.handle(input, Timestamp::now());
    }
    assert_eq!(engine.rollout().state, State::Aborted);
    record.document = written(&head.id, engine.rollout()).unwrap();
    let holder = head.seat.unwrap().holder;
    registry.save_rollout(&record, &holder).unwrap();
    registry.leave_seat(&head.id, &holder).unwrap();
    let said = bench
        .type_in("bob", &["rollout", "start", "--all", "--image", "image.toml"])
        .await;
    assert_eq!(said.code, 4, "it is not over: {}{}", said.out, said.err);
    let said = bench.type_in("bob", &["rollout", "abort"]).await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    bench.all_idle().await;
    bench.hold(false);
    let said = bench.type_in("bob", &["rollout", "abort"]).await;
    assert!(
        said.code == 2 && said.err.contains("no rollout goes on"),
        "{}",
        said.err
    );
    assert_eq!(bench.running_new(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conductor_who_slept_through_the_lease_leaves_everything_as_the_next_one_has_left_it() {
    let bench = Bench::of(6).await;
    bench.hold(true);
    let mut alice = bench.conducts("alice", &START);
    for _ in 0..3 {
        alice.says("begins").await;
    }
    alice.signal(Signal::STOP);
    bench.end_lease();
    let said = bench.type_in("bob", &["rollout", "abort"]).await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let left = bench.registry().rollouts(&bench.fleet.office.tenant).unwrap();
    bench.hold(false);
    alice.signal(Signal::CONT);
    let said = alice.ends().await;
    assert_eq!(said.code, 4, "{}{}", said.out, said.err);
    assert!(said.err.contains("somebody else conducts"), "{}", said.err);
    let now = bench.registry().rollouts(&bench.fleet.office.tenant).unwrap();
    assert_eq!(now, left);
    bench.all_idle().await;
    assert_eq!(bench.running_new(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_that_is_forgotten_meanwhile_is_in_no_row_and_its_document_not_at_the_broker() {
    let bench = Bench::of(6).await;
    bench.hold(true);
    let mut alice = bench.conducts("alice", &START);
    let line = alice.says("begins").await;
    alice.says("begins").await;
    let named = |serial: &Serial| line.contains(serial.device().as_str());
    let serial = (0..6).map(|number| serial(number).unwrap()).find(named).unwrap();
    let claim = Claim {
        tenant: bench.fleet.office.tenant.clone(),
        site: bench.fleet.office.site.clone(),
        room: Some("r-1".try_into().unwrap()),
        serial: serial.clone(),
    };
    let mut registry = bench.registry();
    registry.claim(&claim, "alice", false, Timestamp::now()).unwrap();
    let room = claim.room.as_ref().unwrap();
    // The broker still has what the box was told, as if it had come a moment after `forget` had looked.
    let gone = registry.forget_room(&claim.tenant, &claim.site, room).unwrap();
    assert_eq!(gone, std::slice::from_ref(&serial));
    bench.hold(false);
    let said = alice.ends().await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("done: 5 boxes run it"), "{}", said.out);
    let head = registry.rollouts(&claim.tenant).unwrap().remove(0);
    let record = registry.rollout(&head.id).unwrap();
    assert!(
        !record.document.contains(serial.device().as_str()),
        "{}",
        record.document
    );
    let topic = Channel::UpdateDesired.topic(&claim.tenant, &serial.device());
    let mut console = bench.fleet.office.console(&bench.fleet.broker, "bob").await.unwrap();
    let kept = console.kept(std::slice::from_ref(&topic)).await.unwrap();
    console.close().await;
    assert!(kept.is_empty(), "{kept:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registry_that_is_away_for_a_while_ends_nothing() {
    let bench = Bench::of(6).await;
    bench.hold(true);
    let mut alice = bench.conducts("alice", &START);
    alice.says("begins").await;
    bench.registry_is_away(true);
    alice.says("the waves wait until it is back").await;
    bench.hold(false);
    bench.registry_is_away(false);
    let said = alice.ends().await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("done: 6 boxes run it"), "{}", said.out);
}
