//! A liar between the box and the front: it passes everything on, and spoils what one mutant spoils. Seen from the
//! server, box and liar together are one broken client, made of the real one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::spoil::{Frame, Memory, Spoiling, Way};

/// A running liar; it ends when dropped.
pub struct Middle {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone)]
struct Between {
    front: SocketAddr,
    own: SocketAddr,
    spoiling: Spoiling,
    memory: Arc<Mutex<Memory>>,
}

impl Middle {
    /// Listens on a free port of its own.
    pub fn start(front: SocketAddr, spoiling: Spoiling) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        let own = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let between = Between {
            front,
            own,
            spoiling,
            memory: Arc::default(),
        };
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    () = serve(listener, between) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            address: own,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Where the box is sent instead of to the front.
    pub fn room_url(&self, room: &str) -> String {
        format!("http://{}/{room}", self.address)
    }
}

impl Drop for Middle {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, between: Between) {
    while let Ok((stream, _)) = listener.accept().await {
        let between = between.clone();
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let _broken = between.connection(stream).await;
        });
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Between {
    async fn connection(self, stream: TcpStream) -> Result<(), Failure> {
        let mut head = vec![0; 8192];
        let text = loop {
            let size = stream.peek(&mut head).await?;
            let text = String::from_utf8_lossy(&head[..size]).into_owned();
            if size == 0 || size == head.len() || text.contains("\r\n\r\n") {
                break text;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        if text.to_ascii_lowercase().contains("upgrade: websocket") {
            self.websocket(stream).await
        } else {
            self.page(stream).await
        }
    }

    /// A page, with the addresses in it changed to the liar's own.
    async fn page(self, mut stream: TcpStream) -> Result<(), Failure> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await?);
        }
        let mut front = TcpStream::connect(self.front).await?;
        front.write_all(&request).await?;
        let mut response = Vec::new();
        front.read_to_end(&mut response).await?;
        let text = String::from_utf8_lossy(&response).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").ok_or("no response")?;
        let body = self.as_own(body);
        let head: Vec<String> = head
            .lines()
            .filter(|line| !line.to_ascii_lowercase().starts_with("content-length"))
            .map(str::to_owned)
            .collect();
        let whole = format!("{}\r\nContent-Length: {}\r\n\r\n{body}", head.join("\r\n"), body.len());
        stream.write_all(whole.as_bytes()).await?;
        stream.shutdown().await?;
        Ok(())
    }

    fn as_own(&self, text: &str) -> String {
        text.replace(&self.front.to_string(), &self.own.to_string())
    }

    async fn websocket(self, stream: TcpStream) -> Result<(), Failure> {
        let mut target = String::new();
        let mut xmpp = false;
        #[allow(clippy::result_large_err)] // the library's own type
        let callback = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
            target = request.uri().to_string();
            xmpp = request.headers().contains_key("Sec-WebSocket-Protocol");
            if xmpp {
                let protocol = HeaderValue::from_static("xmpp");
                response.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
            }
            Ok(response)
        };
        let mut client = tokio_tungstenite::accept_hdr_async(stream, callback).await?;
        let target = if xmpp { (self.spoiling.url)(&target) } else { target };
        let path = target
            .strip_prefix("http://")
            .map_or(target.as_str(), |t| &t[t.find('/').unwrap_or(0)..]);
        let mut request = format!("ws://{}{path}", self.front).into_client_request()?;
        if xmpp && self.spoiling.subprotocol {
            let protocol = HeaderValue::from_static("xmpp");
            request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
        }
        let socket = TcpStream::connect(self.front).await?;
        socket.set_nodelay(true)?;
        let mut server = match tokio_tungstenite::client_async(request, socket).await {
            Ok((server, _)) => server,
            // The library itself refuses a protocol that it did not ask for; the front has seen the request by then.
            Err(error) => return Err(error.into()),
        };
        loop {
            let (way, message) = tokio::select! {
                message = client.next() => (Way::ToServer, message),
                message = server.next() => (Way::ToClient, message),
            };
            let text = match message {
                Some(Ok(Message::Text(text))) => text.to_string(),
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => continue,
            };
            let text = if way == Way::ToClient { self.as_own(&text) } else { text };
            let frames = {
                let mut memory = self.memory.lock().expect("no panic inside");
                (self.spoiling.frames)(Frame { way, text }, &mut memory)
            };
            for frame in frames {
                match frame.way {
                    Way::ToServer => server.send(Message::text(frame.text)).await?,
                    Way::ToClient => client.send(Message::text(frame.text)).await?,
                }
            }
        }
        let _ = server.close(None).await;
        let _ = client.close(None).await;
        Ok(())
    }
}
