//! How hosts outside are reached. Signalling and media use the same.

use serde::{Deserialize, Serialize};

/// The way out of the network of the box.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkSettings {
    /// The HTTP proxy, if there is one.
    pub proxy: Option<Proxy>,
    /// Hosts that are reached without it: names, domains with or without a leading dot, addresses, `*`.
    pub no_proxy: Vec<String>,
    /// Certificate authorities trusted besides those of the system, PEM.
    pub ca_pem: Option<String>,
}

/// An HTTP proxy that is asked to `CONNECT` (RFC 9110 §9.3.6).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proxy {
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// For `Basic` (RFC 7617).
    pub username: Option<String>,
    /// For `Basic`.
    pub password: Option<String>,
}

impl std::fmt::Debug for Proxy {
    /// Without user name and password: they must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proxy({}:{})", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_in_a_log_has_no_password() {
        let proxy = Proxy {
            host: "proxy".into(),
            port: 3128,
            username: Some("someone".into()),
            password: Some("secret".into()),
        };
        let settings = NetworkSettings {
            proxy: Some(proxy),
            ..NetworkSettings::default()
        };
        let text = format!("{settings:?}");
        assert!(!text.contains("secret") && !text.contains("someone"), "{text}");
    }
}
