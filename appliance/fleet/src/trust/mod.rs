//! Who a box is and whom it believes.

mod anchors;
mod authority;
mod documents;
mod rotation;
mod verifier;

pub use anchors::{AnchorError, Anchors, MAX_ROOTS};
pub use authority::{Authority, Validity, new_key};
pub use documents::{SignedDocument, TrustedDocuments};
pub use rotation::RotationError;
pub use verifier::DocumentVerifier;
