//! `roomctl forget`.

use fleet::contract::{Room, Serial, Site};
use roomctl::claim::take_away;
use roomctl::forget;
use roomctl::office::Office;
use roomctl::words::Words;

use super::registry;
use crate::arguments::{self, Arguments};
use crate::failure::Failure;

pub async fn run(arguments: &Arguments, order: &arguments::Forget, words: Words) -> Result<(), Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::Wrong(error.to_string());
    let office = Office::open(&arguments.office)?;
    if let Some(name) = order.person.clone() {
        return person(arguments, &office, name, words).await;
    }
    let site = Site::try_from(order.site.as_deref().unwrap_or_default()).map_err(|error| wrong(&error))?;
    let room = Room::try_from(order.room.as_deref().unwrap_or_default()).map_err(|error| wrong(&error))?;
    // First the broker: as long as the registry knows the boxes, this can be repeated.
    let mut console = office.console(office.target()?).await?;
    let (tenant, place) = (office.tenant().clone(), (site.clone(), room.clone()));
    let boxes: Vec<Serial> = registry::with(arguments, move |registry| {
        let all = registry.boxes().map_err(|error| Failure::Wrong(error.to_string()))?;
        let here = all
            .into_iter()
            .filter(|known| (&known.site, known.room.as_ref()) == (&place.0, Some(&place.1)));
        Ok(here.map(|known| known.serial).collect())
    })
    .await?;
    for serial in &boxes {
        take_away(&mut console, &tenant, &serial.device()).await?;
    }
    console.close().await;
    let owner = tenant.clone();
    registry::with(arguments, move |registry| {
        let gone = registry.forget_room(&owner, &site, &room);
        gone.map_err(|error| Failure::Wrong(error.to_string()))
    })
    .await?;
    println!("{}", words.forgotten(boxes.len()));
    Ok(())
}

/// Either half can be done again.
async fn person(arguments: &Arguments, office: &Office, name: String, words: Words) -> Result<(), Failure> {
    let (mut author, anchors) = (office.author()?, office.anchors()?);
    let who = name.clone();
    let entries = registry::with(arguments, move |registry| {
        let forgotten = registry.forget_person(&who);
        forgotten.map_err(|error| Failure::Wrong(error.to_string()))
    })
    .await?;
    let mut console = office.console(office.target()?).await?;
    let forgotten = forget::person(&mut console, &mut author, &anchors, &name).await?;
    console.close().await;
    for device in forgotten.forged.iter().chain(&forgotten.again.disbelieved) {
        eprintln!("{}", words.not_signed_again(device.as_str()));
    }
    for conflict in &forgotten.again.conflicts {
        eprintln!(
            "{}",
            words.conflict(conflict.device.as_str(), &conflict.by, conflict.rev)
        );
    }
    let entries = usize::try_from(entries).unwrap_or(usize::MAX);
    let all = entries.saturating_add(forgotten.again.published.len());
    println!("{}", words.forgotten(all));
    match (&forgotten.again.conflicts[..], &forgotten.again.disbelieved[..]) {
        ([], []) => Ok(()),
        ([], _) => Err(Failure::Refused),
        _ => Err(Failure::Conflict),
    }
}
