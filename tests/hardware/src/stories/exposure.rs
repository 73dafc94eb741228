//! What the box shows to the outside.

use std::time::Duration;

use super::{Evidence, ensure, why};
use hardware_lab::lab::Lab;

/// Documented ports outside a meeting: none. The box calls, and is not called.
const DOCUMENTED: &[&str] = &[];

/// Every open port is documented, whoever holds it.
pub fn ports(lab: &mut Lab) -> Evidence {
    let open = open(lab)?;
    let open: Vec<&String> = open.iter().filter(|line| !is_documented(line)).collect();
    ensure(open.is_empty(), || format!("open and not documented: {open:?}"))?;
    Ok(format!("nothing listens beside {} documented ports", DOCUMENTED.len()))
}

/// In a meeting the worker has UDP ports for ICE, and nobody has anything else.
pub fn ports_in_a_meeting(lab: &Lab) -> Result<usize, String> {
    let open = open(lab)?;
    let is_media = |line: &str| line.starts_with("udp ") && line.contains("((\"roomd-media\",");
    let other: Vec<&String> = open
        .iter()
        .filter(|line| !is_documented(line) && !is_media(line))
        .collect();
    ensure(other.is_empty(), || {
        format!("open in a meeting and not documented: {other:?}")
    })?;
    ensure(open.iter().any(|line| is_media(line)), || {
        "the worker has no port for media".into()
    })?;
    Ok(open.len())
}

/// `Netid State Recv-Q Send-Q Local:Port ...`
fn open(lab: &Lab) -> Result<Vec<String>, String> {
    let said = lab.guest.must(
        "ss --listening --numeric --tcp --udp --processes --no-header",
        Duration::from_secs(60),
    );
    Ok(said.map_err(why)?.lines().map(str::to_owned).collect())
}

fn is_documented(line: &str) -> bool {
    let local = line.split_whitespace().nth(4);
    local.is_some_and(|local| DOCUMENTED.contains(&local))
}
