//! TCP and TLS to a broker.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use openssl::x509::X509VerifyResult;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_openssl::SslStream;

use super::reason::Reason;
use super::tls;
use super::words::Target;

/// For one address of several.
const EACH: Duration = Duration::from_secs(10);

/// A connection on which both sides have shown who they are. Under TLS 1.3 the broker's refusal of our certificate comes
/// later, when something is read.
pub(super) async fn connect(target: &Target) -> Result<SslStream<TcpStream>, Reason> {
    match timeout(target.limits.connect, attempt(target)).await {
        Ok(result) => result,
        Err(_) => Err(Reason::Unreachable("time out".into())),
    }
}

async fn attempt(target: &Target) -> Result<SslStream<TcpStream>, Reason> {
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

async fn handshake(stream: TcpStream, target: &Target) -> Result<SslStream<TcpStream>, Reason> {
    let failed = |error: openssl::error::ErrorStack| Reason::Tls(error.to_string());
    let ssl = tls::for_host(&target.tls, &target.endpoint.host).map_err(failed)?;
    let mut stream = SslStream::new(ssl, stream).map_err(failed)?;
    match Pin::new(&mut stream).connect().await {
        Ok(()) => Ok(stream),
        Err(error) => {
            let verdict = stream.ssl().verify_result();
            Err(match (verdict, error.io_error()) {
                (X509VerifyResult::OK, Some(error)) => Reason::Cut(error.to_string()),
                (X509VerifyResult::OK, None) => Reason::Tls(error.to_string()),
                (verdict, _) => Reason::Tls(verdict.error_string().into()),
            })
        }
    }
}
