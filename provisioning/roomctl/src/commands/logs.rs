//! `roomctl logs`.

use std::io::{ErrorKind, Write, stdout};
use std::ops::ControlFlow;

use fleet::contract::{DeviceId, LogLevel};
use roomctl::logs::{self, End, Heard, OLDEST, Wanted};
use roomctl::view::word;
use roomctl::words::Words;
use serde_json::{Value, json};

use super::{choose, enter};
use crate::arguments::{Arguments, Chosen, Format, Logs};
use crate::failure::Failure;
use crate::print;

pub async fn run(arguments: &Arguments, order: &Logs, words: Words) -> Result<(), Failure> {
    if order.since > OLDEST {
        return Err(Failure::Wrong(words.too_long_ago()));
    }
    let (office, mut console) = enter(arguments).await?;
    let chosen = Chosen {
        rooms: vec![order.room.clone()],
        site: None,
        all: false,
    };
    let (all, devices) = choose(&mut console, &chosen, false, words).await?;
    // That one hears of all rooms.
    console.close().await;
    let [device] = devices.as_slice() else {
        let all: Vec<&str> = devices.iter().map(|device| device.as_str()).collect();
        return Err(Failure::Wrong(format!("{}: {}", order.room, all.join(", "))));
    };
    let seen = all.get(device);
    if !seen.is_some_and(|seen| seen.is_online()) {
        let since = seen.map(|seen| seen.line(device).since).unwrap_or_default();
        let sentence = words.log_is_away(&order.room, &since, order.follow);
        if !order.follow {
            return Err(Failure::Silent(sentence));
        }
        eprintln!("{sentence}");
    }
    let wanted = Wanted {
        since: order.since,
        level: order.level.into(),
        follow: order.follow,
    };
    let mut author = office.author()?;
    let mut console = office.console(office.target()?).await?;
    let presence = seen.and_then(|seen| seen.presence.clone());
    let say = |heard| show(arguments.output, &order.room, device, heard, words);
    let ended = tokio::select! {
        ended = logs::read(&mut console, &mut author, device, wanted, presence, say) => Some(ended?),
        Ok(()) = tokio::signal::ctrl_c() => None,
    };
    console.close().await;
    match ended {
        Some(End::Told | End::Unheard) => Ok(()),
        Some(End::Refused(answer)) => {
            let said = format!("{} {} {}", word(&answer.status), word(&answer.code), answer.msg);
            print::aside(&said);
            Err(Failure::Refused)
        }
        None => Err(Failure::Left),
    }
}

/// Lines to those who read them, the rest beside them. Break: nobody reads.
fn show(format: Format, room: &str, device: &DeviceId, heard: Heard, words: Words) -> ControlFlow<()> {
    let aside = match &heard {
        Heard::Line(_) => None,
        Heard::LeftOut(lines) => Some(words.lines_left_out(*lines, room)),
        Heard::Missed(lines) => Some(words.lines_missed(*lines)),
        Heard::Away(reason) => Some(words.log_is_away(room, &word(reason), true)),
        Heard::Back => Some(words.log_is_back(room)),
    };
    if let Some(sentence) = aside {
        eprintln!("{sentence}");
    }
    let line = match (format, heard) {
        (Format::Table, Heard::Line(line)) => print::plain(&line),
        (Format::Json, Heard::Line(line)) => document(device, &line).to_string(),
        // A list in YAML, an entry a line.
        (Format::Yaml, Heard::Line(line)) => format!("- {}", document(device, &line)),
        _ => return ControlFlow::Continue(()),
    };
    match writeln!(stdout(), "{line}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ControlFlow::Break(()),
        // There is nobody to tell.
        _ => ControlFlow::Continue(()),
    }
}

fn document(device: &DeviceId, line: &str) -> Value {
    let at = line.split(' ').next().and_then(|at| at.parse::<jiff::Timestamp>().ok());
    json!({"box": device, "at": at, "level": LogLevel::of(line), "line": line})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_gets_when_and_how_grave_beside_the_line() {
        let device = DeviceId::try_from("lyon-412").unwrap();
        let line = "2026-11-22T08:30:00.120000Z  WARN roomd::fleet: x";
        let expected = json!({"box": "lyon-412", "at": "2026-11-22T08:30:00.12Z", "level": "warn", "line": line});
        assert_eq!(document(&device, line), expected);
        assert_eq!(document(&device, "words")["level"], Value::Null);
    }
}
