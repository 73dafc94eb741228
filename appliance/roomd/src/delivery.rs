//! `roomd deliver`: takes over what `roomctl deliver` wrote for a box, from a stick (docs/boards.md, "Delivery"). The unit
//! `roomd-delivery.service` calls it while the box belongs to nobody, and keeps what is this box's alone.
//!
//! Nothing is written before everything was understood, and a stick serves one box once: its key is taken off it. A delivery that was
//! interrupted goes on with the same stick.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use fleet::contract::Serial;
use fleet::link::Endpoint;
use fleet::trust::{Anchors, certifies, common_name, write_private};
use openssl::pkey::PKey;
use openssl::x509::X509;
use room::{Language, StickRefusal};

use crate::configuration::{ACCOUNT_PASSWORD, CREDENTIAL, Configuration};
use crate::fleet::{MAKER, ROOT};
use crate::{Failure, arguments::Deliver, control, daemon};

/// The key of [`MAKER`].
const KEY: &str = "maker.key";
/// What a box that was delivered and claimed has.
const MEMBER: &str = "device.key";
/// Largest file that is read.
const MAX_BYTES: u64 = 64 * 1024;
/// Most entries of a stick that are looked at.
const MAX_ENTRIES: usize = 10_000;

/// Takes a stick over, or says on the wall why not. The exit code: 0, or 1.
///
/// # Errors
/// When the configuration of the box cannot be used.
pub async fn run(order: &Deliver, language: Language) -> Result<u8, Failure> {
    let configuration = Configuration::read(&order.config)?;
    let fleet = configuration
        .fleet
        .ok_or("the configuration has no table [fleet]: there is nothing to deliver this box to")?;
    let refused = match take(&order.stick, &order.config, &fleet.directory, &order.own) {
        Ok(serial) => {
            println!(
                "{}",
                match language {
                    Language::French => format!("Ce boîtier est maintenant {serial}."),
                    Language::English => format!("This box is {serial} now."),
                }
            );
            return Ok(0);
        }
        Err(refused) => refused,
    };
    eprintln!("roomd: {refused}");
    if let Some(path) = &configuration.control {
        let line = serde_json::json!({ "command": "stickRefused", "reason": refused.reason() });
        if let Err(error) = control::say(path, &line.to_string()).await {
            tracing::warn!(%error, "the wall does not say why the stick was refused");
        }
    }
    Ok(1)
}

/// Why a stick is not taken.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{0}: no maker.pem there, nor in a folder there; roomctl deliver writes it")]
    Empty(PathBuf),
    #[error("{0}: another box has taken the key; roomctl deliver makes the next one")]
    Used(PathBuf),
    #[error("{path}: {why}; roomctl deliver writes it anew")]
    Unusable { path: PathBuf, why: String },
    #[error("this box is in a fleet already: {0}")]
    InFleet(PathBuf),
    #[error("{path}: {error}")]
    NotKept { path: PathBuf, error: std::io::Error },
}

impl Refused {
    /// For the wall.
    const fn reason(&self) -> StickRefusal {
        match self {
            Self::Empty(_) => StickRefusal::Empty,
            Self::Used(_) => StickRefusal::Used,
            Self::Unusable { .. } => StickRefusal::Unusable,
            Self::InFleet(_) => StickRefusal::InFleet,
            Self::NotKept { .. } => StickRefusal::NotKept,
        }
    }
}

/// Whose the box is from now on. What is to be kept encrypted is left in `own`.
fn take(stick: &Path, config: &Path, fleet: &Path, own: &Path) -> Result<Serial, Refused> {
    let member = fleet.join(MEMBER);
    if member.exists() {
        return Err(Refused::InFleet(member));
    }
    let begun = fs::read(fleet.join(MAKER)).ok();
    let folder = choose(stick, begun.as_deref())?;
    let on_it = folder.join(KEY).exists();
    let files = Files {
        key: read(if on_it { &folder } else { fleet }, KEY)?,
        chain: read(&folder, MAKER)?,
        roots: read(&folder, ROOT)?,
        own: read(&folder, CREDENTIAL)?,
        password: match folder.join(ACCOUNT_PASSWORD).exists() {
            true => Some(read(&folder, ACCOUNT_PASSWORD)?),
            false => None,
        },
    };
    let unusable = |(name, why)| Refused::Unusable {
        path: folder.join(name),
        why,
    };
    let serial = files.understood(&folder, config).map_err(unusable)?;
    let keep = |place: &Path, name: &str, content: &[u8]| {
        let path = place.join(name);
        write_private(&path, content).map_err(|error| Refused::NotKept { path, error })
    };
    keep(fleet, KEY, &files.key)?;
    keep(fleet, ROOT, &files.roots)?;
    keep(fleet, MAKER, &files.chain)?;
    if let Some(password) = &files.password {
        keep(own, ACCOUNT_PASSWORD, password)?;
    }
    keep(own, CREDENTIAL, &files.own)?;
    if on_it && let Err(error) = fs::remove_file(folder.join(KEY)) {
        tracing::warn!(%error, "the key of this box is still on its stick: erase it, or another box takes it too");
    }
    Ok(serial)
}

/// The files of the box that this one is: of the one whose delivery was begun, or of the first whose key is still there. They lie on
/// the stick, or in a folder of it.
fn choose(stick: &Path, begun: Option<&[u8]>) -> Result<PathBuf, Refused> {
    let entries = fs::read_dir(stick).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.take(MAX_ENTRIES).map(|entry| entry.path()).collect();
    folders.push(stick.to_owned());
    folders.retain(|folder| folder.join(MAKER).is_file());
    folders.sort();
    let Some(first) = folders.first().cloned() else {
        return Err(Refused::Empty(stick.to_owned()));
    };
    let is_begun = |folder: &&PathBuf| begun.is_some() && read(folder, MAKER).ok().as_deref() == begun;
    let has_key = |folder: &&PathBuf| folder.join(KEY).is_file();
    let chosen = folders.iter().find(is_begun).or_else(|| folders.iter().find(has_key));
    chosen.cloned().ok_or(Refused::Used(first))
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>, Refused> {
    let path = folder.join(name);
    let mut content = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut content));
    let why = match read {
        Ok(_) if content.len() as u64 <= MAX_BYTES => return Ok(content),
        Ok(_) => "larger than 64 KiB".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Refused::Unusable { path, why })
}

/// What a box is delivered with.
struct Files {
    key: Vec<u8>,
    chain: Vec<u8>,
    roots: Vec<u8>,
    own: Vec<u8>,
    password: Option<Vec<u8>>,
}

impl Files {
    /// The serial number, when the daemon would start with all of this; or in which file something is wrong, and what.
    fn understood(&self, folder: &Path, config: &Path) -> Result<Serial, (&'static str, String)> {
        let chain = X509::stack_from_pem(&self.chain).map_err(|error| wrong(MAKER, error))?;
        let certificate = chain.first().ok_or_else(|| wrong(MAKER, "no certificate"))?;
        let serial = Serial::try_from(common_name(certificate)).map_err(|error| wrong(MAKER, error))?;
        let key = PKey::private_key_from_pem(&self.key).map_err(|error| wrong(KEY, error))?;
        if !certifies(certificate, &key).map_err(|error| wrong(MAKER, error))? {
            return Err(wrong(KEY, "another key than that of maker.pem"));
        }
        Anchors::from_pem(&self.roots).map_err(|error| wrong(ROOT, error))?;

        let configuration = Configuration::read_with(config, Some(folder)).map_err(|error| wrong(CREDENTIAL, error))?;
        daemon::understand(&configuration).map_err(|error| wrong(CREDENTIAL, error))?;
        let fleet = configuration
            .fleet
            .ok_or_else(|| wrong(CREDENTIAL, "no table [fleet]"))?;
        let written = fleet.serial.unwrap_or_default();
        if Serial::try_from(written.as_str()).ok().as_ref() != Some(&serial) {
            let why = format!("[fleet] serial is {written:?}, and maker.pem is for {serial}");
            return Err(wrong(CREDENTIAL, why));
        }
        let door = fleet.enrolment.unwrap_or_default().parse::<Endpoint>();
        door.map_err(|error| wrong(CREDENTIAL, format!("[fleet] enrolment: {error}")))?;
        if configuration.account.is_some() && self.password.is_none() {
            return Err(wrong(ACCOUNT_PASSWORD, "not there, and box.toml names an account"));
        }
        Ok(serial)
    }
}

fn wrong(name: &'static str, why: impl Display) -> (&'static str, String) {
    (name, why.to_string())
}

#[cfg(test)]
mod tests {
    use fleet::trust::{Authority, Validity, new_key};
    use jiff::Timestamp;
    use tempfile::TempDir;

    use super::*;

    /// A stick, and a box that nobody has delivered.
    struct Factory {
        folder: TempDir,
        maker: Authority,
        root: Authority,
    }

    impl Factory {
        fn new() -> Self {
            let folder = TempDir::with_prefix("delivery").unwrap();
            for name in ["stick", "fleet", "own"] {
                fs::create_dir(folder.path().join(name)).unwrap();
            }
            let image = "name = 'Hemicycle'\n[fleet]\ndirectory = '/fleet'\nkey = 'tpm'\n";
            fs::write(folder.path().join("roomd.toml"), image).unwrap();
            let (now, tenant) = (Timestamp::now(), "etat".try_into().unwrap());
            Self {
                folder,
                maker: Authority::maker("Maker", now).unwrap(),
                root: Authority::root("Root", &tenant, Validity::days(now, 365)).unwrap(),
            }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        /// As `roomctl deliver` does it.
        fn deliver(&self, serial: &str, to: &str) -> PathBuf {
            let to = self.path(to);
            fs::create_dir_all(&to).unwrap();
            let (key, serial) = (new_key().unwrap(), Serial::try_from(serial).unwrap());
            let certificate = self.maker.made(&key, &serial, Timestamp::now()).unwrap();
            fs::write(to.join(KEY), key.private_key_to_pem_pkcs8().unwrap()).unwrap();
            fs::write(to.join(MAKER), certificate.to_pem().unwrap()).unwrap();
            fs::write(to.join(ROOT), self.root.certificate().to_pem().unwrap()).unwrap();
            let own = format!("[fleet]\nserial = '{serial}'\nenrolment = 'broker.example.org:8884'\n");
            fs::write(to.join(CREDENTIAL), own).unwrap();
            to
        }

        fn take(&self) -> Result<String, Refused> {
            let (config, fleet, own) = (self.path("roomd.toml"), self.path("fleet"), self.path("own"));
            take(&self.path("stick"), &config, &fleet, &own).map(|serial| serial.to_string())
        }

        fn has_nothing(&self) -> bool {
            ["fleet", "own"]
                .iter()
                .all(|name| fs::read_dir(self.path(name)).unwrap().count() == 0)
        }
    }

    #[test]
    fn a_box_takes_what_is_for_it_and_the_stick_serves_no_other() {
        let factory = Factory::new();
        let stick = factory.deliver("HC24-000123", "stick");
        let key = fs::read(stick.join(KEY)).unwrap();
        assert_eq!(factory.take().unwrap(), "HC24-000123");
        for (kept, name) in [("fleet", MAKER), ("fleet", ROOT), ("own", CREDENTIAL)] {
            assert_eq!(
                fs::read(factory.path(kept).join(name)).unwrap(),
                fs::read(stick.join(name)).unwrap(),
                "{name}"
            );
        }
        assert_eq!(fs::read(factory.path("fleet").join(KEY)).unwrap(), key);
        assert!(!stick.join(KEY).exists());

        // The power went before the credential was kept.
        fs::remove_file(factory.path("own").join(CREDENTIAL)).unwrap();
        assert_eq!(factory.take().unwrap(), "HC24-000123");
        assert!(factory.path("own").join(CREDENTIAL).exists());

        fs::remove_dir_all(factory.path("fleet")).unwrap();
        fs::create_dir(factory.path("fleet")).unwrap();
        assert_eq!(factory.take().unwrap_err().reason(), StickRefusal::Used);
    }

    #[test]
    fn of_many_on_a_stick_each_box_takes_the_next() {
        let factory = Factory::new();
        for serial in ["HC24-2", "HC24-1", "HC24-3"] {
            factory.deliver(serial, &format!("stick/{serial}"));
        }
        fs::write(factory.path("stick/read me"), "").unwrap();
        for serial in ["HC24-1", "HC24-2", "HC24-3"] {
            assert_eq!(factory.take().unwrap(), serial);
            fs::remove_dir_all(factory.path("fleet")).unwrap();
            fs::create_dir(factory.path("fleet")).unwrap();
        }
        assert_eq!(factory.take().unwrap_err().reason(), StickRefusal::Used);
    }

    #[test]
    fn a_box_in_a_fleet_takes_nothing() {
        let factory = Factory::new();
        let stick = factory.deliver("HC24-1", "stick");
        fs::write(factory.path("fleet").join(MEMBER), "").unwrap();
        assert_eq!(factory.take().unwrap_err().reason(), StickRefusal::InFleet);
        assert!(stick.join(KEY).exists());
    }

    #[test]
    fn what_would_make_no_box_is_refused_by_file_and_nothing_of_it_is_kept() {
        let account = "[account]\nhost = 'meet.example.org'\nuser = 'salle4'\npassword_file = '/run/x'\n";
        let own = |more: &str| format!("[fleet]\nserial = 'HC24-1'\nenrolment = 'broker.example.org:8884'\n{more}");
        for (name, content, said) in [
            (MAKER, String::new(), "no certificate"),
            (KEY, "nothing".into(), KEY),
            (ROOT, String::new(), ROOT),
            (CREDENTIAL, "#".repeat(70_000), "64 KiB"),
            (CREDENTIAL, "nmae = 'Salle 4'".into(), "nmae"),
            (CREDENTIAL, own("[network]\nca_file = '/nonexistent'\n"), "/nonexistent"),
            (CREDENTIAL, format!("language = 'xx'\n{}", own("")), "language"),
            (CREDENTIAL, own("").replace("HC24-1", "HC24-2"), "HC24-2"),
            (CREDENTIAL, own("").replace("broker", "//"), "enrolment"),
        ] {
            let factory = Factory::new();
            let stick = factory.deliver("HC24-1", "stick");
            fs::write(stick.join(name), content).unwrap();
            let refused = factory.take().unwrap_err();
            assert_eq!(refused.reason(), StickRefusal::Unusable, "{refused}");
            let words = refused.to_string();
            assert!(words.contains(name) && words.contains(said), "{said}: {words}");
            assert!(factory.has_nothing() && stick.join(KEY).exists());
        }
        let factory = Factory::new();
        let stick = factory.deliver("HC24-1", "stick");
        fs::write(stick.join(CREDENTIAL), own(account)).unwrap();
        let words = factory.take().unwrap_err().to_string();
        assert!(words.contains(ACCOUNT_PASSWORD) && factory.has_nothing(), "{words}");
        fs::write(stick.join(ACCOUNT_PASSWORD), "secret").unwrap();
        factory.take().unwrap();
        assert!(factory.path("own").join(ACCOUNT_PASSWORD).exists());

        let factory = Factory::new();
        factory.deliver("HC24-1", "stick");
        fs::remove_file(factory.path("stick").join(ROOT)).unwrap();
        assert_eq!(factory.take().unwrap_err().reason(), StickRefusal::Unusable);
        fs::remove_file(factory.path("stick").join(MAKER)).unwrap();
        assert_eq!(factory.take().unwrap_err().reason(), StickRefusal::Empty);
        assert!(factory.has_nothing());
    }
}
