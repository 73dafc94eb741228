//! From text to tree, with every limit counted on the tokens.

use minidom::Element;
use rxml::parser::{NamespaceResolver, RawParser};
use rxml::{Event, Parse, RawEvent};

/// Largest document in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// Deepest nesting of elements, the root being 1.
pub const MAX_DEPTH: usize = 64;
/// Most attributes (namespace declarations included) of one element.
pub const MAX_ATTRIBUTES: usize = 64;
/// Most elements of one document.
pub const MAX_ELEMENTS: usize = 32_768;

/// Why a document was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Above [`MAX_BYTES`].
    #[error("a document of {0} bytes is above the limit of {MAX_BYTES}")]
    TooLarge(usize),
    /// Above [`MAX_DEPTH`].
    #[error("elements nest deeper than {MAX_DEPTH}")]
    TooDeep,
    /// Above [`MAX_ATTRIBUTES`].
    #[error("an element has more than {MAX_ATTRIBUTES} attributes")]
    TooManyAttributes,
    /// Above [`MAX_ELEMENTS`].
    #[error("the document has more than {MAX_ELEMENTS} elements")]
    TooManyElements,
    /// The document ends inside its root element, or has none.
    #[error("the document is not complete")]
    Incomplete,
    /// Something follows the root element.
    #[error("something follows the root element")]
    Trailing,
    /// The root element has no namespace.
    #[error("the root element has no namespace")]
    MissingNamespace,
    /// Not XML, or XML that no XMPP peer may send: a DTD, a processing instruction, a comment, an entity.
    #[error("not acceptable XML: {0}")]
    Malformed(String),
}

/// Reads one whole document: one stanza or nonza of an RFC 7395 frame.
///
/// # Errors
/// [`XmlError`]. No input makes it recurse, panic, or hold more than a small multiple of its size.
pub fn parse(text: &str) -> Result<Element, XmlError> {
    if text.len() > MAX_BYTES {
        return Err(XmlError::TooLarge(text.len()));
    }
    let mut rest = text.as_bytes();
    let mut tokens = Counted { parser: RawParser::new(), depth: 0, attributes: 0, elements: 0, limit: None };
    let mut resolver = NamespaceResolver::new();
    let mut open: Vec<Element> = Vec::new();
    loop {
        let event = match resolver.next(|| tokens.next(&mut rest)) {
            Ok(Some(event)) => event,
            Ok(None) | Err(rxml::error::EndOrError::NeedMoreData) => return Err(XmlError::Incomplete),
            Err(rxml::error::EndOrError::Error(error)) => return Err(tokens.limit.unwrap_or_else(|| malformed(error))),
        };
        match event {
            Event::XmlDeclaration(..) => {}
            Event::StartElement(_, (namespace, name), attributes) => {
                if namespace.is_none() && open.is_empty() {
                    return Err(XmlError::MissingNamespace);
                }
                let mut element = Element::bare(name.as_str(), namespace.as_str());
                *element.attrs_mut() = attributes;
                open.push(element);
            }
            Event::Text(_, text) => {
                if let Some(top) = open.last_mut() {
                    top.append_text(text);
                }
            }
            Event::EndElement(_) => {
                let Some(done) = open.pop() else { return Err(XmlError::Incomplete) };
                match open.last_mut() {
                    Some(parent) => {
                        parent.append_child(done);
                    }
                    None if rest.iter().all(u8::is_ascii_whitespace) => return Ok(done),
                    None => return Err(XmlError::Trailing),
                }
            }
        }
    }
}

fn malformed(error: rxml::Error) -> XmlError {
    XmlError::Malformed(error.to_string())
}

/// The tokenizer with its counters: a limit is seen before the token reaches anything that stores it.
struct Counted {
    parser: RawParser,
    depth: usize,
    attributes: usize,
    elements: usize,
    limit: Option<XmlError>,
}

impl Counted {
    fn next(&mut self, rest: &mut &[u8]) -> Result<Option<RawEvent>, rxml::error::EndOrError> {
        let event = self.parser.parse(rest, true)?;
        match &event {
            Some(RawEvent::ElementHeadOpen(..)) => {
                self.depth += 1;
                self.elements += 1;
                self.attributes = 0;
            }
            Some(RawEvent::Attribute(..)) => self.attributes += 1,
            Some(RawEvent::ElementFoot(..)) => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.limit = if self.depth > MAX_DEPTH {
            Some(XmlError::TooDeep)
        } else if self.attributes > MAX_ATTRIBUTES {
            Some(XmlError::TooManyAttributes)
        } else if self.elements > MAX_ELEMENTS {
            Some(XmlError::TooManyElements)
        } else {
            None
        };
        match self.limit {
            Some(_) => Err(rxml::error::EndOrError::Error(rxml::Error::RestrictedXml("limit"))),
            None => Ok(event),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs on a stack of 128 KiB: recursion per element would end the process.
    fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::Builder::new().stack_size(128 << 10).spawn(work).unwrap().join().unwrap()
    }

    #[test]
    fn two_hundred_thousand_nested_elements_are_refused_on_a_small_stack() {
        for (start, end) in [("<a>", "</a>"), ("<a xmlns='x'>", "</a>")] {
            let count = if start.len() > 3 { 70_000 } else { 200_000 };
            let open = format!("<a xmlns='x'>{}", start.repeat(count));
            let whole = format!("{open}{}</a>", end.repeat(if count == 200_000 { 40_000 } else { 0 }));
            assert!(whole.len() <= MAX_BYTES);
            assert_eq!(on_a_small_stack(move || parse(&whole)), Err(XmlError::TooDeep));
        }
    }

    #[test]
    fn the_deepest_allowed_tree_is_parsed_written_compared_and_dropped_on_a_small_stack() {
        let text = format!("<a xmlns='x'>{}{}</a>", "<a>".repeat(MAX_DEPTH - 1), "</a>".repeat(MAX_DEPTH - 1));
        let again = on_a_small_stack(move || {
            let tree = parse(&text).unwrap();
            let written = crate::xml::to_text(&tree);
            assert!(parse(&written).unwrap() == tree);
            written
        });
        assert_eq!(again.matches("<a").count(), MAX_DEPTH);
    }

    #[test]
    fn one_level_more_than_allowed_is_refused() {
        let text = format!("<a xmlns='x'>{}{}</a>", "<a>".repeat(MAX_DEPTH), "</a>".repeat(MAX_DEPTH));
        assert_eq!(parse(&text), Err(XmlError::TooDeep));
    }

    #[test]
    fn size_attributes_and_elements_are_limited() {
        let large = format!("<a xmlns='x'>{}</a>", "y".repeat(MAX_BYTES));
        assert_eq!(parse(&large), Err(XmlError::TooLarge(large.len())));
        let attributes: String = (0..MAX_ATTRIBUTES).map(|n| format!(" a{n}=''")).collect();
        assert_eq!(parse(&format!("<a xmlns='x'{attributes}/>")), Err(XmlError::TooManyAttributes));
        let declarations: String = (0..100_000).map(|_| " a='b'").collect();
        assert_eq!(parse(&format!("<a xmlns='x'{declarations}/>")), Err(XmlError::TooManyAttributes));
        let wide = format!("<a xmlns='x'>{}</a>", "<b/>".repeat(MAX_ELEMENTS));
        assert_eq!(parse(&wide), Err(XmlError::TooManyElements));
    }

    #[test]
    fn dtd_entities_instructions_and_comments_are_refused() {
        for text in [
            "<!DOCTYPE a [<!ENTITY b 'c'>]><a xmlns='x'>&b;</a>",
            "<a xmlns='x'>&b;</a>",
            "<a xmlns='x'><?php ?></a>",
            "<a xmlns='x'><!-- --></a>",
        ] {
            assert!(matches!(parse(text), Err(XmlError::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn a_document_is_whole_alone_and_in_a_namespace() {
        assert_eq!(parse(""), Err(XmlError::Incomplete));
        assert_eq!(parse("<a/>"), Err(XmlError::MissingNamespace));
        assert!(parse("<a xmlns='x'><b xmlns=''/></a>").unwrap().has_child("b", ""));
        assert!(matches!(parse("<a xmlns='x'>"), Err(XmlError::Incomplete | XmlError::Malformed(_))));
        assert_eq!(parse("<a xmlns='x'/><b xmlns='x'/>"), Err(XmlError::Trailing));
        assert!(parse("<?xml version='1.0'?> <a xmlns='x'/> \n").is_ok());
    }

    #[test]
    fn long_text_prefixes_and_entities_arrive_whole() {
        let long = "é".repeat(20_000);
        let tree = parse(&format!("<p:a xmlns:p='x' xmlns='y' xml:lang='fr'><b>{long}&lt;</b></p:a>")).unwrap();
        assert!(tree.is("a", "x"));
        assert_eq!(tree.get_child("b", "y").unwrap().text(), format!("{long}<"));
    }
}
