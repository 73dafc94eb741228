//! What the fleet hears of the room: parts of its state, measurements, events. No name, no title, no address of a meeting.

use std::collections::BTreeMap;

use fleet::contract::{EventClass, State, StatePart, Telemetry};
use fleet::session::Input;
use media_protocol::{EncoderGivenUp, Statistics};
use room::{DeviceStatus, RoomState};
use serde_json::{Map, Value, json};

use crate::last_run::{Accident, Kind};

/// The parts that follow from the state of the room.
pub fn of_room(state: &RoomState) -> [State; 3] {
    [
        part(
            StatePart::Call,
            json!({
                "phase": state.state,
                "waiting_for": state.waiting_for,
                "outcome": state.outcome.map(room::Outcome::code),
                "participants": state.participants,
                "media_connected": state.media_connected,
                "sending": {"audio": state.microphone.open, "video": state.camera.open},
                "recording": state.recording,
            }),
        ),
        part(
            StatePart::Av,
            json!({
                "camera": device(&state.camera),
                "microphone": device(&state.microphone),
                "volume_percent": (state.volume * 100.0).round(),
                "pictures": state.pictures,
            }),
        ),
        part(
            StatePart::Health,
            json!({
                "ok": problems(state).is_empty(),
                "problems": problems(state),
            }),
        ),
    ]
}

/// What the software is and how long it runs.
pub fn system(started: jiff::Timestamp) -> State {
    part(
        StatePart::System,
        json!({
            "fw": env!("CARGO_PKG_VERSION"),
            "started": started,
            "cores": std::thread::available_parallelism().map_or(1, usize::from),
        }),
    )
}

fn device(device: &DeviceStatus) -> Value {
    json!({
        "present": device.present,
        "open": device.open,
        "off_because": device.off_because,
        "fault": device.fault.as_ref().map(fault),
    })
}

/// In one word, without what a library said of it.
fn fault(fault: &media_protocol::DeviceFault) -> &'static str {
    match fault {
        media_protocol::DeviceFault::NotFound => "not-found",
        media_protocol::DeviceFault::Shut => "shut",
        media_protocol::DeviceFault::TooFewChannels { .. } => "too-few-channels",
        media_protocol::DeviceFault::Unstable => "unstable",
        media_protocol::DeviceFault::Busy => "busy",
        media_protocol::DeviceFault::Forbidden => "forbidden",
        media_protocol::DeviceFault::Silent => "silent",
        media_protocol::DeviceFault::MissingElement { .. } => "missing-element",
        media_protocol::DeviceFault::Other { .. } => "other",
    }
}

fn problems(state: &RoomState) -> Vec<String> {
    let mut problems = Vec::new();
    if !state.worker_running {
        problems.push("media-worker-down".to_owned());
    }
    for (name, device) in [("camera", &state.camera), ("microphone", &state.microphone)] {
        if let Some(found) = &device.fault {
            problems.push(format!("{name}-{}", fault(found)));
        }
        if !device.present {
            problems.push(format!("{name}-absent"));
        }
    }
    problems.extend(
        state
            .playback
            .as_ref()
            .map(|found| format!("playback-{}", fault(found))),
    );
    problems
}

fn part(part: StatePart, facts: Value) -> State {
    let state = match facts {
        Value::Object(facts) => facts,
        _ => Map::new(),
    };
    State { part, state }
}

/// What happened between two states, if the fleet shall know.
pub fn happened(before: Option<&RoomState>, now: &RoomState) -> Vec<Input> {
    let mut events = Vec::new();
    let was = |wanted: room::State| before.is_some_and(|before| before.state == wanted);
    if now.state == room::State::InMeeting && !was(room::State::InMeeting) && !was(room::State::Reconnecting) {
        events.push(event(EventClass::Call, "joined", json!({})));
    }
    if now.state == room::State::Idle && before.is_some_and(|before| before.state != room::State::Idle) {
        let outcome = now.outcome.map(room::Outcome::code);
        events.push(event(EventClass::Call, "ended", json!({ "outcome": outcome })));
    }
    let earlier = before.map(problems).unwrap_or_default();
    for problem in problems(now).into_iter().filter(|problem| !earlier.contains(problem)) {
        events.push(event(EventClass::Alert, "problem", json!({ "problem": problem })));
    }
    events
}

/// An end that nobody wanted. Rollouts count what a release can do: a cut of the power is none of it.
pub fn accident(accident: &Accident) -> Input {
    let (class, word) = match accident.kind {
        Kind::Killed => (EventClass::Crash, "killed"),
        Kind::WatchdogReset => (EventClass::Crash, "watchdog_reset"),
        Kind::PowerLost => (EventClass::Alert, "power_lost"),
    };
    event(
        class,
        word,
        json!({"release": accident.release, "started": accident.started}),
    )
}

/// An encoder did not do its work in a meeting.
pub fn encoder(given_up: &EncoderGivenUp) -> Input {
    event(EventClass::Alert, "encoder_given_up", json!(given_up))
}

/// One event.
pub fn event(class: EventClass, event: &str, detail: Value) -> Input {
    let detail = match detail {
        Value::Object(detail) => detail,
        _ => Map::new(),
    };
    Input::Event {
        class,
        event: event.to_owned(),
        detail,
    }
}

/// The load of the machine, from `/proc`.
pub fn load() -> Telemetry {
    let mut values = BTreeMap::new();
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    if let Some(load) = read("/proc/loadavg")
        .split(' ')
        .next()
        .and_then(|word| word.parse().ok())
    {
        values.insert("load_1min".to_owned(), load);
    }
    let memory = read("/proc/meminfo");
    let kib = |name: &str| -> Option<f64> {
        let line = memory.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    for (name, field) in [
        ("memory_bytes", "MemTotal:"),
        ("memory_available_bytes", "MemAvailable:"),
    ] {
        if let Some(kib) = kib(field) {
            values.insert(name.to_owned(), kib * 1024.0);
        }
    }
    if let Some(pages) = read("/proc/self/statm")
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse::<f64>().ok())
    {
        values.insert("roomd_resident_bytes".to_owned(), pages * 4096.0);
    }
    Telemetry {
        values,
        ..Telemetry::default()
    }
}

/// The media of the meeting.
pub fn media(statistics: &Statistics) -> Telemetry {
    let lost: i64 = statistics.received.iter().map(|stream| stream.lost).sum();
    let packets: u64 = statistics.received.iter().map(|stream| stream.packets).sum();
    let pictures = statistics.received.iter().filter(|stream| stream.fps > 0.0).count();
    let values = [
        ("received_packets", packets as f64),
        ("received_lost_packets", lost as f64),
        ("received_pictures", pictures as f64),
        ("microphone_overruns", statistics.microphone_overruns as f64),
        ("loudspeaker_underruns", statistics.loudspeaker_underruns as f64),
    ];
    Telemetry {
        values: values.map(|(name, value)| (name.to_owned(), value)).into(),
        ..Telemetry::default()
    }
}
