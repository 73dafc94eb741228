//! `cfg` of a configuration as types: what a box can be set to. Both sides read it with the same code, so that what
//! `roomctl` lets pass the box takes.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::code::Code;
use super::configuration::ConfigurationError;
use super::json;
use super::trust::TrustDocument;

/// Longest name of a room, characters.
const MAX_NAME: usize = 100;

/// The settings of a box. What is left out is as the machine came.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Settings {
    /// The room.
    pub room: Room,
    /// The conference service.
    pub jitsi: Jitsi,
    /// Sound and picture.
    pub av: Av,
    /// The network.
    pub net: Net,
    /// The connection to the fleet.
    pub fleet: Fleet,
    /// The roots that the box trusts; none: those that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<TrustDocument>,
    /// Sections that this release does not know, kept as they are.
    #[serde(flatten)]
    pub other: BTreeMap<String, Value>,
}

/// `room`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Room {
    /// Under which the box appears in meetings.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub name: Option<String>,
    /// Of the wall.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// The box leaves a meeting that everybody else has left so long ago.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10, max = 86_400))]
    pub leave_when_alone_s: Option<u32>,
    /// Messages on the wall.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat: Option<Chat>,
}

/// A language of the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// French.
    Fr,
    /// English.
    En,
}

/// Which messages are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Chat {
    /// None.
    Nothing,
    /// To everybody.
    Public,
    /// To this room alone, too.
    All,
}

/// `jitsi`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Jitsi {
    /// Of the service; `call.join` joins its rooms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<Url>,
    /// Hosts that `call.dial_url` may call besides that of the service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// Where the box stands, in the service's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// `av`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Av {
    /// Of the loudspeaker, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100))]
    pub volume: Option<u8>,
}

/// `net`. A change of it is taken on trial.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Net {
    /// HTTP proxy for meetings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Url>,
    /// Hosts that are reached without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_proxy: Option<Vec<String>>,
}

/// `fleet`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Fleet {
    /// Over how many seconds the first connections after a loss are spread.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 3_600))]
    pub reconnect_spread_s: Option<u32>,
}

impl Settings {
    /// Reads `cfg`.
    ///
    /// # Errors
    /// Everything that is wrong, each with a JSON pointer into `cfg`.
    pub fn parse(cfg: &Map<String, Value>) -> Result<Self, Vec<ConfigurationError>> {
        // A section at a time, so that each says what is wrong with it.
        let mut errors = Vec::new();
        let settings = Self {
            room: section(cfg, "room", &mut errors),
            jitsi: section(cfg, "jitsi", &mut errors),
            av: section(cfg, "av", &mut errors),
            net: section(cfg, "net", &mut errors),
            fleet: section(cfg, "fleet", &mut errors),
            trust: section(cfg, "trust", &mut errors),
            other: cfg
                .iter()
                .filter(|(name, _)| !["room", "jitsi", "av", "net", "fleet", "trust"].contains(&name.as_str()))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        };
        settings.check(&mut errors);
        if errors.is_empty() { Ok(settings) } else { Err(errors) }
    }

    fn check(&self, errors: &mut Vec<ConfigurationError>) {
        let mut must = |path: &str, good: bool, msg: &str| {
            if !good {
                errors.push(wrong(path, msg));
            }
        };
        if let Some(name) = &self.room.name {
            let length = name.trim().chars().count();
            must("/room/name", (1..=MAX_NAME).contains(&length), "1 to 100 characters");
        }
        if let Some(seconds) = self.room.leave_when_alone_s {
            must(
                "/room/leave_when_alone_s",
                (10..=86_400).contains(&seconds),
                "10 to 86400 seconds",
            );
        }
        if let Some(url) = &self.jitsi.url {
            let good = is_private(url) && url.query().is_none() && url.fragment().is_none();
            must(
                "/jitsi/url",
                good,
                "the address of the service, beginning with https://",
            );
        }
        for (index, host) in self.jitsi.hosts.iter().enumerate() {
            let good = !host.is_empty() && host.len() <= 253 && !host.contains(['/', ':', '@', ' ']);
            must(&format!("/jitsi/hosts/{index}"), good, "the name of a host");
        }
        must(
            "/av/volume",
            self.av.volume.is_none_or(|percent| percent <= 100),
            "0 to 100",
        );
        if let Some(proxy) = &self.net.proxy {
            let open = proxy.password().is_none();
            must(
                "/net/proxy",
                open,
                "a password stands among the secrets, as net.proxy_password",
            );
            let good = proxy.scheme() == "http" && proxy.has_host();
            must("/net/proxy", good, "http://HOST:PORT");
        }
        if let Some(Err(error)) = self.trust.as_ref().map(TrustDocument::certificates) {
            must(&format!("/trust{}", error.pointer), false, error.message);
        }
        let spread = self.fleet.reconnect_spread_s;
        must(
            "/fleet/reconnect_spread_s",
            spread.is_none_or(|s| s <= 3_600),
            "at most 3600 seconds",
        );
    }

    /// How long the box stays in a meeting that everybody else has left.
    #[must_use]
    pub fn alone(&self) -> Option<Duration> {
        self.room
            .leave_when_alone_s
            .map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// Whether a command may make the box call this host.
    #[must_use]
    pub fn may_call(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let service = self.jitsi.url.as_ref().and_then(Url::host_str);
        let mut named = service.into_iter().chain(self.jitsi.hosts.iter().map(String::as_str));
        is_private(url) && named.any(|name| name.eq_ignore_ascii_case(host))
    }
}

/// Nobody on the way reads or changes what is said there.
fn is_private(url: &Url) -> bool {
    let this_machine = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(_)) | None => false,
    };
    url.has_host() && (url.scheme() == "https" || (url.scheme() == "http" && this_machine))
}

fn section<T: Default + serde::de::DeserializeOwned>(
    cfg: &Map<String, Value>,
    name: &str,
    errors: &mut Vec<ConfigurationError>,
) -> T {
    let Some(value) = cfg.get(name) else {
        return T::default();
    };
    json::typed(value).unwrap_or_else(|refusal| {
        errors.push(wrong(&format!("/{name}{}", refusal.pointer), &refusal.message));
        T::default()
    })
}

fn wrong(path: &str, msg: &str) -> ConfigurationError {
    ConfigurationError {
        path: path.into(),
        code: Code::InvalidParams,
        msg: msg.into(),
        allowed: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(cfg: &Value) -> Result<Settings, Vec<String>> {
        let errors = |errors: Vec<ConfigurationError>| errors.into_iter().map(|error| error.path).collect();
        Settings::parse(cfg.as_object().unwrap()).map_err(errors)
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once_with_its_place() {
        let cfg = json!({
            "room": {"name": "  ", "leave_when_alone_s": 1},
            "jitsi": {"url": "http://meet.example", "hosts": ["good.example", "https://bad"]},
            "av": {"volume": "loud"},
            "net": {"proxy": "http://user:secret@proxy.example:3128"},
            "fleet": {"reconnect_spread_s": 100_000},
            "trust": {"roots": ["MIIB"]},
        });
        let places = [
            "/av/volume",
            "/room/name",
            "/room/leave_when_alone_s",
            "/jitsi/url",
            "/jitsi/hosts/1",
            "/net/proxy",
            "/trust/roots/0",
            "/fleet/reconnect_spread_s",
        ];
        assert_eq!(parse(&cfg), Err(places.map(String::from).to_vec()));
    }

    #[test]
    fn sections_of_later_releases_are_kept() {
        let settings = parse(&json!({"room": {"name": "Lyon 4.12", "smell": 1}, "holograms": {"on": true}})).unwrap();
        assert_eq!(settings.room.name.as_deref(), Some("Lyon 4.12"));
        assert!(settings.other.contains_key("holograms"));
        assert_eq!(parse(&json!({})).unwrap(), Settings::default());
    }

    #[test]
    fn only_the_service_and_named_hosts_are_called() {
        let cfg = json!({"jitsi": {"url": "https://meet.example/", "hosts": ["Other.example"]}});
        let settings = parse(&cfg).unwrap();
        let may = |url: &str| settings.may_call(&url.parse().unwrap());
        assert!(may("https://meet.example/Salle") && may("https://other.EXAMPLE/Salle"));
        for evil in [
            "https://evil.example/Salle",
            "http://meet.example/Salle",
            "https://meet.example.evil/x",
        ] {
            assert!(!may(evil), "{evil}");
        }
        let here = parse(&json!({"jitsi": {"url": "http://127.0.0.1:5280/"}})).unwrap();
        assert!(here.may_call(&"http://127.0.0.1:5280/Salle".parse().unwrap()));
        assert!(!Settings::default().may_call(&"https://meet.example/x".parse().unwrap()));
    }
}
