//! TCP and TLS to a broker.

use std::io;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::reason::Reason;
use super::words::Target;
use crate::aside;

/// For one address of several.
const EACH: Duration = Duration::from_secs(10);

/// A connection on which both sides have shown who they are. Under TLS 1.3 the broker's refusal of our certificate comes
/// later, when something is read.
pub(super) async fn connect(target: &Target) -> Result<TlsStream<TcpStream>, Reason> {
    match timeout(target.limits.connect, attempt(target)).await {
        Ok(result) => result,
        Err(_) => Err(Reason::Unreachable("time out".into())),
    }
}

async fn attempt(target: &Target) -> Result<TlsStream<TcpStream>, Reason> {
    let endpoint = &target.endpoint;
    let unreachable = |error: io::Error| Reason::Unreachable(error.to_string());
    let host = endpoint.host.trim_matches(['[', ']']);
    let mut last = Reason::Unreachable("no address".into());
    for address in lookup_host((host, endpoint.port)).await.map_err(unreachable)? {
        match timeout(EACH, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                prepare(&stream, target.limits.write).map_err(unreachable)?;
                return handshake(stream, target).await;
            }
            Ok(Err(error)) => last = unreachable(error),
            Err(_) => last = Reason::Unreachable("time out".into()),
        }
    }
    Err(last)
}

fn prepare(stream: &TcpStream, write: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let milliseconds = u32::try_from(write.as_millis()).unwrap_or(u32::MAX);
    rustix::net::sockopt::set_tcp_user_timeout(stream, milliseconds)?;
    Ok(())
}

/// On a thread of its own: the key may be in a TPM, and take its time to sign.
async fn handshake(stream: TcpStream, target: &Target) -> Result<TlsStream<TcpStream>, Reason> {
    let host = target.endpoint.host.trim_matches(['[', ']']);
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_| Reason::Tls(format!("{host} is no name of a host")))?;
    let shake = TlsConnector::from(target.tls.clone()).connect(name, stream);
    let reason = match aside(shake).await {
        Some(Ok(stream)) => return Ok(stream),
        Some(Err(error)) => Reason::of_tls(&error),
        None => Reason::Tls("the library failed".into()),
    };
    if matches!(reason, Reason::Key(_)) {
        // Brokers come and go; this somebody has to see to.
        tracing::error!(%reason, "the box cannot show who it is");
    }
    Err(reason)
}
