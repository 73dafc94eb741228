//! The XMPP WebSocket, frame by frame between client and Prosody, watched on the way.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::{Front, Lost, locked, tenant, thawed};
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
    let (takeover, mut taken_over) = mpsc::unbounded_channel();
    let mut known_as = None;
    let mut frozen = front.frozen_until.subscribe();
    let mut tick = tokio::time::interval(Duration::from_millis(250));
    loop {
        let begun = Instant::now();
        thawed(&frozen).await;
        watch.stood_still(begun.elapsed());
        if known_as != watch.resumption_id() {
            known_as = watch.resumption_id();
            if let Some(id) = known_as.clone() {
                locked(&front.live).insert(id, takeover.clone());
            }
        }
        tokio::select! {
            _ = frozen.changed() => {}
            message = client.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let text = match &tenant {
                        Some(tenant) => tenant::inward(&text, tenant, &domain),
                        None => text.to_string(),
                    };
                    front.record(true, &text);
                    if text.contains("<resume") {
                        adopt(&front, &mut watch, &query).await;
                        if std::mem::take(&mut *locked(&front.refuse_resume)) {
                            watch.resume_refused();
                            let failed = "<failed xmlns='urn:xmpp:sm:3'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>";
                            client.send(Message::text(failed)).await?;
                            continue;
                        }
                    }
                    watch.client_frame(&text, Instant::now());
                    beside_ghost(&front, &mut watch);
                    server.send(Message::text(text)).await?;
                }
                Some(Ok(Message::Close(_))) | None => {
                    watch.socket_closed();
                    break;
                }
                Some(Ok(Message::Binary(_))) => front.around.verdict.broken(rule::FRAMING, "a binary frame"),
                Some(Ok(_)) => {}
                Some(Err(_)) => {
                    watch.socket_closed();
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
                keep(&front, watch);
                return Ok(());
            }
            Some(heir) = taken_over.recv() => {
                // The client goes on elsewhere; Prosody ends this one.
                let _ = heir.send(watch);
                while let Some(Ok(_)) = server.next().await {}
                return Ok(());
            }
            _ = tick.tick() => {
                if !front.client_away.load(Ordering::Relaxed) {
                    watch.tick(Instant::now());
                }
            }
        }
    }
    if let Some(nick) = watch.nick() {
        front
            .around
            .participants
            .update(nick, |p| p.socket_closed_ns = Some(monotonic_ns()));
    }
    if watch.is_closed() {
        let _ = server.close(None).await;
    } else {
        // A socket that ends without `<close/>` is a lost one, if its stream is resumed soon.
        let id = watch.resumption_id();
        keep(&front, watch);
        tokio::spawn(async move {
            tokio::time::sleep(RESUMES).await;
            let waited = |lost: &Lost| lost.at.elapsed() >= RESUMES;
            let resumable = locked(&front.resumable);
            if let Some(lost) = id.and_then(|id| resumable.get(&id)).filter(|lost| waited(lost)) {
                lost.watch.not_resumed();
            }
        });
    }
    Ok(())
}

/// A client that has let go of its socket resumes within this, or has left without a word.
const RESUMES: Duration = Duration::from_secs(30);

/// The stream may go on over another socket.
fn keep(front: &Front, watch: ClientWatch) {
    if let Some(id) = watch.resumption_id() {
        let at = Instant::now();
        locked(&front.resumable).insert(id, Lost { at, watch });
    }
}

/// Whoever joins while an own stream waits to be resumed is seen twice.
fn beside_ghost(front: &Front, watch: &mut ClientWatch) {
    let Some(name) = watch.take_join() else { return };
    let mut resumable = locked(&front.resumable);
    resumable.retain(|_, lost| lost.kept());
    if resumable.values().any(|lost| lost.watch.is_in_as(&name)) {
        front
            .around
            .verdict
            .broken(rule::RESUME_KEEPS, format!("{name} joins beside the own ghost"));
    }
}

/// The old stream's counters go on in the new one. Its socket may still be open: who has lost the network knows before we do.
async fn adopt(front: &Front, watch: &mut ClientWatch, query: &str) {
    let previous = query
        .split('&')
        .find_map(|p| p.strip_prefix("previd="))
        .unwrap_or_default()
        .to_owned();
    let lost = locked(&front.resumable).remove(&previous);
    let live = locked(&front.live).remove(&previous);
    let old = match (lost, live) {
        (Some(lost), _) => Some(lost.watch),
        (None, Some(live)) => {
            let (heir, old) = oneshot::channel();
            let asked = live.send(heir);
            asked.ok().and(old.await.ok())
        }
        (None, None) => None,
    };
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
        requested_by_http: front.requested_by_http.clone(),
    }
}

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}
