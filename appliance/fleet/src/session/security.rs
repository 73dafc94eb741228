//! What was refused: `evt/security` once a minute at most, however much comes.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::context::Context;
use super::events::Events;
use super::output::Output;
use crate::contract::{Code, EventClass};

/// Between two events.
const SHORTEST_MS: u64 = 60_000;

/// Refusals that nobody was told of.
#[derive(Debug, Default)]
pub struct Security {
    not_before_ms: u64,
    first: Option<(&'static str, Code)>,
    counts: BTreeMap<&'static str, u64>,
}

impl Security {
    /// Something was refused. `kind` is the event.
    pub fn refused(&mut self, kind: &'static str, code: Code) {
        tracing::debug!(kind, ?code, "refused");
        self.first.get_or_insert((kind, code));
        *self.counts.entry(kind).or_default() += 1;
    }

    /// Says so when its time has come: the first kind as the event, the others in its detail.
    pub fn tick(&mut self, events: &mut Events, cx: &mut Context) {
        let due = cx.now.up_ms >= self.not_before_ms;
        let Some((kind, code)) = self.first.take_if(|_| due) else {
            return;
        };
        self.not_before_ms = cx.now.up_ms + SHORTEST_MS;
        let mut counts = std::mem::take(&mut self.counts);
        let count = counts.remove(kind).unwrap_or(1);
        let others: Map<String, Value> = counts.iter().map(|(kind, n)| ((*kind).into(), (*n).into())).collect();
        let mut detail = Map::new();
        detail.insert("code".into(), serde_json::to_value(code).unwrap_or_default());
        if !others.is_empty() {
            detail.insert("others".into(), others.into());
        }
        events.accept(EventClass::Security, kind.into(), count, detail, cx);
        cx.output(Output::Security {
            event: kind.into(),
            code,
            count,
        });
    }

    /// When it may say something again, if there is something.
    pub fn next_deadline(&self) -> Option<u64> {
        self.first.map(|_| self.not_before_ms)
    }
}
