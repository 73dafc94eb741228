//! Roots that follow one another, and boxes that were off meanwhile.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::sync::Arc;

use fleet::contract::{Clock, Code, DeviceId, Grant, Signer, Tenant, TrustDocument, Verb};
use fleet::session::{Now, Verifier};
use fleet::trust::{Anchors, Authority, DocumentVerifier, RotationError, TrustedDocuments, Validity, new_key};
use jiff::{SignedDuration, Timestamp};
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509PurposeId};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

const BOXES: usize = 10_000;
/// Of them every tenth is off for so long, from some day on.
const OFF_DAYS: i64 = 90;
const DAYS: i64 = 500;

fn day(days: i64) -> Timestamp {
    "2026-01-01T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(24 * days)
}

fn now(days: i64) -> Now {
    Now {
        up_ms: 0,
        wall: Some(day(days)),
        clock: Clock::Sync,
    }
}

fn tenant() -> Tenant {
    "etat".try_into().unwrap()
}

fn device() -> DeviceId {
    "lyon-412".try_into().unwrap()
}

fn root(name: &str, born: i64, days: i64) -> Authority {
    Authority::root(name, &tenant(), Validity::days(day(born), days)).unwrap()
}

fn certificate(authority: &Authority) -> X509 {
    authority.certificate().to_owned()
}

fn trusting(anchors: Anchors) -> DocumentVerifier {
    DocumentVerifier::new(TrustedDocuments {
        anchors,
        tenant: tenant(),
        device: device(),
        site: "lyon".try_into().unwrap(),
    })
}

/// A box that trusts this root.
fn verifier(root: &Authority) -> DocumentVerifier {
    trusting(Anchors::new(vec![certificate(root)]).unwrap())
}

/// A signer of configurations under a root, with what else it shows.
fn signer(root: &Authority, born: i64, between: &[X509]) -> Signer {
    let key = new_key().unwrap();
    let grants = ["hemicycle://etat/*/configure".parse().unwrap()];
    let leaf = root
        .signer("ops", &key, &grants, Validity::days(day(born), 400))
        .unwrap();
    Signer::new(Arc::new(key), &[&[leaf], between].concat()).unwrap()
}

/// What the servers show from a day on, until the next such stage.
struct Stage {
    from: i64,
    trust: TrustDocument,
    signer: Signer,
    /// Of the broker.
    broker: Vec<X509>,
}

/// Three roots, each for about 200 days; `crossed`: signers and brokers show how a root follows from the one before.
fn stages(crossed: bool) -> (Authority, Vec<Stage>) {
    let roots = [root("2026", 0, 330), root("2026-2", 90, 330), root("2027", 290, 700)];
    let second = roots[0]
        .cross_sign(roots[1].certificate(), &tenant(), Validity::days(day(90), 240))
        .unwrap();
    let third = roots[1]
        .cross_sign(roots[2].certificate(), &tenant(), Validity::days(day(290), 130))
        .unwrap();
    let stage = |from: i64, trusted: &[usize], proofs: &[&X509], issuer: usize, shown: &[&X509]| {
        let list = |certificates: &[&X509]| certificates.iter().map(|one| (*one).clone()).collect::<Vec<_>>();
        let shown = if crossed { list(shown) } else { Vec::new() };
        let own: Vec<X509> = trusted.iter().map(|index| certificate(&roots[*index])).collect();
        let broker_key = new_key().unwrap();
        let broker = roots[issuer]
            .server(&broker_key, &["broker.example"], Validity::days(day(from), 400))
            .unwrap();
        Stage {
            from,
            trust: TrustDocument::new(&own, &list(proofs)).unwrap(),
            signer: signer(&roots[issuer], from, &shown),
            broker: [&[broker], &shown[..]].concat(),
        }
    };
    let stages = vec![
        stage(0, &[0], &[], 0, &[]),
        // The second root is made known; then it signs; then the first is retired.
        stage(100, &[0, 1], &[&second], 0, &[]),
        stage(130, &[0, 1], &[&second], 1, &[&second]),
        stage(200, &[1], &[&second], 1, &[&second]),
        stage(300, &[1, 2], &[&second, &third], 1, &[&second]),
        stage(330, &[1, 2], &[&third], 2, &[&third]),
        stage(400, &[2], &[&third], 2, &[&third]),
    ];
    let [first, ..] = roots;
    (first, stages)
}

/// A box on a day: it connects, reads what the broker has retained, and trusts what that says. None: it is stranded.
fn visit(trusted: &Anchors, stage: &Stage, on: i64) -> Option<Anchors> {
    let of = trusting(trusted.clone());
    let tls = trusted.path(
        &stage.broker[0],
        &stage.broker[1..],
        Some(X509PurposeId::SSL_SERVER),
        Some(day(on)),
    );
    tls.ok()?;
    let document = json!({"v": 1, "cfg": {"trust": stage.trust}}).to_string();
    let topic = Verb::Configure.topic(&tenant(), &device());
    let text = stage.signer.sign(&topic, document.as_bytes()).unwrap();
    of.verify(text.as_bytes(), Verb::Configure, &now(on)).ok()?;
    of.follow(&stage.trust, &now(on)).ok()
}

/// How many of the boxes cannot be reached any more at the end.
fn stranded(boxes: usize, crossed: bool) -> usize {
    let (first, stages) = stages(crossed);
    let first = Anchors::new(vec![certificate(&first)]).unwrap();
    // What comes of a visit hangs on the day and on what is trusted, not on the box.
    let mut visits = HashMap::new();
    let mut reaches_the_end = |number: usize| {
        let mut chance = StdRng::seed_from_u64(number as u64);
        let off = number
            .is_multiple_of(10)
            .then(|| chance.random_range(1..DAYS - OFF_DAYS));
        let is_off = |on: i64| off.is_some_and(|off| (off..off + OFF_DAYS).contains(&on));
        let mut trusted = first.clone();
        stages.iter().enumerate().all(|(index, stage)| {
            let end = stages.get(index + 1).map_or(DAYS, |next| next.from);
            let Some(on) = (stage.from..end).find(|on| !is_off(*on)) else {
                return true;
            };
            let known = visits
                .entry((index, on, trusted.to_pem().unwrap()))
                .or_insert_with(|| visit(&trusted, stage, on));
            known.clone().is_some_and(|after| {
                trusted = after;
                true
            })
        })
    };
    (0..boxes).filter(|number| !reaches_the_end(*number)).count()
}

#[test]
fn no_box_is_stranded_by_two_rotations_of_the_root_though_every_tenth_was_off_for_90_days() {
    assert_eq!(stranded(BOXES, true), 0);
}

#[test]
fn without_the_old_roots_word_for_the_new_one_boxes_that_were_off_are_lost() {
    let lost = stranded(BOXES, false);
    assert!((100..=BOXES / 10).contains(&lost), "{lost}");
}

#[test]
fn a_root_that_nobody_vouches_for_is_not_taken_and_the_known_ones_stay() {
    let (old, new, other) = (root("old", 0, 900), root("new", 0, 900), root("other", 0, 900));
    let of = verifier(&old);
    let theirs = other
        .cross_sign(new.certificate(), &tenant(), Validity::days(day(0), 900))
        .unwrap();
    for crossed in [vec![], vec![theirs], vec![certificate(&new)]] {
        let document = TrustDocument::new(&[certificate(&old), certificate(&new)], &crossed).unwrap();
        assert_eq!(of.follow(&document, &now(1)).unwrap_err(), RotationError::Stranger(1));
    }
    assert_eq!(of.anchors().roots().len(), 1);
    let ours = old
        .cross_sign(new.certificate(), &tenant(), Validity::days(day(0), 900))
        .unwrap();
    let document = TrustDocument::new(&[certificate(&old), certificate(&new)], &[ours]).unwrap();
    assert_eq!(of.follow(&document, &now(1)).unwrap().roots().len(), 2);
}

/// A certificate that is its own issuer, of a key that has another certificate already.
fn pretender(key: &PKey<Private>, name: &openssl::x509::X509NameRef) -> X509 {
    use openssl::x509::extension::{BasicConstraints, KeyUsage};
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(name).unwrap();
    builder.set_issuer_name(name).unwrap();
    let time = |on: i64| openssl::asn1::Asn1Time::from_unix(day(on).as_second()).unwrap();
    builder.set_not_before(&time(0)).unwrap();
    builder.set_not_after(&time(900)).unwrap();
    builder.set_pubkey(key).unwrap();
    builder
        .append_extension(BasicConstraints::new().critical().ca().build().unwrap())
        .unwrap();
    builder
        .append_extension(KeyUsage::new().critical().key_cert_sign().build().unwrap())
        .unwrap();
    builder.sign(key, openssl::hash::MessageDigest::sha256()).unwrap();
    builder.build()
}

#[test]
fn neither_a_signer_nor_who_issues_for_boxes_nor_a_delegate_makes_itself_a_root() {
    let old = root("old", 0, 900);
    let of = verifier(&old);
    let all: [Grant; 1] = ["hemicycle://etat/*/*".parse().unwrap()];
    let valid = Validity::days(day(0), 900);
    let key = new_key().unwrap();
    let leaf = old.signer("ops", &key, &all, valid).unwrap();
    let devices = old.delegate("boxes", &[], valid).unwrap();
    let delegate = old.delegate("lyon", &all, valid).unwrap();
    let cases = [
        (key, leaf),
        (devices.key().to_owned(), certificate(&devices)),
        (delegate.key().to_owned(), certificate(&delegate)),
    ];
    for (key, proof) in cases {
        let own = pretender(&key, proof.subject_name());
        let document = TrustDocument::new(&[certificate(&old), own], &[proof]).unwrap();
        assert_eq!(of.follow(&document, &now(1)).unwrap_err(), RotationError::Stranger(1));
    }
}

#[test]
fn a_configuration_that_would_make_its_own_signer_a_stranger_is_refused() {
    let (old, new) = (root("old", 0, 900), root("new", 0, 900));
    let proof = old
        .cross_sign(new.certificate(), &tenant(), Validity::days(day(0), 900))
        .unwrap();
    let of = verifier(&old);
    let topic = Verb::Configure.topic(&tenant(), &device());
    let says = |signer: &Signer, roots: &[X509]| {
        let trust = TrustDocument::new(roots, std::slice::from_ref(&proof)).unwrap();
        let document = json!({"v": 1, "cfg": {"trust": trust}}).to_string();
        let text = signer.sign(&topic, document.as_bytes()).unwrap();
        of.verify(text.as_bytes(), Verb::Configure, &now(1))
    };
    let by_old = signer(&old, 0, &[]);
    let by_new = signer(&new, 0, std::slice::from_ref(&proof));
    assert_eq!(says(&by_old, &[certificate(&new)]), Err(Code::Precondition));
    assert!(says(&by_old, &[certificate(&old), certificate(&new)]).is_ok());
    assert!(
        says(&by_new, &[certificate(&new)]).is_ok(),
        "at one blow, by the new one"
    );
}

#[test]
fn a_box_without_a_clock_follows_too() {
    let (old, new) = (root("old", 0, 10), root("new", 0, 900));
    let proof = old
        .cross_sign(new.certificate(), &tenant(), Validity::days(day(0), 10))
        .unwrap();
    let document = TrustDocument::new(&[certificate(&new)], &[proof]).unwrap();
    let late = now(500);
    assert!(verifier(&old).follow(&document, &late).is_err());
    let unsure = Now {
        clock: Clock::Unsync,
        ..late
    };
    assert!(verifier(&old).follow(&document, &unsure).is_ok());
}
