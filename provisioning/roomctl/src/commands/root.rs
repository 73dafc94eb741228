//! `roomctl root`.

use std::collections::BTreeSet;

use enrolment::folder::{Folder, FolderError};
use fleet::contract::TrustDocument;
use jiff::Timestamp;
use openssl::x509::X509;
use roomctl::apply::Outcome;
use roomctl::office::Office;
use roomctl::root::{self, Stand, Standing};
use roomctl::view::{look, moment, word};
use roomctl::words::Words;

use super::enter;
use crate::arguments::{Arguments, Root, SeenWithin};
use crate::failure::Failure;
use crate::print;

/// What Mosquitto reads, where `roomctl init` has put it.
const MOSQUITTO: &str = "broker/mosquitto/broker.pem";

pub async fn run(arguments: &Arguments, order: &Root, words: Words) -> Result<(), Failure> {
    let office = Office::open(&arguments.office)?;
    let folder = Folder::new(office.folder());
    match order {
        Root::Begin => begin(arguments, &folder, words).await,
        Root::Status(within) => status(arguments, &folder, within, words).await,
        Root::Switch(within) => switch(arguments, &folder, within, words).await,
        Root::Finish(within) => finish(arguments, &folder, within, words).await,
    }
}

fn of_folder(error: FolderError) -> Failure {
    Failure::Wrong(error.to_string())
}

fn next(folder: &Folder, words: Words) -> Result<X509, Failure> {
    let next = folder.next_root().map_err(of_folder)?;
    next.ok_or_else(|| Failure::Wrong(words.no_rotation()))
}

async fn begin(arguments: &Arguments, folder: &Folder, words: Words) -> Result<(), Failure> {
    let office = Office::open(&arguments.office)?;
    let trust = folder
        .begin_rotation(office.tenant(), Timestamp::now())
        .map_err(of_folder)?;
    let outcome = tell(arguments, &trust).await?;
    println!("{}", words.rotation_begun(outcome.published.len()));
    close(&outcome, words)
}

/// Tells all boxes whom to trust, with the office as it is by now.
async fn tell(arguments: &Arguments, trust: &TrustDocument) -> Result<Outcome, Failure> {
    let (office, mut console) = enter(arguments).await?;
    let (mut author, anchors) = (office.author()?, office.anchors()?);
    let outcome = root::tell(&mut console, &mut author, &anchors, trust).await?;
    console.close().await;
    Ok(outcome)
}

fn close(outcome: &Outcome, words: Words) -> Result<(), Failure> {
    for conflict in &outcome.conflicts {
        eprintln!(
            "{}",
            words.conflict(conflict.device.as_str(), &conflict.by, conflict.rev)
        );
    }
    for device in &outcome.disbelieved {
        eprintln!("{}", words.disbelieved(device.as_str()));
    }
    match (outcome.conflicts.is_empty(), outcome.disbelieved.is_empty()) {
        (true, true) => Ok(()),
        (false, _) => Err(Failure::Conflict),
        (true, false) => Err(Failure::Refused),
    }
}

/// How far all boxes are, and those that have to be waited for.
async fn standings(
    arguments: &Arguments,
    next: &X509,
    within: &SeenWithin,
) -> Result<(Vec<Standing>, BTreeSet<String>), Failure> {
    let (_, mut console) = enter(arguments).await?;
    let all = look(&mut console).await?;
    console.close().await;
    let standings = root::standings(&all, next).map_err(|error| Failure::Wrong(error.to_string()))?;
    let waited = root::waited_for(&standings, within.seen_within, Timestamp::now());
    let waited = waited.iter().map(|standing| standing.device.to_string()).collect();
    Ok((standings, waited))
}

async fn status(arguments: &Arguments, folder: &Folder, within: &SeenWithin, words: Words) -> Result<(), Failure> {
    let next = next(folder, words)?;
    let (standings, waited) = standings(arguments, &next, within).await?;
    if !print::document(arguments.output, &standings)? {
        let lagging = standings.iter().filter(|standing| standing.stand != Stand::Follows);
        let row = |standing: &Standing| {
            let wait = if waited.contains(standing.device.as_str()) {
                "yes"
            } else {
                "no"
            };
            let last = standing.last_word.map(moment).unwrap_or_else(|| "never".to_owned());
            let device = standing.device.to_string();
            vec![
                standing.room.clone(),
                device,
                word(&standing.stand),
                last,
                wait.to_owned(),
            ]
        };
        let rows: Vec<Vec<String>> = lagging.map(row).collect();
        if !rows.is_empty() {
            print::table(&["ROOM", "BOX", "STAND", "LAST WORD", "WAITED FOR"], &rows);
        }
    }
    let follow = standings.len() - standings.iter().filter(|one| one.stand != Stand::Follows).count();
    let switched = folder.is_switched().map_err(of_folder)?;
    eprintln!(
        "{}",
        words.rotation_stands(follow, standings.len(), waited.len(), switched)
    );
    Ok(())
}

/// Refuses while boxes would be left behind, and says which.
async fn nobody_is_left_behind(
    arguments: &Arguments,
    next: &X509,
    within: &SeenWithin,
    words: Words,
) -> Result<(), Failure> {
    let (_, waited) = standings(arguments, next, within).await?;
    if waited.is_empty() {
        return Ok(());
    }
    eprintln!("{}", words.left_behind(&waited.into_iter().collect::<Vec<_>>()));
    Err(Failure::Refused)
}

async fn switch(arguments: &Arguments, folder: &Folder, within: &SeenWithin, words: Words) -> Result<(), Failure> {
    let next = next(folder, words)?;
    nobody_is_left_behind(arguments, &next, within, words).await?;
    let mut written = folder.switch_root(Timestamp::now()).map_err(of_folder)?;
    if folder.path(MOSQUITTO).exists() {
        let certificate =
            std::fs::read(folder.path("broker.pem")).map_err(|error| Failure::Wrong(error.to_string()))?;
        folder.write(MOSQUITTO, &certificate).map_err(of_folder)?;
        written.push(MOSQUITTO.to_owned());
    }
    println!("{}", words.rotation_switched(&written.join(", ")));
    Ok(())
}

async fn finish(arguments: &Arguments, folder: &Folder, within: &SeenWithin, words: Words) -> Result<(), Failure> {
    let next = next(folder, words)?;
    if !folder.is_switched().map_err(of_folder)? {
        return Err(Failure::Wrong(words.not_switched()));
    }
    nobody_is_left_behind(arguments, &next, within, words).await?;
    // Boxes will take no other broker from now on.
    let office = Office::open(&arguments.office)?;
    match office.console(office.target_under(vec![next])?).await {
        Ok(console) => console.close().await,
        Err(error) => return Err(Failure::Broker(words.broker_not_switched(&error.to_string()))),
    }
    let trust = folder.trust_of_next().map_err(of_folder)?;
    let outcome = tell(arguments, &trust).await?;
    close(&outcome, words)?;
    folder.finish_rotation().map_err(of_folder)?;
    println!("{}", words.rotation_finished(outcome.published.len()));
    Ok(())
}
