//! One BOSH session as a socket: a task that posts requests, posts a lost one again, and gives what comes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::http;
use super::socket::Socket;
use super::tls::Clients;
use crate::bosh::{Bosh, BoshEnd, Request, WAIT_SECONDS};
use crate::participant::{ConnectionId, Input, NetworkError, SocketEvent};
use crate::xml::MAX_BYTES;

/// For one exchange: as long as the server may wait, and some.
const EXCHANGE: Duration = Duration::from_secs(WAIT_SECONDS + 10);
/// Posts of the same request.
const POSTS: u32 = 4;
/// Before a lost request is posted again.
const AGAIN: Duration = Duration::from_millis(500);
/// One that is posted again has arrived after this.
const ARRIVED: Duration = Duration::from_millis(250);

/// Makes the writing end and the task that serves the session.
pub(super) fn open(
    id: ConnectionId,
    url: String,
    network: mpsc::Sender<Input>,
    clients: Clients,
) -> (Socket, impl Future<Output = ()> + Send + 'static) {
    let (socket, frames, overflown) = Socket::new();
    let task = async move {
        let last = tokio::select! {
            event = serve(id, Arc::from(url), frames, &network, &clients) => event,
            () = wait(overflown) => {
                SocketEvent::Failed(NetworkError::Broken("the connection does not take what is sent".into()))
            }
        };
        let _ = network.send(Input::Socket { id, event: last }).await;
    };
    (socket, task)
}

async fn wait(overflown: Arc<Notify>) {
    overflown.notified().await;
}

type Answer = (u64, Result<String, NetworkError>);

/// Serves the session and gives the event that ends it.
async fn serve(
    id: ConnectionId,
    url: Arc<str>,
    mut frames: mpsc::Receiver<String>,
    network: &mpsc::Sender<Input>,
    clients: &Clients,
) -> SocketEvent {
    let tell = async |event| network.send(Input::Socket { id, event }).await.is_ok();
    if !tell(SocketEvent::Opened).await {
        return SocketEvent::Closed { code: None };
    }
    let mut bosh = Bosh::new(rand::random());
    let mut posts: JoinSet<Answer> = JoinSet::new();
    let lost = Lost::default();
    let mut released = false;
    loop {
        while let Some(request) = bosh.next_request() {
            posts.spawn(post(url.clone(), request, clients.clone(), lost.clone()));
        }
        let (number, answer) = tokio::select! {
            frame = frames.recv(), if !released => {
                match frame {
                    Some(frame) => bosh.send(frame),
                    // The stream has said all; its last request is on its way or answered.
                    None => released = true,
                }
                continue;
            }
            Some(answered) = posts.join_next() => match answered {
                Ok(answer) => answer,
                Err(_) => return SocketEvent::Closed { code: None },
            },
            else => return SocketEvent::Closed { code: None },
        };
        let (texts, end) = match answer.map(|text| bosh.receive(number, &text)) {
            Ok(Ok(texts)) => (texts, None),
            Ok(Err((texts, end))) => (texts, Some(end)),
            Err(error) => return SocketEvent::Failed(error),
        };
        for text in texts {
            if !tell(SocketEvent::Text(text)).await {
                return SocketEvent::Closed { code: None };
            }
        }
        match end {
            Some(BoshEnd::NotBosh(cause)) => return SocketEvent::Failed(NetworkError::Protocol(cause)),
            Some(BoshEnd::Closed | BoshEnd::ByServer(_)) => return SocketEvent::Closed { code: None },
            None if released => return SocketEvent::Closed { code: None },
            None => {}
        }
    }
}

/// Numbers of requests that were lost and have not arrived again. The server takes one again that it had not answered only while none
/// with a higher number has come: those wait.
#[derive(Clone, Default)]
struct Lost(watch::Sender<BTreeSet<u64>>);

impl Lost {
    fn add(&self, number: u64) {
        self.0.send_if_modified(|lost| lost.insert(number));
    }

    fn remove(&self, number: u64) {
        self.0.send_if_modified(|lost| lost.remove(&number));
    }

    /// Until none with a lower number is lost.
    async fn turn_of(&self, number: u64) {
        let mut lost = self.0.subscribe();
        // It fails when nobody can lose anything any more.
        let _ = lost
            .wait_for(|lost| lost.first().is_none_or(|first| *first >= number))
            .await;
    }
}

/// Posts a request until it is answered. A lost request and a lost answer look the same; the server tells them apart by
/// the number.
async fn post(url: Arc<str>, request: Request, clients: Clients, lost: Lost) -> Answer {
    let mut posted = 0;
    loop {
        lost.turn_of(request.number).await;
        posted += 1;
        let exchange = exchange(&url, request.body.clone(), &clients);
        tokio::pin!(exchange);
        let answer = match timeout(ARRIVED, &mut exchange).await {
            Ok(answer) => answer,
            Err(_) => {
                lost.remove(request.number);
                exchange.await
            }
        };
        match answer {
            Err(NetworkError::Unreachable(cause) | NetworkError::Broken(cause)) if posted < POSTS => {
                tracing::info!(cause, "a request was lost and is posted again");
                lost.add(request.number);
                tokio::time::sleep(AGAIN * posted).await;
            }
            answer => {
                lost.remove(request.number);
                return (request.number, answer);
            }
        }
    }
}

async fn exchange(url: &str, body: String, clients: &Clients) -> Result<String, NetworkError> {
    let client = &clients.get().await?.http;
    let through_proxy = clients.uses_proxy(url);
    let classify = |error| classify(error, through_proxy);
    let posting = client
        .post(url)
        .header("Content-Type", "text/xml; charset=utf-8")
        .timeout(EXCHANGE)
        .body(body);
    let mut response = posting.send().await.map_err(classify)?;
    if !response.status().is_success() {
        return Err(NetworkError::Status(response.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(classify)? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(NetworkError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// As elsewhere, but a connection that broke in the middle is broken and may be tried again.
fn classify(error: reqwest::Error, through_proxy: bool) -> NetworkError {
    let connecting = error.is_connect();
    let broken = error.is_request() || error.is_body() || error.is_timeout();
    match http::classify(error, through_proxy) {
        NetworkError::Protocol(cause) if broken && !connecting => NetworkError::Broken(cause),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_lost_goes_first_in_its_order() {
        let lost = Lost::default();
        let waits = async |number| timeout(Duration::from_millis(20), lost.turn_of(number)).await.is_err();
        assert!(!waits(1).await);
        lost.add(2);
        lost.add(3);
        assert!(!waits(1).await && !waits(2).await && waits(3).await && waits(4).await);
        lost.remove(2);
        assert!(!waits(3).await && waits(4).await);
        let waiting = lost.clone();
        let later = tokio::spawn(async move { waiting.turn_of(4).await });
        lost.remove(3);
        later.await.unwrap();
    }
}
