//! The log, followed from afar: the lines that are there in the answer, those to come in `tele/log`.

use std::collections::BTreeMap;

use fleet::contract::{Code, LogLevel, Tail, Telemetry};
use fleet::session::Reply;
use serde_json::Value;
use tokio::sync::broadcast::{self, error::TryRecvError};
use tokio::time::Instant;

use crate::journal::{Entry, Journal};

/// Bytes of lines in an answer, as JSON, below the 16 KiB of the contract.
const ANSWER_BYTES: usize = 12_000;
/// Bytes of lines in one `tele/log`, as JSON, below its 4 KiB. What finds no room waits for the next one.
const MESSAGE_BYTES: usize = 2_900;

/// The answer to `logs.tail`.
pub fn recent(journal: &Journal, tail: &Tail) -> Reply {
    match serde_json::to_value(journal.recent(tail.level, tail.since, ANSWER_BYTES)) {
        Ok(Value::Object(result)) => Reply::done(result),
        _ => Reply::failed(Code::Internal, "the log cannot be told"),
    }
}

/// Who follows the log, and what they have not been told yet.
#[derive(Debug, Default)]
pub struct FollowedLog {
    lines: Option<broadcast::Receiver<Entry>>,
    /// Until when somebody wants the lines this grave and graver.
    until: BTreeMap<LogLevel, Instant>,
    /// Found no room.
    waits: Option<Entry>,
}

impl FollowedLog {
    /// Somebody more wants lines from now on. Whoever wants them already goes on getting theirs.
    pub fn follow(&mut self, tail: &Tail, journal: &Journal, now: Instant) {
        if tail.time.is_zero() {
            return;
        }
        let until = self.until.entry(tail.level).or_insert(now);
        *until = (*until).max(now + tail.time);
        self.lines.get_or_insert_with(|| journal.follow());
    }

    /// True while somebody wants lines.
    pub const fn is_followed(&self) -> bool {
        self.lines.is_some()
    }

    /// The next message: what everybody who follows wants. None: there is nothing to say.
    pub fn next(&mut self, now: Instant) -> Option<Telemetry> {
        let journal = self.lines.as_mut()?;
        let level = self.until.keys().next_back().copied()?;
        let (mut lines, mut bytes, mut missed) = (Vec::new(), 0, 0_u64);
        loop {
            let entry = match self.waits.take().map_or_else(|| journal.try_recv(), Ok) {
                Ok(entry) => entry,
                Err(TryRecvError::Lagged(count)) => {
                    missed += count;
                    continue;
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            };
            let size = entry.json_bytes();
            if entry.level > level {
                continue;
            }
            if size > MESSAGE_BYTES {
                missed += 1;
                continue;
            }
            if bytes + size > MESSAGE_BYTES {
                self.waits = Some(entry);
                break;
            }
            bytes += size;
            lines.push(entry.text);
        }
        self.until.retain(|_, until| *until > now);
        if self.until.is_empty() {
            *self = Self::default();
        }
        if lines.is_empty() && missed == 0 {
            return None;
        }
        let missed = (missed > 0).then(|| ("missed_lines".to_owned(), missed as f64));
        Some(Telemetry {
            values: missed.into_iter().collect(),
            lines,
            ..Telemetry::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    fn tail(seconds: u64, level: LogLevel) -> Tail {
        Tail {
            time: Duration::from_secs(seconds),
            since: Duration::ZERO,
            level,
        }
    }

    fn write(journal: &Journal, line: &str) {
        journal.make_writer().write_all(line.as_bytes()).unwrap();
    }

    #[test]
    fn lines_that_find_no_room_come_with_the_next_message() {
        let (journal, mut log, now) = (Journal::default(), FollowedLog::default(), Instant::now());
        write(&journal, "before");
        log.follow(&tail(60, LogLevel::Info), &journal, now);
        assert_eq!(log.next(now), None);
        for number in 0..100 {
            write(&journal, &format!("line {number} {}", "\"".repeat(40)));
        }
        let mut heard = Vec::new();
        while let Some(message) = log.next(now) {
            let bytes = serde_json::to_string(&message.lines).unwrap().len();
            assert!(bytes <= 3_000 && message.values.is_empty(), "{bytes}");
            heard.extend(message.lines);
        }
        let numbers: Vec<_> = heard.iter().filter_map(|line| line.split(' ').nth(1)).collect();
        assert_eq!(numbers, (0..100).map(|number| number.to_string()).collect::<Vec<_>>());
    }

    #[test]
    fn whoever_is_too_slow_hears_how_many_lines_are_missing() {
        let (journal, mut log, now) = (Journal::default(), FollowedLog::default(), Instant::now());
        log.follow(&tail(60, LogLevel::Info), &journal, now);
        for number in 0..1_000 {
            write(&journal, &format!("line {number}"));
        }
        let mut lines = 0;
        let mut missed = 0.0;
        while let Some(message) = log.next(now) {
            lines += message.lines.len();
            missed += message.values.get("missed_lines").copied().unwrap_or_default();
        }
        assert_eq!((lines, missed), (256, 744.0));
    }

    #[test]
    fn one_who_follows_ends_nothing_for_another_and_at_the_end_nobody_is_told_anything() {
        let (journal, mut log, now) = (Journal::default(), FollowedLog::default(), Instant::now());
        let after = |seconds| now + Duration::from_secs(seconds);
        log.follow(&tail(0, LogLevel::Info), &journal, now);
        assert!(!log.is_followed(), "the lines of before were all that was wanted");
        log.follow(&tail(60, LogLevel::Info), &journal, now);
        log.follow(&tail(120, LogLevel::Error), &journal, now);
        log.follow(&tail(1, LogLevel::Info), &journal, now);
        write(&journal, "one");
        assert_eq!(
            log.next(after(30)).map(|message| message.lines),
            Some(vec!["one".into()])
        );
        write(&journal, "two");
        assert_eq!(
            log.next(after(61)).map(|message| message.lines),
            Some(vec!["two".into()]),
            "the last of them"
        );
        write(&journal, "three");
        assert_eq!(log.next(after(90)), None, "errors alone are wanted now");
        assert!(log.is_followed());
        assert_eq!(log.next(after(121)), None);
        assert!(!log.is_followed());
    }
}
