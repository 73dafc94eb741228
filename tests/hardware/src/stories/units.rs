//! The box's own units, as its image starts them: the daemon, the worker at its socket, who is there for whom when one of them hangs
//! or dies.

use std::time::{Duration, Instant};

use hardware_lab::lab::Lab;

use super::{Evidence, ensure, plug, why};

const MOMENT: Duration = Duration::from_secs(120);

/// The worker of the moment.
const WORKER: &str =
    "systemctl list-units --no-legend --plain --state=active 'roomd-media@*' | cut -d' ' -f1 | head -1";

/// The daemon has a worker that has said hello.
const WELL: &str = "roomd --language en health --config /etc/roomd/roomd.toml";

fn said(lab: &Lab, script: &str) -> Result<String, String> {
    let said = lab.guest.must(script, MOMENT).map_err(why)?;
    Ok(said.trim().to_owned())
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
    ] {
        let state = said(lab, &format!("systemctl show --property=ActiveState --value {unit}"))?;
        ensure(state == "active", || format!("{unit} is {state}"))?;
    }
    let restarts = said(lab, "systemctl show --property=NRestarts --value roomd")?;
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
        "ps --no-headers -eo user=,ppid=,comm= | awk '$1 == \"root\" && $2 != 2 { print $3 }' | sort -u | grep -vxE 'ps|sh|sort|grep|awk|tr|kthreadd' | tr '\\n' ' '",
    )?;
    Ok(format!("{words} Each under its own user; of root are: {}", root.trim()))
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
    let before = said(lab, WORKER)?;
    let pid = said(lab, &format!("systemctl show --property=MainPID --value {before}"))?;
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
        &format!("journalctl --no-pager -o cat -u {before} | grep -i watchdog | head -1"),
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
    let worker = said(lab, &format!("systemctl show --property=MainPID --value {before}"))?;
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
