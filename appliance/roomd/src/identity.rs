//! What names this box to a service, and where its worker is.

use std::path::{Path, PathBuf};

/// A stable name of this box for the focus (32 hexadecimal digits, `specs/jitsi-client.md §2`), which is not the
/// machine id itself: that one is confidential (`machine-id(5)`).
pub fn machine_uid() -> String {
    let machine_id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    if machine_id.trim().is_empty() {
        // Without a machine id the name lasts as long as this process.
        return format!("{:032x}", rand::random::<u128>());
    }
    derive(machine_id.trim())
}

/// A version 5 UUID (RFC 9562 §5.5) of the machine id, without dashes.
fn derive(machine_id: &str) -> String {
    uuid::Uuid::new_v5(&NAMESPACE, machine_id.as_bytes())
        .simple()
        .to_string()
}

/// Namespace of the names of Hemicycle boxes, drawn once.
const NAMESPACE: uuid::Uuid = uuid::uuid!("5b0c9f5e-0d5e-4b0e-9a68-2f7c1d0f8e31");

/// The media worker's program: as given, or `roomd-media` beside this program.
///
/// # Errors
/// When this program's own place cannot be found.
pub fn media_worker(given: Option<&Path>) -> std::io::Result<PathBuf> {
    match given {
        Some(path) => Ok(path.to_owned()),
        None => Ok(std::env::current_exe()?.with_file_name("roomd-media")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_stable_and_does_not_show_the_machine_id() {
        let machine_id = "0123456789abcdef0123456789abcdef";
        let name = derive(machine_id);
        assert_eq!(name, derive(machine_id));
        assert_ne!(name, derive("0123456789abcdef0123456789abcdee"));
        assert!(name.len() == 32 && name.bytes().all(|b| b.is_ascii_hexdigit()) && !name.contains(&machine_id[..8]));
    }
}
