//! What was seen, as JSON.

use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result};

/// Everything that `--report` writes.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Why there was no guest at all; none when there was one.
    pub skipped: Option<String>,
    /// What the guest was made of.
    pub image: Option<ImageFigures>,
    /// From power to ready.
    pub boot: Option<BootFigures>,
    /// The stories, in the order they were told.
    pub stories: Vec<Told>,
}

/// What the guest was made of.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageFigures {
    /// Debian's kernel, name and version.
    pub kernel: String,
    /// Seconds that the image took to make; none when it was kept from before.
    pub made_in_seconds: Option<f64>,
}

/// From power to ready: every unit has started.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BootFigures {
    /// By this machine's clock; says most about what else it had to do.
    pub wall_seconds: f64,
    /// Processor seconds of QEMU.
    pub qemu_cpu_seconds: f64,
    /// Processor seconds that the guest's programs used, by its kernel's count (`/proc/stat`): a second is 10⁹ instructions, so
    /// that this figure is of the box alone, however busy this machine is.
    pub user_cpu_seconds: f64,
    /// Those of its kernel.
    pub system_cpu_seconds: f64,
}

/// One story.
#[derive(Debug, Serialize)]
pub struct Told {
    /// Its name.
    pub name: &'static str,
    /// It holds.
    pub ok: bool,
    /// How long it took.
    pub seconds: f64,
    /// What was seen, or what was not as it should be.
    pub evidence: String,
}

impl Report {
    /// Writes it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(|error| Error::io("the report")(error.into()))?;
        std::fs::write(file, format!("{text}\n")).map_err(Error::io(file.display().to_string()))
    }
}
