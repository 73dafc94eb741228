//! Names that stand in topics and certificates.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} has {least} to {most} of a-z, 0-9 and hyphen")]
pub struct NameError {
    kind: &'static str,
    least: usize,
    most: usize,
}

impl NameError {
    pub(super) const fn new(kind: &'static str, least: usize, most: usize) -> Self {
        Self { kind, least, most }
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $least:literal, $most:literal, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(#[schemars(regex(pattern = $pattern))] String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
                if ($least..=$most).contains(&text.len()) && text.bytes().all(allowed) {
                    Ok(Self(text))
                } else {
                    Err(NameError { kind: $kind, least: $least, most: $most })
                }
            }
        }

        impl TryFrom<&str> for $name {
            type Error = NameError;

            fn try_from(text: &str) -> Result<Self, NameError> {
                text.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// An organisation: `{t}` in topics, O in certificates.
    Tenant, "a tenant", 1, 36, "^[a-z0-9-]{1,36}$"
);
name!(
    /// Where boxes stand together: a building, a campus. OU in their certificates.
    Site, "a site", 1, 36, "^[a-z0-9-]{1,36}$"
);
name!(
    /// A room, unique within its site. It keeps its name when its box is replaced.
    Room, "a room", 1, 64, "^[a-z0-9-]{1,64}$"
);
name!(
    /// A box: `{d}` in topics, CN in its certificate and MQTT client id.
    DeviceId, "a device", 8, 36, "^[a-z0-9-]{8,36}$"
);

impl DeviceId {
    /// Of a box with this serial number: 4 to 32 letters, digits and hyphens.
    pub(super) fn of_serial(serial: &str) -> Self {
        Self(format!("box-{}", serial.to_ascii_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for good in ["lyon-412", "0123456789abcdef0123456789abcdef0123"] {
            assert_eq!(DeviceId::try_from(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "short",
            "Upper-case",
            "with/slash",
            "with+plus",
            "with#hash",
            "accentué-",
            "space here",
        ] {
            assert!(DeviceId::try_from(bad).is_err(), "{bad}");
        }
        assert!(DeviceId::try_from("x".repeat(37)).is_err());
        assert!(Tenant::try_from("x").is_ok() && Tenant::try_from("").is_err());
        let read: Result<DeviceId, _> = serde_json::from_str("\"../../../x\"");
        assert!(read.is_err(), "also when it comes in a document");
    }
}
