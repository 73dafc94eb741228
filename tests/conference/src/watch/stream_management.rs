//! The counters of XEP-0198, as the server side of a watched stream.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use minidom::Element;

use crate::verdict::{Verdict, rule};

/// `<r/>` is answered within this.
const ANSWER: Duration = Duration::from_secs(5);
/// Stream management is enabled within this after bind.
const ENABLES: Duration = Duration::from_secs(5);

/// Counters of one stream, across resumptions.
#[derive(Debug, Default)]
pub struct Counters {
    /// Resumption id.
    pub id: Option<String>,
    /// A `<resume/>` is on its way.
    pub resuming: bool,
    enabled: bool,
    delivered: u32,
    /// What the client has acknowledged; it cannot take that back.
    acknowledged: u32,
    requests: VecDeque<(Instant, u32)>,
    bound_at: Option<Instant>,
    enable_noted: bool,
}

impl Counters {
    /// A stanza went to the client.
    pub fn delivered(&mut self) {
        if self.enabled && !self.resuming {
            self.delivered = self.delivered.wrapping_add(1);
        }
    }

    /// An element of stream management from the server.
    pub fn server_said(&mut self, element: &Element, now: Instant) {
        match element.name() {
            "enabled" => {
                self.enabled = true;
                self.delivered = 0;
                self.acknowledged = 0;
                self.id = element.attr("id").map(str::to_owned);
            }
            "r" => self.requests.push_back((now, self.delivered)),
            "resumed" | "failed" => {
                self.resuming = false;
                self.requests.clear();
            }
            _ => {}
        }
    }

    /// An element of stream management from the client.
    pub fn client_said(&mut self, element: &Element, verdict: &Verdict) {
        let h = element.attr("h").and_then(|h| h.parse::<u32>().ok());
        match element.name() {
            "a" => {
                let asked = self.requests.pop_front();
                let low = asked.map_or(0, |(_, count)| count);
                self.acknowledged = h.unwrap_or_default().max(self.acknowledged);
                if !h.is_some_and(|h| (low..=self.delivered).contains(&h)) {
                    let what = format!("<a h={h:?}/> where {low} to {} is right", self.delivered);
                    verdict.broken(rule::STREAM_MANAGEMENT, what);
                }
            }
            "resume" => {
                // What was on its way when the socket was cut need not have arrived.
                if element.attr("previd") != self.id.as_deref()
                    || h.is_none_or(|h| h > self.delivered || h < self.acknowledged)
                {
                    let what = format!(
                        "<resume h={h:?} previd={:?}/>, {} delivered",
                        element.attr("previd"),
                        self.delivered
                    );
                    verdict.broken(rule::RESUME, what);
                }
                if let Some(h) = h {
                    self.delivered = h;
                }
            }
            _ => {}
        }
    }

    /// Looks at what is late.
    pub fn tick(&mut self, now: Instant, bound: bool, verdict: &Verdict) {
        if self
            .requests
            .front()
            .is_some_and(|(at, _)| now.duration_since(*at) > verdict.within(ANSWER))
        {
            self.requests.pop_front();
            verdict.broken(
                rule::STREAM_MANAGEMENT,
                format!("<r/> is not answered within {ANSWER:?}"),
            );
        }
        if bound && !self.enabled {
            let since = *self.bound_at.get_or_insert(now);
            if now.duration_since(since) > verdict.within(ENABLES) && !self.enable_noted {
                self.enable_noted = true;
                verdict.broken(rule::STREAM_MANAGEMENT, "not enabled after bind");
            }
        }
    }
}
