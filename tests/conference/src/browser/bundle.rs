//! The library as it is published: one script out of its packed file, and jQuery's; taken through npm, checked, and kept.
//!
//! Nothing of it lies in the repository, and the package's dependencies are not installed: the script is whole but for
//! jQuery.

use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use openssl::sha::sha512;

use super::chromium::Chromium;

/// A published package, and the one script of it that is needed.
struct Packed {
    /// Name and version.
    package: &'static str,
    /// What npm calls the packed file.
    file: &'static str,
    /// The script in it.
    script: &'static str,
    /// SHA-512 of the packed file, base64, as the registry's `dist.integrity` says.
    integrity: &'static str,
}

/// jQuery (MIT): the only thing that the library expects to find in the page.
const JQUERY: Packed = Packed {
    package: "jquery@3.6.0",
    file: "jquery-3.6.0.tgz",
    script: "package/dist/jquery.min.js",
    integrity: "JVzAR/AjBvVt2BmYhxRCSYysDsPcssdmTFnzyLEts9qNwmjmu4JTAMYubEfwVOSwpQ1I1sKKFcxhZCI2buerfw==",
};
/// lib-jitsi-meet of December 2021 (Apache-2.0).
const LIBRARY: Packed = Packed {
    package: "@lyno/lib-jitsi-meet@2.6726.2",
    file: "lyno-lib-jitsi-meet-2.6726.2.tgz",
    script: "package/lib-jitsi-meet.min.js",
    integrity: "cTrKBgy4ZHD6vyFTOAOx5ylyzjWs3ft6MLhmchu9zRq7uLr8omD4lE2fmSfoyoSqMjFc/3sU9XLYXiJ21hqQuw==",
};

/// The scripts.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// jQuery.
    pub jquery: Vec<u8>,
    /// lib-jitsi-meet.
    pub library: Vec<u8>,
}

/// Why there can be no browser here; in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

impl Bundle {
    /// The bundle from `folder`, or through npm into it.
    ///
    /// # Errors
    /// No Chromium, no npm, no registry, or a file that is not the one we know.
    pub fn obtain(folder: &Path) -> Result<Self, Unavailable> {
        if !Chromium::installed() {
            return Err(Unavailable("there is no chromium here".into()));
        }
        Ok(Self {
            jquery: JQUERY.obtain(folder)?,
            library: LIBRARY.obtain(folder)?,
        })
    }
}

impl Packed {
    fn obtain(&self, folder: &Path) -> Result<Vec<u8>, Unavailable> {
        let kept = folder.join(self.file);
        if self.check(&kept).is_err() {
            self.fetch(folder)?;
        }
        self.check(&kept)?;
        self.unpack(&kept)
    }

    /// Asks npm for the packed file.
    fn fetch(&self, folder: &Path) -> Result<(), Unavailable> {
        let cannot = |error: std::io::Error| Unavailable(format!("{}: {error}", folder.display()));
        std::fs::create_dir_all(folder).map_err(cannot)?;
        // Beside the place where it is kept, then moved: two test runs may do this at once.
        let fresh = tempfile::tempdir_in(folder).map_err(cannot)?;
        let output = Command::new("npm")
            .args(["pack", self.package, "--ignore-scripts", "--loglevel=error"])
            .args(["--fetch-timeout=60000", "--pack-destination"])
            .arg(fresh.path())
            .current_dir(fresh.path())
            .stdin(Stdio::null())
            .output()
            .map_err(|e| Unavailable(format!("npm cannot be run: {e}")))?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            let first: Vec<&str> = words.lines().take(3).collect();
            let reason = format!("npm cannot get {}: {}", self.package, first.join("; "));
            return Err(Unavailable(reason));
        }
        std::fs::rename(fresh.path().join(self.file), folder.join(self.file))
            .map_err(|e| Unavailable(format!("npm packed no {}: {e}", self.file)))
    }

    fn check(&self, file: &Path) -> Result<(), Unavailable> {
        let bytes = std::fs::read(file).map_err(|e| Unavailable(format!("{}: {e}", file.display())))?;
        let found = base64::engine::general_purpose::STANDARD.encode(sha512(&bytes));
        if found == self.integrity {
            return Ok(());
        }
        let reason = format!("{} is not the file we know: sha512-{found}", file.display());
        Err(Unavailable(reason))
    }

    fn unpack(&self, file: &Path) -> Result<Vec<u8>, Unavailable> {
        let output = Command::new("tar")
            .args(["--extract", "--gzip", "--to-stdout", "--file"])
            .arg(file)
            .arg(self.script)
            .stdin(Stdio::null())
            .output()
            .map_err(|e| Unavailable(format!("tar cannot be run: {e}")))?;
        if output.status.success() && !output.stdout.is_empty() {
            return Ok(output.stdout);
        }
        Err(Unavailable(format!("{} has no {}", file.display(), self.script)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_the_one_we_know_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(JQUERY.file);
        std::fs::write(&file, b"something else").unwrap();
        assert!(JQUERY.check(&file).unwrap_err().0.contains("not the file we know"));
        assert!(JQUERY.check(&folder.path().join("absent")).is_err());
    }
}
