//! One WebSocket: a task that connects, reads, writes in order and closes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use media_protocol::NetworkSettings;
use network::DialError;
use tokio::sync::Notify;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio_tungstenite::client_async_with_config;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};

use super::http::{describe, is_certificate_refusal};
use super::tls::Clients;
use crate::participant::{ConnectionId, Input, NetworkError, SocketEvent};
use crate::xml::MAX_BYTES;

/// From the name to the finished upgrade.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// For the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Frames that may wait to be written; beyond, the connection counts as broken.
const WRITE_QUEUE: usize = 256;

/// The writing end.
#[derive(Debug)]
pub(super) struct Socket {
    frames: mpsc::Sender<String>,
    overflow: Arc<Notify>,
}

impl Socket {
    /// A writing end, what is written to it, and the sign that it was too much.
    pub(super) fn new() -> (Self, mpsc::Receiver<String>, Arc<Notify>) {
        let (frames, written) = mpsc::channel(WRITE_QUEUE);
        let overflow = Arc::new(Notify::new());
        let overflown = overflow.clone();
        (Self { frames, overflow }, written, overflown)
    }

    /// Queues a text frame. A full queue breaks the connection: nothing is ever left out in the middle of a stream.
    pub(super) fn send(&self, text: String) {
        if let Err(TrySendError::Full(_)) = self.frames.try_send(text) {
            self.overflow.notify_one();
        }
    }
}

/// Makes the writing end and the task that serves the socket.
pub(super) fn open(
    id: ConnectionId,
    url: String,
    protocol: Option<&'static str>,
    network: mpsc::Sender<Input>,
    clients: Clients,
) -> (Socket, impl Future<Output = ()> + Send + 'static) {
    let (socket, frames, overflown) = Socket::new();
    let task = async move {
        let served = async {
            match clients.get().await {
                Ok(made) => {
                    let way = (made.tls.clone(), clients.settings());
                    serve(id, &url, protocol, frames, &network, way).await
                }
                Err(error) => SocketEvent::Failed(error),
            }
        };
        let last = tokio::select! {
            event = served => event,
            () = overflown.notified() => {
                SocketEvent::Failed(NetworkError::Broken("the connection does not take what is sent".into()))
            }
        };
        let _ = network.send(Input::Socket { id, event: last }).await;
    };
    (socket, task)
}

/// Serves the socket and gives the event that ends it.
async fn serve(
    id: ConnectionId,
    url: &str,
    protocol: Option<&'static str>,
    mut frames: mpsc::Receiver<String>,
    network: &mpsc::Sender<Input>,
    (tls, settings): (native_tls::TlsConnector, &NetworkSettings),
) -> SocketEvent {
    let mut request = match url.into_client_request() {
        Ok(request) => request,
        Err(error) => return SocketEvent::Failed(classify(&error)),
    };
    if let Some(protocol) = protocol {
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", HeaderValue::from_static(protocol));
    }
    let config = WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        .max_message_size(Some(MAX_BYTES))
        .max_frame_size(Some(MAX_BYTES));
    let secure = request.uri().scheme_str() == Some("wss");
    let host = request.uri().host().unwrap_or_default().to_owned();
    let port = request.uri().port_u16().unwrap_or(if secure { 443 } else { 80 });
    let connect = async {
        let stream = network::dial(&host, port, settings).await.map_err(of_dial)?;
        // Not with the library's own TLS, which knows no certificate for an address in brackets.
        let stream: Box<dyn network::Stream> = match secure {
            true => Box::new(network::open_tls(stream, &host, &tls).await.map_err(of_dial)?),
            false => Box::new(stream),
        };
        let opened = client_async_with_config(request, stream, Some(config)).await;
        opened.map_err(|error| classify(&error))
    };
    let (mut socket, _) = match tokio::time::timeout(OPEN_TIMEOUT, connect).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => return SocketEvent::Failed(error),
        Err(_) => return SocketEvent::Failed(NetworkError::Unreachable("no answer in time".into())),
    };
    if network
        .send(Input::Socket {
            id,
            event: SocketEvent::Opened,
        })
        .await
        .is_err()
    {
        return SocketEvent::Closed { code: None };
    }
    loop {
        tokio::select! {
            frame = frames.recv() => match frame {
                Some(text) => {
                    if let Err(error) = socket.send(Message::text(text)).await {
                        return SocketEvent::Failed(classify(&error));
                    }
                }
                None => break,
            },
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let event = SocketEvent::Text(text.as_str().to_owned());
                    if network.send(Input::Socket { id, event }).await.is_err() {
                        break;
                    }
                }
                Some(Ok(Message::Close(frame))) => {
                    let _ = tokio::time::timeout(CLOSE_TIMEOUT, socket.close(None)).await;
                    return SocketEvent::Closed { code: frame.map(|frame| frame.code.into()) };
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return SocketEvent::Failed(classify(&error)),
                None => return SocketEvent::Closed { code: None },
            },
        }
    }
    let closing = async {
        let _ = socket.close(None).await;
        while let Some(Ok(_)) = socket.next().await {}
    };
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
    SocketEvent::Closed { code: None }
}

fn of_dial(error: DialError) -> NetworkError {
    match error {
        DialError::Unreachable(detail) => NetworkError::Unreachable(detail),
        DialError::ProxyUnreachable(detail) => NetworkError::ProxyUnreachable(detail),
        DialError::ProxyCredentials => NetworkError::ProxyCredentials,
        DialError::ProxyRefused(_) => NetworkError::ProxyRefused(error.to_string()),
        DialError::Certificate(detail) => NetworkError::Certificate(detail),
        DialError::Tls(detail) => NetworkError::Protocol(detail),
    }
}

fn classify(error: &tungstenite::Error) -> NetworkError {
    use tungstenite::Error;
    let detail = describe(error);
    match error {
        _ if is_certificate_refusal(&detail) => NetworkError::Certificate(detail),
        Error::Http(response) => NetworkError::Status(response.status().as_u16()),
        Error::Capacity(_) => NetworkError::TooLarge,
        Error::Io(error) if is_unreachable(error.kind()) || detail.contains("lookup address") => {
            NetworkError::Unreachable(detail)
        }
        Error::Url(tungstenite::error::UrlError::UnableToConnect(_)) => {
            NetworkError::Unreachable("cannot connect".into())
        }
        Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed => NetworkError::Broken(detail),
        Error::Url(_) => NetworkError::Protocol("not the address of a WebSocket".into()),
        _ => NetworkError::Protocol(detail),
    }
}

fn is_unreachable(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind;
    matches!(
        kind,
        ErrorKind::ConnectionRefused
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::TimedOut
            | ErrorKind::AddrNotAvailable
            | ErrorKind::NotFound
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_that_takes_no_more_fails_instead_of_losing_frames() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let opened = tokio_tungstenite::accept_async(stream).await.unwrap();
            std::future::pending::<()>().await;
            drop(opened);
        });
        let (network, mut events) = mpsc::channel(8);
        let (socket, task) = open(ConnectionId(1), url, None, network, Clients::default());
        let task = tokio::spawn(task);
        let mut next = async || {
            let input = tokio::time::timeout(Duration::from_secs(30), events.recv()).await;
            match input.unwrap().unwrap() {
                Input::Socket { event, .. } => event,
                other => panic!("{other:?}"),
            }
        };
        assert!(matches!(next().await, SocketEvent::Opened));
        for _ in 0..=WRITE_QUEUE {
            socket.send("x".into());
        }
        let last = next().await;
        assert!(matches!(last, SocketEvent::Failed(NetworkError::Broken(_))), "{last:?}");
        task.await.unwrap();
        server.abort();
    }
}
