//! A TPM 2.0 in software (`swtpm`): what one has wrapped is nothing to another, as with those on a board.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::Error;

const PROGRAM: &str = "swtpm";
const PATIENCE: Duration = Duration::from_secs(20);

/// One that runs until it is stopped or dropped. Its state outlives a stop.
pub struct SoftwareTpm {
    state: TempDir,
    port: u16,
    process: Option<Child>,
}

impl SoftwareTpm {
    /// A new one, with seeds of its own.
    ///
    /// # Errors
    /// `swtpm` is not installed or does not start.
    pub fn start() -> Result<Self, Error> {
        let mut tpm = Self {
            state: TempDir::with_prefix("swtpm")?,
            port: two_ports()?,
            process: None,
        };
        tpm.start_again()?;
        Ok(tpm)
    }

    /// The way to it.
    #[must_use]
    pub fn tcti(&self) -> String {
        format!("swtpm:host=127.0.0.1,port={}", self.port)
    }

    /// Switches it on after [`SoftwareTpm::stop`].
    ///
    /// # Errors
    /// It does not start.
    pub fn start_again(&mut self) -> Result<(), Error> {
        let mut process = Command::new(PROGRAM)
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .args(["--tpmstate", &format!("dir={}", self.state.path().display())])
            .args(["--server", &format!("type=tcp,port={}", self.port)])
            .args(["--ctrl", &format!("type=tcp,port={}", self.port + 1)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("{PROGRAM}: {error}; `cargo lab packages --install` installs it"))?;
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            if let Some(status) = process.try_wait()? {
                return Err(format!("{PROGRAM} ended with {status}").into());
            }
            if begun.elapsed() > PATIENCE {
                process.kill()?;
                process.wait()?;
                return Err(format!("{PROGRAM} does not answer").into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.process = Some(process);
        Ok(())
    }

    /// Switches it off. It keeps its seeds.
    ///
    /// # Errors
    /// The system's.
    pub fn stop(&mut self) -> Result<(), Error> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// Clears it: its seeds are others from now on.
    ///
    /// # Errors
    /// The system's, or it does not start.
    pub fn clear(&mut self) -> Result<(), Error> {
        self.stop()?;
        for entry in std::fs::read_dir(self.state.path())? {
            std::fs::remove_file(entry?.path())?;
        }
        self.start_again()
    }
}

impl Drop for SoftwareTpm {
    fn drop(&mut self) {
        // It fails only when it has ended already.
        let _stopped = self.stop();
    }
}

/// A port that was free a moment ago, like the one after it: `swtpm` is controlled there.
fn two_ports() -> Result<u16, Error> {
    for _ in 0..100 {
        let first = TcpListener::bind(("127.0.0.1", 0))?;
        let port = first.local_addr()?.port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return Ok(port);
        }
    }
    Err("no two ports are free".into())
}
