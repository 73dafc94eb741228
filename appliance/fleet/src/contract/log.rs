//! `logs.tail`: which lines of a box's log, and for how long.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How grave a line of the log is, the gravest first. What is less grave than information never leaves a box.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Something does not work.
    Error,
    /// Something is not as it should be.
    Warn,
    /// Something happens.
    #[default]
    Info,
}

impl LogLevel {
    /// Of a line as a box writes it: `2026-11-22T08:30:00.120Z  WARN roomd::fleet: …`. None: it begins otherwise.
    #[must_use]
    pub fn of(line: &str) -> Option<Self> {
        match line.split_whitespace().nth(1)? {
            "ERROR" => Some(LogLevel::Error),
            "WARN" => Some(LogLevel::Warn),
            "INFO" => Some(LogLevel::Info),
            _ => None,
        }
    }
}

/// What `logs.tail` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tail {
    /// The lines of so long a time from now on come in `tele/log`; zero: none do.
    pub time: Duration,
    /// Those of so long ago come in the answer.
    pub since: Duration,
    /// Lines this grave and graver.
    pub level: LogLevel,
}

/// `result` of `logs.tail`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TailedLines {
    /// The last ones, oldest first, as many as find room in an answer.
    #[serde(default)]
    pub lines: Vec<String>,
    /// Older ones that found none; `logs.collect` has them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_grave_it_is() {
        for (line, level) in [
            ("2026-11-22T08:30:00.120Z  WARN roomd: x", Some(LogLevel::Warn)),
            ("2026-11-22T08:30:00.120Z ERROR roomd: INFO", Some(LogLevel::Error)),
            ("2026-11-22T08:30:00.120Z TRACE roomd: INFO", None),
            ("words", None),
            ("", None),
        ] {
            assert_eq!(LogLevel::of(line), level, "{line}");
        }
    }
}
