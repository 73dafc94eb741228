//! What this machine lacks for a guest, and where the box's programs are.

use std::path::PathBuf;

/// Programs without which no guest is made or run, and Debian's packages of them.
const PROGRAMS: [(&str, &str); 13] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("swtpm", "swtpm"),
    ("mmdebstrap", "mmdebstrap"),
    ("busybox", "busybox-static"),
    ("modprobe", "kmod"),
    ("mke2fs", "e2fsprogs"),
    ("mkfs.vfat", "dosfstools"),
    ("mcopy", "mtools"),
    ("strip", "binutils"),
    ("mksquashfs", "squashfs-tools"),
    ("openssl", "openssl"),
    ("veritysetup", "cryptsetup-bin"),
    ("mosquitto", "mosquitto"),
];

/// Memory that the guest and its makers need beside everything else, KiB.
const MEMORY: u64 = 3 << 20;

/// Why no guest can run here; none when one can.
pub fn missing() -> Option<String> {
    for (program, package) in PROGRAMS {
        if !found(program) {
            return Some(format!("there is no {program}: apt-get install {package}"));
        }
    }
    if cfg!(not(target_arch = "x86_64")) {
        return Some("the guest is an x86-64 machine with this machine's binaries".into());
    }
    if !rustix::process::geteuid().is_root() && !found("newuidmap") {
        return Some("root is needed, or subordinate user ids: apt-get install uidmap".into());
    }
    let memory = std::fs::read_to_string("/proc/meminfo").ok()?;
    let available = memory.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let available: u64 = available.trim().trim_end_matches(" kB").parse().ok()?;
    (available < MEMORY).then(|| format!("{} MiB of memory are free, and the guest wants 3 GiB", available / 1024))
}

/// Whether a program is found on the path, or where administrators' programs are.
fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .any(|folder| folder.join(program).is_file())
}
