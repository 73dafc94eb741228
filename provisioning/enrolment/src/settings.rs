//! `enrolment.toml`.

use std::path::{Path, PathBuf};

use fleet::link::Endpoint;
use serde::{Deserialize, Serialize};

/// What the service needs to know. Paths are relative to the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Path of a SQLite file, or the URL of a PostgreSQL database.
    pub registry: String,
    /// The folder that `roomctl init` made.
    pub folder: PathBuf,
    /// Broker to connect to, at its listener for people and programs: `HOST:PORT`.
    pub broker: String,
    /// Brokers that boxes are told, as `HOST:PORT`.
    pub endpoints: Vec<String>,
    /// How long certificates of boxes hold.
    #[serde(default = "year")]
    pub certificate_days: i64,
}

const fn year() -> i64 {
    365
}

impl Settings {
    /// Reads the file.
    ///
    /// # Errors
    /// In a sentence, with the path.
    pub fn load(path: &Path) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
        let mut settings: Self = toml::from_str(&text).map_err(|error| failed(&error))?;
        if !(1..=3_650).contains(&settings.certificate_days) {
            return Err(failed(&"certificate_days: 1 to 3650"));
        }
        if settings.endpoints.is_empty() {
            return Err(failed(&"endpoints: boxes must be told a broker"));
        }
        for broker in settings.endpoints.iter().chain([&settings.broker]) {
            broker.parse::<Endpoint>().map_err(|error| failed(&error))?;
        }
        let beside = path.parent().unwrap_or(Path::new("."));
        settings.folder = beside.join(&settings.folder);
        if !settings.registry.contains("://") {
            settings.registry = beside.join(&settings.registry).display().to_string();
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_boxes_could_not_reach_is_refused_before_any_of_them_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("enrolment.toml");
        let load = |broker: &str, endpoint: &str| {
            let text =
                format!("registry = 'r'\nfolder = '.'\nbroker = '{broker}'\nendpoints = ['b:1', '{endpoint}']\n");
            std::fs::write(&file, text).unwrap();
            Settings::load(&file).map(|settings| settings.endpoints)
        };
        assert_eq!(load("localhost:8885", "[::1]:443").unwrap(), ["b:1", "[::1]:443"]);
        assert!(load("localhost:8885", "mqtts://b").unwrap_err().contains("HOST:PORT"));
        assert!(load("", "b:1").unwrap_err().contains("HOST:PORT"));
    }
}
