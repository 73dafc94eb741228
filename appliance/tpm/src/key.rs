//! One key in the TPM.

use std::path::PathBuf;
use std::sync::Arc;

use fleet::trust::{KeyError, KeyUse, PrivateKey};
use openssl::pkey::{PKey, Public};
use openssl::sha::sha256;

use crate::device::{Tpm, public_half};
use crate::error::TpmError;
use crate::file::Wrapped;

/// A key that its TPM uses for us.
#[derive(Debug)]
pub struct TpmKey {
    tpm: Arc<Tpm>,
    wrapped: Wrapped,
    public: PKey<Public>,
    of: KeyUse,
    path: PathBuf,
}

impl TpmKey {
    /// Of what lies in this file.
    pub fn new(tpm: Arc<Tpm>, wrapped: Wrapped, of: KeyUse, path: PathBuf) -> Result<Self, TpmError> {
        let Some(public) = public_half(&wrapped) else {
            return Err(TpmError::Damaged(path));
        };
        Ok(Self {
            tpm,
            wrapped,
            public,
            of,
            path,
        })
    }

    /// What to do when the TPM does not know it any more.
    fn remedy(&self) -> &'static str {
        match self.of {
            KeyUse::Maker => "have this box delivered again (roomctl deliver)",
            KeyUse::Device | KeyUse::Next => {
                "remove the file, restart roomd, and the box asks its fleet for a certificate of a new one"
            }
        }
    }
}

impl PrivateKey for TpmKey {
    fn public(&self) -> Result<PKey<Public>, KeyError> {
        Ok(self.public.clone())
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let signature = self.tpm.sign(&self.wrapped, &sha256(message))?;
        let signature = signature.ok_or_else(|| TpmError::Cleared {
            path: self.path.clone(),
            remedy: self.remedy(),
        })?;
        Ok(signature.to_der()?)
    }
}
