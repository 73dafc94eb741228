//! Where things are: the workspace, what is built, what the lab keeps for itself.

use std::path::{Path, PathBuf};

/// The workspace's root: two folders above this crate.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Cargo's target folder: `CARGO_TARGET_DIR` where it is set, else `target` in the workspace.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(chosen) => root().join(chosen),
        None => root().join("target"),
    }
}

/// What the lab makes and keeps between runs: tools and footage.
pub fn lab() -> PathBuf {
    target().join("lab")
}
