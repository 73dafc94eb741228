//! The box in the guest, as its units run it, and its way to the conference outside.

use std::time::Duration;

use hardware_lab::lab::Lab;
use serde_json::Value;

use super::{units, why};

const MOMENT: Duration = Duration::from_secs(120);

/// Where the daemon of the units takes orders.
pub const CONTROL: &str = "/run/roomd/control";

/// The box of the units takes orders when this returns.
pub fn start(lab: &Lab) -> Result<(), String> {
    lab.until(units::WELL, MOMENT).map_err(why)?;
    Ok(())
}

/// Whatever it is doing, it is idle when this returns.
pub fn stop(lab: &Lab) -> Result<(), String> {
    ask(lab, r#"{"command":"leave"}"#)?;
    let idle = format!(r#"hardware-guest ask {CONTROL} '{{"command":"state"}}' | grep -q '"state":"idle"'"#);
    lab.until(&idle, MOMENT).map_err(why)?;
    Ok(())
}

/// Its last words, for whoever looks for a reason.
pub fn words(lab: &Lab) -> String {
    lab.guest
        .run("journalctl --no-pager -o cat -n 40 -u roomd -u 'roomd-media@*'", MOMENT)
        .map(|answer| answer.output)
        .unwrap_or_default()
}

/// Lets the guest reach what listens at this machine's loopback.
pub fn route(lab: &Lab) -> Result<(), String> {
    lab.guest.must("/usr/lib/hemicycle-lab/route", MOMENT).map_err(why)?;
    Ok(())
}

/// One order to the control socket; its answer.
pub fn ask(lab: &Lab, order: &str) -> Result<Value, String> {
    let said = lab
        .guest
        .must(&format!("hardware-guest ask {CONTROL} '{order}'"), MOMENT)
        .map_err(why)?;
    let answer: Value = serde_json::from_str(&said).map_err(|error| format!("{order}: {error}: {said}"))?;
    Ok(answer)
}
