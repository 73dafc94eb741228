//! Leaves in the place of processes that are gone.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::memory::{self, Found};
use super::{socket, tls};
use crate::left_behind::Farewell;
use crate::options::ServiceAccount;
use crate::participant::{ConnectionId, Input, SocketEvent};

/// As long as Jitsi's servers keep a lost stream.
const TRY: Duration = Duration::from_secs(60);
/// Between two tries.
const AGAIN: Duration = Duration::from_secs(1);

/// Takes back the presence of every process that ended without leaving, as its file in the folder tells. Nothing is
/// captured, no meeting is entered. Returns when all is done, at the latest after a minute and some seconds.
pub async fn leave_left_behind(folder: &Path, account: Option<&ServiceAccount>) {
    let clients = tls::Clients::default();
    for found in memory::find(folder) {
        tracing::info!("an earlier process has left a stream behind; it is resumed only to leave");
        let until = Instant::now() + TRY;
        while !leave(&found, account, &clients).await && Instant::now() < until {
            tokio::time::sleep(AGAIN).await;
        }
        found.remove();
    }
}

/// One try; true when nothing is left to do.
async fn leave(found: &Found, account: Option<&ServiceAccount>, clients: &tls::Clients) -> bool {
    let (network, mut events) = mpsc::channel(16);
    let url = found.left_behind.url();
    let (socket, task) = socket::open(ConnectionId(0), url, Some("xmpp"), network, clients.clone());
    let task = tokio::spawn(task);
    let mut farewell: Option<Farewell> = None;
    let done = loop {
        let deadline = farewell.as_ref().map(Farewell::next_deadline);
        tokio::select! {
            input = events.recv() => match input {
                Some(Input::Socket { event: SocketEvent::Opened, .. }) => {
                    farewell = Some(Farewell::begin(&found.left_behind, account, Instant::now()));
                }
                Some(Input::Socket { event: SocketEvent::Text(text), .. }) => {
                    if let Some(farewell) = &mut farewell {
                        farewell.receive(&text, Instant::now());
                    }
                }
                _ => break farewell.as_ref().is_some_and(Farewell::was_there),
            },
            () = super::sleep_until(deadline), if deadline.is_some() => {
                if let Some(farewell) = &mut farewell {
                    farewell.tick(Instant::now());
                }
            }
        }
        if let Some(farewell) = &mut farewell {
            for text in farewell.take_frames() {
                socket.send(text);
            }
            if farewell.is_over() {
                tracing::info!(was_there = farewell.was_there(), "the stream left behind is closed");
                break true;
            }
        }
    };
    drop(socket);
    if task.await.is_err() {
        tracing::debug!("the socket's task was cancelled");
    }
    done
}
