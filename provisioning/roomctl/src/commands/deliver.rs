//! `roomctl deliver`.

use std::path::PathBuf;

use enrolment::folder::Folder;
use fleet::contract::Serial;
use jiff::Timestamp;
use roomctl::claim::serial;
use roomctl::words::Words;

use super::claim::list;
use crate::arguments::{self, Arguments};
use crate::failure::Failure;

pub fn run(arguments: &Arguments, order: &arguments::Deliver, words: Words) -> Result<(), Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::Wrong(error.to_string());
    let folder = Folder::new(&arguments.office.with_file_name(""));
    let boxes: Vec<(Serial, PathBuf)> = match (&order.serial, &order.file) {
        (Some(typed), _) => vec![(serial(typed).map_err(|error| wrong(&error))?, order.to.clone())],
        (None, file) => {
            let office = roomctl::office::Office::open(&arguments.office)?;
            let claims = list(office.tenant(), file.as_deref().unwrap_or(&order.to))?;
            let own = |claim: enrolment::registry::Claim| (claim.serial.clone(), order.to.join(claim.serial.as_str()));
            claims.into_iter().map(own).collect()
        }
    };
    for (serial, to) in &boxes {
        let delivered = folder.deliver(serial, &Folder::new(to), Timestamp::now());
        delivered.map_err(|error| wrong(&error))?;
    }
    println!("{}", words.delivered(boxes.len(), &order.to.display().to_string()));
    Ok(())
}
