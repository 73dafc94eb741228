//! coturn, a TURN server as deployments run it.

use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use super::authority::Identity;
use crate::wait_for;

/// A running `turnserver`; killed when dropped.
#[derive(Debug)]
pub struct TurnServer {
    child: Child,
    folder: tempfile::TempDir,
}

impl TurnServer {
    /// User name and password that it knows.
    pub const CREDENTIALS: (&'static str, &'static str) = ("box", "correct horse");

    /// Listens by TCP only: plain on 3478, TLS on 443.
    ///
    /// # Errors
    /// It is not installed, or does not listen within 20 s.
    pub fn start(address: Ipv4Addr, identity: &Identity) -> std::io::Result<Self> {
        let folder = tempfile::TempDir::with_prefix("turn")?;
        let path = |name: &str| folder.path().join(name);
        let log = std::fs::File::create(path("log"))?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "turnserver", "-n", "--verbose"]);
        command.args([
            "--listening-ip",
            &address.to_string(),
            "--relay-ip",
            &address.to_string(),
        ]);
        command.args(["--listening-port", "3478", "--tls-listening-port", "443"]);
        command
            .arg("--cert")
            .arg(&identity.certificate)
            .arg("--pkey")
            .arg(&identity.key);
        command.args(["--lt-cred-mech", "--realm", "hemicycle", "--user"]);
        command.arg(format!("{}:{}", Self::CREDENTIALS.0, Self::CREDENTIALS.1));
        command.args([
            "--no-udp",
            "--no-dtls",
            "--no-cli",
            "--no-multicast-peers",
            "--simple-log",
        ]);
        command
            .args(["--log-file", "stdout", "--pidfile"])
            .arg(path("pid"))
            .arg("--userdb")
            .arg(path("users"));
        command
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .stdout(log)
            .process_group(0);
        let this = Self {
            child: command.spawn()?,
            folder,
        };
        let listens = || {
            [3478, 443]
                .iter()
                .all(|port| std::net::TcpStream::connect((address, *port)).is_ok())
        };
        match wait_for(std::time::Duration::from_secs(20), listens) {
            true => Ok(this),
            false => Err(std::io::Error::other(this.log())),
        }
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        let log = std::fs::read(self.folder.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Whether it has relayed for the user it knows.
    pub fn has_allocated(&self) -> bool {
        let user = format!("user <{}>", Self::CREDENTIALS.0);
        let log = self.log();
        log.lines()
            .any(|line| line.contains(&user) && line.contains("ALLOCATE processed, success"))
    }
}

impl Drop for TurnServer {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}
