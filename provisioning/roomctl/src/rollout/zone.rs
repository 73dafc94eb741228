//! Time zones, as the system has them.

use std::path::Path;

use jiff::tz::TimeZone;

/// Where they are (package `tzdata`).
const FOLDER: &str = "/usr/share/zoneinfo";

/// That of this machine, by name; `UTC` when it has none.
#[must_use]
pub fn here() -> String {
    let link = std::fs::read_link("/etc/localtime").unwrap_or_default();
    let name = link
        .to_str()
        .and_then(|path| path.split_once("zoneinfo/"))
        .map(|(_, name)| name.to_owned());
    name.filter(|name| named(name).is_ok()).unwrap_or_else(|| "UTC".into())
}

/// The zone of this name, as `Europe/Paris`.
///
/// # Errors
/// There is none.
pub fn named(name: &str) -> Result<TimeZone, String> {
    if name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte);
    if name.is_empty() || !name.bytes().all(plain) || name.starts_with('/') {
        return Err(format!("{name}: no time zone"));
    }
    let data = std::fs::read(Path::new(FOLDER).join(name)).map_err(|error| format!("{name}: {error}"))?;
    TimeZone::tzif(name, &data).map_err(|error| format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_found_by_its_name_and_no_file_by_a_path() {
        assert!(named("UTC").is_ok() && named(&here()).is_ok());
        let paris = named("Europe/Paris").unwrap();
        let summer: jiff::Timestamp = "2026-07-01T10:00:00Z".parse().unwrap();
        assert_eq!(summer.to_zoned(paris).hour(), 12);
        for bad in ["", "Europe/Nowhere", "../../etc/passwd", "/etc/passwd", "Europe"] {
            assert!(named(bad).is_err(), "{bad}");
        }
    }
}
