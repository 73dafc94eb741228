//! `roomctl rollout status`.

use enrolment::registry::{RolloutHead, RolloutRecord};
use roomctl::office::Office;
use roomctl::rollout::conductor::read;
use roomctl::rollout::{State, Summary};
use roomctl::words::Words;
use serde::Serialize;

use super::{archive, failed, find, lives};
use crate::arguments::Arguments;
use crate::arguments::rollout::One;
use crate::failure::Failure;
use crate::print;

/// So many that are over are shown, the latest.
const OVER: usize = 10;

/// A rollout, for scripts.
#[derive(Serialize)]
struct Line {
    id: String,
    #[serde(flatten)]
    summary: Summary,
    #[serde(skip_serializing_if = "Option::is_none")]
    conductor: Option<String>,
    started_by: String,
}

pub async fn run(arguments: &Arguments, one: &One, words: Words) -> Result<(), Failure> {
    let office = Office::open(&arguments.office)?;
    let archive = archive(arguments)?;
    let heads = if one.id.is_some() {
        vec![find(&archive, office.tenant(), one, words).await?]
    } else {
        let tenant = office.tenant().clone();
        let all = archive.with(move |registry| registry.rollouts(&tenant)).await;
        latest(all.map_err(|error| failed(error, words))?)
    };
    let mut records = Vec::with_capacity(heads.len());
    for head in heads {
        let record = archive.with(move |registry| registry.rollout(&head.id)).await;
        records.push(record.map_err(|error| failed(error, words))?);
    }
    let line = |record: &RolloutRecord| -> Result<Line, Failure> {
        Ok(Line {
            id: record.head.id.clone(),
            summary: read(record).map_err(|error| failed(error, words))?.summary(),
            conductor: lives(&record.head).map(ToOwned::to_owned),
            started_by: record.head.started_by.clone(),
        })
    };
    let lines: Vec<Line> = records.iter().map(line).collect::<Result<_, _>>()?;
    if print::document(arguments.output, &lines)? {
        return Ok(());
    }
    let rows: Vec<Vec<String>> = lines.iter().map(|line| row(line, words)).collect();
    print::table(
        &[
            "ROLLOUT",
            "STATE",
            "WAVE",
            "BEGUN",
            "UPDATED",
            "HARMED",
            "CONDUCTOR",
            "NEXT",
        ],
        &rows,
    );
    for line in lines
        .iter()
        .filter(|line| one.id.is_some() || !line.summary.state.is_over())
    {
        if let State::Stopped { reason } = &line.summary.state {
            print::line(&format!("{}: {}", line.id, words.reason(reason)));
        }
        for harmed in &line.summary.harmed {
            let said = if harmed.said.is_empty() {
                String::new()
            } else {
                format!(": {}", harmed.said)
            };
            let harm = words.harm(harmed.harm);
            print::line(&format!(
                "  {} ({}, {}) {harm}{said}",
                harmed.device, harmed.model, harmed.site
            ));
        }
    }
    Ok(())
}

/// All that go on, and those that have ended last.
fn latest(mut heads: Vec<RolloutHead>) -> Vec<RolloutHead> {
    let mut over = heads.iter().filter(|head| head.over).count();
    heads.retain(|head| {
        let shown = !head.over || over <= OVER;
        over -= usize::from(head.over);
        shown
    });
    heads
}

fn row(line: &Line, words: Words) -> Vec<String> {
    let summary = &line.summary;
    vec![
        line.id.clone(),
        words.rollout_state(&summary.state),
        format!("{} / {}", summary.wave, summary.waves),
        format!("{} / {}", summary.started, summary.boxes),
        summary.updated.to_string(),
        summary.harmed.len().to_string(),
        line.conductor.clone().unwrap_or_else(|| words.nobody_conducts()),
        summary
            .soak_until
            .map(|until| words.soak_until(until))
            .unwrap_or_default(),
    ]
}
