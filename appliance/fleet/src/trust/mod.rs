//! Who a box is and whom it believes.
//!
//! | file | what stands in it |
//! |---|---|
//! | `anchors`, `rotation` | the roots, and how one follows another |
//! | `documents`, `verifier` | signed documents: from whom, for what, for which box |
//! | `enrolling`, `identity`, `identities` | how a box comes by its certificate, and what it keeps |
//! | `private_key`, `keys`, `key_files`, `software_keys` | keys, wherever they are |
//! | `secrets` | the key that opens the secrets of a box |
//! | `authority` | whoever issues certificates |

mod anchors;
mod authority;
mod documents;
mod enrolling;
mod identities;
mod identity;
mod key_files;
mod keys;
mod private_key;
mod rotation;
mod secrets;
mod software_keys;
mod verifier;

pub use anchors::{AnchorError, Anchors, MAX_ROOTS, common_name};
pub use authority::{Authority, Validity, new_key};
pub use documents::{SignedDocument, TrustedDocuments};
pub use enrolling::{EnrolmentError, certificate_request};
pub use identities::{Identities, IdentityError, Usable};
pub use identity::BoxIdentity;
pub use key_files::{KeyFiles, write_private};
pub use keys::{KeyError, KeyStore, KeyUse};
pub use private_key::{PrivateKey, certifies};
pub use rotation::RotationError;
pub use secrets::SecretsKey;
pub use software_keys::SoftwareKeys;
pub use verifier::DocumentVerifier;
