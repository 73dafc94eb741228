//! `cargo lab crates`: the list of crates that the recipe of the daemon downloads, made from Cargo.lock.
//!
//! The form is the one of oe-core's class `cargo-update-recipe-crates`: a line per crate, and its checksum.

use std::fs;
use std::path::PathBuf;

use crate::workspace;

/// The list, as BitBake reads it.
pub fn list() -> PathBuf {
    workspace::root().join("yocto/meta-hemicycle/recipes-hemicycle/roomd/roomd-crates.inc")
}

/// Writes the list anew. The error is a sentence for the person at the terminal.
pub fn write() -> Result<PathBuf, String> {
    let path = list();
    fs::write(&path, made()?).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

/// What the list has to be.
fn made() -> Result<String, String> {
    let lock = workspace::root().join("Cargo.lock");
    let text = fs::read_to_string(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    recipe(&text)
}

/// A crate of the registry.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Crate<'a> {
    name: &'a str,
    version: &'a str,
    checksum: &'a str,
}

fn recipe(lock: &str) -> Result<String, String> {
    let mut crates = crates(lock)?;
    crates.sort();
    let mut text =
        String::from("# Written by `cargo lab crates` from Cargo.lock; a test holds both equal.\n\nSRC_URI += \"\\\n");
    for Crate { name, version, .. } in &crates {
        text += &format!("    crate://crates.io/{name}/{version} \\\n");
    }
    text += "\"\n\n";
    for Crate {
        name,
        version,
        checksum,
    } in &crates
    {
        text += &format!("SRC_URI[{name}-{version}.sha256sum] = \"{checksum}\"\n");
    }
    Ok(text)
}

/// The packages of a lock file that come from a registry. One from elsewhere has no checksum to hold it to, and is refused.
fn crates(lock: &str) -> Result<Vec<Crate<'_>>, String> {
    let mut found = Vec::new();
    for package in lock.split("[[package]]").skip(1) {
        let value = |key: &str| {
            let mut lines = package.lines().filter_map(|line| line.split_once(" = "));
            lines
                .find(|(name, _)| *name == key)
                .map(|(_, value)| value.trim_matches('"'))
        };
        let (Some(name), Some(version)) = (value("name"), value("version")) else {
            return Err("Cargo.lock has a package without name or version".into());
        };
        match (value("source"), value("checksum")) {
            (None, _) => (),
            (Some(source), Some(checksum)) if source.starts_with("registry+") => found.push(Crate {
                name,
                version,
                checksum,
            }),
            (Some(source), _) => {
                return Err(format!(
                    "{name} {version} comes from {source}, which a recipe cannot hold to a checksum"
                ));
            }
        }
    }
    match found.is_empty() {
        true => Err("Cargo.lock names no crate".into()),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 4

[[package]]
name = "roomd"
version = "0.1.0"
dependencies = [
 "zbus",
]

[[package]]
name = "zbus"
version = "6.2.0"
source = "registry+https://index.example"
checksum = "bb"

[[package]]
name = "url"
version = "2.5.0"
source = "registry+https://index.example"
checksum = "aa"
"#;

    #[test]
    fn each_crate_of_the_registry_has_a_line_and_a_checksum_and_our_own_have_none() {
        let text = recipe(LOCK).unwrap();
        let lines = [
            "    crate://crates.io/url/2.5.0 \\\n    crate://crates.io/zbus/6.2.0 \\\n",
            "SRC_URI[url-2.5.0.sha256sum] = \"aa\"\nSRC_URI[zbus-6.2.0.sha256sum] = \"bb\"\n",
        ];
        assert!(lines.iter().all(|line| text.contains(line)), "{text}");
        assert!(!text.contains("roomd"), "{text}");
    }

    #[test]
    fn a_crate_from_a_branch_somewhere_is_refused_by_name() {
        let lock = LOCK.replace("registry+https://index.example", "git+https://forge.example/zbus");
        assert!(recipe(&lock).unwrap_err().contains("zbus 6.2.0"));
    }

    #[test]
    fn the_recipe_downloads_what_cargo_lock_names() {
        let written = fs::read_to_string(list()).unwrap();
        assert!(written == made().unwrap(), "the list is old: cargo lab crates");
    }
}
