//! Messages on walls.

use std::collections::BTreeMap;

use fleet::contract::{Channel, DeviceId, Message, Notice, UncheckedDocument, max_signed_bytes};
use fleet::link::Publication;

use crate::apply::ApplyError;
use crate::author::Author;
use crate::console::{Console, ConsoleError};

/// Revisions of the notices that the broker keeps, by topic.
///
/// # Errors
/// [`ConsoleError`].
pub async fn revisions(console: &mut Console) -> Result<BTreeMap<String, u64>, ConsoleError> {
    let most = Channel::Notice.rules().max_bytes;
    let kept = console.kept(&[format!("cr/v1/{}/+/notice", console.tenant())]).await?;
    let rev = |payload: &[u8]| {
        let document = UncheckedDocument::read(payload, max_signed_bytes(most)).ok()?;
        Some(Message::<Notice>::parse(document.unchecked(), most).ok()?.body.rev)
    };
    Ok(kept
        .iter()
        .filter_map(|(topic, payload)| Some((topic.clone(), rev(payload)?)))
        .collect())
}

/// Puts a notice on these walls; none: on all of them.
///
/// Its revision is the present moment in milliseconds, or one more than what is there: a notice has an end, and then the broker
/// no longer knows how far its revisions had come.
///
/// # Errors
/// [`ApplyError`].
pub async fn publish(
    console: &mut Console,
    author: &mut Author,
    devices: Option<&[DeviceId]>,
    notice: &Notice,
) -> Result<usize, ApplyError> {
    let tenant = console.tenant().clone();
    let there = revisions(console).await?;
    let topics: Vec<String> = match devices {
        None => vec![Channel::notice_for_all(&tenant)],
        Some(devices) => devices
            .iter()
            .map(|device| Channel::Notice.topic(&tenant, device))
            .collect(),
    };
    let now = jiff::Timestamp::now();
    let life = notice.exp.duration_since(now);
    let life = std::time::Duration::try_from(life).unwrap_or_default();
    let moment = u64::try_from(now.as_millisecond()).unwrap_or(0);
    for topic in &topics {
        let rev = there.get(topic).map_or(0, |rev| rev + 1).max(moment);
        let message = author.stamp(Notice { rev, ..notice.clone() });
        let signed = author.signed(topic, &message)?;
        let mut publication = Publication::new(console.next_token(), topic.clone(), signed);
        publication.retain = true;
        publication.expiry = Some(life);
        console.publish(publication).await?;
    }
    Ok(topics.len())
}
