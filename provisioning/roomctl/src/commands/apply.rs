//! `roomctl apply`.

use std::collections::BTreeMap;

use fleet::contract::{ApplyWhen, DeviceId};
use jiff::Timestamp;
use roomctl::apply::{self, Change, Outcome, Proposal, Verdict};
use roomctl::plan::Plan;
use roomctl::view::word;
use roomctl::words::Words;
use serde::Serialize;
use serde_json::Value;

use super::enter;
use crate::arguments::{self, Arguments, When};
use crate::failure::Failure;
use crate::print;

/// A room, for scripts.
#[derive(Serialize)]
struct Line {
    #[serde(rename = "box")]
    device: String,
    room: String,
    rev: u64,
    change: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<apply::Difference>,
}

pub async fn run(arguments: &Arguments, order: &arguments::Apply, words: Words) -> Result<(), Failure> {
    let mut plan = Plan::read(&order.file).map_err(|errors| {
        let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Failure::Wrong(all.join("\nroomctl: "))
    })?;
    let (office, mut console) = enter(arguments).await?;
    let anchors = office.anchors()?;
    if let Some(trust) = office.trust()? {
        plan.believe(&trust);
    }
    let sealing = office.sealing()?;
    if sealing.is_none() && plan.rooms.values().any(|room| !room.secrets.is_empty()) {
        return Err(Failure::Wrong(words.cannot_seal()));
    }
    let mut proposal = apply::compare(&mut console, &anchors, &plan).await?;
    if let Some(sealing) = &sealing {
        let sealed = proposal.seal(sealing, office.tenant(), &plan, Timestamp::now());
        sealed.map_err(|error| Failure::Wrong(words.not_sealed(&error)))?;
    }
    proposal.expire(&plan, Timestamp::now());
    say_who_waits(&plan, &proposal, words);
    let changed = proposal
        .changes
        .values()
        .filter(|(change, _)| *change != Change::Same)
        .count();
    if order.dry_run {
        console.close().await;
        eprintln!("{}", words.proposed(changed, proposal.changes.len() - changed));
        return show(arguments, &plan, &proposal);
    }
    let mut author = office.author()?;
    let when = match order.when {
        When::Now => ApplyWhen::Now,
        When::Idle => ApplyWhen::Idle,
    };
    let outcome = apply::publish(&mut console, &mut author, &anchors, &plan, &proposal, when).await?;
    eprintln!(
        "{}",
        words.published(outcome.published.len(), proposal.changes.len() - changed)
    );
    let verdicts = if order.wait.is_zero() {
        BTreeMap::new()
    } else {
        apply::wait(&mut console, &outcome.published, order.wait).await?
    };
    console.close().await;
    show(arguments, &plan, &proposal)?;
    close(&outcome, &verdicts, order.wait.is_zero(), words)
}

/// Boxes that get their secrets another time.
fn say_who_waits(plan: &Plan, proposal: &Proposal, words: Words) {
    let room = |device: &DeviceId| {
        plan.rooms
            .get(device)
            .map_or(device.to_string(), |room| room.name.clone())
    };
    let waiting: Vec<String> = proposal.waiting.keys().map(room).collect();
    if !waiting.is_empty() {
        eprintln!("{}", words.secrets_wait(&waiting));
    }
}

fn show(arguments: &Arguments, plan: &Plan, proposal: &Proposal) -> Result<(), Failure> {
    let line = |(device, (change, rev)): (&DeviceId, &(Change, u64))| Line {
        device: device.to_string(),
        room: plan.rooms.get(device).map(|room| room.name.clone()).unwrap_or_default(),
        rev: *rev,
        change: match change {
            Change::New => "new",
            Change::Changed(_) => "changed",
            Change::Same => "same",
            Change::Forged => "forged",
        },
        differences: match change {
            Change::Changed(differences) => differences.clone(),
            _ => Vec::new(),
        },
    };
    let lines: Vec<Line> = proposal.changes.iter().map(line).collect();
    if print::document(arguments.output, &lines)? {
        return Ok(());
    }
    for line in lines.iter().filter(|line| line.change != "same") {
        print::line(&format!(
            "{} ({}) {} → {}",
            line.room, line.device, line.change, line.rev
        ));
        for difference in &line.differences {
            let side = |mark: char, value: &Option<Value>| {
                if let Some(value) = value {
                    print::line(&format!("  {mark} {}: {value}", difference.path));
                }
            };
            side('-', &difference.before);
            side('+', &difference.after);
        }
    }
    Ok(())
}

/// What people have to know, and how it ended.
fn close(
    outcome: &Outcome,
    verdicts: &BTreeMap<DeviceId, Verdict>,
    unasked: bool,
    words: Words,
) -> Result<(), Failure> {
    let applied = verdicts
        .values()
        .filter(|verdict| **verdict == Verdict::Applied)
        .count();
    if !unasked && !outcome.published.is_empty() {
        eprintln!("{}", words.applied(applied, outcome.published.len()));
    }
    for (device, verdict) in verdicts {
        if let Verdict::Refused(status, errors) = verdict {
            for (path, code, message) in errors {
                print::aside(&format!("{device}: {}: {path} {} {message}", word(status), word(code)));
            }
        }
    }
    for conflict in &outcome.conflicts {
        eprintln!(
            "{}",
            words.conflict(conflict.device.as_str(), &conflict.by, conflict.rev)
        );
    }
    for device in &outcome.disbelieved {
        eprintln!("{}", words.disbelieved(device.as_str()));
    }
    if !outcome.conflicts.is_empty() {
        return Err(Failure::Conflict);
    }
    if !outcome.disbelieved.is_empty() || verdicts.values().any(|verdict| *verdict != Verdict::Applied) {
        return Err(Failure::Refused);
    }
    let silent: Vec<&str> = outcome
        .published
        .keys()
        .filter(|device| !unasked && !verdicts.contains_key(*device))
        .map(|device| device.as_str())
        .collect();
    if silent.is_empty() {
        Ok(())
    } else {
        Err(Failure::Silent(words.silent(&silent.join(", "))))
    }
}
