//! A bar that shows the waves: redrawn on a terminal, a line for each change elsewhere, JSON for scripts.

use std::io::{IsTerminal, Write, stdout};

use roomctl::rollout::conductor::News;
use roomctl::rollout::{Note, Rollout, Stage};
use roomctl::words::Words;
use serde_json::json;

use crate::arguments::Format;
use crate::print;

/// Cells of a wave.
const CELLS: usize = 6;
/// Of a terminal that does not say.
const COLUMNS: u16 = 80;

/// What is on the terminal.
pub struct Progress {
    format: Format,
    words: Words,
    terminal: bool,
    bar: String,
}

impl Progress {
    /// Nothing is shown yet.
    pub fn new(format: Format, words: Words) -> Self {
        Self {
            format,
            words,
            terminal: format == Format::Table && stdout().is_terminal(),
            bar: String::new(),
        }
    }

    /// Something has happened.
    pub fn show(&mut self, rollout: &Rollout, news: &News<'_>) {
        if self.format != Format::Table {
            if let News::Note(note) = news {
                println!("{}", json!({"at": jiff::Timestamp::now(), "what": note}));
            }
            return;
        }
        let line = match news {
            // Where the bar is, boxes that begin and go well are in it.
            News::Note(Note::Started { .. } | Note::Updated { .. }) if self.terminal => None,
            News::Note(note) => Some(self.words.note(note)),
            News::By(name) => Some(self.words.wanted_by(name)),
            News::Away(why) => Some(self.words.broker_away(why)),
            News::Look => None,
        };
        if let Some(line) = line {
            self.wipe();
            print::line(&line);
        }
        if self.terminal {
            // A line that does not fit cannot be wiped.
            let bar = format!("{}  {}", bar(rollout), self.figures(rollout));
            let bar: String = bar.chars().take(columns().saturating_sub(1)).collect();
            if bar != self.bar {
                self.wipe();
                print!("{bar}");
                let _ = stdout().flush();
                self.bar = bar;
            }
        }
    }

    /// Nothing more comes.
    pub fn end(&mut self) {
        if !self.bar.is_empty() {
            println!();
            self.bar.clear();
        }
    }

    fn wipe(&mut self) {
        if !self.bar.is_empty() {
            print!("\r\x1b[K");
            self.bar.clear();
        }
    }

    fn figures(&self, rollout: &Rollout) -> String {
        let summary = rollout.summary();
        let harmed = summary.harmed.len();
        let mut text = self
            .words
            .how_far(summary.started, summary.boxes, summary.on_their_way, harmed);
        if let Some(until) = summary.soak_until {
            text += " · ";
            text += &self.words.soak_until(until);
        }
        text
    }
}

fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(stdout());
    let columns = size.map_or(0, |size| size.ws_col);
    usize::from(if columns == 0 { COLUMNS } else { columns })
}

/// `10 ██████│1% ███▒░░│5% ░░░░░░│…`: through, on their way, to come.
pub fn bar(rollout: &Rollout) -> String {
    let fleet = rollout.members.len();
    let on_their_way = rollout.members.iter().filter(|member| member.is_on_its_way()).count();
    let already = rollout.members.iter();
    let already =
        already.filter(|member| matches!(member.stage, Stage::Already | Stage::Refused { .. } | Stage::Absent));
    let last = rollout.policy.waves.len().saturating_sub(1);
    let begun = rollout.started() + if rollout.wave >= last { already.count() } else { 0 };
    let through = begun.saturating_sub(on_their_way);
    let mut from = 0;
    let waves = rollout.policy.waves.iter().enumerate().map(|(wave, name)| {
        let to = rollout.policy.target(wave, fleet);
        let cells = |count: usize| {
            let within = count.clamp(from, to) - from;
            if to == from {
                if count >= to { CELLS } else { 0 }
            } else {
                within * CELLS / (to - from)
            }
        };
        let (full, half) = (cells(through), cells(begun));
        from = to;
        format!(
            "{name} {}{}{}",
            "█".repeat(full),
            "▒".repeat(half - full),
            "░".repeat(CELLS - half)
        )
    });
    waves.collect::<Vec<_>>().join("│")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use roomctl::rollout::{Image, Member, Policy};

    use super::*;

    #[test]
    fn the_bar_shows_the_waves() {
        let now = Timestamp::now();
        let image = Image {
            release: "2.4.0".into(),
            url: "https://updates.example/x".into(),
            size: 1,
            sha256: "ab".repeat(32),
            manifest_hash: "cd".into(),
            security_version: 1,
            min_from: None,
        };
        let device = |number: usize| format!("box-{number:05}").as_str().try_into().unwrap();
        let members = (0..1_000).map(|number| Member::new(device(number), "One".into(), "lyon".into(), 0, now));
        let mut rollout = Rollout::new(image, Policy::default(), members.collect(), now);
        let empty = "░".repeat(CELLS);
        assert!(
            bar(&rollout).starts_with(&format!("10 {empty}│1% {empty}│")),
            "{}",
            bar(&rollout)
        );
        for member in &mut rollout.members[..30] {
            member.stage = Stage::Updated { at: now };
        }
        let (full, half) = ("█".repeat(CELLS), "█".repeat(CELLS / 2) + &"░".repeat(CELLS / 2));
        assert_eq!(
            bar(&rollout),
            format!("10 {full}│1% {full}│5% {half}│25% {empty}│100% {empty}")
        );
    }
}
