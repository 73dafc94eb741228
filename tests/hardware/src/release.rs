//! Releases of the laboratory: what lies in a slot, and the signed bundle that brings it there. Made by the tools that the image
//! is made by (`yocto/meta-hemicycle`), in its forms: a boot partition that knows the root's hash, a root of verified blocks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, Result};
use crate::image::Image;
use crate::stage::{self, project};

/// What bundles and RAUC's configuration call this kind of box.
pub const COMPATIBLE: &str = "hemicycle-lab";

/// Whoever signs releases.
#[derive(Debug, Clone)]
pub struct Maker {
    keys: PathBuf,
    /// RAUC with its own libraries.
    rauc: PathBuf,
}

/// A release.
#[derive(Debug)]
pub struct Release {
    /// `IMAGE_VERSION` of `os-release(5)`.
    pub name: String,
    /// `HEMICYCLE_SECURITY_VERSION` of the same.
    pub security_version: u32,
    folder: PathBuf,
}

/// Names of the two images, in a release's folder and in a bundle.
const BOOT: &str = "boot.vfat";
const ROOT: &str = "rootfs.img";

impl Maker {
    /// With new keys, as development images have them.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn new(image: &Image, keys: PathBuf) -> Result<Self> {
        let mut command = Command::new(project().join("yocto/scripts/development-keys"));
        stage::run(command.arg(&keys).stdout(Stdio::null()))?;
        let rauc = image.folder.join("rauc");
        Ok(Self { keys, rauc })
    }

    /// The certificate that a box believes.
    pub fn authority(&self) -> PathBuf {
        self.keys.join("bundle-authority.cert.pem")
    }

    /// Packs and signs a release; the bundle.
    ///
    /// # Errors
    /// What RAUC says.
    pub fn bundle(&self, release: &Release) -> Result<PathBuf> {
        let content = release.folder.join("content");
        let bundle = release.folder.join("release.raucb");
        // RAUC writes over none, and one release may be packed by two makers.
        let _older = fs::remove_file(&bundle);
        stage::folder_of(&content.join(ROOT))?;
        for name in [BOOT, ROOT] {
            fs::copy(release.folder.join(name), content.join(name)).map_err(Error::io(name))?;
        }
        let Release {
            name, security_version, ..
        } = release;
        let manifest = format!(
            "[update]\ncompatible={COMPATIBLE}\nversion={name}\n[bundle]\nformat=verity\n[image.boot]\nfilename={BOOT}\n\
             [image.rootfs]\nfilename={ROOT}\n[meta.hemicycle]\nsecurity-version={security_version}\n"
        );
        fs::write(content.join("manifest.raucm"), manifest).map_err(Error::io("manifest.raucm"))?;
        // That of this machine may be one that forgets what it does not know of a manifest.
        let libraries = self.rauc.join("lib/x86_64-linux-gnu");
        let mut command = Command::new(libraries.join("ld-linux-x86-64.so.2"));
        command.arg("--library-path").arg(&libraries);
        command.arg(self.rauc.join("bin/rauc")).arg("bundle");
        for part in ["key", "cert"] {
            let file = self.keys.join(format!("bundle.{part}.pem"));
            command.arg(format!("--{part}={}", file.display()));
        }
        command.arg("--mksquashfs-args=-comp gzip -Xcompression-level 1");
        command.env("GIO_MODULE_DIR", "/nonexistent");
        stage::run(
            command
                .args([&content, &bundle])
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        Ok(bundle)
    }
}

impl Release {
    /// Of the box as it is, with these programs in place of its own, and so many bytes that nobody can compress.
    ///
    /// # Errors
    /// When one of the tools fails.
    pub fn make(
        folder: PathBuf,
        name: &str,
        security_version: u32,
        programs: &[(&str, &str)],
        weight: usize,
    ) -> Result<Self> {
        let tree = folder.join("tree");
        let os_release = format!(
            "NAME=Hemicycle\nID=hemicycle\nIMAGE_VERSION={name}\nHEMICYCLE_SECURITY_VERSION={security_version}\n"
        );
        let mut noise = vec![0; weight];
        openssl::rand::rand_bytes(&mut noise).map_err(|error| Error::io("noise")(error.into()))?;
        let mut files = vec![
            ("usr/lib/os-release", os_release.as_bytes(), 0o644),
            ("usr/share/hemicycle-lab/weight", noise.as_slice(), 0o644),
        ];
        files.extend(programs.iter().map(|(path, text)| (*path, text.as_bytes(), 0o755)));
        for (path, content, mode) in files {
            let path = tree.join(path);
            stage::write(&path, content)?;
            let allowed = fs::set_permissions(&path, fs::Permissions::from_mode(mode));
            allowed.map_err(Error::io(path.display().to_string()))?;
        }
        stage::run(Command::new("chmod").args(["-R", "go=u-w"]).arg(&tree))?;
        let root = folder.join(ROOT);
        let mut squash = Command::new("mksquashfs");
        squash.arg(&tree).arg(&root);
        squash.args(["-noappend", "-all-root", "-quiet", "-no-progress", "-no-xattrs"]);
        stage::run(squash.stdout(Stdio::null()))?;
        let boot = verified(&root)?;
        fs::write(folder.join(BOOT), boot).map_err(Error::io(BOOT))?;
        Ok(Self {
            name: name.to_owned(),
            security_version,
            folder,
        })
    }

    /// Fills a slot with it, as the factory does: the disks of its boot partition and of its root.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn fill(&self, boot: &Path, root: &Path) -> Result<()> {
        for (name, disk) in [(BOOT, boot), (ROOT, root)] {
            let write = || {
                let content = fs::read(self.folder.join(name))?;
                let mut disk = fs::OpenOptions::new().write(true).open(disk)?;
                std::io::Write::write_all(&mut disk, &content)
            };
            write().map_err(Error::io(disk.display().to_string()))?;
        }
        Ok(())
    }
}

/// Puts the tree of hashes behind the blocks; what the boot partition has to know: its root, and where it begins.
fn verified(root: &Path) -> Result<String> {
    let failed = || Error::io("veritysetup");
    let offset = fs::metadata(root).map_err(failed())?.len();
    let output = Command::new("/usr/sbin/veritysetup")
        .args(["format", &format!("--hash-offset={offset}")])
        .args([root, root])
        .stdin(Stdio::null())
        .output()
        .map_err(failed())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let hash = said.lines().find_map(|line| line.strip_prefix("Root hash:"));
    match hash {
        Some(hash) if output.status.success() => Ok(format!("{} {offset}\n", hash.trim())),
        _ => Err(failed()(std::io::Error::other(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ))),
    }
}
