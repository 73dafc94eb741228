//! A PostgreSQL server of this test alone: in a folder that goes away, on a Unix socket, as a user without rights.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// `nobody` and `nogroup`: PostgreSQL does not run as root.
const NOBODY: u32 = 65_534;

/// A server.
pub struct Postgresql {
    server: Child,
    folder: tempfile::TempDir,
}

impl Postgresql {
    /// Starts one; none: it is not installed here.
    pub fn start() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::tempdir().unwrap();
        let root = fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
        if root {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let program = |name: &str| {
            let mut command = if root {
                let mut command = Command::new("setpriv");
                command.args([
                    "--reuid=65534",
                    "--regid=65534",
                    "--clear-groups",
                    "--pdeathsig=KILL",
                    "--",
                ]);
                command.arg(programs.join(name));
                command
            } else {
                Command::new(programs.join(name))
            };
            command
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .stdout(Stdio::null());
            command
        };
        let data = folder.path().join("data");
        let made = program("initdb")
            .args([
                "--username=fleet",
                "--auth=trust",
                "--no-sync",
                "--no-locale",
                "--encoding=UTF8",
                "--pgdata",
            ])
            .arg(&data)
            .status()
            .unwrap();
        assert!(made.success(), "initdb: {made}");
        let server = program("postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            .args(["-h", "", "-c", "fsync=off"])
            .stderr(Stdio::from(fs::File::create(folder.path().join("log")).unwrap()))
            .spawn()
            .unwrap();
        let postgresql = Self { server, folder };
        let until = Instant::now() + Duration::from_secs(60);
        while let Err(error) = enrolment::registry::Registry::open(&postgresql.url()) {
            assert!(Instant::now() < until, "{error}: {}", postgresql.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(postgresql)
    }

    /// For [`enrolment::registry::Registry::open`].
    pub fn url(&self) -> String {
        let folder = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgresql://fleet@{folder}/postgres")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postgresql {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Debian keeps them out of the path, a folder for each version.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    folders.into_iter().find(|folder: &PathBuf| {
        let there = |name: &str| Path::new(folder).join(name).is_file();
        there("initdb") && there("postgres")
    })
}
