//! The registry that the enrolment service uses.

use enrolment::registry::Registry;
use enrolment::settings::Settings;

use crate::arguments::Arguments;
use crate::failure::Failure;

/// Works with it. Databases block, so that happens elsewhere.
pub async fn with<T: Send + 'static>(
    arguments: &Arguments,
    work: impl FnOnce(&mut Registry) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let path = arguments.office.with_file_name("enrolment.toml");
    let work = move || {
        let settings = Settings::load(&path).map_err(Failure::Wrong)?;
        let mut registry = Registry::open(&settings.registry).map_err(|error| Failure::Wrong(error.to_string()))?;
        work(&mut registry)
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Failure::Wrong(error.to_string()))?
}
