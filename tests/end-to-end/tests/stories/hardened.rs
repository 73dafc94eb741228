//! The worker behind the walls that its unit puts around it, as far as they can be put up without systemd.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use end_to_end::Place;

use crate::stage::{Stage, conference, options};

/// `MemoryDenyWriteExecute=` from here on (`PR_SET_MDWE`), proven by memory that may not be had; then the worker.
const WALLED: &str = r#"#!/usr/bin/python3
import ctypes, mmap, os, sys
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
    sys.exit("this kernel has no PR_SET_MDWE")
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    sys.exit("the wall has a hole")
except PermissionError:
    pass
os.execv("@WORKER@", ["roomd-media"] + sys.argv[1:])
"#;

/// `prctl(2)`: since Linux 6.3.
fn missing() -> Option<String> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release
        .split(['.', '-'])
        .map(|number| number.parse::<u32>().unwrap_or(0));
    let version = (numbers.next()?, numbers.next()?);
    (version < (6, 3)).then(|| format!("Linux {} has no PR_SET_MDWE", release.trim()))
}

fn walled(folder: &Path) -> String {
    let worker = end_to_end::program("roomd-media").expect("the worker is built");
    let file = folder.join("walled");
    let text = WALLED.replace("@WORKER@", &worker.display().to_string());
    std::fs::write(&file, text).expect("a file");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    file.display().to_string()
}

#[test]
fn a_meeting_is_held_by_a_worker_that_may_make_no_memory_executable() {
    if let Some(reason) = missing() {
        eprintln!("skipped: {reason}");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place {
        configuration: format!("media_worker = '{}'", walled(folder.path())),
        ..Place::default()
    };
    let conference = conference(options());
    let stage = Stage::settled_in(&place, conference);
    stage.leave_and_judge();
}
