//! A broker may keep anything.

use fleet::contract::{Grant, Signer};
use fleet::trust::{Authority, Validity, new_key};
use jiff::SignedDuration;

use super::*;
use crate::author::Author;
use crate::rollout::Image;

/// The last revision that there is.
const LAST: u64 = (1 << 53) - 1;

fn tenant() -> Tenant {
    "etat".try_into().unwrap()
}

fn device() -> DeviceId {
    "box-00001".try_into().unwrap()
}

fn root() -> Authority {
    Authority::root("root", &tenant(), Validity::days(Timestamp::now(), 3_650)).unwrap()
}

fn listener(root: &Authority) -> Listener {
    let mut listener = Listener::new(tenant());
    listener.believe(Anchors::new(vec![root.certificate().to_owned()]).unwrap());
    listener
}

/// Of somebody with this grant under that root, in these days.
fn signed(root: &Authority, grant: &str, validity: Validity, rev: u64) -> String {
    let image = Image {
        release: "2.4.0".into(),
        url: "https://updates.example/x".into(),
        size: 1,
        sha256: "ab".repeat(32),
        manifest_hash: "cd".into(),
        security_version: 1,
        min_from: None,
    };
    let (key, grants): (_, [Grant; 1]) = (new_key().unwrap(), [grant.parse().unwrap()]);
    let certificate = root.signer("somebody", &key, &grants, validity).unwrap();
    let mut author = Author::new(
        "somebody",
        Some(Signer::new(std::sync::Arc::new(key), &[certificate]).unwrap()),
    );
    let message = author.stamp(image.update(rev, None, String::new()));
    let topic = Channel::UpdateDesired.topic(&tenant(), &device());
    author.signed(&topic, &message).unwrap()
}

fn days() -> Validity {
    Validity::days(Timestamp::now(), 30)
}

fn heard(listener: &mut Listener, site: &str, payload: &str) -> Option<Input> {
    let topic = Channel::UpdateDesired.topic(&tenant(), &device());
    listener.hear(|_| Some(site), &topic, payload.as_bytes())
}

#[test]
fn only_a_document_that_the_box_would_take_lifts_its_revision() {
    let (root, stranger) = (root(), root());
    let mut listener = listener(&root);
    let desired = |rev| Some(Input::Desired { device: device(), rev });
    let everywhere = signed(&root, "hemicycle://etat/*/*", days(), 57);
    assert_eq!(heard(&mut listener, "lyon", &everywhere), desired(57));
    let forged = signed(&stranger, "hemicycle://etat/*/*", days(), LAST - 1);
    assert_eq!(heard(&mut listener, "lyon", &forged), None);
    let (body, signature) = everywhere.rsplit_once('.').unwrap();
    let (_, other) = forged.rsplit_once('.').unwrap();
    assert_ne!(signature, other);
    assert_eq!(heard(&mut listener, "lyon", &format!("{body}.{other}")), None);
    // An administrator of another site reaches no box here; where a box stands that nobody has configured, only it knows.
    let paris = signed(&root, "hemicycle://etat/paris/*", days(), LAST - 1);
    assert_eq!(heard(&mut listener, "lyon", &paris), None);
    let lyon = signed(&root, "hemicycle://etat/lyon/update", days(), 58);
    assert_eq!(heard(&mut listener, "lyon", &lyon), desired(58));
    assert_eq!(heard(&mut listener, "", &lyon), desired(58));
    assert_eq!(heard(&mut listener, "", &forged), None);
    // A box has taken it while the certificate was good: the revision stays taken.
    let ago = Timestamp::now() - SignedDuration::from_hours(24 * 400);
    let long_ago = signed(&root, "hemicycle://etat/*/*", Validity::days(ago, 30), 59);
    assert_eq!(heard(&mut listener, "lyon", &long_ago), desired(59));
}

#[test]
fn nothing_is_believed_before_somebody_said_whom_to_believe() {
    let document = signed(&root(), "hemicycle://etat/*/*", days(), 57);
    assert_eq!(heard(&mut Listener::new(tenant()), "lyon", &document), None);
}
