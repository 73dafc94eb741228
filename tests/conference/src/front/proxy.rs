//! The XMPP WebSocket, frame by frame between client and Prosody, watched on the way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::{Front, locked, tenant};
use crate::clock::monotonic_ns;
use crate::error::{Error, Result};
use crate::verdict::rule;
use crate::watch::{ClientWatch, Expected};

pub(super) async fn run(front: Arc<Front>, stream: TcpStream) -> Result<()> {
    let mut target = String::new();
    let mut protocol = false;
    #[allow(clippy::result_large_err)]
    let callback = |request: &Request, mut response: Response| -> std::result::Result<Response, ErrorResponse> {
        target = request.uri().to_string();
        let header = request
            .headers()
            .get("Sec-WebSocket-Protocol")
            .and_then(|h| h.to_str().ok())
            .unwrap_or_default();
        protocol = header.split(',').any(|p| p.trim() == "xmpp");
        if protocol {
            response
                .headers_mut()
                .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("xmpp"));
        }
        Ok(response)
    };
    let mut client = tokio_tungstenite::accept_hdr_async(stream, callback).await?;
    if !protocol {
        front
            .around
            .verdict
            .broken(rule::SUBPROTOCOL, format!("not offered for {}", path_of(&target)));
    }
    let query = target.split_once('?').map(|(_, q)| q).unwrap_or_default().to_owned();
    let domain = front.around.hosts.domain.clone();
    let socket = TcpStream::connect(front.around.http)
        .await
        .map_err(Error::io("proxy to Prosody"))?;
    socket.set_nodelay(true).map_err(Error::io("proxy to Prosody"))?;
    let mut request = format!("ws://{domain}/xmpp-websocket?{query}").into_client_request()?;
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("xmpp"));
    let (mut server, _) = tokio_tungstenite::client_async(request, socket).await?;
    let mut watch = ClientWatch::new(expected(&front), &query, front.around.verdict.clone());
    let tenant = front
        .around
        .options
        .tenant
        .clone()
        .map(|t| t.to_lowercase().replace('.', "_"));
    let mut cut = front.cut.subscribe();
    let mut tick = tokio::time::interval(Duration::from_millis(250));
    loop {
        tokio::select! {
            message = client.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let text = match &tenant {
                        Some(tenant) => tenant::inward(&text, tenant, &domain),
                        None => text.to_string(),
                    };
                    front.record(true, &text);
                    if text.contains("<resume") {
                        adopt(&front, &mut watch, &query);
                        if std::mem::take(&mut *locked(&front.refuse_resume)) {
                            watch.resume_refused();
                            let failed = "<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>";
                            client.send(Message::text(failed)).await?;
                            continue;
                        }
                    }
                    watch.client_frame(&text, Instant::now());
                    server.send(Message::text(text)).await?;
                }
                Some(Ok(Message::Close(_))) | None => {
                    watch.socket_closed(false);
                    break;
                }
                Some(Ok(Message::Binary(_))) => front.around.verdict.broken(rule::FRAMING, "a binary frame"),
                Some(Ok(_)) => {}
                Some(Err(_)) => {
                    watch.socket_closed(true);
                    break;
                }
            },
            message = server.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    watch.server_frame(&text, Instant::now());
                    let text = match &tenant {
                        Some(tenant) => tenant::outward(&text, tenant, &domain),
                        None => text.to_string(),
                    };
                    front.record(false, &text);
                    client.send(Message::text(text)).await?;
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => {
                    let _ = client.close(None).await;
                    watch.server_closed();
                    break;
                }
                Some(Ok(_)) => {}
            },
            _ = cut.changed() => {
                // No close handshake: as when a cable is pulled.
                if let Some(id) = watch.resumption_id() {
                    locked(&front.resumable).insert(id, watch);
                }
                return Ok(());
            }
            _ = tick.tick() => watch.tick(Instant::now()),
        }
    }
    if let Some(nick) = watch.nick() {
        front
            .around
            .participants
            .update(nick, |p| p.socket_closed_ns = Some(monotonic_ns()));
    }
    let _ = server.close(None).await;
    Ok(())
}

/// The old stream's counters go on in the new one.
fn adopt(front: &Front, watch: &mut ClientWatch, query: &str) {
    let previous = query
        .split('&')
        .find_map(|p| p.strip_prefix("previd="))
        .unwrap_or_default()
        .to_owned();
    let old = locked(&front.resumable).remove(&previous);
    match old {
        Some(old) => watch.adopt(old),
        None => front
            .around
            .verdict
            .broken(rule::RESUME, format!("previd='{previous}' is no stream that was cut")),
    }
}

fn expected(front: &Front) -> Expected {
    Expected {
        muc: front.around.hosts.muc(),
        focus: front.around.hosts.focus(),
        token: front.around.options.token_secret.is_some(),
    }
}

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}
