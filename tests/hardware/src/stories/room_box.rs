//! The box in the guest, as its units run it, and its way to the conference outside.

use std::time::Duration;

use hardware_lab::lab::Lab;
use serde_json::Value;

use super::{units, why};

const MOMENT: Duration = Duration::from_secs(120);

/// Connections to the guest's loopback leave for this machine's, which the guest's network calls 10.0.2.2: so addresses of the
/// conference are the same in here as outside. The agent and the kernel have no loopback of their own to lose by it.
const ROUTE: &str = "set -e
nft list table ip lab > /dev/null 2>&1 && exit
modprobe -a nf_tables nft_chain_nat nft_nat nft_masq nf_conntrack
echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet
nft 'table ip lab {
  chain output { type nat hook output priority -100; ip daddr 127.0.0.1 meta l4proto { tcp, udp } dnat to 10.0.2.2; }
  chain postrouting { type nat hook postrouting priority 100; oifname eth0 masquerade; }
}'";

/// Where the daemon of the units takes orders.
const CONTROL: &str = "/run/roomd/control";

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
    lab.guest.must(ROUTE, MOMENT).map_err(why)?;
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
