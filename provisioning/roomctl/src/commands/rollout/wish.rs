//! `pause`, `resume` and `abort`: whoever conducts obeys; where nobody does, whoever asks does it.

use std::time::{Duration, Instant};

use enrolment::registry::{RolloutError, RolloutHead, Wish};
use roomctl::office::Office;
use roomctl::rollout::archive::Archive;
use roomctl::rollout::conductor::{self, ConductError, Conductor, End, read};
use roomctl::rollout::{Input, State};
use roomctl::words::Words;

use super::{archive, close, conduct, failed, find, lives};
use crate::arguments::Arguments;
use crate::arguments::rollout::One;
use crate::failure::Failure;

/// Attempts to write into a row that its conductor writes, too.
const ATTEMPTS: usize = 50;
/// For a conductor to obey. One who is dead is found out earlier: by the end of the lease.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the row is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(500);

/// Somebody wants something of a rollout.
pub async fn run(arguments: &Arguments, one: &One, wish: Wish, words: Words) -> Result<(), Failure> {
    let office = Office::open(&arguments.office)?;
    let archive = archive(arguments)?;
    let by = office.author()?.name;
    let head = find(&archive, office.tenant(), one, words).await?;
    // Who conducts a rollout that goes on keeps the seat, and is named.
    if wish == Wish::Run && head.wish == Wish::Run && lives(&head).is_some() {
        let taken = Conductor::take(archive, &head.id, conductor::seat(&by)).await;
        return go_on(arguments, &office, taken.map_err(|error| failed(error, words))?, words).await;
    }
    let head = write(&archive, head, wish, &by, words).await?;
    let conductor = match wait(&archive, &head.id, wish, &by, words).await? {
        Outcome::Obeyed(sentence) => {
            println!("{sentence}");
            return Ok(());
        }
        Outcome::Seat(conductor) => *conductor,
    };
    match wish {
        Wish::Run => go_on(arguments, &office, conductor, words).await,
        Wish::Abort => end(arguments, &office, conductor, words).await,
        Wish::Pause => pause(conductor, words).await,
    }
}

async fn go_on(arguments: &Arguments, office: &Office, mut conductor: Conductor, words: Words) -> Result<(), Failure> {
    conductor.order(Input::Resume);
    let end = conduct(arguments, office, conductor, words).await?;
    close(end)
}

async fn end(arguments: &Arguments, office: &Office, mut conductor: Conductor, words: Words) -> Result<(), Failure> {
    conductor.order(Input::Abort);
    match conduct(arguments, office, conductor, words).await? {
        End::State(_) => Ok(()),
        End::Left => Err(Failure::Left),
    }
}

/// For that no broker is needed.
async fn pause(mut conductor: Conductor, words: Words) -> Result<(), Failure> {
    conductor.order(Input::Pause);
    conductor.put_down().await.map_err(|error| failed(error, words))?;
    println!("{}", words.obeyed(conductor.id(), None, &conductor.rollout().state));
    Ok(())
}

/// Writes down what is wanted. The row as it is then.
async fn write(
    archive: &Archive,
    mut head: RolloutHead,
    wish: Wish,
    by: &str,
    words: Words,
) -> Result<RolloutHead, Failure> {
    for _ in 0..ATTEMPTS {
        if head.over {
            return Err(Failure::Wrong(words.rollout_over(&head.id)));
        }
        let (by, there) = (by.to_owned(), head.clone());
        match archive
            .with(move |registry| registry.wish_rollout(&there, wish, &by))
            .await
        {
            Ok(revision) => {
                head.revision = revision;
                return Ok(head);
            }
            Err(RolloutError::Changed(id)) => {
                let again = archive.with(move |registry| registry.rollout_head(&id)).await;
                head = again.map_err(|error| failed(error, words))?;
            }
            Err(error) => return Err(failed(error, words)),
        }
    }
    Err(failed(RolloutError::Changed(head.id), words))
}

/// What became of a wish.
enum Outcome {
    /// Whoever conducts has done it: in a sentence.
    Obeyed(String),
    /// Nobody conducts: it is up to us.
    Seat(Box<Conductor>),
}

/// Until whoever conducts has obeyed, or nobody does any more.
async fn wait(archive: &Archive, id: &str, wish: Wish, by: &str, words: Words) -> Result<Outcome, Failure> {
    let begun = Instant::now();
    let (mut read_before, mut told) = (None, false);
    loop {
        let name = id.to_owned();
        let head = archive.with(move |registry| registry.rollout_head(&name)).await;
        let head = head.map_err(|error| failed(error, words))?;
        let conductor = lives(&head);
        // Of many boxes there is much to read: only when it may say something else.
        if read_before != Some(head.revision) && (head.over || conductor.is_some() || wish == Wish::Pause) {
            read_before = Some(head.revision);
            let state = state(archive, id, words).await?;
            if obeyed(wish, head.over, &state, conductor.is_some()) {
                return Ok(Outcome::Obeyed(words.obeyed(id, conductor, &state)));
            }
            if head.over {
                return Err(Failure::Wrong(words.rollout_over(id)));
            }
        }
        match conductor {
            None => match Conductor::take(archive.clone(), id, conductor::seat(by)).await {
                Ok(conductor) => return Ok(Outcome::Seat(Box::new(conductor))),
                // Somebody else was faster, and obeys.
                Err(ConductError::Rollout(RolloutError::Held { .. })) => {}
                Err(error) => return Err(failed(error, words)),
            },
            Some(name) if begun.elapsed() >= PATIENCE => return Err(Failure::Silent(words.not_obeyed(id, name))),
            Some(name) => {
                if !std::mem::replace(&mut told, true) {
                    eprintln!("{}", words.wished(id, name));
                }
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn state(archive: &Archive, id: &str, words: Words) -> Result<State, Failure> {
    let name = id.to_owned();
    let record = archive.with(move |registry| registry.rollout(&name)).await;
    let record = record.map_err(|error| failed(error, words))?;
    Ok(read(&record).map_err(|error| failed(error, words))?.state)
}

/// It is as it was wanted. `over`: and every box finds what it shall find.
fn obeyed(wish: Wish, over: bool, state: &State, conducted: bool) -> bool {
    match wish {
        Wish::Abort => over,
        Wish::Pause => *state != State::Running,
        Wish::Run => conducted && *state == State::Running,
    }
}
