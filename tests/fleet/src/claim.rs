//! What one test of this machine has and no other may take: a port, a network.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// An abstract socket with the name of it; none: somebody has it. The kernel forgets it with its process.
#[must_use]
pub fn claim(what: &str) -> Option<UnixListener> {
    let name = SocketAddr::from_abstract_name(format!("hemicycle-{what}")).ok()?;
    UnixListener::bind_addr(&name).ok()
}
