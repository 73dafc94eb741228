//! One file a subcommand.

pub mod apply;
pub mod claim;
pub mod command;
pub mod completion;
pub mod deliver;
pub mod describe;
pub mod doctor;
pub mod events;
pub mod forget;
pub mod get;
pub mod init;
pub mod logs;
pub mod notice;
mod registry;
pub mod rollout;
pub mod root;

use std::collections::BTreeMap;

use fleet::contract::DeviceId;
use roomctl::console::Console;
use roomctl::office::Office;
use roomctl::view::{Seen, Selection, look};
use roomctl::words::Words;

use crate::arguments::{Arguments, Chosen};
use crate::failure::Failure;

/// The office that was named, and its broker.
async fn enter(arguments: &Arguments) -> Result<(Office, Console), Failure> {
    let office = Office::open(&arguments.office)?;
    let console = office.console(office.target()?).await?;
    Ok((office, console))
}

/// What the broker keeps, and which boxes are meant. `everybody`: nothing typed means all.
async fn choose(
    console: &mut Console,
    chosen: &Chosen,
    everybody: bool,
    words: Words,
) -> Result<(BTreeMap<DeviceId, Seen>, Vec<DeviceId>), Failure> {
    let nothing = chosen.rooms.is_empty() && chosen.site.is_none() && !chosen.all;
    if nothing && !everybody {
        return Err(Failure::Wrong(words.nobody()));
    }
    let all = look(console).await?;
    let selection = Selection {
        names: chosen.rooms.clone(),
        site: chosen.site.clone(),
        all: chosen.all || nothing,
    };
    match selection.of(&all) {
        Ok(devices) => Ok((all, devices)),
        Err(unknown) => Err(Failure::Wrong(words.unknown(&unknown.join(", ")))),
    }
}
