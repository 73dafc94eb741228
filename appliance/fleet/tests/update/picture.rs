//! The picture of the phases in `ARCHITECTURE.md` is the table in the code.

use fleet::update::{ARROWS, mermaid};

const BEGIN: &str = "<!-- update-phases -->\n";
const END: &str = "<!-- /update-phases -->";

#[test]
fn the_picture_in_the_architecture_page_is_the_table_that_the_stories_hold_the_machine_to() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ARCHITECTURE.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, rest) = page
        .split_once(BEGIN)
        .expect("the page has the mark that begins the picture");
    let (picture, _) = rest
        .split_once(END)
        .expect("the page has the mark that ends the picture");
    let wanted = format!("```mermaid\n{}```\n", mermaid());
    assert!(
        picture == wanted,
        "write between the marks of ARCHITECTURE.md:\n{wanted}"
    );
}

#[test]
fn an_arrow_stands_once() {
    for (index, (from, to, _)) in ARROWS.iter().enumerate() {
        let first = ARROWS.iter().position(|other| (&other.0, &other.1) == (from, to));
        assert_eq!(first, Some(index), "{from:?} {to:?}");
    }
}
