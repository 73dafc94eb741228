//! Who judges the judge: deliberately broken clients, and the rule at which each must be caught.
//!
//! Two right clients go first and must break nothing. Most mutants are the real box with a liar in front of it
//! ([`middle`]), so that what is tried is what is shipped; the others are a small client of another make. Run it by
//! `cargo lab mutants`: without the word `run` it does nothing, for `cargo test` would take minutes longer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod middle;
mod of_the_box;
mod of_the_small_client;
mod report;
mod run;
mod spoil;
#[path = "../support/mod.rs"]
#[allow(dead_code)]
mod support;

use std::process::ExitCode;

use conference::verdict::group;
use report::{Found, Line, Report};
use run::BoxRunner;
use support::Wrong;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().map(String::as_str) != Some("run") {
        println!("the mutants run by `cargo lab mutants`");
        return ExitCode::SUCCESS;
    }
    let after = |flag: &str| words.iter().skip_while(|word| *word != flag).nth(1).cloned();
    let only = after("--only");
    let lines = run(only.as_deref());
    let report = Report::new(lines);
    let mut good = report.good() && report.mutants > 0;
    if only.is_none() {
        for group in report.without_mutant() {
            println!("no mutant of group {group}");
            good = false;
        }
    }
    if let Some(path) = after("--report") {
        let json = serde_json::to_vec_pretty(&report).expect("JSON");
        if let Err(error) = std::fs::write(&path, json) {
            eprintln!("{path}: {error}");
            good = false;
        }
    }
    println!("{} of {} caught", report.caught, report.mutants);
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(only: Option<&str>) -> Vec<Line> {
    let wanted = |name: &str, rule: &str| {
        only.is_none_or(|part| name.contains(part) || group(rule).is_some_and(|group| group.contains(part)))
    };
    let mut lines = Vec::new();
    let mut tell = |line: Line| {
        line.print();
        lines.push(line);
    };
    let mut boxes = BoxRunner::new();
    for (channel, name) in [(false, "box"), (true, "box-channel-by-websocket")] {
        if only.is_none_or(|part| name.contains(part)) {
            let found = boxes.control(channel);
            tell(Line::new("box", name, "keeps every rule", None, found));
        }
    }
    for mutant in of_the_box::all() {
        if wanted(mutant.name, mutant.rule) {
            let found = boxes.run(&mutant);
            tell(Line::new("box", mutant.name, mutant.does, Some(mutant.rule), found));
        }
    }
    drop(boxes);
    if only.is_none_or(|part| "small".contains(part)) {
        let found = small(Wrong::Nothing, None);
        tell(Line::new("small", "small", "keeps every rule", None, found));
    }
    for mutant in of_the_small_client::all() {
        if wanted(mutant.name, mutant.rule) {
            let found = small(mutant.wrong, Some(mutant.rule));
            tell(Line::new("small", mutant.name, mutant.does, Some(mutant.rule), found));
        }
    }
    lines
}

/// A client that does not even come in where it should is a mutant that was not caught, and no end of the whole run.
fn small(wrong: Wrong, rule: Option<&'static str>) -> Found {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let begun = std::time::Instant::now();
    runtime.expect("a runtime").block_on(async {
        let running = tokio::task::LocalSet::new();
        let result = running
            .run_until(async { tokio::task::spawn_local(run::small(wrong, rule)).await })
            .await;
        result.unwrap_or_else(|error| Found {
            held: false,
            after: begun.elapsed(),
            broken: vec![format!("the client itself: {error}")],
        })
    })
}
