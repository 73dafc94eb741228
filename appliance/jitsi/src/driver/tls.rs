//! What TLS needs, made once: reading the system's certificates takes a tenth of a second, which no join shall wait for.

use std::sync::Arc;
use std::time::Duration;

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
    cell: Arc<OnceCell<Made>>,
}

/// Both clients.
#[derive(Debug)]
pub(super) struct Made {
    pub http: reqwest::Client,
    pub tls: native_tls::TlsConnector,
}

impl Clients {
    /// The clients, made on a thread that may block.
    ///
    /// # Errors
    /// The TLS library cannot be set up.
    pub async fn get(&self) -> Result<&Made, NetworkError> {
        self.cell
            .get_or_try_init(|| async {
                tokio::task::spawn_blocking(make)
                    .await
                    .map_err(|error| NetworkError::Protocol(error.to_string()))?
            })
            .await
    }
}

fn make() -> Result<Made, NetworkError> {
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
    let http = reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .redirect(redirects)
        .no_proxy()
        .user_agent(concat!("Hemicycle/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| NetworkError::Protocol(describe(&error)))?;
    let tls = native_tls::TlsConnector::new().map_err(|error| NetworkError::Protocol(describe(&error)))?;
    Ok(Made { http, tls })
}
