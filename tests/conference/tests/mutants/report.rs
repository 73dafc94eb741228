//! What was found, as a table for a person and as JSON for a program.

use std::time::Duration;

use conference::verdict::{GROUPS, group};
use serde::Serialize;

/// How one client fared.
pub struct Found {
    /// A mutant: its rule was seen broken. A right client: no rule was broken.
    pub held: bool,
    /// From the beginning of the join.
    pub after: Duration,
    /// Rules that were broken, each once.
    pub broken: Vec<String>,
}

/// One line of the table.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// `box` (the real one, with a liar in front) or `small` (the client on str0m).
    pub client: &'static str,
    /// One of [`GROUPS`]; none for a right client.
    pub group: Option<&'static str>,
    pub name: String,
    pub does: String,
    /// The rule that must catch it.
    pub rule: Option<&'static str>,
    /// Caught at its rule; for a right client: nothing to catch.
    pub held: bool,
    pub seconds: f64,
    /// Other rules that it broke on the way.
    pub also: Vec<String>,
}

/// The whole.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub caught: usize,
    pub mutants: usize,
    pub lines: Vec<Line>,
}

impl Line {
    pub fn new(client: &'static str, name: &str, does: &str, rule: Option<&'static str>, found: Found) -> Self {
        Self {
            client,
            group: rule.and_then(group),
            name: name.into(),
            does: does.into(),
            rule,
            held: found.held,
            seconds: (found.after.as_secs_f64() * 10.0).round() / 10.0,
            also: found
                .broken
                .into_iter()
                .filter(|broken| Some(broken.as_str()) != rule)
                .collect(),
        }
    }

    pub fn print(&self) {
        let word = match (self.held, self.rule) {
            (true, Some(_)) => "caught",
            (true, None) => "right",
            (false, Some(_)) => "MISSED",
            (false, None) => "WRONGED",
        };
        let group = self.group.unwrap_or("-");
        println!(
            "{word:<8}{group:<20}{:<28}{} ({:.1} s)",
            self.name, self.does, self.seconds
        );
        if let Some(rule) = self.rule {
            println!("{:<28}by {rule}", "");
        }
        for also in &self.also {
            println!("{:<28}also {also}", "");
        }
    }
}

impl Report {
    pub fn new(lines: Vec<Line>) -> Self {
        let mutants = || lines.iter().filter(|line| line.rule.is_some());
        Self {
            caught: mutants().filter(|line| line.held).count(),
            mutants: mutants().count(),
            lines,
        }
    }

    /// Groups of which no mutant ran.
    pub fn without_mutant(&self) -> Vec<&'static str> {
        let has = |group: &&str| self.lines.iter().any(|line| line.group == Some(*group));
        GROUPS.into_iter().filter(|group| !has(group)).collect()
    }

    /// Every mutant was caught, and no right client accused.
    pub fn good(&self) -> bool {
        self.lines.iter().all(|line| line.held)
    }
}
