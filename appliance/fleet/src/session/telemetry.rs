//! Measurements: one message of a stream in ten seconds. What is not sent is summed up; nothing of it stands on disk.

use std::collections::BTreeMap;

use super::context::{Context, encoded};
use super::publishing::{Publishing, Sent};
use crate::contract::{Channel, Summary, Telemetry, TelemetryStream};

/// A stream has one message in this time.
const SHORTEST_MS: u64 = 10_000;
/// Names of measurements in a stream that are summed up.
const MAX_NAMES: usize = 32;
/// Bytes of log lines that wait, as they go over the wire; the oldest go first.
const MAX_LINES: usize = 3_000;

#[derive(Debug, Default)]
struct Stream {
    /// The last, not sent.
    latest: BTreeMap<String, f64>,
    lines: Vec<String>,
    summary: BTreeMap<String, Summary>,
    late: bool,
    not_before_ms: u64,
}

/// All streams.
#[derive(Debug, Default)]
pub struct Streams {
    streams: BTreeMap<TelemetryStream, Stream>,
}

impl Streams {
    /// Measurements.
    pub fn measured(&mut self, stream: TelemetryStream, telemetry: Telemetry, connected: bool) {
        let stream = self.streams.entry(stream).or_default();
        stream.sum_up();
        let finite = telemetry.values.into_iter().filter(|(_, value)| value.is_finite());
        stream.latest = finite.take(MAX_NAMES).collect();
        if connected {
            stream.lines.extend(telemetry.lines);
            let written = |line: &String| encoded(line).len() + 1;
            let mut bytes: usize = stream.lines.iter().map(written).sum();
            while bytes > MAX_LINES {
                bytes -= written(&stream.lines.remove(0));
            }
        } else {
            stream.late = true;
            stream.sum_up();
        }
    }

    /// The connection is over.
    pub fn kept(&mut self) {
        for stream in self.streams.values_mut() {
            stream.lines.clear();
            stream.late |= !stream.latest.is_empty();
            stream.sum_up();
        }
    }

    /// The next to go: of the moment, or the sum of what was missed.
    pub fn publish(&mut self, late: bool, publishing: &mut Publishing, cx: &mut Context) -> bool {
        let now_ms = cx.now.up_ms;
        let ready = |stream: &Stream| stream.waits(late) && stream.not_before_ms <= now_ms;
        let Some((name, stream)) = self.streams.iter_mut().find(|(_, stream)| ready(stream)) else {
            return false;
        };
        stream.not_before_ms = now_ms + SHORTEST_MS;
        let telemetry = Telemetry {
            values: std::mem::take(&mut stream.latest),
            lines: std::mem::take(&mut stream.lines),
            summary: std::mem::take(&mut stream.summary),
            late: std::mem::take(&mut stream.late),
        };
        let channel = Channel::Telemetry(*name);
        let payload = encoded(&cx.message(&channel, telemetry));
        if payload.len() <= channel.rules().max_bytes {
            publishing.publish(&channel, payload, Sent::Free, cx);
        }
        true
    }

    /// When the next is ready.
    pub fn next_deadline(&self, late: bool) -> Option<u64> {
        let waiting = self.streams.values().filter(|stream| stream.waits(late));
        waiting.map(|stream| stream.not_before_ms).min()
    }
}

impl Stream {
    fn waits(&self, late: bool) -> bool {
        let something = !self.latest.is_empty() || !self.lines.is_empty() || !self.summary.is_empty();
        something && self.late == late
    }

    /// The last one will not be sent itself.
    fn sum_up(&mut self) {
        for (name, value) in std::mem::take(&mut self.latest) {
            if let Some(summary) = self.summary.get_mut(&name) {
                summary.add(value);
            } else if self.summary.len() < MAX_NAMES {
                self.summary.insert(name, Summary::of(value));
            }
        }
    }
}
