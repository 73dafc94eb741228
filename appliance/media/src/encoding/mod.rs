//! Encoders in hardware and how far they can be trusted: never by rank, never by a property that was accepted, only by a trial
//! (`specs/camera.md` §1).
//!
//! | file | what stands in it |
//! |---|---|
//! | [`catalogue`] | encoders that are known, and how each wants to be treated |
//! | [`instance`] | one of them, built |
//! | [`trial`] | a scene through it, in a process of its own; what came of it |
//! | [`judgement`] | what to think of that; pure |
//! | [`trials`] | all trials of a machine, in processes that may die, and what is remembered of them |
//! | [`live`] | the encoder of a meeting, in a pipeline of its own, and what takes its place |
//! | [`in_use`] | which encoders a worker that died was using |
//! | [`look`] | whether what one in a meeting makes shows what was filmed |
//! | [`ladder`] | which encoder comes after one that was given up; pure |
//! | [`watchdog`] | whether one in a meeting still does its work; pure |
//! | [`rate_pace`] | when another rate is worth telling it |
//! | `access_unit`, `level`, `scene` | H.264 as far as a trial reads it; levels; what a trial films |
//! | [`simulated`] | encoders with one flaw each |

use std::process::{Command, Stdio};
use std::time::Instant;

use crate::mailbox::{Mailbox, Message};

mod access_unit;
pub mod catalogue;
pub mod in_use;
pub mod instance;
pub mod judgement;
pub mod ladder;
mod level;
pub mod live;
pub mod look;
pub mod rate_pace;
mod scene;
pub mod simulated;
pub mod trial;
pub mod trials;
pub mod watchdog;

use in_use::InUse;
use ladder::{Rest, Step};
use trials::Tried;

/// The encoders of H.264 of a worker.
#[derive(Debug, Clone, Default)]
pub struct Encoders {
    /// The best first.
    pub steps: Vec<Step>,
    /// Those that were given up.
    pub rest: Rest,
    /// Where is written down which of them work.
    pub in_use: InUse,
}

impl Encoders {
    /// Those for pictures of so many lines.
    fn of_height(&self, height: u32) -> Self {
        let is_for = |step: &&Step| step.is_for(height);
        Self {
            steps: self.steps.iter().filter(is_for).cloned().collect(),
            ..self.clone()
        }
    }

    /// One that does not rest is not the processor's work.
    #[must_use]
    pub fn have_hardware(&self, now: Instant) -> bool {
        self.steps.iter().any(|step| step.hardware && !self.rest.has(step, now))
    }
}

/// Tries encoders in hardware beside everything else, and tells the owner thread which there are, the best first. A process does it
/// that begins before any device is open: GStreamer's devices are inherited by whatever is started later, and would stay open in it.
///
/// # Errors
/// The process or a thread cannot be started.
pub(crate) fn find(mailbox: &Mailbox) -> std::io::Result<()> {
    if trials::candidates().is_empty() {
        return Ok(());
    }
    let child = Command::new(std::env::current_exe()?)
        .arg("--trials")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mailbox = mailbox.clone();
    std::thread::Builder::new().name("trials".into()).spawn(move || {
        let tried = child
            .wait_with_output()
            .and_then(|output| Ok(serde_json::from_slice::<Vec<Tried>>(&output.stdout)?));
        match tried {
            Ok(tried) => {
                for one in &tried {
                    tracing::info!(encoder = one.encoder, path = one.path, verdict = ?one.verdict, "tried");
                }
                mailbox.post(Message::Encoders(trials::ladder(&tried)));
            }
            Err(error) => tracing::warn!(%error, "encoders in hardware were not tried"),
        }
    })?;
    Ok(())
}
