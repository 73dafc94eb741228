//! `roomctl rollout`.

mod progress;
mod start;
mod status;
mod wish;

use enrolment::registry::{RolloutError, RolloutHead, Wish};
use enrolment::settings::Settings;
use fleet::contract::Tenant;
use jiff::Timestamp;
use roomctl::office::Office;
use roomctl::rollout::State;
use roomctl::rollout::archive::Archive;
use roomctl::rollout::conductor::{ConductError, Conductor, End};
use roomctl::words::Words;

use crate::arguments::Arguments;
use crate::arguments::rollout::{One, Rollout};
use crate::failure::Failure;
use progress::Progress;

pub async fn run(arguments: &Arguments, order: &Rollout, words: Words) -> Result<(), Failure> {
    match order {
        Rollout::Start(order) => start::run(arguments, order, words).await,
        Rollout::Status(one) => status::run(arguments, one, words).await,
        Rollout::Pause(one) => wish::run(arguments, one, Wish::Pause, words).await,
        Rollout::Resume(one) => wish::run(arguments, one, Wish::Run, words).await,
        Rollout::Abort(one) => wish::run(arguments, one, Wish::Abort, words).await,
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
        ConductError::Lost(_)
        | ConductError::Rollout(
            RolloutError::Overlaps { .. }
            | RolloutError::Changed(_)
            | RolloutError::Ending { .. }
            | RolloutError::Held { .. },
        ) => {
            eprintln!("roomctl: {sentence}");
            Failure::Conflict
        }
        ConductError::Console(_) => Failure::Broker(sentence),
        _ => Failure::Wrong(sentence),
    }
}

/// The one that is meant.
async fn find(archive: &Archive, tenant: &Tenant, one: &One, words: Words) -> Result<RolloutHead, Failure> {
    if let Some(id) = one.id.clone() {
        let found = archive.with(move |registry| registry.rollout_head(&id)).await;
        // Whatever belongs to others is not known here.
        let ours = found.and_then(|head| {
            if head.tenant == *tenant {
                Ok(head)
            } else {
                Err(RolloutError::Unknown(head.id))
            }
        });
        return ours.map_err(|error| failed(error, words));
    }
    let tenant = tenant.clone();
    let all = archive.with(move |registry| registry.rollouts(&tenant)).await;
    let open = all.map_err(|error| failed(error, words))?.into_iter();
    let mut open: Vec<RolloutHead> = open.filter(|head| !head.over).collect();
    match (open.pop(), open.is_empty()) {
        (Some(only), true) => Ok(only),
        (last, _) => {
            let ids = open.into_iter().chain(last).map(|head| head.id).collect::<Vec<_>>();
            Err(Failure::Wrong(words.which_rollout(&ids)))
        }
    }
}

fn lives(head: &RolloutHead) -> Option<&str> {
    let seat = head.seat.as_ref().filter(|seat| seat.until >= Timestamp::now())?;
    Some(&seat.name)
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
