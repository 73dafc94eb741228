//! Where rollouts are kept: the registry of the enrolment service. Databases block, so that happens elsewhere.

use enrolment::registry::{Registry, RegistryError, RolloutError};

/// The registry, by its URL or path.
#[derive(Debug, Clone)]
pub struct Archive {
    url: String,
}

impl Archive {
    /// `registry` of `enrolment.toml`.
    #[must_use]
    pub const fn new(url: String) -> Self {
        Self { url }
    }

    /// Works with it.
    ///
    /// # Errors
    /// What the work says; the registry cannot be opened.
    pub async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Registry) -> Result<T, RolloutError> + Send + 'static,
    ) -> Result<T, RolloutError> {
        let url = self.url.clone();
        let done = tokio::task::spawn_blocking(move || work(&mut Registry::open(&url)?)).await;
        done.unwrap_or_else(|error| Err(RegistryError::Database(error.to_string()).into()))
    }
}
