//! A stream whose process is gone: what a restarted one must know of it, and the way it resumes it only to leave
//! (`specs/jitsi-client.md §3`: a lost socket is not a leave, and the server keeps a ghost for a minute).

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::muc::leave;
use crate::options::ServiceAccount;
use crate::stream::{Stream, StreamEvent, Suspended};

/// For the whole farewell on an open socket.
const FAREWELL: Duration = Duration::from_secs(5);
/// For our own unavailable presence to come back.
const UNAVAILABLE: Duration = Duration::from_secs(2);

/// What must be known to leave in the place of a process that is gone. No name and no password; the token only where the
/// service lets nobody in without one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftBehind {
    /// Address of the XMPP WebSocket with the room, without token.
    pub service: String,
    /// XMPP domain of the account.
    pub domain: String,
    /// Our occupant JID.
    pub occupant: String,
    /// Id of the stream.
    pub previous: String,
    /// Stanzas of the server that had arrived.
    pub arrived: u32,
    /// The token, if the service was given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl std::fmt::Debug for LeftBehind {
    /// Without secrets and addresses.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeftBehind")
            .field("arrived", &self.arrived)
            .finish_non_exhaustive()
    }
}

impl LeftBehind {
    /// Where to connect.
    #[must_use]
    pub fn url(&self) -> String {
        let encode = crate::url::encode;
        let mut url = self.service.clone();
        if let Some(token) = &self.token {
            url.push_str("&token=");
            url.push_str(&encode(token));
        }
        url.push_str("&previd=");
        url.push_str(&encode(&self.previous));
        url
    }
}

/// The farewell, on a socket that has just opened. Pure: texts in, texts out.
#[derive(Debug)]
pub struct Farewell {
    stream: Stream,
    occupant: String,
    end: Instant,
    left: Option<Instant>,
    over: bool,
    was_there: bool,
}

impl Farewell {
    /// Begins. The account is used where the service is the one it is for.
    #[must_use]
    pub fn begin(old: &LeftBehind, account: Option<&ServiceAccount>, now: Instant) -> Self {
        let host = url::Url::parse(&old.service).ok();
        let host = host.as_ref().and_then(url::Url::host_str).unwrap_or_default();
        let account = account
            .and_then(|account| account.on(host))
            .filter(|_| old.token.is_none());
        let suspended = Suspended::left_behind(&old.previous, old.arrived, now);
        Self {
            stream: Stream::resume(old.domain.clone(), old.token.is_some(), suspended, now)
                .with_account(account.cloned()),
            occupant: old.occupant.clone(),
            end: now + FAREWELL,
            left: None,
            over: false,
            was_there: false,
        }
    }

    /// The text frames to send.
    pub fn take_frames(&mut self) -> Vec<String> {
        self.stream.take_frames()
    }

    /// A text frame has arrived.
    pub fn receive(&mut self, text: &str, now: Instant) {
        for event in self.stream.receive(text, now) {
            match event {
                StreamEvent::Resumed => {
                    self.was_there = true;
                    self.left = Some(now + UNAVAILABLE);
                    self.stream.send(&leave(&self.occupant));
                }
                StreamEvent::Stanza(stanza) => {
                    let own = stanza.attr("from") == Some(&self.occupant);
                    if own && stanza.name() == "presence" && stanza.attr("type") == Some("unavailable") {
                        self.stream.close();
                    }
                }
                StreamEvent::Ended(end) => {
                    tracing::debug!(%end, "the farewell is over");
                    self.over = true;
                }
                StreamEvent::Bound { .. }
                | StreamEvent::Authenticating
                | StreamEvent::Resumable
                | StreamEvent::Acknowledging
                | StreamEvent::Binding => {}
            }
        }
    }

    /// When [`Farewell::tick`] is due.
    #[must_use]
    pub fn next_deadline(&self) -> Instant {
        self.left.map_or(self.end, |at| at.min(self.end))
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) {
        if self.left.is_some_and(|at| at <= now) {
            self.left = None;
            self.stream.close();
        }
        self.over |= self.end <= now;
    }

    /// Nothing more is to be said.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// The old stream was still there, and our presence was taken back.
    #[must_use]
    pub fn was_there(&self) -> bool {
        self.was_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEATURES: &str = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms \
        xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>";
    const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    const MANAGED: &str = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>\
        <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>";
    const CLOSE: &str = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";

    fn old() -> LeftBehind {
        LeftBehind {
            service: "wss://meet.example/xmpp-websocket?room=standup".into(),
            domain: "meet.example".into(),
            occupant: "standup@muc.meet.example/ab12cd34".into(),
            previous: "old 1".into(),
            arrived: 17,
            token: Some("a.b.c".into()),
        }
    }

    fn begun(now: Instant) -> Farewell {
        let mut farewell = Farewell::begin(&old(), None, now);
        for text in [FEATURES, SUCCESS, MANAGED] {
            farewell.receive(text, now);
        }
        let frames = farewell.take_frames();
        assert_eq!(
            frames.last().map(String::as_str),
            Some("<resume xmlns='urn:xmpp:sm:3' h='17' previd='old 1'/>")
        );
        farewell
    }

    #[test]
    fn the_old_stream_is_resumed_only_to_leave() {
        let now = Instant::now();
        assert_eq!(
            old().url(),
            "wss://meet.example/xmpp-websocket?room=standup&token=a.b.c&previd=old%201"
        );
        let mut farewell = begun(now);
        farewell.receive("<resumed xmlns='urn:xmpp:sm:3' previd='old 1' h='40'/>", now);
        assert_eq!(
            farewell.take_frames()[0],
            "<presence xmlns='jabber:client' to='standup@muc.meet.example/ab12cd34' type='unavailable'/>"
        );
        farewell.receive(
            "<presence xmlns='jabber:client' type='unavailable' from='standup@muc.meet.example/ab12cd34'/>",
            now,
        );
        assert_eq!(farewell.take_frames(), [CLOSE]);
        farewell.receive(CLOSE, now);
        assert!(farewell.is_over() && farewell.was_there());
    }

    #[test]
    fn where_the_old_stream_is_forgotten_nobody_is_left_and_no_room_is_entered() {
        let now = Instant::now();
        let mut farewell = begun(now);
        farewell.receive("<failed xmlns='urn:xmpp:sm:3'/>", now);
        let frames = farewell.take_frames();
        assert!(frames.iter().all(|text| !text.contains("<presence")), "{frames:?}");
        assert_eq!(frames.last().map(String::as_str), Some(CLOSE));
        assert!(farewell.is_over() && !farewell.was_there());
    }

    #[test]
    fn a_server_that_says_nothing_is_not_waited_for() {
        let now = Instant::now();
        let mut farewell = begun(now);
        farewell.receive("<resumed xmlns='urn:xmpp:sm:3' previd='old 1' h='40'/>", now);
        farewell.take_frames();
        farewell.tick(farewell.next_deadline());
        assert_eq!(farewell.take_frames(), [CLOSE]);
        farewell.tick(farewell.next_deadline());
        assert!(farewell.is_over());
    }
}
