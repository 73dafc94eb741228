//! Two programs want the same seat, and the registry goes away.

use std::path::Path;

use enrolment::registry::{Registry, RolloutHead, RolloutRecord, Wish};

use super::*;

const ID: &str = "2.4.0-aaaa";

/// A registry with one rollout that nobody conducts.
fn registry(path: &Path) -> Archive {
    let url = path.to_str().unwrap().to_owned();
    let head = RolloutHead {
        id: ID.into(),
        tenant: "etat".try_into().unwrap(),
        revision: 1,
        over: false,
        wish: Wish::Run,
        wish_by: "alice".into(),
        started_by: "alice".into(),
        seat: None,
    };
    let document = "{}".to_owned();
    let mut registry = Registry::open(&url).unwrap();
    registry
        .begin_rollout(&RolloutRecord { head, document }, |_| false)
        .unwrap();
    Archive::new(url)
}

/// As if it had been asleep until the end of its lease.
fn sleep_through(chair: &Chair) {
    chair.keeper.note(Lease::Until(Timestamp::now()));
}

#[tokio::test]
async fn whoever_slept_and_lost_the_seat_publishes_nothing_more_also_when_it_is_free_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let archive = registry(&path);
    let alice = Chair::take(archive.clone(), ID, seat("alice")).await.unwrap();
    assert!(alice.check().await.is_ok());
    // A lease that is nearly over is renewed first.
    sleep_through(&alice);
    assert!(alice.check().await.is_ok());
    assert!(matches!(alice.keeper.lease(), Lease::Until(until) if until > Timestamp::now() + MARGIN));
    // Bob finds the seat free.
    let mut registry = Registry::open(path.to_str().unwrap()).unwrap();
    let later = Timestamp::now() + LEASE + LEASE;
    registry.take_seat(ID, &seat("bob"), later).unwrap();
    sleep_through(&alice);
    assert!(matches!(alice.check().await, Err(ConductError::Lost(id)) if id == ID));
    let bob = registry.rollout_head(ID).unwrap().seat.unwrap();
    registry.leave_seat(ID, &bob.holder).unwrap();
    for _ in 0..2 {
        assert!(matches!(alice.check().await, Err(ConductError::Lost(_))));
    }
    assert_eq!(registry.rollout_head(ID).unwrap().seat, None);
}

#[tokio::test]
async fn without_the_registry_it_holds_until_the_lease_is_nearly_over_and_again_when_the_registry_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let chair = Chair::take(registry(&path), ID, seat("alice")).await.unwrap();
    let aside = folder.path().join("aside.db");
    std::fs::rename(&path, &aside).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(chair.check().await.is_ok());
    sleep_through(&chair);
    let error = chair.check().await.unwrap_err();
    assert!(error.passes(), "{error}");
    std::fs::remove_dir(&path).unwrap();
    std::fs::rename(&aside, &path).unwrap();
    assert!(chair.check().await.is_ok());
    chair.leave().await.unwrap();
    let mut registry = Registry::open(path.to_str().unwrap()).unwrap();
    assert_eq!(registry.rollout_head(ID).unwrap().seat, None);
}
