//! The figures of the demo: what the box says of itself beside what the far side saw. Times in ms.

use std::time::Instant;

use conference::{BrokenRule, Conference};
use end_to_end::{RoomBox, processes};
use serde::Serialize;
use serde_json::Value;

use crate::cold::Cold;

/// One layer as the far side measured it.
#[derive(Debug, Clone, Serialize)]
pub struct FarLayer {
    /// Real height, from the key frame.
    pub height: u32,
    /// Whole frames a second, the mean from the first picture to the leave.
    pub fps: f64,
}

impl FarLayer {
    /// The mean rate between two readings.
    fn over(readings: &Readings) -> Self {
        let seconds = readings.last.0.duration_since(readings.first.0).as_secs_f64();
        let frames = readings.last.1.saturating_sub(readings.first.1) as f64;
        Self {
            height: readings.height,
            fps: if seconds > 0.0 { frames / seconds } else { 0.0 },
        }
    }
}

/// What `--report FILE` writes. A figure that could not be measured is null.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// The first join after switching on, measured before everything else. Null without `--for` and `--report`.
    pub cold: Option<Cold>,
    /// Join command to joined.
    pub join_ms: Option<u64>,
    /// session-initiate sent to the first picture decoded at the far side.
    pub far_first_frame_ms: Option<u64>,
    /// session-initiate received to the first far picture composed on the wall.
    pub wall_first_frame_ms: Option<u64>,
    /// Leave to every capture device closed.
    pub capture_closed_ms: Option<u64>,
    /// Leave to the presence gone from the server.
    pub presence_gone_ms: Option<u64>,
    /// Layers at the far side, lowest first.
    pub far_layers: Vec<FarLayer>,
    /// The far side recognised the tone in the box's sound.
    pub far_tone_heard: bool,
    /// Peers whose pictures were on the wall.
    pub wall_peers: u64,
    /// Sound minus picture at the far side, positive: sound late.
    pub av_offset_ms: Option<f64>,
    /// Of how many flashes with their beeps that is the median.
    pub av_samples: usize,
    /// Proportional set size of both processes, highest reading, MB of 10^6 bytes.
    pub rss_mb: f64,
    /// Processor time of both processes over the wall time of the meeting, in cores.
    pub cpu_cores: f64,
    /// Longest time without a new picture at the far side.
    pub far_longest_gap_ms: f64,
    /// Outcome of the box.
    pub outcome: Option<String>,
    /// Exit code of the box.
    pub exit_code: Option<i64>,
    /// Rules of the conference that the box broke.
    pub broken_rules: Vec<BrokenRule>,
}

/// First and last reading of a layer: when, and how many frames so far.
#[derive(Debug)]
struct Readings {
    height: u32,
    first: (Instant, u64),
    last: (Instant, u64),
}

/// Collects while the meeting runs.
#[derive(Debug, Default)]
pub struct Figures {
    memory: u64,
    first_cpu: Option<(Instant, f64)>,
    last_cpu: Option<(Instant, f64)>,
    layers: Vec<Readings>,
    longest_gap_ms: f64,
    steady: bool,
}

impl Figures {
    /// Reads the processes and the far side once.
    pub fn sample(&mut self, room_box: &RoomBox, conference: &Conference) {
        let pids: Vec<u32> = [Some(room_box.pid()), room_box.worker_pid()]
            .into_iter()
            .flatten()
            .collect();
        if pids.len() < 2 {
            return;
        }
        self.memory = self.memory.max(
            pids.iter()
                .filter_map(|pid| processes::proportional_set_size(*pid))
                .sum(),
        );
        let far = conference.far_side();
        if far.first_frame_ns.is_none() {
            return;
        }
        if !self.steady {
            self.steady = true;
            conference.reset_far_window();
        }
        let reading = (
            Instant::now(),
            pids.iter().filter_map(|pid| processes::cpu_seconds(*pid)).sum(),
        );
        self.first_cpu.get_or_insert(reading);
        self.last_cpu = Some(reading);
        self.longest_gap_ms = self.longest_gap_ms.max(far.longest_gap_ms);
        for layer in &far.layers {
            let reading = (Instant::now(), layer.frames);
            match self.layers.get_mut(layer.index) {
                Some(known) => (known.height, known.last) = (layer.height, reading),
                None => self.layers.push(Readings {
                    height: layer.height,
                    first: reading,
                    last: reading,
                }),
            }
        }
    }

    /// Puts everything together after the box has left.
    pub fn close(self, room_box: &RoomBox, conference: &Conference) -> Report {
        let own = room_box.report().unwrap_or_default();
        let number = |name: &str| own.get(name).and_then(Value::as_u64);
        let (far, guest) = (conference.far_side(), conference.guest().unwrap_or_default());
        let since = |from: Option<u64>, to: Option<u64>| Some(to?.saturating_sub(from?) / 1_000_000);
        let cpu_cores = match (self.first_cpu, self.last_cpu) {
            (Some((begun, first)), Some((ended, last))) if ended > begun => {
                (last - first) / (ended - begun).as_secs_f64()
            }
            _ => 0.0,
        };
        Report {
            cold: None,
            join_ms: number("join_ms"),
            far_first_frame_ms: since(guest.initiate_ns, far.first_frame_ns),
            wall_first_frame_ms: number("wall_first_frame_ms"),
            capture_closed_ms: number("capture_closed_ms"),
            presence_gone_ms: since(number("leave_command_ns"), guest.gone_ns),
            far_layers: self.layers.iter().map(FarLayer::over).collect(),
            far_tone_heard: far.tone_heard,
            wall_peers: number("wall_sources").unwrap_or(0),
            av_offset_ms: far.av_offset_ms,
            av_samples: far.av_samples,
            rss_mb: self.memory as f64 / 1e6,
            cpu_cores,
            far_longest_gap_ms: self.longest_gap_ms,
            outcome: own.get("outcome").and_then(Value::as_str).map(str::to_owned),
            exit_code: own.get("exit_code").and_then(Value::as_i64),
            broken_rules: conference.verdict(),
        }
    }
}

/// The figures for people, each beside its goal.
pub fn table(report: &Report) -> String {
    let ms = |value: Option<u64>| value.map_or("not measured".into(), |value| format!("{value} ms"));
    let mut rows = Vec::new();
    if let Some(cold) = &report.cold {
        let goal = "(the first after switching on)";
        rows.extend([
            ("cold: join command to joined", ms(cold.join_ms), goal),
            ("cold: first picture at the far side", ms(cold.far_first_frame_ms), goal),
            ("cold: first picture on the wall", ms(cold.wall_first_frame_ms), goal),
        ]);
    }
    rows.extend([
        ("join command to joined", ms(report.join_ms), "under 1500 ms"),
        (
            "invitation to first picture at the far side",
            ms(report.far_first_frame_ms),
            "under 1500 ms",
        ),
        (
            "invitation to first picture on the wall",
            ms(report.wall_first_frame_ms),
            "under 1500 ms",
        ),
        ("leave to capture closed", ms(report.capture_closed_ms), "under 500 ms"),
        ("leave to presence gone", ms(report.presence_gone_ms), "under 2000 ms"),
    ]);
    for layer in &report.far_layers {
        rows.push((
            "layer at the far side",
            format!("{} lines, {:.1} a second", layer.height, layer.fps),
            "25 to 30",
        ));
    }
    let offset = report
        .av_offset_ms
        .map_or("not measured".into(), |ms| format!("{ms:.0} ms"));
    let heard = if report.far_tone_heard { "heard" } else { "not heard" };
    rows.extend([
        ("tone at the far side", heard.to_owned(), "heard"),
        ("sound against picture at the far side", offset, "within 80 ms"),
        ("peers on the wall", report.wall_peers.to_string(), "all"),
        (
            "memory of both processes (PSS)",
            format!("{:.0} MB", report.rss_mb),
            "under 150 MB",
        ),
        ("processor", format!("{:.2} cores", report.cpu_cores), ""),
        ("rules broken", report.broken_rules.len().to_string(), "0"),
    ]);
    let lines = rows
        .iter()
        .map(|(what, value, goal)| format!("  {what:<46}{value:<28}{goal}\n"));
    let broken = report
        .broken_rules
        .iter()
        .map(|rule| format!("  broken: {}: {}\n", rule.rule, rule.detail));
    lines.chain(broken).collect()
}
