//! What each run lays over the guest's disk: the box's programs, units and rules, and the lab's hand. So neither a change of
//! the box nor one of the lab makes another image.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, Result};

/// Programs of the box, and where its image has them.
const PROGRAMS: [(&str, &str); 3] = [
    ("roomd", "usr/bin/roomd"),
    ("roomd-media", "usr/bin/roomd-media"),
    ("hardware-guest", "usr/local/sbin/hardware-guest"),
];

/// Folders of the project, and where the image has what lies in them.
const FOLDERS: [(&str, &str); 7] = [
    ("systemd/sysusers.d", "usr/lib/sysusers.d"),
    ("systemd/tmpfiles.d", "usr/lib/tmpfiles.d"),
    ("systemd/journald.conf.d", "usr/lib/systemd/journald.conf.d"),
    ("systemd/system.conf.d", "usr/lib/systemd/system.conf.d"),
    ("systemd/dbus-1", "usr/share/dbus-1/system.d"),
    ("udev", "usr/lib/udev/rules.d"),
    ("tests/hardware/guest", ""),
];

/// Endings of the files directly in `systemd/`, and where the image has them.
const UNITS: [(&str, &str); 7] = [
    ("service", "usr/lib/systemd/system"),
    ("socket", "usr/lib/systemd/system"),
    ("path", "usr/lib/systemd/system"),
    ("mount", "usr/lib/systemd/system"),
    ("timer", "usr/lib/systemd/system"),
    ("target", "usr/lib/systemd/system"),
    ("toml", "etc/roomd"),
];

/// Makes `share` ready: `over`, which the guest lays over its disk, and `prepare.sh`, which it runs before systemd.
///
/// # Errors
/// When a program is not built, or a file cannot be copied.
pub fn stage(share: &Path) -> Result<()> {
    let over = share.join("over");
    for (name, place) in PROGRAMS {
        let program = program(name)?;
        let target = over.join(place);
        folder_of(&target)?;
        // Without the names of its lines: those are four fifths of what the guest would have to read.
        run(Command::new("strip")
            .args(["--strip-debug", "-o"])
            .arg(&target)
            .arg(&program))?;
    }
    let root = project();
    for (from, to) in FOLDERS {
        let from = root.join(from);
        if from.is_dir() {
            copy(&from, &over.join(to))?;
        }
    }
    for entry in fs::read_dir(root.join("systemd")).into_iter().flatten().flatten() {
        let from = entry.path();
        let ending = from.extension().unwrap_or_default();
        if let Some((_, to)) = UNITS.iter().find(|(unit, _)| ending == *unit) {
            let to = over.join(to).join(entry.file_name());
            folder_of(&to)?;
            fs::copy(&from, &to).map_err(Error::io(from.display().to_string()))?;
        }
    }
    let prepare = share.join("prepare.sh");
    fs::write(&prepare, include_str!("../image/prepare.sh")).map_err(Error::io(prepare.display().to_string()))
}

/// Lays the files of a folder over the guest's disk too, from the next power on.
///
/// # Errors
/// When a file cannot be copied.
pub fn lay_over(share: &Path, folder: &Path) -> Result<()> {
    copy(folder, &share.join("over"))
}

/// The project's root: two folders above this crate.
pub fn project() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// A program of this workspace: beside this one, or above the folder of test programs.
///
/// # Errors
/// It is not built.
pub fn program(name: &str) -> Result<PathBuf> {
    let me = std::env::current_exe().map_err(Error::io("the path of this program"))?;
    let found = me
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    found.ok_or_else(|| Error::NotBuilt(me.with_file_name(name)))
}

/// Makes the folder that a file lies in.
pub(crate) fn folder_of(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(Error::io(folder.display().to_string()))
}

/// Writes a file, and makes the folder that it lies in.
///
/// # Errors
/// When either cannot be written.
pub fn write(path: &Path, content: &[u8]) -> Result<()> {
    folder_of(path)?;
    fs::write(path, content).map_err(Error::io(path.display().to_string()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(Error::io(to.display().to_string()))?;
    // `cp` keeps modes and links, and the guest's files are nobody's but root's.
    let mut command = Command::new("cp");
    command
        .args(["--recursive", "--no-dereference", "--preserve=mode,links"])
        .arg(from.join("."))
        .arg(to);
    run(&mut command)
}

/// Runs a program that must end well.
///
/// # Errors
/// When it cannot be started, or ends otherwise.
pub fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).status().map_err(Error::io(name.clone()))?;
    match status.success() {
        true => Ok(()),
        false => Err(Error::io(name)(std::io::Error::other(status.to_string()))),
    }
}
