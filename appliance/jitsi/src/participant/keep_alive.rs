//! The keep-alive by HTTP, and what it finds out: that the deployment has moved the room to another shard, so that
//! whoever comes now is somewhere else than we are (`specs/jitsi-client.md §1`).

use std::time::{Duration, Instant};

use rand::RngExt;
use room::outcome::Outcome;

use super::context::{Context, due};
use super::meeting::{Meeting, Phase};
use super::{ConnectionId, HttpRequest, HttpResponse, NetworkError, Output};
use crate::url::encode;

/// From the bound stream to the first request.
const FIRST: Duration = Duration::from_secs(5);
/// Added by chance to the interval, at most.
const JITTER: Duration = Duration::from_secs(60);
/// Moves that are followed in one meeting: a service that names another shard each time has none.
const MOVES: u32 = 3;

/// Which shard has answered, and when it is asked again.
#[derive(Debug, Default)]
pub(super) struct KeepAlive {
    at: Option<Instant>,
    request: Option<ConnectionId>,
    /// The shard of this connection.
    shard: Option<String>,
    moves: u32,
}

impl KeepAlive {
    /// A connection is new: its shard is whatever answers first.
    pub fn begin(&mut self, now: Instant) {
        *self = Self {
            at: Some(now + FIRST),
            moves: self.moves,
            ..Self::default()
        };
    }

    /// The connection is another and its shard, we hope, the same.
    pub fn go_on(&mut self, now: Instant) {
        self.at.get_or_insert(now + FIRST);
    }

    /// Whether this is the request that was asked last.
    pub fn asked(&self, id: ConnectionId) -> bool {
        self.request == Some(id)
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        self.at
    }
}

impl Meeting {
    pub fn tick_keep_alive(&mut self, cx: &mut Context) {
        if !due(&mut self.keep_alive.at, cx.now) {
            return;
        }
        if matches!(self.phase, Phase::Leaving(_)) {
            return;
        }
        let connected = self.signalling.as_ref().is_some_and(|signalling| signalling.bound);
        let Some(deployment) = self.deployment.as_ref().filter(|_| connected) else {
            return;
        };
        let Some(interval) = deployment.keep_alive else { return };
        let url = with_room(&deployment.keep_alive_url, &self.url.room);
        let jitter = JITTER.min(interval).mul_f64(cx.chance.random_range(0.0..1.0));
        let id = cx.connection();
        self.keep_alive.at = Some(cx.now + interval + jitter);
        self.keep_alive.request = Some(id);
        cx.output(Output::Http {
            id,
            request: HttpRequest::get(url),
        });
    }

    /// The keep-alive is answered. Whatever the status: the header is the proxy's. No answer says nothing; the stream has
    /// pings of its own.
    pub fn shard_answer(&mut self, result: Result<HttpResponse, NetworkError>, cx: &mut Context) {
        self.keep_alive.request = None;
        let Some(shard) = result.ok().and_then(|response| response.shard) else {
            return;
        };
        let moved = self.keep_alive.shard.as_ref().is_some_and(|known| *known != shard);
        if !moved {
            self.keep_alive.shard = Some(shard);
            return;
        }
        // On the way in or out the room is not lost; the next answer says the same.
        if self.joined() && self.keep_alive.moves < MOVES {
            self.keep_alive.moves += 1;
            tracing::warn!("the room has moved to another shard; it is entered anew there");
            self.follow_shard(cx);
        }
    }

    /// Leaves the room and the connection, and comes back on a new one, dark like everybody who comes back.
    fn follow_shard(&mut self, cx: &mut Context) {
        self.leave_and_rejoin(Outcome::ConnectionLost, cx);
        if let Some(signalling) = &mut self.signalling
            && let Some(stream) = &mut signalling.stream
        {
            stream.close();
        }
        self.flush(cx);
        if let Some(signalling) = self.signalling.take() {
            cx.output(Output::CloseSocket { id: signalling.socket });
        }
        if let Phase::AskingAgain { at } = self.phase {
            self.phase = Phase::Reopening { at };
        }
    }
}

/// An address with the room in its query: the service finds the shard by it.
pub(super) fn with_room(url: &str, room: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}room={}", encode(room))
}
