//! The command line. `roomd join` is for a person, `roomd run` for the box, `roomd check` for whoever sets one up.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};

/// Hemicycle: the firmware of a conference-room box for Jitsi.
#[derive(Debug, Parser)]
#[command(name = "roomd", version, about, propagate_version = true)]
pub struct Arguments {
    /// Language of everything people read: `fr` or `en`.
    #[arg(long, global = true, default_value = "fr", env = "ROOMD_LANGUAGE", value_parser = ["fr", "en"])]
    pub language: String,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Join a room now, and stay until Ctrl-C, `leave`, the end of the meeting, or the time given.
    #[command(after_help = JOIN_HELP)]
    Join(Box<Join>),
    /// Run as the daemon of a box, with a configuration file.
    #[command(after_help = RUN_HELP)]
    Run(Run),
    /// List cameras, microphones, loudspeakers, displays and encoders, and what is missing to use them.
    Check(Check),
    /// Make this box the one that a stick of `roomctl deliver` is for; roomd-delivery.service does that.
    #[command(after_help = DELIVER_HELP)]
    Deliver(Deliver),
    /// Ask the daemon of this box whether a meeting can be held: its room answers, its media worker runs.
    #[command(after_help = HEALTH_HELP)]
    Health(Health),
    /// Print the JSON Schema of the report that `roomd join --report` writes.
    ReportSchema,
}

const JOIN_HELP: &str = "\
Examples:
  roomd join https://meet.example.org/BureauDuTroisieme123
  roomd join https://meet.example.org/Salle123456 --name 'Salle 4' --muted --for 30s --report report.json
  roomd join https://meet.example.org/Salle123456 --camera simulated --microphone simulated --display simulated

While it runs on a terminal, type: mute, unmute, camera on, camera off, hand, hand down, say TEXT, stay, leave.

Exit codes: 0 left or meeting ended; 1 something outside the meeting, for example an unreadable file; 2 wrong
command line; each other number names one way a meeting is not joined or ends early, see docs/outcomes.md.";

const RUN_HELP: &str = "\
Example configuration (TOML):
  name = \"Salle 4\"
  language = \"fr\"
  camera = \"auto\"            # or wishes, the most wanted first: \"id:2e7e:0600:A1B2C3, vendor:046d, name:wide\"
  microphone = \"auto\"
  microphone_channels = []     # those that make the sound, from 1; none: all
  loudspeaker = \"auto\"
  display = \"kms\"
  control = \"/run/roomd/control\"
  state_directory = \"/run/roomd\"
  chat = \"public\"            # which messages are on the wall: nothing, public, all (also those to this room alone)
  leave_when_alone_s = 300   # after everybody else has left
  [account]
  host = \"meet.example.org\"
  user = \"salle4\"
  password_file = \"/etc/roomd/password\"

  [network]
  proxy = \"http://proxy.example.org:3128\"
  no_proxy = [\".intern.example.org\"]
  ca_file = \"/etc/ssl/private-ca.pem\"

  [fleet]                    # the box works without; `roomctl` makes a fleet
  directory = \"/var/lib/roomd/fleet\"
  serial = \"HC24-000123\"
  enrolment = \"broker.example.org:8884\"   # until the box has enrolled
  key = \"tpm\"              # where its keys are made and stay: software (files of the directory), tpm
  tpm = \"device:/dev/tpmrm0\"

The control socket takes one JSON document a line, for example {\"command\":\"join\",\"url\":\"https://...\"},
{\"command\":\"leave\"}, {\"command\":\"microphone\",\"on\":false}, {\"command\":\"hand\",\"raised\":true},
{\"command\":\"say\",\"text\":\"...\",\"to\":\"ID\"}, {\"command\":\"name\",\"name\":\"...\"}, {\"command\":\"stay\"}, {\"command\":\"people\"},
for a moderator {\"command\":\"roomPassword\",\"password\":\"...\"}, {\"command\":\"admit\",\"who\":\"ID\"}, {\"command\":\"refuse\",\"who\":\"ID\"},
{\"command\":\"devices\",\"camera\":\"none\"} (also in a meeting; devices not named stay), {\"command\":\"state\"}, and
answers each with one line.";

const HEALTH_HELP: &str = "\
Examples:
  roomd health --config /etc/roomd/roomd.toml
  roomd health --config /etc/roomd/roomd.toml --wait 90s    # right after a start

Exit codes: 0 a meeting can be held; 1 not (yet), and a sentence says why.";

const DELIVER_HELP: &str = "\
Example:
  roomd deliver /media/HEMICYCLE --config /etc/roomd/roomd.toml --own /run/own

Takes the first box of the stick whose maker.key is still there, and takes the key off the stick. box.toml and
account.password are left in --own, for systemd-creds to encrypt.

Exit codes: 0 delivered; 1 refused, nothing is changed, and a sentence says why, on the wall too.";

/// `roomd join`.
#[derive(Debug, Args)]
pub struct Join {
    /// Address of the room, as in a browser. A `?jwt=` in it is used as the token; whoever may list the processes of
    /// this machine can read it, so prefer --token-file.
    pub url: String,
    /// Name under which the box appears.
    #[arg(long, default_value = "Hemicycle")]
    pub name: String,
    /// Password of the room. Without it a person at a terminal is asked when the room wants one. On the command line
    /// others on this machine can read it; in ROOMD_PASSWORD they cannot.
    #[arg(long, env = "ROOMD_PASSWORD", hide_env_values = true)]
    pub password: Option<String>,
    /// File with the token (JWT) for the deployment.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// User name of an account on the service, with --user-password-file. Without it the box joins as a guest.
    #[arg(long, value_name = "NAME", requires = "user_password_file")]
    pub user: Option<String>,
    /// File with the password of the account.
    #[arg(long, value_name = "FILE", requires = "user")]
    pub user_password_file: Option<PathBuf>,
    /// Join with microphone and camera off.
    #[arg(long)]
    pub muted: bool,
    /// Leave after this time in the meeting, for example 30s, 5m, 1h.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// Write what happened, as JSON (schema: `roomd report-schema`).
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Folder for the small file that lets the next start leave in the place of a box that was killed. Without it:
    /// $RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/roomd, for root /run/roomd.
    #[arg(long, value_name = "FOLDER", env = "ROOMD_STATE_DIRECTORY")]
    pub state_directory: Option<PathBuf>,
    /// The devices.
    #[command(flatten)]
    pub devices: Devices,
    /// The way out of the network.
    #[command(flatten)]
    pub network: Network,
}

/// The way out of the network.
#[derive(Debug, Args)]
pub struct Network {
    /// HTTP proxy for signalling and for media through TURN: http://HOST:PORT or http://USER:PASSWORD@HOST:PORT. Without
    /// it HTTPS_PROXY and NO_PROXY are obeyed, where others on this machine cannot read the password.
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,
    /// File with certificate authorities (PEM) that are trusted besides those of the system.
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

/// Which devices to use.
#[derive(Debug, Args)]
pub struct Devices {
    /// Camera: auto, none, simulated, /dev/videoN, the path of a film, or wishes in their order (the ids: roomd check):
    /// id:VENDOR:PRODUCT:SERIAL, vendor:046d, name:WORDS.
    #[arg(long, default_value = "auto")]
    pub camera: String,
    /// Microphone: auto, none, simulated, alsa:NAME, the path of a recording, or wishes as for the camera.
    #[arg(long, default_value = "auto")]
    pub microphone: String,
    /// Channels of the microphone that make the sound, from 1, for example 1,2: their mean is sent. Without it all of them.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    pub microphone_channels: Vec<u8>,
    /// Loudspeaker: auto, none, simulated, simulated:FILE.wav, alsa:NAME, or wishes as for the camera.
    #[arg(long, default_value = "auto")]
    pub loudspeaker: String,
    /// Display: auto, none, kms, kms:CONNECTOR, window, simulated, or simulated:SNAPSHOT.jpg.
    #[arg(long, default_value = "auto")]
    pub display: String,
    /// Program of the media worker.
    #[arg(long, value_name = "PROGRAM", env = "ROOMD_MEDIA", hide = true)]
    pub media_worker: Option<PathBuf>,
    /// Waiting in front of a room that nobody has opened ends after this time.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub wait: Duration,
    /// Waiting in the lobby to be let in ends after this time.
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration)]
    pub lobby_wait: Duration,
}

/// `roomd run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
}

/// `roomd deliver`.
#[derive(Debug, Args)]
pub struct Deliver {
    /// Where the stick is mounted.
    pub stick: PathBuf,
    /// The configuration file of the daemon.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Folder for what is this box's alone.
    #[arg(long, value_name = "FOLDER")]
    pub own: PathBuf,
}

/// `roomd health`.
#[derive(Debug, Args)]
pub struct Health {
    /// The configuration file of the daemon; its control socket is asked.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Ask again for this time, until it is well.
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub wait: Duration,
}

/// `roomd check`.
#[derive(Debug, Args)]
pub struct Check {
    /// JSON for scripts instead of tables for people.
    #[arg(long)]
    pub json: bool,
    /// Program of the media worker.
    #[arg(long, value_name = "PROGRAM", env = "ROOMD_MEDIA", hide = true)]
    pub media_worker: Option<PathBuf>,
}

/// Reads `90`, `30s`, `5m` or `1h`.
///
/// # Errors
/// A sentence with the accepted forms.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(WRONG_TIME.into()),
    };
    let number: u64 = digits.parse().map_err(|_| WRONG_TIME.to_owned())?;
    number
        .checked_mul(factor)
        .filter(|seconds| *seconds <= LONGEST)
        .map(Duration::from_secs)
        .ok_or_else(|| WRONG_TIME.to_owned())
}

/// Thirty days, in seconds.
const LONGEST: u64 = 30 * 24 * 3_600;
const WRONG_TIME: &str = "write a whole number and s, m or h, for example 30s, 5m or 1h, thirty days at most";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3_600)));
        for wrong in [
            "",
            "s",
            "-1s",
            "1.5s",
            "1d",
            "721h",
            "18446744073709551615s",
            "99999999999999999999h",
            "9999999999999999999h",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
