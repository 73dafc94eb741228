//! `roomctl doctor`.

use jiff::Timestamp;
use roomctl::doctor::{Finding, Weight, examine};
use roomctl::view::Seen;
use roomctl::words::Words;
use serde::Serialize;

use super::{choose, enter};
use crate::arguments::{Arguments, Chosen};
use crate::failure::Failure;
use crate::print;

/// What is said of a room.
#[derive(Serialize)]
struct Report {
    #[serde(rename = "box")]
    device: String,
    room: String,
    findings: Vec<Finding>,
}

/// Leaves with 1 when a room is not well.
pub async fn run(arguments: &Arguments, chosen: &Chosen, words: Words) -> Result<(), Failure> {
    let (_, mut console) = enter(arguments).await?;
    let (all, devices) = choose(&mut console, chosen, false, words).await?;
    console.close().await;
    let now = Timestamp::now();
    let nothing = Seen::default();
    let report = |device: &fleet::contract::DeviceId| {
        let seen = all.get(device).unwrap_or(&nothing);
        Report {
            device: device.to_string(),
            room: seen.room().to_owned(),
            findings: examine(device, seen, now, &words),
        }
    };
    let reports: Vec<Report> = devices.iter().map(report).collect();
    if !print::document(arguments.output, &reports)? {
        for report in &reports {
            let name = if report.room.is_empty() {
                &report.device
            } else {
                &report.room
            };
            if report.findings.is_empty() {
                print::line(&words.well(name));
                continue;
            }
            print::line(&format!("{name} ({})", report.device));
            for finding in &report.findings {
                let mark = match finding.weight {
                    Weight::Bad => '✗',
                    Weight::Doubtful => '!',
                };
                print::line(&format!("  {mark} {}", finding.what));
                print::line(&format!("    {}", finding.advice));
            }
        }
    }
    let bad = |report: &Report| report.findings.iter().any(|finding| finding.weight == Weight::Bad);
    if reports.iter().any(bad) {
        Err(Failure::Refused)
    } else {
        Ok(())
    }
}
