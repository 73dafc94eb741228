//! `cargo lab fuzz`: every fuzz target of every crate, one after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::tally::Tally;
use crate::{step, tools, workspace};

/// Runs the targets. Whether all held.
pub fn run(each: Duration, only: Option<&str>) -> Result<bool, String> {
    let targets: Vec<(PathBuf, String)> = targets(&workspace::root().join("appliance"))
        .into_iter()
        .filter(|(_, name)| only.is_none_or(|part| name.contains(part)))
        .collect();
    if targets.is_empty() {
        return Err("no fuzz target has that name".into());
    }
    let fuzzer = tools::find_or_build("cargo-fuzz")?;
    let mut tally = Tally::default();
    for (folder, name) in &targets {
        println!("\n=== {name} ({} s)", each.as_secs());
        let mut command = Command::new(&fuzzer);
        // The fuzzer's instrumentation wants compiler flags that stable Rust has but does not promise.
        command.env("RUSTC_BOOTSTRAP", "1").current_dir(folder);
        command.args(["fuzz", "run", "--fuzz-dir"]).arg(folder);
        command
            .arg("--target-dir")
            .arg(workspace::target().join("fuzz"))
            .arg(name);
        // What it finds interesting goes into the first folder; `seeds/NAME` is where ours start from.
        let corpus = workspace::lab().join("corpus").join(name);
        fs::create_dir_all(&corpus).map_err(|error| format!("{}: {error}", corpus.display()))?;
        command
            .arg(corpus)
            .args(Some(folder.join("seeds").join(name)).filter(|seeds| seeds.is_dir()));
        command.args([
            "--",
            &format!("-max_total_time={}", each.as_secs()),
            "-timeout=1",
            "-malloc_limit_mb=64",
            "-rss_limit_mb=1024",
        ]);
        // Room for the build, which the first target of a crate pays.
        let ending = step::run(command, each + Duration::from_secs(20 * 60), |_| ());
        tally.check(name, ending.good, &ending.how);
    }
    tally.failures.iter().for_each(|failure| println!("FAILED   {failure}"));
    println!("{tally}");
    Ok(tally.failed == 0)
}

/// Folder and name of each target: `appliance/*/fuzz/fuzz_targets/*.rs`.
fn targets(appliance: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in entries(appliance).into_iter().map(|path| path.join("fuzz")) {
        for source in entries(&folder.join("fuzz_targets")) {
            if source.extension().is_some_and(|extension| extension == "rs")
                && let Some(name) = source.file_stem().and_then(|name| name.to_str())
            {
                found.push((folder.clone(), name.to_string()));
            }
        }
    }
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}
