//! Where the settings come from, and for which hosts the proxy is.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use media_protocol::{NetworkSettings, Proxy};
use percent_encoding::percent_decode_str;
use url::Url;

/// Largest file of certificate authorities, bytes.
const MAX_CA_BYTES: u64 = 64 * 1024;
/// Most entries of a list of exceptions.
const MAX_EXCEPTIONS: usize = 64;

/// Why a setting is refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not an address of a proxy. Without the address, which may hold a password.
    #[error("the proxy is not written as http://HOST:PORT or http://USER:PASSWORD@HOST:PORT")]
    Proxy,
    /// The file cannot be read.
    #[error("{path}: {cause}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The file is no list of certificates.
    #[error("{0}: no certificate in PEM form, or larger than 64 KiB")]
    NoCertificate(PathBuf),
}

/// Reads `http://[USER:PASSWORD@]HOST[:PORT]`, the port 3128 if none is given.
///
/// # Errors
/// [`SettingsError::Proxy`].
pub fn parse_proxy(text: &str) -> Result<Proxy, SettingsError> {
    let text = text.trim();
    let text = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url = Url::parse(&text).map_err(|_| SettingsError::Proxy)?;
    let decoded = |part: &str| percent_decode_str(part).decode_utf8().map(|text| text.into_owned());
    let host = url.host_str().filter(|host| !host.is_empty());
    // 80 is what the scheme means, but then it must be written: `url` hides it.
    let written_80 = url.port().is_none() && text.trim_end_matches('/').ends_with(":80");
    match (url.scheme(), host) {
        ("http", Some(host)) if matches!(url.path(), "" | "/") => Ok(Proxy {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(if written_80 { 80 } else { 3128 }),
            username: Some(url.username())
                .filter(|name| !name.is_empty())
                .map(decoded)
                .transpose()
                .map_err(|_| SettingsError::Proxy)?,
            password: url
                .password()
                .map(decoded)
                .transpose()
                .map_err(|_| SettingsError::Proxy)?,
        }),
        _ => Err(SettingsError::Proxy),
    }
}

/// The usual `HTTPS_PROXY` and `NO_PROXY`, in capitals or small, read with `variable`.
///
/// # Errors
/// [`SettingsError::Proxy`].
pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<NetworkSettings, SettingsError> {
    let first = |names: [&str; 2]| {
        let mut values = names.into_iter().filter_map(&variable);
        values.find(|value| !value.trim().is_empty())
    };
    Ok(NetworkSettings {
        proxy: first(["https_proxy", "HTTPS_PROXY"])
            .map(|text| parse_proxy(&text))
            .transpose()?,
        no_proxy: first(["no_proxy", "NO_PROXY"])
            .map(|list| split_no_proxy(&list))
            .unwrap_or_default(),
        ca_pem: None,
    })
}

/// A list with commas.
#[must_use]
pub fn split_no_proxy(list: &str) -> Vec<String> {
    let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries.take(MAX_EXCEPTIONS).map(str::to_owned).collect()
}

/// The certificates of a PEM file.
///
/// # Errors
/// [`SettingsError::Unreadable`], [`SettingsError::NoCertificate`].
pub fn ca_from_file(path: &Path) -> Result<String, SettingsError> {
    let unreadable = |cause| SettingsError::Unreadable {
        path: path.into(),
        cause,
    };
    if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_CA_BYTES {
        return Err(SettingsError::NoCertificate(path.into()));
    }
    let pem = std::fs::read_to_string(path).map_err(unreadable)?;
    match crate::dial::certificates(&pem) {
        Ok(list) if !list.is_empty() => Ok(pem),
        _ => Err(SettingsError::NoCertificate(path.into())),
    }
}

/// The same as an address, with user and password.
#[must_use]
pub fn proxy_address(host: &str, settings: &NetworkSettings) -> Option<Url> {
    let proxy = proxy_for(host, settings)?;
    let host = match proxy.host.contains(':') {
        true => format!("[{}]", proxy.host),
        false => proxy.host.clone(),
    };
    let mut address = Url::parse(&format!("http://{host}:{}", proxy.port)).ok()?;
    if let Some(user) = &proxy.username {
        address.set_username(user).ok()?;
        address.set_password(proxy.password.as_deref()).ok()?;
    }
    Some(address)
}

/// The proxy on the way to `host`, unless it is an exception or this machine itself.
#[must_use]
pub fn proxy_for<'a>(host: &str, settings: &'a NetworkSettings) -> Option<&'a Proxy> {
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    let own = host == "localhost" || address.is_some_and(|address| address.is_loopback());
    let excepted = |entry: &String| {
        let entry = entry.to_ascii_lowercase();
        let bare = entry.trim_start_matches('.').trim_matches(['[', ']']);
        entry == "*"
            || bare == host
            || (address.is_none() && host.strip_suffix(bare).is_some_and(|rest| rest.ends_with('.')))
    };
    settings
        .proxy
        .as_ref()
        .filter(|_| !own && !settings.no_proxy.iter().any(excepted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_as_people_write_them() {
        let read = |text: &str| parse_proxy(text).ok().map(|p| (p.host, p.port, p.username, p.password));
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("http://proxy:8080"), Some(("proxy".into(), 8080, None, None)));
        assert_eq!(read("proxy.example"), Some(("proxy.example".into(), 3128, None, None)));
        assert_eq!(read("http://proxy:80/"), Some(("proxy".into(), 80, None, None)));
        assert_eq!(
            read("http://us%65r:p%40ss@[::1]:3128/"),
            Some(("::1".into(), 3128, some("user"), some("p@ss")))
        );
        for wrong in [
            "",
            "https://proxy:1",
            "socks5://proxy:1",
            "http://proxy/path",
            "http://:1",
            "http://a:99999",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_environment_is_read_in_small_letters_first_and_empty_means_none() {
        let variable = |name: &str| match name {
            "https_proxy" => Some(String::new()),
            "HTTPS_PROXY" => Some("proxy:1".to_owned()),
            "no_proxy" => Some("a, .b ,,c".to_owned()),
            _ => None,
        };
        let settings = from_environment(variable).unwrap();
        assert_eq!(settings.proxy.unwrap().port, 1);
        assert_eq!(settings.no_proxy, ["a", ".b", "c"]);
        assert_eq!(from_environment(|_| None).unwrap(), NetworkSettings::default());
    }

    #[test]
    fn exceptions_and_this_machine_are_reached_directly() {
        let mut settings = NetworkSettings {
            proxy: parse_proxy("proxy:1").ok(),
            no_proxy: split_no_proxy(".intern.example, meet.example,10.0.0.7"),
            ca_pem: None,
        };
        for direct in [
            "a.intern.example",
            "intern.example",
            "Meet.Example",
            "x.meet.example",
            "10.0.0.7",
            "localhost",
            "127.0.0.1",
            "[::1]",
        ] {
            assert!(proxy_for(direct, &settings).is_none(), "{direct}");
        }
        for through in ["example", "notmeet.example", "10.0.0.70", "110.0.0.7"] {
            assert!(proxy_for(through, &settings).is_some(), "{through}");
        }
        settings.no_proxy = vec!["*".into()];
        assert!(proxy_for("example", &settings).is_none());
    }

    #[test]
    fn a_file_without_certificates_is_refused_by_name() {
        let error = ca_from_file(Path::new("/nonexistent/ca.pem")).unwrap_err();
        assert!(error.to_string().starts_with("/nonexistent/ca.pem"), "{error}");
        let error = ca_from_file(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))).unwrap_err();
        assert!(matches!(error, SettingsError::NoCertificate(_)), "{error}");
    }
}
