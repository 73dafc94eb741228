//! `roomctl deliver`.

use enrolment::folder::Folder;
use jiff::Timestamp;
use roomctl::claim::serial;

use crate::arguments::{self, Arguments};
use crate::failure::Failure;

pub fn run(arguments: &Arguments, order: &arguments::Deliver) -> Result<(), Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::Wrong(error.to_string());
    let here = arguments.office.with_file_name("");
    let serial = serial(&order.serial).map_err(|error| wrong(&error))?;
    let to = Folder::new(&order.to);
    let delivered = Folder::new(&here).deliver(&serial, &to, Timestamp::now());
    delivered.map_err(|error| wrong(&error))
}
