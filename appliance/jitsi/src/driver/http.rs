//! One HTTPS exchange with every limit a stranger's server needs.

use std::error::Error;

use super::tls::Clients;
use crate::config_js::MAX_BYTES;
use crate::participant::{HttpRequest, HttpResponse, NetworkError};

/// Longest name of a shard, in bytes.
const MAX_SHARD: usize = 255;

/// Fetches or posts a document.
///
/// # Errors
/// Why nothing usable came.
pub(super) async fn exchange(request: HttpRequest, clients: &Clients) -> Result<HttpResponse, NetworkError> {
    let client = &clients.get().await?.http;
    let through_proxy = clients.uses_proxy(&request.url);
    let classify = |error| classify(error, through_proxy);
    let mut builder = match request.body {
        Some(body) => client
            .post(&request.url)
            .header("Content-Type", body.content_type)
            .body(body.text),
        None => client.get(&request.url),
    };
    if let Some(bearer) = request.bearer {
        builder = builder.bearer_auth(bearer);
    }
    let mut response = builder.send().await.map_err(classify)?;
    let shard = response
        .headers()
        .get("x-jitsi-shard")
        .and_then(|value| value.to_str().ok())
        .filter(|shard| !shard.is_empty() && shard.len() <= MAX_SHARD)
        .map(str::to_owned);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(classify)? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(NetworkError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(HttpResponse {
        status: response.status().as_u16(),
        shard,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

pub(super) fn classify(error: reqwest::Error, through_proxy: bool) -> NetworkError {
    let error = error.without_url();
    let detail = describe(&error);
    if is_certificate_refusal(&detail) {
        NetworkError::Certificate(detail)
    } else if detail.contains("proxy authorization required") {
        NetworkError::ProxyCredentials
    } else if detail.contains("tunnel error: unsuccessful") {
        NetworkError::ProxyRefused(detail)
    } else if error.is_connect() && through_proxy {
        NetworkError::ProxyUnreachable(detail)
    } else if error.is_connect() || error.is_timeout() {
        NetworkError::Unreachable(detail)
    } else {
        NetworkError::Protocol(detail)
    }
}

/// All causes in one line.
pub(super) fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    text
}

/// OpenSSL's words for an untrusted, expired or foreign certificate.
pub(super) fn is_certificate_refusal(detail: &str) -> bool {
    let detail = detail.to_ascii_lowercase();
    [
        "certificate verify failed",
        "self-signed certificate",
        "self signed certificate",
        "hostname mismatch",
    ]
    .iter()
    .any(|words| detail.contains(words))
}
