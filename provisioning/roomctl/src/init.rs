//! A new fleet: its authorities, its signers, who may say what on the broker, and the files that `roomctl` and the enrolment
//! service begin with.

use std::fs;
use std::path::{Path, PathBuf};

use access::mosquitto::{self, BOXES, CLAIMS, Listener, STAFF};
use access::rules::StaffName;
use access::{User, emqx, generic, rules};
use enrolment::folder::{Folder, FolderError};
use fleet::contract::Tenant;
use jiff::Timestamp;
use serde_json::json;

use crate::secrets::Marks;

/// Ports of the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// For boxes.
    pub boxes: u16,
    /// For boxes that nobody knows yet.
    pub claims: u16,
    /// For people and programs.
    pub staff: u16,
}

/// What the fleet shall be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The organisation.
    pub tenant: Tenant,
    /// Where everything is written.
    pub folder: PathBuf,
    /// Name of the broker's machine.
    pub host: String,
    /// Its other names and addresses.
    pub also: Vec<String>,
    /// Its ports.
    pub ports: Ports,
    /// Address that the broker listens on; none: all.
    pub listen: Option<String>,
    /// Whom Mosquitto runs as; none: Debian's own user.
    pub broker_user: Option<String>,
    /// The administrator: stands in what is signed.
    pub name: String,
}

/// Why there is no fleet.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// Keys and certificates.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A file.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// A name that no broker takes.
    #[error("{0:?}: {1}")]
    Name(String, &'static str),
}

/// Writes everything. Nothing that is there already is touched.
///
/// # Errors
/// [`InitError`].
pub fn init(plan: &Plan, now: Timestamp) -> Result<(), InitError> {
    let there = |error| InitError::File(plan.folder.clone(), error);
    let staff = staff(&plan.tenant)?;
    StaffName::try_from(plan.name.as_str()).map_err(|why| InitError::Name(plan.name.clone(), why))?;
    let hosts: Vec<&str> = std::iter::once(&plan.host)
        .chain(&plan.also)
        .map(String::as_str)
        .collect();
    let keys = Folder::new(&plan.folder);
    keys.create(&plan.tenant, &hosts, now)?;
    let folder = fs::canonicalize(&plan.folder).map_err(there)?;
    write(&folder, "roomctl.toml", &office(plan))?;
    write(&folder, "enrolment.toml", &service(plan))?;
    write(
        &folder,
        "marks.secret",
        &Marks::new().map_err(FolderError::from)?.to_text(),
    )?;

    let mosquitto = folder.join("broker/mosquitto");
    fs::create_dir_all(mosquitto.join("data")).map_err(there)?;
    for (from, to) in [
        ("boxes.pem", "boxes.pem"),
        ("makers.pem", "makers.pem"),
        ("people.pem", "people.pem"),
        ("broker.pem", "broker.pem"),
        ("broker.key", "broker.key"),
    ] {
        let bytes = fs::read(folder.join(from)).map_err(|error| InitError::File(folder.join(from), error))?;
        let path = mosquitto.join(to);
        fleet::trust::write_private(&path, &bytes).map_err(|error| InitError::File(path, error))?;
    }
    write(&mosquitto, "mosquitto.conf", &broker(plan, &mosquitto).configuration())?;
    write(&mosquitto, BOXES, &mosquitto::every_box(&plan.tenant))?;
    write(&mosquitto, CLAIMS, &mosquitto::claims())?;
    write(&mosquitto, STAFF, &mosquitto::list(&staff))?;
    write(&folder, "broker/emqx/acl.conf", &emqx::acl(&staff, Some(&plan.tenant)))?;
    write(&folder, "broker/generic/acl.json", &table(&plan.tenant, &staff))?;
    Ok(())
}

/// Whose certificates [`Folder::create`] makes.
fn staff(tenant: &Tenant) -> Result<[User; 2], InitError> {
    let name = |name: &str| StaffName::try_from(name).map_err(|why| InitError::Name(name.into(), why));
    Ok([
        User::Administrator {
            tenant: tenant.clone(),
            name: name("administrator")?,
        },
        User::Enrolment {
            name: name("enrolment")?,
        },
    ])
}

/// The broker of a plan, with its files in this folder.
#[must_use]
pub fn broker(plan: &Plan, folder: &Path) -> mosquitto::Broker {
    let listener = |port: u16, authority: &str| Listener {
        port,
        address: plan.listen.clone(),
        authority: folder.join(authority),
    };
    mosquitto::Broker {
        folder: folder.into(),
        data: folder.join("data"),
        certificate: folder.join("broker.pem"),
        key: folder.join("broker.key"),
        boxes: listener(plan.ports.boxes, "boxes.pem"),
        claims: Some(listener(plan.ports.claims, "makers.pem")),
        staff: listener(plan.ports.staff, "people.pem"),
        user: plan.broker_user.clone(),
    }
}

fn office(plan: &Plan) -> String {
    let text = |text: &str| toml_text(text);
    format!(
        "# Written by roomctl init. Paths begin where this file is.\n\
         tenant = {}\n\
         name = {}\n\
         broker = {}\n\
         # The broker's listener for boxes that nobody knows yet: what roomctl deliver tells them.\n\
         enrolment = {}\n\
         broker_authority = \"root.pem\"\n\
         certificate = \"people/administrator.pem\"\n\
         key = \"people/administrator.key\"\n\
         roots = \"root.pem\"\n\
         signer = \"signers/operations.pem\"\n\
         signer_key = \"signers/operations.key\"\n\
         boxes = \"boxes.pem\"\n\
         marks = \"marks.secret\"\n\
         trust = \"trust.json\"\n",
        text(plan.tenant.as_str()),
        text(&plan.name),
        text(&format!("{}:{}", plan.host, plan.ports.staff)),
        text(&format!("{}:{}", plan.host, plan.ports.claims)),
    )
}

fn service(plan: &Plan) -> String {
    format!(
        "# Written by roomctl init. Paths begin where this file is.\n\
         # A file for SQLite, or postgresql://USER@HOST/DATABASE.\n\
         registry = \"registry.db\"\n\
         folder = \".\"\n\
         # The broker's listener for people and programs.\n\
         broker = {}\n\
         # What boxes are told.\n\
         endpoints = [{}]\n\
         certificate_days = 365\n",
        toml_text(&format!("{}:{}", plan.host, plan.ports.staff)),
        toml_text(&format!("{}:{}", plan.host, plan.ports.boxes)),
    )
}

/// A TOML string (which takes what JSON writes, for the names that are possible here).
#[must_use]
pub fn toml_text(text: &str) -> String {
    json!(text).to_string()
}

/// The table of [`generic`], with `${username}` for all boxes.
fn table(tenant: &Tenant, staff: &[User]) -> String {
    let mut table = serde_json::from_str::<serde_json::Value>(&generic::table(staff)).unwrap_or_default();
    table["${username}"] = json!(rules::every_box(tenant, "${username}"));
    format!("{table:#}\n")
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), InitError> {
    let path = folder.join(name);
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    made.and_then(|()| fleet::trust::write_private(&path, text.as_bytes()))
        .map_err(|error| InitError::File(path, error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::office::Office;

    fn plan(folder: &Path) -> Plan {
        Plan {
            tenant: "etat".try_into().unwrap(),
            folder: folder.into(),
            host: "broker.etat.example".into(),
            also: vec!["192.0.2.7".into()],
            ports: Ports {
                boxes: 8883,
                claims: 8884,
                staff: 8885,
            },
            listen: None,
            broker_user: None,
            name: "alice".into(),
        }
    }

    #[test]
    fn a_broker_for_this_machine_alone_listens_there_alone() {
        let folder = tempfile::tempdir().unwrap();
        let alone = Plan {
            listen: Some("127.0.0.1".into()),
            ..plan(folder.path())
        };
        init(&alone, Timestamp::now()).unwrap();
        let written = fs::read_to_string(folder.path().join("broker/mosquitto/mosquitto.conf")).unwrap();
        let listeners: Vec<&str> = written.lines().filter(|line| line.starts_with("listener ")).collect();
        assert_eq!(
            listeners,
            [8883, 8884, 8885].map(|port| format!("listener {port} 127.0.0.1"))
        );
    }

    #[test]
    fn what_init_writes_is_what_roomctl_and_the_service_read() {
        let folder = tempfile::tempdir().unwrap();
        let fleet = folder.path().join("fleet");
        init(&plan(&fleet), Timestamp::now()).unwrap();
        let office = Office::open(&fleet.join("roomctl.toml")).unwrap();
        assert_eq!(office.tenant().as_str(), "etat");
        assert_eq!(office.anchors().unwrap().roots().len(), 1);
        assert_eq!(office.author().unwrap().name, "alice");
        assert_eq!(office.target().unwrap().endpoint.port, 8885);
        assert!(office.sealing().unwrap().is_some());
        let settings = enrolment::settings::Settings::load(&fleet.join("enrolment.toml")).unwrap();
        assert_eq!(settings.endpoints, ["broker.etat.example:8883"]);
        assert!(Folder::new(&settings.folder).signing("enrolment").is_ok());
        assert!(init(&plan(&fleet), Timestamp::now()).is_err(), "never twice");
    }

    #[test]
    fn no_room_needs_a_line_in_the_lists_of_a_broker() {
        let folder = tempfile::tempdir().unwrap();
        init(&plan(folder.path()), Timestamp::now()).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let boxes = read("broker/mosquitto/boxes.acl");
        assert!(boxes.contains("pattern write cr/v1/etat/%u/online\n"), "{boxes}");
        assert!(boxes.contains("pattern read cr/v1/etat/%u/cmd/+\n"), "{boxes}");
        assert!(!boxes.contains("some-box"), "{boxes}");
        assert!(read("broker/emqx/acl.conf").contains("{allow, all, publish, [\"cr/v1/etat/${username}/online\"]}."));
        let generic: serde_json::Value = serde_json::from_str(&read("broker/generic/acl.json")).unwrap();
        assert!(generic["${username}"].is_array() && generic["administrator"].is_array());
    }
}
