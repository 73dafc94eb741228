//! XML between text and tree: [`parse`] counts size, depth and number before any tree is built, [`to_text`] cannot fail.
//!
//! `minidom` is the tree. Its own reader has no depth limit and overflows the stack on nested input
//! (`specs/jitsi-client.md §9`, parser facts), so nothing from the network goes through it.

mod build;
mod read;
mod write;

pub use build::{Builder, element};
pub use read::{MAX_ATTRIBUTES, MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS, XmlError, parse};
pub use write::to_text;
