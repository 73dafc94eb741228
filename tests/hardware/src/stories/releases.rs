//! Releases of the box: from a fleet outside into two slots, and out of them again. RAUC, its bus, the units and the verified root are
//! real; the boot loader is played by the guest's start (`image/prepare.sh`).

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use end_to_end::files::Files;
use fleet::contract::{Channel, Code, Phase, Presence, Update, UpdateReport};
use fleet_lab::administrator::Administrator;
use hardware_lab::lab::Lab;
use hardware_lab::release::{COMPATIBLE, Maker, Release};
use hardware_lab::stage::{self, project};
use openssl::sha::sha256;
use tempfile::TempDir;

use super::{Evidence, ensure, room_box, units, why};

const MOMENT: Duration = Duration::from_secs(120);
/// From the document to the verdict, with the starts in between; a busy machine is slow as a whole.
const BOUND: Duration = Duration::from_secs(1_200);
/// Of a release that takes a while to write.
pub const HEAVY: usize = 12 << 20;
const LIGHT: usize = 1 << 20;
/// Nothing follows by itself but another attempt.
const VERDICTS: [Phase; 5] = [
    Phase::Idle,
    Phase::Confirmed,
    Phase::Failed,
    Phase::RolledBack,
    Phase::Refused,
];

/// A box in its fleet, with two slots, a release in the first of them, and the room around it.
pub struct Fleet<'lab> {
    /// The box.
    pub lab: &'lab mut Lab,
    administrator: Administrator,
    files: Files,
    ours: Maker,
    folder: TempDir,
    made: Cell<u32>,
    rev: u64,
}

/// Whoever makes it: good ones stay, others are left or not even written.
pub fn kept_left_or_refused(lab: &mut Lab) -> Evidence {
    in_a_fleet(lab, |fleet| {
        let strangers = Maker::new(&fleet.lab.image, fleet.folder.path().join("strangers")).map_err(why)?;
        let release = fleet.release("2.0.0", 4, &[], LIGHT)?;
        fleet.offer(&release, &strangers)?;
        let report = fleet.until(&[Phase::Failed])?;
        ensure(report.code == Some(Code::BadSignature), || format!("{report:?}"))?;
        let older = fleet.release("2.0.0", 2, &[], LIGHT)?;
        let asked = fleet.files.asked().len();
        fleet.offer(&older, &fleet.ours())?;
        let report = fleet.until(&[Phase::Refused])?;
        ensure(report.code == Some(Code::Precondition), || format!("{report:?}"))?;
        ensure(fleet.files.asked().len() == asked, || {
            "the older release was fetched".into()
        })?;
        let untouched = fs::read(fleet.lab.slot("root-b")).is_ok_and(|disk| disk.iter().all(|byte| *byte == 0));
        ensure(untouched, || "something of them was written".into())?;

        fleet.offer(&release, &fleet.ours())?;
        let begun = Instant::now();
        let report = fleet.until(&[Phase::Confirmed, Phase::Failed, Phase::RolledBack])?;
        let took = begun.elapsed().as_secs();
        let is = |report: &UpdateReport, phase, running: &str, slot: &str| {
            let same = report.phase == phase && report.running == running && report.slot == slot;
            ensure(same, || format!("not {phase:?} with {running} in {slot}: {report:?}"))
        };
        is(&report, Phase::Confirmed, "2.0.0", "hemicycle-b")?;

        // What looks after the start of a release is the release's own program: it says no at once.
        let broken = fleet.release("3.0.0", 4, &[("usr/bin/roomd", "#!/bin/sh\nexit 1\n")], LIGHT)?;
        fleet.offer(&broken, &fleet.ours())?;
        let report = fleet.until(&[Phase::RolledBack, Phase::Failed, Phase::Confirmed])?;
        is(&report, Phase::RolledBack, "2.0.0", "hemicycle-b")?;
        let starts = fleet.starts()?;
        ensure(
            starts
                == [
                    "hemicycle-a starts",
                    "hemicycle-b starts",
                    "hemicycle-a starts",
                    "hemicycle-b starts",
                ],
            || starts.join(", "),
        )?;
        Ok(format!(
            "of somebody else: bad signature; older: refused unread; neither was written. A good one: confirmed after {took} s in the other \
             slot. One whose daemon is broken: tried once, and the one before runs again by itself"
        ))
    })
}

/// Tells with a box in its fleet, and puts all of it away.
pub fn in_a_fleet(lab: &mut Lab, tell: impl FnOnce(&mut Fleet) -> Evidence) -> Evidence {
    let mut fleet = Fleet::begin(lab)?;
    let told = fleet.deliver().and_then(|()| tell(&mut fleet));
    let told = told.map_err(|reason| format!("{reason}\n{}", fleet.words()));
    let put_away = fleet.end();
    told.and_then(|seen| put_away.map(|()| seen))
}

/// The box as it was delivered to its room, but for its keys: those lie in files.
fn configuration() -> Result<String, String> {
    let as_delivered = fs::read_to_string(project().join("systemd/roomd.toml")).map_err(|error| error.to_string())?;
    Ok(as_delivered.replace("key = \"tpm\"", "key = \"software\"")
        + "reconnect_spread_s = 0\nclock_is_trusted = true\nupdate_proof_s = 3\n\
           [network]\nca_file = \"/etc/roomd/authority.pem\"\n")
}

/// RAUC as the image has it, with the disks and the boot loader of the laboratory.
fn system_conf() -> Result<String, String> {
    let file = project().join("yocto/meta-hemicycle/recipes-core/rauc/files/system-uki.conf");
    let of_the_image = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let lab = of_the_image
        .replace("@COMPATIBLE@", COMPATIBLE)
        .replace("bootloader=efi", "bootloader=custom")
        .replace("/dev/disk/by-partlabel/", "/dev/disk/by-id/virtio-");
    Ok(lab + "\n[handlers]\nbootloader-custom-backend=/usr/lib/hemicycle-lab/boot-loader\n")
}

impl<'lab> Fleet<'lab> {
    fn begin(lab: &'lab mut Lab) -> Result<Self, String> {
        let said = |error: Box<dyn std::error::Error + Send + Sync>| error.to_string();
        let io = |error: std::io::Error| error.to_string();
        let folder = TempDir::with_prefix("releases").map_err(io)?;
        Ok(Self {
            administrator: Administrator::of("lyon-412").map_err(said)?,
            files: Files::start().map_err(io)?,
            ours: Maker::new(&lab.image, folder.path().join("ours")).map_err(why)?,
            folder,
            made: Cell::new(0),
            rev: 0,
            lab,
        })
    }

    /// The box belongs to the fleet and runs its first release when this returns.
    fn deliver(&mut self) -> Result<(), String> {
        let io = |error: std::io::Error| error.to_string();
        let share = self.lab.share();
        stage::lay_over(&share, &project().join("tests/hardware/releases")).map_err(why)?;
        for (name, content) in [
            ("over/etc/roomd/roomd.toml", configuration()?.into_bytes()),
            (
                "over/etc/roomd/authority.pem",
                fs::read(self.files.authority().file()).map_err(io)?,
            ),
            ("over/usr/lib/rauc/system.conf", system_conf()?.into_bytes()),
            (
                "over/usr/lib/rauc/keyring.pem",
                fs::read(self.ours.authority()).map_err(io)?,
            ),
            ("loader/order", b"hemicycle-a\n".to_vec()),
        ] {
            stage::write(&share.join(name), &content).map_err(why)?;
        }
        // Whoever runs this may keep files to himself.
        stage::run(Command::new("chmod").args(["-R", "go=u-w"]).arg(share.join("over"))).map_err(why)?;
        let identity = share.join("fleet");
        fs::create_dir_all(&identity).map_err(io)?;
        self.administrator.enrol(&identity).map_err(|error| error.to_string())?;
        self.lab.guest.must(ENROL, MOMENT).map_err(why)?;
        fs::remove_dir_all(identity).map_err(io)?;
        let release = self.release("1.0.0", 3, &[], LIGHT)?;
        release
            .fill(&self.lab.slot("boot-a"), &self.lab.slot("root-a"))
            .map_err(why)?;
        self.lab.cut_power(&[]).map_err(why)?;
        self.wait("the box is online", |fleet| {
            matches!(fleet.administrator.presence(), Some(Presence::Online(_))).then_some(())
        })
    }

    fn end(self) -> Result<(), String> {
        if !self.lab.machine.runs() {
            self.lab.cut_power(&[]).map_err(why)?;
        }
        self.lab.guest.must(LEAVE, MOMENT).map_err(why)?;
        self.lab.stage_again().map_err(why)?;
        self.lab.cut_power(&[]).map_err(why)?;
        self.lab.until(units::WELL, MOMENT).map_err(why)?;
        Ok(())
    }

    /// Whom the box believes.
    pub fn ours(&self) -> Maker {
        self.ours.clone()
    }

    /// Makes a release.
    pub fn release(
        &self,
        name: &str,
        security_version: u32,
        programs: &[(&str, &str)],
        weight: usize,
    ) -> Result<Release, String> {
        self.made.set(self.made.get() + 1);
        let folder: PathBuf = self.folder.path().join(self.made.get().to_string());
        Release::make(folder, name, security_version, programs, weight).map_err(why)
    }

    /// The fleet wants it, from now on.
    pub fn offer(&mut self, release: &Release, maker: &Maker) -> Result<(), String> {
        let bundle = maker.bundle(release).map_err(why)?;
        // The hash of its manifest, as the box's own RAUC reads it.
        let seen = self.lab.share().join("bundle");
        fs::copy(&bundle, &seen).map_err(|error| error.to_string())?;
        let info = "rauc info --no-verify --output-format=shell /lab/bundle 2> /dev/null | sed -n \"s/^RAUC_MF_HASH='\\(.*\\)'/\\1/p\"";
        let manifest_hash = self.lab.guest.must(info, MOMENT).map_err(why)?.trim().to_owned();
        ensure(!manifest_hash.is_empty(), || {
            "RAUC reads no hash of the manifest".into()
        })?;
        fs::remove_file(seen).map_err(|error| error.to_string())?;
        let bytes = fs::read(bundle).map_err(|error| error.to_string())?;
        let size = bytes.len() as u64;
        let sha256 = sha256(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        self.files.put(bytes);
        self.want(&release.name, release.security_version, (size, sha256, manifest_hash))
    }

    /// Nothing is under way when this returns: what was offered last has come to its end, and nothing else is wanted.
    pub fn settle(&mut self) -> Result<(), String> {
        let running = self.until(&VERDICTS)?.running;
        self.want(&running, 0, (1, "0".repeat(64), String::new()))?;
        self.until(&VERDICTS).map(drop)
    }

    fn want(&mut self, release: &str, security_version: u32, bundle: (u64, String, String)) -> Result<(), String> {
        let (size, sha256, manifest_hash) = bundle;
        self.rev += 1;
        let update = Update {
            rev: self.rev,
            release: release.to_owned(),
            url: self.files.url(),
            size,
            sha256,
            manifest_hash,
            min_from: None,
            security_version,
            not_before: None,
            window: None,
            deadline: None,
            wave: None,
            allow_in_call: false,
        };
        let published = self.administrator.publish(&Channel::UpdateDesired, update);
        published.map_err(|error| error.to_string())
    }

    /// What the box says of the last offer.
    pub fn report(&mut self) -> Option<UpdateReport> {
        let report = self.administrator.document::<UpdateReport>(&Channel::UpdateReported)?;
        (report.rev == self.rev).then_some(report)
    }

    /// Waits for one of these phases; each one on the way is said. A machine that restarts by itself gets its power back.
    pub fn until(&mut self, phases: &[Phase]) -> Result<UpdateReport, String> {
        let mut last = None;
        self.wait(&format!("one of {phases:?}"), |fleet| {
            let report = fleet.report()?;
            if last.replace(report.phase) != Some(report.phase) {
                println!("release: {:?}", report.phase);
            }
            phases.contains(&report.phase).then_some(report)
        })
    }

    fn wait<T>(&mut self, what: &str, mut ask: impl FnMut(&mut Self) -> Option<T>) -> Result<T, String> {
        let begun = Instant::now();
        loop {
            if let Some(answer) = ask(self) {
                return Ok(answer);
            }
            ensure(begun.elapsed() < BOUND, || format!("waited in vain until {what}"))?;
            if !self.lab.machine.runs()
                && let Err(error) = self.lab.cut_power(&[])
                // One that restarts before its agent says a word gets its power once more.
                && self.lab.machine.runs()
            {
                return Err(why(error));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Each choice of the boot loader so far.
    pub fn starts(&self) -> Result<Vec<String>, String> {
        let log = fs::read_to_string(self.lab.share().join("loader/log")).map_err(|error| error.to_string())?;
        Ok(log.lines().map(str::to_owned).collect())
    }

    fn words(&self) -> String {
        let rauc = self.lab.guest.run("journalctl --no-pager -o cat -n 30 -u rauc", MOMENT);
        let rauc = rauc.map(|answer| answer.output).unwrap_or_default();
        format!("{}\n{rauc}", room_box::words(self.lab))
    }
}

const ENROL: &str = "set -e
systemctl stop roomd
rm -rf /var/lib/roomd/fleet
cp -r /lab/fleet /var/lib/roomd/fleet
chown -R roomd:roomd /var/lib/roomd/fleet
chmod -R go= /var/lib/roomd/fleet
sync";

const LEAVE: &str = "systemctl stop roomd; rm -rf /var/lib/roomd/fleet; sync";
