//! A headless Chromium with one page, and nothing of it left behind.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::error::{Error, Result};

/// Time it has to end by itself.
const FAREWELL: Duration = Duration::from_secs(5);

/// Switches: no screen, no sandbox of its own (tests run as root in a sandbox already), no question to anybody, loopback
/// addresses shown as they are, timers that do not slow down in the background, and no word to the outside.
const SWITCHES: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns,MediaRouter,OptimizationHints,Translate",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-breakpad",
    "--disable-extensions",
    "--disable-sync",
    "--window-size=800,600",
];

/// A running Chromium.
pub struct Chromium {
    child: Child,
    folder: TempDir,
}

impl Chromium {
    /// Opens a page.
    pub fn start(url: &str) -> Result<Self> {
        let folder = TempDir::with_prefix("browser-").map_err(Error::io("folder of Chromium"))?;
        let words = std::fs::File::create(folder.path().join("words.txt")).map_err(Error::io("words of Chromium"))?;
        // Should this process be killed, Chromium goes with it.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "chromium"])
            .args(SWITCHES)
            .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
            .arg("--enable-logging=stderr")
            .arg(url)
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(words)
            .spawn()
            .map_err(Error::io("chromium; install the Debian package `chromium`"))?;
        Ok(Self { child, folder })
    }

    /// Whether there is a Chromium on this machine.
    pub fn installed() -> bool {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder: PathBuf| folder.join("chromium").is_file())
    }

    /// The last of what it wrote on standard error: the page's console is there too.
    pub fn words(&self) -> String {
        let text = std::fs::read(self.folder.path().join("words.txt")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ended_already = kill_process(pid, Signal::TERM);
        }
        let end = Instant::now() + FAREWELL;
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        // Both fail only when it has ended already.
        let _killed = self.child.kill();
        let _reaped = self.child.wait();
    }
}
