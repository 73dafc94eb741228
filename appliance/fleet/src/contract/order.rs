//! Commands with their parameters as types: what `params` of each command may say.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::code::Code;
use super::command::CommandName;
use super::json::{self, Refusal};
use super::log::{LogLevel, Tail};

/// Longest name of a room, bytes.
const MAX_ROOM: usize = 200;
/// Longest time that a log is followed or a box shows itself.
const LONGEST: u64 = 600;
/// Lines of the log are at most so old, seconds.
const LONGEST_AGO: u64 = 86_400;

/// A command with its parameters.
#[derive(Clone, PartialEq)]
pub enum Order {
    /// `call.join`: this room of the configured service.
    Join {
        /// Its name, as people type it.
        room: String,
    },
    /// `call.dial_url`.
    Dial {
        /// HTTPS.
        url: Url,
    },
    /// `call.leave`.
    Leave,
    /// `av.mute`.
    MicrophoneOff,
    /// `av.camera`.
    CameraOff,
    /// `av.volume`.
    Volume {
        /// 0 to 100.
        percent: u8,
    },
    /// `diag.run`.
    Diagnose,
    /// `logs.collect`.
    CollectLogs {
        /// HTTPS, for one PUT.
        url: Url,
    },
    /// `logs.tail`.
    TailLogs(Tail),
    /// `screen.capture`.
    CaptureScreen {
        /// HTTPS, for one PUT.
        url: Url,
    },
    /// `sys.reboot`.
    Reboot {
        /// In a meeting too.
        force: bool,
    },
    /// `sys.restart_app`.
    RestartApplication,
    /// `sys.locate`.
    Locate {
        /// For so long.
        time: Duration,
    },
    /// `state.publish`.
    PublishState,
    /// `factory.reset`.
    FactoryReset,
}

impl std::fmt::Debug for Order {
    /// Without rooms and addresses, which may hold a token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name().as_str())
    }
}

#[derive(Deserialize)]
struct Room {
    room: String,
}

#[derive(Deserialize)]
struct Address {
    url: Url,
}

#[derive(Deserialize)]
struct Off {
    #[serde(default)]
    on: bool,
}

#[derive(Deserialize)]
struct Percent {
    percent: u8,
}

#[derive(Deserialize)]
struct Seconds {
    #[serde(default = "a_minute")]
    seconds: u64,
}

#[derive(Deserialize)]
struct Lines {
    #[serde(default = "a_minute")]
    seconds: u64,
    #[serde(default)]
    since_s: u64,
    #[serde(default)]
    level: LogLevel,
}

const fn a_minute() -> u64 {
    60
}

#[derive(Deserialize)]
struct Forced {
    #[serde(default)]
    force: bool,
}

impl Order {
    /// Commands that can be orders; the others are for boxes of other makes.
    pub const COMMANDS: [CommandName; 15] = [
        CommandName::CallJoin,
        CommandName::CallDialUrl,
        CommandName::CallLeave,
        CommandName::AvMute,
        CommandName::AvCamera,
        CommandName::AvVolume,
        CommandName::DiagRun,
        CommandName::LogsCollect,
        CommandName::LogsTail,
        CommandName::ScreenCapture,
        CommandName::SysReboot,
        CommandName::SysRestartApp,
        CommandName::SysLocate,
        CommandName::StatePublish,
        CommandName::FactoryReset,
    ];

    /// Reads the parameters of a command. Unknown ones are passed over.
    ///
    /// # Errors
    /// [`Code::InvalidParams`] with a pointer below `/params`; [`Code::NotAuthorised`] for switching a device on, which only
    /// people in the room can; [`Code::UnsupportedOnHw`].
    pub fn parse(name: CommandName, params: &Map<String, Value>) -> Result<Self, Refusal> {
        Ok(match name {
            CommandName::CallJoin => Self::Join { room: room(params)? },
            CommandName::CallDialUrl => Self::Dial { url: https(params)? },
            CommandName::CallLeave => Self::Leave,
            CommandName::AvMute => off(params, Self::MicrophoneOff)?,
            CommandName::AvCamera => off(params, Self::CameraOff)?,
            CommandName::AvVolume => Self::Volume {
                percent: percent(params)?,
            },
            CommandName::DiagRun => Self::Diagnose,
            CommandName::LogsCollect => Self::CollectLogs { url: https(params)? },
            CommandName::LogsTail => Self::TailLogs(tail(params)?),
            CommandName::ScreenCapture => Self::CaptureScreen { url: https(params)? },
            CommandName::SysReboot => Self::Reboot {
                force: typed::<Forced>(params)?.force,
            },
            CommandName::SysRestartApp => Self::RestartApplication,
            CommandName::SysLocate => Self::Locate { time: time(params)? },
            CommandName::StatePublish => Self::PublishState,
            CommandName::FactoryReset => Self::FactoryReset,
            CommandName::AvPreset
            | CommandName::AvFraming
            | CommandName::ShareStop
            | CommandName::DisplayPower
            | CommandName::StandbyEnter
            | CommandName::StandbyWake
            | CommandName::NetTest
            | CommandName::NetDot1xRenew
            | CommandName::CertRotate
            | CommandName::RemoteSession => {
                return Err(Refusal {
                    code: Code::UnsupportedOnHw,
                    pointer: "/name".into(),
                    message: format!("this box does not know {}", name.as_str()),
                });
            }
        })
    }

    /// The command that it is.
    #[must_use]
    pub const fn name(&self) -> CommandName {
        match self {
            Self::Join { .. } => CommandName::CallJoin,
            Self::Dial { .. } => CommandName::CallDialUrl,
            Self::Leave => CommandName::CallLeave,
            Self::MicrophoneOff => CommandName::AvMute,
            Self::CameraOff => CommandName::AvCamera,
            Self::Volume { .. } => CommandName::AvVolume,
            Self::Diagnose => CommandName::DiagRun,
            Self::CollectLogs { .. } => CommandName::LogsCollect,
            Self::TailLogs(_) => CommandName::LogsTail,
            Self::CaptureScreen { .. } => CommandName::ScreenCapture,
            Self::Reboot { .. } => CommandName::SysReboot,
            Self::RestartApplication => CommandName::SysRestartApp,
            Self::Locate { .. } => CommandName::SysLocate,
            Self::PublishState => CommandName::StatePublish,
            Self::FactoryReset => CommandName::FactoryReset,
        }
    }
}

fn typed<T: serde::de::DeserializeOwned>(params: &Map<String, Value>) -> Result<T, Refusal> {
    json::typed(&Value::Object(params.clone())).map_err(|refusal| Refusal {
        pointer: format!("/params{}", refusal.pointer),
        ..refusal
    })
}

fn wrong(field: &str, message: impl Into<String>) -> Refusal {
    Refusal {
        code: Code::InvalidParams,
        pointer: format!("/params/{field}"),
        message: message.into(),
    }
}

fn room(params: &Map<String, Value>) -> Result<String, Refusal> {
    let name = typed::<Room>(params)?.room.trim().to_owned();
    let a_name =
        (1..=MAX_ROOM).contains(&name.len()) && !name.contains(['/', '?', '#']) && !name.contains(char::is_control);
    a_name
        .then_some(name)
        .ok_or_else(|| wrong("room", "the name of a room, without its address"))
}

fn https(params: &Map<String, Value>) -> Result<Url, Refusal> {
    let url = typed::<Address>(params)?.url;
    let good = url.scheme() == "https" && url.has_host() && url.username().is_empty() && url.password().is_none();
    good.then_some(url)
        .ok_or_else(|| wrong("url", "an address that begins with https:// and holds no password"))
}

fn off(params: &Map<String, Value>, order: Order) -> Result<Order, Refusal> {
    if typed::<Off>(params)?.on {
        return Err(Refusal {
            code: Code::NotAuthorised,
            pointer: "/params/on".into(),
            message: "only people in the room can switch it on".into(),
        });
    }
    Ok(order)
}

fn percent(params: &Map<String, Value>) -> Result<u8, Refusal> {
    let percent = typed::<Percent>(params)?.percent;
    (percent <= 100)
        .then_some(percent)
        .ok_or_else(|| wrong("percent", "0 to 100"))
}

fn time(params: &Map<String, Value>) -> Result<Duration, Refusal> {
    let seconds = typed::<Seconds>(params)?.seconds;
    (1..=LONGEST)
        .contains(&seconds)
        .then(|| Duration::from_secs(seconds))
        .ok_or_else(|| wrong("seconds", format!("1 to {LONGEST}")))
}

fn tail(params: &Map<String, Value>) -> Result<Tail, Refusal> {
    let lines: Lines = typed(params)?;
    if lines.seconds > LONGEST {
        return Err(wrong("seconds", format!("0 to {LONGEST}")));
    }
    if lines.since_s > LONGEST_AGO {
        return Err(wrong("since_s", format!("0 to {LONGEST_AGO}")));
    }
    Ok(Tail {
        time: Duration::from_secs(lines.seconds),
        since: Duration::from_secs(lines.since_s),
        level: lines.level,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: CommandName, params: &str) -> Result<Order, Refusal> {
        Order::parse(name, &serde_json::from_str(params).unwrap())
    }

    fn refused(name: CommandName, params: &str) -> (Code, String) {
        let refusal = parse(name, params).unwrap_err();
        (refusal.code, refusal.pointer)
    }

    #[test]
    fn every_command_is_an_order_or_not_for_this_box() {
        let all = r#"{"room":"Salle 4","url":"https://files.example/one","percent":40,"seconds":5}"#;
        for name in CommandName::ALL {
            match parse(name, all) {
                Ok(order) => assert!(order.name() == name && Order::COMMANDS.contains(&name), "{name:?}"),
                Err(refusal) => {
                    assert_eq!(refusal.code, Code::UnsupportedOnHw);
                    assert!(!Order::COMMANDS.contains(&name), "{name:?}");
                }
            }
        }
    }

    #[test]
    fn nobody_outside_switches_a_device_on() {
        for name in [CommandName::AvMute, CommandName::AvCamera] {
            assert_eq!(
                refused(name, r#"{"on":true}"#),
                (Code::NotAuthorised, "/params/on".into())
            );
            assert!(parse(name, r#"{"on":false}"#).is_ok() && parse(name, "{}").is_ok());
        }
    }

    #[test]
    fn a_room_is_a_name_and_never_an_address() {
        for wrong in ["", " ", "https://evil.example/x", "a/b", "a?b", "a#b", "a\u{7}b"] {
            let params = serde_json::json!({ "room": wrong }).to_string();
            assert_eq!(
                refused(CommandName::CallJoin, &params),
                (Code::InvalidParams, "/params/room".into())
            );
        }
        let order = parse(CommandName::CallJoin, r#"{"room":" Salle 4 "}"#);
        assert_eq!(order, Ok(Order::Join { room: "Salle 4".into() }));
    }

    #[test]
    fn files_go_to_https_only() {
        for wrong in [
            "http://files.example/x",
            "file:///etc/shadow",
            "https://a:b@files.example/x",
            "x",
        ] {
            let params = serde_json::json!({ "url": wrong }).to_string();
            let refused = refused(CommandName::LogsCollect, &params);
            assert_eq!(refused, (Code::InvalidParams, "/params/url".into()), "{wrong}");
        }
    }

    #[test]
    fn numbers_have_bounds_and_the_field_is_named() {
        for (name, params, field) in [
            (CommandName::AvVolume, r#"{"percent":101}"#, "/params/percent"),
            (CommandName::AvVolume, r#"{"percent":-1}"#, "/params/percent"),
            (CommandName::AvVolume, "{}", "/params"),
            (CommandName::SysLocate, r#"{"seconds":0}"#, "/params/seconds"),
            (CommandName::LogsTail, r#"{"seconds":601}"#, "/params/seconds"),
            (CommandName::LogsTail, r#"{"since_s":86401}"#, "/params/since_s"),
            (CommandName::LogsTail, r#"{"level":"debug"}"#, "/params/level"),
            (CommandName::SysReboot, r#"{"force":"yes"}"#, "/params/force"),
        ] {
            assert_eq!(refused(name, params), (Code::InvalidParams, field.into()), "{params}");
        }
    }

    #[test]
    fn what_is_logged_of_an_order_names_no_room() {
        let order = parse(CommandName::CallJoin, r#"{"room":"secret"}"#).unwrap();
        assert_eq!(format!("{order:?}"), "call.join");
    }
}
