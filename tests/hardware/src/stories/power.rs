//! The plug is pulled, as a technician or a cleaner does it.

use std::time::{Duration, Instant};

use hardware_lab::lab::Lab;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{Evidence, ensure, meeting, plug, releases, room_box, units, why};

const STATE: &str = r#"{"command":"state"}"#;
const MOMENT: Duration = Duration::from_secs(120);
/// For what takes a real box seconds.
const BOUND: Duration = Duration::from_secs(240);

/// Cut in a meeting, at three moments of the start, and once more when it is ready: it always comes up, idle and dark.
pub fn cuts(lab: &mut Lab) -> Evidence {
    let (seed, mut chance) = chance();
    let while_it_starts = moments(&mut chance, 3);
    println!("cuts: seed {seed}, while it starts after {while_it_starts:.0?} s of work");
    plug::plug(lab, "room rate=5")?;
    let meeting = meeting::begin(lab)?;
    meeting.join()?;
    let _goes_on = meeting.conference;
    let begun = Instant::now();
    lab.cut_power(&while_it_starts).map_err(why)?;
    is_idle_and_dark(lab)?;
    let first = begun.elapsed();
    lab.cut_power(&[]).map_err(why)?;
    is_idle_and_dark(lab)?;
    Ok(format!(
        "cut in a meeting, then after {while_it_starts:.0?} s of work of the start: {:.0} s later idle and dark; cut once more when \
         ready: the same",
        first.as_secs_f64()
    ))
}

/// Cuts of the long story: in so many meetings and writings of a release, in turn, and after each at so many random moments of the
/// starts that follow.
const ROUNDS: usize = 5;
const STARTS: usize = 9;
/// By then a start is over, seconds of QEMU's work.
const STARTED: f64 = 60.0;
/// By then a release is fetched, written and on trial, seconds of QEMU's work.
const WRITTEN: f64 = 60.0;

/// Fifty cuts, in meetings, while releases are fetched and written, and at any moment of the start: it always comes up, dark, and the
/// boot loader never meets a slot that is not whole.
pub fn fifty(lab: &mut Lab) -> Evidence {
    releases::in_a_fleet(lab, |fleet| {
        let (seed, mut chance) = chance();
        println!("cuts: seed {seed}");
        let begun = Instant::now();
        for round in 0..ROUNDS {
            let _goes_on = match round % 2 {
                0 => {
                    let release = fleet.release(&format!("2.0.{round}"), 4, &[], releases::HEAVY)?;
                    fleet.offer(&release, &fleet.ours())?;
                    fleet.lab.machine.work(chance.random_range(0.0..WRITTEN), BOUND);
                    None
                }
                _ => {
                    let meeting = meeting::begin(fleet.lab)?;
                    meeting.join()?;
                    Some(meeting.conference)
                }
            };
            let moments = moments(&mut chance, STARTS);
            println!(
                "cuts: round {} of {ROUNDS}, then after {moments:.0?} s of work",
                round + 1
            );
            fleet.lab.cut_power(&moments).map_err(why)?;
            // What is under way comes to its end first: it restarts the machine and opens the devices.
            fleet.settle()?;
            fleet.lab.until(units::WELL, MOMENT).map_err(why)?;
            dark(fleet.lab)?;
            let starts = fleet.starts()?;
            ensure(starts.iter().all(|start| start.ends_with("starts")), || {
                format!("seed {seed}: {}", starts.join(", "))
            })?;
        }
        Ok(format!(
            "{} cuts in {:.0} minutes; looked at after each ten: idle and dark; and of {} starts of the boot loader none met half a slot; \
             the fleet's last word: {:?}",
            ROUNDS * (STARTS + 1),
            begun.elapsed().as_secs_f64() / 60.0,
            fleet.starts()?.len(),
            fleet.report().map(|report| (report.phase, report.running))
        ))
    })
}

fn chance() -> (u64, StdRng) {
    let seed = rand::random();
    (seed, StdRng::seed_from_u64(seed))
}

/// So many moments of a start, seconds of QEMU's work.
fn moments(chance: &mut StdRng, count: usize) -> Vec<f64> {
    (0..count).map(|_| chance.random_range(0.5..STARTED)).collect()
}

/// The watchdog of the machine, and what systemd made of it (`systemd/system.conf.d`).
const WATCHDOG: &str = "cd /sys/class/watchdog/watchdog0 && cat identity state timeout";

/// PID 1 crashes and stays where it is, where it would otherwise restart the machine; the agent has answered by then. A kernel that
/// is dead does not rest, and an emulator works for ten minutes until twenty seconds of that are over.
const DEAD: &str = "mkdir -p /run/systemd/system.conf.d
printf '[Manager]\nCrashReboot=no\n' > /run/systemd/system.conf.d/lab.conf
systemctl daemon-reexec
systemd-run --quiet --no-block sh -c 'sleep 1; kill -SEGV 1'";

/// PID 1 is dead: what is left is the watchdog of the machine, and it restarts it.
pub fn dead_first_process(lab: &mut Lab) -> Evidence {
    lab.until(units::WELL, MOMENT).map_err(why)?;
    let watchdog = lab.guest.must(WATCHDOG, MOMENT).map_err(why)?;
    let [device, "active", "20"] = watchdog.lines().collect::<Vec<_>>()[..] else {
        return Err(watchdog);
    };
    lab.guest.must(DEAD, MOMENT).map_err(why)?;
    let took = until_it_restarts(lab)?;
    lab.cut_power(&[]).map_err(why)?;
    lab.until(units::WELL, MOMENT).map_err(why)?;
    Ok(format!(
        "{device} of 20 s, fed by systemd; restarted {took:.0} s after PID 1 died, and well afterwards"
    ))
}

/// A release on trial whose daemon does not come up: nobody does anything, and the machine restarts.
const BROKEN: &str = r#"set -e
mkdir -p /run/systemd/system/roomd.service.d /run/systemd/system/roomd-health.service.d /var/lib/roomd/fleet
printf '[Service]\nExecStart=\nExecStart=/bin/false\n' > /run/systemd/system/roomd.service.d/lab.conf
# It need not be waited for so long here.
printf '[Service]\nExecStart=\nExecStart=/usr/bin/roomd health --config /etc/roomd/roomd.toml --wait 2s\n' \
  > /run/systemd/system/roomd-health.service.d/lab.conf
printf '%s' '{"update":{},"stage":{"trial":{"jitsi_before":true,"starts":1}},"failures":0,"running":"1"}' \
  > /var/lib/roomd/fleet/update.json
sync
systemctl daemon-reload
systemctl stop roomd-health
systemctl restart --no-block roomd
systemctl restart --no-block roomd-health"#;

/// The way back of a release whose daemon is broken, from its first failure to the restart of the machine.
pub fn broken_daemon(lab: &mut Lab) -> Evidence {
    lab.until(units::WELL, MOMENT).map_err(why)?;
    lab.guest.must(BROKEN, MOMENT).map_err(why)?;
    let took = until_it_restarts(lab)?;
    lab.cut_power(&[]).map_err(why)?;
    let note = "rm /var/lib/roomd/fleet/update.json";
    lab.guest.must(note, MOMENT).map_err(why)?;
    lab.until(units::WELL, MOMENT).map_err(why)?;
    Ok(format!(
        "restarted by itself {took:.0} s after its daemon was broken, and well afterwards"
    ))
}

/// Seconds until the machine restarts of its own accord.
pub fn until_it_restarts(lab: &mut Lab) -> Result<f64, String> {
    let begun = Instant::now();
    while lab.machine.runs() {
        ensure(begun.elapsed() < BOUND, || {
            format!("it does not restart: {}", lab.machine.console())
        })?;
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// With camera and array plugged in again.
fn is_idle_and_dark(lab: &Lab) -> Result<(), String> {
    plug::plug(lab, "room rate=5")?;
    lab.until(units::WELL, MOMENT).map_err(why)?;
    dark(lab)?;
    plug::unplug(lab, "room")
}

/// Nobody is in a meeting, and no device is open but for the self-test of a release on trial, which the wall tells.
fn dark(lab: &Lab) -> Result<(), String> {
    let deadline = Instant::now() + BOUND;
    loop {
        let answer = room_box::ask(lab, STATE)?;
        let at = |pointer: &str| answer.pointer(&format!("/state{pointer}")).cloned().unwrap_or_default();
        ensure(at("/state") == "idle", || format!("not idle: {answer}"))?;
        if at("/notice") != "selfTest" {
            let closed = at("/camera/open") == false && at("/microphone/open") == false;
            ensure(closed, || format!("a device is open: {answer}"))?;
            break;
        }
        ensure(Instant::now() < deadline, || "the self-test does not end".into())?;
    }
    ensure(!plug::lit(lab)?, || "a device is switched on".into())?;
    let troubles = "systemctl list-units --failed --no-legend --plain; dmesg | grep 'EXT4-fs error' || true";
    let said = lab.guest.must(troubles, MOMENT).map_err(why)?;
    ensure(said.trim().is_empty(), || said.clone())
}
