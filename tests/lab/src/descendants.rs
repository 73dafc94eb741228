//! The processes that a process has started, and those that they have started (`proc(5)`, `/proc/PID/stat`).

use std::fs;

/// All descendants of a process, the youngest generation last.
pub fn of(ancestor: u32) -> Vec<u32> {
    let pairs: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|process| Some((process, fields(process)?.1)))
        .collect();
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(pairs.iter().filter(|(_, of)| *of == parent).map(|(process, _)| process));
        next += 1;
    }
    found.remove(0);
    found
}

/// Whether a process exists and is no zombie.
#[cfg(test)]
pub fn alive(process: u32) -> bool {
    fields(process).is_some_and(|(state, _)| state != 'Z')
}

/// State and parent of a process. The name before them stands in parentheses and may hold anything.
fn fields(process: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}
