//! What somebody tries who runs their own code in the place of the media worker. Each attempt says whether it got there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use rustix::net::{AddressFamily, SocketType, socket};
use rustix::process::{Pid, Signal, getpid, kill_process};

/// An attempt: what is reached for, and the try.
type Attempt = (&'static str, fn() -> io::Result<()>);

/// All of them.
const ATTEMPTS: [Attempt; 17] = [
    ("the key of the box", || read("/var/lib/roomd/fleet/maker.key")),
    ("the keys in the TPM", || {
        OpenOptions::new().read(true).write(true).open("/dev/tpmrm0").map(drop)
    }),
    ("what the daemon was started with", read_the_daemons_environment),
    ("a credential of another unit", || {
        read("/run/credentials/laboratory.service/key")
    }),
    ("the encrypted credentials", || list("/var/lib/credstore.encrypted")),
    ("the configuration of the daemon", || read("/etc/roomd/roomd.toml")),
    ("the control socket of the room", || speak("/run/roomd/control")),
    ("another worker's place", || speak("/run/roomd-media.socket")),
    ("the bus, and RAUC on it", || speak("/run/dbus/system_bus_socket")),
    ("the service manager", || speak("/run/systemd/private")),
    ("the log of the others", || list("/var/log/journal")),
    ("the disk", || read("/dev/vda")),
    ("the daemon's process", signal_the_daemon),
    ("a shell", || run("/bin/sh", &["-c", "exit 0"])),
    ("a shell by the loader", || {
        run("/lib64/ld-linux-x86-64.so.2", &["/bin/sh", "-c", "exit 0"])
    }),
    ("every packet of the network", || {
        socket(AddressFamily::PACKET, SocketType::RAW, None)
            .map(drop)
            .map_err(Into::into)
    }),
    ("another unit's files", || {
        let file = "/usr/lib/systemd/system/hostile.service";
        OpenOptions::new().create(true).append(true).open(file)?;
        fs::remove_file(file)
    }),
];

/// Tries everything, and says for each what came of it.
pub fn tried() -> String {
    let mut said = String::new();
    for (what, attempt) in ATTEMPTS {
        let came = match attempt() {
            Ok(()) => "REACHED".to_owned(),
            Err(error) => format!("refused ({error})"),
        };
        said.push_str(&format!("attempt: {what}: {came}\n"));
    }
    said
}

fn read(path: &str) -> io::Result<()> {
    File::open(path)?.read_exact(&mut [0])
}

fn list(path: &str) -> io::Result<()> {
    fs::read_dir(path).map(drop)
}

fn speak(path: &str) -> io::Result<()> {
    UnixStream::connect(path)?.write_all(b"\n")
}

fn run(program: &str, arguments: &[&str]) -> io::Result<()> {
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other(status.to_string())),
    }
}

fn read_the_daemons_environment() -> io::Result<()> {
    for entry in fs::read_dir("/proc")?.flatten() {
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if name.trim() == "roomd" && fs::read(entry.path().join("environ")).is_ok_and(|found| !found.is_empty()) {
            return Ok(());
        }
    }
    Err(io::Error::from(io::ErrorKind::NotFound))
}

/// Whoever may stop the daemon reaches it; its number need not be known.
fn signal_the_daemon() -> io::Result<()> {
    let most = fs::read_to_string("/proc/sys/kernel/pid_max")?
        .trim()
        .parse::<i32>()
        .unwrap_or(32_768);
    let others = (2..most.min(32_768))
        .filter_map(Pid::from_raw)
        .filter(|pid| *pid != getpid());
    for pid in others {
        let name = fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero())).unwrap_or_default();
        // Of a process that is hidden there is no name.
        if matches!(name.trim(), "" | "roomd") && kill_process(pid, Signal::CONT).is_ok() {
            return Ok(());
        }
    }
    Err(io::Error::from(io::ErrorKind::PermissionDenied))
}
