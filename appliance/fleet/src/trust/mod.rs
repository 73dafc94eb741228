//! Who a box is and whom it believes.
//!
//! | file | what stands in it |
//! |---|---|
//! | `anchors`, `rotation` | the roots, and how one follows another |
//! | `documents`, `verifier` | signed documents: from whom, for what, for which box |
//! | `enrolling`, `identity`, `identities`, `keys` | how a box comes by its certificate, and what it keeps |
//! | `secrets` | the key that opens the secrets of a box |
//! | `authority` | whoever issues certificates |

mod anchors;
mod authority;
mod documents;
mod enrolling;
mod identities;
mod identity;
mod keys;
mod rotation;
mod secrets;
mod verifier;

pub use anchors::{AnchorError, Anchors, MAX_ROOTS};
pub use authority::{Authority, Validity, new_key};
pub use documents::{SignedDocument, TrustedDocuments};
pub use enrolling::{EnrolmentError, certificate_request};
pub use identities::{Identities, IdentityError, Usable};
pub use identity::BoxIdentity;
pub use keys::{KeyError, KeyStore, KeyUse, SoftwareKeys, write_private};
pub use rotation::RotationError;
pub use secrets::SecretsKey;
pub use verifier::DocumentVerifier;
