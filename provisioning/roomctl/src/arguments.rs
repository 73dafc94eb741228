//! What was typed.

pub mod rollout;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use fleet::contract::LogLevel;
use fleet::link::Endpoint;

/// Rooms, from one place: what each shall be, what it is, and what it shall do now.
///
/// roomctl keeps nothing to itself: what is true stands on the broker, so that several people can use it at once.
#[derive(Debug, Parser)]
#[command(
    name = "roomctl",
    version,
    after_help = "\
Examples:
  roomctl init etat --broker broker.etat.example
                                          begin a fleet
  roomctl claim -f boxes.csv              these boxes are ours
  roomctl apply -f fleet/ --dry-run       what would change, room by room
  roomctl apply -f fleet/                 change it, and wait until the rooms have it
  roomctl get --site lyon                 the rooms of a site
  roomctl command 'Lyon 4.12' av.volume percent=40
  roomctl rollout start --all --image 2.4.0.toml
                                          a release for every room, in waves
  roomctl doctor 'Lyon 4.12'              why is this room not well

Leaves with 0 when it was done, 1 when a box refuses or fails, 2 when something typed or written is wrong, 3 when the broker
cannot be reached, 4 when somebody else was faster, 5 when a box does not answer in time, 130 after Ctrl-C."
)]
pub struct Arguments {
    /// What an administrator has at hand: tenant, broker, certificates, keys.
    #[arg(
        long,
        global = true,
        env = "ROOMCTL_OFFICE",
        value_name = "FILE",
        default_value = "roomctl.toml"
    )]
    pub office: PathBuf,
    /// For people, or for scripts.
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table)]
    pub output: Format,
    /// What to do.
    #[command(subcommand)]
    pub order: Order,
}

/// How it is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One document.
    Json,
    /// One document.
    Yaml,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Order {
    /// Begins a fleet: its authorities and signing keys, the files for its broker, and those for roomctl and the enrolment
    /// service, all beside the file of --office.
    #[command(after_help = "\
What is there already is never touched. Put root.key and maker.key into a safe; they are not needed every day.

Examples:
  roomctl init etat --broker broker.etat.example --name alice
  roomctl --office lab/roomctl.toml init etat --broker localhost --listen 127.0.0.1")]
    Init(Init),
    /// Gives boxes that you have assembled their first key and certificate, and tells them whom to trust.
    #[command(after_help = "\
Needs maker.key. What it writes goes onto the box, and nowhere else. With a list, each box has a folder of its own.
A box of the image takes it from a USB stick with FAT and the label HEMICYCLE (mkfs.vfat -n HEMICYCLE /dev/sdX1): of many
boxes on a stick the first whose key is still there, whose number is then on the wall. The key is taken off the stick.

Examples:
  roomctl deliver HC24-000123 --to /media/HEMICYCLE --model N100
  roomctl deliver -f boxes.csv --to /media/HEMICYCLE
  roomctl deliver HC24-000123 --to stick/ --enrolment broker.etat.example:8884")]
    Deliver(Deliver),
    /// Says whose boxes are and where they stand: one, or a list. A box does the rest.
    #[command(after_help = "\
A list is CSV with the columns serial, site and room; all of it is taken, or nothing.

Examples:
  roomctl claim HC24-000123 --site lyon --room lyon-412
  roomctl claim 'hemicycle:claim?serial=HC24-000777' --site lyon --room lyon-412 --replace
  roomctl claim -f delivered-in-may.csv")]
    Claim(Claim),
    /// Forgets a room or a person, in the registry and on the broker.
    #[command(after_help = "Examples:\n  roomctl forget --site lyon --room lyon-412\n  roomctl forget --person alice")]
    Forget(Forget),
    /// Makes the rooms what a folder of YAML says: organisation, then site, then room; the nearer one wins.
    #[command(after_help = "\
Each document has a kind:
  kind: Organisation
  settings: {jitsi: {url: https://meet.example}}
  ---
  kind: Site
  name: lyon
  settings: {room: {language: fr}}
  ---
  kind: Room
  name: Lyon 4.12
  site: lyon
  box: lyon-412
  settings: {av: {volume: 40}}
  ---
  kind: Rooms
  list: boxes.csv
The last names a list of serial numbers, as for `claim`, that lies beside it: each of its boxes is the room of its line, with what
holds there, unless a document of its own says more.

Secrets are named and never written there; each is sealed for its box alone, and shown by nothing:
  secrets: {jitsi.token: {file: ../keys/token}, net.proxy_password: {env: PROXY_PASSWORD}}
stands beside the settings of an organisation, a site or a room. `expires: 90d` in an organisation says how long what is published
holds: apply more often than half of that.

Examples:
  roomctl apply -f fleet/ --dry-run
  roomctl apply -f fleet/lyon.yaml --when idle --wait 10m")]
    Apply(Apply),
    /// Lists rooms.
    #[command(after_help = "Examples:\n  roomctl get\n  roomctl get --site lyon -o json")]
    Get(Chosen),
    /// Shows everything that is known of rooms.
    #[command(after_help = "Examples:\n  roomctl describe 'Lyon 4.12'\n  roomctl describe lyon-412 -o json")]
    Describe(Chosen),
    /// Tells a room to do something, and waits for its answer.
    #[command(after_help = "\
Values are JSON where they can be, text otherwise. @FILE is what stands in a file, @- what comes on standard input: a token
belongs there, for everybody on this machine can read what is typed.

Examples:
  roomctl command 'Lyon 4.12' av.mute
  roomctl command lyon-412 av.volume percent=40
  roomctl command lyon-412 call.join room=standup
  roomctl command lyon-412 call.dial_url url=@address.txt")]
    Command(Command),
    /// Brings a release to the rooms, in waves that stop by themselves.
    #[command(subcommand)]
    Rollout(rollout::Rollout),
    /// Shows what happens.
    #[command(after_help = "Examples:\n  roomctl events -f\n  roomctl events -f 'Lyon 4.12' -o json")]
    Events(Events),
    /// Shows the log of a room: the last lines, and those to come. Lines are sent every ten seconds, 3,000 bytes at a time.
    #[command(after_help = "\
Examples:
  roomctl logs 'Lyon 4.12'
  roomctl logs lyon-412 --follow --level warn
  roomctl logs lyon-412 --since 1h -o json")]
    Logs(Logs),
    /// Shows a message on the walls of rooms.
    #[command(after_help = "\
Examples:
  roomctl notice --site lyon --for 2h --fr 'Coupure réseau à 18 h' --en 'Network down at 6 pm'
  roomctl notice --everybody --emergency --for 30m --fr 'Évacuez' --en 'Leave the building'
  roomctl notice --site lyon --for 1m                       takes it down")]
    Notice(Notice),
    /// Says why rooms are not well.
    #[command(after_help = "Examples:\n  roomctl doctor 'Lyon 4.12'\n  roomctl doctor --all -o json")]
    Doctor(Chosen),
    /// Puts another root in the place of the one that everything hangs on, without leaving a box behind. Needs root.key.
    #[command(
        subcommand,
        after_help = "\
Examples, in this order:
  roomctl root begin              boxes are told to trust the next root too
  roomctl root status             who does by now
  roomctl root switch             signers and broker come under it
  roomctl root finish             boxes are told to trust it alone"
    )]
    Root(Root),
    /// Prints what a shell needs to complete what you type.
    #[command(after_help = "Example:\n  roomctl completion bash > /etc/bash_completion.d/roomctl")]
    Completion {
        /// Which shell.
        shell: Shell,
    },
}

/// `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// The organisation: a-z, 0-9 and hyphen.
    pub tenant: String,
    /// Name of the broker's machine, as boxes reach it.
    #[arg(long, value_name = "HOST")]
    pub broker: String,
    /// Another name or address of it.
    #[arg(long, value_name = "HOST")]
    pub also: Vec<String>,
    /// Your name, as it stands in what you sign.
    #[arg(long, env = "USER", default_value = "administrator")]
    pub name: String,
    /// Port for boxes.
    #[arg(long, default_value_t = 8883)]
    pub boxes_port: u16,
    /// Port for boxes that nobody knows yet.
    #[arg(long, default_value_t = 8884)]
    pub claims_port: u16,
    /// Port for people and programs.
    #[arg(long, default_value_t = 8885)]
    pub staff_port: u16,
    /// Address that the broker listens on, when not on all.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Whom Mosquitto runs as, when not as Debian's own user.
    #[arg(long, value_name = "USER")]
    pub broker_user: Option<String>,
}

/// `deliver`.
#[derive(Debug, Args)]
pub struct Deliver {
    /// Serial number.
    #[arg(required_unless_present = "file")]
    pub serial: Option<String>,
    /// A list, as for `claim`.
    #[arg(short, long, value_name = "PATH", conflicts_with = "serial")]
    pub file: Option<PathBuf>,
    /// Folder for the files.
    #[arg(long, value_name = "FOLDER")]
    pub to: PathBuf,
    /// Where the box enrols, when not where roomctl.toml says.
    #[arg(long, value_name = "HOST:PORT")]
    pub enrolment: Option<Endpoint>,
    /// What its maker calls the box.
    #[arg(long)]
    pub model: Option<String>,
}

/// `claim`.
#[derive(Debug, Args)]
pub struct Claim {
    /// Serial number, or what the QR code on the wall says.
    #[arg(required_unless_present = "file", requires = "site")]
    pub serial: Option<String>,
    /// A list.
    #[arg(short, long, value_name = "PATH", conflicts_with_all = ["serial", "site", "room"])]
    pub file: Option<PathBuf>,
    /// Where the box stands.
    #[arg(long)]
    pub site: Option<String>,
    /// In which room; none: it is a spare.
    #[arg(long)]
    pub room: Option<String>,
    /// Also when the box stands elsewhere, or another stands there: that one gives up its place and its configuration.
    #[arg(long)]
    pub replace: bool,
}

/// `forget`.
#[derive(Debug, Args)]
pub struct Forget {
    /// Site of the room.
    #[arg(long, requires = "room")]
    pub site: Option<String>,
    /// The room: its boxes are nobody's any more.
    #[arg(long, requires = "site", required_unless_present = "person")]
    pub room: Option<String>,
    /// Somebody who claimed boxes and issued configurations.
    #[arg(long, conflicts_with_all = ["site", "room"])]
    pub person: Option<String>,
}

/// `apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// A file, or a folder with all below it.
    #[arg(short, long, value_name = "PATH")]
    pub file: PathBuf,
    /// Only say what would change.
    #[arg(long)]
    pub dry_run: bool,
    /// At once, or as soon as no meeting goes on.
    #[arg(long, value_enum, default_value_t = When::Idle)]
    pub when: When,
    /// Wait so long for the rooms; 0s: not at all.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    pub wait: Duration,
}

/// When a configuration takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// At once.
    Now,
    /// As soon as no meeting goes on.
    Idle,
}

/// Rooms.
#[derive(Debug, Args)]
pub struct Chosen {
    /// Boxes, or names of rooms; none: all that the other flags leave.
    #[arg(value_name = "ROOM")]
    pub rooms: Vec<String>,
    /// All rooms of a site.
    #[arg(long)]
    pub site: Option<String>,
    /// All rooms.
    #[arg(long)]
    pub all: bool,
}

/// `command`.
#[derive(Debug, Args)]
pub struct Command {
    /// A box, or the name of a room.
    pub room: String,
    /// Such as `av.mute`.
    pub name: String,
    /// Its parameters.
    #[arg(value_name = "KEY=VALUE")]
    pub params: Vec<String>,
    /// Wait so long for the answer, 5 minutes at most; later the box no longer obeys.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    pub wait: Duration,
}

/// `events`.
#[derive(Debug, Args)]
pub struct Events {
    /// Go on until Ctrl-C. Events are not kept by the broker: without it there is nothing to show.
    #[arg(short, long, required = true)]
    pub follow: bool,
    /// Which rooms.
    #[command(flatten)]
    pub chosen: Chosen,
}

/// `root`.
#[derive(Debug, Subcommand)]
pub enum Root {
    /// Makes the next root and tells every box that has a configuration to trust it too. Can be repeated.
    Begin,
    /// Shows the boxes that do not follow yet.
    Status(SeenWithin),
    /// Writes certificates under the next root for signers and broker. Refused while boxes do not follow.
    Switch(SeenWithin),
    /// Tells the boxes to trust the next root alone. Refused while boxes do not follow, or the broker is not under it.
    Finish(SeenWithin),
}

/// Boxes that count.
#[derive(Debug, Args)]
pub struct SeenWithin {
    /// Boxes that were silent for longer are not waited for: when they come back, the old root's word for the next one, which
    /// signers and broker go on showing, brings them along.
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = time)]
    pub seen_within: Duration,
}

/// `logs`.
#[derive(Debug, Args)]
pub struct Logs {
    /// A box, or the name of a room.
    pub room: String,
    /// Go on until Ctrl-C, also when the box restarts.
    #[arg(short, long)]
    pub follow: bool,
    /// Lines of so long ago; a day at most. A box keeps half a MiB, and nothing over a restart.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = time)]
    pub since: Duration,
    /// Lines this grave and graver.
    #[arg(long, value_enum, default_value_t = Level::Info)]
    pub level: Level,
}

/// How grave a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// Something does not work.
    Error,
    /// Something is not as it should be.
    Warn,
    /// Something happens.
    Info,
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => LogLevel::Error,
            Level::Warn => LogLevel::Warn,
            Level::Info => LogLevel::Info,
        }
    }
}

/// `notice`.
#[derive(Debug, Args)]
pub struct Notice {
    /// Which rooms.
    #[command(flatten)]
    pub chosen: Chosen,
    /// On every wall of the organisation.
    #[arg(long, conflicts_with_all = ["rooms", "site", "all"])]
    pub everybody: bool,
    /// Over everything, also in a meeting; otherwise a line.
    #[arg(long)]
    pub emergency: bool,
    /// In French. Nothing in either language takes a notice down.
    #[arg(long, default_value = "")]
    pub fr: String,
    /// In English.
    #[arg(long, default_value = "")]
    pub en: String,
    /// It goes by itself after this time.
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    pub life: Duration,
}

/// `90s`, `10m`, `2h`, `1d`.
fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "a number and s, m, h or d, such as 90s or 10m".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(time("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(time("2h"), Ok(Duration::from_secs(7_200)));
        for bad in ["", "s", "90", "-1s", "1w", "é", "99999999999999999999s"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
