//! What the box shows to the outside.

use std::time::Duration;

use super::{Evidence, ensure, why};
use hardware_lab::lab::Lab;

/// Documented ports: none. The box calls, and is not called.
const DOCUMENTED: &[&str] = &[];

/// Every open port is documented, whoever holds it.
pub fn ports(lab: &mut Lab) -> Evidence {
    let said = lab.guest.must(
        "ss --listening --numeric --tcp --udp --processes --no-header",
        Duration::from_secs(60),
    );
    let said = said.map_err(why)?;
    let open: Vec<&str> = said
        .lines()
        // Netid State Recv-Q Send-Q Local:Port
        .filter(|line| {
            !line
                .split_whitespace()
                .nth(4)
                .is_some_and(|local| DOCUMENTED.contains(&local))
        })
        .collect();
    ensure(open.is_empty(), || {
        format!("open and not documented:\n{}", open.join("\n"))
    })?;
    Ok(format!("nothing listens beside {} documented ports", DOCUMENTED.len()))
}
