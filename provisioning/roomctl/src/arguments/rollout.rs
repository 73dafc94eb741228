//! `rollout`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use fleet::contract::Window;
use roomctl::rollout::habit::minutes;
use roomctl::rollout::{Image, ImageError, Wave};

use super::{Chosen, time};

/// What can be done with rollouts.
#[derive(Debug, Subcommand)]
pub enum Rollout {
    /// Begins one, and conducts it: stays until it is done, has stopped, or Ctrl-C.
    #[command(after_help = "\
The file says which release:
  release = \"2.4.0\"
  url = \"https://updates.example/hemicycle-2.4.0.raucb\"
  size = 104857600
  sha256 = \"…\"             sha256sum hemicycle-2.4.0.raucb
  manifest_hash = \"…\"      rauc info hemicycle-2.4.0.raucb
  security_version = 9

Ten boxes of all models and sites begin, by threes; a day after the last of them has proved itself 1 % follow, then 5 %, 25 %
and all. It stops by itself, and takes the release back from boxes that have not installed it yet, when too many are harmed
(1 of 10, 2 of 70, 3, then 2 %), when one model is, or when updated boxes crash or lose calls that others do not. A box that
is off at night updates in the last hours in which it is usually on.

Examples:
  roomctl rollout start --all --image 2.4.0.toml --window 22:00-05:00
  roomctl rollout start --site lyon --image 2.4.0.toml --soak 4h --waves 5,20%,100%
  roomctl rollout start 'Lyon 4.12' --image 2.4.0.toml --soak 0s")]
    Start(Box<Start>),
    /// Shows how far rollouts are: those that go on, and the ten latest that do not.
    #[command(after_help = "Examples:\n  roomctl rollout status\n  roomctl rollout status 2.4.0-k3f9 -o json")]
    Status(One),
    /// Lets it wait: no other box begins, those that have been told go on.
    #[command(after_help = "Example:\n  roomctl rollout pause")]
    Pause(One),
    /// Goes on, also after a stop whose reason has been looked at; takes the conductor's seat when it is free.
    #[command(after_help = "Example:\n  roomctl rollout resume")]
    Resume(One),
    /// Ends it, and takes the release back from boxes that have not installed it yet.
    #[command(after_help = "Example:\n  roomctl rollout abort 2.4.0-k3f9")]
    Abort(One),
}

/// Which rollout.
#[derive(Debug, Args)]
pub struct One {
    /// As `rollout status` calls it; none: the only one that is not over.
    #[arg(value_name = "ROLLOUT")]
    pub id: Option<String>,
}

/// `rollout start`.
#[derive(Debug, Args)]
pub struct Start {
    /// Which rooms.
    #[command(flatten)]
    pub chosen: Chosen,
    /// A file that says which release, in TOML or JSON.
    #[arg(long, value_name = "FILE", required_unless_present = "release")]
    pub image: Option<PathBuf>,
    /// Its version, in place of a file.
    #[arg(long, conflicts_with = "image", requires_all = ["url", "size", "sha256", "manifest_hash", "security_version"])]
    pub release: Option<String>,
    /// Where its bundle is.
    #[arg(long, requires = "release")]
    pub url: Option<String>,
    /// Bytes of it.
    #[arg(long, requires = "release")]
    pub size: Option<u64>,
    /// Of it, hexadecimal.
    #[arg(long, requires = "release", value_name = "HASH")]
    pub sha256: Option<String>,
    /// Of RAUC's manifest, hexadecimal.
    #[arg(long, requires = "release", value_name = "HASH")]
    pub manifest_hash: Option<String>,
    /// Boxes that have seen a higher one refuse it.
    #[arg(long, requires = "release", value_name = "NUMBER")]
    pub security_version: Option<u32>,
    /// Boxes with an older release are passed over.
    #[arg(long, requires = "release", value_name = "RELEASE")]
    pub min_from: Option<String>,
    /// In which boxes update, by the clock of the room; none: at any time. They never do in a meeting.
    #[arg(long, value_name = "FROM-TO", value_parser = window)]
    pub window: Option<Window>,
    /// Time zone of the rooms, as Europe/Paris; none: that of this machine.
    #[arg(long)]
    pub zone: Option<String>,
    /// From the last confirmation of a wave to the next wave.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = time)]
    pub soak: Duration,
    /// How far each wave goes: boxes, or a share of all.
    #[arg(long, value_delimiter = ',', default_value = "10,1%,5%,25%,100%")]
    pub waves: Vec<Wave>,
}

impl Start {
    /// The release that was named.
    ///
    /// # Errors
    /// [`ImageError`].
    pub fn image(&self) -> Result<Image, ImageError> {
        if let Some(path) = &self.image {
            return Image::read(path);
        }
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let image = Image {
            release: text(&self.release),
            url: text(&self.url),
            size: self.size.unwrap_or(0),
            sha256: text(&self.sha256),
            manifest_hash: text(&self.manifest_hash),
            security_version: self.security_version.unwrap_or(0),
            min_from: self.min_from.clone(),
        };
        image.checked()
    }
}

/// `22:00-05:00`.
fn window(text: &str) -> Result<Window, String> {
    let wrong = || "two times of day, such as 22:00-05:00".to_owned();
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let window = Window([from.to_owned(), to.to_owned()]);
    match minutes(&window) {
        Some((from, to)) if from != to => Ok(window),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_two_times_of_day() {
        assert_eq!(window("22:00-05:00"), Ok(Window(["22:00".into(), "05:00".into()])));
        for bad in ["", "22:00", "22-05", "22:00-22:00", "22:00-24:00", "22:00–05:00"] {
            assert!(window(bad).is_err(), "{bad}");
        }
    }
}
