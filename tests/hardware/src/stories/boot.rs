//! From power to ready.

use std::time::Duration;

use super::{Evidence, ensure, why};
use hardware_lab::lab::Lab;
use hardware_lab::report::BootFigures;

/// Waits for the end of the start, whatever it is, and counts then.
const COUNT: &str = "systemctl is-system-running --wait > /dev/null; head -1 /proc/stat";

const START: Duration = Duration::from_secs(600);
const MOMENT: Duration = Duration::from_secs(60);

/// Waits until every unit has started or failed; what that took.
pub fn figures(lab: &Lab) -> hardware_lab::Result<BootFigures> {
    let said = lab.guest.must(COUNT, START)?;
    // `cpu  user nice system idle iowait irq softirq …`, in ticks since the kernel started (`proc(5)`).
    let ticks: Vec<f64> = said
        .split_whitespace()
        .skip(1)
        .filter_map(|word| word.parse().ok())
        .collect();
    let at = |index: usize| ticks.get(index).copied().unwrap_or(0.0);
    let second = hardware_lab::machine::TICKS;
    Ok(BootFigures {
        wall_seconds: lab.machine.begun.elapsed().as_secs_f64(),
        qemu_cpu_seconds: lab.machine.cpu_seconds(),
        user_cpu_seconds: (at(0) + at(1)) / second,
        system_cpu_seconds: (at(2) + at(5) + at(6)) / second,
    })
}

/// Every unit has started, and none has failed.
pub fn ready(lab: &mut Lab) -> Evidence {
    let failed = lab
        .guest
        .must("systemctl list-units --failed --no-legend --plain", MOMENT)
        .map_err(why)?;
    if !failed.trim().is_empty() {
        let units: Vec<&str> = failed
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        let log = lab
            .guest
            .run(
                &format!("journalctl --no-pager -n 30 -u {}", units.join(" -u ")),
                MOMENT,
            )
            .map_err(why)?;
        return Err(format!("failed: {}\n{}", units.join(" "), log.output));
    }
    let state = lab
        .guest
        .run("systemctl is-system-running", MOMENT)
        .map_err(why)?
        .output;
    ensure(state.trim() == "running", || {
        format!("systemctl is-system-running: {}", state.trim())
    })?;
    let units = lab
        .guest
        .must(
            "systemctl list-units --no-legend --plain --state=active | wc -l",
            MOMENT,
        )
        .map_err(why)?;
    Ok(format!("running, {} units active, none failed", units.trim()))
}
