//! `cargo lab hardware`: packages, build, and then the laboratory takes over this process.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::{packages, tools, workspace};

/// The laboratory, as `cargo lab test` has built it too.
pub fn program() -> PathBuf {
    workspace::target().join("debug/hardware-lab")
}

/// Prepares everything and becomes the laboratory. Comes back only with the reason why it could not.
pub fn run(no_install: bool, passed: &[String]) -> String {
    match prepare(no_install) {
        Ok(()) => {
            let error = Command::new(program()).args(passed).exec();
            format!("{} cannot be run: {error}", program().display())
        }
        Err(reason) => reason,
    }
}

fn prepare(no_install: bool) -> Result<(), String> {
    if !no_install {
        packages::install()?;
    }
    println!("build: this workspace's programs");
    let begun = Instant::now();
    let status = tools::cargo()
        .args(["build", "--workspace", "--locked", "--bins"])
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !status.success() {
        return Err("the build failed; the reason stands above".into());
    }
    println!("build: done in {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}
