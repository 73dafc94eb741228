//! The keys of a box, in files and in a TPM: the same stories.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fleet::contract::{EnrolmentRequest, Issued, Serial, TrustDocument};
use fleet::trust::{
    Anchors, Authority, BoxIdentity, Identities, KeyError, KeyStore, KeyUse, PrivateKey, SoftwareKeys, Validity,
    certificate_request, certifies,
};
use fleet_lab::broker::etat;
use fleet_lab::software_tpm::SoftwareTpm;
use jiff::Timestamp;
use openssl::hash::MessageDigest;
use openssl::sign::Verifier;
use tempfile::tempdir;
use tpm::{Tpm, TpmKeys};

/// A store of one kind in a folder.
type Kind<'a> = &'a dyn Fn(&Path) -> Box<dyn KeyStore>;

/// One story at a time: what one starts would inherit the way to the TPM of another.
static ALONE: Mutex<()> = Mutex::new(());

/// Tells the story of both kinds.
fn each(story: impl Fn(Kind<'_>)) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    story(&|folder| Box::new(SoftwareKeys::new(folder).unwrap()));
    let chip = SoftwareTpm::start().unwrap();
    story(&|folder| Box::new(TpmKeys::new(folder, Tpm::at(&chip.tcti()).unwrap()).unwrap()));
}

fn same(one: &dyn PrivateKey, other: &dyn PrivateKey) -> bool {
    one.public().unwrap().public_eq(&*other.public().unwrap())
}

fn open(keys: &dyn KeyStore, of: KeyUse) -> Arc<dyn PrivateKey> {
    keys.open(of).unwrap().unwrap()
}

#[test]
fn a_key_is_born_in_a_file_that_nobody_else_can_read_and_one_that_others_can_is_not_used() {
    each(|kind| {
        let folder = tempdir().unwrap();
        let mut keys = kind(&folder.path().join("keys"));
        assert!(keys.open(KeyUse::Device).unwrap().is_none());
        let key = keys.create(KeyUse::Device).unwrap();
        let path = folder.path().join("keys/device.key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(same(&open(&*keys, KeyUse::Device), &key));
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(keys.open(KeyUse::Device), Err(KeyError::Open(_))));
        keys.remove(KeyUse::Device).unwrap();
        keys.remove(KeyUse::Device).unwrap();
        assert!(keys.open(KeyUse::Device).unwrap().is_none());
    });
}

#[test]
fn what_a_key_signs_its_public_half_verifies_also_after_the_store_was_opened_anew() {
    each(|kind| {
        let folder = tempdir().unwrap();
        kind(folder.path()).create(KeyUse::Device).unwrap();
        let key = open(&*kind(folder.path()), KeyUse::Device);
        for message in [&b""[..], b"one", &[7; 100_000]] {
            let signature = key.sign(message).unwrap();
            let public = key.public().unwrap();
            let mut verifier = Verifier::new(MessageDigest::sha256(), &public).unwrap();
            assert!(verifier.verify_oneshot(&signature, message).unwrap());
            let mut verifier = Verifier::new(MessageDigest::sha256(), &public).unwrap();
            assert!(!verifier.verify_oneshot(&signature, b"another").unwrap());
        }
    });
}

#[test]
fn the_next_key_takes_the_place_of_the_one_before() {
    each(|kind| {
        let folder = tempdir().unwrap();
        let mut keys = kind(folder.path());
        let old = keys.create(KeyUse::Device).unwrap();
        let next = keys.create(KeyUse::Next).unwrap();
        assert!(!same(&old, &next));
        assert!(same(&open(&*keys, KeyUse::Device), &old), "until then");
        keys.promote().unwrap();
        assert!(same(&open(&*keys, KeyUse::Device), &next));
        assert!(keys.open(KeyUse::Next).unwrap().is_none());
    });
}

/// What the fleet gives for a key, without asking.
fn identity(key: &dyn PrivateKey) -> BoxIdentity {
    let (tenant, now) = (etat().unwrap(), Timestamp::now());
    let validity = Validity::days(now, 365);
    let serial: Serial = "HC24-000123".try_into().unwrap();
    let (root, boxes) = (
        Authority::root("root", &tenant, validity).unwrap(),
        Authority::clients("boxes", &tenant, validity).unwrap(),
    );
    let asked = EnrolmentRequest {
        nonce: "0123456789abcdef".into(),
        csr: certificate_request(key, &serial).unwrap(),
        model: "Hemicycle One".into(),
        fw: "2.3.0".into(),
    };
    let site = "lyon".try_into().unwrap();
    let own = boxes.device(&*asked.key().unwrap(), &tenant, &site, &serial.device(), validity);
    let roots = vec![root.certificate().to_owned()];
    let issued = Issued {
        tenant,
        site,
        device: serial.device(),
        chain: vec![STANDARD.encode(own.unwrap().to_der().unwrap())],
        expires: validity.until,
        endpoints: vec!["broker.example:8883".into()],
        trust: TrustDocument::new(&roots, &[]).unwrap(),
    };
    issued.fits(&serial, key).unwrap();
    BoxIdentity::new(issued, &Anchors::new(roots).unwrap()).unwrap()
}

#[test]
fn a_power_cut_between_a_certificate_and_its_key_leaves_a_box_that_works() {
    each(|kind| {
        let folder = tempdir().unwrap();
        let folder = folder.path();
        let mut keys = kind(folder);
        keys.create(KeyUse::Maker).unwrap();
        let kept = || Identities::new(folder, kind(folder));
        assert!(kept().current().unwrap().is_none());
        // The first certificate is on disk, its key has not been moved yet.
        let first = identity(&keys.create(KeyUse::Next).unwrap());
        first.save(&folder.join("identity.json")).unwrap();
        let usable = kept().current().unwrap().unwrap();
        assert!(usable.identity == first && certifies(&usable.chain[0], &usable.key).unwrap());
        // The next one waits; until it has proved itself the first is in use, whenever the power goes.
        let second = identity(&keys.create(KeyUse::Next).unwrap());
        kept().adopt(&second).unwrap();
        assert_eq!(kept().current().unwrap().unwrap().identity, first);
        assert_eq!(kept().upcoming().unwrap().unwrap().identity, second);
        // It has; the power goes between the two steps of settling.
        fs::rename(folder.join("identity-next.json"), folder.join("identity.json")).unwrap();
        let usable = kept().current().unwrap().unwrap();
        assert!(usable.identity == second && certifies(&usable.chain[0], &usable.key).unwrap());
        assert!(kept().upcoming().unwrap().is_none());
        // As delivered: the maker's key is all that is left.
        kept().forget().unwrap();
        assert!(kept().current().unwrap().is_none());
        let left: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["maker.key"]);
    });
}
