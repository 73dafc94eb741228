//! The box's own units, as its image starts them: the daemon, the worker at its socket, who is there for whom when one of them hangs
//! or dies.

use std::time::{Duration, Instant};

use hardware_lab::lab::Lab;

use super::{Evidence, ensure, plug, why};

const MOMENT: Duration = Duration::from_secs(120);

/// The worker of the moment.
const WORKER: &str =
    "systemctl list-units --no-legend --plain --state=active 'roomd-media@*' | cut -d' ' -f1 | head -1";

/// Who is root: parts of systemd, the laboratory's hand, and what it starts to look.
const ROOTS: [&str; 11] = [
    "systemd",
    "systemd-journal",
    "systemd-logind",
    "systemd-udevd",
    "(udev-worker)",
    "kthreadd",
    "hardware-guest",
    "sh",
    "ps",
    "awk",
    "sort",
];

/// The daemon has a worker that has said hello.
pub const WELL: &str = "roomd --language en health --config /etc/roomd/roomd.toml";

fn said(lab: &Lab, script: &str) -> Result<String, String> {
    let said = lab.guest.must(script, MOMENT).map_err(why)?;
    Ok(said.trim().to_owned())
}

fn property(lab: &Lab, name: &str, unit: &str) -> Result<String, String> {
    said(lab, &format!("systemctl show --property={name} --value {unit}"))
}

/// A meeting could be held, nobody had to start anything twice, and no program of the box is root's.
pub fn well(lab: &mut Lab) -> Evidence {
    let words = said(lab, &format!("{WELL} --wait 60s"))?;
    ensure(words.starts_with("Ready"), || words.clone())?;
    for unit in [
        "roomd.service",
        "roomd-health.service",
        "roomd-media.socket",
        "roomd-reboot.path",
        "boot-complete.target",
    ] {
        let state = property(lab, "ActiveState", unit)?;
        ensure(state == "active", || format!("{unit} is {state}"))?;
    }
    let restarts = property(lab, "NRestarts", "roomd")?;
    ensure(restarts == "0", || {
        format!("the daemon was started {restarts} times more")
    })?;
    let owners = said(
        lab,
        "ps --no-headers -o user:20=,comm= -C roomd,roomd-media | sort -u | tr -s ' '",
    )?;
    ensure(owners == "roomd roomd\nroomd-media roomd-media", || {
        format!("who runs: {owners}")
    })?;
    let root = said(
        lab,
        "ps --no-headers -eo user=,ppid=,comm= | awk '$1 == \"root\" && $2 != 2 { print $3 }' | sort -u",
    )?;
    let needless: Vec<&str> = root.lines().filter(|name| !ROOTS.contains(name)).collect();
    ensure(needless.is_empty(), || {
        format!("runs as root and need not: {needless:?}")
    })?;
    Ok(format!(
        "{words} Each under its own user; root's are systemd's and the laboratory's"
    ))
}

/// The rule names the camera that captures, and gives the group what it has to have.
pub fn camera(lab: &mut Lab) -> Evidence {
    plug::plug(lab, "camera")?;
    let seen = said(
        lab,
        &format!(
            "readlink -f /dev/room-camera; readlink -f $(echo {}); stat -L -c '%G %a' /dev/room-camera; \
             systemctl show --property=ActiveState --value dev-room\\\\x2dcamera.device",
            plug::CAMERA
        ),
    );
    plug::unplug(lab, "camera")?;
    let seen = seen?;
    let [link, node, mode, device] = seen.lines().collect::<Vec<_>>()[..] else {
        return Err(seen);
    };
    ensure(link == node && mode == "video 660" && device == "active", || {
        seen.clone()
    })?;
    let gone = said(lab, "ls /dev/room-camera 2> /dev/null || echo gone")?;
    ensure(gone == "gone", || format!("after the cable was pulled: {gone}"))?;
    Ok(format!("/dev/room-camera is {node}, {mode}; gone with its cable"))
}

/// A worker that is stopped, as one that hangs in a driver, is killed by systemd, and another one is there.
pub fn worker_hangs(lab: &mut Lab) -> Evidence {
    let worker = said(lab, WORKER)?;
    is_ended_by_its_watchdog(lab, &worker)
}

/// A daemon that is stopped, as one of whose tasks hangs, is killed by systemd; another one is there, with another worker.
pub fn daemon_hangs(lab: &mut Lab) -> Evidence {
    is_ended_by_its_watchdog(lab, "roomd")
}

/// The unit's process is stopped: systemd kills it for that, and the box is well again with another worker.
fn is_ended_by_its_watchdog(lab: &Lab, unit: &str) -> Evidence {
    let before = said(lab, WORKER)?;
    let pid = property(lab, "MainPID", unit)?;
    let begun = Instant::now();
    said(lab, &format!("kill -STOP {pid}"))?;
    lab.until(&format!("! kill -0 {pid} 2> /dev/null"), MOMENT)
        .map_err(why)?;
    let gone = begun.elapsed();
    lab.until(WELL, MOMENT).map_err(why)?;
    let after = said(lab, WORKER)?;
    ensure(after != before && !after.is_empty(), || {
        format!("{before}, then {after}")
    })?;
    let log = said(
        lab,
        &format!("journalctl --no-pager -o cat -u {unit} | grep -i watchdog | head -1"),
    )?;
    ensure(log.contains("atchdog"), || {
        "systemd says nothing of its watchdog".into()
    })?;
    Ok(format!(
        "killed after {:.1} s ({log}), then {after}",
        gone.as_secs_f64()
    ))
}

/// The daemon is killed while its worker is stopped: no worker is left, and both come back by themselves.
pub fn daemon_is_killed(lab: &mut Lab) -> Evidence {
    let before = said(lab, WORKER)?;
    let worker = property(lab, "MainPID", &before)?;
    // The guest counts: between two of its jobs the host may be away for long.
    let seconds = said(
        lab,
        &format!(
            "kill -STOP {worker}; daemon=$(systemctl show --property=MainPID --value roomd)
            begun=$(date +%s%N); kill -KILL $daemon
            tries=0; while kill -0 {worker} 2> /dev/null && [ $tries -lt 1000 ]; do tries=$((tries + 1)); sleep 0.02; done
            kill -0 {worker} 2> /dev/null && exit 1
            echo $((($(date +%s%N) - begun) / 1000000))"
        ),
    )?;
    lab.until(WELL, MOMENT).map_err(why)?;
    let milliseconds: u64 = seconds.parse().map_err(|_| format!("no figure: {seconds}"))?;
    ensure(milliseconds <= 10_000, || {
        format!("{milliseconds} ms until the worker was gone")
    })?;
    Ok(format!(
        "the stopped worker was gone {milliseconds} ms after its daemon, and both are back"
    ))
}

/// What is there to be reached, and code of somebody else in the place of the worker, under the worker's unit.
const HOSTILE: &str = "set -e
umask 077
[ -e /var/lib/roomd/fleet/maker.key ] || { echo key > /var/lib/roomd/fleet/maker.key; chown roomd: /var/lib/roomd/fleet/maker.key; }
mkdir -p /var/lib/credstore.encrypted /run/credentials/laboratory.service
echo key > /run/credentials/laboratory.service/key
mkdir -p /run/systemd/system/roomd-media@.service.d
cat > /run/systemd/system/roomd-media@.service.d/hostile.conf << 'END'
[Service]
Type=oneshot
WatchdogSec=0
BindReadOnlyPaths=/usr/local/sbin/hardware-guest:/usr/bin/roomd-media
ExecStart=
ExecStart=/usr/bin/roomd-media hostile
StandardOutput=journal
END
systemctl daemon-reload
begun=$(date +%s)
systemctl restart --no-block roomd
tries=0
until journalctl --no-pager -o cat --since=@$begun -u 'roomd-media@*' | grep -q 'another unit'; do
  sleep 0.2; tries=$((tries + 1)); [ $tries -lt 300 ]
done
journalctl --no-pager -o cat --since=@$begun -u 'roomd-media@*' | grep '^attempt: ' | sort -u";

/// As it was.
const HONEST: &str = "rm -rf /run/systemd/system/roomd-media@.service.d /run/credentials/laboratory.service
grep -qx key /var/lib/roomd/fleet/maker.key && rm /var/lib/roomd/fleet/maker.key
systemctl daemon-reload; systemctl restart roomd";

/// Hostile code in the place of the worker reaches nothing that is not the worker's; the same code as root reaches all of it.
pub fn hostile_worker(lab: &mut Lab) -> Evidence {
    let tried = said(lab, HOSTILE);
    let as_root = said(lab, "hardware-guest hostile");
    said(lab, HONEST)?;
    lab.until(WELL, MOMENT).map_err(why)?;
    let (tried, as_root) = (tried?, as_root?);
    let missed: Vec<&str> = as_root.lines().filter(|line| !line.ends_with("REACHED")).collect();
    ensure(missed.is_empty(), || {
        format!("nothing there to be reached: {}", missed.join("; "))
    })?;
    let reached: Vec<&str> = tried.lines().filter(|line| line.ends_with("REACHED")).collect();
    ensure(reached.is_empty(), || reached.join("; "))?;
    let (count, all) = (tried.lines().count(), as_root.lines().count());
    ensure(count == all && count >= 10, || {
        format!("{count} attempts of {all}: {tried}")
    })?;
    Ok(format!(
        "{count} attempts, all refused, and each reaches its aim as root"
    ))
}

/// A release 2 on trial (`appliance/fleet/src/update/kept.rs`), and what else the note of the daemon may say; whether it is rescued.
const NOTES: [(&str, bool); 4] = [
    (
        r#"{"update":{},"stage":{"trial":{"jitsi_before":true,"starts":1}},"failures":0,"running":"1"}"#,
        true,
    ),
    // The boot loader has gone back already.
    (
        r#"{"update":{},"stage":{"trial":{"jitsi_before":true,"starts":1}},"failures":0,"running":"2"}"#,
        false,
    ),
    (
        r#"{"update":{},"stage":{"over":{"phase":"confirmed"}},"failures":0,"running":"1"}"#,
        false,
    ),
    ("", false),
];

/// A release that was confirmed is not left for the one before, whatever becomes of its daemon; one on trial is. The slot of any other
/// gets its tries back at each start.
pub fn rescue(lab: &mut Lab) -> Evidence {
    said(
        lab,
        "for unit in roomd-rescue roomd-good; do
          mkdir -p /run/systemd/system/$unit.service.d
          printf '[Service]\\nEnvironment=IMAGE_VERSION=2\\nExecStart=\\nExecStart=/usr/bin/touch /run/%s\\nProtectSystem=no\\n' $unit \
            > /run/systemd/system/$unit.service.d/lab.conf
        done
        printf '[Unit]\\nConditionPathExists=\\n' >> /run/systemd/system/roomd-good.service.d/lab.conf
        systemctl daemon-reload",
    )?;
    // What was done: left, marked as good, both or nothing.
    let done = |note: &str| {
        said(
            lab,
            &format!(
                "mkdir -p /var/lib/roomd/fleet; printf '%s' '{note}' > /var/lib/roomd/fleet/update.json
                rm -f /run/roomd-rescue /run/roomd-good
                systemctl start roomd-rescue roomd-good || true
                ls /run | grep -x -e roomd-rescue -e roomd-good || true"
            ),
        )
    };
    let told: Result<Vec<String>, String> = NOTES.iter().map(|(note, _)| done(note)).collect();
    said(
        lab,
        "rm -rf /run/systemd/system/roomd-rescue.service.d /run/systemd/system/roomd-good.service.d
        rm -f /var/lib/roomd/fleet/update.json /run/roomd-rescue /run/roomd-good; systemctl daemon-reload
        systemctl reset-failed roomd-rescue roomd-good 2> /dev/null || true",
    )?;
    for ((note, is_left), told) in NOTES.iter().zip(told?) {
        let wanted = if *is_left { "roomd-rescue" } else { "roomd-good" };
        ensure(told == wanted, || format!("{note}: {told}, not {wanted}"))?;
    }
    Ok("a release on trial is left; one that was confirmed, the one before it, and one without a note are not, and get their tries back".into())
}
