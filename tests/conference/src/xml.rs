//! Reading and writing XML: size and depth are counted before a tree is built, because `minidom` recurses.

use minidom::Element;

/// The largest stanza that is read, in bytes.
pub const MAX_STANZA: usize = 256 * 1024;
/// The deepest stanza that is read, in nested elements.
pub const MAX_DEPTH: usize = 64;

/// Why a text is not read.
#[derive(Debug, thiserror::Error)]
pub enum XmlError {
    /// More than [`MAX_STANZA`] bytes.
    #[error("stanza of {0} bytes is larger than {MAX_STANZA}")]
    TooLarge(usize),
    /// More than [`MAX_DEPTH`] nested elements.
    #[error("stanza is nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// Not well formed, or uses a prefix that is not bound.
    #[error("not well-formed: {0}")]
    Malformed(String),
}

/// Escapes character data and attribute values (both quotes).
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c => out.push(c),
        }
    }
    out
}

/// Parses one element that declares its own namespaces.
pub fn parse(text: &str) -> Result<Element, XmlError> {
    if text.len() > MAX_STANZA {
        return Err(XmlError::TooLarge(text.len()));
    }
    let mut scanner = Scanner::default();
    let mut complete = false;
    for byte in text.bytes() {
        // The tree builder stops at the end of the first element and would not notice a second.
        if complete && !byte.is_ascii_whitespace() {
            return Err(XmlError::Malformed("something follows the element".into()));
        }
        let closed = scanner.step(byte);
        complete = closed && scanner.depth == 0 && !matches!(scanner.first, Some(b'?' | b'!')) || complete;
        if scanner.depth > MAX_DEPTH {
            return Err(XmlError::TooDeep);
        }
    }
    text.parse::<Element>().map_err(|e| XmlError::Malformed(e.to_string()))
}

/// Writes an element as text.
pub fn write(element: &Element) -> String {
    String::from(element)
}

/// The children of `parent` named `name` in namespace `ns`.
pub fn children<'a>(parent: &'a Element, name: &'a str, ns: &'a str) -> impl Iterator<Item = &'a Element> {
    parent.children().filter(move |c| c.is(name, ns))
}

/// Follows tags through a text without building anything.
#[derive(Default)]
struct Scanner {
    depth: usize,
    in_tag: bool,
    quote: Option<u8>,
    first: Option<u8>,
    last: u8,
}

impl Scanner {
    /// True when this byte closes a tag.
    fn step(&mut self, byte: u8) -> bool {
        if !self.in_tag {
            if byte == b'<' {
                self.in_tag = true;
                self.first = None;
                self.last = 0;
            }
            return false;
        }
        if let Some(quote) = self.quote {
            if byte == quote {
                self.quote = None;
            }
            return false;
        }
        if byte == b'>' {
            self.in_tag = false;
            match (self.first, self.last) {
                (Some(b'/'), _) => self.depth = self.depth.saturating_sub(1),
                (Some(b'?' | b'!'), _) | (_, b'/') => {}
                _ => self.depth += 1,
            }
            return true;
        }
        if matches!(byte, b'"' | b'\'') {
            self.quote = Some(byte);
        }
        self.first.get_or_insert(byte);
        self.last = byte;
        false
    }
}

/// Cuts a `stream:stream` of RFC 6120 into its stanzas.
#[derive(Default)]
pub struct Splitter {
    buffer: Vec<u8>,
    scanned: usize,
    scanner: Scanner,
}

/// What a [`Splitter`] found.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// The opening tag of the stream, as text.
    Open(String),
    /// One whole stanza, as text. It inherits the namespace of the stream.
    Stanza(String),
    /// The end of the stream.
    Close,
}

impl Splitter {
    /// Takes bytes as they arrive and gives what became complete.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Piece>, XmlError> {
        self.buffer.extend_from_slice(bytes);
        let mut pieces = Vec::new();
        while self.scanned < self.buffer.len() {
            let byte = self.buffer[self.scanned];
            let before = self.scanner.depth;
            let closed = self.scanner.step(byte);
            self.scanned += 1;
            if self.scanner.depth > MAX_DEPTH {
                return Err(XmlError::TooDeep);
            }
            if !closed {
                continue;
            }
            let declaration = matches!(self.scanner.first, Some(b'?' | b'!'));
            let after = self.scanner.depth;
            let complete = declaration || after == 0 || (before == 0 && after == 1) || (after == 1 && before >= 1);
            if !complete {
                continue;
            }
            let text: Vec<u8> = self.buffer.drain(..self.scanned).collect();
            self.scanned = 0;
            let text = String::from_utf8_lossy(&text).trim().to_owned();
            if declaration {
                continue;
            }
            pieces.push(match (before, after) {
                (0, _) => Piece::Open(text),
                (_, 0) => Piece::Close,
                _ => Piece::Stanza(text),
            });
        }
        if self.buffer.len() > MAX_STANZA {
            return Err(XmlError::TooLarge(self.buffer.len()));
        }
        Ok(pieces)
    }
}

/// Parses a stanza that inherits `ns` from its stream.
pub fn parse_in(text: &str, ns: &str) -> Result<Element, XmlError> {
    // The stream's default namespace, and the prefix that servers use for stream errors and features.
    let name_end = text[1..]
        .find([' ', '>', '/', '\t', '\n'])
        .map_or(text.len(), |i| i + 1);
    let tag_end = text.find('>').unwrap_or(text.len());
    let tag = &text[..tag_end];
    let mut declared = String::new();
    if !tag.contains(" xmlns=") {
        declared.push_str(&format!(" xmlns='{ns}'"));
    }
    if !tag.contains(" xmlns:stream=") {
        declared.push_str(" xmlns:stream='http://etherx.jabber.org/streams'");
    }
    parse(&format!("{}{}{}", &text[..name_end], declared, &text[name_end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_elements_are_refused_before_a_tree_is_built() {
        let deep = "<a xmlns='x'>".to_owned() + &"<a>".repeat(20_000) + &"</a>".repeat(20_001);
        assert!(matches!(parse(&deep), Err(XmlError::TooDeep)));
    }

    #[test]
    fn a_second_element_behind_the_first_is_noticed() {
        assert!(parse("<a xmlns='x'/> \n").is_ok());
        assert!(parse("<?xml version='1.0'?><a xmlns='x'><b/></a>").is_ok());
        assert!(parse("<a xmlns='x'/><a xmlns='x'/>").is_err());
        assert!(parse("<a xmlns='x'><b/></a>text").is_err());
    }

    #[test]
    fn a_greater_than_sign_in_an_attribute_does_not_end_the_tag() {
        let parsed = parse("<a xmlns='x' b='1 > 0'><c/></a>").unwrap();
        assert_eq!(parsed.attr("b"), Some("1 > 0"));
        assert!(parsed.has_child("c", "x"));
    }

    #[test]
    fn a_stream_is_cut_into_stanzas_wherever_the_bytes_break() {
        let text = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
                    xmlns:stream='http://etherx.jabber.org/streams' id='7'><handshake/>\
                    <iq id='1'><q xmlns='x'><y/></q></iq><presence/></stream:stream>";
        for size in 1..text.len() {
            let mut splitter = Splitter::default();
            let pieces: Vec<Piece> = text
                .as_bytes()
                .chunks(size)
                .flat_map(|chunk| splitter.push(chunk).unwrap())
                .collect();
            assert_eq!(pieces.len(), 5, "cut every {size} bytes: {pieces:?}");
            assert_eq!(pieces[2], Piece::Stanza("<iq id='1'><q xmlns='x'><y/></q></iq>".into()));
            assert_eq!(pieces[4], Piece::Close);
        }
    }

    #[test]
    fn a_stanza_inherits_the_namespace_of_its_stream() {
        let iq = parse_in("<iq id='1'><q xmlns='x'/></iq>", "jabber:component:accept").unwrap();
        assert!(iq.is("iq", "jabber:component:accept"));
        assert!(parse_in("<handshake/>", "jabber:component:accept").is_ok());
    }
}
