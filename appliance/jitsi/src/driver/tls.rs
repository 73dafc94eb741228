//! What TLS and proxies need, made once: reading the system's certificates takes a tenth of a second, which no join shall wait for.

use std::sync::Arc;
use std::time::Duration;

use media_protocol::NetworkSettings;
use tokio::sync::OnceCell;

use super::http::describe;
use crate::participant::NetworkError;

/// For an HTTP connection alone.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For a whole HTTP exchange.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Redirects that are followed, never from HTTPS to anything else.
const MAX_REDIRECTS: usize = 5;

/// The HTTP client and the TLS connector of one driver, made at the first need or before.
#[derive(Debug, Clone, Default)]
pub(super) struct Clients {
    settings: Arc<NetworkSettings>,
    cell: Arc<OnceCell<Made>>,
}

/// Both clients.
#[derive(Debug)]
pub(super) struct Made {
    pub http: reqwest::Client,
    pub tls: native_tls::TlsConnector,
}

impl Clients {
    /// Clients that reach hosts in this way.
    pub fn new(settings: NetworkSettings) -> Self {
        Self {
            settings: Arc::new(settings),
            cell: Arc::default(),
        }
    }

    /// How hosts are reached.
    pub fn settings(&self) -> &NetworkSettings {
        &self.settings
    }

    /// Whether the way to the host of a URL leads through the proxy.
    pub fn uses_proxy(&self, url: &str) -> bool {
        url::Url::parse(url).is_ok_and(|url| {
            let host = url.host_str().unwrap_or_default();
            network::proxy_for(host, &self.settings).is_some()
        })
    }

    /// The clients, made on a thread that may block.
    ///
    /// # Errors
    /// The TLS library cannot be set up.
    pub async fn get(&self) -> Result<&Made, NetworkError> {
        let settings = self.settings.clone();
        self.cell
            .get_or_try_init(|| async move {
                tokio::task::spawn_blocking(move || make(&settings))
                    .await
                    .map_err(|error| NetworkError::Protocol(error.to_string()))?
            })
            .await
    }
}

fn make(settings: &Arc<NetworkSettings>) -> Result<Made, NetworkError> {
    let redirects = reqwest::redirect::Policy::custom(|attempt| {
        let downgrade = attempt
            .previous()
            .first()
            .is_some_and(|first| first.scheme() == "https")
            && attempt.url().scheme() != "https";
        if attempt.previous().len() > MAX_REDIRECTS || downgrade {
            attempt.stop()
        } else {
            attempt.follow()
        }
    });
    let tls = network::connector(settings).map_err(|error| NetworkError::Protocol(error.to_string()))?;
    let mut http = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .redirect(redirects)
        .no_proxy()
        .user_agent(concat!("Hemicycle/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls.clone());
    if settings.proxy.is_some() {
        http = http.proxy(proxy(settings.clone()));
    }
    let http = http.build().map_err(|error| NetworkError::Protocol(describe(&error)))?;
    Ok(Made { http, tls })
}

/// The proxy of these settings, for the hosts it is for.
fn proxy(settings: Arc<NetworkSettings>) -> reqwest::Proxy {
    reqwest::Proxy::custom(move |url| network::proxy_address(url.host_str().unwrap_or_default(), &settings))
}
