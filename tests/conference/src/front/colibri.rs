//! The colibri WebSocket: `/colibri-ws/SERVER/CONFERENCE/ENDPOINT?pwd=…` (`specs/jitsi-client.md §6`).

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;

use crate::bridge::{Bridge, BridgeCommand};
use crate::error::Result;

pub(super) async fn run(bridge: Bridge, stream: TcpStream) -> Result<()> {
    let mut endpoint = String::new();
    let mut password = String::new();
    #[allow(clippy::result_large_err)]
    let callback = |request: &Request, response: Response| -> std::result::Result<Response, ErrorResponse> {
        endpoint = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let query = request.uri().query().unwrap_or_default();
        password = query
            .split('&')
            .find_map(|p| p.strip_prefix("pwd="))
            .unwrap_or_default()
            .to_owned();
        if password.is_empty() {
            let mut refused = ErrorResponse::new(None);
            *refused.status_mut() = StatusCode::FORBIDDEN;
            return Err(refused);
        }
        Ok(response)
    };
    let websocket = tokio_tungstenite::accept_hdr_async(stream, callback).await?;
    let (mut sink, mut source) = websocket.split();
    let (send, mut outgoing) = mpsc::unbounded_channel();
    let (reply, right) = oneshot::channel();
    bridge.send(BridgeCommand::WebSocketOpened {
        endpoint: endpoint.clone(),
        pwd: password,
        send,
        reply,
    });
    if !right.await.unwrap_or(false) {
        sink.close().await?;
        return Ok(());
    }
    loop {
        tokio::select! {
            text = outgoing.recv() => match text {
                Some(text) => sink.send(Message::text(text)).await?,
                None => break,
            },
            message = source.next() => match message {
                Some(Ok(Message::Text(text))) => bridge.send(BridgeCommand::WebSocketText {
                    endpoint: endpoint.clone(),
                    text: text.to_string(),
                }),
                Some(Ok(_)) => {}
                _ => break,
            },
        }
    }
    bridge.send(BridgeCommand::WebSocketClosed { endpoint });
    Ok(())
}
