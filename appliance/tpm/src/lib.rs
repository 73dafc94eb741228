//! Keys of the box in its TPM 2.0: made there, used there, and of no use anywhere else.
//!
//! The TPM keeps nothing. It makes a key below its storage root key and hands it out wrapped; the file of the key holds that,
//! and each use gives it back to the TPM. So keys come, go and move with their files, as those of
//! [`SoftwareKeys`](fleet::trust::SoftwareKeys) do, and a TPM that was cleared can use none of them any more.
//!
//! The TPM is reached through its ESAPI (`tss-esapi`), not through OpenSSL's provider for it: tpm2-openssl 1.1.1 with OpenSSL 3.0
//! leaves the other keys of the process unusable, in any order of providers.

mod device;
mod error;
mod file;
mod key;
mod keys;

pub use device::{DEVICE, Tpm, between_visits};
pub use error::TpmError;
pub use keys::TpmKeys;
