//! `trust` inside a configuration: the roots that a box shall trust.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::error::ErrorStack;
use openssl::x509::X509;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Certificates in each list.
const MOST: usize = 8;

/// All roots that a box shall trust; those that are missing it trusts no more. A root that it does not know yet must have been
/// signed by one that it trusts ([`crate::trust::Anchors::follow`]). Certificates are DER in base64, as in `x5c` (RFC 7515
/// §4.1.6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TrustDocument {
    /// The roots, each its own issuer.
    #[schemars(length(min = 1, max = 8))]
    pub roots: Vec<String>,
    /// New roots as older ones signed them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub crossed: Vec<String>,
}

/// What of a `trust` document cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {message}")]
pub struct TrustDocumentError {
    /// JSON pointer into the document.
    pub pointer: String,
    /// Why.
    pub message: &'static str,
}

impl TrustDocument {
    /// Of these certificates.
    ///
    /// # Errors
    /// The cryptographic library cannot.
    pub fn new(roots: &[X509], crossed: &[X509]) -> Result<Self, ErrorStack> {
        let encoded = |list: &[X509]| -> Result<Vec<String>, ErrorStack> {
            list.iter()
                .map(|one| one.to_der().map(|der| STANDARD.encode(der)))
                .collect()
        };
        Ok(Self {
            roots: encoded(roots)?,
            crossed: encoded(crossed)?,
        })
    }

    /// The certificates: roots, and roots that others signed.
    ///
    /// # Errors
    /// [`TrustDocumentError`].
    pub fn certificates(&self) -> Result<(Vec<X509>, Vec<X509>), TrustDocumentError> {
        if self.roots.is_empty() || self.roots.len() > MOST || self.crossed.len() > MOST {
            return Err(TrustDocumentError {
                pointer: String::new(),
                message: "1 to 8 roots, and as many that others signed",
            });
        }
        Ok((decoded("roots", &self.roots)?, decoded("crossed", &self.crossed)?))
    }
}

fn decoded(list: &str, texts: &[String]) -> Result<Vec<X509>, TrustDocumentError> {
    let wrong = |index: usize| TrustDocumentError {
        pointer: format!("/{list}/{index}"),
        message: "a certificate as DER in base64",
    };
    let one = |(index, text): (usize, &String)| {
        let der = STANDARD.decode(text).map_err(|_| wrong(index))?;
        X509::from_der(&der).map_err(|_| wrong(index))
    };
    texts.iter().enumerate().map(one).collect()
}
