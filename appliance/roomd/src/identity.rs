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

/// Where a running box keeps what a restarted one must know: as given, else `$RUNTIME_DIRECTORY` (systemd),
/// `$XDG_RUNTIME_DIR/roomd`, for root `/run/roomd`; none: nowhere.
pub fn state_directory(given: Option<&Path>) -> Option<PathBuf> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    given
        .map(Path::to_owned)
        .or_else(|| variable("RUNTIME_DIRECTORY"))
        .or_else(|| variable("XDG_RUNTIME_DIR").map(|folder| folder.join("roomd")))
        .or_else(|| {
            rustix::process::geteuid()
                .is_root()
                .then(|| PathBuf::from("/run/roomd"))
        })
}

/// Leaves in the place of boxes that were killed. A box that joins does not wait long for it: the old presence is gone
/// within a second, or the network is away.
pub async fn leave_left_behind(folder: Option<PathBuf>, account: Option<jitsi::ServiceAccount>) {
    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);
    let Some(folder) = folder else { return };
    let leaving = tokio::spawn(async move { jitsi::leave_left_behind(&folder, account.as_ref()).await });
    if tokio::time::timeout(PATIENCE, leaving).await.is_err() {
        tracing::info!("what was left behind is still being left");
    }
}

/// Largest file with a token or a password.
const MAX_SECRET_BYTES: u64 = 16 * 1024;

/// A secret from a file, without the white space around it. `what` is the secret's name for people.
///
/// # Errors
/// A sentence for whoever wrote the path.
pub fn read_secret(what: &str, path: &Path) -> Result<String, String> {
    let unreadable = |error| format!("the {what} file {} cannot be read: {error}", path.display());
    if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_SECRET_BYTES {
        return Err(format!(
            "{} is larger than 16 KiB; is this the {what} file?",
            path.display()
        ));
    }
    let secret = std::fs::read_to_string(path).map_err(unreadable)?.trim().to_owned();
    if secret.is_empty() {
        Err(format!("the {what} file {} is empty", path.display()))
    } else {
        Ok(secret)
    }
}

/// The account for one service, its password from a file. `user` may have the domain behind an `@`, which is not needed.
///
/// # Errors
/// As [`read_secret`].
pub fn account(host: &str, user: &str, password_file: &Path) -> Result<jitsi::ServiceAccount, String> {
    Ok(jitsi::ServiceAccount {
        host: host.to_owned(),
        account: jitsi::stream::Account {
            user: user.split('@').next().unwrap_or_default().to_owned(),
            password: read_secret("password", password_file)?,
        },
    })
}

/// The media worker's program (or systemd's socket that starts it): as given, or `roomd-media` beside this program.
///
/// # Errors
/// When this program's own place cannot be found.
pub fn media_worker(given: Option<&Path>) -> std::io::Result<PathBuf> {
    match given {
        Some(path) => Ok(path.to_owned()),
        None => Ok(std::env::current_exe()?.with_file_name("roomd-media")),
    }
}

/// The worker's program, also where systemd starts it at its socket.
///
/// # Errors
/// When this program's own place cannot be found.
pub fn worker_program(place: &Path) -> std::io::Result<PathBuf> {
    let place = Some(place).filter(|place| !crate::worker::is_socket(place));
    media_worker(place)
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
