//! The configuration file of `roomd run`, in TOML.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fleet::trust::{KeyStore, SoftwareKeys};
use serde::Deserialize;
use tpm::{Tpm, TpmKeys};

/// Largest file that is read.
const MAX_BYTES: u64 = 64 * 1024;

/// What is this box's alone, in `$CREDENTIALS_DIRECTORY` (`systemd.exec(5)`, `LoadCredentialEncrypted=`).
pub const CREDENTIAL: &str = "box.toml";

/// The password of the account of the box, beside it.
pub const ACCOUNT_PASSWORD: &str = "account.password";

/// What the file may say. Unknown keys are refused: a typing error must not pass silently.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// Name under which the box appears in meetings.
    pub name: String,
    /// `fr` or `en`.
    #[serde(default = "french")]
    pub language: String,
    /// See `roomd join --help`.
    #[serde(default = "automatic")]
    pub camera: String,
    /// See `roomd join --help`.
    #[serde(default = "automatic")]
    pub microphone: String,
    /// See `roomd join --help`.
    #[serde(default)]
    pub microphone_channels: Vec<u8>,
    /// See `roomd join --help`.
    #[serde(default = "automatic")]
    pub loudspeaker: String,
    /// See `roomd join --help`.
    #[serde(default = "automatic")]
    pub display: String,
    /// Which messages are shown on the wall.
    #[serde(default)]
    pub chat: room::ChatPolicy,
    /// Seconds that the box stays in a meeting that everybody else has left; none: five minutes.
    pub leave_when_alone_s: Option<u32>,
    /// Unix socket for commands; none: no control socket.
    pub control: Option<PathBuf>,
    /// Program of the media worker, or the socket where systemd starts one; none: `roomd-media` beside this program.
    pub media_worker: Option<PathBuf>,
    /// Folder for the small file that lets a restarted box leave in the place of one that was killed; none: `$RUNTIME_DIRECTORY`,
    /// `$XDG_RUNTIME_DIR/roomd`, for root `/run/roomd`.
    pub state_directory: Option<PathBuf>,
    /// Where the box stands, in the deployment's words, for the choice of the bridge.
    pub region: Option<String>,
    /// Account on one service; none: the box joins as a guest or with a token.
    pub account: Option<AccountConfiguration>,
    /// 32 hexadecimal digits that name this box to the service; none: derived from `/etc/machine-id`.
    pub machine_uid: Option<String>,
    /// The fleet that the box belongs to; none: it belongs to none.
    pub fleet: Option<FleetConfiguration>,
    /// The way out of the network; what it does not say is taken from `HTTPS_PROXY` and `NO_PROXY`.
    #[serde(default)]
    pub network: Network,
}

/// The table `[network]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// `http://HOST:PORT` or `http://USER:PASSWORD@HOST:PORT`.
    pub proxy: Option<String>,
    /// Hosts that are reached without the proxy.
    pub no_proxy: Option<Vec<String>>,
    /// Certificate authorities trusted besides those of the system, PEM.
    pub ca_file: Option<PathBuf>,
}

/// The table `[fleet]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FleetConfiguration {
    /// Folder with what the box was delivered with (`maker.key`, `maker.pem`, `root.pem`), with what enrolment leaves, and with
    /// the store of the box.
    pub directory: PathBuf,
    /// `HOST:PORT` where boxes that nobody knows are heard: the box gets its first certificate there, and each
    /// later one.
    pub enrolment: Option<String>,
    /// Where the keys of the box are.
    #[serde(default)]
    pub key: KeyPlace,
    /// The way to the TPM, as the tools of tpm2-tss name it.
    #[serde(default = "tpm_device")]
    pub tpm: String,
    /// Model, as its maker calls it.
    #[serde(default = "unknown")]
    pub model: String,
    /// Serial number; none: the device's name.
    pub serial: Option<String>,
    /// Over how many seconds connections are spread while the fleet has said nothing; none: 30.
    pub reconnect_spread_s: Option<u32>,
    /// The clock is set by something else than systemd-timesyncd.
    #[serde(default)]
    pub clock_is_trusted: bool,
    /// What the image says of itself (`os-release(5)`).
    #[serde(default = "os_release")]
    pub os_release: PathBuf,
    /// D-Bus that RAUC is on; none: the system's.
    pub dbus: Option<String>,
    /// How many seconds a release on trial stays up before it is confirmed; none: 600.
    pub update_proof_s: Option<u32>,
    /// Restarts the machine: the program and its arguments.
    #[serde(default = "systemctl_reboot")]
    pub reboot: Vec<String>,
}

/// Where the keys of a box are made and stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPlace {
    /// In files of [`FleetConfiguration::directory`].
    #[default]
    Software,
    /// In the TPM 2.0 of the machine, or nowhere.
    Tpm,
}

impl FleetConfiguration {
    /// The keys of the box.
    ///
    /// # Errors
    /// Their folder cannot be made, or `tpm` names no way to one.
    pub fn keys(&self) -> Result<Box<dyn KeyStore>, crate::Failure> {
        Ok(match self.key {
            KeyPlace::Software => Box::new(SoftwareKeys::new(&self.directory)?),
            KeyPlace::Tpm => Box::new(TpmKeys::new(&self.directory, Tpm::at(&self.tpm)?)?),
        })
    }

    /// How long the steps of an update take.
    pub fn pace(&self) -> fleet::update::Pace {
        let whole = fleet::update::Pace::ROOM;
        let Some(seconds) = self.update_proof_s else {
            return whole;
        };
        let proof = Duration::from_secs(seconds.into());
        fleet::update::Pace {
            spread: proof.min(whole.spread),
            quiet: proof.min(whole.quiet),
            proof,
            contact: (3 * proof).max(Duration::from_secs(60)),
            ..whole
        }
    }

    /// Over how long connections are spread while the fleet has said nothing.
    pub fn spread(&self) -> Duration {
        self.reconnect_spread_s
            .map_or(fleet::session::Settings::SPREAD, |seconds| {
                Duration::from_secs(seconds.into())
            })
    }
}

/// The account of the box on a service.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountConfiguration {
    /// Host of the room addresses that it is for; no other service sees the password.
    pub host: String,
    /// User name.
    pub user: String,
    /// File with the password.
    pub password_file: PathBuf,
}

fn tpm_device() -> String {
    tpm::DEVICE.into()
}

fn unknown() -> String {
    "unknown".into()
}

fn os_release() -> PathBuf {
    "/etc/os-release".into()
}

fn systemctl_reboot() -> Vec<String> {
    ["systemctl", "reboot"].map(String::from).to_vec()
}

fn french() -> String {
    "fr".into()
}

fn automatic() -> String {
    "auto".into()
}

/// Why a configuration file was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// It cannot be read.
    #[error("{path}: {cause}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// It is far too large to be one.
    #[error("{0}: larger than 64 KiB; is this the configuration file?")]
    TooLarge(PathBuf),
    /// It is not what `roomd run --help` shows.
    #[error("{path}: {cause}")]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Where and why, with the line.
        cause: Box<toml::de::Error>,
    },
}

impl Configuration {
    /// Reads the file, and over it what is this box's alone: the credential [`CREDENTIAL`], in the same form.
    ///
    /// # Errors
    /// [`ConfigurationError`], with the file's name and the line.
    pub fn read(path: &Path) -> Result<Self, ConfigurationError> {
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        Self::read_with(path, credentials.as_deref())
    }

    /// Reads the file, and over it [`CREDENTIAL`] of another folder.
    ///
    /// # Errors
    /// As [`Configuration::read`].
    pub fn read_with(path: &Path, credentials: Option<&Path>) -> Result<Self, ConfigurationError> {
        let malformed = |path: &Path, cause| ConfigurationError::Malformed {
            path: path.into(),
            cause: Box::new(cause),
        };
        let text = text_of(path)?;
        let own = credentials.map(|folder| folder.join(CREDENTIAL));
        let Some(own) = own.filter(|own| own.exists()) else {
            return toml::from_str(&text).map_err(|cause| malformed(path, cause));
        };
        let mut both: toml::Table = toml::from_str(&text).map_err(|cause| malformed(path, cause))?;
        let over: toml::Table = toml::from_str(&text_of(&own)?).map_err(|cause| malformed(&own, cause))?;
        for (key, value) in over {
            match (both.get_mut(&key), value) {
                (Some(toml::Value::Table(table)), toml::Value::Table(more)) => table.extend(more),
                (_, value) => {
                    both.insert(key, value);
                }
            }
        }
        both.try_into().map_err(|cause| malformed(&own, cause))
    }
}

fn text_of(path: &Path) -> Result<String, ConfigurationError> {
    let unreadable = |cause| ConfigurationError::Unreadable {
        path: path.into(),
        cause,
    };
    if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_BYTES {
        return Err(ConfigurationError::TooLarge(path.into()));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_files_unless_the_tpm_is_asked_for_and_nothing_else_is_understood() {
        let read = |more: &str| toml::from_str::<FleetConfiguration>(&format!("directory = '/fleet'\n{more}"));
        assert_eq!(read("").unwrap().key, KeyPlace::Software);
        let asked = read("key = 'tpm'").unwrap();
        assert_eq!((asked.key, asked.tpm.as_str()), (KeyPlace::Tpm, "device:/dev/tpmrm0"));
        assert!(read("key = 'TPM'").is_err() && read("key = true").is_err());
        let (folder, astray) = (tempfile::tempdir().unwrap(), read("key = 'tpm'\ntpm = 'usb'").unwrap());
        let astray = FleetConfiguration {
            directory: folder.path().into(),
            ..astray
        };
        let said = astray.keys().map(|_| ()).unwrap_err().to_string();
        assert!(said.contains("device:/dev/tpmrm0"), "{said}");
    }

    fn parse(text: &str) -> Result<Configuration, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn a_name_is_enough() {
        let configuration = parse("name = 'Salle 4'").unwrap();
        assert_eq!(
            (configuration.name.as_str(), configuration.camera.as_str()),
            ("Salle 4", "auto")
        );
        assert_eq!(configuration.language, "fr");
    }

    #[test]
    fn the_way_out_is_a_table_of_its_own() {
        let configuration = parse("name = 'x'\n[network]\nproxy = 'http://proxy:1'\nca_file = '/ca.pem'").unwrap();
        assert_eq!(configuration.network.proxy.as_deref(), Some("http://proxy:1"));
        assert!(parse("name = 'x'\n[network]\nprxoy = 'http://proxy:1'").is_err());
    }

    #[test]
    fn the_file_of_the_image_is_understood_and_its_places_are_those_of_the_units() {
        let configuration = parse(include_str!("../../../systemd/roomd.toml")).unwrap();
        let said = |path: Option<PathBuf>| path.unwrap().to_string_lossy().into_owned();
        let socket = include_str!("../../../systemd/roomd-media.socket");
        assert!(socket.contains(&format!("ListenStream={}\n", said(configuration.media_worker))));
        let fleet = configuration.fleet.unwrap();
        let path = include_str!("../../../systemd/roomd-reboot.path");
        let [program, note] = &fleet.reboot[..] else {
            panic!("{:?}", fleet.reboot)
        };
        assert!(program == "touch" && path.contains(&format!("PathExists={note}\n")));
        let rescue = include_str!("../../../systemd/roomd-rescue.service");
        assert!(rescue.contains(&format!(" {}/{}", fleet.directory.display(), crate::update::STATE)));
        assert!(said(configuration.control).starts_with("/run/roomd/"));
    }

    #[test]
    fn what_is_this_boxs_alone_goes_over_what_all_have() {
        let folder = tempfile::tempdir().unwrap();
        let (file, own) = (folder.path().join("roomd.toml"), folder.path().join(CREDENTIAL));
        std::fs::write(
            &file,
            "name = 'Hemicycle'\n[fleet]\ndirectory = '/fleet'\nkey = 'tpm'\n",
        )
        .unwrap();
        let read = || Configuration::read_with(&file, Some(folder.path()));
        assert_eq!(read().unwrap().name, "Hemicycle");
        std::fs::write(&own, "name = 'Salle 4'\n[fleet]\nserial = 'HC24-7'\n").unwrap();
        let configuration = read().unwrap();
        let fleet = configuration.fleet.unwrap();
        assert_eq!(
            (configuration.name.as_str(), fleet.serial.as_deref()),
            ("Salle 4", Some("HC24-7"))
        );
        assert_eq!((fleet.key, fleet.directory.to_str()), (KeyPlace::Tpm, Some("/fleet")));
        std::fs::write(&own, "nmae = 'Salle 4'\n").unwrap();
        let said = read().unwrap_err().to_string();
        assert!(said.contains("box.toml") && said.contains("nmae"), "{said}");
        assert_eq!(Configuration::read_with(&file, None).unwrap().name, "Hemicycle");
    }

    #[test]
    fn a_misspelt_key_is_refused_with_its_name() {
        let error = parse("name = 'x'\ncamrea = 'auto'").unwrap_err();
        assert!(error.to_string().contains("camrea"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_file_is_named() {
        let error = Configuration::read(Path::new("/nonexistent/roomd.toml")).unwrap_err();
        assert!(error.to_string().starts_with("/nonexistent/roomd.toml: "), "{error}");
    }
}
