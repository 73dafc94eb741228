//! Who a box is and whom it believes.

mod anchors;
mod authority;
mod documents;

pub use anchors::{AnchorError, Anchors, MAX_ROOTS};
pub use authority::{Authority, Validity, new_key};
pub use documents::{SignedDocument, TrustedDocuments};
