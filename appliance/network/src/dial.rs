//! TCP, through the proxy if need be, and TLS with the trusted authorities.

use media_protocol::NetworkSettings;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::connect;
use crate::settings::proxy_for;

/// A connection: TCP, or TLS on it.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Why a host is not reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialError {
    /// No such name, no route, or nothing listens.
    #[error("the host cannot be reached: {0}")]
    Unreachable(String),
    /// The proxy itself is not reached, or what answers there is none.
    #[error("the proxy cannot be reached: {0}")]
    ProxyUnreachable(String),
    /// The proxy wants a user name and a password, or others.
    #[error("the proxy wants credentials")]
    ProxyCredentials,
    /// The proxy refuses this host, or does not reach it.
    #[error("the proxy refuses: HTTP status {0}")]
    ProxyRefused(u16),
    /// The certificate is not trusted, or is for another name.
    #[error("the certificate is not trusted: {0}")]
    Certificate(String),
    /// TLS fails in another way.
    #[error("TLS fails: {0}")]
    Tls(String),
}

/// Opens TCP to `host:port`, through the proxy where one is set for it. The caller bounds the time.
///
/// # Errors
/// [`DialError`].
pub async fn dial(host: &str, port: u16, settings: &NetworkSettings) -> Result<TcpStream, DialError> {
    let host = host.trim_matches(['[', ']']);
    let stream = match proxy_for(host, settings) {
        None => TcpStream::connect((host, port))
            .await
            .map_err(|error| DialError::Unreachable(error.to_string()))?,
        Some(proxy) => {
            let mut stream = TcpStream::connect((proxy.host.as_str(), proxy.port))
                .await
                .map_err(|error| DialError::ProxyUnreachable(error.to_string()))?;
            connect::ask(&mut stream, host, port, proxy).await?;
            stream
        }
    };
    // A refusal costs latency only.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// TLS settings: the system's authorities and the private ones. Reading the system's takes a tenth of a second.
///
/// # Errors
/// [`DialError::Tls`] when a certificate cannot be read.
pub fn connector(settings: &NetworkSettings) -> Result<native_tls::TlsConnector, DialError> {
    let mut builder = native_tls::TlsConnector::builder();
    if let Some(pem) = &settings.ca_pem {
        for certificate in certificates(pem).map_err(DialError::Tls)? {
            builder.add_root_certificate(certificate);
        }
    }
    builder.build().map_err(|error| DialError::Tls(error.to_string()))
}

/// TLS as a client on an open connection; the certificate must be for `host`.
///
/// # Errors
/// [`DialError::Certificate`], [`DialError::Tls`].
pub async fn open_tls(
    stream: TcpStream,
    host: &str,
    connector: &native_tls::TlsConnector,
) -> Result<tokio_native_tls::TlsStream<TcpStream>, DialError> {
    tokio_native_tls::TlsConnector::from(connector.clone())
        .connect(host.trim_matches(['[', ']']), stream)
        .await
        .map_err(|error| {
            let detail = error.to_string();
            if is_certificate_refusal(&detail) {
                DialError::Certificate(detail)
            } else {
                DialError::Tls(detail)
            }
        })
}

/// The certificates of a PEM text, each alone, as the library wants them.
pub(crate) fn certificates(pem: &str) -> Result<Vec<native_tls::Certificate>, String> {
    const END: &str = "-----END CERTIFICATE-----";
    let blocks = pem.split_inclusive(END).filter(|block| block.contains(END));
    blocks
        .map(|block| native_tls::Certificate::from_pem(block.as_bytes()).map_err(|error| error.to_string()))
        .collect()
}

/// OpenSSL's words for an untrusted, expired or foreign certificate.
fn is_certificate_refusal(detail: &str) -> bool {
    let detail = detail.to_ascii_lowercase();
    ["certificate verify failed", "self-signed", "self signed", "mismatch"]
        .iter()
        .any(|words| detail.contains(words))
}
