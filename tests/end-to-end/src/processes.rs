//! What the kernel says about processes, from /proc.

use std::{fs, path::PathBuf};

/// The children of a process.
pub fn children(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(_, fields)| fields.get(1) == Some(&u64::from(parent))))
        .collect()
}

/// The child of a process that runs the given program.
pub fn child(parent: u32, program: &str) -> Option<u32> {
    children(parent)
        .into_iter()
        .find(|pid| stat(*pid).is_some_and(|(name, _)| name == program))
}

/// Whether the process exists and is not only waiting to be reaped.
pub fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|(_, fields)| fields.first() != Some(&u64::from(b'Z')))
}

/// Proportional set size in bytes: shared pages count by their share.
pub fn proportional_set_size(pid: u32) -> Option<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = rollup.lines().find(|line| line.starts_with("Pss:"))?;
    line.split_whitespace()
        .nth(1)?
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1024)
}

/// Processor time used so far, user and system, in seconds.
pub fn cpu_seconds(pid: u32) -> Option<f64> {
    let (_, fields) = stat(pid)?;
    // Fields 14 and 15 of proc(5), in ticks of 10 ms on every Linux that Debian ships.
    Some((fields.get(11)? + fields.get(12)?) as f64 / 100.0)
}

/// Open file descriptors and threads.
pub fn descriptors_and_threads(pid: u32) -> Option<(usize, usize)> {
    let count = |path: String| Some(fs::read_dir(path).ok()?.count());
    Some((count(format!("/proc/{pid}/fd"))?, count(format!("/proc/{pid}/task"))?))
}

/// The files that the process holds open, by their names. One that was removed has ` (deleted)` behind its name.
pub fn open_files(pid: u32) -> Vec<PathBuf> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    entries
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .collect()
}

/// Name and the fields after it of /proc/PID/stat; the state letter as its byte.
fn stat(pid: u32) -> Option<(String, Vec<u64>)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let number = |field: &str| {
        field
            .parse::<i64>()
            .map_or_else(|_| u64::from(field.as_bytes()[0]), i64::cast_unsigned)
    };
    Some((name, tail.split_whitespace().map(number).collect()))
}
