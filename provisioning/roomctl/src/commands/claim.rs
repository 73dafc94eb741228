//! `roomctl claim`.

use std::fs::File;
use std::path::Path;

use enrolment::claims;
use enrolment::registry::{Claim, Claimed, RegistryError};
use fleet::contract::{Room, Site, Tenant};
use jiff::Timestamp;
use roomctl::claim::{TakeOver, serial};
use roomctl::office::Office;
use roomctl::words::Words;
use serde::Serialize;

use super::registry;
use crate::arguments::{self, Arguments};
use crate::failure::Failure;
use crate::print;

/// What is said of a box.
#[derive(Serialize)]
struct Line {
    serial: String,
    #[serde(rename = "box")]
    device: String,
    site: String,
    room: String,
    result: String,
}

pub async fn run(arguments: &Arguments, order: &arguments::Claim, words: Words) -> Result<(), Failure> {
    let office = Office::open(&arguments.office)?;
    let claims = claims(&office, order)?;
    let by = office.author()?.name;
    let (wanted, force) = (claims.clone(), order.replace);
    let results = registry::with(arguments, move |registry| {
        let claimed = registry.claim_all(&wanted, &by, force, Timestamp::now());
        claimed.map_err(|(index, error)| failure(index, &wanted, &error, words))
    })
    .await?;
    let lines: Vec<Line> = claims
        .iter()
        .zip(&results)
        .map(|(claim, claimed)| Line {
            serial: claim.serial.to_string(),
            device: claim.serial.device().to_string(),
            site: claim.site.to_string(),
            room: claim.room.as_ref().map(Room::to_string).unwrap_or_default(),
            result: words.claimed(claimed),
        })
        .collect();
    if !print::document(arguments.output, &lines)? {
        let cells = |line: &Line| {
            [&line.serial, &line.device, &line.site, &line.room, &line.result]
                .map(String::clone)
                .to_vec()
        };
        let rows: Vec<Vec<String>> = lines.iter().map(cells).collect();
        print::table(&["SERIAL", "BOX", "SITE", "ROOM", "RESULT"], &rows);
    }
    hand_over(&office, &claims, &results, words).await
}

fn claims(office: &Office, order: &arguments::Claim) -> Result<Vec<Claim>, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::Wrong(error.to_string());
    if let Some(path) = &order.file {
        return list(office.tenant(), path);
    }
    let site = order.site.as_deref().unwrap_or_default();
    let room = order.room.as_deref().map(Room::try_from).transpose();
    Ok(vec![Claim {
        serial: serial(order.serial.as_deref().unwrap_or_default()).map_err(|error| wrong(&error))?,
        tenant: office.tenant().clone(),
        site: Site::try_from(site).map_err(|error| wrong(&error))?,
        room: room.map_err(|error| wrong(&error))?,
    }])
}

/// A list of boxes.
pub fn list(tenant: &Tenant, path: &Path) -> Result<Vec<Claim>, Failure> {
    let named = |error: &dyn std::fmt::Display| Failure::Wrong(format!("{}: {error}", path.display()));
    let list = File::open(path).map_err(|error| named(&error))?;
    claims::read(tenant, list).map_err(|error| named(&error))
}

fn failure(index: usize, claims: &[Claim], error: &RegistryError, words: Words) -> Failure {
    let which = match claims {
        [_] => String::new(),
        claims => claims
            .get(index)
            .map_or(String::new(), |claim| format!("{}: ", claim.serial)),
    };
    Failure::Wrong(format!("{which}{}", words.not_claimed(error)))
}

/// Rooms whose box was replaced keep their configuration.
async fn hand_over(office: &Office, claims: &[Claim], results: &[Claimed], words: Words) -> Result<(), Failure> {
    let replaced: Vec<TakeOver> = claims
        .iter()
        .zip(results)
        .filter_map(|(claim, claimed)| match (claimed, &claim.room) {
            (Claimed::Replaced(old), Some(room)) => Some(TakeOver {
                tenant: claim.tenant.clone(),
                site: claim.site.clone(),
                room: room.clone(),
                old: old.clone(),
                new: claim.serial.clone(),
            }),
            _ => None,
        })
        .collect();
    if replaced.is_empty() {
        return Ok(());
    }
    let mut console = office.console(office.target()?).await?;
    let mut author = office.author()?;
    let anchors = office.anchors()?;
    for take_over in &replaced {
        let handed = take_over.hand_over(&mut console, &mut author, &anchors).await;
        let handed = handed.map_err(|error| Failure::Broker(error.to_string()))?;
        println!("{}", words.handed_over(&take_over.room, &handed));
    }
    console.close().await;
    Ok(())
}
