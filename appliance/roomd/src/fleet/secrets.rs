//! What the fleet tells this box alone: opened with a key that never leaves it, held in memory, written nowhere.

use std::fmt;

use fleet::contract::{Code, Configuration, ConfigurationError, SealError, SecretName};
use fleet::trust::SecretsKey;

/// A value that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden")
    }
}

/// The secrets of a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// `jitsi.token`.
    pub token: Option<Hidden>,
    /// `net.proxy_password`.
    pub proxy_password: Option<Hidden>,
}

impl Secrets {
    /// Opens them all. Those of later releases are passed over, as unknown settings are.
    ///
    /// # Errors
    /// What cannot be opened, each with a JSON pointer beside `cfg`.
    pub fn open(configuration: &Configuration, key: &SecretsKey) -> Result<Self, Vec<ConfigurationError>> {
        let (mut secrets, mut errors) = (Self::default(), Vec::new());
        for (name, secret) in &configuration.secrets {
            let place = match SecretName::parse(name) {
                Some(SecretName::JitsiToken) => &mut secrets.token,
                Some(SecretName::ProxyPassword) => &mut secrets.proxy_password,
                None => continue,
            };
            match key.open(secret) {
                Ok(value) => *place = Some(Hidden(value)),
                Err(error) => errors.push(ConfigurationError {
                    path: format!("/secrets/{name}"),
                    code: code(&error),
                    msg: error.to_string(),
                    allowed: Vec::new(),
                }),
            }
        }
        if errors.is_empty() { Ok(secrets) } else { Err(errors) }
    }
}

/// In the contract's word.
const fn code(error: &SealError) -> Code {
    match error {
        SealError::TooLarge => Code::TooLarge,
        SealError::Malformed(_) => Code::InvalidParams,
        // It was for the box before, or for this one before it was reset.
        SealError::OtherKey => Code::Precondition,
        SealError::Wrong => Code::BadSignature,
        SealError::Library(_) => Code::Internal,
    }
}
