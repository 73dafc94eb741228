//! The figures of `cargo lab fleet --report`.

use serde::Serialize;

/// What was measured. Megabytes and kilobytes are powers of ten.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// Simulated boxes that were asked for.
    pub boxes: usize,
    /// Of those, that got their certificate from the enrolment service, over the broker.
    pub enrolled: usize,
    /// From the first request to the last certificate.
    pub enrol_seconds: f64,
    /// Processor time of the broker for each.
    pub broker_cpu_ms_per_enrolment: f64,
    /// Over how many seconds connections were spread.
    pub spread_seconds: f64,
    /// For how long the fleet was left alone before its broker was killed.
    pub settled_seconds: f64,
    /// From the first switch to the birth of the last box.
    pub connect_seconds: f64,
    /// Processor time of the broker for each: handshake, session, subscriptions, what a box says of itself.
    pub broker_cpu_ms_per_connect: f64,
    /// Took their configuration.
    pub applied: usize,
    /// Whether the real box did, if there was one.
    pub real_box_applied: Option<bool>,
    /// From `roomctl apply` to the last report.
    pub apply_seconds: f64,
    /// Resident memory of the broker before the first box came.
    pub broker_rss_alone_mb: f64,
    /// With all of them, just connected.
    pub broker_rss_connected_mb: f64,
    /// The difference, for each.
    pub broker_kb_per_box: f64,
    /// With all of them, configured, before it was killed.
    pub broker_rss_mb: f64,
    /// What it had saved by then.
    pub broker_disk_mb: f64,
    /// The registry with all of them.
    pub registry_mb: f64,
    /// Resident memory of all simulated boxes together.
    pub boxes_rss_mb: f64,
    /// Boxes that came back after the broker was killed.
    pub reconnected: usize,
    /// Between the first and the last of them. Whoever was connected for less than five minutes spreads over twice the time.
    pub reconnect_seconds: f64,
    /// Until 95 of 100 were back.
    pub reconnect_most_seconds: f64,
    /// In the busiest five seconds.
    pub reconnect_busiest_5s: usize,
    /// The same over the mean of the time in which 95 of 100 came back, or of the spread if that is longer.
    pub reconnect_peak_over_mean: f64,
    /// Processor time of the broker for each, with all that comes again.
    pub broker_cpu_ms_per_reconnect: f64,
    /// Processor time of the broker for one event, in from a box and out to one consumer.
    pub broker_cpu_us_per_event: f64,
    /// Events that a box had on disk.
    pub events_accepted: usize,
    /// Of those, that a consumer without duplicates has.
    pub events_delivered_once: usize,
    /// Of those, that it has not.
    pub events_lost: usize,
    /// Copies that it dropped.
    pub events_repeated: u64,
    /// From typing to the last answer.
    pub command_median_ms: f64,
    /// The slowest but one of a hundred.
    pub command_99_ms: f64,
    /// Commands that a box did more than once.
    pub commands_executed_twice: usize,
    /// What has to be known to read them.
    pub notes: Vec<String>,
}

/// Of bytes, with one digit behind the point.
#[must_use]
pub fn megabytes(bytes: u64) -> f64 {
    (bytes as f64 / 1e5).round() / 10.0
}

/// What has to be known to read the figures. `real`: with a real box.
#[must_use]
pub fn notes(real: bool) -> Vec<String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let build = if cfg!(debug_assertions) {
        "not optimised"
    } else {
        "optimised"
    };
    let mut notes = vec![
        format!("broker, service and boxes share {cores} cores; this program is {build}"),
        "simulated boxes keep their records in memory, which a kill of the broker does not touch".to_owned(),
        "each simulated box has enrolled: a maker's key, a claimed serial number, a request, a certificate".to_owned(),
    ];
    notes.push(if real {
        "the real box is one more; its records are on disk".to_owned()
    } else {
        "without a real box: roomd does not lie beside this program".to_owned()
    });
    notes
}
