//! `roomctl command`.

use fleet::contract::{AnswerStatus, CommandName};
use roomctl::order;
use roomctl::view::word;
use roomctl::words::Words;
use serde_json::{Map, Value};

use super::{choose, enter};
use crate::arguments::{Arguments, Chosen, Command};
use crate::failure::Failure;
use crate::print;

pub async fn run(arguments: &Arguments, order: &Command, words: Words) -> Result<(), Failure> {
    let name = CommandName::parse(&order.name).ok_or_else(|| {
        let all: Vec<&str> = CommandName::ALL.iter().map(|name| name.as_str()).collect();
        Failure::Wrong(format!("{}: {}", order.name, all.join(" ")))
    })?;
    let params = params(&order.params)?;
    let (office, mut console) = enter(arguments).await?;
    let mut author = office.author()?;
    let chosen = Chosen {
        rooms: vec![order.room.clone()],
        site: None,
        all: false,
    };
    let (_, devices) = choose(&mut console, &chosen, false, words).await?;
    let [device] = devices.as_slice() else {
        let all: Vec<&str> = devices.iter().map(|device| device.as_str()).collect();
        return Err(Failure::Wrong(format!("{}: {}", order.room, all.join(", "))));
    };
    order::prepare(&mut console).await?;
    let progress = |answer: &fleet::contract::Answer| {
        let percent = answer
            .progress
            .map(|percent| format!(" {percent} %"))
            .unwrap_or_default();
        let line = format!("{}{percent} {}", word(&answer.status), answer.msg);
        print::aside(line.trim_end());
    };
    let answer = order::ask(&mut console, &mut author, device, name, params, order.wait, progress).await?;
    console.close().await;
    if !print::document(arguments.output, &answer)? {
        let path = answer.path.as_deref().unwrap_or_default();
        let line = format!("{} {} {path} {}", word(&answer.status), word(&answer.code), answer.msg);
        print::line(&line.split_whitespace().collect::<Vec<_>>().join(" "));
        if !answer.result.is_empty() {
            print::document(crate::arguments::Format::Yaml, &answer.result)?;
        }
    }
    if answer.status == AnswerStatus::Done {
        Ok(())
    } else {
        Err(Failure::Refused)
    }
}

/// `key=value`; a value is JSON where it can be. `key=@FILE`: the text in it; `key=@-`: on standard input.
fn params(typed: &[String]) -> Result<Map<String, Value>, Failure> {
    let pair = |text: &String| {
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| Failure::Wrong(format!("{text}: KEY=VALUE")))?;
        let value = match value.strip_prefix('@') {
            Some(file) => Value::from(read(file)?),
            None => serde_json::from_str(value).unwrap_or_else(|_| value.into()),
        };
        Ok((key.to_owned(), value))
    };
    typed.iter().map(pair).collect()
}

/// What no command line shall show. The box has its own limits.
fn read(file: &str) -> Result<String, Failure> {
    let text = match file {
        "-" => std::io::read_to_string(std::io::stdin().lock()),
        file => std::fs::read_to_string(file),
    };
    let text = text.map_err(|error| Failure::Wrong(format!("{file}: {error}")))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
