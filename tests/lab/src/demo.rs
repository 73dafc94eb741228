//! `cargo lab demo`: packages, release build, footage, and then the demo takes over this process.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::{footage, packages, tools, workspace};

/// Prepares everything and becomes the demo. Comes back only with the reason why it could not.
pub fn run(no_install: bool, passed: &[String]) -> String {
    match prepare(no_install) {
        Ok(media) => {
            let binary = workspace::target().join("release/demo");
            // Replaced, not started: Ctrl-C and every other signal reach the demo itself, which leaves properly.
            let error = Command::new(&binary).arg("--footage").arg(media).args(passed).exec();
            format!("{} cannot be run: {error}", binary.display())
        }
        Err(reason) => reason,
    }
}

fn prepare(no_install: bool) -> Result<std::path::PathBuf, String> {
    if !no_install {
        packages::install()?;
    }
    println!("build: release binaries");
    let begun = Instant::now();
    let status = tools::cargo()
        .args(["build", "--workspace", "--release", "--locked", "--bins"])
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !status.success() {
        return Err("the release build failed; the reason stands above".into());
    }
    println!("build: done in {:.1} s", begun.elapsed().as_secs_f64());
    footage::ensure(false)
}
