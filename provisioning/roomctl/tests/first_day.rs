//! From nothing to a room that obeys, and to the spare that takes its place: what `roomctl init` writes, with Debian's
//! Mosquitto, the enrolment service, and boxes as their maker delivers them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use enrolment::folder::Folder;
use enrolment::registry::{BoxState, Claim, Claimed, Registry};
use enrolment::service::{Offer, Powers, Service};
use enrolment::settings::Settings;
use fleet::agent::SystemClock;
use fleet::contract::{Apply, ApplyWhen, Channel, Configuration, Message, Room, Serial, Tenant, Verb};
use fleet::enrolment::{Applicant, Purpose, Shown};
use fleet::link::{
    Endpoint, Identity, Limits, Link, News, Opening, Publication, Session, Subscription, Target, Trust, context,
};
use fleet::trust::{Identities, KeyStore, KeyUse, PrivateKey, SoftwareKeys, TrustedDocuments};
use fleet_lab::broker::free_ports;
use jiff::Timestamp;
use openssl::x509::X509;
use rand::SeedableRng;
use rand::rngs::StdRng;
use roomctl::author::Author;
use roomctl::claim::{HandedOver, TakeOver, take_away};
use roomctl::console::Console;
use roomctl::init::{Plan, Ports, init};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// For anything that a busy machine does.
const PATIENCE: Duration = Duration::from_secs(60);
const PROGRAM: &str = "/usr/sbin/mosquitto";

fn tenant() -> Tenant {
    "etat".try_into().unwrap()
}

fn room() -> Room {
    "lyon-412".try_into().unwrap()
}

/// A fleet on its first day.
struct Fleet {
    files: tempfile::TempDir,
    ports: Ports,
    broker: Child,
    stop: Option<oneshot::Sender<()>>,
}

impl Drop for Fleet {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.broker.kill();
        let _ = self.broker.wait();
    }
}

impl Fleet {
    async fn begin() -> Self {
        let files = tempfile::tempdir().unwrap();
        let [boxes, claims, staff] = free_ports().unwrap();
        let ports = Ports { boxes, claims, staff };
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let plan = Plan {
            tenant: tenant(),
            folder: files.path().join("fleet"),
            host: "localhost".into(),
            also: vec!["127.0.0.1".into()],
            ports,
            listen: Some("127.0.0.1".into()),
            broker_user: Some(String::from_utf8(user).unwrap().trim().to_owned()),
            name: "alice".into(),
        };
        init(&plan, Timestamp::now()).unwrap();
        let broker = Command::new(PROGRAM)
            .arg("-c")
            .arg(plan.folder.join("broker/mosquitto/mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Mosquitto (Debian's package `mosquitto`)");
        let mut fleet = Self {
            files,
            ports,
            broker,
            stop: None,
        };
        let until = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", ports.staff)).is_err() {
            assert!(Instant::now() < until, "Mosquitto does not start");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        fleet.serve();
        fleet
    }

    fn folder(&self) -> Folder {
        Folder::new(&self.files.path().join("fleet"))
    }

    fn settings(&self) -> Settings {
        Settings::load(&self.folder().path("enrolment.toml")).unwrap()
    }

    fn registry(&self) -> Registry {
        Registry::open(&self.settings().registry).unwrap()
    }

    /// The enrolment service.
    fn serve(&mut self) {
        let (folder, settings) = (self.folder(), self.settings());
        let powers = Powers {
            makers: folder.anchors("makers.pem").unwrap(),
            boxes: folder.authority("boxes").unwrap(),
            signer: folder.signing("enrolment").unwrap(),
        };
        let offer = Offer {
            endpoints: settings.endpoints.clone(),
            trust: folder.trust().unwrap(),
            days: settings.certificate_days,
        };
        let chance = StdRng::seed_from_u64(1);
        let service = Service::new(powers, offer, self.registry(), chance, Timestamp::now());
        let target = self.target(self.ports.staff, folder.identity("people/enrolment").unwrap());
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(enrolment::driver::run(service, target, "enrolment", stopped));
        self.stop = Some(stop);
    }

    fn target(&self, port: u16, (key, chain): (impl PrivateKey + 'static, Vec<X509>)) -> Target {
        let trust = Trust {
            authorities: self.folder().anchors("root.pem").unwrap().roots().to_vec(),
            clock_is_set: true,
        };
        Target {
            endpoint: Endpoint {
                host: "localhost".into(),
                port,
            },
            tls: context(
                &Identity {
                    chain,
                    key: Arc::new(key),
                },
                &trust,
            )
            .unwrap(),
            limits: Limits::default(),
        }
    }

    fn claim(&self, serial: &Serial, force: bool) -> Claimed {
        let claim = Claim {
            serial: serial.clone(),
            tenant: tenant(),
            site: "lyon".try_into().unwrap(),
            room: Some(room()),
        };
        self.registry().claim(&claim, "alice", force, Timestamp::now()).unwrap()
    }

    async fn console(&self) -> Console {
        let identity = self.folder().identity("people/administrator").unwrap();
        Console::open(self.target(self.ports.staff, identity), &tenant())
            .await
            .unwrap()
    }
}

/// A box as its maker delivers it, that looks for its fleet.
struct Machine {
    applicant: Applicant,
    _folder: tempfile::TempDir,
}

impl Machine {
    fn new(fleet: &Fleet, serial: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let serial: Serial = serial.try_into().unwrap();
        let mut keys = SoftwareKeys::new(&folder.path().join("keys")).unwrap();
        let maker = keys.create(KeyUse::Maker).unwrap();
        let workshop = fleet.folder().authority("maker").unwrap();
        let certificate = workshop.made(&*maker.public().unwrap(), &serial, Timestamp::now());
        let applicant = Applicant {
            serial,
            model: "Hemicycle One".into(),
            fw: "2.3.0".into(),
            maker_chain: vec![certificate.unwrap()],
            maker,
            endpoint: Endpoint {
                host: "localhost".into(),
                port: fleet.ports.claims,
            },
            anchors: fleet.folder().anchors("root.pem").unwrap(),
            identities: Identities::new(folder.path(), Box::new(keys)),
            boot: "6f1c20d4".into(),
        };
        Self {
            applicant,
            _folder: folder,
        }
    }

    /// Asks until it is in. `claim`: what people do when they see the wall; then they touch it.
    async fn enrol(&mut self, purpose: Purpose, claim: impl FnOnce(&Shown)) {
        let (shown, mut wall) = mpsc::unbounded_channel();
        let (touch, mut touched) = mpsc::unbounded_channel();
        let mut clock = SystemClock::new(true);
        let chance = StdRng::seed_from_u64(3);
        let asking = self
            .applicant
            .run(purpose, Duration::ZERO, &mut clock, chance, &shown, &mut touched);
        let people = async {
            if purpose == Purpose::Enrol {
                claim(&wall.recv().await.unwrap());
            }
            loop {
                let _ = touch.send(());
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
        };
        let both = async {
            tokio::select! {
                () = asking => {}
                () = people => {}
            }
        };
        timeout(PATIENCE, both).await.expect("the box is in");
    }

    fn trusted(&mut self) -> TrustedDocuments {
        let usable = self.applicant.identities.current().unwrap().unwrap();
        usable.identity.trusted().unwrap()
    }

    /// What the broker keeps for it, with its own certificate at the listener for boxes.
    async fn configuration(&mut self, fleet: &Fleet) -> Vec<u8> {
        let topic = Channel::ConfigDesired.topic(&tenant(), &self.applicant.serial.device());
        self.kept_for_it(fleet, &topic).await
    }

    async fn kept_for_it(&mut self, fleet: &Fleet, topic: &str) -> Vec<u8> {
        let usable = self.applicant.identities.current().unwrap().unwrap();
        let device = usable.identity.issued.device.clone();
        let endpoints = &usable.identity.issued.endpoints;
        assert_eq!(endpoints, &[format!("localhost:{}", fleet.ports.boxes)]);
        let opening = Opening {
            client_id: device.to_string(),
            will: None,
            session: Session::Fresh,
        };
        let target = fleet.target(fleet.ports.boxes, (usable.key, usable.chain));
        let mut link = Link::open(target, opening);
        loop {
            match timeout(PATIENCE, link.next()).await.unwrap().unwrap() {
                News::Connected { .. } => {
                    let filters = Channel::filters(&tenant(), &device);
                    link.orders().subscribe(Subscription(filters.to_vec())).unwrap();
                }
                News::Subscribed { refused } => assert_eq!(refused, Vec::<String>::new()),
                News::Received(received) if received.topic == topic => {
                    return received.payload.to_vec();
                }
                News::Disconnected(reason) => panic!("{reason:?}"),
                _ => {}
            }
        }
    }
}

fn wanted(author: &mut Author) -> Message<Configuration> {
    let cfg = serde_json::json!({"room": {"name": "Lyon 4.12"}});
    let mut configuration = Configuration {
        schema: "cfg/1.4".into(),
        rev: 1,
        sha256: String::new(),
        issued_by: "alice".into(),
        exp: None,
        apply: Apply {
            when: ApplyWhen::Now,
            deadline: None,
        },
        cfg: cfg.as_object().unwrap().clone(),
        secrets: std::collections::BTreeMap::new(),
    };
    configuration.sha256 = configuration.fingerprint();
    author.stamp(configuration)
}

async fn keep(console: &mut Console, topic: &str, payload: Vec<u8>) {
    let token = console.next_token();
    let publication = Publication {
        retain: true,
        ..Publication::new(token, topic, payload)
    };
    console.publish(publication).await.unwrap();
}

fn mosquitto_is_here() -> bool {
    let here = Path::new(PROGRAM).exists();
    if !here {
        assert!(std::env::var_os("CI").is_none(), "no Mosquitto in CI");
        // The test runner hides what is printed, not what is written.
        let line = b"\nskipped: the first day of a fleet: Mosquitto is not installed here\n";
        let _ = std::io::Write::write_all(&mut std::io::stdout(), line);
    }
    here
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_nothing_to_a_room_that_obeys_and_to_the_spare_that_takes_its_place() {
    if !mosquitto_is_here() {
        return;
    }
    let fleet = Fleet::begin().await;
    let mut machine = Machine::new(&fleet, "HC24-000123");
    let serial = machine.applicant.serial.clone();
    machine
        .enrol(Purpose::Enrol, |shown| {
            let Shown::Claim { code, .. } = shown else {
                panic!("{shown:?}")
            };
            assert_eq!(
                roomctl::claim::serial(code).unwrap(),
                serial,
                "what the wall shows is claimed"
            );
            assert_eq!(fleet.claim(&serial, false), Claimed::New);
        })
        .await;
    let known = fleet.registry().find(&serial).unwrap().unwrap();
    assert_eq!((known.state, known.site.as_str()), (BoxState::Enrolled, "lyon"));

    // The administrator configures it, and it believes what the broker keeps for it.
    let mut console = fleet.console().await;
    let mut author = Author::new("alice", Some(fleet.folder().signing("operations").unwrap()));
    let topic = Channel::ConfigDesired.topic(&tenant(), &serial.device());
    let message = wanted(&mut author);
    let text = author.signed(&topic, &message).unwrap();
    keep(&mut console, &topic, text.into_bytes()).await;
    let text = machine.configuration(&fleet).await;
    let signed = machine.trusted().check(&text, Verb::Configure, Some(Timestamp::now()));
    assert_eq!(signed.unwrap().signer, "operations");

    // It hears what is said to everybody.
    let to_all = Channel::notice_for_all(&tenant());
    keep(&mut console, &to_all, b"to all".to_vec()).await;
    assert_eq!(machine.kept_for_it(&fleet, &to_all).await, b"to all");

    // It renews: another key, which is in use once it has proved itself.
    let before = machine.applicant.identities.current().unwrap().unwrap().key;
    machine.enrol(Purpose::Renew, |_| {}).await;
    let next = machine.applicant.identities.upcoming().unwrap().unwrap();
    let still = machine.applicant.identities.current().unwrap().unwrap();
    let public = |key: &dyn PrivateKey| key.public().unwrap();
    assert!(!public(&next.key).public_eq(&public(&before)) && public(&still.key).public_eq(&public(&before)));
    machine.applicant.identities.settle().unwrap();
    let now = machine.applicant.identities.current().unwrap().unwrap();
    assert!(public(&now.key).public_eq(&public(&next.key)));
    machine.configuration(&fleet).await;

    // A spare takes its place by one claim, and has its configuration before it is even switched on.
    let mut spare = Machine::new(&fleet, "HC24-000777");
    let new = spare.applicant.serial.clone();
    assert_eq!(fleet.claim(&new, true), Claimed::Replaced(serial.clone()));
    let take_over = TakeOver {
        tenant: tenant(),
        site: "lyon".try_into().unwrap(),
        room: room(),
        old: serial.clone(),
        new,
    };
    let anchors = fleet.folder().anchors("root.pem").unwrap();
    let handed = take_over.hand_over(&mut console, &mut author, &anchors).await.unwrap();
    assert_eq!(handed, HandedOver::Configuration { missing: Vec::new() });
    spare.enrol(Purpose::Enrol, |_| {}).await;
    let text = spare.configuration(&fleet).await;
    let signed = spare.trusted().check(&text, Verb::Configure, Some(Timestamp::now()));
    assert!(
        String::from_utf8(signed.unwrap().payload)
            .unwrap()
            .contains("Lyon 4.12")
    );
    let mut other = fleet.console().await;
    let left = other
        .kept(&[format!("cr/v1/etat/{}/#", serial.device())])
        .await
        .unwrap();
    assert_eq!(left.len(), 0, "nothing of the old box stays");
    let new = take_over.new.device();
    take_away(&mut other, &tenant(), &new).await.unwrap();
    let left = fleet.console().await.kept(&["cr/v1/etat/#".to_owned()]).await.unwrap();
    assert!(
        left.keys().all(|topic| !topic.contains("box-")),
        "nor of one that is forgotten: {left:?}"
    );
    console.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_hijacked_broker_keeps_is_not_signed_for_the_next_box() {
    if !mosquitto_is_here() {
        return;
    }
    let fleet = Fleet::begin().await;
    let mut console = fleet.console().await;
    let mut author = Author::new("alice", Some(fleet.folder().signing("operations").unwrap()));
    let serial: Serial = "HC24-1".try_into().unwrap();
    let topic = Channel::ConfigDesired.topic(&tenant(), &serial.device());
    // Signed, but for another box.
    let message = wanted(&mut author);
    let elsewhere = author.signed("cr/v1/etat/box-hc24-9/config/desired", &message).unwrap();
    keep(&mut console, &topic, elsewhere.into_bytes()).await;
    let take_over = TakeOver {
        tenant: tenant(),
        site: "lyon".try_into().unwrap(),
        room: room(),
        old: serial,
        new: "HC24-2".try_into().unwrap(),
    };
    let anchors = fleet.folder().anchors("root.pem").unwrap();
    let refused = take_over
        .hand_over(&mut console, &mut author, &anchors)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("not trusted"), "{refused}");
    console.close().await;
}
