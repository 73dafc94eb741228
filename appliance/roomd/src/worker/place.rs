//! Where a worker comes from: a program that is started, or a socket of systemd that starts one for each connection
//! (`systemd/roomd-media.socket`).

use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::net::sockopt::socket_peercred;
use rustix::process::{Uid, geteuid};
use tokio::process::{Child, Command};

/// How long the start of a worker waits for a key in the TPM to have signed.
const TPM_WITHIN: Duration = Duration::from_secs(2);

/// What the worker must find in its environment; the unit says the same.
/// `mallopt(3)`: few arenas, and pictures always in mappings of their own, which go back to the kernel. Left to itself glibc moves
/// them into its heap, and twelve meetings cost 120 MB.
/// v4l2src: a camera that is closed is closed (`appliance/media/src/process.rs`).
const ENVIRONMENT: [(&str, &str); 3] = [
    ("MALLOC_ARENA_MAX", "2"),
    ("MALLOC_MMAP_THRESHOLD_", "131072"),
    ("GST_V4L2_FORCE_DRAIN", "1"),
];

/// What the worker must not find: passwords (it is told the way out with each session), and the way to systemd.
const KEPT: [&str; 6] = [
    "ROOMD_PASSWORD",
    "https_proxy",
    "HTTPS_PROXY",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
];

/// True when systemd starts the worker.
pub fn is_socket(place: &Path) -> bool {
    std::fs::metadata(place).is_ok_and(|metadata| metadata.file_type().is_socket())
}

/// A worker's process, as far as it is ours to end.
#[derive(Debug)]
pub enum Body {
    /// Our child.
    Child(Box<Child>),
    /// Systemd's. It ends with its connection; one that is stopped is killed by the watchdog of its unit.
    Unit,
}

/// A worker, and the way to it. The process that starts it must not be a passing thread: the kernel kills the worker when its
/// parent thread ends.
///
/// # Errors
/// Nobody can be started there, or somebody listens who is neither systemd nor this user.
pub fn begin(place: &Path) -> std::io::Result<(Body, UnixStream)> {
    // The worker gets nothing of the keys, not even a way to the TPM.
    let alone = tpm::between_visits(TPM_WITHIN);
    if alone.is_none() {
        tracing::warn!("the TPM hangs; the media worker does not wait for it");
    }
    let (body, socket) = if is_socket(place) {
        let socket = UnixStream::connect(place)?;
        let listener = socket_peercred(&socket)?.uid;
        if listener != Uid::ROOT && listener != geteuid() {
            return Err(std::io::Error::other("whoever listens there is not systemd"));
        }
        (Body::Unit, socket)
    } else {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(place);
        command
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .envs(ENVIRONMENT)
            .kill_on_drop(true);
        for name in KEPT {
            command.env_remove(name);
        }
        (Body::Child(Box::new(command.spawn()?)), ours)
    };
    socket.set_nonblocking(true)?;
    Ok((body, socket))
}

impl Body {
    /// Kills it, whatever it is doing, and waits `within`; how it ended, when that can be known.
    pub async fn kill(&mut self, within: Duration) -> Option<ExitStatus> {
        let Self::Child(child) = self else { return None };
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if let Err(error) = child.start_kill() {
            tracing::debug!(%error, "the worker had ended already");
        }
        // A process that hangs in the kernel cannot be waited for.
        tokio::time::timeout(within, child.wait()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_gives_the_worker_what_a_child_gets() {
        let unit = include_str!("../../../../systemd/roomd-media@.service");
        let lines = unit.lines().filter_map(|line| line.strip_prefix("Environment="));
        let words: Vec<&str> = lines.flat_map(|line| line.split(' ')).collect();
        for (name, value) in ENVIRONMENT {
            assert!(words.contains(&format!("{name}={value}").as_str()), "{name}: {words:?}");
        }
    }

    #[tokio::test]
    async fn a_worker_of_a_socket_is_at_the_other_end_of_the_connection() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("socket");
        assert!(begin(&place).is_err(), "nobody is there");
        let listener = std::os::unix::net::UnixListener::bind(&place).unwrap();
        assert!(is_socket(&place) && !is_socket(folder.path()));
        let (mut body, mut socket) = begin(&place).unwrap();
        assert!(matches!(body, Body::Unit));
        std::io::Write::write_all(&mut socket, b"hello").unwrap();
        let (mut theirs, _) = listener.accept().unwrap();
        assert!(body.kill(Duration::from_secs(1)).await.is_none());
        drop(socket);
        let mut said = String::new();
        std::io::Read::read_to_string(&mut theirs, &mut said).unwrap();
        assert_eq!(said, "hello", "and it hears the end");
    }
}
