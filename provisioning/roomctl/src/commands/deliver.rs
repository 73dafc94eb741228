//! `roomctl deliver`.

use std::path::PathBuf;

use enrolment::folder::Folder;
use fleet::contract::Serial;
use fleet::link::Endpoint;
use jiff::Timestamp;
use roomctl::claim::serial;
use roomctl::init::toml_text;
use roomctl::office::Office;
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
            let office = Office::open(&arguments.office)?;
            let claims = list(office.tenant(), file.as_deref().unwrap_or(&order.to))?;
            let own = |claim: enrolment::registry::Claim| (claim.serial.clone(), order.to.join(claim.serial.as_str()));
            claims.into_iter().map(own).collect()
        }
    };
    let door: Endpoint = match &order.enrolment {
        Some(typed) => typed.clone(),
        None => {
            let office = Office::open(&arguments.office)?;
            let written = office.enrolment().ok_or_else(|| wrong(&words.no_enrolment()))?;
            written.parse().map_err(|error| wrong(&error))?
        }
    };
    for (serial, to) in &boxes {
        let to = Folder::new(to);
        let own = own(serial, &door, order.model.as_deref());
        let delivered = folder.deliver(serial, &to, Timestamp::now());
        let delivered = delivered.and_then(|()| to.write("box.toml", own.as_bytes()));
        delivered.map_err(|error| wrong(&error))?;
    }
    println!("{}", words.delivered(boxes.len(), &order.to.display().to_string()));
    Ok(())
}

/// `box.toml`: what goes over the configuration that all boxes have.
fn own(serial: &Serial, door: &Endpoint, model: Option<&str>) -> String {
    let line = |name: &str, value: &str| format!("{name} = {}\n", toml_text(value));
    let model = model.map_or(String::new(), |model| line("model", model));
    let (serial, door) = (line("serial", serial.as_str()), line("enrolment", &door.to_string()));
    format!("[fleet]\n{serial}{door}{model}")
}
