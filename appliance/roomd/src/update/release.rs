//! Which release runs, as the image says (`os-release(5)`).

use std::path::Path;

/// The release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// `IMAGE_VERSION`.
    pub version: String,
    /// `HEMICYCLE_SECURITY_VERSION`; 0: the image has none.
    pub security_version: u32,
}

impl Release {
    /// From that file. On a machine that is none of our images it is the version of this program.
    #[must_use]
    pub fn of_image(file: &Path) -> Self {
        let read = std::fs::read_to_string(file);
        let text = read.inspect_err(|error| tracing::warn!(%error, file = %file.display(), "which release runs?"));
        text.ok().and_then(|text| Self::parse(&text)).unwrap_or_else(|| Self {
            version: env!("CARGO_PKG_VERSION").into(),
            security_version: 0,
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let get = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.trim().split_once('='));
            let (_, value) = lines.find(|(key, _)| *key == name)?;
            let quotes = ['"', '\''];
            let bare = quotes
                .iter()
                .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
            Some(bare.unwrap_or(value).to_owned()).filter(|value| !value.is_empty())
        };
        let version = get("IMAGE_VERSION")?;
        let security_version = get("HEMICYCLE_SECURITY_VERSION").and_then(|text| text.parse().ok());
        Some(Self {
            version,
            security_version: security_version.unwrap_or(0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_says_its_version_with_quotes_or_without() {
        let release = |version: &str, security_version| {
            Some(Release {
                version: version.into(),
                security_version,
            })
        };
        let image = "NAME=Hemicycle\nVERSION_ID=12\nIMAGE_VERSION=\"2.4.0\"\nHEMICYCLE_SECURITY_VERSION=9\n";
        assert_eq!(Release::parse(image), release("2.4.0", 9));
        assert_eq!(Release::parse("# Ours\nIMAGE_VERSION='2.4.0'"), release("2.4.0", 0));
        assert_eq!(Release::parse("IMAGE_VERSION=\"\"\nVERSION_ID=12"), None);
        assert_eq!(Release::parse(""), None);
    }
}
