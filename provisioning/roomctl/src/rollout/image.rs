//! The release that a fleet shall reach, as it stands in a file or was typed.

use std::path::Path;

use fleet::contract::{Update, Window};
use serde::{Deserialize, Serialize};

use super::member::Order;

/// A release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Its version.
    pub release: String,
    /// Where its bundle is: https.
    pub url: String,
    /// Bytes of it.
    pub size: u64,
    /// Of it, hexadecimal.
    pub sha256: String,
    /// Of RAUC's manifest.
    pub manifest_hash: String,
    /// Boxes that have seen a higher one refuse it.
    pub security_version: u32,
    /// Older releases go another way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_from: Option<String>,
}

/// Why it is no release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The file cannot be read.
    #[error("{0}: {1}")]
    File(String, String),
    /// A field is wrong.
    #[error("{field}: {why}")]
    Field {
        /// Which.
        field: &'static str,
        /// What it should be.
        why: &'static str,
    },
}

impl Image {
    /// Reads a file: JSON when its name ends so, TOML otherwise.
    ///
    /// # Errors
    /// [`ImageError`].
    pub fn read(path: &Path) -> Result<Self, ImageError> {
        let failed = |error: &dyn std::fmt::Display| ImageError::File(path.display().to_string(), error.to_string());
        let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
        let image: Self = if path.extension().is_some_and(|ending| ending == "json") {
            serde_json::from_str(&text).map_err(|error| failed(&error))?
        } else {
            toml::from_str(&text).map_err(|error| failed(&error))?
        };
        image.checked()
    }

    /// Every field can be what it says.
    ///
    /// # Errors
    /// [`ImageError::Field`].
    pub fn checked(self) -> Result<Self, ImageError> {
        let hexadecimal = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let wrong = |field, why| Err(ImageError::Field { field, why });
        if self.release.is_empty() || self.release.len() > 64 {
            return wrong("release", "1 to 64 characters");
        }
        if !self.url.starts_with("https://") || self.url.len() > 2_000 {
            return wrong("url", "an address that begins with https://");
        }
        if self.size == 0 {
            return wrong("size", "the bytes of the bundle");
        }
        if self.sha256.len() != 64 || !hexadecimal(&self.sha256) {
            return wrong("sha256", "64 hexadecimal digits, small letters");
        }
        if self.manifest_hash.is_empty() || !hexadecimal(&self.manifest_hash) {
            return wrong("manifest_hash", "hexadecimal digits, small letters");
        }
        Ok(self)
    }

    /// The document of an order.
    #[must_use]
    pub fn document(&self, order: &Order) -> Update {
        match &order.stay_at {
            Some(release) => self.withdrawal(order.rev, release),
            None => self.update(order.rev, order.window.clone(), order.wave.clone()),
        }
    }

    /// The document for a box.
    #[must_use]
    pub fn update(&self, rev: u64, window: Option<Window>, wave: String) -> Update {
        Update {
            rev,
            release: self.release.clone(),
            url: self.url.clone(),
            size: self.size,
            sha256: self.sha256.clone(),
            manifest_hash: self.manifest_hash.clone(),
            min_from: self.min_from.clone(),
            security_version: self.security_version,
            not_before: None,
            window,
            deadline: None,
            wave: Some(wave),
            allow_in_call: false,
        }
    }

    /// The document that takes it back: the release that runs, for nothing to be done.
    #[must_use]
    pub fn withdrawal(&self, rev: u64, running: &str) -> Update {
        Update {
            release: running.to_owned(),
            min_from: None,
            wave: None,
            ..self.update(rev, None, String::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Image {
        Image {
            release: "2.4.0".into(),
            url: "https://updates.example/2.4.0.raucb".into(),
            size: 1_000,
            sha256: "ab".repeat(32),
            manifest_hash: "cd".repeat(32),
            security_version: 9,
            min_from: None,
        }
    }

    #[test]
    fn a_release_stands_in_toml_or_json_and_a_slip_of_the_pen_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("image.toml", toml_of(&image())),
            ("image.json", serde_json::to_string(&image()).unwrap()),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            assert_eq!(Image::read(&path), Ok(image()), "{name}");
        }
        let field = |image: Image| match image.checked() {
            Err(ImageError::Field { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            field(Image {
                url: "http://a".into(),
                ..image()
            }),
            "url"
        );
        assert_eq!(
            field(Image {
                sha256: "AB".repeat(32),
                ..image()
            }),
            "sha256"
        );
        assert_eq!(field(Image { size: 0, ..image() }), "size");
        assert_eq!(
            field(Image {
                release: String::new(),
                ..image()
            }),
            "release"
        );
        let path = folder.path().join("typo.toml");
        std::fs::write(&path, toml_of(&image()).replace("size", "seize")).unwrap();
        assert!(Image::read(&path).unwrap_err().to_string().contains("seize"));
    }

    fn toml_of(image: &Image) -> String {
        format!(
            "release = \"{}\"\nurl = \"{}\"\nsize = {}\nsha256 = \"{}\"\nmanifest_hash = \"{}\"\nsecurity_version = {}\n",
            image.release, image.url, image.size, image.sha256, image.manifest_hash, image.security_version
        )
    }

    #[test]
    fn a_withdrawal_asks_for_the_release_that_runs() {
        let back = image().withdrawal(58, "2.3.0");
        assert_eq!((back.release.as_str(), back.rev, back.window), ("2.3.0", 58, None));
    }
}
