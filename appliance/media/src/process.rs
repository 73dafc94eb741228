//! How the process is tied to its parent, and how it dies when nothing else helps.

use rustix::process::{Signal, getpid, kill_process, set_parent_process_death_signal};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// Asks the kernel to kill this process when the thread that started it dies. The socket's end of file is not enough: a
/// stopped process reads nothing, SIGKILL ends it all the same.
///
/// # Errors
/// The kernel's.
pub fn die_with_parent() -> std::io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    Ok(())
}

/// Ends the process at once, without any clean-up that could hang in a driver. The kernel closes every device.
pub fn die() -> ! {
    let _ = kill_process(getpid(), Signal::KILL);
    std::process::abort()
}

/// The Unix socket that the parent gave as standard input.
///
/// # Errors
/// When standard input is no connected Unix stream socket.
pub fn socket_from_stdin() -> std::io::Result<UnixStream> {
    let socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    socket.peer_addr()?;
    Ok(socket)
}
