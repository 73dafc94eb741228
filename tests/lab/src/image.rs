//! The layers that the box's system is built from (`yocto/`), held to what can be known without building: a lint, BitBake's own
//! parser, and a release as boxes get it. Their checks are in Python, as BitBake is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{tools, workspace};

/// Names and commands of the parts. The error is a sentence for the person at the terminal.
pub fn parts() -> Result<[(&'static str, Command); 2], String> {
    let checks = workspace::root().join("yocto/checks");
    let python = tools::python(&checks.join("requirements.txt"))?;
    let mut lint = Command::new(python.join("bin/oelint-adv"));
    lint.current_dir(workspace::root())
        .env("OELINT_CONFIG", checks.join("oelint.cfg"))
        .args(recipes(Path::new("yocto"))?);
    let mut stories = Command::new(python.join("bin/python"));
    stories
        .current_dir(&checks)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["-m", "unittest", "discover", "--verbose"]);
    Ok([("image: lint", lint), ("image: layers and release", stories)])
}

/// Every recipe and append below a folder of the workspace, by its path from the root.
fn recipes(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(workspace::root().join(&folder));
        for entry in entries
            .map_err(|error| format!("{}: {error}", folder.display()))?
            .flatten()
        {
            let path = folder.join(entry.file_name());
            match path.extension().and_then(|ending| ending.to_str()) {
                Some("bb" | "bbappend") => found.push(path),
                _ if entry.path().is_dir() => open.push(path),
                _ => (),
            }
        }
    }
    found.sort();
    match found.is_empty() {
        true => Err(format!("there is no recipe in {}", folder.display())),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipes_and_appends_are_found_wherever_they_lie_in_the_layers() {
        let found = recipes(Path::new("yocto")).unwrap();
        let has = |name: &str| found.iter().any(|path| path.ends_with(name));
        assert!(has("roomd_0.1.0.bb") && has("rauc-conf.bbappend"), "{found:?}");
        assert!(!has("roomd-crates.inc"), "{found:?}");
    }

    #[test]
    fn a_folder_without_recipes_is_no_success() {
        assert!(recipes(Path::new("docs")).unwrap_err().contains("docs"));
    }
}
