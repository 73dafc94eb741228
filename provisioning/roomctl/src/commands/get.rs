//! `roomctl get`.

use roomctl::view::Line;
use roomctl::words::Words;

use super::{choose, enter};
use crate::arguments::{Arguments, Chosen};
use crate::failure::Failure;
use crate::print;

pub async fn run(arguments: &Arguments, chosen: &Chosen, words: Words) -> Result<(), Failure> {
    let (_, mut console) = enter(arguments).await?;
    let (all, devices) = choose(&mut console, chosen, true, words).await?;
    console.close().await;
    let lines: Vec<Line> = devices
        .iter()
        .filter_map(|device| Some(all.get(device)?.line(device)))
        .collect();
    if print::document(arguments.output, &lines)? {
        return Ok(());
    }
    let heads = match words {
        Words::English => ["ROOM", "SITE", "BOX", "ONLINE", "SINCE", "FIRMWARE", "CONFIGURATION"],
        Words::French => [
            "SALLE",
            "SITE",
            "BOÎTIER",
            "EN LIGNE",
            "DEPUIS",
            "VERSION",
            "CONFIGURATION",
        ],
    };
    let yes_no = match words {
        Words::English => ["no", "yes"],
        Words::French => ["non", "oui"],
    };
    let rows = lines.into_iter().map(|line| {
        let online = yes_no[usize::from(line.online)].to_owned();
        vec![
            line.room,
            line.site,
            line.device,
            online,
            line.since,
            line.firmware,
            line.configuration,
        ]
    });
    print::table(&heads, &rows.collect::<Vec<_>>());
    Ok(())
}
