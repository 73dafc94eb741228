//! What has to be on disk before it counts: one batch at a time, in order, and what follows when it is there.

use super::output::{Output, Record, Scope};
use super::settings::Token;
use crate::contract::Id;

/// Tries again after a failure.
const RETRY_MS: u64 = 5_000;
/// What nothing waits for is written with something else, or after this.
const PATIENCE_MS: u64 = 60_000;

/// What follows once its records are on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Nothing waits for it.
    Nothing,
    /// The number of the next connection is taken.
    Connect,
    /// An event is accepted.
    Event(u64),
    /// A command is accepted: it may be executed.
    Command(Id),
    /// The end of a command is known: it may be said.
    Final(Id),
    /// A configuration is kept: it may be applied.
    Configuration,
    /// A configuration is on trial.
    Trial,
    /// A release to reach is kept.
    Update,
    /// A notice is kept.
    Notice(Scope),
}

type Group = (Vec<Record>, Then);

/// Records on their way to disk.
#[derive(Debug, Default)]
pub struct Writer {
    writing: Option<(Token, Vec<Group>)>,
    waiting: Vec<Group>,
    /// Somebody waits for what is in there; or nobody, and it is written then.
    urgent: bool,
    lazy_at_ms: Option<u64>,
    retry_at_ms: Option<u64>,
}

impl Writer {
    /// Writes that, then does this.
    pub fn write(&mut self, records: impl IntoIterator<Item = Record>, then: Then) {
        self.waiting.push((records.into_iter().collect(), then));
        self.urgent = true;
    }

    /// Writes that some time.
    pub fn write_lazily(&mut self, record: Record, now_ms: u64) {
        self.waiting.push((vec![record], Then::Nothing));
        self.lazy_at_ms.get_or_insert(now_ms + PATIENCE_MS);
    }

    /// Nothing is left for later.
    pub fn hurry(&mut self) {
        self.urgent |= !self.waiting.is_empty();
    }

    /// True when nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.writing.is_none() && self.waiting.is_empty()
    }

    /// True when a batch is to be written and the disk is free.
    pub fn is_due(&self, now_ms: u64) -> bool {
        let wanted = self.urgent || self.lazy_at_ms.is_some_and(|at| at <= now_ms);
        self.writing.is_none() && wanted && self.retry_at_ms.is_none_or(|at| at <= now_ms)
    }

    /// The next batch.
    pub fn next(&mut self, token: Token) -> Output {
        (self.retry_at_ms, self.lazy_at_ms, self.urgent) = (None, None, false);
        let groups = std::mem::take(&mut self.waiting);
        let records = groups.iter().flat_map(|(records, _)| records.clone()).collect();
        self.writing = Some((token, groups));
        Output::Write { token, records }
    }

    /// It is on disk: what follows.
    pub fn written(&mut self, token: Token) -> Vec<Then> {
        let (_, groups) = self
            .writing
            .take_if(|(writing, _)| *writing == token)
            .unwrap_or((token, Vec::new()));
        groups.into_iter().map(|(_, then)| then).collect()
    }

    /// It is not: again, a little later, before what came since. Commands do not wait for that: these are given up.
    pub fn failed(&mut self, token: Token, now_ms: u64) -> Vec<Id> {
        let Some((_, mut groups)) = self.writing.take_if(|(writing, _)| *writing == token) else {
            return Vec::new();
        };
        let mut given_up = Vec::new();
        groups.retain(|(_, then)| match then {
            Then::Command(id) => {
                given_up.push(*id);
                false
            }
            _ => true,
        });
        self.urgent |= !groups.is_empty();
        self.waiting.splice(0..0, groups);
        self.retry_at_ms = Some(now_ms + RETRY_MS);
        given_up
    }

    /// When to come back.
    pub fn next_deadline(&self) -> Option<u64> {
        if self.writing.is_some() {
            return None;
        }
        let wanted = if self.urgent { Some(0) } else { self.lazy_at_ms };
        wanted.map(|at| at.max(self.retry_at_ms.unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str) -> Record {
        Record {
            key: key.into(),
            value: None,
        }
    }

    #[test]
    fn what_nobody_waits_for_goes_with_something_else_or_after_a_minute() {
        let mut writer = Writer::default();
        writer.write_lazily(record("a"), 1_000);
        assert!(!writer.is_due(60_999) && writer.is_due(61_000));
        assert_eq!(writer.next_deadline(), Some(61_000));
        writer.write([record("b")], Then::Connect);
        assert!(writer.is_due(1_000));
        let Output::Write { records, .. } = writer.next(Token(1)) else {
            panic!("no write")
        };
        assert_eq!(records, [record("a"), record("b")]);
        assert!(writer.written(Token(7)).is_empty(), "not of this batch");
        assert_eq!(writer.written(Token(1)), [Then::Nothing, Then::Connect]);
        assert!(writer.is_idle());
    }

    #[test]
    fn one_batch_at_a_time_and_a_failed_one_again_in_its_place_without_the_commands_in_it() {
        let mut writer = Writer::default();
        let id = Id(ulid::Ulid::from_parts(1, 1));
        writer.write([record("a")], Then::Event(1));
        writer.write([record("b")], Then::Command(id));
        writer.next(Token(1));
        writer.write([record("c")], Then::Event(2));
        assert!(
            !writer.is_due(0) && writer.next_deadline().is_none(),
            "the disk is busy"
        );
        assert_eq!(writer.failed(Token(1), 100), [id]);
        assert!(!writer.is_due(5_099) && writer.is_due(5_100));
        assert_eq!(writer.next_deadline(), Some(5_100));
        let Output::Write { records, .. } = writer.next(Token(2)) else {
            panic!("no write")
        };
        assert_eq!(records, [record("a"), record("c")]);
        assert_eq!(writer.written(Token(2)), [Then::Event(1), Then::Event(2)]);
    }
}
