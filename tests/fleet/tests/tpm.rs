//! A box whose keys are in a TPM, from its first request on, against Debian's Mosquitto and the real enrolment service.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fleet::agent::SystemClock;
use fleet::aside;
use fleet::contract::Serial;
use fleet::enrolment::{Applicant, Purpose};
use fleet::link::{Endpoint, Identity, Limits, Reason};
use fleet::trust::{Identities, KeyStore, KeyUse, PrivateKey, SoftwareKeys, Usable};
use fleet_lab::broker::{Broker, Door, etat};
use fleet_lab::client::{Client, fresh};
use fleet_lab::office::Office;
use fleet_lab::software_tpm::SoftwareTpm;
use fleet_lab::workshop::{Desk, Listed, claim};
use jiff::Timestamp;
use openssl::pkey::PKey;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tempfile::{TempDir, tempdir};
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;
use tpm::{Tpm, TpmKeys, between_visits};

const PATIENCE: Duration = Duration::from_secs(60);
const SERIAL: &str = "HC24-000123";

/// One story at a time: what one starts would inherit the way to the TPM of another.
static ALONE: Mutex<()> = Mutex::const_new(());

fn keys(folder: &Path, chip: &SoftwareTpm) -> Box<dyn KeyStore> {
    Box::new(TpmKeys::new(folder, Tpm::at(&chip.tcti()).unwrap()).unwrap())
}

/// A fleet with one box that somebody has claimed.
struct Story {
    office: Office,
    broker: Broker,
    _desk: Desk,
    chip: SoftwareTpm,
    folder: TempDir,
}

impl Story {
    fn begins() -> Self {
        let office = Office::new(&etat().unwrap()).unwrap();
        let broker = Broker::of(&office, &[]).unwrap();
        let listed = Listed {
            serial: SERIAL.try_into().unwrap(),
            room: "lyon-412".into(),
        };
        claim(&office, &[listed]).unwrap();
        Self {
            _desk: Desk::open(&office, &broker).unwrap(),
            office,
            broker,
            chip: SoftwareTpm::start().unwrap(),
            folder: tempdir().unwrap(),
        }
    }

    fn identities(&self) -> Identities {
        Identities::new(self.folder.path(), keys(self.folder.path(), &self.chip))
    }

    /// The box asks until it has what it asks for. The maker's key is in the TPM as well.
    async fn ask(&self, purpose: Purpose) {
        let serial: Serial = SERIAL.try_into().unwrap();
        let mut identities = self.identities();
        let maker = match identities.keys().open(KeyUse::Maker).unwrap() {
            Some(maker) => maker,
            None => identities.keys().create(KeyUse::Maker).unwrap(),
        };
        let workshop = self.office.folder.authority("maker").unwrap();
        let certificate = workshop.made(&*maker.public().unwrap(), &serial, Timestamp::now());
        let mut applicant = Applicant {
            serial,
            model: "Hemicycle One".into(),
            fw: "2.3.0".into(),
            maker_chain: vec![certificate.unwrap()],
            maker,
            endpoint: Endpoint {
                host: "localhost".into(),
                port: self.broker.port(Door::Claims),
            },
            anchors: self.office.anchors().unwrap(),
            identities,
            boot: "6f1c20d4".into(),
        };
        let (shown, _) = mpsc::unbounded_channel();
        let (_touch, mut touched) = mpsc::unbounded_channel();
        let asking = aside(async move {
            let (mut clock, chance) = (SystemClock::new(true), StdRng::seed_from_u64(3));
            applicant
                .run(purpose, Duration::ZERO, &mut clock, chance, &shown, &mut touched)
                .await;
        });
        timeout(PATIENCE, asking).await.expect("it is answered").unwrap();
    }

    /// What the broker says to a box that shows this.
    async fn shows(&self, usable: Usable) -> Result<Reason, Reason> {
        let name = usable.identity.issued.device.to_string();
        let identity = Identity {
            chain: usable.chain,
            key: usable.key,
        };
        let target = self.broker.target(Door::Boxes, &identity, Limits::default()).unwrap();
        let client = Client::connect(target, fresh(&name)).await?;
        Ok(client.goodbye().await.unwrap())
    }

    fn current(&self) -> Usable {
        self.identities().current().unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_box_enrols_connects_and_renews_with_keys_that_only_its_tpm_can_use() {
    let _alone = ALONE.lock().await;
    let mut story = Story::begins();
    story.ask(Purpose::Enrol).await;
    assert_eq!(story.shows(story.current()).await, Ok(Reason::Closed));
    // The machine is switched off and on: the TPM has other memory, and the same seed.
    story.chip.stop().unwrap();
    story.chip.start_again().unwrap();
    let first = story.current();
    assert_eq!(story.shows(story.current()).await, Ok(Reason::Closed));
    // The next certificate is for another key, also in the TPM; the one before works until the broker has taken it.
    story.ask(Purpose::Renew).await;
    let next = story.identities().upcoming().unwrap().unwrap();
    let public = |usable: &Usable| usable.key.public().unwrap();
    assert!(!public(&first).public_eq(&public(&next)));
    let renewed = public(&next);
    assert_eq!(story.shows(story.current()).await, Ok(Reason::Closed));
    assert_eq!(story.shows(next).await, Ok(Reason::Closed));
    story.identities().settle().unwrap();
    assert!(public(&story.current()).public_eq(&renewed));
    assert_eq!(story.shows(story.current()).await, Ok(Reason::Closed));
    // No private key is in the folder: no file holds one, and all files together are worth nothing to another TPM.
    let mut seen = Vec::new();
    for entry in fs::read_dir(story.folder.path()).unwrap() {
        let entry = entry.unwrap();
        let content = fs::read(entry.path()).unwrap();
        assert!(PKey::private_key_from_pem(&content).is_err(), "{entry:?}");
        assert!(
            !content
                .windows(15)
                .any(|part| part == b"BEGIN PRIVATE K" || part == b"BEGIN EC PRIVAT")
        );
        seen.push(entry.file_name().into_string().unwrap());
    }
    seen.sort();
    assert_eq!(seen, ["device.key", "identity.json", "maker.key"]);
    let thief = SoftwareTpm::start().unwrap();
    let stolen = keys(story.folder.path(), &thief).open(KeyUse::Device).unwrap().unwrap();
    assert!(stolen.sign(b"let me in").is_err());
}

#[tokio::test]
async fn a_tpm_that_is_away_or_was_cleared_is_said_with_what_to_do_and_no_other_key_takes_its_place() {
    let _alone = ALONE.lock().await;
    let mut story = Story::begins();
    story.ask(Purpose::Enrol).await;
    let files = |folder: &Path| ["device.key", "maker.key"].map(|name| fs::read(folder.join(name)).unwrap());
    let before = files(story.folder.path());
    story.chip.stop().unwrap();
    let Err(Reason::Key(away)) = story.shows(story.current()).await else {
        panic!("it connects without its TPM")
    };
    assert!(away.contains("does not answer") && away.contains("group tss"), "{away}");
    let mut new = keys(story.folder.path(), &story.chip);
    assert!(
        new.create(KeyUse::Next)
            .unwrap_err()
            .to_string()
            .contains("does not answer")
    );
    // It comes back, and nothing was lost.
    story.chip.start_again().unwrap();
    assert_eq!(story.shows(story.current()).await, Ok(Reason::Closed));

    story.chip.clear().unwrap();
    let Err(Reason::Key(cleared)) = story.shows(story.current()).await else {
        panic!("it connects after its TPM was cleared")
    };
    assert!(cleared.contains("cleared") && cleared.contains("device.key") && cleared.contains("remove the file"));
    let maker = story.identities().keys().open(KeyUse::Maker).unwrap().unwrap();
    let of_maker = maker.sign(b"a request").unwrap_err().to_string();
    assert!(of_maker.contains("roomctl deliver"), "{of_maker}");
    assert!(!story.folder.path().join("next.key").exists());
    assert_eq!(files(story.folder.path()), before);
    // What the sentence says helps: the box is as one that was never enrolled, and its maker delivers it again.
    fs::remove_file(story.folder.path().join("device.key")).unwrap();
    fs::remove_file(story.folder.path().join("maker.key")).unwrap();
    assert!(story.identities().current().unwrap().is_none());
    story.ask(Purpose::Enrol).await;
    assert_eq!(story.shows(story.current()).await, Ok(Reason::Closed));
}

#[test]
fn a_key_of_another_kind_is_not_taken_and_the_sentence_says_what_to_write() {
    let _alone = ALONE.blocking_lock();
    let (folder, chip) = (tempdir().unwrap(), SoftwareTpm::start().unwrap());
    let mut in_files = SoftwareKeys::new(folder.path()).unwrap();
    let mut in_tpm = keys(folder.path(), &chip);
    for of in [KeyUse::Device, KeyUse::Next] {
        in_files.create(of).unwrap();
        let said = in_tpm.open(of).unwrap_err().to_string();
        assert!(said.contains("key = \"software\""), "{said}");
        in_tpm.create(of).unwrap();
        let said = in_files.open(of).unwrap_err().to_string();
        assert!(said.contains("key = \"tpm\""), "{said}");
    }
    // What the maker has delivered is the maker's choice.
    let delivered = in_files.create(KeyUse::Maker).unwrap();
    let taken = in_tpm.open(KeyUse::Maker).unwrap().unwrap();
    assert!(taken.public().unwrap().public_eq(&delivered.public().unwrap()));
    // A damaged file is no key.
    let path = folder.path().join("device.key");
    let text = fs::read_to_string(&path).unwrap();
    in_tpm.create(KeyUse::Device).unwrap();
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    assert!(in_tpm.open(KeyUse::Device).unwrap_err().to_string().contains("damaged"));
    assert!(
        Tpm::at("/dev/tpmrm0")
            .unwrap_err()
            .to_string()
            .contains("device:/dev/tpmrm0")
    );
}

#[test]
fn a_process_that_is_started_between_visits_inherits_no_way_to_the_tpm() {
    let _alone = ALONE.blocking_lock();
    let (folder, chip) = (tempdir().unwrap(), SoftwareTpm::start().unwrap());
    let key = keys(folder.path(), &chip).create(KeyUse::Device).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                key.sign(b"busy").unwrap();
            }
        });
        for _ in 0..20 {
            let child = {
                let _alone = between_visits(PATIENCE).unwrap();
                let mut listing = Command::new("ls");
                listing.arg("-l").arg("/proc/self/fd").stdin(Stdio::null());
                listing.stdout(Stdio::piped()).spawn().unwrap()
            };
            let listed = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
            if listed.contains("socket:") {
                done.store(true, Ordering::Relaxed);
                panic!("{listed}");
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// The middle one of several measurements, milliseconds.
fn median(times: u32, mut what: impl FnMut()) -> f64 {
    let mut measured: Vec<Duration> = (0..times)
        .map(|_| {
            let begun = Instant::now();
            what();
            begun.elapsed()
        })
        .collect();
    measured.sort();
    measured[measured.len() / 2].as_secs_f64() * 1_000.0
}

/// `cargo test -p fleet-lab --test tpm -- --nocapture what_a_signature` prints the figures.
#[test]
fn what_a_signature_of_a_handshake_costs_in_a_file_and_in_a_tpm() {
    let _alone = ALONE.blocking_lock();
    let (folder, chip) = (tempdir().unwrap(), SoftwareTpm::start().unwrap());
    // What TLS 1.3 signs: 64 spaces, a label and a hash (RFC 8446 §4.4.3).
    let message = [b' '; 130];
    let signing = |key: Arc<dyn PrivateKey>| median(101, move || drop(key.sign(&message).unwrap()));
    let in_a_file = signing(
        SoftwareKeys::new(folder.path())
            .unwrap()
            .create(KeyUse::Device)
            .unwrap(),
    );
    let in_a_tpm = signing(keys(folder.path(), &chip).create(KeyUse::Device).unwrap());
    println!("a signature, median of 101: {in_a_file:.3} ms in a file, {in_a_tpm:.1} ms in swtpm");
    assert!(in_a_tpm > in_a_file, "a TPM is asked each time");
    assert!(in_a_tpm < 1_000.0, "{in_a_tpm} ms");
}
