//! The way out of the network, from what was written and from the environment.

use std::path::Path;

use media_protocol::NetworkSettings;
use network::SettingsError;

/// What was written goes before `HTTPS_PROXY` and `NO_PROXY`; an empty proxy means none.
///
/// # Errors
/// [`SettingsError`]: not a proxy, no certificate in the file.
pub fn settings(
    proxy: Option<&str>,
    no_proxy: Option<Vec<String>>,
    ca_file: Option<&Path>,
) -> Result<NetworkSettings, SettingsError> {
    let environment = |name: &str| std::env::var(name).ok();
    let mut settings = match proxy {
        Some(written) => NetworkSettings {
            proxy: Some(written)
                .filter(|text| !text.is_empty())
                .map(network::parse_proxy)
                .transpose()?,
            no_proxy: network::split_no_proxy(&environment("NO_PROXY").unwrap_or_default()),
            ca_pem: None,
        },
        None => network::from_environment(environment)?,
    };
    if let Some(hosts) = no_proxy {
        settings.no_proxy = hosts;
    }
    settings.ca_pem = ca_file.map(network::ca_from_file).transpose()?;
    Ok(settings)
}

/// A client for files that leave the box.
///
/// # Errors
/// When TLS cannot be set up.
pub fn client(settings: &NetworkSettings) -> Result<reqwest::Client, crate::Failure> {
    let tls = network::connector(settings)?;
    let mut client = reqwest::Client::builder()
        .https_only(true)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_backend_preconfigured(tls);
    if settings.proxy.is_some() {
        let settings = settings.clone();
        let proxy =
            reqwest::Proxy::custom(move |url| network::proxy_address(url.host_str().unwrap_or_default(), &settings));
        client = client.proxy(proxy);
    }
    Ok(client.build()?)
}
