//! How one frame is spoilt: small helpers for the list of mutants.

/// Which way a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the box to the server or the bridge.
    ToServer,
    /// To the box.
    ToClient,
}
use Way::{ToClient, ToServer};

/// A text frame of the XMPP stream or of the bridge channel.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Where it goes.
    pub way: Way,
    /// What it says.
    pub text: String,
}

/// What a liar remembers in one meeting.
#[derive(Debug, Default)]
pub struct Memory {
    /// How often something was seen.
    pub count: u32,
    /// Frames kept for later.
    pub kept: Vec<String>,
}

/// What becomes of a frame.
pub type Frames = fn(Frame, &mut Memory) -> Vec<Frame>;

/// All that a liar does.
#[derive(Clone, Copy)]
pub struct Spoiling {
    /// To the URL of the XMPP WebSocket.
    pub url: fn(&str) -> String,
    /// Whether the sub-protocol is offered.
    pub subprotocol: bool,
    /// To each text frame.
    pub frames: Frames,
}

impl Default for Spoiling {
    fn default() -> Self {
        Self {
            url: str::to_owned,
            subprotocol: true,
            frames: |frame, _| vec![frame],
        }
    }
}

impl Frame {
    /// To the server.
    pub fn to_server(text: impl Into<String>) -> Self {
        Self {
            way: ToServer,
            text: text.into(),
        }
    }

    /// To the box.
    pub fn to_client(text: impl Into<String>) -> Self {
        Self {
            way: ToClient,
            text: text.into(),
        }
    }

    /// Whether the box says this, with all these parts in it.
    pub fn said(&self, parts: &[&str]) -> bool {
        self.way == ToServer && parts.iter().all(|part| self.text.contains(part))
    }

    /// Whether the box hears this, with all these parts in it.
    pub fn heard(&self, parts: &[&str]) -> bool {
        self.way == ToClient && parts.iter().all(|part| self.text.contains(part))
    }

    /// Goes on as it is.
    pub fn pass(self) -> Vec<Frame> {
        vec![self]
    }

    /// Goes on with another text.
    pub fn with(self, text: impl Into<String>) -> Vec<Frame> {
        vec![Frame {
            way: self.way,
            text: text.into(),
        }]
    }

    /// Goes on with every `from` turned into `to`.
    pub fn replaced(self, from: &str, to: &str) -> Vec<Frame> {
        let text = self.text.replace(from, to);
        self.with(text)
    }

    /// An attribute of the frame's first element.
    pub fn attribute(&self, name: &str) -> String {
        let tag = self.text.split('>').next().unwrap_or_default();
        [('\''), ('"')]
            .into_iter()
            .find_map(|quote| {
                let (_, rest) = tag.split_once(&format!(" {name}={quote}"))?;
                rest.split(quote).next().map(str::to_owned)
            })
            .unwrap_or_default()
    }

    /// The result that the box would send to this IQ.
    pub fn result(&self) -> Frame {
        Frame::to_server(format!(
            "<iq xmlns='jabber:client' type='result' id='{}' to='{}'/>",
            self.attribute("id"),
            self.attribute("from")
        ))
    }
}

/// The text between two marks, marks not included; empty without them.
pub fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start)
        .and_then(|(_, rest)| rest.split_once(end))
        .map_or("", |(inside, _)| inside)
}

/// The text without what stands from `start` to the next `end`, marks included.
pub fn without(text: &str, start: &str, end: &str) -> String {
    match text.split_once(start) {
        Some((before, rest)) => match rest.split_once(end) {
            Some((_, after)) => format!("{before}{after}"),
            None => text.to_owned(),
        },
        None => text.to_owned(),
    }
}
