//! The box reaches another release: an update server, RAUC (or what answers as it does), two slots, and the real room.

use std::collections::BTreeSet;
use std::time::Duration;

use end_to_end::files::{Files, Habits};
use end_to_end::machine::{Bundle, Machine, Signer};
use fleet::contract::{Channel, Code, Phase, Update, UpdateReport};
use openssl::sha::sha256;
use rustix::process::Signal;
use serde_json::Value;

use crate::fleet::Fleet;
use crate::stage::PATIENCE;

/// A box of a fleet on a machine that can be updated.
struct Updatable {
    fleet: Fleet,
    machine: Machine,
    files: Files,
    rev: u64,
}

/// At once, for everybody; of a bundle that nobody has.
fn update(rev: u64, release: &str) -> Update {
    Update {
        rev,
        release: release.into(),
        url: "https://releases.example/2.0.0".into(),
        size: 1,
        sha256: "0".repeat(64),
        manifest_hash: String::new(),
        min_from: None,
        security_version: 1,
        not_before: None,
        window: None,
        deadline: None,
        wave: None,
        allow_in_call: false,
    }
}

impl Updatable {
    fn start() -> Self {
        let machine = Machine::start("1.0.0", 3).unwrap();
        machine.first_start().unwrap();
        let files = Files::start().unwrap();
        let fleet = Fleet::with(&format!(
            "dbus = '{}'\nos_release = '{}'\nupdate_proof_s = 3\n[network]\nca_file = '{}'\n",
            machine.address(),
            machine.os_release().display(),
            files.authority().file().display()
        ));
        Self {
            fleet,
            machine,
            files,
            rev: 0,
        }
    }

    /// The fleet wants this bundle.
    fn offer(&mut self, release: &str, security_version: u32, bundle: &Bundle) {
        self.rev += 1;
        let sha256 = sha256(&bundle.bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        self.files.put(bundle.bytes.clone());
        let update = Update {
            url: self.files.url(),
            size: bundle.bytes.len() as u64,
            sha256,
            manifest_hash: bundle.manifest_hash.clone(),
            security_version,
            ..update(self.rev, release)
        };
        self.fleet.publish(&Channel::UpdateDesired, update);
    }

    fn report(&mut self) -> Option<UpdateReport> {
        let rev = self.rev;
        let report = self.fleet.document::<UpdateReport>(&Channel::UpdateReported)?;
        (report.rev == rev).then_some(report)
    }

    /// Waits for a phase; those that were seen on the way.
    fn until(&mut self, phase: Phase) -> (UpdateReport, BTreeSet<String>) {
        let mut seen = BTreeSet::new();
        let rev = self.rev;
        let seen_of = std::cell::RefCell::new(&mut seen);
        let report = self.fleet.until(&format!("{phase:?} is told"), |fleet| {
            let report = fleet.document::<UpdateReport>(&Channel::UpdateReported)?;
            if report.rev != rev {
                return None;
            }
            seen_of.borrow_mut().insert(format!("{:?}", report.phase));
            (report.phase == phase).then_some(report)
        });
        (report, seen)
    }

    /// The box ends of its own accord; the machine starts again.
    fn reboots(&mut self) {
        let ended = self.fleet.stage.room_box.wait(4 * PATIENCE);
        assert!(ended.is_some_and(|status| status.success()), "{}", self.words());
        self.machine.reboot().unwrap();
        self.fleet.stage.room_box.start_again().unwrap();
    }

    fn words(&self) -> String {
        self.fleet.stage.room_box.words()
    }
}

#[test]
fn a_release_is_fetched_in_pieces_installed_tried_in_the_light_and_confirmed() {
    let mut lab = Updatable::start();
    let bundle = lab.machine.bundle("2.0.0", 4, Signer::Ours).unwrap();
    lab.files.behave(Habits {
        breaks_off: Some(100_000),
        ..Habits::default()
    });
    lab.offer("2.0.0", 4, &bundle);
    lab.reboots();
    assert_eq!(lab.machine.slot(), "B");
    assert_eq!(lab.files.asked(), [0, 100_000], "it goes on where it was");
    // The new release looks whether it works, and everybody sees that it does.
    lab.fleet.stage.wait("the wall says so", |stage| {
        stage.room_box.state("/notice") == "selfTest"
    });
    lab.fleet.stage.wait("the camera is open, and shown as open", |stage| {
        stage.room_box.state("/camera/open") == true
    });
    let (report, seen) = lab.until(Phase::Confirmed);
    assert_eq!(
        (report.running.as_str(), report.slot.as_str()),
        ("2.0.0", "B"),
        "{seen:?}"
    );
    assert_eq!(lab.fleet.stage.room_box.state("/camera/open"), false);
    let told = |mark: &str| lab.machine.marks().iter().any(|told| told == mark);
    assert!(told("good B") && !told("bad A"), "{:?}", lab.machine.marks());
}

#[test]
fn a_release_that_keeps_falling_over_is_left_for_the_one_before() {
    let mut lab = Updatable::start();
    let bundle = lab.machine.bundle("2.0.0", 4, Signer::Ours).unwrap();
    lab.offer("2.0.0", 4, &bundle);
    lab.reboots();
    assert_eq!(lab.machine.slot(), "B");
    let state = lab.fleet.folder.path().join("update.json");
    for start in 1..=3 {
        lab.fleet.until("the start is counted", |_| {
            let state: Value = serde_json::from_slice(&std::fs::read(&state).ok()?).ok()?;
            (state.pointer("/stage/trial/starts")? == start).then_some(())
        });
        lab.fleet.stage.room_box.signal(Signal::KILL);
        assert!(lab.fleet.stage.room_box.wait(PATIENCE).is_some());
        lab.fleet.stage.room_box.start_again().unwrap();
    }
    lab.reboots();
    assert_eq!(lab.machine.slot(), "A");
    let (report, _) = lab.until(Phase::RolledBack);
    assert_eq!((report.running.as_str(), report.slot.as_str()), ("1.0.0", "A"));
    assert_eq!(lab.machine.marks().last().map(String::as_str), Some("bad B"));
}

#[test]
fn a_bundle_that_somebody_else_signed_is_not_installed() {
    let mut lab = Updatable::start();
    let bundle = lab.machine.bundle("2.0.0", 4, Signer::Stranger).unwrap();
    lab.offer("2.0.0", 4, &bundle);
    let (report, seen) = lab.until(Phase::Failed);
    assert_eq!(report.running, "1.0.0");
    assert_eq!(report.code, Some(Code::BadSignature), "{report:?}");
    assert!(!seen.contains("Installing"), "{seen:?}");
    assert!(lab.machine.is_empty("B").unwrap(), "nothing of it was written");
}

#[test]
fn a_machine_without_rauc_says_so_to_every_release_and_lives_on() {
    let mut fleet = Fleet::with("dbus = 'unix:path=/nobody/is/here'\nupdate_proof_s = 3\n");
    for rev in 1..=40 {
        fleet.publish(&Channel::UpdateDesired, update(rev, "2.0.0"));
    }
    let report = fleet.until("the last one is refused", |fleet| {
        let report = fleet.document::<UpdateReport>(&Channel::UpdateReported)?;
        (report.rev == 40).then_some(report)
    });
    assert_eq!(
        (report.phase, report.code),
        (Phase::Refused, Some(Code::UnsupportedOnHw))
    );
}

#[test]
fn an_older_security_version_is_refused_before_a_byte_is_fetched() {
    let mut lab = Updatable::start();
    let bundle = lab.machine.bundle("2.0.0", 2, Signer::Ours).unwrap();
    lab.offer("2.0.0", 2, &bundle);
    let (report, _) = lab.until(Phase::Refused);
    assert!(report.code.is_some_and(|code| code != Code::Ok), "{report:?}");
    assert_eq!(lab.files.asked(), [0_usize; 0]);
}

#[test]
fn a_release_that_is_withdrawn_stops_in_the_middle_of_its_download() {
    let mut lab = Updatable::start();
    let bundle = lab.machine.bundle("2.0.0", 4, Signer::Ours).unwrap();
    lab.files.behave(Habits {
        pause: Duration::from_millis(500),
        ..Habits::default()
    });
    lab.offer("2.0.0", 4, &bundle);
    lab.until(Phase::Downloading);
    let kept = lab.fleet.folder.path().join("update.raucb");
    lab.fleet.until("some of it is there", |_| {
        std::fs::metadata(&kept).ok().filter(|file| file.len() > 0)
    });
    lab.offer("1.0.0", 3, &bundle);
    let (report, _) = lab.until(Phase::Idle);
    assert_eq!(report.running, "1.0.0");
    assert!(!kept.exists(), "nothing stays");
    assert!(lab.machine.is_empty("B").unwrap());
    assert_eq!(lab.report().map(|report| report.phase), Some(Phase::Idle));
}
