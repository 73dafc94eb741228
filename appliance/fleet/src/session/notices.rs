//! What the wall must show: signed, never an old one again, gone when its time is over, there again after a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::context::{Context, encoded};
use super::output::{Output, Record, Scope};
use super::revision::{Judgement, Revision, judge};
use super::writer::Then;
use crate::contract::{Clock, Code, Message, Notice, fingerprint};

/// Begins the keys of notices; the scope follows.
pub const PREFIX: &str = "notice/";

/// As it stands on disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    revision: Revision,
    notice: Notice,
    /// When it was made: a clock that says less is wrong.
    ts: Timestamp,
}

#[derive(Debug)]
struct Entry {
    kept: Kept,
    written: bool,
    /// Without a clock: until then, says the broker.
    until_ms: Option<u64>,
    shown: bool,
}

/// The notices of all scopes.
#[derive(Debug, Default)]
pub struct Notices {
    entries: BTreeMap<Scope, Entry>,
}

impl Notices {
    /// What was on disk at the start.
    pub fn recover(&mut self, key: &str, value: &[u8]) {
        let scope = [Scope::Own, Scope::All]
            .into_iter()
            .find(|scope| self::key(*scope) == key);
        let kept = serde_json::from_slice::<Kept>(value);
        let (Some(scope), Ok(kept)) = (scope, kept) else {
            tracing::warn!(key, "a notice on disk cannot be read");
            return;
        };
        let entry = Entry {
            kept,
            written: true,
            until_ms: None,
            shown: false,
        };
        self.entries.insert(scope, entry);
    }

    /// A notice whose signature holds. Gives over how long the fleet spreads connections, if it says so.
    ///
    /// # Errors
    /// [`Code::StaleRev`], [`Code::RevConflict`].
    pub fn received(
        &mut self,
        scope: Scope,
        message: Message<Notice>,
        expiry: Option<Duration>,
        cx: &mut Context,
    ) -> Result<Option<Duration>, Code> {
        let notice = message.body;
        let until_ms = expiry.map(|left| cx.now.up_ms + u64::try_from(left.as_millis()).unwrap_or(u64::MAX / 2));
        let fingerprint = fingerprint(&notice);
        let entry = self.entries.get_mut(&scope);
        let last = entry.as_ref().map(|entry| &entry.kept.revision);
        match (judge(last, notice.rev, &fingerprint), entry) {
            (Judgement::Refused(code), _) => return Err(code),
            (Judgement::Known, Some(entry)) => {
                entry.until_ms = until_ms;
                return Ok(None);
            }
            (Judgement::Known | Judgement::New, _) => {}
        }
        let spread = notice.reconnect_spread_s.map(|s| Duration::from_secs(s.into()));
        let kept = Kept {
            revision: Revision {
                rev: notice.rev,
                fingerprint,
            },
            notice,
            ts: message.envelope.ts,
        };
        cx.writer
            .write([Record::put(key(scope), encoded(&kept))], Then::Notice(scope));
        let shown = self.entries.remove(&scope).is_some_and(|entry| entry.shown);
        let entry = Entry {
            kept,
            written: false,
            until_ms,
            shown,
        };
        self.entries.insert(scope, entry);
        Ok(spread)
    }

    /// It is on disk: now it counts.
    pub fn written(&mut self, scope: Scope, cx: &mut Context) {
        if let Some(entry) = self.entries.get_mut(&scope) {
            entry.written = true;
            if entry.shown {
                entry.shown = false;
                if !entry.kept.counts(entry.until_ms, cx) {
                    cx.output(Output::ClearNotice(scope));
                }
            }
        }
    }

    /// Shows what has to be shown, takes down what is over.
    pub fn tick(&mut self, cx: &mut Context) {
        for (scope, entry) in self.entries.iter_mut().filter(|(_, entry)| entry.written) {
            let counts = entry.kept.counts(entry.until_ms, cx);
            if counts && !entry.shown {
                cx.output(Output::ShowNotice(*scope, Box::new(entry.kept.notice.clone())));
            } else if !counts && entry.shown {
                cx.output(Output::ClearNotice(*scope));
            }
            entry.shown = counts;
        }
    }

    /// When the next one is over.
    pub fn next_deadline(&self, cx: &Context) -> Option<u64> {
        // What is not on disk yet waits for that, and for nothing else.
        let shown = self.entries.values().filter(|entry| entry.written && entry.shown);
        shown.filter_map(|entry| entry.kept.ends(entry.until_ms, cx)).min()
    }
}

impl Kept {
    /// True while it has to be shown: before its end by the clock; by an unset clock, only if that is not evidently wrong; and
    /// without one, as long as the broker said.
    fn counts(&self, until_ms: Option<u64>, cx: &Context) -> bool {
        if self.notice.fr.is_empty() && self.notice.en.is_empty() {
            return false;
        }
        match self.wall(cx) {
            Some(wall) => wall < self.notice.exp,
            None => until_ms.is_some_and(|until| cx.now.up_ms < until),
        }
    }

    /// When it no longer has to be shown, by what [`Kept::counts`] looks at.
    fn ends(&self, until_ms: Option<u64>, cx: &Context) -> Option<u64> {
        match self.wall(cx) {
            Some(_) => cx.up_ms_at(self.notice.exp),
            None => until_ms,
        }
    }

    /// The time, if it can be believed.
    fn wall(&self, cx: &Context) -> Option<Timestamp> {
        cx.now.wall.filter(|wall| match cx.now.clock {
            Clock::Sync => true,
            Clock::Unsync => *wall >= self.ts,
            Clock::None => false,
        })
    }
}

fn key(scope: Scope) -> String {
    let scope = match scope {
        Scope::Own => "own",
        Scope::All => "all",
    };
    format!("{PREFIX}{scope}")
}
