//! A client's XMPP stream, watched: rules 1, 2, 3, 4 and 9 of `specs/jitsi-client.md §9`. Pure: frames and times go in,
//! broken rules go to the verdict.

mod presence;
mod stream_management;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use minidom::Element;

use crate::verdict::{Verdict, rule};
use crate::xml;
use crate::xmpp::{bare, node, ns, resource};
use presence::Shown;
use stream_management::Counters;

/// What is right in this conference.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The MUC service.
    pub muc: String,
    /// Where conference requests go.
    pub focus: String,
    /// The URL must have a token.
    pub token: bool,
    /// A conference was requested by HTTP, which no stream shows; the next join takes it.
    pub requested_by_http: Arc<AtomicBool>,
}

/// An IQ of the server is answered within this.
const ANSWER: Duration = Duration::from_secs(5);
/// After so long without a word a client pings ...
const QUIET: Duration = Duration::from_secs(10);
/// ... within this.
const PINGS_WITHIN: Duration = Duration::from_secs(6);

/// One client's stream.
pub struct ClientWatch {
    expected: Expected,
    verdict: Verdict,
    room: String,
    needs_open: bool,
    bound: bool,
    node: String,
    requested: bool,
    shown: BTreeMap<String, Shown>,
    asked: HashMap<String, (Instant, u32, bool)>,
    counters: Counters,
    closed: bool,
    last_frame: Option<Instant>,
    silence_noted: bool,
    nick: Option<String>,
    name: String,
    join: Option<String>,
    resumed: bool,
}

impl ClientWatch {
    /// A new WebSocket with this query in its URL.
    pub fn new(expected: Expected, query: &str, verdict: Verdict) -> Self {
        let value = |name: &str| {
            query
                .split('&')
                .find_map(|p| p.strip_prefix(name).and_then(|v| v.strip_prefix('=')))
                .map(str::to_owned)
        };
        let room = value("room").unwrap_or_default();
        if room.is_empty() {
            verdict.broken(rule::ROOM_PARAMETER, "room= is missing");
        } else if room != room.to_lowercase() {
            verdict.broken(rule::ROOM_PARAMETER, format!("room={room} is not lower case"));
        }
        let token = value("token");
        if expected.token && token.as_ref().is_none_or(String::is_empty) {
            verdict.broken(rule::TOKEN_PARAMETER, "token= is missing");
        }
        if token.is_some_and(|t| t.is_empty()) {
            verdict.broken(rule::TOKEN_PARAMETER, "token= is empty");
        }
        Self {
            expected,
            verdict,
            room,
            needs_open: true,
            bound: false,
            node: String::new(),
            requested: false,
            shown: BTreeMap::new(),
            asked: HashMap::new(),
            counters: Counters::default(),
            closed: false,
            last_frame: None,
            silence_noted: false,
            nick: None,
            name: String::new(),
            join: None,
            resumed: false,
        }
    }

    /// The nick in the room, once joined.
    pub fn nick(&self) -> Option<&str> {
        self.nick.as_deref()
    }

    /// The display name of a join presence that has just been seen.
    pub fn take_join(&mut self) -> Option<String> {
        self.join.take().filter(|name| !name.is_empty())
    }

    /// Whether this stream shows somebody of this name in a room.
    pub fn is_in_as(&self, name: &str) -> bool {
        self.nick.is_some() && !self.shown.is_empty() && self.name == name
    }

    /// `<close/>` was said.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The id with which this stream can be resumed.
    pub fn resumption_id(&self) -> Option<String> {
        self.counters.id.clone()
    }

    /// This stream continues `old`.
    pub fn adopt(&mut self, old: ClientWatch) {
        self.shown = old.shown;
        self.counters = old.counters;
        self.asked = old.asked;
        self.node = old.node;
        self.nick = old.nick;
        self.requested = old.requested;
        self.name = old.name;
        self.bound = old.bound;
        self.resumed = true;
        self.counters.resuming = true;
    }

    /// The resumption was refused: everything begins anew.
    pub fn resume_refused(&mut self) {
        self.shown.clear();
        self.counters = Counters::default();
        self.asked.clear();
        self.nick = None;
        self.resumed = false;
        self.bound = false;
    }

    /// A text frame from the client.
    pub fn client_frame(&mut self, text: &str, now: Instant) {
        self.last_frame = Some(now);
        self.silence_noted = false;
        let element = match xml::parse(text) {
            Ok(element) => element,
            Err(error) => return self.verdict.broken(rule::FRAMING, error.to_string()),
        };
        if self.closed {
            self.verdict
                .broken(rule::LEAVE_ORDER, format!("<{}/> after <close/>", element.name()));
        }
        let open = element.is("open", ns::FRAMING);
        if self.needs_open && !open {
            self.verdict
                .broken(rule::OPEN_FIRST, format!("<{}/> instead of <open/>", element.name()));
        }
        self.needs_open = false;
        if element.is("close", ns::FRAMING) {
            return self.close();
        }
        if element.is("r", ns::SM) || element.is("a", ns::SM) || element.is("resume", ns::SM) {
            return self.counters.client_said(&element, &self.verdict);
        }
        let stanza = matches!(element.name(), "iq" | "presence" | "message");
        if stanza && !element.has_ns(ns::CLIENT) {
            self.verdict.broken(
                rule::FRAMING,
                format!("<{}/> in namespace {}", element.name(), element.ns()),
            );
        }
        match element.name() {
            "iq" => self.client_iq(&element),
            "presence" => self.client_presence(&element),
            _ => {}
        }
    }

    fn client_iq(&mut self, iq: &Element) {
        match iq.attr("type") {
            Some("result" | "error") => {
                let id = iq.attr("id").unwrap_or_default();
                match self.asked.get_mut(id) {
                    Some((_, answers, _)) => {
                        *answers += 1;
                        if *answers > 1 {
                            self.verdict
                                .broken(rule::IQ_ONCE, format!("IQ {id} is answered {answers} times"));
                        }
                    }
                    None => self
                        .verdict
                        .broken(rule::IQ_ONCE, format!("answer to IQ {id} that nobody asked")),
                }
            }
            Some("set" | "get") => {
                if iq.has_child("conference", ns::FOCUS) && iq.attr("to") == Some(&self.expected.focus) {
                    self.requested = true;
                }
            }
            other => self.verdict.broken(rule::FRAMING, format!("IQ of type {other:?}")),
        }
    }

    fn client_presence(&mut self, presence: &Element) {
        let Some(to) = presence.attr("to") else { return };
        if bare(to).split_once('@').map(|(_, host)| host) != Some(&self.expected.muc) {
            return;
        }
        if presence.attr("type") == Some("unavailable") {
            self.shown.remove(to);
            return;
        }
        if presence.has_child("x", ns::MUC) {
            let by_http = self.expected.requested_by_http.swap(false, Ordering::Relaxed);
            if !(std::mem::take(&mut self.requested) || by_http) {
                self.verdict.broken(
                    rule::CONFERENCE_REQUEST_FIRST,
                    format!("join of {} without request", bare(to)),
                );
            }
            if self.resumed && self.shown.contains_key(to) {
                self.verdict
                    .broken(rule::RESUME_KEEPS, "joins again after the stream was resumed");
            }
            self.name = presence
                .children()
                .find(|child| child.name() == "nick")
                .map(Element::text)
                .unwrap_or_default();
            self.join = Some(self.name.clone());
            self.check_room(to);
            self.shown.insert(to.to_owned(), Shown::default());
        }
        let shown = self.shown.entry(to.to_owned()).or_default();
        shown.update(presence, resource(to), &self.verdict);
    }

    fn check_room(&mut self, to: &str) {
        let room = node(to);
        // A tenant is not part of room=.
        let room = room.split_once(']').map_or(room, |(_, r)| r);
        if !self.room.is_empty() && !same_room(&self.room, room) {
            self.verdict
                .broken(rule::ROOM_PARAMETER, format!("room={} but joins {room}", self.room));
        }
        let nick = resource(to);
        // A user name tells no nick.
        let of_guest = self.node.as_bytes().get(..8);
        let of_guest = of_guest.is_some_and(|start| start.iter().all(u8::is_ascii_hexdigit));
        let hexadecimal = nick.len() == 8 && nick.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !hexadecimal || (of_guest && !self.node.starts_with(nick)) {
            self.verdict
                .broken(rule::NICK, format!("nick {nick} for JID node {}", self.node));
        }
    }

    /// A text frame from the server.
    pub fn server_frame(&mut self, text: &str, now: Instant) {
        self.last_frame = Some(now);
        self.silence_noted = false;
        let Ok(element) = xml::parse(text) else { return };
        match element.name() {
            // The server knows the stream no more.
            "failed" if self.counters.resuming => self.resume_refused(),
            "success" if element.has_ns(ns::SASL) => self.needs_open = true,
            "iq" | "presence" | "message" => {
                self.counters.delivered();
                self.server_stanza(&element, now);
            }
            "r" | "a" | "enabled" | "resumed" | "failed" => self.counters.server_said(&element, now),
            _ => {}
        }
    }

    fn server_stanza(&mut self, element: &Element, now: Instant) {
        if element.name() == "iq" {
            if let Some(jid) = element
                .get_child("bind", ns::BIND)
                .and_then(|b| b.get_child("jid", ns::BIND))
            {
                self.node = node(&jid.text()).to_owned();
                self.bound = true;
            }
            if matches!(element.attr("type"), Some("get" | "set")) {
                let id = element.attr("id").unwrap_or_default().to_owned();
                self.asked.insert(id, (now, 0, false));
            }
        }
        if element.name() == "presence" {
            let from = element.attr("from").unwrap_or_default();
            let own = element
                .get_child("x", ns::MUC_USER)
                .is_some_and(|x| xml::children(x, "status", ns::MUC_USER).any(|s| s.attr("code") == Some("110")));
            match element.attr("type") {
                None if own => self.nick = Some(resource(from).to_owned()),
                // Kicked, or the room was destroyed: nothing is left to leave.
                Some("unavailable") if own => drop(self.shown.remove(from)),
                Some("error") => drop(self.shown.remove(from)),
                _ => {}
            }
        }
    }

    fn close(&mut self) {
        self.closed = true;
        if let Some(room) = self.shown.keys().next() {
            self.verdict
                .broken(rule::LEAVE_ORDER, format!("<close/> while still in {}", bare(room)));
        }
    }

    /// The client's socket ended.
    pub fn socket_closed(&mut self) {
        // Whoever is still in a room may be about to resume; whoever has left it has forgotten to say so.
        if self.resumption_id().is_none() || self.shown.is_empty() {
            self.not_resumed();
        }
        self.unanswered(None);
    }

    /// The stream of a socket that ended was not resumed: then it was a leave, and a rude one.
    pub fn not_resumed(&self) {
        if !self.closed && self.bound {
            self.verdict
                .broken(rule::LEAVE_ORDER, "the socket ended without <close/>");
        }
    }

    /// Prosody ended the stream.
    pub fn server_closed(&mut self) {
        self.unanswered(None);
    }

    /// The bench itself looked at nothing for so long.
    pub fn stood_still(&mut self, time: Duration) {
        self.last_frame = self.last_frame.map(|last| last + time);
    }

    /// Looks at what is late.
    pub fn tick(&mut self, now: Instant) {
        self.unanswered(Some(now));
        self.counters.tick(now, self.bound, &self.verdict);
        let longest = QUIET + self.verdict.within(PINGS_WITHIN);
        let silent = self.last_frame.is_some_and(|last| now.duration_since(last) > longest);
        if silent && self.bound && !self.closed && !self.silence_noted {
            self.silence_noted = true;
            let detail = format!("{} s without any frame", longest.as_secs());
            self.verdict.broken(rule::PING, detail);
        }
    }

    fn unanswered(&mut self, now: Option<Instant>) {
        let limit = self.verdict.within(ANSWER);
        for (id, (asked, answers, noted)) in &mut self.asked {
            let late = now.is_some_and(|now| now.duration_since(*asked) > limit);
            if *answers == 0 && late && !*noted {
                *noted = true;
                self.verdict
                    .broken(rule::IQ_ONCE, format!("IQ {id} is not answered within {ANSWER:?}"));
            }
        }
        if let Some(now) = now {
            self.asked
                .retain(|_, (asked, _, _)| now.duration_since(*asked) < Duration::from_secs(60));
        }
    }
}

/// `room=` may be percent-encoded once more than the JID.
fn same_room(parameter: &str, room: &str) -> bool {
    let decoded = percent_decode(parameter);
    parameter == room || decoded == room || decoded == percent_decode(room)
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .and_then(|h| std::str::from_utf8(h).ok())
            .and_then(|h| u8::from_str_radix(h, 16).ok());
        match hex {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests;
