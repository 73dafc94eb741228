//! What a person at a terminal sees while `roomd join` runs, and what they can type.

use std::{
    io::{IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use room::{
    Language, Milestone, Origin, RoomCommand, RoomState, WaitingFor,
    conference::Device,
    words::{self, DeviceWord},
};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use tokio::sync::mpsc;

use crate::appliance::Request;

/// Writes progress, one line an event, to standard error: standard output stays free for scripts.
#[derive(Debug)]
pub struct Terminal {
    language: Language,
    begun: std::time::Instant,
    last: Option<RoomState>,
}

impl Terminal {
    /// A terminal in the given language.
    pub fn new(language: Language) -> Self {
        Self {
            language,
            begun: std::time::Instant::now(),
            last: None,
        }
    }

    /// One line with the seconds since the start.
    pub fn line(&self, text: &str) {
        let seconds = self.begun.elapsed().as_secs_f64();
        // A closed terminal is no reason to leave a meeting.
        let _written = writeln!(std::io::stderr(), "{seconds:7.2} s  {text}");
    }

    /// A milestone, where it means something to people.
    pub fn milestone(&mut self, milestone: &Milestone) {
        match milestone {
            Milestone::Step(step) => self.line(words::join_step(self.language, *step).title),
            Milestone::Joined if std::io::stdin().is_terminal() => self.line(words::typed_commands(self.language)),
            Milestone::CaptureOpened { device, .. } => self.device(*device, DeviceWord::On),
            Milestone::CaptureClosed { device, .. } => self.device(*device, DeviceWord::Off),
            Milestone::Explained(text) => self.line(&words::service_says(self.language, text)),
            Milestone::Ended(outcome) => self.line(&words::outcome(self.language, *outcome).line()),
            _ => {}
        }
    }

    /// A change of state, where it means something to people.
    pub fn state(&mut self, state: &RoomState) {
        let last = self.last.replace(state.clone());
        echo(!matches!(state.waiting_for, Some(WaitingFor::Password { .. })));
        if let Some(waiting) = state.waiting_for
            && last.as_ref().and_then(|last| last.waiting_for) != Some(waiting)
        {
            self.line(&words::waiting(self.language, waiting).line());
            if matches!(waiting, WaitingFor::Password { .. }) && std::io::stdin().is_terminal() {
                self.line(words::type_password(self.language));
            }
        }
        if state.state == room::State::InMeeting
            && last.as_ref().map(|last| last.participants) != Some(state.participants)
        {
            self.line(&words::in_meeting(self.language, state.participants));
        }
        if let Some(notice) = &state.notice
            && last.as_ref().and_then(|last| last.notice.as_ref()) != Some(notice)
        {
            self.line(&words::notice(self.language, notice).line());
        }
    }

    fn device(&self, device: Device, word: DeviceWord) {
        self.line(words::device_state(self.language, device, word));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        echo(true);
    }
}

/// Whether a terminal shows what is typed; a password it does not.
fn echo(on: bool) {
    let stdin = std::io::stdin();
    let Ok(mut settings) = tcgetattr(&stdin) else { return };
    if settings.local_modes.contains(LocalModes::ECHO) != on {
        settings.local_modes.set(LocalModes::ECHO, on);
        if let Err(error) = tcsetattr(&stdin, OptionalActions::Now, &settings) {
            tracing::warn!(%error, "the terminal keeps its echo");
        }
    }
}

/// Turns typed lines into commands, on a thread of its own: reading a terminal cannot be cancelled.
pub fn read_commands(requests: mpsc::Sender<Request>, password_wanted: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let Ok(line) = line else { return };
            let password = password_wanted.load(Ordering::Relaxed);
            let command = if password {
                Some(RoomCommand::Password(line))
            } else {
                command(line.trim())
            };
            let Some(command) = command else { continue };
            if requests.blocking_send(Request::Command(command)).is_err() {
                return;
            }
        }
    });
}

/// A typed word as a command.
fn command(line: &str) -> Option<RoomCommand> {
    let origin = Origin::InRoom;
    match line {
        "mute" => Some(RoomCommand::SetMicrophone { on: false, origin }),
        "unmute" => Some(RoomCommand::SetMicrophone { on: true, origin }),
        "camera on" => Some(RoomCommand::SetCamera { on: true, origin }),
        "camera off" => Some(RoomCommand::SetCamera { on: false, origin }),
        "hand" => Some(RoomCommand::RaiseHand(true)),
        "hand down" => Some(RoomCommand::RaiseHand(false)),
        "stay" => Some(RoomCommand::Stay),
        "leave" => Some(RoomCommand::Leave),
        _ => line.strip_prefix("say ").map(|text| RoomCommand::Say {
            to: None,
            text: text.to_owned(),
        }),
    }
}
