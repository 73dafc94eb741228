//! Sealing for boxes that show their key, that do not, and for those that somebody else speaks for.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fleet::contract::{CommandName, Issued, TrustDocument};
use fleet::trust::{Authority, BoxIdentity, SecretsKey, Usable, Validity, new_key};

use super::*;

fn now() -> Timestamp {
    "2027-01-01T12:00:00Z".parse().unwrap()
}

fn tenant() -> Tenant {
    "etat".try_into().unwrap()
}

fn device() -> DeviceId {
    "lyon-412".try_into().unwrap()
}

/// A box, its key for secrets, and whoever has certified it.
struct Box {
    _folder: tempfile::TempDir,
    secrets: SecretsKey,
    usable: Usable,
}

fn made(boxes: &Authority, device: &DeviceId) -> Box {
    let folder = tempfile::tempdir().unwrap();
    let (key, site) = (new_key().unwrap(), "lyon".try_into().unwrap());
    let own = boxes
        .device(&key, &tenant(), &site, device, Validity::days(now(), 365))
        .unwrap();
    let root = Authority::root("root", &tenant(), Validity::days(now(), 365)).unwrap();
    let roots = vec![root.certificate().to_owned()];
    let issued = Issued {
        tenant: tenant(),
        site,
        device: device.clone(),
        chain: vec![BASE64_STANDARD.encode(own.to_der().unwrap())],
        expires: now(),
        endpoints: vec!["localhost:1".into()],
        trust: TrustDocument::new(&roots, &[]).unwrap(),
    };
    let identity = BoxIdentity::new(issued, &Anchors::new(roots).unwrap()).unwrap();
    Box {
        secrets: SecretsKey::of_folder(folder.path()).unwrap(),
        usable: Usable {
            identity,
            chain: vec![own],
            key: std::sync::Arc::new(key),
        },
        _folder: folder,
    }
}

impl Box {
    fn meta(&self) -> Metadata {
        Metadata {
            model: "m".into(),
            serial: "s".into(),
            fw: "1".into(),
            commands: vec![CommandName::AvMute],
            schemas: Vec::new(),
            certificate_expires: now(),
            support_until: None,
            secrets_key: Some(self.secrets.statement(&self.usable).unwrap()),
        }
    }
}

fn clients() -> Authority {
    Authority::clients("boxes", &tenant(), Validity::days(now(), 365)).unwrap()
}

fn sealing(boxes: &Authority) -> Sealing {
    Sealing {
        certifiers: Anchors::new(vec![boxes.certificate().to_owned()]).unwrap(),
        marks: Marks([7; 32]),
    }
}

fn wanted(value: &str) -> Wanted {
    [(SecretName::JitsiToken, Hidden(value.into()))].into()
}

type There = BTreeMap<String, Secret>;

fn seal(sealing: &Sealing, wanted: &Wanted, meta: Option<&Metadata>, there: &There) -> Sealed {
    sealing
        .seal((&tenant(), &device()), wanted, meta, there, now())
        .unwrap()
}

#[test]
fn the_same_value_stays_as_it_was_sealed_and_another_is_shown_to_change() {
    let boxes = clients();
    let (sealing, own) = (sealing(&boxes), made(&boxes, &device()));
    let meta = own.meta();
    let first = seal(&sealing, &wanted("Sésame"), Some(&meta), &There::new());
    assert_eq!(own.secrets.open(&first.secrets["jitsi.token"]).as_deref(), Ok("Sésame"));
    let again = seal(&sealing, &wanted("Sésame"), Some(&meta), &first.secrets);
    assert_eq!((again.secrets, again.differences), (first.secrets.clone(), vec![]));
    let other = seal(&sealing, &wanted("Ouvre-toi"), Some(&meta), &first.secrets);
    assert_eq!(
        own.secrets.open(&other.secrets["jitsi.token"]).as_deref(),
        Ok("Ouvre-toi")
    );
    let [difference] = &other.differences[..] else {
        panic!("{:?}", other.differences)
    };
    assert_eq!(difference.path, "/secrets/jitsi.token");
    let shown = format!("{:?}{:?}", difference, first.differences);
    assert!(!shown.contains("Sésame") && !shown.contains("Ouvre-toi"), "{shown}");
    let gone = seal(&sealing, &Wanted::new(), Some(&meta), &first.secrets);
    assert_eq!((gone.secrets.len(), gone.differences.len()), (0, 1));
}

#[test]
fn a_mark_says_nothing_without_its_key_and_differs_from_box_to_box() {
    let value = Hidden("1234".into());
    let (ours, theirs) = (Marks([7; 32]), Marks([8; 32]));
    let of = |marks: &Marks, device: &str| {
        let device = device.try_into().unwrap();
        marks.of(&device, SecretName::JitsiToken, &value).unwrap()
    };
    assert_eq!(of(&ours, "lyon-412"), of(&ours, "lyon-412"));
    assert_ne!(of(&ours, "lyon-412"), of(&theirs, "lyon-412"));
    assert_ne!(of(&ours, "lyon-412"), of(&ours, "lyon-413"));
    let written = Marks::parse(ours.to_text().as_bytes()).unwrap();
    assert_eq!(of(&written, "lyon-412"), of(&ours, "lyon-412"));
    assert!(Marks::parse(b"short").is_none());
}

#[test]
fn a_box_with_another_key_gets_everything_anew() {
    let boxes = clients();
    let sealing = sealing(&boxes);
    let (before, after) = (made(&boxes, &device()), made(&boxes, &device()));
    let first = seal(&sealing, &wanted("one"), Some(&before.meta()), &There::new());
    let again = seal(&sealing, &wanted("one"), Some(&after.meta()), &first.secrets);
    assert_eq!(again.differences.len(), 1);
    assert_eq!(after.secrets.open(&again.secrets["jitsi.token"]).as_deref(), Ok("one"));
}

#[test]
fn a_box_that_was_never_there_gets_its_secrets_another_time() {
    let boxes = clients();
    let waits = seal(&sealing(&boxes), &wanted("one"), None, &There::new());
    assert_eq!((waits.secrets.len(), waits.waiting), (0, vec![SecretName::JitsiToken]));
}

#[test]
fn whoever_speaks_for_a_box_without_its_certificate_is_told_no_secret() {
    let (boxes, others) = (clients(), clients());
    let sealing = sealing(&boxes);
    let refused = |meta: &Metadata| {
        let there = There::new();
        let sealed = sealing.seal((&tenant(), &device()), &wanted("one"), Some(meta), &there, now());
        matches!(sealed, Err(SecretsError::Stranger(..)))
    };
    let own = made(&boxes, &device());
    assert!(!refused(&own.meta()));
    assert!(refused(&made(&others, &device()).meta()), "certified by somebody else");
    let neighbour = made(&boxes, &"lyon-413".try_into().unwrap());
    assert!(refused(&neighbour.meta()), "said for another box");
    let text = own.meta().secrets_key.unwrap();
    let (signed, signature) = text.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let (_, payload) = neighbour
        .meta()
        .secrets_key
        .unwrap()
        .rsplit_once('.')
        .map(|(signed, _)| {
            let (header, payload) = signed.split_once('.').unwrap();
            (header.to_owned(), payload.to_owned())
        })
        .unwrap();
    let exchanged = Metadata {
        secrets_key: Some(format!("{header}.{payload}.{signature}")),
        ..own.meta()
    };
    assert!(refused(&exchanged), "another key under the signature of the box");
}
