//! `roomctl init`.

use std::path::Path;

use fleet::contract::Tenant;
use jiff::Timestamp;
use roomctl::init::{Plan, Ports, init};
use roomctl::words::Words;

use crate::arguments::{self, Arguments};
use crate::failure::Failure;

pub fn run(arguments: &Arguments, order: &arguments::Init, words: Words) -> Result<(), Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::Wrong(error.to_string());
    let folder = match arguments.office.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let plan = Plan {
        tenant: Tenant::try_from(order.tenant.as_str()).map_err(|error| wrong(&error))?,
        folder: folder.into(),
        host: order.broker.clone(),
        also: order.also.clone(),
        ports: Ports {
            boxes: order.boxes_port,
            claims: order.claims_port,
            staff: order.staff_port,
        },
        listen: order.listen.clone(),
        broker_user: order.broker_user.clone(),
        name: order.name.clone(),
    };
    init(&plan, Timestamp::now()).map_err(|error| wrong(&error))?;
    let folder = std::fs::canonicalize(folder).map_err(|error| wrong(&error))?;
    println!("{}", words.begun(&folder.display().to_string()));
    Ok(())
}
