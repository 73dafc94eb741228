//! `cmd/{name}` and `res/{name}`: commands, executed at most once and always answered.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::code::Code;
use super::envelope::Id;

/// What a box can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum CommandName {
    /// Joins a room of the configured service, dark.
    #[serde(rename = "call.join")]
    CallJoin,
    /// Leaves the meeting.
    #[serde(rename = "call.leave")]
    CallLeave,
    /// Joins an address, dark.
    #[serde(rename = "call.dial_url")]
    CallDialUrl,
    /// Switches the microphone off; on is a local act.
    #[serde(rename = "av.mute")]
    AvMute,
    /// Switches the camera off; on is a local act.
    #[serde(rename = "av.camera")]
    AvCamera,
    /// Moves the camera to a stored view.
    #[serde(rename = "av.preset")]
    AvPreset,
    /// How the camera frames the people.
    #[serde(rename = "av.framing")]
    AvFraming,
    /// Of the loudspeaker.
    #[serde(rename = "av.volume")]
    AvVolume,
    /// Ends the shared content.
    #[serde(rename = "share.stop")]
    ShareStop,
    /// Switches the display.
    #[serde(rename = "display.power")]
    DisplayPower,
    /// Sleeps.
    #[serde(rename = "standby.enter")]
    StandbyEnter,
    /// Wakes up.
    #[serde(rename = "standby.wake")]
    StandbyWake,
    /// Examines the box.
    #[serde(rename = "diag.run")]
    DiagRun,
    /// Sends the logs to an address, once.
    #[serde(rename = "logs.collect")]
    LogsCollect,
    /// Streams the log for a while.
    #[serde(rename = "logs.tail")]
    LogsTail,
    /// Sends what the wall shows to an address, once.
    #[serde(rename = "screen.capture")]
    ScreenCapture,
    /// Examines the network.
    #[serde(rename = "net.test")]
    NetTest,
    /// Says all states again.
    #[serde(rename = "state.publish")]
    StatePublish,
    /// Restarts the machine.
    #[serde(rename = "sys.reboot")]
    SysReboot,
    /// Restarts the software.
    #[serde(rename = "sys.restart_app")]
    SysRestartApp,
    /// Shows itself in the room.
    #[serde(rename = "sys.locate")]
    SysLocate,
    /// Logs in to the network again.
    #[serde(rename = "net.8021x.renew")]
    NetDot1xRenew,
    /// Gets another certificate.
    #[serde(rename = "cert.rotate")]
    CertRotate,
    /// Forgets everything.
    #[serde(rename = "factory.reset")]
    FactoryReset,
    /// Lets somebody in from outside.
    #[serde(rename = "remote.session")]
    RemoteSession,
}

impl CommandName {
    /// All of them.
    pub const ALL: [CommandName; 25] = [
        CommandName::CallJoin,
        CommandName::CallLeave,
        CommandName::CallDialUrl,
        CommandName::AvMute,
        CommandName::AvCamera,
        CommandName::AvPreset,
        CommandName::AvFraming,
        CommandName::AvVolume,
        CommandName::ShareStop,
        CommandName::DisplayPower,
        CommandName::StandbyEnter,
        CommandName::StandbyWake,
        CommandName::DiagRun,
        CommandName::LogsCollect,
        CommandName::LogsTail,
        CommandName::ScreenCapture,
        CommandName::NetTest,
        CommandName::StatePublish,
        CommandName::SysReboot,
        CommandName::SysRestartApp,
        CommandName::SysLocate,
        CommandName::NetDot1xRenew,
        CommandName::CertRotate,
        CommandName::FactoryReset,
        CommandName::RemoteSession,
    ];

    /// As it stands in topics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            CommandName::CallJoin => "call.join",
            CommandName::CallLeave => "call.leave",
            CommandName::CallDialUrl => "call.dial_url",
            CommandName::AvMute => "av.mute",
            CommandName::AvCamera => "av.camera",
            CommandName::AvPreset => "av.preset",
            CommandName::AvFraming => "av.framing",
            CommandName::AvVolume => "av.volume",
            CommandName::ShareStop => "share.stop",
            CommandName::DisplayPower => "display.power",
            CommandName::StandbyEnter => "standby.enter",
            CommandName::StandbyWake => "standby.wake",
            CommandName::DiagRun => "diag.run",
            CommandName::LogsCollect => "logs.collect",
            CommandName::LogsTail => "logs.tail",
            CommandName::ScreenCapture => "screen.capture",
            CommandName::NetTest => "net.test",
            CommandName::StatePublish => "state.publish",
            CommandName::SysReboot => "sys.reboot",
            CommandName::SysRestartApp => "sys.restart_app",
            CommandName::SysLocate => "sys.locate",
            CommandName::NetDot1xRenew => "net.8021x.renew",
            CommandName::CertRotate => "cert.rotate",
            CommandName::FactoryReset => "factory.reset",
            CommandName::RemoteSession => "remote.session",
        }
    }

    /// The command of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.as_str() == name)
    }

    /// True when it must be signed, is shown on the wall and stands in the audit. `forced`: the parameter of that name.
    #[must_use]
    pub const fn dangerous(self, forced: bool) -> bool {
        match self {
            CommandName::CallJoin
            | CommandName::CallDialUrl
            | CommandName::FactoryReset
            | CommandName::CertRotate
            | CommandName::RemoteSession
            | CommandName::ScreenCapture => true,
            CommandName::SysReboot => forced,
            _ => false,
        }
    }
}

/// A command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Command {
    /// Which. Text, so that an unknown one can be answered.
    pub name: String,
    /// For it.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// After it nothing is done any more.
    pub exp: Timestamp,
    /// Who asks.
    pub actor: String,
}

/// How far a command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerStatus {
    /// It is on disk and will be executed.
    Accepted,
    /// It is being executed.
    Running,
    /// It is done.
    Done,
    /// It was tried.
    Failed,
    /// It was not tried.
    Rejected,
}

/// What a box says to a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// Id of the command.
    pub re: Id,
    /// How far.
    pub status: AnswerStatus,
    /// In one word.
    pub code: Code,
    /// In a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub msg: String,
    /// JSON pointer to the field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Worth trying again then.
    #[serde(default)]
    pub retry_after_ms: u64,
    /// Percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100))]
    pub progress: Option<u8>,
    /// What was asked for.
    #[serde(default)]
    pub result: Map<String, Value>,
    /// The answer of an earlier time to the same id.
    #[serde(default)]
    pub replay: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_and_documents_call_each_command_the_same() {
        for command in CommandName::ALL {
            assert_eq!(serde_json::to_value(command).unwrap(), command.as_str());
            assert_eq!(CommandName::parse(command.as_str()), Some(command));
        }
        assert_eq!(CommandName::parse("call.Join"), None);
    }

    #[test]
    fn whatever_opens_a_room_or_takes_a_box_away_is_dangerous() {
        let dangerous = |forced| {
            let all = CommandName::ALL.into_iter();
            all.filter(move |command| command.dangerous(forced))
                .map(CommandName::as_str)
                .collect::<Vec<_>>()
        };
        let always = [
            "call.join",
            "call.dial_url",
            "screen.capture",
            "cert.rotate",
            "factory.reset",
            "remote.session",
        ];
        assert_eq!(dangerous(false), always);
        assert_eq!(dangerous(true).len(), always.len() + 1, "and a forced reboot");
    }
}
