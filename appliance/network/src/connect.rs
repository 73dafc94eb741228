//! The `CONNECT` exchange with an HTTP proxy (RFC 9110 §9.3.6), with `Basic` credentials (RFC 7617).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use media_protocol::Proxy;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::dial::DialError;

/// Longest head of an answer, bytes.
const MAX_HEAD: usize = 16 * 1024;
/// Most header fields of an answer.
const MAX_HEADERS: usize = 64;

/// Asks for a tunnel. When this returns well, the stream is the tunnel.
///
/// # Errors
/// [`DialError::ProxyCredentials`], [`DialError::ProxyRefused`], [`DialError::ProxyUnreachable`].
pub async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    host: &str,
    port: u16,
    proxy: &Proxy,
) -> Result<(), DialError> {
    let broken = |error: std::io::Error| DialError::ProxyUnreachable(error.to_string());
    stream
        .write_all(request(host, port, proxy).as_bytes())
        .await
        .map_err(broken)?;
    // Byte by byte: what follows the head belongs to the tunnel. It is a hundred bytes.
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_HEAD {
            return Err(DialError::ProxyUnreachable("its answer has no end".into()));
        }
        head.push(stream.read_u8().await.map_err(broken)?);
    }
    match status(&head) {
        Some(200..=299) => Ok(()),
        Some(407) => Err(DialError::ProxyCredentials),
        Some(status) => Err(DialError::ProxyRefused(status)),
        None => Err(DialError::ProxyUnreachable("its answer is not HTTP".into())),
    }
}

fn request(host: &str, port: u16, proxy: &Proxy) -> String {
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    if let Some(user) = &proxy.username {
        let password = proxy.password.as_deref().unwrap_or_default();
        let credentials = STANDARD.encode(format!("{user}:{password}"));
        request.push_str(&format!("Proxy-Authorization: Basic {credentials}\r\n"));
    }
    request + "\r\n"
}

/// The status code of a whole head.
fn status(head: &[u8]) -> Option<u16> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    response.parse(head).ok().filter(httparse::Status::is_complete)?;
    response.code
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answered(answer: &'static [u8]) -> (Result<(), DialError>, String, Vec<u8>) {
        let (mut ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let proxy = Proxy {
            host: "proxy".into(),
            port: 1,
            username: Some("user".into()),
            password: Some("pass:word".into()),
        };
        let server = tokio::spawn(async move {
            let mut seen = vec![0; 1024];
            let length = theirs.read(&mut seen).await.unwrap();
            theirs.write_all(answer).await.unwrap();
            String::from_utf8_lossy(&seen[..length]).into_owned()
        });
        let result = ask(&mut ours, "2001:db8::1", 443, &proxy).await;
        let asked = server.await.unwrap();
        let mut rest = Vec::new();
        let _ = ours.read_to_end(&mut rest).await;
        (result, asked, rest)
    }

    #[tokio::test]
    async fn a_tunnel_is_asked_for_with_credentials_and_nothing_of_it_is_lost() {
        let (result, asked, rest) = answered(b"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\nfirst bytes").await;
        assert_eq!((result, rest.as_slice()), (Ok(()), b"first bytes".as_slice()));
        assert!(
            asked.starts_with("CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n"),
            "{asked}"
        );
        assert!(
            asked.contains("Proxy-Authorization: Basic dXNlcjpwYXNzOndvcmQ=\r\n"),
            "{asked}"
        );
    }

    #[tokio::test]
    async fn each_refusal_has_its_name() {
        let cases: [(&[u8], DialError); 4] = [
            (b"HTTP/1.1 407 Who are you\r\n\r\n", DialError::ProxyCredentials),
            (b"HTTP/1.0 403 No\r\n\r\n", DialError::ProxyRefused(403)),
            (
                b"HTTP/1.1 200 OK\r\nno field\r\n\r\n",
                DialError::ProxyUnreachable("its answer is not HTTP".into()),
            ),
            (
                b"SSH-2.0-x\r\n\r\n",
                DialError::ProxyUnreachable("its answer is not HTTP".into()),
            ),
        ];
        for (answer, expected) in cases {
            assert_eq!(answered(answer).await.0, Err(expected));
        }
        let endless: &'static [u8] = vec![b'x'; MAX_HEAD + 1].leak();
        assert!(matches!(answered(endless).await.0, Err(DialError::ProxyUnreachable(_))));
    }
}
