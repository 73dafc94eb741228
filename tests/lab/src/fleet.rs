//! `cargo lab fleet`: packages, release build, and then the fleet takes over this process.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::{packages, tools, workspace};

/// Prepares everything and becomes the fleet. Comes back only with the reason why it could not.
pub fn run(no_install: bool, passed: &[String]) -> String {
    match prepare(no_install) {
        Ok(()) => {
            let binary = workspace::target().join("release/fleet-lab");
            let error = Command::new(&binary).args(passed).exec();
            format!("{} cannot be run: {error}", binary.display())
        }
        Err(reason) => reason,
    }
}

fn prepare(no_install: bool) -> Result<(), String> {
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
    Ok(())
}
