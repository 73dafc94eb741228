//! From text to tree, with every limit counted on the tokens.

use minidom::Element;
use rxml::error::EndOrError;
use rxml::{Event, Parse, Parser, RawEvent, RawParser};

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
    count(text.as_bytes())?;
    build(text.as_bytes())
}

/// First pass, on bare tokens, which stores nothing: depth, attributes, elements.
fn count(mut rest: &[u8]) -> Result<(), XmlError> {
    let mut tokens = RawParser::new();
    let (mut depth, mut attributes, mut elements) = (0_usize, 0, 0);
    while let Some(token) = next(&mut tokens, &mut rest)? {
        match token {
            RawEvent::ElementHeadOpen(..) => {
                depth += 1;
                elements += 1;
                attributes = 0;
            }
            RawEvent::Attribute(..) => attributes += 1,
            RawEvent::ElementFoot(..) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(XmlError::TooDeep);
        } else if attributes > MAX_ATTRIBUTES {
            return Err(XmlError::TooManyAttributes);
        } else if elements > MAX_ELEMENTS {
            return Err(XmlError::TooManyElements);
        }
    }
    Ok(())
}

/// Second pass, with namespaces, within the limits of the first.
fn build(mut rest: &[u8]) -> Result<Element, XmlError> {
    let mut events = Parser::new();
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    while let Some(event) = next(&mut events, &mut rest)? {
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
            Event::EndElement(_) => match (open.pop(), open.last_mut()) {
                (Some(done), Some(parent)) => {
                    parent.append_child(done);
                }
                (done, None) => root = done,
                (None, Some(_)) => {}
            },
        }
    }
    root.ok_or(XmlError::Incomplete)
}

fn next<P: Parse>(parser: &mut P, rest: &mut &[u8]) -> Result<Option<P::Output>, XmlError> {
    parser.parse(rest, true).map_err(|error| match error {
        EndOrError::NeedMoreData => XmlError::Incomplete,
        EndOrError::Error(error) => XmlError::Malformed(error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs on a stack of 128 KiB: recursion per element would end the process.
    fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        std::thread::Builder::new()
            .stack_size(128 << 10)
            .spawn(work)
            .unwrap()
            .join()
            .unwrap()
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
        let text = format!(
            "<a xmlns='x'>{}{}</a>",
            "<a>".repeat(MAX_DEPTH - 1),
            "</a>".repeat(MAX_DEPTH - 1)
        );
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
        let text = format!(
            "<a xmlns='x'>{}{}</a>",
            "<a>".repeat(MAX_DEPTH),
            "</a>".repeat(MAX_DEPTH)
        );
        assert_eq!(parse(&text), Err(XmlError::TooDeep));
    }

    #[test]
    fn size_attributes_and_elements_are_limited() {
        let large = format!("<a xmlns='x'>{}</a>", "y".repeat(MAX_BYTES));
        assert_eq!(parse(&large), Err(XmlError::TooLarge(large.len())));
        let attributes: String = (0..MAX_ATTRIBUTES).map(|n| format!(" a{n}=''")).collect();
        assert_eq!(
            parse(&format!("<a xmlns='x'{attributes}/>")),
            Err(XmlError::TooManyAttributes)
        );
        let declarations: String = (0..100_000).map(|_| " a='b'").collect();
        assert_eq!(
            parse(&format!("<a xmlns='x'{declarations}/>")),
            Err(XmlError::TooManyAttributes)
        );
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
        assert!(matches!(parse(""), Err(XmlError::Malformed(_))));
        assert_eq!(parse("<a/>"), Err(XmlError::MissingNamespace));
        assert!(parse("<a xmlns='x'><b xmlns=''/></a>").unwrap().has_child("b", ""));
        assert!(matches!(
            parse("<a xmlns='x'>"),
            Err(XmlError::Incomplete | XmlError::Malformed(_))
        ));
        assert!(matches!(
            parse("<a xmlns='x'/><b xmlns='x'/>"),
            Err(XmlError::Malformed(_))
        ));
        assert!(parse("<?xml version='1.0'?> <a xmlns='x'/> \n").is_ok());
    }

    #[test]
    fn long_text_prefixes_and_entities_arrive_whole() {
        let long = "é".repeat(20_000);
        let tree = parse(&format!(
            "<p:a xmlns:p='x' xmlns='y' xml:lang='fr'><b>{long}&lt;</b></p:a>"
        ))
        .unwrap();
        assert!(tree.is("a", "x"));
        assert_eq!(tree.get_child("b", "y").unwrap().text(), format!("{long}<"));
    }
}
