//! A command to a box, and its answer.

use std::time::Duration;

use fleet::contract::{Answer, AnswerStatus, Channel, Command, CommandName, DeviceId, Id, Message};
use fleet::link::Publication;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use crate::author::{Author, AuthorError};
use crate::console::{Console, ConsoleError};

/// A command that waits longer is no command any more (`specs/fleet-mqtt.md §1`).
pub const LONGEST: Duration = Duration::from_secs(300);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The broker.
    #[error(transparent)]
    Console(#[from] ConsoleError),
    /// The signature.
    #[error(transparent)]
    Author(#[from] AuthorError),
    /// It may be off, or slow.
    #[error("no answer in {0:?}")]
    NoAnswer(Duration),
}

/// Hears the answers of all boxes. Once for a console, before the first [`ask`].
///
/// # Errors
/// [`ConsoleError`].
pub async fn prepare(console: &mut Console) -> Result<(), ConsoleError> {
    let filter = format!("cr/v1/{}/+/res/+", console.tenant());
    console.hear(&[filter]).await
}

/// Sends a command and waits for its last answer; those before it go to `progress`.
///
/// # Errors
/// [`OrderError`].
pub async fn ask(
    console: &mut Console,
    author: &mut Author,
    device: &DeviceId,
    name: CommandName,
    params: Map<String, Value>,
    patience: Duration,
    progress: impl FnMut(&Answer),
) -> Result<Answer, OrderError> {
    let id = send(console, author, device, name, params, patience).await?;
    answer(console, device, name, id, patience, progress).await
}

/// Waits for the last answer to a command that was sent; those before it go to `progress`.
///
/// # Errors
/// [`OrderError`].
pub async fn answer(
    console: &mut Console,
    device: &DeviceId,
    name: CommandName,
    id: Id,
    patience: Duration,
    mut progress: impl FnMut(&Answer),
) -> Result<Answer, OrderError> {
    let answers = Channel::Answer(name.as_str().into()).topic(console.tenant(), device);
    let until = tokio::time::Instant::now() + patience;
    loop {
        let left = until.saturating_duration_since(tokio::time::Instant::now());
        let heard = match console.next(left).await {
            Err(ConsoleError::Silent) => return Err(OrderError::NoAnswer(patience)),
            heard => heard?,
        };
        if heard.topic != answers {
            continue;
        }
        let Ok(message) = Message::<Answer>::parse(&heard.payload, Channel::Answer(String::new()).rules().max_bytes)
        else {
            continue;
        };
        let answer = message.body;
        if answer.re != id {
            continue;
        }
        match answer.status {
            AnswerStatus::Accepted | AnswerStatus::Running => progress(&answer),
            AnswerStatus::Done | AnswerStatus::Failed | AnswerStatus::Rejected => return Ok(answer),
        }
    }
}

/// Sends a command; its id.
///
/// # Errors
/// [`OrderError`].
pub async fn send(
    console: &mut Console,
    author: &mut Author,
    device: &DeviceId,
    name: CommandName,
    params: Map<String, Value>,
    patience: Duration,
) -> Result<Id, OrderError> {
    let life = patience.min(LONGEST);
    let forced = params.get("force") == Some(&Value::Bool(true));
    let exp = Timestamp::now().saturating_add(SignedDuration::try_from(life).unwrap_or(SignedDuration::from_secs(300)));
    let message = author.stamp(Command {
        name: name.as_str().into(),
        params,
        exp: exp.unwrap_or(Timestamp::MAX),
        actor: author.name.clone(),
    });
    let channel = Channel::Command(name.as_str().into());
    let topic = channel.topic(console.tenant(), device);
    let payload = if name.dangerous(forced) {
        author.signed(&topic, &message)?.into_bytes()
    } else {
        serde_json::to_vec(&message).map_err(AuthorError::from)?
    };
    let id = message.envelope.id;
    let mut publication = Publication::new(console.next_token(), topic, payload);
    publication.expiry = Some(life);
    publication.response_topic = Some(Channel::Answer(name.as_str().into()).topic(console.tenant(), device));
    publication.correlation = Some(id.to_string().into_bytes().into());
    console.publish(publication).await?;
    Ok(id)
}
