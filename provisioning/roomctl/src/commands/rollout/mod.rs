//! `roomctl rollout`.

mod progress;
mod start;
mod status;

use enrolment::registry::{RolloutError, RolloutRecord, Wish};
use enrolment::settings::Settings;
use fleet::contract::Tenant;
use jiff::Timestamp;
use roomctl::office::Office;
use roomctl::rollout::archive::Archive;
use roomctl::rollout::conductor::{self, ConductError, Conductor, End};
use roomctl::rollout::{Input, State};
use roomctl::words::Words;

use crate::arguments::Arguments;
use crate::arguments::rollout::{One, Rollout};
use crate::failure::Failure;
use progress::Progress;

/// Attempts to write into a row that its conductor writes, too.
const ATTEMPTS: usize = 50;

pub async fn run(arguments: &Arguments, order: &Rollout, words: Words) -> Result<(), Failure> {
    match order {
        Rollout::Start(order) => start::run(arguments, order, words).await,
        Rollout::Status(one) => status::run(arguments, one, words).await,
        Rollout::Pause(one) => wish(arguments, one, Wish::Pause, words).await,
        Rollout::Resume(one) => resume(arguments, one, words).await,
        Rollout::Abort(one) => wish(arguments, one, Wish::Abort, words).await,
    }
}

/// The registry that the enrolment service uses.
fn archive(arguments: &Arguments) -> Result<Archive, Failure> {
    let path = arguments.office.with_file_name("enrolment.toml");
    let settings = Settings::load(&path).map_err(Failure::Wrong)?;
    Ok(Archive::new(settings.registry))
}

fn failed(error: impl Into<ConductError>, words: Words) -> Failure {
    let error = error.into();
    let sentence = words.not_conducted(&error);
    match error {
        ConductError::Rollout(RolloutError::Overlaps { .. } | RolloutError::Changed(_) | RolloutError::Held { .. }) => {
            eprintln!("roomctl: {sentence}");
            Failure::Conflict
        }
        ConductError::Console(_) => Failure::Broker(sentence),
        _ => Failure::Wrong(sentence),
    }
}

/// The one that is meant.
async fn find(archive: &Archive, tenant: &Tenant, one: &One, words: Words) -> Result<RolloutRecord, Failure> {
    if let Some(id) = one.id.clone() {
        let found = archive.with(move |registry| registry.rollout(&id)).await;
        return found.map_err(|error| failed(error, words));
    }
    let tenant = tenant.clone();
    let all = archive.with(move |registry| registry.rollouts(&tenant)).await;
    let open = all
        .map_err(|error| failed(error, words))?
        .into_iter()
        .filter(|record| !record.over);
    let mut open: Vec<RolloutRecord> = open.collect();
    match (open.pop(), open.is_empty()) {
        (Some(only), true) => Ok(only),
        (last, _) => {
            let ids = open.into_iter().chain(last).map(|record| record.id).collect::<Vec<_>>();
            Err(Failure::Wrong(words.which_rollout(&ids)))
        }
    }
}

/// Writes down what is wanted. The row as it is then.
async fn write(
    archive: &Archive,
    mut record: RolloutRecord,
    wish: Wish,
    by: &str,
    words: Words,
) -> Result<RolloutRecord, Failure> {
    for _ in 0..ATTEMPTS {
        if record.over {
            return Err(Failure::Wrong(words.rollout_over(&record.id)));
        }
        let (by, there) = (by.to_owned(), record.clone());
        match archive
            .with(move |registry| registry.wish_rollout(&there, wish, &by))
            .await
        {
            Ok(revision) => {
                record.revision = revision;
                return Ok(record);
            }
            Err(RolloutError::Changed(id)) => {
                let again = archive.with(move |registry| registry.rollout(&id)).await;
                record = again.map_err(|error| failed(error, words))?;
            }
            Err(error) => return Err(failed(error, words)),
        }
    }
    Err(failed(RolloutError::Changed(record.id), words))
}

fn lives(record: &RolloutRecord) -> Option<&str> {
    let seat = record.seat.as_ref().filter(|seat| seat.until >= Timestamp::now())?;
    Some(&seat.name)
}

/// `pause` and `abort`: the conductor obeys; where there is none, whoever asks does it.
async fn wish(arguments: &Arguments, one: &One, wish: Wish, words: Words) -> Result<(), Failure> {
    let office = Office::open(&arguments.office)?;
    let archive = archive(arguments)?;
    let by = office.author()?.name;
    let record = find(&archive, office.tenant(), one, words).await?;
    let record = write(&archive, record, wish, &by, words).await?;
    if let Some(conductor) = lives(&record) {
        println!("{}", words.wished(&record.id, Some(conductor)));
        return Ok(());
    }
    let taken = Conductor::take(archive, &record.id, conductor::seat(&by)).await;
    let mut conductor = taken.map_err(|error| failed(error, words))?;
    match wish {
        Wish::Abort => {
            conductor.order(Input::Abort);
            match conduct(arguments, &office, conductor, words).await? {
                End::State(_) => {}
                End::Left => return Err(Failure::Left),
            }
        }
        Wish::Pause | Wish::Run => {
            conductor.order(Input::Pause);
            conductor.put_down().await.map_err(|error| failed(error, words))?;
            println!("{}", words.wished(&record.id, None));
        }
    }
    Ok(())
}

async fn resume(arguments: &Arguments, one: &One, words: Words) -> Result<(), Failure> {
    let office = Office::open(&arguments.office)?;
    let archive = archive(arguments)?;
    let by = office.author()?.name;
    let record = find(&archive, office.tenant(), one, words).await?;
    let paused = record.wish == Wish::Pause;
    // Who conducts a rollout that goes on keeps the seat, and is named.
    if paused || lives(&record).is_none() {
        write(&archive, record.clone(), Wish::Run, &by, words).await?;
    }
    if let Some(conductor) = lives(&record).filter(|_| paused) {
        println!("{}", words.wished(&record.id, Some(conductor)));
        return Ok(());
    }
    let taken = Conductor::take(archive, &record.id, conductor::seat(&by)).await;
    let mut conductor = taken.map_err(|error| failed(error, words))?;
    conductor.order(Input::Resume);
    let end = conduct(arguments, &office, conductor, words).await?;
    close(end)
}

/// In the foreground, until it is over, has stopped, or Ctrl-C.
async fn conduct(
    arguments: &Arguments,
    office: &Office,
    mut conductor: Conductor,
    words: Words,
) -> Result<End, Failure> {
    let mut progress = Progress::new(arguments.output, words);
    let leave = async {
        // Without a signal nobody leaves.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    let ended = conductor
        .conduct(office, |rollout, news| progress.show(rollout, &news), leave)
        .await;
    progress.end();
    let end = ended.map_err(|error| failed(error, words))?;
    if end == End::Left {
        let on_their_way = conductor.rollout().summary().on_their_way;
        eprintln!("{}", words.rollout_left(conductor.id(), on_their_way));
    }
    Ok(end)
}

/// How it ended, for scripts.
fn close(end: End) -> Result<(), Failure> {
    match end {
        End::State(State::Done) => Ok(()),
        End::State(_) => Err(Failure::Refused),
        End::Left => Err(Failure::Left),
    }
}
