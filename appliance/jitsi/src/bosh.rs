//! XMPP over HTTP (XEP-0124, XEP-0206) where no WebSocket is to be had. Pure: the frames of [`crate::stream::Stream`], which
//! speaks as over a WebSocket, go in and come out; requests come out and answers go in.

use std::collections::{BTreeMap, VecDeque};

use minidom::Element;

use crate::xml::{element, parse, to_text};

const NS: &str = "http://jabber.org/protocol/httpbind";
const XBOSH: &str = "urn:xmpp:xbosh";
const FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";
const STREAM: &str = "http://etherx.jabber.org/streams";
/// Longest time the server may keep a request open, seconds.
pub const WAIT_SECONDS: u64 = 30;
/// Requests open at once: one that waits, one that says something.
const AT_ONCE: usize = 2;
/// Stanzas in one request.
const MAX_STANZAS: usize = 64;
/// Answers that may wait for an earlier one.
const MAX_EARLY: usize = 8;

/// A request to be posted. The same request is posted again when its answer is lost: the server knows its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its number (`rid`).
    pub number: u64,
    /// The document.
    pub body: String,
}

/// One session over HTTP.
#[derive(Debug)]
pub struct Bosh {
    next: u64,
    /// Number of the answer that is read next.
    reading: u64,
    session: Option<String>,
    domain: String,
    waiting: VecDeque<String>,
    open: usize,
    early: BTreeMap<u64, String>,
    ended: bool,
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoshEnd {
    /// Both sides have closed it.
    #[error("closed")]
    Closed,
    /// The server ended it, with a condition of XEP-0124 §17 if it gave one.
    #[error("the server ended the session ({0})")]
    ByServer(String),
    /// What came is no answer of a BOSH server.
    #[error("not a BOSH server: {0}")]
    NotBosh(String),
}

impl Bosh {
    /// `first` is the number of the first request; nobody shall guess it.
    #[must_use]
    pub fn new(first: u64) -> Self {
        // XEP-0124 §7: small enough that no sum exceeds 2^53.
        let first = first % (1 << 48) + 1;
        Self {
            next: first,
            reading: first,
            session: None,
            domain: String::new(),
            waiting: VecDeque::new(),
            open: 0,
            early: BTreeMap::new(),
            ended: false,
        }
    }

    /// A frame of the stream is to be sent.
    pub fn send(&mut self, frame: String) {
        self.waiting.push_back(frame);
    }

    /// The next request to post, if one is due now.
    pub fn next_request(&mut self) -> Option<Request> {
        if self.ended || self.open >= AT_ONCE {
            return None;
        }
        let body = match &self.session {
            // Without a session there is one request, the one that asks for it.
            None if self.open > 0 => return None,
            None => {
                let opening = self.waiting.pop_front()?;
                self.create(&opening)?
            }
            Some(session) => {
                let session = session.clone();
                if self.waiting.is_empty() && self.open > 0 {
                    return None;
                }
                self.say(&session)
            }
        };
        let number = self.next;
        self.next += 1;
        self.open += 1;
        Some(Request { number, body })
    }

    fn create(&mut self, opening: &str) -> Option<String> {
        let open = parse(opening).ok().filter(|open| open.is("open", FRAMING))?;
        self.domain = open.attr("to").unwrap_or_default().to_owned();
        let body = element("body", NS)
            .attr("content", "text/xml; charset=utf-8")
            .attr("hold", "1")
            .attr("rid", self.next.to_string())
            .attr("to", self.domain.as_str())
            .attr("ver", "1.6")
            .attr("wait", WAIT_SECONDS.to_string());
        // The attributes of XEP-0206 have a prefix, for which the library has no word.
        let text = to_text(&body.build());
        Some(with_attributes(&text, "xmpp:version='1.0'"))
    }

    /// What waits, in one request. A new `<open/>` restarts the stream and stands alone; `<close/>` ends it.
    fn say(&mut self, session: &str) -> String {
        let mut inside = String::new();
        let mut extra = "";
        for _ in 0..MAX_STANZAS {
            let Some(frame) = self.waiting.front() else { break };
            if frame.starts_with("<open ") {
                if !inside.is_empty() {
                    break;
                }
                self.waiting.pop_front();
                extra = "xmpp:restart='true'";
                break;
            }
            if frame.starts_with("<close ") {
                self.waiting.clear();
                extra = "type='terminate'";
                break;
            }
            inside.push_str(frame);
            self.waiting.pop_front();
        }
        let body = element("body", NS)
            .attr("rid", self.next.to_string())
            .attr("sid", session)
            .attr("to", self.domain.as_str());
        let head = with_attributes(&to_text(&body.build()), extra);
        if inside.is_empty() {
            return head;
        }
        let head = head.strip_suffix("/>").unwrap_or(&head);
        format!("{head}>{inside}</body>")
    }

    /// The answer to a request; gives the frames for the stream, in order.
    ///
    /// # Errors
    /// The session is over. Frames of the same answer are lost only where the server is none.
    pub fn receive(&mut self, number: u64, answer: &str) -> Result<Vec<String>, (Vec<String>, BoshEnd)> {
        self.open = self.open.saturating_sub(1);
        if self.early.len() >= MAX_EARLY {
            return self.end(Vec::new(), BoshEnd::NotBosh("too many answers out of order".into()));
        }
        self.early.insert(number, answer.to_owned());
        let mut frames = Vec::new();
        while let Some(answer) = self.early.remove(&self.reading) {
            self.reading += 1;
            if let Err(end) = self.read(&answer, &mut frames) {
                return self.end(frames, end);
            }
        }
        Ok(frames)
    }

    fn read(&mut self, answer: &str, frames: &mut Vec<String>) -> Result<(), BoshEnd> {
        let body = parse(answer).map_err(|error| BoshEnd::NotBosh(error.to_string()))?;
        if !body.is("body", NS) {
            return Err(BoshEnd::NotBosh("no body".into()));
        }
        if self.session.is_none() {
            self.session = body.attr("sid").map(str::to_owned).filter(|sid| sid.len() <= 256);
        }
        frames.extend(body.children().map(to_text));
        if body.attr("type") == Some("terminate") {
            return Err(match body.attr("condition") {
                Some(condition) => BoshEnd::ByServer(condition.chars().take(64).collect()),
                None => BoshEnd::Closed,
            });
        }
        match self.session {
            Some(_) => Ok(()),
            None => Err(BoshEnd::NotBosh("no session".into())),
        }
    }

    fn end(&mut self, mut frames: Vec<String>, end: BoshEnd) -> Result<Vec<String>, (Vec<String>, BoshEnd)> {
        self.ended = true;
        match &end {
            BoshEnd::Closed => frames.push(to_text(&element("close", FRAMING).build())),
            BoshEnd::ByServer(condition) => frames.push(stream_error(condition)),
            BoshEnd::NotBosh(_) => {}
        }
        Err((frames, end))
    }
}

/// The condition in the words of a stream (RFC 6120 §4.9.3).
fn stream_error(condition: &str) -> String {
    let known = matches!(condition, "host-unknown" | "improper-addressing" | "policy-violation");
    let name = if known { condition } else { "undefined-condition" };
    let condition = Element::builder(name, "urn:ietf:params:xml:ns:xmpp-streams").build();
    to_text(&Element::builder("error", STREAM).append(condition).build())
}

/// Puts attributes with the prefix of XEP-0206 into an empty element.
fn with_attributes(element: &str, attributes: &str) -> String {
    if attributes.is_empty() {
        return element.to_owned();
    }
    let head = element.strip_suffix("/>").unwrap_or(element);
    format!("{head} xmlns:xmpp='{XBOSH}' {attributes}/>")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='meet.example' version='1.0'/>";
    const CREATED: &str = "<body xmlns='http://jabber.org/protocol/httpbind' sid='s1' xmlns:stream='http://etherx.jabber.org/streams'>\
        <stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></stream:features></body>";
    const EMPTY: &str = "<body xmlns='http://jabber.org/protocol/httpbind'/>";

    fn message(number: u32) -> String {
        format!("<message xmlns='jabber:client' id='{number}'/>")
    }

    fn created() -> (Bosh, u64) {
        let mut bosh = Bosh::new(6);
        assert_eq!(bosh.next_request(), None, "nothing is said before the stream opens");
        bosh.send(OPEN.into());
        let request = bosh.next_request().unwrap();
        for part in [
            "rid='7'",
            "to='meet.example'",
            "hold='1'",
            "xmpp:version='1.0'",
            "wait='30'",
        ] {
            assert!(request.body.contains(part), "{part} in {}", request.body);
        }
        assert!(parse(&request.body).is_ok());
        assert_eq!(bosh.next_request(), None);
        let frames = bosh.receive(7, CREATED).unwrap();
        assert_eq!(frames.len(), 1);
        assert!(parse(&frames[0]).unwrap().is("features", STREAM));
        (bosh, 8)
    }

    #[test]
    fn one_request_waits_and_another_says_what_there_is_to_say() {
        let (mut bosh, number) = created();
        let poll = bosh.next_request().unwrap();
        assert_eq!(poll.number, number);
        assert!(
            poll.body.ends_with("/>") && poll.body.contains("sid='s1'"),
            "{}",
            poll.body
        );
        assert_eq!(bosh.next_request(), None);
        bosh.send(message(1));
        bosh.send(message(2));
        let said = bosh.next_request().unwrap();
        assert_eq!(parse(&said.body).unwrap().children().count(), 2);
        bosh.send(message(3));
        assert_eq!(bosh.next_request(), None, "two at once and no more");
        assert_eq!(bosh.receive(poll.number, EMPTY).unwrap(), Vec::<String>::new());
        assert!(bosh.next_request().unwrap().body.contains("id='3'"));
    }

    #[test]
    fn answers_are_read_in_the_order_of_their_requests() {
        let (mut bosh, _) = created();
        let first = bosh.next_request().unwrap();
        bosh.send(message(1));
        let second = bosh.next_request().unwrap();
        let answer = |id| format!("<body xmlns='{NS}'>{}</body>", message(id));
        assert_eq!(bosh.receive(second.number, &answer(20)).unwrap(), Vec::<String>::new());
        let frames = bosh.receive(first.number, &answer(10)).unwrap();
        let ids: Vec<_> = frames
            .iter()
            .map(|frame| parse(frame).unwrap().attr("id").unwrap().to_owned())
            .collect();
        assert_eq!(ids, ["10", "20"]);
    }

    #[test]
    fn a_second_opening_restarts_the_stream_and_a_closing_ends_it_with_what_was_to_be_said() {
        let (mut bosh, _) = created();
        bosh.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".into());
        bosh.send(OPEN.into());
        let auth = bosh.next_request().unwrap();
        assert!(auth.body.contains("<auth ") && !auth.body.contains("restart"));
        let restart = bosh.next_request().unwrap();
        assert!(restart.body.contains("xmpp:restart='true'") && restart.body.ends_with("/>"));
        bosh.receive(auth.number, EMPTY).unwrap();
        bosh.receive(restart.number, EMPTY).unwrap();
        bosh.send(message(1));
        bosh.send("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>".into());
        let last = bosh.next_request().unwrap();
        assert!(
            last.body.contains("type='terminate'") && last.body.contains("id='1'"),
            "{}",
            last.body
        );
        let terminated = format!("<body xmlns='{NS}' type='terminate'/>");
        let (frames, end) = bosh.receive(last.number, &terminated).unwrap_err();
        assert_eq!(end, BoshEnd::Closed);
        assert!(frames[0].starts_with("<close "));
        assert_eq!(bosh.next_request(), None);
    }

    #[test]
    fn what_is_no_bosh_server_is_named_and_conditions_are_told_to_the_stream() {
        for answer in ["", "<html/>", EMPTY, "not found"] {
            let mut bosh = Bosh::new(1);
            bosh.send(OPEN.into());
            let request = bosh.next_request().unwrap();
            let (frames, end) = bosh.receive(request.number, answer).unwrap_err();
            assert!(frames.is_empty() && matches!(end, BoshEnd::NotBosh(_)), "{answer}");
        }
        let (mut bosh, _) = created();
        let poll = bosh.next_request().unwrap();
        let gone = format!("<body xmlns='{NS}' type='terminate' condition='host-unknown'/>");
        let (frames, end) = bosh.receive(poll.number, &gone).unwrap_err();
        assert_eq!(end, BoshEnd::ByServer("host-unknown".into()));
        assert!(frames[0].contains("host-unknown"), "{frames:?}");
    }
}
