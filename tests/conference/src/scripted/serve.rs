//! The sockets of a scripted server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::Seen;
use super::script::{Act, CLIENT, DOMAIN, Page, Script};
use crate::error::{Error, Result};

/// A flood is sent in so many portions a second.
const PORTIONS: u32 = 50;

/// Everything a connection needs.
#[derive(Clone)]
pub(super) struct Server {
    pub address: SocketAddr,
    pub script: Arc<Script>,
    pub seen: Arc<Mutex<Seen>>,
}

/// What the placeholders of a text stand for, in one connection.
#[derive(Debug, Clone, Default)]
struct Names {
    occupant: String,
    sent: u32,
    authenticated: bool,
}

impl Server {
    pub async fn run(self, listener: std::net::TcpListener) {
        let Ok(listener) = TcpListener::from_std(listener) else {
            return;
        };
        while let Ok((stream, _)) = listener.accept().await {
            let server = self.clone();
            tokio::spawn(async move {
                if let Err(error) = server.connection(stream).await {
                    tracing::debug!(%error, "scripted connection");
                }
            });
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connection(self, stream: TcpStream) -> Result<()> {
        let mut head = vec![0; 8192];
        for _ in 0..2000 {
            let size = stream.peek(&mut head).await.map_err(Error::io("scripted"))?;
            let text = String::from_utf8_lossy(&head[..size]).to_ascii_lowercase();
            if text.contains("\r\n\r\n") {
                return if text.contains("upgrade: websocket") {
                    self.websocket(stream).await
                } else {
                    self.page(stream).await
                };
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    async fn page(&self, mut stream: TcpStream) -> Result<()> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.map_err(Error::io("scripted"))?);
        }
        let right = || {
            format!(
                "var config = {{ hosts: {{ domain: '{DOMAIN}', muc: 'muc.{DOMAIN}' }}, websocket: 'ws://{}/xmpp-websocket' }};",
                self.address
            )
        };
        let (text, filler) = match &self.script.config {
            Page::Right => (right(), 0),
            Page::Text(text) => (text.clone(), 0),
            Page::Bytes(bytes) => (right(), *bytes),
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/javascript\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
            text.len() as u64 + filler
        );
        stream.write_all(head.as_bytes()).await.map_err(Error::io("scripted"))?;
        let block = vec![b' '; 64 * 1024];
        let mut left = filler;
        while left > 0 {
            let size = left.min(block.len() as u64);
            let part = &block[..usize::try_from(size).unwrap_or(block.len())];
            stream.write_all(part).await.map_err(Error::io("scripted"))?;
            left -= size;
        }
        stream.shutdown().await.map_err(Error::io("scripted"))
    }

    async fn websocket(self, stream: TcpStream) -> Result<()> {
        #[allow(clippy::result_large_err)] // the library's own type
        let callback = |_: &Request, mut response: Response| -> std::result::Result<Response, ErrorResponse> {
            let protocol = HeaderValue::from_static("xmpp");
            response.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
            Ok(response)
        };
        let socket = tokio_tungstenite::accept_hdr_async(stream, callback).await?;
        self.seen().connections += 1;
        let (sink, source) = socket.split();
        // What is said of itself must not keep from answering.
        let (say, texts) = mpsc::channel(1024);
        let writer = tokio::spawn(write(sink, texts));
        let result = self.converse(source, &say).await;
        drop(say);
        writer.abort();
        result
    }

    async fn converse(
        &self,
        mut source: SplitStream<WebSocketStream<TcpStream>>,
        say: &mpsc::Sender<Message>,
    ) -> Result<()> {
        let mut names = Names::default();
        let mut acting: Option<tokio::task::JoinHandle<()>> = None;
        while let Some(message) = source.next().await {
            let Message::Text(text) = message? else { continue };
            let text = text.to_string();
            self.seen().frame(text.clone());
            names.hear(&text);
            if text.starts_with("<open ") && !self.script.answers.iter().any(|a| a.to == "<open ") {
                for frame in opening(names.authenticated) {
                    let _ = say.send(Message::text(frame)).await;
                }
                continue;
            }
            names.authenticated |= text.starts_with("<auth ");
            let Some(answer) = self.script.answers.iter().find(|answer| text.contains(answer.to)) else {
                continue;
            };
            for frame in &answer.says {
                let _ = say.send(Message::text(names.fill(frame, &text))).await;
            }
            if answer.begins && acting.is_none() {
                let (server, say, names) = (self.clone(), say.clone(), names.clone());
                acting = Some(tokio::spawn(async move {
                    for act in &server.script.then {
                        perform(act, &names, &say).await;
                        server.seen().done += 1;
                    }
                }));
            }
        }
        if let Some(acting) = acting {
            acting.abort();
        }
        Ok(())
    }
}

async fn write(mut sink: SplitSink<WebSocketStream<TcpStream>, Message>, mut texts: mpsc::Receiver<Message>) {
    while let Some(message) = texts.recv().await {
        if sink.send(message).await.is_err() {
            return;
        }
    }
}

fn opening(authenticated: bool) -> [String; 2] {
    let features = if authenticated {
        "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/>"
    } else {
        "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>ANONYMOUS</mechanism></mechanisms>"
    };
    [
        format!("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='{DOMAIN}' id='s' version='1.0'/>"),
        format!("<stream:features xmlns:stream='http://etherx.jabber.org/streams'>{features}</stream:features>"),
    ]
}

async fn perform(act: &Act, names: &Names, say: &mpsc::Sender<Message>) {
    match act {
        Act::Say(text) => drop(say.send(Message::text(names.fill(text, ""))).await),
        Act::Pause(time) => tokio::time::sleep(*time).await,
        Act::Flood {
            text,
            per_second,
            during,
        } => {
            let mut portion = tokio::time::interval(Duration::from_secs(1) / PORTIONS);
            let begun = tokio::time::Instant::now();
            let text = names.fill(text, "");
            let mut number = 0_u64;
            while begun.elapsed() < *during {
                portion.tick().await;
                for _ in 0..per_second.div_ceil(PORTIONS) {
                    number += 1;
                    let text = text.replace("{n}", &number.to_string());
                    if say.send(Message::text(text)).await.is_err() {
                        return;
                    }
                }
            }
        }
        Act::Endless { begin, more, bytes } => {
            let frame = |text: &str, code| Message::Frame(Frame::message(text.to_owned(), OpCode::Data(code), false));
            let begin = names.fill(begin, "");
            let mut sent = begin.len() as u64;
            if say.send(frame(&begin, Data::Text)).await.is_err() {
                return;
            }
            while sent < *bytes {
                sent += more.len() as u64;
                if say.send(frame(more, Data::Continue)).await.is_err() {
                    return;
                }
            }
        }
    }
}

impl Names {
    /// Learns from a frame of the client.
    fn hear(&mut self, text: &str) {
        if ["<iq", "<presence", "<message"]
            .iter()
            .any(|name| text.starts_with(name))
        {
            self.sent += 1;
        }
        if text.contains("http://jabber.org/protocol/muc'") {
            self.occupant = attribute(text, "to");
        }
    }

    fn fill(&self, template: &str, answered: &str) -> String {
        let (room, nick) = self.occupant.split_once('/').unwrap_or((&self.occupant, ""));
        template
            .replace("{id}", &attribute(answered, "id"))
            .replace("{from}", &attribute(answered, "to"))
            .replace("{me}", CLIENT)
            .replace("{nick}", nick)
            .replace("{occupant}", &self.occupant)
            .replace("{room}", room)
            .replace("{h}", &self.sent.to_string())
    }
}

/// An attribute of the first tag of a frame, as it stands.
fn attribute(text: &str, name: &str) -> String {
    let tag = text.split('>').next().unwrap_or_default();
    ['\'', '"']
        .into_iter()
        .find_map(|quote| {
            let (_, rest) = tag.split_once(&format!(" {name}={quote}"))?;
            rest.split(quote).next().map(str::to_owned)
        })
        .unwrap_or_default()
}
