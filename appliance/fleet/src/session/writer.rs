//! What has to be on disk before it counts: one batch at a time, in order, and what follows when it is there.

use super::output::{Output, Record};
use super::settings::Token;

/// Tries again after a failure.
const RETRY_MS: u64 = 5_000;

/// What follows once its records are on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// The number of the next connection is taken.
    Connect,
}

/// Records on their way to disk.
#[derive(Debug, Default)]
pub struct Writer {
    /// Records and consequences of the batch that is being written.
    writing: Option<(Token, Vec<Record>, Vec<Then>)>,
    records: Vec<Record>,
    then: Vec<Then>,
    retry_at_ms: Option<u64>,
}

impl Writer {
    /// Writes that, then does this.
    pub fn write(&mut self, records: impl IntoIterator<Item = Record>, then: Then) {
        self.records.extend(records);
        self.then.push(then);
    }

    /// True when nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.writing.is_none() && self.records.is_empty()
    }

    /// The next batch, when the disk is free.
    pub fn next(&mut self, now_ms: u64, token: impl FnOnce() -> Token) -> Option<Output> {
        if self.writing.is_some() || self.records.is_empty() || self.retry_at_ms.is_some_and(|at| now_ms < at) {
            return None;
        }
        self.retry_at_ms = None;
        let token = token();
        let records = std::mem::take(&mut self.records);
        self.writing = Some((token, records.clone(), std::mem::take(&mut self.then)));
        Some(Output::Write { token, records })
    }

    /// It is on disk: what follows.
    pub fn written(&mut self, token: Token) -> Vec<Then> {
        match self.writing.take_if(|(writing, ..)| *writing == token) {
            Some((_, _, then)) => then,
            None => Vec::new(),
        }
    }

    /// It is not: again, a little later, before what came since.
    pub fn failed(&mut self, token: Token, now_ms: u64) {
        if let Some((_, records, then)) = self.writing.take_if(|(writing, ..)| *writing == token) {
            self.records.splice(0..0, records);
            self.then.splice(0..0, then);
            self.retry_at_ms = Some(now_ms + RETRY_MS);
        }
    }

    /// When to try again.
    pub fn next_deadline(&self) -> Option<u64> {
        self.retry_at_ms
    }
}
