//! From tree to text. Characters that XML 1.0 cannot carry are left out: a name typed by a person never breaks a stream.

use minidom::{Element, Node};
use rxml::Namespace;

/// Writes an element with the namespace declarations it needs; the root always declares its own.
pub fn to_text(element: &Element) -> String {
    let mut out = String::with_capacity(512);
    write(element, "", &mut out);
    out
}

fn write(element: &Element, inherited: &str, out: &mut String) {
    let namespace = element.ns();
    // Its prefix is bound for ever, and no other name may be (Namespaces in XML 1.0 §3).
    let of_xml = namespace == Namespace::XML.as_str();
    let (prefix, default) = if of_xml {
        ("xml:", inherited)
    } else {
        ("", namespace.as_str())
    };
    out.push('<');
    out.push_str(prefix);
    out.push_str(element.name());
    if default != inherited {
        attribute("xmlns", default, out);
    }
    for (number, ((space, name), value)) in element.attrs().iter().enumerate() {
        if space.is_none() {
            attribute(name.as_str(), value, out);
        } else if *space == Namespace::XML {
            attribute(&format!("xml:{name}"), value, out);
        } else {
            attribute(&format!("xmlns:n{number}"), space.as_str(), out);
            attribute(&format!("n{number}:{name}"), value, out);
        }
    }
    if element.nodes().next().is_none() {
        out.push_str("/>");
        return;
    }
    out.push('>');
    for node in element.nodes() {
        match node {
            Node::Element(child) => write(child, default, out),
            Node::Text(text) => escape(text, false, out),
        }
    }
    out.push_str("</");
    out.push_str(prefix);
    out.push_str(element.name());
    out.push('>');
}

fn attribute(name: &str, value: &str, out: &mut String) {
    out.push(' ');
    out.push_str(name);
    out.push_str("='");
    escape(value, true, out);
    out.push('\'');
}

fn escape(text: &str, attribute: bool, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' if attribute => out.push_str("&apos;"),
            '\t' | '\n' if attribute => {
                out.push_str(if character == '\t' { "&#9;" } else { "&#10;" });
            }
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(character),
            _ if character < ' ' || matches!(character, '\u{fffe}' | '\u{ffff}') => {}
            _ => out.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{element, parse};

    #[test]
    fn every_stanza_declares_jabber_client_and_children_only_what_differs() {
        let tree = element("iq", crate::ns::CLIENT)
            .attr("type", "get")
            .child(element("ping", crate::ns::PING))
            .child(element("x", crate::ns::CLIENT).text("a < b"))
            .build();
        assert_eq!(
            to_text(&tree),
            "<iq xmlns='jabber:client' type='get'><ping xmlns='urn:xmpp:ping'/><x>a &lt; b</x></iq>"
        );
    }

    #[test]
    fn what_people_type_comes_back_and_what_xml_forbids_is_left_out() {
        let nasty = "a'\"<>&\u{0}\u{1f}\u{ffff}\t\n\r]]>😀";
        let tree = element("a", "x").attr("b", nasty).text(nasty).build();
        let back = parse(&to_text(&tree)).unwrap();
        let clean = "a'\"<>&\t\n\r]]>😀";
        assert_eq!((back.attr("b"), back.text().as_str()), (Some(clean), clean));
    }

    #[test]
    fn attributes_in_a_namespace_keep_it() {
        let tree = parse("<a xmlns='x' xmlns:q='y' q:b='c' xml:lang='fr'/>").unwrap();
        assert!(parse(&to_text(&tree)).unwrap() == tree);
    }
    #[test]
    fn names_of_xml_itself_keep_their_prefix_and_pass_the_namespace_on() {
        for text in [
            "<xml:Gmm\u{2c5}--/>",
            "<a xmlns='x'><xml:b><c/><d xmlns=''/></xml:b></a>",
            "<xml:a><b xmlns='x'/><c/></xml:a>",
        ] {
            let tree = parse(text).unwrap();
            assert!(parse(&to_text(&tree)).unwrap() == tree, "{text}: {}", to_text(&tree));
        }
    }
}
