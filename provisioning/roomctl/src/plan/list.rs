//! Rooms of a list of serial numbers, as `roomctl claim` takes it.

use std::fs::File;
use std::path::Path;

use enrolment::claims;
use fleet::contract::{DeviceId, Site};

use super::PlanError;

/// A room of a list.
pub struct Listed {
    /// As people call it.
    pub name: String,
    /// Where it is.
    pub site: Site,
    /// Its box.
    pub device: DeviceId,
}

/// The rooms of a list that lies beside a file. Spares have none.
pub fn rooms(beside: &Path, list: &Path) -> Result<Vec<Listed>, PlanError> {
    let path = beside.with_file_name("").join(list);
    let failed = |message: String| PlanError::List {
        path: path.clone(),
        message,
    };
    let file = File::open(&path).map_err(|error| failed(error.to_string()))?;
    let lines = claims::lines(file).map_err(|error| failed(error.to_string()))?;
    let room = |line: claims::Line| {
        Some(Listed {
            name: line.room?.to_string(),
            site: line.site,
            device: line.serial.device(),
        })
    };
    Ok(lines.into_iter().filter_map(room).collect())
}
