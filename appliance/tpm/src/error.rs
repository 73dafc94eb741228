//! What goes wrong with a TPM, and what to do.

use std::path::PathBuf;

use fleet::trust::KeyError;

/// What goes wrong with a TPM.
#[derive(Debug, thiserror::Error)]
pub enum TpmError {
    /// The text names no way to a TPM.
    #[error("[fleet] tpm = \"{0}\" is no way to a TPM: write device:/dev/tpmrm0")]
    NoWay(String),
    /// It does not answer.
    #[error(
        "the TPM at {at} does not answer ({why}), and without it the key of this box cannot be used: is it switched on in the \
         firmware's settings, and may roomd open it (group tss)? Nothing is lost; it is tried again"
    )]
    Away {
        /// Where it should be.
        at: String,
        /// What the TPM software says.
        why: tss_esapi::Error,
    },
    /// The key was wrapped by another TPM, or by this one before it was cleared.
    #[error(
        "the TPM cannot use {path}: it was cleared since the key was made, or the disk comes from another box. Such a key cannot \
         be brought back: {remedy}"
    )]
    Cleared {
        /// File of the key.
        path: PathBuf,
        /// What to do.
        remedy: &'static str,
    },
    /// The TPM says no.
    #[error("the TPM cannot {what}: {why}")]
    Refused {
        /// What it was asked for.
        what: &'static str,
        /// What the TPM says.
        why: tss_esapi::Error,
    },
    /// There is a key, but not in the TPM.
    #[error(
        "{0} is not a key in the TPM, as key = \"tpm\" under [fleet] wants: remove the file, and the box asks its fleet for a \
         certificate of a new one; or write key = \"software\""
    )]
    Elsewhere(PathBuf),
    /// A file with a key in a TPM that nobody can read.
    #[error("{0} is damaged: remove it, and the box asks its fleet for a certificate of a new key")]
    Damaged(PathBuf),
    /// The TPM answers with something else than a P-256 key or signature.
    #[error("the TPM answers with something else than was asked for")]
    Strange,
}

impl From<TpmError> for KeyError {
    fn from(error: TpmError) -> Self {
        KeyError::Holder(error.to_string())
    }
}
