//! A box and the service that gives it its certificate, without a broker between them, on a clock that the test moves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fleet::contract::{
    Clock, Code, Decision, DenialReason, EnrolmentAnswer, EnrolmentRequest, EnrolmentTopic, Envelope, Grant, Id,
    Issued, Message, Serial, SignatureError, Signer, Tenant, TrustDocument,
};
use fleet::enrolment::{Enrolment, Input, Output, Purpose, Shown};
use fleet::trust::{
    Anchors, Authority, BoxIdentity, EnrolmentError, KeyStore, KeyUse, SoftwareKeys, Validity, certificate_request,
};
use jiff::{SignedDuration, Timestamp};
use openssl::x509::X509;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use ulid::Ulid;

const HOUR_MS: u64 = 3_600_000;

fn now() -> Timestamp {
    "2026-11-22T08:00:00Z".parse().unwrap()
}

fn serial() -> Serial {
    "HC24-000123".try_into().unwrap()
}

fn tenant() -> Tenant {
    "etat".try_into().unwrap()
}

fn message<T>(body: T) -> Message<T> {
    Message {
        envelope: Envelope {
            v: 1,
            id: Id(Ulid::from_parts(1, 2)),
            ts: now(),
            clk: Clock::Sync,
            boot: "6f1c20d4".into(),
            up_ms: 1,
            seq: 1,
        },
        body,
    }
}

fn after_hours(hours: i64) -> Timestamp {
    now() + SignedDuration::from_hours(hours)
}

/// Everybody who issues anything.
struct World {
    maker: Authority,
    root: Authority,
    boxes: Authority,
    keys: SoftwareKeys,
    maker_certificate: X509,
    _folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut keys = SoftwareKeys::new(folder.path()).unwrap();
        let maker = Authority::maker("maker", now()).unwrap();
        let key = keys.create(KeyUse::Maker).unwrap();
        Self {
            maker_certificate: maker.made(&*key.public().unwrap(), &serial(), now()).unwrap(),
            root: Authority::root("root", &tenant(), Validity::days(now(), 3650)).unwrap(),
            boxes: Authority::clients("boxes", &tenant(), Validity::days(now(), 3650)).unwrap(),
            maker,
            keys,
            _folder: folder,
        }
    }

    fn anchors(&self) -> Anchors {
        Anchors::new(vec![self.root.certificate().to_owned()]).unwrap()
    }

    fn makers(&self) -> Anchors {
        Anchors::new(vec![self.maker.certificate().to_owned()]).unwrap()
    }

    fn request(&mut self, topic: &str) -> (Id, String) {
        let key = self.keys.create(KeyUse::Next).unwrap();
        let request = message(EnrolmentRequest {
            nonce: "0123456789abcdef".into(),
            csr: certificate_request(&key, &serial()).unwrap(),
            model: "Hemicycle One".into(),
            fw: "2.3.0".into(),
        });
        let maker = self.keys.open(KeyUse::Maker).unwrap().unwrap();
        let signer = Signer::new(maker, std::slice::from_ref(&self.maker_certificate)).unwrap();
        let text = signer.sign(topic, &serde_json::to_vec(&request).unwrap()).unwrap();
        (request.envelope.id, text)
    }

    fn issued(&self, request: &EnrolmentRequest) -> Issued {
        let site = "lyon".try_into().unwrap();
        let validity = Validity::days(now(), 365);
        let key = request.key().unwrap();
        let own = self
            .boxes
            .device(&*key, &tenant(), &site, &serial().device(), validity)
            .unwrap();
        Issued {
            tenant: tenant(),
            site,
            device: serial().device(),
            chain: vec![STANDARD.encode(own.to_der().unwrap())],
            expires: validity.until,
            endpoints: vec!["broker.example:8883".into()],
            trust: TrustDocument::new(&[self.root.certificate().to_owned()], &[]).unwrap(),
        }
    }

    fn answer(&self, grant: &str, answer: &EnrolmentAnswer) -> String {
        let key = fleet::trust::new_key().unwrap();
        let grants: [Grant; 1] = [grant.parse().unwrap()];
        let leaf = self.root.signer("enrolment", &key, &grants, Validity::days(now(), 30));
        let signer = Signer::new(Arc::new(key), &[leaf.unwrap()]).unwrap();
        let text = serde_json::to_vec(&message(answer.clone())).unwrap();
        signer.sign(&EnrolmentTopic::Answer.of(&serial()), &text).unwrap()
    }
}

#[test]
fn a_request_is_from_the_box_that_it_names_and_an_answer_from_somebody_who_may() {
    let mut world = World::new();
    let (id, text) = world.request(&EnrolmentTopic::Request.of(&serial()));
    let request = world.makers().check_request(&serial(), text.as_bytes()).unwrap();
    assert_eq!(
        (request.envelope.id, request.body.model.as_str()),
        (id, "Hemicycle One")
    );
    // Nor from another box, nor on another topic, nor by another maker.
    let other: Serial = "HC24-000124".try_into().unwrap();
    let refused = world.makers().check_request(&other, text.as_bytes()).unwrap_err();
    assert_eq!(refused, EnrolmentError::Signature(SignatureError::Elsewhere));
    let (_, stolen) = world.request(&EnrolmentTopic::Request.of(&other));
    let refused = world.makers().check_request(&other, stolen.as_bytes()).unwrap_err();
    assert_eq!(refused, EnrolmentError::Signature(SignatureError::OutOfScope));
    assert!(world.anchors().check_request(&serial(), text.as_bytes()).is_err());

    let issued = world.issued(&request.body);
    let answer = EnrolmentAnswer {
        re: id,
        nonce: request.body.nonce.clone(),
        decision: Decision::Issued(Box::new(issued)),
    };
    let check = |grant: &str| {
        let text = world.answer(grant, &answer);
        world.anchors().check_answer(&serial(), text.as_bytes(), Some(now()))
    };
    assert_eq!(check("hemicycle://etat/*/enrol").unwrap().body, answer);
    assert!(check("hemicycle://etat/lyon/enrol").is_ok());
    for grant in [
        "hemicycle://etat/paris/enrol",
        "hemicycle://ville/*/enrol",
        "hemicycle://etat/*/configure",
        "hemicycle://etat/*/command:*",
    ] {
        let refused = check(grant).unwrap_err();
        assert_eq!(
            refused,
            EnrolmentError::Signature(SignatureError::OutOfScope),
            "{grant}"
        );
    }
}

#[test]
fn a_certificate_for_another_key_box_or_place_is_not_adopted() {
    let mut world = World::new();
    let (_, text) = world.request(&EnrolmentTopic::Request.of(&serial()));
    let request = world.makers().check_request(&serial(), text.as_bytes()).unwrap();
    let issued = world.issued(&request.body);
    let key = world.keys.open(KeyUse::Next).unwrap().unwrap();
    assert_eq!(issued.fits(&serial(), &key), Ok(()));
    assert!(
        issued
            .fits(&serial(), &world.keys.open(KeyUse::Maker).unwrap().unwrap())
            .is_err()
    );
    assert!(issued.fits(&"HC24-000124".try_into().unwrap(), &key).is_err());
    let elsewhere = Issued {
        site: "paris".try_into().unwrap(),
        ..issued.clone()
    };
    assert!(elsewhere.fits(&serial(), &key).is_err());
    let nowhere = Issued {
        endpoints: Vec::new(),
        ..issued.clone()
    };
    assert!(nowhere.fits(&serial(), &key).is_err());
    let unreachable = Issued {
        endpoints: vec!["broker.example:8883".into(), "mqtts://broker.example".into()],
        ..issued
    };
    assert!(unreachable.fits(&serial(), &key).is_err());
}

#[test]
fn what_is_kept_of_an_enrolment_comes_back_and_the_next_certificate_is_due_at_two_thirds_of_its_life() {
    let mut world = World::new();
    let (_, text) = world.request(&EnrolmentTopic::Request.of(&serial()));
    let request = world.makers().check_request(&serial(), text.as_bytes()).unwrap();
    let identity = BoxIdentity::new(world.issued(&request.body), &world.anchors()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.json");
    assert!(BoxIdentity::load(&path).unwrap().is_none());
    identity.save(&path).unwrap();
    assert_eq!(BoxIdentity::load(&path).unwrap().unwrap(), identity);
    assert_eq!(identity.trusted().unwrap().device, serial().device());
    assert_eq!(identity.from, now() - SignedDuration::from_hours(1));
    let day = |share: f64| identity.renewal(share).duration_since(now()).as_hours() / 24;
    assert_eq!((day(0.0), day(1.0)), (243, 255), "of 365 days");
    assert!(!identity.is_over(after_hours(24 * 364)) && identity.is_over(after_hours(24 * 365)));
    std::fs::write(&path, "{").unwrap();
    assert_eq!(
        BoxIdentity::load(&path).unwrap_err().kind(),
        std::io::ErrorKind::InvalidData
    );
}

/// A box whose clock the test moves.
struct Room {
    enrolment: Enrolment,
    now_ms: u64,
    nonce: String,
    shown: Vec<Shown>,
    /// Of requests that reached the service.
    asked_ms: Vec<u64>,
    adopted: Option<Box<Issued>>,
}

/// What the broker and the service do.
#[derive(Clone)]
enum Outside {
    Unreachable,
    /// The broker says that nobody subscribes.
    Deaf,
    Silent,
    Says(Decision),
}

impl Room {
    fn new(seed: u64, purpose: Purpose) -> Self {
        let chance = StdRng::seed_from_u64(seed);
        Self {
            enrolment: Enrolment::new(serial(), purpose, Duration::from_secs(30), chance, 0),
            now_ms: 0,
            nonce: String::new(),
            shown: Vec::new(),
            asked_ms: Vec::new(),
            adopted: None,
        }
    }

    /// Lives until then.
    fn live(&mut self, until_ms: u64, world: &Outside) {
        loop {
            while let Some(output) = self.enrolment.poll() {
                let input = match (output, world) {
                    (Output::Prepare { nonce }, _) => {
                        self.nonce = nonce;
                        Input::Prepared {
                            id: Id(Ulid::from_parts(self.now_ms, 1)),
                            request: b"request".to_vec(),
                        }
                    }
                    (Output::Connect, Outside::Unreachable) | (Output::Disconnect, _) => Input::Disconnected,
                    (Output::Connect, _) => Input::Connected,
                    (Output::Subscribe, _) => Input::Subscribed,
                    (Output::Publish(request), world) => {
                        assert_eq!(request, b"request");
                        self.asked_ms.push(self.now_ms);
                        if let Outside::Deaf = world {
                            self.enrolment.handle(Input::Unheard, self.now_ms);
                            continue;
                        }
                        let Outside::Says(decision) = world else { continue };
                        let answer = |nonce: &str| {
                            Input::Answered(EnrolmentAnswer {
                                re: Id(Ulid::from_parts(self.asked_ms[self.asked_ms.len() - 1], 1)),
                                nonce: nonce.into(),
                                decision: decision.clone(),
                            })
                        };
                        // Somebody repeats an answer of another day first.
                        self.enrolment.handle(answer("another day"), self.now_ms);
                        answer(&self.nonce)
                    }
                    (Output::Adopt(issued), _) => {
                        self.adopted = Some(issued);
                        Input::Adopted(true)
                    }
                    (Output::Show(shown), _) => {
                        self.shown.push(shown);
                        continue;
                    }
                };
                self.enrolment.handle(input, self.now_ms);
            }
            match self.enrolment.next_deadline() {
                Some(at_ms) if at_ms <= until_ms => {
                    self.now_ms = self.now_ms.max(at_ms);
                    self.enrolment.handle(Input::Tick, self.now_ms);
                }
                _ => break,
            }
        }
        self.now_ms = until_ms;
    }
}

fn decided() -> Outside {
    let mut world = World::new();
    let (_, text) = world.request(&EnrolmentTopic::Request.of(&serial()));
    let request = world.makers().check_request(&serial(), text.as_bytes()).unwrap();
    Outside::Says(Decision::Issued(Box::new(world.issued(&request.body))))
}

#[test]
fn an_unclaimed_box_shows_its_serial_number_asks_ever_more_seldom_and_is_there_when_somebody_claims_it() {
    let mut room = Room::new(1, Purpose::Enrol);
    room.live(48 * HOUR_MS, &Outside::Says(Decision::Pending { retry_after_s: 60 }));
    let [Shown::Claim { serial: shown, code }] = &room.shown[..] else {
        panic!("{:?}", room.shown)
    };
    assert_eq!(
        (shown, code.as_str()),
        (&serial(), "hemicycle:claim?serial=HC24-000123")
    );
    let waits: Vec<u64> = room.asked_ms.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(room.asked_ms[0] <= 30_000 && waits[0] >= 60_000, "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= 6 * HOUR_MS), "{waits:?}");
    assert!(*waits.last().unwrap() >= 3 * HOUR_MS, "{waits:?}");
    assert!((10..40).contains(&waits.len()), "{} times in two days", waits.len());

    room.enrolment.handle(Input::Touched, room.now_ms);
    let touched_ms = room.now_ms;
    room.live(touched_ms + 5_000, &decided());
    assert!(
        room.adopted.is_some() && room.enrolment.is_done(),
        "within five seconds of a touch"
    );
    assert_eq!(room.shown.last(), Some(&Shown::Nothing));
    let asked = room.asked_ms.len();
    room.live(touched_ms + 48 * HOUR_MS, &Outside::Unreachable);
    assert_eq!(room.asked_ms.len(), asked, "it is in");
}

#[test]
fn a_touch_while_the_box_asks_makes_it_ask_again_right_after() {
    let mut room = Room::new(3, Purpose::Enrol);
    room.live(30_000, &Outside::Silent);
    room.now_ms = room.asked_ms[0];
    room.enrolment.handle(Input::Touched, room.now_ms);
    room.live(HOUR_MS, &Outside::Says(Decision::Pending { retry_after_s: 60 }));
    let waits: Vec<u64> = room.asked_ms.windows(2).map(|two| two[1] - two[0]).collect();
    assert_eq!(waits[0], 7_000, "little patience with the service, and the least wait");
    assert!(waits[1] >= 60_000, "one touch, one question: {waits:?}");
}

#[test]
fn a_touch_on_the_way_to_the_service_leaves_the_box_as_little_patience_with_it() {
    let mut room = Room::new(3, Purpose::Enrol);
    room.now_ms = room.enrolment.next_deadline().unwrap();
    room.enrolment.handle(Input::Tick, room.now_ms);
    room.enrolment.handle(Input::Touched, room.now_ms);
    room.live(HOUR_MS, &Outside::Silent);
    let waits: Vec<u64> = room.asked_ms.windows(2).map(|two| two[1] - two[0]).collect();
    assert_eq!(waits[0], 7_000, "little patience with the service, and the least wait");
    assert!(waits[1] >= 60_000, "one touch, one question: {waits:?}");
}

#[test]
fn a_box_that_nobody_answers_keeps_trying() {
    for world in [Outside::Unreachable, Outside::Deaf, Outside::Silent] {
        let mut room = Room::new(2, Purpose::Enrol);
        room.live(24 * HOUR_MS, &world);
        assert!(room.adopted.is_none());
        room.live(31 * HOUR_MS, &decided());
        assert!(room.adopted.is_some(), "the next attempt is at most six hours away");
    }
}

#[test]
fn a_box_that_hears_that_the_service_is_away_does_not_wait_for_its_answer() {
    let mut room = Room::new(2, Purpose::Enrol);
    room.live(HOUR_MS, &Outside::Deaf);
    let waits: Vec<u64> = room.asked_ms.windows(2).map(|two| two[1] - two[0]).collect();
    assert!((15_000..=30_000).contains(&waits[0]), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait > 300_000), "ever more seldom: {waits:?}");
}

#[test]
fn a_box_that_is_not_wanted_says_so_and_asks_a_few_times_a_day() {
    let mut room = Room::new(3, Purpose::Enrol);
    let reason = DenialReason::Replaced;
    room.live(24 * HOUR_MS, &Outside::Says(Decision::Denied { reason }));
    assert_eq!(
        room.shown.last(),
        Some(&Shown::Denied {
            serial: serial(),
            reason
        })
    );
    assert!((4..=9).contains(&room.asked_ms.len()), "{:?}", room.asked_ms);
}

#[test]
fn a_box_that_renews_shows_nothing() {
    let mut room = Room::new(4, Purpose::Renew);
    room.live(HOUR_MS, &Outside::Unreachable);
    room.live(20 * HOUR_MS, &decided());
    assert!(room.adopted.is_some() && room.shown.is_empty());
}

#[test]
fn boxes_that_get_their_power_back_together_do_not_ask_together() {
    let mut first: Vec<u64> = Vec::new();
    for seed in 0..1_000 {
        let mut room = Room::new(seed, Purpose::Enrol);
        room.live(30_000, &Outside::Silent);
        first.push(room.asked_ms[0]);
    }
    let mut bins = [0; 6];
    first.iter().for_each(|at_ms| bins[(at_ms / 5_001) as usize] += 1);
    assert!(bins.iter().all(|bin| (100..250).contains(bin)), "{bins:?}");
}

/// Golden files of what is inside the signatures.
#[test]
fn every_golden_message_of_enrolment_is_read_and_written_again_as_it_was() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/enrolment");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let (name, text) = (
            path.file_name().unwrap().to_string_lossy().into_owned(),
            std::fs::read(&path).unwrap(),
        );
        let read = |text: &[u8]| match name.starts_with("req") {
            true => Message::<EnrolmentRequest>::parse(text, EnrolmentTopic::MAX_BYTES)
                .map(|message| serde_json::to_value(message).unwrap()),
            false => Message::<EnrolmentAnswer>::parse(text, EnrolmentTopic::MAX_BYTES)
                .map(|message| serde_json::to_value(message).unwrap()),
        };
        let original: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(
            read(&text).unwrap_or_else(|refusal| panic!("{name}: {refusal}")),
            original,
            "{name}"
        );
        let mut other = original;
        other["v"] = 2.into();
        assert_eq!(
            read(other.to_string().as_bytes()).unwrap_err().code,
            Code::BadVersion,
            "{name}"
        );
        seen += 1;
    }
    assert_eq!(seen, 4, "request, pending, issued, denied");
}
