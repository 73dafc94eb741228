//! A guest: an anonymous participant over WebSocket (RFC 7395). The peers are such guests, and so is a test's client.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use minidom::Element;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::error::{Error, Result};
use crate::xml;
use crate::xmpp::ns;

/// A bound stream. The connection ends, with `<close/>`, when it is dropped.
pub struct Guest {
    /// Full JID.
    pub jid: String,
    send: mpsc::UnboundedSender<String>,
}

/// The stanzas that arrive.
pub type GuestEvents = mpsc::UnboundedReceiver<Element>;

impl Guest {
    /// Connects to `ws://address/path`, logs in as ANONYMOUS and binds.
    pub async fn connect(address: SocketAddr, host: &str, path: &str) -> Result<(Self, GuestEvents)> {
        let socket = TcpStream::connect(address).await.map_err(Error::io("WebSocket port"))?;
        socket.set_nodelay(true).map_err(Error::io("WebSocket port"))?;
        let mut request = format!("ws://{host}{path}").into_client_request()?;
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("xmpp"));
        let (mut ws, _) = tokio_tungstenite::client_async(request, socket).await?;
        let open = format!("<open xmlns='{}' to='{host}' version='1.0'/>", ns::FRAMING);
        ask(&mut ws, &open, |e| e.is("features", ns::STREAM)).await?;
        let auth = format!("<auth xmlns='{}' mechanism='ANONYMOUS'/>", ns::SASL);
        let answer = ask(&mut ws, &auth, |e| e.has_ns(ns::SASL)).await?;
        if answer.name() != "success" {
            return Err(Error::Xmpp(format!("login refused: {}", xml::write(&answer))));
        }
        ask(&mut ws, &open, |e| e.is("features", ns::STREAM)).await?;
        let bind = format!(
            "<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='{}'/></iq>",
            ns::BIND
        );
        let bound = ask(&mut ws, &bind, |e| e.name() == "iq").await?;
        let jid = bound
            .get_child("bind", ns::BIND)
            .and_then(|b| b.get_child("jid", ns::BIND))
            .map(Element::text)
            .ok_or_else(|| Error::Xmpp(format!("bind refused: {}", xml::write(&bound))))?;
        let (send, mut outgoing) = mpsc::unbounded_channel::<String>();
        let (events, incoming) = mpsc::unbounded_channel();
        let (mut sink, mut stream) = ws.split();
        tokio::spawn(async move {
            while let Some(text) = outgoing.recv().await {
                if sink.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
            let _ = sink
                .send(Message::text(format!("<close xmlns='{}'/>", ns::FRAMING)))
                .await;
            let _ = sink.close().await;
        });
        tokio::spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                if let Message::Text(text) = message
                    && let Ok(element) = xml::parse(&text)
                    && events.send(element).is_err()
                {
                    return;
                }
            }
        });
        Ok((Self { jid, send }, incoming))
    }

    /// Sends one stanza, which must declare `xmlns='jabber:client'`.
    pub fn send(&self, stanza: impl Into<String>) {
        let _ = self.send.send(stanza.into());
    }
}

async fn ask(ws: &mut WebSocketStream<TcpStream>, text: &str, wanted: impl Fn(&Element) -> bool) -> Result<Element> {
    ws.send(Message::text(text)).await?;
    while let Some(message) = ws.next().await {
        if let Message::Text(text) = message? {
            let element = xml::parse(&text).map_err(|e| Error::Xmpp(e.to_string()))?;
            if wanted(&element) {
                return Ok(element);
            }
        }
    }
    Err(Error::Xmpp("stream closed".into()))
}
