//! The box side of the fleet, as a pure core (`specs/fleet-mqtt.md §1`): it does no I/O, reads no clock and draws chance only
//! from the generator given at birth.
//!
//! [`Session::handle`] takes what happened, [`Session::poll`] gives what shall happen, in order, and
//! [`Session::next_deadline`] when to come back at the latest. What has to survive a power cut leaves as [`Output::Write`] and
//! takes effect when [`Input::Written`] came back: that a command is executed at most once, and that no accepted event is lost,
//! hangs on it.
//!
//! | file | what stands in it |
//! |---|---|
//! | `input`, `output`, `settings` | the seam |
//! | `connection` | when to connect, and the number of the connection |
//! | `writer` | what has to be on disk before it counts |
//! | `inbound`, `outbound` | where a message goes; what is published first |
//! | `publishing`, `receipts` | PUBACKs, theirs and ours; the pace of catching up |
//! | `documents`, `telemetry` | what is true now; measurements |
//! | `events`, `bucket`, `outbox`, `security` | what happened once |
//! | `commands` | what the box is told |
//! | `signed`, `revision` | whose word counts, and which is new |
//! | `configuration`, `release`, `notices` | what the box shall be and show |
//! | `stop` | the last words |

mod bucket;
mod commands;
mod configuration;
mod connection;
mod context;
mod documents;
mod events;
mod inbound;
mod input;
mod notices;
mod outbound;
mod outbox;
mod output;
mod publishing;
mod receipts;
mod release;
mod revision;
mod security;
mod settings;
mod signed;
mod stop;
mod telemetry;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;

use rand::rngs::StdRng;

use commands::Commands;
use configuration::Policy;
use connection::Connection;
use context::Context;
use documents::{Document, Documents};
use events::Events;
pub use input::{Input, Received, Reply};
use notices::Notices;
pub use output::{Connect, Execution, Output, Publication, Record, Scope, Will};
use publishing::{Publishing, Sent};
use receipts::Receipts;
use release::Release;
use security::Security;
pub use settings::{Now, Receipt, Settings, Token, Verifier};
use stop::Stop;
use telemetry::Streams;
use writer::Then;

use crate::contract::{Channel, Configuration, EventClass, OnlineReason};

/// One box in its fleet.
pub struct Session {
    cx: Context,
    verifier: Arc<dyn Verifier>,
    connection: Connection,
    /// This connection has said that the box is there.
    born: bool,
    /// The broker has all filters: once in this life of the box, and since it knows its session.
    subscribed: bool,
    reason: OnlineReason,
    meeting: bool,
    publishing: Publishing,
    receipts: Receipts,
    documents: Documents,
    streams: Streams,
    events: Events,
    security: Security,
    commands: Commands,
    policy: Policy,
    release: Release,
    notices: Notices,
    stop: Stop,
}

impl Session {
    /// A box that starts, with what its store holds. `chance` has to differ at each start.
    pub fn new(
        settings: Settings,
        verifier: Arc<dyn Verifier>,
        chance: StdRng,
        stored: BTreeMap<String, Vec<u8>>,
        now: Now,
    ) -> Self {
        let number = |key: &str| -> Option<u64> { std::str::from_utf8(stored.get(key)?).ok()?.parse().ok() };
        let (sid, spread_ms) = (number(connection::SID), number(connection::SPREAD));
        let spread = spread_ms.map_or(settings.spread, std::time::Duration::from_millis);
        // A box that has forgotten everything still counts on from where it was.
        let first = now.wall.map_or(0, |wall| u64::try_from(wall.as_second()).unwrap_or(0));
        let mut cx = Context::new(settings, chance, now);
        let mut session = Self {
            connection: Connection::new(sid.unwrap_or(first), spread, &mut cx),
            verifier: verifier.clone(),
            born: false,
            subscribed: false,
            reason: cx.settings.reason,
            meeting: false,
            publishing: Publishing::default(),
            receipts: Receipts::default(),
            documents: Documents::default(),
            streams: Streams::default(),
            events: Events::new(now.up_ms),
            security: Security::default(),
            commands: Commands::new(verifier),
            policy: Policy::default(),
            release: Release::default(),
            notices: Notices::default(),
            stop: Stop::default(),
            cx,
        };
        session.events.recover_lost(number(events::LOST).unwrap_or(0));
        session.recover(&stored);
        session
    }

    fn recover(&mut self, stored: &BTreeMap<String, Vec<u8>>) {
        let cx = &mut self.cx;
        for (key, value) in stored {
            match key.as_str() {
                configuration::KEY => self.policy.recover(value, cx),
                release::KEY => self.release.recover(value, cx),
                commands::FLOOR => self.commands.recover(key, value, cx),
                key if key.starts_with(commands::PREFIX) => self.commands.recover(key, value, cx),
                key if key.starts_with(outbox::PREFIX) => self.events.outbox.recover(key, value),
                key if key.starts_with(notices::PREFIX) => self.notices.recover(key, value),
                _ => {}
            }
        }
        self.commands.recovered(cx);
        let metadata = cx.settings.metadata.clone();
        self.documents.report(Document::Meta, &metadata, false);
        self.advance();
    }

    /// Something happened.
    pub fn handle(&mut self, input: Input, now: Now) {
        self.cx.now = now;
        if !self.stop.is_over() {
            self.take(input);
            self.advance();
        }
    }

    fn take(&mut self, input: Input) {
        let connected = self.cx.connected;
        let cx = &mut self.cx;
        match input {
            Input::Connected { session_present } => self.connected(session_present),
            Input::ConnectFailed { busy } => self.connection.failed(busy, cx),
            Input::Disconnected => self.disconnected(),
            Input::Subscribed { granted: true } => self.subscribed = connected,
            Input::Subscribed { granted: false } => {
                let detail = serde_json::Map::new();
                self.events.raise(EventClass::Alert, "subscription_refused", detail, cx);
            }
            Input::Received(received) => {
                if connected {
                    self.receipts.received(received.receipt);
                    self.received(&received);
                }
            }
            Input::Acknowledged { token } => self.acknowledged(token),
            Input::Written { token } => {
                for then in self.cx.writer.written(token) {
                    self.follow(then);
                }
            }
            Input::WriteFailed { token } => {
                let now_ms = cx.now.up_ms;
                for id in cx.writer.failed(token, now_ms) {
                    self.commands.not_written(id, &mut self.receipts, cx);
                }
            }
            Input::State(state) => {
                if !self.documents.report(Document::State(state.part), &state, connected) {
                    let part = state.part.as_str().into();
                    let detail = serde_json::Map::from_iter([("part".to_owned(), part)]);
                    self.events.raise(EventClass::Alert, "state_too_large", detail, cx);
                }
            }
            Input::Metadata(metadata) => {
                self.documents.report(Document::Meta, &metadata, connected);
                cx.settings.metadata = metadata;
            }
            Input::Event { class, event, detail } => self.events.raise(class, &event, detail, cx),
            Input::Telemetry { stream, telemetry } => self.streams.measured(stream, telemetry, connected),
            Input::Answer { id, reply } => self.commands.answered(id, reply, cx),
            Input::Configured { rev, errors } => {
                if self.policy.configured(rev, errors, cx) {
                    self.spread();
                }
            }
            Input::Drift(drift) => self.policy.drifted(drift),
            Input::UpdateReport(report) => {
                self.documents.report(Document::UpdateReported, &report, connected);
            }
            Input::Meeting(meeting) => self.meeting = meeting,
            Input::Anew => self.connection.anew(cx),
            Input::Tick => {}
            Input::Stop(reason) => {
                self.documents.hurry();
                self.stop.begin(reason, cx);
            }
        }
    }

    fn spread(&mut self) {
        if let Some(spread) = self.policy.spread() {
            self.connection.spread(spread, &mut self.cx);
        }
    }

    fn connected(&mut self, session_present: bool) {
        if !self.connection.connected(&mut self.cx) {
            return;
        }
        self.born = false;
        self.subscribed &= session_present;
        if !self.subscribed {
            let filters = Channel::filters(&self.cx.settings.tenant, &self.cx.settings.device);
            self.cx.output(Output::Subscribe(filters.into()));
        }
        // Also when the session is present: a broker that was restored from an old copy knows it, and has lost what came after.
        self.documents.all_again(true);
        self.events.outbox.doubt();
        self.commands.connected(&self.cx);
        self.policy.connected(&mut self.connection, &mut self.cx);
    }

    fn disconnected(&mut self) {
        if !self.connection.ended(&mut self.cx) {
            return;
        }
        self.receipts.forget();
        let (mut events, mut ends) = (Vec::new(), Vec::new());
        for sent in self.publishing.forget() {
            match sent {
                Sent::Event(number) => events.push(number),
                Sent::Final(id) => ends.push(id),
                Sent::Document(document) => self.documents.settled(document, false),
                Sent::Free | Sent::Farewell => {}
            }
        }
        self.events.outbox.interrupted(&events);
        self.commands.interrupted(&ends);
        self.documents.kept();
        self.streams.kept();
    }

    fn acknowledged(&mut self, token: Token) {
        match self.publishing.acknowledged(token) {
            Some(Sent::Event(number)) => self.events.outbox.acknowledged(number, self.cx.now.up_ms),
            Some(Sent::Document(document)) => self.documents.settled(document, true),
            Some(Sent::Final(id)) => self.commands.acknowledged(id, &mut self.cx),
            Some(Sent::Farewell) => self.stop.said(),
            Some(Sent::Free) | None => {}
        }
    }

    /// What follows from being on disk.
    fn follow(&mut self, then: Then) {
        let connected = self.cx.connected;
        let cx = &mut self.cx;
        match then {
            Then::Nothing => {}
            Then::Connect => self.connection.numbered(cx),
            Then::Event(number) => self.events.outbox.written(number, connected),
            Then::Command(id) => {
                if self.commands.is_publish_state(id) {
                    self.documents.all_again(false);
                }
                self.commands.written(id, &mut self.receipts, cx);
            }
            Then::Final(id) => self.commands.end_written(id, cx),
            Then::Configuration => self.policy.written(),
            Then::Trial => self.policy.trial_written(&mut self.connection, cx),
            Then::Update => self.release.written(cx),
            Then::Notice(scope) => self.notices.written(scope, cx),
        }
    }

    /// Everything that follows from time and from what just happened.
    fn advance(&mut self) {
        let cx = &mut self.cx;
        if !self.stop.is_asked() {
            self.connection.tick(cx);
            self.commands.tick(cx);
            let (connection, documents) = (&mut self.connection, &mut self.documents);
            if self
                .policy
                .tick(self.meeting, connection, documents, &mut self.events, cx)
            {
                self.spread();
            }
            self.notices.tick(&mut self.cx);
        }
        let cx = &mut self.cx;
        self.security.tick(&mut self.events, cx);
        self.events.tick(cx);
        if cx.connected {
            self.events.outbox.tick(cx);
            self.publish();
        }
        self.stop
            .advance(&mut self.connection, &mut self.publishing, &mut self.cx);
        if self.cx.writer.is_due(self.cx.now.up_ms) {
            let token = self.cx.token();
            let write = self.cx.writer.next(token);
            self.cx.output(write);
        }
    }

    /// What shall happen next.
    pub fn poll(&mut self) -> Option<Output> {
        self.cx.outputs.pop_front()
    }

    /// When [`Input::Tick`] is due at the latest, as [`Now::up_ms`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        let connected = self.cx.connected;
        let waits_late = self.commands.waits(true) || self.events.outbox.waits(true);
        let late = self.documents.next_deadline(true).into_iter();
        let late = late.chain(self.streams.next_deadline(true)).min();
        let late = if waits_late { Some(0) } else { late };
        let catch_up = late.and_then(|late| Some(late.max(self.publishing.next_deadline()?)));
        let now = self.documents.next_deadline(false).into_iter();
        let now = now.chain(self.streams.next_deadline(false)).min();
        let publishing = [catch_up, now.filter(|_| self.publishing.has_room())];
        let others = [
            self.connection.next_deadline(),
            self.cx.writer.next_deadline(),
            self.events.next_deadline(connected),
            self.security.next_deadline(),
            self.commands.next_deadline(),
            self.policy.next_deadline(&self.cx),
            self.notices.next_deadline(&self.cx),
        ];
        let publishing = publishing.into_iter().filter(|_| connected).flatten();
        let all = publishing
            .chain(others.into_iter().flatten())
            .filter(|_| !self.stop.is_asked());
        all.chain(self.stop.next_deadline()).min()
    }

    /// True between [`Input::Connected`] and [`Input::Disconnected`].
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.cx.connected
    }

    /// The configuration in effect: at the start, what the box has to be.
    #[must_use]
    pub fn configuration(&self) -> Option<&Configuration> {
        self.policy.applied()
    }
}
