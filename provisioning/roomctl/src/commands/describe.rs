//! `roomctl describe`.

use roomctl::words::Words;
use serde_json::Value;

use super::{choose, enter};
use crate::arguments::{Arguments, Chosen, Format};
use crate::failure::Failure;
use crate::print;

pub async fn run(arguments: &Arguments, chosen: &Chosen, words: Words) -> Result<(), Failure> {
    let (_, mut console) = enter(arguments).await?;
    let (all, devices) = choose(&mut console, chosen, false, words).await?;
    console.close().await;
    let documents: Vec<Value> = devices
        .iter()
        .filter_map(|device| Some(all.get(device)?.document(device)))
        .collect();
    // YAML is what people read best here.
    let format = match arguments.output {
        Format::Table => Format::Yaml,
        format => format,
    };
    match documents.as_slice() {
        [one] => print::document(format, one)?,
        several => print::document(format, &several)?,
    };
    Ok(())
}
