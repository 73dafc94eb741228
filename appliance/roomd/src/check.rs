//! `roomd check`: what this machine has for a meeting, and what is missing. Opens no device.

use std::{ops::RangeInclusive, path::Path, process::Stdio, time::Duration};

use devices::{Bus, CameraWish, Discovery, DisplayWish, Inventory, LoudspeakerWish, MicrophoneWish, Problem};
use room::Equipment;
use serde::{Deserialize, Serialize};
use tokio::{process::Command, time::timeout};

use crate::{
    Failure,
    arguments::{Check, Devices},
    identity,
};

/// A microphone's channels, as people count them.
const CHANNELS: RangeInclusive<u8> = 1..=32;

/// Reading GStreamer's registry for the first time takes seconds.
const WORKER_WITHIN: Duration = Duration::from_secs(60);

/// The devices that the words on the command line stand for.
///
/// # Errors
/// A word that names no device, with what may be written instead.
pub fn equipment(wanted: &Devices) -> Result<Equipment, Failure> {
    let all = DeviceChange {
        camera: Some(wanted.camera.clone()),
        microphone: Some(wanted.microphone.clone()),
        loudspeaker: Some(wanted.loudspeaker.clone()),
        display: Some(wanted.display.clone()),
    };
    if !wanted
        .microphone_channels
        .iter()
        .all(|channel| CHANNELS.contains(channel))
    {
        return Err("the channels of a microphone are numbers from 1 to 32".into());
    }
    let equipment = Equipment {
        microphone_channels: wanted.microphone_channels.clone(),
        ..Equipment::default()
    };
    change(&equipment, &all)
}

/// Words for some of the devices, as on the command line; the others stay what they are.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceChange {
    /// As `--camera`.
    pub camera: Option<String>,
    /// As `--microphone`.
    pub microphone: Option<String>,
    /// As `--loudspeaker`.
    pub loudspeaker: Option<String>,
    /// As `--display`.
    pub display: Option<String>,
}

/// `equipment` with the devices that `wanted` names.
///
/// # Errors
/// A word that names no device, with what may be written instead.
pub fn change(equipment: &Equipment, wanted: &DeviceChange) -> Result<Equipment, Failure> {
    let mut equipment = equipment.clone();
    if let Some(word) = &wanted.camera {
        equipment.camera = word.parse::<CameraWish>()?.resolve()?;
    }
    if let Some(word) = &wanted.microphone {
        equipment.microphone = word.parse::<MicrophoneWish>()?.resolve()?;
    }
    if let Some(word) = &wanted.loudspeaker {
        equipment.loudspeaker = word.parse::<LoudspeakerWish>()?.resolve()?;
    }
    if let Some(word) = &wanted.display {
        equipment.display = word.parse::<DisplayWish>()?.resolve()?;
    }
    Ok(equipment)
}

/// Everything `roomd check` tells.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckReport {
    devices: Inventory,
    media: MediaReport,
    /// Whether a meeting can be held: every required element is there.
    ready: bool,
}

/// What `roomd-media --check` prints.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MediaReport {
    gstreamer: String,
    elements: Vec<ElementReport>,
    software_encoders: Vec<String>,
    /// What trials have shown of the encoders in hardware.
    #[serde(default)]
    trials: Vec<Trial>,
}

/// An encoder by one way in, tried in a process of its own.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Trial {
    encoder: String,
    path: String,
    #[serde(flatten)]
    verdict: Verdict,
    remembered: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "verdict")]
enum Verdict {
    Passed {
        flaws: Vec<String>,
        processor_us: u64,
        heights: Vec<u32>,
    },
    Refused {
        refusal: serde_json::Value,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ElementReport {
    element: String,
    present: bool,
    required: bool,
    package: String,
}

/// Prints tables or JSON; the exit code is 0 when a meeting can be held, 1 when something required is missing.
///
/// # Errors
/// When the media worker cannot be asked.
pub async fn run(check: &Check) -> Result<u8, Failure> {
    let worker = identity::media_worker(check.media_worker.as_deref())?;
    let report = report(&worker, Encoders::Tried).await?;
    if check.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{}", tables(&report));
    }
    Ok(u8::from(!report.ready))
}

/// What this machine has for a meeting, as `roomd check --json` prints it.
///
/// # Errors
/// When the media worker cannot be asked.
pub async fn examine(media_worker: &Path) -> Result<serde_json::Value, Failure> {
    // The daemon has no device: no trial would say anything, and what it may not open the worker may.
    let mut report = report(media_worker, Encoders::Untried).await?;
    report
        .devices
        .problems
        .retain(|problem| matches!(problem, Problem::Unlisted { .. }));
    Ok(serde_json::to_value(report)?)
}

/// Whether encoders in hardware are tried, which takes two seconds for each that is not remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoders {
    Tried,
    Untried,
}

async fn report(media_worker: &Path, encoders: Encoders) -> Result<CheckReport, Failure> {
    let media = ask_worker(media_worker, encoders).await?;
    let ready = media
        .elements
        .iter()
        .all(|element| element.present || !element.required);
    Ok(CheckReport {
        devices: Bus::of_environment().inventory(),
        media,
        ready,
    })
}

async fn ask_worker(program: &Path, encoders: Encoders) -> Result<MediaReport, Failure> {
    let trials = (encoders == Encoders::Tried).then_some("--trials");
    let output = Command::new(program)
        .arg("--check")
        .args(trials)
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let within = match encoders {
        Encoders::Tried => 5 * WORKER_WITHIN,
        Encoders::Untried => WORKER_WITHIN,
    };
    let output = timeout(within, output)
        .await
        .map_err(|_| format!("{} did not answer within {} s", program.display(), within.as_secs()))?
        .map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
    Ok(serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{} did not tell what it found: {error}", program.display()))?)
}

fn tables(report: &CheckReport) -> String {
    let devices = &report.devices;
    let mut text = String::new();
    let mut table = |title: &str, rows: Vec<[String; 2]>| {
        text.push_str(&format!("{title}\n"));
        if rows.is_empty() {
            text.push_str("  none\n");
        }
        let width = rows.iter().map(|row| row[0].chars().count()).max().unwrap_or(0);
        for [left, right] in rows {
            text.push_str(&format!("  {left:width$}  {right}\n"));
        }
        text.push('\n');
    };
    table(
        "Cameras",
        devices
            .cameras
            .iter()
            .map(|c| {
                let speed = c
                    .speed
                    .map_or_else(String::new, |speed| format!(", USB at {speed} Mbit/s"));
                [c.path.display().to_string(), format!("{}{speed} (id:{})", c.name, c.id)]
            })
            .collect(),
    );
    table(
        "Microphones",
        devices
            .microphones
            .iter()
            .map(|m| {
                [
                    m.device.clone(),
                    format!("{}{} (id:{})", m.name, channels(&m.channels), m.id),
                ]
            })
            .collect(),
    );
    table(
        "Loudspeakers",
        devices
            .speakers
            .iter()
            .map(|s| [s.device.clone(), format!("{} (id:{})", s.name, s.id)])
            .collect(),
    );
    let connected = |display: &devices::Display| {
        if display.connected {
            "connected"
        } else {
            "nothing plugged in"
        }
    };
    table(
        "Displays",
        devices
            .displays
            .iter()
            .map(|d| [d.name.clone(), connected(d).into()])
            .collect(),
    );
    let trials = report.media.trials.iter();
    let software = report.media.software_encoders.iter();
    table(
        "Video encoders",
        trials
            .map(|trial| [format!("{} ({})", trial.encoder, trial.path), words(&trial.verdict)])
            .chain(software.map(|name| [name.clone(), "software".into()]))
            .collect(),
    );
    let missing = report.media.elements.iter().filter(|element| !element.present);
    let need = |required| if required { "needed" } else { "optional" };
    table(
        &format!("Missing in GStreamer {}", report.media.gstreamer),
        missing
            .map(|e| {
                [
                    e.element.clone(),
                    format!("{}: apt-get install {}", need(e.required), e.package),
                ]
            })
            .collect(),
    );
    if !devices.problems.is_empty() {
        table(
            "Problems",
            devices.problems.iter().map(|p| ["!".into(), p.to_string()]).collect(),
        );
    }
    text.push_str(if report.ready {
        "Ready: a meeting can be held. Try: roomd join URL\n"
    } else {
        "Not ready: install the packages marked needed, then run roomd check again.\n"
    });
    text
}

/// How many channels a microphone offers, where it says so.
fn channels(offered: &[u8]) -> String {
    let numbers: Vec<String> = offered.iter().map(u8::to_string).collect();
    match numbers.is_empty() {
        true => String::new(),
        false => format!(", channels: {}", numbers.join(" or ")),
    }
}

/// What a trial has shown.
fn words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed {
            flaws,
            processor_us,
            heights,
        } => {
            let heights: Vec<String> = heights.iter().map(u32::to_string).collect();
            let flaws: String = flaws.iter().map(|flaw| format!(", {flaw}")).collect();
            let each = *processor_us as f64 / 1_000.0;
            format!(
                "hardware, passed its trial for {} lines, {each:.1} ms of the processor a picture{flaws}",
                heights.join(", ")
            )
        }
        Verdict::Refused { refusal } => format!("hardware, refused: {refusal}"),
    }
}
