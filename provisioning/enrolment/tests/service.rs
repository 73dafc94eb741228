//! Boxes and the service, without a broker between them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use enrolment::folder::{Folder, FolderError};
use enrolment::registry::{BoxState, Claim, Registry};
use enrolment::service::{Offer, Powers, Service, Unanswered};
use fleet::contract::{
    Clock, Decision, DenialReason, EnrolmentRequest, EnrolmentTopic, Envelope, Id, Message, Serial, Signer, Tenant,
    Verb,
};
use fleet::trust::{Anchors, BoxIdentity, TrustedDocuments, certificate_request, new_key};
use jiff::{SignedDuration, Timestamp};
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509PurposeId};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use ulid::Ulid;

fn now() -> Timestamp {
    "2026-11-22T08:00:00Z".parse().unwrap()
}

fn after_days(days: i64) -> Timestamp {
    now() + SignedDuration::from_hours(24 * days)
}

fn tenant() -> Tenant {
    "etat".try_into().unwrap()
}

/// A fleet as `roomctl init` makes it, and its service.
struct Fleet {
    _files: tempfile::TempDir,
    folder: Folder,
    service: Service,
}

impl Fleet {
    fn new() -> Self {
        let files = tempfile::tempdir().unwrap();
        let folder = Folder::new(&files.path().join("pki"));
        folder
            .create(&tenant(), &["broker.example", "127.0.0.1"], now())
            .unwrap();
        let powers = Powers {
            makers: folder.anchors("makers.pem").unwrap(),
            boxes: folder.authority("boxes").unwrap(),
            signer: folder.signing("enrolment").unwrap(),
        };
        let offer = Offer {
            endpoints: vec!["broker.example:8883".into()],
            trust: folder.trust().unwrap(),
            days: 365,
        };
        let registry = Registry::open(&files.path().join("registry.db").display().to_string()).unwrap();
        Self {
            service: Service::new(powers, offer, registry, StdRng::seed_from_u64(1), now()),
            folder,
            _files: files,
        }
    }

    fn claim(&mut self, serial: &Serial, room: &str, force: bool) {
        let claim = Claim {
            serial: serial.clone(),
            tenant: tenant(),
            site: "lyon".try_into().unwrap(),
            room: Some(room.try_into().unwrap()),
        };
        self.service.registry().claim(&claim, "alice", force, now()).unwrap();
    }
}

/// A box as its maker delivers it.
struct Machine {
    serial: Serial,
    maker: Signer,
    key: PKey<Private>,
    anchors: Anchors,
    chance: StdRng,
}

impl Machine {
    fn new(fleet: &Fleet, serial: &str) -> Self {
        let serial: Serial = serial.try_into().unwrap();
        let delivered = tempfile::tempdir().unwrap();
        let own = Folder::new(&delivered.path().join(serial.as_str()));
        fleet.folder.deliver(&serial, &own, now()).unwrap();
        assert!(matches!(
            fleet.folder.deliver(&serial, &own, now()),
            Err(FolderError::Exists(_))
        ));
        let (maker, chain) = own.identity("maker").unwrap();
        Self {
            maker: Signer::new(Arc::new(maker), &chain).unwrap(),
            serial,
            key: new_key().unwrap(),
            anchors: own.anchors("root.pem").unwrap(),
            chance: StdRng::seed_from_u64(7),
        }
    }

    fn request(&mut self) -> (Id, String) {
        let id = Id(Ulid::from_parts(1, self.chance.random()));
        let message = Message {
            envelope: Envelope {
                v: 1,
                id,
                ts: now(),
                clk: Clock::None,
                boot: "6f1c20d4".into(),
                up_ms: 1,
                seq: 1,
            },
            body: EnrolmentRequest {
                nonce: "0123456789abcdef".into(),
                csr: certificate_request(&self.key, &self.serial).unwrap(),
                model: "Hemicycle One".into(),
                fw: "2.3.0".into(),
            },
        };
        let topic = EnrolmentTopic::Request.of(&self.serial);
        (
            id,
            self.maker.sign(&topic, &serde_json::to_vec(&message).unwrap()).unwrap(),
        )
    }

    /// Asks, and checks the answer as a box does.
    fn ask(&mut self, fleet: &mut Fleet, at: Timestamp) -> Decision {
        let (id, text) = self.request();
        let topic = EnrolmentTopic::Request.of(&self.serial);
        let reply = fleet.service.handle(&topic, text.as_bytes(), at).unwrap();
        assert_eq!(reply.topic, EnrolmentTopic::Answer.of(&self.serial));
        let answer = self
            .anchors
            .check_answer(&self.serial, &reply.payload, Some(at))
            .unwrap();
        assert_eq!((answer.body.re, answer.body.nonce.as_str()), (id, "0123456789abcdef"));
        answer.body.decision
    }
}

#[test]
fn a_box_waits_until_it_is_claimed_and_then_it_is_somebodys() {
    let mut fleet = Fleet::new();
    let mut machine = Machine::new(&fleet, "HC24-000123");
    assert_eq!(machine.ask(&mut fleet, now()), Decision::Pending { retry_after_s: 60 });
    assert_eq!(fleet.service.registry().strangers().unwrap()[0].serial, machine.serial);
    fleet.claim(&machine.serial.clone(), "lyon-412", false);
    let Decision::Issued(issued) = machine.ask(&mut fleet, after_days(1)) else {
        panic!("it is claimed")
    };
    issued.fits(&machine.serial, &machine.key).unwrap();
    assert_eq!(
        (issued.site.as_str(), issued.device.as_str()),
        ("lyon", "box-hc24-000123")
    );
    assert_eq!(issued.expires, after_days(366));
    // The broker lets it in at the listener for boxes, and nowhere else.
    let chain = issued.certificates().unwrap();
    let lets_in = |list: &str| {
        let anchors = fleet.folder.anchors(list).unwrap();
        anchors
            .path(
                &chain[0],
                &chain[1..],
                Some(X509PurposeId::SSL_CLIENT),
                Some(after_days(2)),
            )
            .is_ok()
    };
    assert!(lets_in("boxes.pem") && !lets_in("people.pem") && !lets_in("makers.pem") && !lets_in("root.pem"));
    let known = fleet.service.registry().find(&machine.serial).unwrap().unwrap();
    assert_eq!((known.state, known.expires), (BoxState::Enrolled, Some(issued.expires)));
    // What it keeps is enough to obey the fleet's signers.
    let anchors = machine.anchors.after_enrolment(&issued, Some(now())).unwrap();
    let trusted = BoxIdentity::new(*issued, &anchors).unwrap().trusted().unwrap();
    let operations = fleet.folder.signing("operations").unwrap();
    obeys(&trusted, &operations);
}

fn obeys(trusted: &TrustedDocuments, signer: &Signer) {
    for verb in [Verb::Configure, Verb::Update, Verb::Notice, Verb::NoticeAll] {
        let text = signer
            .sign(&verb.topic(&trusted.tenant, &trusted.device), b"{}")
            .unwrap();
        assert!(trusted.check(text.as_bytes(), verb, Some(now())).is_ok(), "{verb:?}");
    }
}

#[test]
fn a_spare_takes_over_a_room_by_one_claim_and_the_box_before_is_not_let_in_again() {
    let mut fleet = Fleet::new();
    let (mut old, mut spare) = (Machine::new(&fleet, "HC24-1"), Machine::new(&fleet, "HC24-2"));
    fleet.claim(&old.serial.clone(), "lyon-412", false);
    assert!(matches!(old.ask(&mut fleet, now()), Decision::Issued(_)));
    // The spare lay in a drawer for 18 months; its maker's key is all it has.
    fleet.claim(&spare.serial.clone(), "lyon-412", true);
    let later = after_days(550);
    assert!(matches!(spare.ask(&mut fleet, later), Decision::Issued(_)));
    let reason = DenialReason::Replaced;
    assert_eq!(old.ask(&mut fleet, later), Decision::Denied { reason });
}

#[test]
fn nobody_asks_in_the_name_of_another_box_and_nobody_asks_too_often() {
    let mut fleet = Fleet::new();
    let (mut thief, victim) = (Machine::new(&fleet, "HC24-1"), Machine::new(&fleet, "HC24-2"));
    fleet.claim(&victim.serial.clone(), "lyon-412", false);
    let (_, text) = thief.request();
    let topic = EnrolmentTopic::Request.of(&victim.serial);
    let refused = fleet.service.handle(&topic, text.as_bytes(), now()).unwrap_err();
    assert!(matches!(refused, Unanswered::Forged(_)), "{refused}");
    for (topic, payload) in [
        (topic.as_str(), &b"{}"[..]),
        (topic.as_str(), &[b'x'; 100_000][..]),
        ("cr/v1/etat/box-1/online", b""),
        ("cr/v1/enrol/HC24-2/res", b""),
    ] {
        let refused = fleet.service.handle(topic, payload, now());
        assert!(matches!(refused, Err(Unanswered::Forged(_))), "{topic}");
    }
    let mut honest = victim;
    for _ in 0..5 {
        assert!(matches!(honest.ask(&mut fleet, now()), Decision::Issued(_)));
    }
    let (_, text) = honest.request();
    let refused = fleet
        .service
        .handle(&topic, text.as_bytes(), now() + SignedDuration::from_secs(9));
    assert!(matches!(refused, Err(Unanswered::TooSoon)));
    let later = now() + SignedDuration::from_secs(10);
    assert!(matches!(honest.ask(&mut fleet, later), Decision::Issued(_)));
}

#[test]
fn the_folder_of_a_fleet_is_for_its_owner_alone_and_is_never_made_twice() {
    let fleet = Fleet::new();
    let files = [
        "root.key",
        "boxes.key",
        "people.key",
        "signers/operations.key",
        "people/administrator.key",
    ];
    for file in files {
        let mode = std::fs::metadata(fleet.folder.path(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let before = std::fs::read(fleet.folder.path("root.key")).unwrap();
    let again = fleet.folder.create(&tenant(), &["broker.example"], now());
    assert!(matches!(again, Err(FolderError::Exists(_))));
    assert_eq!(std::fs::read(fleet.folder.path("root.key")).unwrap(), before);
    let broker = fleet.folder.identity("broker").unwrap().1;
    let root = fleet.folder.anchors("root.pem").unwrap();
    let path = |purpose| root.path(&broker[0], &[], Some(purpose), Some(now()));
    assert!(path(X509PurposeId::SSL_SERVER).is_ok() && path(X509PurposeId::SSL_CLIENT).is_err());
    let hosts: Vec<String> = names(&broker[0]);
    assert_eq!(hosts, ["broker.example"]);
}

fn names(certificate: &X509) -> Vec<String> {
    let names = certificate.subject_alt_names().unwrap();
    names
        .iter()
        .filter_map(|name| name.dnsname().map(str::to_owned))
        .collect()
}

#[test]
fn another_signer_gets_what_it_is_given_and_no_more() {
    let fleet = Fleet::new();
    let grants = ["hemicycle://etat/lyon/configure".parse().unwrap()];
    fleet.folder.add_signer("lyon", &grants, now()).unwrap();
    assert!(matches!(
        fleet.folder.add_signer("lyon", &grants, now()),
        Err(FolderError::Exists(_))
    ));
    let signer = fleet.folder.signing("lyon").unwrap();
    let at = |site: &str| TrustedDocuments {
        anchors: fleet.folder.anchors("root.pem").unwrap(),
        tenant: tenant(),
        device: "box-1234".try_into().unwrap(),
        site: site.try_into().unwrap(),
    };
    let checked = |site: &str, verb: Verb| {
        let trusted = at(site);
        let text = signer
            .sign(&verb.topic(&trusted.tenant, &trusted.device), b"{}")
            .unwrap();
        trusted.check(text.as_bytes(), verb, Some(now())).is_ok()
    };
    assert!(checked("lyon", Verb::Configure) && !checked("paris", Verb::Configure) && !checked("lyon", Verb::Update));
}

#[test]
fn a_thousand_boxes_have_a_thousand_keys() {
    let fleet = Fleet::new();
    let keys: std::collections::BTreeSet<String> = (0..1_000)
        .map(|_| fleet::contract::key_id(&*new_key().unwrap()).unwrap())
        .collect();
    assert_eq!(keys.len(), 1_000);
    drop(fleet);
}
