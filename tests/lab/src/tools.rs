//! Helpers of Cargo and Python: found on this machine, or built once into the lab's own folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::workspace;

/// The cargo that started us.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace::root());
    command
}

/// The path of a cargo subcommand such as `cargo-deny`; builds it from the package registry if the machine has none.
///
/// Built without optimisation: it runs for seconds, and compiles in half the time.
pub fn find_or_build(name: &str) -> Result<PathBuf, String> {
    let ours = workspace::lab().join("tools");
    let built = ours.join("bin").join(name);
    for candidate in [PathBuf::from(name), built.clone()] {
        if answers(Command::new(&candidate).arg("--version")) {
            return Ok(candidate);
        }
    }
    println!("{name} is not here: building it once into {}", ours.display());
    let status = cargo()
        .args(["install", name, "--locked", "--debug", "--quiet", "--root"])
        .arg(&ours)
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    match status.success() && answers(Command::new(&built).arg("--version")) {
        true => Ok(built),
        false => Err(format!(
            "{name} could not be built; by hand: cargo install {name} --locked"
        )),
    }
}

/// The folder of a Python environment with exactly the packages of a requirements file; made anew when the file has changed.
pub fn python(requirements: &Path) -> Result<PathBuf, String> {
    let wanted = fs::read_to_string(requirements).map_err(|error| format!("{}: {error}", requirements.display()))?;
    let folder = workspace::lab().join("python");
    let made = folder.join("made-from.txt");
    if fs::read_to_string(&made).is_ok_and(|text| text == wanted)
        && answers(Command::new(folder.join("bin/python")).arg("-V"))
    {
        return Ok(folder);
    }
    println!(
        "Python packages of {} into {}",
        requirements.display(),
        folder.display()
    );
    run(
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder),
        "python3-venv",
    )?;
    let mut pip = Command::new(folder.join("bin/pip"));
    // All of them are named with their versions: nothing else comes along.
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--requirement",
    ])
    .arg(requirements);
    run(&mut pip, "a package registry")?;
    fs::write(&made, wanted).map_err(|error| format!("{}: {error}", made.display()))?;
    Ok(folder)
}

fn run(command: &mut Command, needs: &str) -> Result<(), String> {
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?}: {status}; it needs {needs}")),
        Err(error) => Err(format!("{command:?}: {error}; it needs {needs}")),
    }
}

/// Makes sure that a component of the toolchain is there; rustup brings it where rustup is.
pub fn component(subcommand: &str, component: &str) -> Result<(), String> {
    if answers(cargo().args([subcommand, "--version"])) {
        return Ok(());
    }
    println!("the toolchain has no {component}: asking rustup for it");
    let _ = Command::new("rustup")
        .args(["component", "add", component])
        .stdin(Stdio::null())
        .status();
    match answers(cargo().args([subcommand, "--version"])) {
        true => Ok(()),
        false => Err(format!(
            "the toolchain has no {component}; by hand: rustup component add {component}"
        )),
    }
}

fn answers(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
