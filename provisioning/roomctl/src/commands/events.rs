//! `roomctl events`.

use std::time::Duration;

use fleet::contract::{Channel, Event, Message};
use roomctl::console::ConsoleError;
use roomctl::view::word;
use roomctl::words::Words;

use super::{choose, enter};
use crate::arguments::{Arguments, Events, Format};
use crate::failure::Failure;
use crate::print;

/// Longer than anybody waits.
const FOR_EVER: Duration = Duration::from_secs(86_400);

pub async fn run(arguments: &Arguments, order: &Events, words: Words) -> Result<(), Failure> {
    let (_, mut console) = enter(arguments).await?;
    let chosen = &order.chosen;
    let narrowed = !chosen.rooms.is_empty() || chosen.site.is_some();
    let (all, devices) = choose(&mut console, chosen, true, words).await?;
    let tenant = console.tenant().clone();
    console.hear(&[format!("cr/v1/{tenant}/+/evt/+")]).await?;
    let mut told = std::collections::HashSet::new();
    loop {
        let heard = match console.next(FOR_EVER).await {
            Err(ConsoleError::Silent) => continue,
            heard => heard?,
        };
        let Ok((_, device, channel @ Channel::Event(class))) = Channel::parse(&heard.topic) else {
            continue;
        };
        let Ok(message) = Message::<Event>::parse(&heard.payload, channel.rules().max_bytes) else {
            continue;
        };
        // A box says again what it said before its broker was lost.
        if narrowed && !devices.contains(&device) || !told.insert(message.envelope.id) {
            continue;
        }
        if arguments.output == Format::Json {
            let document = serde_json::json!({"box": device, "class": class, "event": message});
            println!("{document}");
            continue;
        }
        let room = all.get(&device).map(|seen| seen.room()).filter(|room| !room.is_empty());
        let times = if message.body.count > 1 {
            format!(" ×{}", message.body.count)
        } else {
            String::new()
        };
        let detail = if message.body.detail.is_empty() {
            String::new()
        } else {
            serde_json::to_string(&message.body.detail).unwrap_or_default()
        };
        let moment = message.envelope.ts.strftime("%Y-%m-%d %H:%M:%S");
        let who = room.unwrap_or(device.as_str());
        print::line(&format!(
            "{moment}  {who}  {}  {}{times}  {detail}",
            word(&class),
            message.body.event
        ));
    }
}
