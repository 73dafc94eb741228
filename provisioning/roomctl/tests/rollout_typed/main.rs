//! `roomctl rollout` as it is typed: a real broker, a real registry, simulated boxes that run the real update machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bench;
mod losses;

use std::path::Path;

use enrolment::registry::{RolloutHead, RolloutRecord, Wish};
use fleet_lab::ledger::locked;
use serde_json::Value;
use tokio::time::timeout;

use bench::{A_MINUTE, Bench, START};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_reaches_every_box_wave_after_wave() {
    let bench = Bench::of(12).await;
    let said = bench.type_in("alice", &START).await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    for line in [
        "wave 1: until 3",
        "wave 2: until 6",
        "wave 3: until 12",
        "done: 12 boxes run it",
    ] {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
    assert_eq!(bench.running_new(), 12);
    let status = bench.status().await;
    assert_eq!(
        (status[0]["state"].as_str(), status[0]["updated"].as_u64()),
        (Some("done"), Some(12))
    );
    assert_eq!(status[0]["conductor"], Value::Null);
    // Whoever has it is not told again.
    let said = bench.type_in("bob", &[&START[..], &["-o", "json"]].concat()).await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let last: Value = serde_json::from_str(said.out.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["what"]["event"], &last["what"]["updated"]),
        (&"done".into(), &12.into()),
        "{last}"
    );
    assert!(!said.out.contains("started"), "{}", said.out);
    let said = bench.type_in("bob", &["rollout", "status"]).await;
    assert_eq!(said.out.matches(" done ").count(), 2, "{}", said.out);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_administrators_one_conducts_and_the_other_can_stop_it() {
    let bench = Bench::of(12).await;
    bench.hold(true);
    let mut alice = bench.conducts("alice", &START);
    alice.says("begins").await;
    // Some of the same boxes.
    let said = bench
        .type_in("bob", &["rollout", "start", "box-room-000001", "--image", "image.toml"])
        .await;
    assert_eq!(said.code, 4, "{}{}", said.out, said.err);
    assert!(
        said.err.contains("has some of these boxes and is not over"),
        "{}",
        said.err
    );
    let said = bench.type_in("bob", &["rollout", "resume"]).await;
    assert_eq!(said.code, 4, "{}{}", said.out, said.err);
    assert!(said.err.contains("alice conducts rollout 2.4.0-"), "{}", said.err);
    let said = bench.type_in("bob", &["rollout", "pause"]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("alice conducts"), "{}", said.out);
    alice.says("bob says:").await;
    alice.says("paused").await;
    // Those that were told go on, nobody else begins.
    bench.hold(false);
    for _ in 0..3 {
        alice.says("runs it").await;
    }
    let status = bench.status().await;
    assert_eq!(
        (&status[0]["state"], &status[0]["started"]),
        (&"paused".into(), &3.into()),
        "{status}"
    );
    assert_eq!(
        (status[0]["conductor"].as_str(), bench.running_new()),
        (Some("alice"), 3)
    );
    // Ctrl-C leaves it as it is.
    alice.interrupt();
    let said = alice.ends().await;
    assert_eq!(said.code, 130, "{}{}", said.out, said.err);
    assert!(said.err.contains("is left as it is"), "{}", said.err);
    assert_eq!(bench.status().await[0]["conductor"], Value::Null);
    let said = bench.type_in("bob", &["rollout", "resume"]).await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("done: 12 boxes run it"), "{}", said.out);
    assert_eq!(bench.running_new(), 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abort_takes_it_back_from_boxes_that_download_with_a_conductor_and_without() {
    let bench = Bench::of(6).await;
    bench.hold(true);
    let mut alice = bench.conducts("alice", &START);
    for _ in 0..3 {
        alice.says("begins").await;
    }
    let said = bench.type_in("bob", &["rollout", "abort"]).await;
    assert_eq!(said.code, 0, "{}", said.err);
    let said = alice.ends().await;
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    assert!(said.out.contains("taken back from 3 boxes"), "{}", said.out);
    assert_eq!(bench.status().await[0]["state"], "aborted");
    // Nobody conducts the next one.
    let mut alice = bench.conducts("alice", &START);
    for _ in 0..3 {
        alice.says("begins").await;
    }
    alice.interrupt();
    assert_eq!(alice.ends().await.code, 130);
    let said = bench.type_in("bob", &["rollout", "abort"]).await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("taken back from 3 boxes"), "{}", said.out);
    // A third one finds all boxes as they were, and they obey it: what was taken back was taken back.
    bench.all_idle().await;
    bench.hold(false);
    assert_eq!(bench.running_new(), 0);
    let said = bench.type_in("bob", &["rollout", "resume"]).await;
    assert_eq!(said.code, 2, "{}{}", said.out, said.err);
    let said = bench.type_in("bob", &START).await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(bench.running_new(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_release_stops_by_itself_and_says_which_boxes_in_french() {
    let bench = Bench::of(14).await;
    let all: Vec<_> = bench.fleet.rooms.iter().map(|room| room.device().clone()).collect();
    locked(&bench.fleet.ledger).broken.extend(all);
    let mut program = bench.program("alice", &START);
    let output = timeout(A_MINUTE, program.env("LC_ALL", "fr_FR.UTF-8").output())
        .await
        .unwrap()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("ARRÊT après 3 boîtiers commencés"), "{said}");
    assert!(
        said.contains("the slot cannot be written") && said.contains("box-room-0000"),
        "{said}"
    );
    let status = bench.status().await;
    assert_eq!(status[0]["state"], "stopped");
    assert_eq!(status[0]["harmed"].as_array().unwrap().len(), 3, "{status}");
    // Somebody looks, mends the boxes and goes on.
    locked(&bench.fleet.ledger).broken.clear();
    let said = bench.type_in("alice", &["rollout", "resume"]).await;
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(
        bench.running_new(),
        11,
        "those that were harmed are left to whoever looks after them"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_said_before_a_rollout_begins() {
    let bench = Bench::of(1).await;
    let start = async |words: &[&str]| bench.type_in("alice", &[&["rollout", "start"], words].concat()).await;
    let said = start(&["--all", "--image", "nowhere.toml"]).await;
    assert!(said.code == 2 && said.err.contains("nowhere.toml"), "{}", said.err);
    let said = start(&["--all", "--image", "image.toml", "--window", "22:00"]).await;
    assert!(said.code == 2 && said.err.contains("22:00-05:00"), "{}", said.err);
    let said = start(&["--all", "--image", "image.toml", "--zone", "Europe/Nowhere"]).await;
    assert!(said.code == 2 && said.err.contains("Europe/Nowhere"), "{}", said.err);
    let said = start(&["--image", "image.toml"]).await;
    assert!(said.code == 2 && said.err.contains("--all"), "{}", said.err);
    let said = start(&["--all", "--release", "2.4.0"]).await;
    assert!(said.code == 2 && said.err.contains("--sha256"), "{}", said.err);
    for order in ["pause", "resume", "abort"] {
        let said = bench.type_in("alice", &["rollout", order]).await;
        assert!(
            said.code == 2 && said.err.contains("no rollout goes on"),
            "{order}: {}",
            said.err
        );
    }
    // One of another organisation in the same registry is none.
    let (id, tenant) = ("9.9.9-yyyy".to_owned(), "another".try_into().unwrap());
    let head = RolloutHead {
        id,
        tenant,
        revision: 1,
        over: false,
        wish: Wish::Run,
        wish_by: "mallory".into(),
        started_by: "mallory".into(),
        seat: None,
    };
    let document = "{}".into();
    let theirs = RolloutRecord { head, document };
    bench.registry().begin_rollout(&theirs, |_| false).unwrap();
    for order in ["status", "pause", "resume", "abort"] {
        for id in ["9.9.9-zzzz", "9.9.9-yyyy"] {
            let said = bench.type_in("alice", &["rollout", order, id]).await;
            let sentence = format!("no rollout is called {id}");
            assert!(said.code == 2 && said.err.contains(&sentence), "{order}: {}", said.err);
        }
    }
    assert!(Path::new(&bench.desk("alice")).exists());
}
