//! How the process is tied to its parent, what it must find in its environment, and how it dies when nothing else helps.

use rustix::net::sockopt::socket_peercred;
use rustix::process::{Signal, getpid, kill_process, set_parent_process_death_signal};
use sd_notify::NotifyState;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

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

/// The Unix socket that the parent gave as standard input. Where systemd gives it, whoever speaks must own the socket's file.
///
/// # Errors
/// When standard input is no connected Unix stream socket, or somebody else speaks.
pub fn socket_from_stdin() -> std::io::Result<UnixStream> {
    let socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    socket.peer_addr()?;
    if let Some(file) = socket.local_addr()?.as_pathname() {
        let (owner, peer) = (std::fs::metadata(file)?.uid(), socket_peercred(&socket)?.uid);
        if peer.as_raw() != owner {
            return Err(std::io::Error::other(format!(
                "user {peer:?} speaks, and the socket is that of user {owner}"
            )));
        }
    }
    Ok(socket)
}

/// Systemd hears that the worker takes orders (`sd_notify(3)`), where it has started it.
pub fn is_ready() {
    tell(NotifyState::Ready);
}

/// Systemd hears that the thread that owns the media is alive: it feeds the watchdog of the worker's unit.
pub fn is_alive() {
    tell(NotifyState::Watchdog);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd is not told");
    }
}

/// GStreamer 1.22.0 leaves the node of a camera open for ever when `v4l2src` stops: what it does where the kernel can orphan
/// buffers (`gst_v4l2_object_stop`) loses a reference of the buffer pool. Told so, it waits for its buffers instead.
const CLOSED_IS_CLOSED: (&str, &str) = ("GST_V4L2_FORCE_DRAIN", "1");

/// Begins anew with what GStreamer must find in the environment, whoever started this process and with what; returns when it
/// is there.
///
/// # Errors
/// The program cannot be started again.
pub fn with_environment() -> std::io::Result<()> {
    let (name, value) = CLOSED_IS_CLOSED;
    if std::env::var_os(name).is_some() {
        return Ok(());
    }
    let arguments = std::env::args_os().skip(1);
    Err(Command::new(std::env::current_exe()?)
        .args(arguments)
        .env(name, value)
        .exec())
}
