//! The picture of the states in `ARCHITECTURE.md` is the table in the code.

use room::state::mermaid;

const BEGIN: &str = "<!-- room-states -->\n";
const END: &str = "<!-- /room-states -->";

#[test]
fn the_picture_in_the_architecture_page_is_the_table_that_the_machine_obeys() {
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
fn the_picture_names_every_state_and_every_trigger() {
    let picture = mermaid();
    for &(from, trigger, to) in room::state::TRANSITIONS {
        let arrow = picture
            .lines()
            .find(|line| line.trim_start().starts_with(&format!("{from:?} --> {to:?}:")));
        assert!(
            arrow.is_some_and(|arrow| arrow.contains(trigger.label())),
            "{from:?} {trigger:?} {to:?}"
        );
    }
}
