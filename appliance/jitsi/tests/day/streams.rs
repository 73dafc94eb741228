//! The streams of the simulated service (XEP-0198): it counts, keeps what is not acknowledged, and keeps a lost stream,
//! with its occupant of the room, for a minute.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long a lost stream is kept.
pub const KEPT: Duration = Duration::from_secs(60);
/// How long a service does not see that a network is away without a word.
pub const UNNOTICED: Duration = Duration::from_secs(14 * 60);

/// One stream, over all its sockets.
pub struct Stream {
    /// What `previd=` and `<resume/>` name it by; empty until it is enabled.
    pub id: String,
    /// Of its address; the first eight characters are the nick.
    pub node: String,
    /// Address in the room; none: not in it.
    pub occupant: Option<String>,
    /// Whether the others take microphone and camera for off.
    pub muted: (bool, bool),
    /// When its socket was lost, and when it is forgotten; none: it lives.
    pub lost: Option<(Instant, Instant)>,
    handled: u32,
    sent: u32,
    kept: VecDeque<String>,
    /// Ids of the newest questions.
    asked: VecDeque<String>,
}

impl Stream {
    fn enabled(&self) -> bool {
        !self.id.is_empty()
    }

    /// Counts what the box says; a question must not come twice.
    pub fn hears(&mut self, name: &str, kind: Option<&str>, id: &str) {
        if self.enabled() && is_stanza(name) {
            self.handled += 1;
        }
        // Pings are numbered anew on each socket.
        if matches!(kind, Some("get" | "set")) && !id.starts_with("ping-") {
            assert!(!self.asked.iter().any(|asked| asked == id), "{id} is asked twice");
            self.asked.push_back(id.to_owned());
            if self.asked.len() > 50 {
                self.asked.pop_front();
            }
        }
    }

    /// Keeps what is said until it is acknowledged; true if an acknowledgement is to be asked for.
    pub fn says(&mut self, text: &str) -> bool {
        let stanza = ["<iq", "<presence", "<message"]
            .iter()
            .any(|name| text.starts_with(name));
        if !(self.enabled() && stanza) {
            return false;
        }
        self.sent += 1;
        self.kept.push_back(text.to_owned());
        assert!(self.kept.len() < 100, "the box acknowledges nothing");
        self.sent.is_multiple_of(5)
    }

    /// The box says how many have arrived.
    pub fn acknowledged(&mut self, count: u32) {
        let open = u32::try_from(self.kept.len()).unwrap();
        let before = self.sent - open;
        assert!(
            (before..=self.sent).contains(&count),
            "{count} of {before} to {}",
            self.sent
        );
        self.kept.drain(..usize::try_from(count - before).unwrap());
    }

    pub fn acknowledgement(&self) -> String {
        format!("<a xmlns='urn:xmpp:sm:3' h='{}'/>", self.handled)
    }
}

fn is_stanza(name: &str) -> bool {
    matches!(name, "iq" | "presence" | "message")
}

/// All that the service knows.
#[derive(Default)]
pub struct Streams {
    pub all: Vec<Stream>,
    bound: u32,
    /// How often a stream went on, was not known any more, and was begun.
    pub resumed: u32,
    pub refused: u32,
}

impl Streams {
    /// A new address; the stream that has it is the last.
    pub fn bind(&mut self) -> String {
        self.bound += 1;
        let node = format!("{:08x}-0000-4000-8000-000000000000", self.bound);
        self.all.push(Stream {
            id: String::new(),
            node: node.clone(),
            occupant: None,
            muted: (false, false),
            lost: None,
            handled: 0,
            sent: 0,
            kept: VecDeque::new(),
            asked: VecDeque::new(),
        });
        node
    }

    pub fn enable(&mut self, node: &str) -> String {
        let id = format!("st{}", self.bound);
        self.of(node).unwrap().id.clone_from(&id);
        format!(
            "<enabled xmlns='urn:xmpp:sm:3' id='{id}' resume='true' max='{}'/>",
            KEPT.as_secs()
        )
    }

    pub fn of(&mut self, node: &str) -> Option<&mut Stream> {
        self.all.iter_mut().find(|stream| stream.node == node)
    }

    /// The socket is gone. One that cannot be resumed ends at once; gives the occupant that leaves with it.
    pub fn lose(&mut self, node: &str, now: Instant, noticed_after: Duration) {
        if let Some(stream) = self.of(node).filter(|stream| stream.lost.is_none()) {
            stream.lost = Some((now, now + noticed_after + KEPT));
        }
        self.all.retain(|stream| stream.node != node || stream.enabled());
    }

    /// The box has said goodbye.
    pub fn end(&mut self, node: &str) {
        self.all.retain(|stream| stream.node != node);
    }

    /// Forgets what was kept long enough, and gives those who are seen to go.
    pub fn forget(&mut self, now: Instant) -> Vec<String> {
        let over = |stream: &Stream| stream.lost.is_some_and(|(_, until)| until <= now);
        let gone = self.all.iter().filter(|stream| over(stream));
        let gone = gone.filter_map(|stream| stream.occupant.clone()).collect();
        self.all.retain(|stream| !over(stream));
        gone
    }

    /// The answer to `<resume/>`, and the stream that goes on.
    pub fn resume(&mut self, previous: &str, count: u32) -> (Vec<String>, Option<String>) {
        let Some(stream) = self
            .all
            .iter_mut()
            .find(|stream| stream.enabled() && stream.id == previous)
        else {
            self.refused += 1;
            let item = "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>";
            return (vec![format!("<failed xmlns='urn:xmpp:sm:3'>{item}</failed>")], None);
        };
        self.resumed += 1;
        stream.lost = None;
        stream.acknowledged(count);
        let resumed = format!(
            "<resumed xmlns='urn:xmpp:sm:3' previd='{previous}' h='{}'/>",
            stream.handled
        );
        let said = [resumed].into_iter().chain(stream.kept.iter().cloned());
        (said.collect(), Some(stream.node.clone()))
    }

    /// Who is in the room: those who live, and those who are only not forgotten.
    pub fn occupants(&self) -> (Vec<&Stream>, Vec<&Stream>) {
        let inside = self.all.iter().filter(|stream| stream.occupant.is_some());
        inside.partition(|stream| stream.lost.is_none())
    }
}
